//! Pooling on a device, and the way of pooled rows to the host.
//!
//! ```text
//! stream of the model:  forward 1, pool 1 │ forward 2, pool 2      │ forward 3, pool 3 ...
//! stream of copies:                       │ copy 1 to the host     │ copy 2 to the host ...
//! host:                                                            │ rows 1 to their places ...
//! ```
//!
//! The rows of a batch are pooled by one kernel and copied to page-locked memory on a stream of their own, while the model
//! runs the next batch. There are [`BUFFERS`] sets of page-locked buffers; who wants one more waits until a set is given back.
//! To lock pages takes longer than to run a batch, so a call leaves its buffers on a [`Shelf`] of the model for the next one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::CudaDType;
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Layout, Storage, Tensor};
use cudarc::driver::sys::CUevent_flags::CU_EVENT_BLOCKING_SYNC;
use cudarc::driver::{
    CudaEvent, CudaSlice, CudaStream, CudaView, CudaViewMut, DevicePtr, DeviceRepr, LaunchConfig, PinnedHostSlice,
    PushKernelArg, ValidAsZeroBits, result,
};
use half::{bf16, f16};

use crate::error::{Error, Result};
use crate::memory::Claim;

/// The kernels of `pool.cu`.
const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/pool.ptx"));
/// The threads of a block, as `pool.cu` has them.
const THREADS: u32 = 256;
/// How many batches are between the model and the host at most: one that is copied, one whose rows go to their places, and one
/// that is ready for the next copy.
pub(crate) const BUFFERS: usize = 3;

/// The units of a batch: which rows of the model become which rows of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct PooledUnits<'a> {
    /// The rows of the tokens of each unit, one unit after the other.
    pub members: &'a [u32],
    /// Where each unit begins in `members`, and the end.
    pub starts: &'a [u32],
    /// Which row each unit becomes.
    pub targets: &'a [u32],
    /// The number of the aggregation.
    pub aggregation: u32,
}

/// Pools the rows of batches on a device, and brings them to the host. It belongs to one call.
pub(crate) struct Pool {
    device: CudaDevice,
    copies: Arc<CudaStream>,
    stock: Arc<Stock>,
    shelf: Option<Arc<Shelf>>,
}

impl Pool {
    /// A pool on the device of a model, with buffers of its shelf.
    ///
    /// # Errors
    /// Those of the driver.
    pub fn new(device: &CudaDevice, shelf: Option<Arc<Shelf>>) -> Result<Self> {
        let copies = device.cuda_stream().context().new_stream()?;
        let mut free = shelf.as_ref().map_or_else(Vec::new, |shelf| shelf.take());
        free.resize_with(BUFFERS, Buffer::default);
        let stock = Stock { free: Mutex::new(free), given_back: Condvar::new() };
        Ok(Self { device: device.clone(), copies, stock: Arc::new(stock), shelf })
    }

    /// Pools what a model gave for a batch, a tensor `(rows, width)` for each matrix: into `kept`, or into rows that are
    /// on their way to the host when this returns. Waits for a free set of buffers.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`] of the device or of page-locked memory; else those of the driver.
    pub fn start(&self, given: &[Tensor], units: PooledUnits<'_>, kept: Option<&mut KeptRows>) -> Result<Transfer> {
        let stream = self.device.cuda_stream();
        let count = units.targets.len();
        // Up to 64 KiB, which the numbers of a batch of 16384 tokens take, are uploaded without waiting for the device.
        let upload = |numbers: &[u32]| stream.clone_htod(numbers);
        let (members, starts, targets) = (upload(units.members)?, upload(units.starts)?, upload(units.targets)?);
        let mut not_finite = stream.alloc_zeros::<u32>(count * given.len())?;
        let launch = Launch { device: &self.device, members: &members, starts: &starts, targets: &targets };
        let mut rows = Vec::new();
        let mut kept = kept.map(|kept| kept.values.iter_mut());
        for (index, given) in given.iter().enumerate() {
            let width = given.dim(1)?;
            let mut not_finite = not_finite.slice_mut(index * count..(index + 1) * count);
            let mut pool = |out: &mut CudaSlice<f32>| launch.run(given, width, units.aggregation, out, &mut not_finite);
            if let Some(kept) = &mut kept {
                pool(kept.next().ok_or_else(|| Error::internal("a matrix is missing"))?)?;
            } else {
                // SAFETY: the kernel writes every row before anybody reads one: targets are all rows.
                let mut own = unsafe { stream.alloc::<f32>(count * width) }?;
                pool(&mut own)?;
                rows.push(own);
            }
        }
        self.copy(rows, not_finite)
    }

