//! How much memory of the device is in use: by its driver's own account, or by the heap's where the CPU plays the device.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use eidos::{DeviceChoice, device_status};

use crate::heap;
use crate::kit::Kit;

pub struct Meter {
    /// The GPU, `None` where the CPU plays it.
    gpu: Option<usize>,
}

impl Meter {
    pub fn new(kit: &Kit) -> Self {
        let gpu = match kit.device {
            DeviceChoice::Cuda(index) => Some(index),
            _ => None,
        };
        Self { gpu }
    }

    /// Bytes in use, those of other processes on a GPU among them.
    pub fn in_use(&self) -> usize {
        let Some(index) = self.gpu else { return heap::live() };
        let status = device_status();
        let device = &status.devices[index];
        (device.total_memory - device.free_memory.unwrap()) as usize
    }

    /// The least that is in use for a moment: threads that end give back theirs late.
    pub fn settled(&self) -> usize {
        least(|| self.in_use())
    }

    /// Runs something, and says how many bytes were in use at most meanwhile, more than before it.
    pub fn peak<T>(&self, work: impl FnOnce() -> T) -> (T, usize) {
        let before = self.in_use();
        if self.gpu.is_none() {
            heap::forget_peak();
            let result = work();
            return (result, heap::peak().saturating_sub(before));
        }
        pool::forget_peak(self.gpu.unwrap_or(0));
        let (stop, most) = (AtomicBool::new(false), AtomicUsize::new(before));
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(self.in_use(), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
            let result = work();
            stop.store(true, Ordering::Relaxed);
            result
        });
        let sampled = most.load(Ordering::Relaxed).saturating_sub(before);
        // The pool that tensors come from keeps a record of its own, which misses nothing in between.
        (result, pool::peak(self.gpu.unwrap_or(0)).map_or(sampled, |(peak, base)| peak.saturating_sub(base)))
    }
}

#[cfg(feature = "cuda")]
impl Meter {
    /// Takes the memory of the device but for so many bytes, for as long as what this returns lives.
    pub fn fill(&self, leave: usize) -> Vec<candle_core::Tensor> {
        let device = candle_core::Device::new_cuda_with_stream(self.gpu.unwrap_or(0)).unwrap();
        let take = |bytes: usize| candle_core::Tensor::zeros(bytes, candle_core::DType::U8, &device);
        let spare = take(leave).unwrap();
        let (mut held, mut piece) = (Vec::new(), 1_usize << 30);
        while piece >= 1 << 14 {
            match take(piece) {
                Ok(tensor) => held.push(tensor),
                Err(_) => piece /= 2,
            }
        }
        drop(spare);
        device.synchronize().unwrap();
        held
    }
}

/// The least of some readings, one after the other.
pub fn least(read: impl Fn() -> usize) -> usize {
    let later = |_| {
        std::thread::sleep(Duration::from_millis(10));
        read()
    };
    (0..20).map(later).min().unwrap_or(0)
}

/// The record of the pool from which candle's tensors on a GPU come.
#[cfg(feature = "cuda")]
#[allow(unsafe_code, reason = "calls of the driver")]
mod pool {
    use std::sync::atomic::{AtomicU64, Ordering};

    use candle_core::cuda_backend::cudarc::driver::sys;

    static BASE: AtomicU64 = AtomicU64::new(0);

    fn attribute(gpu: usize, which: sys::CUmemPool_attribute) -> Option<u64> {
        let (mut pool, mut value) = (std::ptr::null_mut(), 0_u64);
        // SAFETY: both calls write into what they are given, and the driver was started by a model.
        let status = unsafe {
            match sys::cuDeviceGetDefaultMemPool(&raw mut pool, gpu as i32) {
                sys::CUresult::CUDA_SUCCESS => sys::cuMemPoolGetAttribute(pool, which, (&raw mut value).cast()),
                other => other,
            }
        };
        (status == sys::CUresult::CUDA_SUCCESS).then_some(value)
    }

    pub fn forget_peak(gpu: usize) {
        let used = attribute(gpu, sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_CURRENT).unwrap_or(0);
        BASE.store(used, Ordering::Relaxed);
        let (mut pool, mut zero) = (std::ptr::null_mut(), 0_u64);
        // SAFETY: as above; zero is the one value that this attribute takes, and sets its record back.
        unsafe {
            if sys::cuDeviceGetDefaultMemPool(&raw mut pool, gpu as i32) == sys::CUresult::CUDA_SUCCESS {
                let high = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
                sys::cuMemPoolSetAttribute(pool, high, (&raw mut zero).cast());
            }
        }
    }

    /// The most bytes that were in use since [`forget_peak`], and those that were then.
    pub fn peak(gpu: usize) -> Option<(usize, usize)> {
        let high = attribute(gpu, sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH).filter(|high| *high > 0)?;
        Some((high as usize, BASE.load(Ordering::Relaxed) as usize))
    }
}

#[cfg(not(feature = "cuda"))]
mod pool {
    pub fn forget_peak(_: usize) {}

    pub fn peak(_: usize) -> Option<(usize, usize)> {
        None
    }
}