    /// Starts to copy rows, and the numbers that say which are not finite, to the host.
    fn copy(&self, rows: Vec<CudaSlice<f32>>, not_finite: CudaSlice<u32>) -> Result<Transfer> {
        let stream = self.device.cuda_stream();
        let done = stream.context().new_event(Some(CU_EVENT_BLOCKING_SYNC))?;
        let buffer = Some(self.stock.take());
        let stock = Arc::clone(&self.stock);
        let mut transfer = Transfer { rows, not_finite, buffer, stock, done };
        self.copies.join(&stream)?;
        let Some(buffer) = &mut transfer.buffer else { return Err(Error::internal("a buffer is missing")) };
        buffer.rows.resize_with(transfer.rows.len().max(buffer.rows.len()), || None);
        let copied = (transfer.rows.iter().zip(&mut buffer.rows))
            .try_for_each(|(rows, pinned)| copy(&self.copies, rows, pinned))
            .and_then(|()| copy(&self.copies, &transfer.not_finite, &mut buffer.not_finite));
        // Also after an error: what was started before it must end before the buffers go.
        transfer.done.record(&self.copies)?;
        copied.map(|()| transfer)
    }

    /// Waits until no batch is on its way and the device has nothing left to do for the model, so that all memory that was
    /// freed is free.
    ///
    /// # Errors
    /// Those of the driver.
    pub fn wait_until_idle(&self) -> Result<()> {
        let mut free = self.stock.lock();
        while free.len() < BUFFERS {
            free = self.stock.given_back.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        drop(free);
        Ok(self.device.cuda_stream().synchronize()?)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(shelf) = &self.shelf {
            shelf.leave(&mut self.stock.lock());
        }
    }
}

/// The buffers that a call leaves to the next one: one call's, whatever the number of calls.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Vec<Buffer>>);

impl Shelf {
    fn take(&self) -> Vec<Buffer> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn leave(&self, buffers: &mut Vec<Buffer>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = BUFFERS.saturating_sub(kept.len()).min(buffers.len());
        kept.extend(buffers.drain(..room));
    }
}

/// Copies numbers to page-locked memory, which is made larger where it is too small.
fn copy<T: DeviceRepr + ValidAsZeroBits>(
    stream: &Arc<CudaStream>,
    from: &CudaSlice<T>,
    to: &mut Option<PinnedHostSlice<T>>,
) -> Result<()> {
    if from.is_empty() {
        return Ok(());
    }
    let to = match to {
        Some(pinned) if pinned.len() >= from.len() => pinned,
        _ => {
            // First the old one goes. The next batch may have a few more rows.
            *to = None;
            to.insert(pinned(stream, from.len() + from.len() / 4)?)
        }
    };
    let to = &mut to.as_mut_slice()?[..from.len()];
    let (from, _read) = from.device_ptr(stream);
    // SAFETY: the addresses are valid for as many numbers as `to` has. A `Transfer` owns both, and waits for the copy
    // before it gives them up.
    Ok(unsafe { result::memcpy_dtoh_async(to, from, stream.cu_stream()) }?)
}

/// Page-locked memory. It is allocated without write combining, with which the host would read it very slowly.
fn pinned<T: DeviceRepr + ValidAsZeroBits>(stream: &CudaStream, count: usize) -> Result<PinnedHostSlice<T>> {
    let _claim = Claim::of(count.saturating_mul(size_of::<T>()), "page-locked memory for the rows of a batch")?;
    // SAFETY: the memory is filled right below.
    let mut pinned = unsafe { stream.context().alloc_pinned_with_flags::<T>(count, 0) }?;
    let address = pinned.as_mut_ptr()?;
    // SAFETY: the memory has `count` numbers, and zero is a value of `T`.
    unsafe { address.write_bytes(0, count) };
    Ok(pinned)
}

/// The launches of one batch.
struct Launch<'a> {
    device: &'a CudaDevice,
    members: &'a CudaSlice<u32>,
    starts: &'a CudaSlice<u32>,
    targets: &'a CudaSlice<u32>,
}

impl Launch<'_> {
    /// Pools the rows of a tensor.
    fn run(
        &self,
        given: &Tensor,
        width: usize,
        aggregation: u32,
        out: &mut CudaSlice<f32>,
        not_finite: &mut CudaViewMut<'_, u32>,
    ) -> Result<()> {
        let given = given.contiguous()?;
        let (storage, layout) = given.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else {
            return Err(Error::internal("rows are not on the device that pools them"));
        };
        let settings = (width, aggregation);
        match storage.dtype() {
            DType::F32 => self.launch("pool_f32", &view::<f32>(storage, layout)?, settings, out, not_finite),
            DType::F16 => self.launch("pool_f16", &view::<f16>(storage, layout)?, settings, out, not_finite),
            DType::BF16 => self.launch("pool_bf16", &view::<bf16>(storage, layout)?, settings, out, not_finite),
            other => Err(Error::internal(format!("rows of {other:?} cannot be pooled"))),
        }
    }

    fn launch<T: DeviceRepr>(
        &self,
        kernel: &str,
        rows: &CudaView<'_, T>,
        (width, aggregation): (usize, u32),
        out: &mut CudaSlice<f32>,
        not_finite: &mut CudaViewMut<'_, u32>,
    ) -> Result<()> {
        let units = self.targets.len() as u32;
        if units == 0 || width == 0 {
            return Ok(());
        }
        let width = width as u32;
        let kernel = self.device.get_or_load_custom_func(kernel, "eidos_pool", PTX)?;
        let mut launch = kernel.builder();
        launch.arg(rows).arg(self.members).arg(self.starts).arg(self.targets).arg(out).arg(not_finite);
        launch.arg(&width).arg(&aggregation);
        let config = LaunchConfig { grid_dim: (units, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the arguments are those of the kernel. Members are rows of `rows` and targets rows of `out`, which has
        // room for all of them; there is a start more than there are units.
        unsafe { launch.launch(config) }?;
        Ok(())
    }
}

/// The numbers of a contiguous tensor.
fn view<'a, T: CudaDType>(storage: &'a CudaStorage, layout: &Layout) -> Result<CudaView<'a, T>> {
    let start = layout.start_offset();
    let view = storage.as_cuda_slice::<T>()?.try_slice(start..start + layout.shape().elem_count());
    view.ok_or_else(|| Error::internal("a tensor reaches beyond its numbers"))
}

/// Matrices whose rows stay on the device.
pub(crate) struct KeptRows {
    device: CudaDevice,
    values: Vec<CudaSlice<f32>>,
}

impl KeptRows {
    /// A matrix of `rows` rows for each width, all zero.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`] of the device.
    pub fn new(device: &CudaDevice, rows: usize, widths: impl Iterator<Item = usize>) -> Result<Self> {
        let values = widths.map(|width| Ok(device.alloc_zeros::<f32>(rows.saturating_mul(width))?));
        Ok(Self { device: device.clone(), values: values.collect::<Result<_>>()? })
    }

    /// One value of a matrix, once the device has done what it was asked for.
    pub fn value(&self, matrix: usize, index: usize) -> Option<f32> {
        let value = self.values.get(matrix)?.try_slice(index..=index)?;
        self.device.clone_dtoh(&value).ok()?.first().copied()
    }

    /// The matrices as tensors of f32.
    pub fn into_tensors(self, rows: usize, widths: impl Iterator<Item = usize>) -> Vec<Tensor> {
        let tensor = |(values, width)| {
            let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(values, self.device.clone()));
            Tensor::from_storage(storage, (rows, width), BackpropOp::none(), false)
        };
        self.values.into_iter().zip(widths).map(tensor).collect()
    }
}

/// The rows of a batch on their way to the host.
pub(crate) struct Transfer {
    /// The rows of each matrix; none where they are kept.
    rows: Vec<CudaSlice<f32>>,
    /// For each matrix and unit the first column that is not finite.
    not_finite: CudaSlice<u32>,
    /// Always there, but while this is dropped.
    buffer: Option<Buffer>,
    stock: Arc<Stock>,
    done: CudaEvent,
}

impl Transfer {
    /// Waits for the rows of each matrix, and for the first column of each unit that is not finite, matrix after matrix.
    ///
    /// # Errors
    /// Those of the driver: also those of the work before this.
    pub fn wait(&self) -> Result<(Vec<&[f32]>, &[u32])> {
        self.done.synchronize()?;
        let buffer = self.buffer.as_ref().ok_or_else(|| Error::internal("a buffer is missing"))?;
        let rows = self.rows.iter().zip(&buffer.rows).map(|(rows, pinned)| copied(pinned.as_ref(), rows.len()));
        Ok((rows.collect::<Result<_>>()?, copied(buffer.not_finite.as_ref(), self.not_finite.len())?))
    }
}

fn copied<T: ValidAsZeroBits>(pinned: Option<&PinnedHostSlice<T>>, count: usize) -> Result<&[T]> {
    let Some(pinned) = pinned else { return Ok(&[]) };
    pinned.as_slice()?.get(..count).ok_or_else(|| Error::internal("page-locked memory is too small"))
}

impl Drop for Transfer {
    fn drop(&mut self) {
        // What is copied must stay until the copy ends. A device that failed copies nothing any more.
        let _ = self.done.synchronize();
        if let Some(buffer) = self.buffer.take() {
            self.stock.give_back(buffer);
        }
    }
}

/// Page-locked memory for the rows of a batch: for each matrix, as much as the largest batch so far took.
#[derive(Debug, Default)]
struct Buffer {
    rows: Vec<Option<PinnedHostSlice<f32>>>,
    not_finite: Option<PinnedHostSlice<u32>>,
}

/// The buffers that are free.
struct Stock {
    free: Mutex<Vec<Buffer>>,
    given_back: Condvar,
}

impl Stock {
    /// Nothing that can panic runs while it is locked, so a poisoned lock still holds buffers.
    fn lock(&self) -> MutexGuard<'_, Vec<Buffer>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a free buffer.
    fn take(&self) -> Buffer {
        let mut free = self.lock();
        loop {
            if let Some(buffer) = free.pop() {
                return buffer;
            }
            free = self.given_back.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&self, buffer: Buffer) {
        self.lock().push(buffer);
        self.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::device::{self, DeviceChoice};
    use crate::text::{Aggregation, Pooling};

    const AGGREGATIONS: [Aggregation; 7] = [
        Aggregation::Mean,
        Aggregation::Sum,
        Aggregation::Max,
        Aggregation::Min,
        Aggregation::SignedMax,
        Aggregation::First,
        Aggregation::Last,
    ];

    /// Units of one to seven tokens, and one without any, in another order than that of their rows.
    fn pooling(tokens: u32) -> Pooling {
        let mut pooling = Pooling { members: (0..tokens).collect(), starts: vec![0], targets: Vec::new() };
        let mut end = 0;
        while end < tokens {
            end = tokens.min(end + 1 + end % 7);
            pooling.starts.push(end);
        }
        pooling.starts.push(tokens);
        let units = pooling.starts.len() as u32 - 1;
        pooling.targets = (0..units).rev().collect();
        pooling
    }

    fn values(count: usize) -> Vec<f32> {
        let mut values: Vec<f32> = (0..count).map(|index| (index as f32 * 0.7).sin() * 100.0).collect();
        values[count / 2] = f32::INFINITY;
        values[count - 1] = f32::NAN;
        values
    }

    fn bits(values: &[f32]) -> Vec<Option<u32>> {
        values.iter().map(|value| (!value.is_nan()).then_some(value.to_bits())).collect()
    }

    #[test]
    fn a_device_pools_the_bits_of_the_processor() {
        let device = match device::open(DeviceChoice::Cuda(0)) {
            Ok(device) => device,
            Err(error) => return eprintln!("not tested on a device: {error}"),
        };
        let Device::Cuda(cuda) = &device else { panic!("a GPU was opened") };
        let pool = Pool::new(cuda, None).unwrap();
        // More batches than there are buffers, narrow and wide ones.
        for (tokens, widths) in [(40_u32, [1, 300]), (500, [64, 769]), (7, [3, 5]), (40, [300, 1])] {
            let pooling = pooling(tokens);
            let count = pooling.unit_count();
            for (aggregation, kind) in
                AGGREGATIONS.into_iter().flat_map(|it| [DType::F32, DType::F16, DType::BF16].map(|kind| (it, kind)))
            {
                let given = widths.map(|width| {
                    let rows =
                        Tensor::from_vec(values(tokens as usize * width), (tokens as usize, width), &Device::Cpu);
                    rows.unwrap().to_dtype(kind).unwrap()
                });
                let there = given.each_ref().map(|rows| rows.to_device(&device).unwrap());
                let units = PooledUnits {
                    members: &pooling.members,
                    starts: &pooling.starts,
                    targets: &pooling.targets,
                    aggregation: aggregation as u32,
                };
                let mut kept = KeptRows::new(cuda, count, widths.into_iter()).unwrap();
                let staying = pool.start(&there, units, Some(&mut kept)).unwrap();
                let arriving = pool.start(&there, units, None).unwrap();
                let (rows, not_finite) = arriving.wait().unwrap();
                assert_eq!(staying.wait().unwrap().1, not_finite);
                let kept = kept.into_tensors(count, widths.into_iter());
                for (index, width) in widths.into_iter().enumerate() {
                    let wide =
                        given[index].to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    let mut expected = vec![0.0; count * width];
                    let columns = pooling.reduce(aggregation, &wide, width, &mut expected);
                    assert_eq!(bits(rows[index]), bits(&expected), "{aggregation:?} {kind:?} {width}");
                    let stayed = kept[index].flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    assert_eq!(bits(&stayed), bits(&expected));
                    assert_eq!(not_finite[index * count..(index + 1) * count], columns);
                }
            }
        }
        pool.wait_until_idle().unwrap();
    }
}
