//! Launching kernels on rows in device memory.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::{CudaDType, CudaStorageSlice};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Device, Storage, Tensor};
use cudarc::driver::{CudaSlice, DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg};
use half::{bf16, f16};

use super::attention::Settings;
use crate::error::{Error, Result};

/// Threads of a block, for kernels that do not say otherwise.
pub(super) const THREADS: u32 = 256;

/// The most blocks of a grid in any direction but the first.
pub(super) const MOST_BLOCKS: usize = 65_535;

/// A file of kernels as PTX.
pub(super) struct Module {
    name: &'static str,
    ptx: &'static str,
}

macro_rules! module {
    ($name:literal) => {
        Module { name: concat!("eidos_", $name), ptx: include_str!(concat!(env!("OUT_DIR"), "/", $name, ".ptx")) }
    };
}

pub(super) const ATTENTION: Module = module!("attention");
pub(super) const ATTENTION_HALF: Module = module!("attention_half");
pub(super) const ELEMENTWISE: Module = module!("elementwise");
pub(super) const NORM: Module = module!("norm");
pub(super) const ROTARY: Module = module!("rotary");
pub(super) const WIDEN: Module = module!("widen");

/// Rows in device memory, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct CudaRows<'a> {
    storage: &'a CudaStorage,
    /// The place of the first number in the storage.
    start: usize,
    /// How many rows there are.
    pub rows: usize,
    /// Numbers of one row.
    pub columns: usize,
}

impl<'a> CudaRows<'a> {
    /// Rows that begin at number `start` of a storage and lie there without gaps.
    pub fn new(storage: &'a CudaStorage, start: usize, (rows, columns): (usize, usize)) -> Self {
        Self { storage, start, rows, columns }
    }

    /// The type of their numbers.
    pub fn numbers(&self) -> DType {
        self.storage.dtype()
    }

    /// Where they are.
    pub fn device(&self) -> &'a CudaDevice {
        &self.storage.device
    }

    /// How many numbers there are.
    pub(super) fn count(&self) -> usize {
        self.rows * self.columns
    }

    /// The address of the first number.
    pub(super) fn address(&self) -> Result<Argument<'static>> {
        Ok(Argument::Address(address(self.storage, self.start)?))
    }
}

/// What a kernel is given.
#[derive(Clone, Copy)]
pub(crate) enum Argument<'a> {
    /// Memory of the device; 0 is none.
    Address(u64),
    /// A count that may be large.
    Long(i64),
    /// A small number.
    Int(i32),
    /// A number.
    Float(f32),
    /// The settings of attention.
    Settings(&'a Settings),
}

impl Argument<'_> {
    /// An absent tensor.
    pub(super) const NONE: Self = Self::Address(0);

    /// A count.
    pub(super) fn long(count: usize) -> Self {
        Self::Long(count as i64)
    }

    /// A number of columns.
    pub(super) fn int(columns: usize) -> Result<Self> {
        let small = i32::try_from(columns);
        small.map(Self::Int).map_err(|_| Error::internal(format!("a kernel cannot have {columns} columns")))
    }
}

/// Blocks in each direction, and the threads of each block.
pub(super) type Shape = ((usize, usize, usize), (u32, u32));

/// Threads for `units` of work in each of some rows: several rows in a block where that are few.
pub(super) fn by_rows(rows: usize, units: usize) -> Shape {
    let threads = units.next_power_of_two().clamp(1, THREADS as usize);
    let rows_of_block = THREADS as usize / threads;
    let grid = (rows.div_ceil(rows_of_block), units.div_ceil(threads).min(MOST_BLOCKS), 1);
    (grid, (threads as u32, rows_of_block as u32))
}

/// Starts a kernel. The device runs it after what was started before.
pub(super) fn launch(
    device: &CudaDevice,
    module: &Module,
    name: &str,
    (grid, threads): Shape,
    arguments: &[Argument<'_>],
) -> Result<()> {
    let beyond = || Error::internal(format!("a batch is too large for the kernel `{name}`"));
    let grid = (
        u32::try_from(grid.0).ok().filter(|blocks| *blocks < 1 << 31).ok_or_else(beyond)?,
        u32::try_from(grid.1).ok().filter(|blocks| *blocks as usize <= MOST_BLOCKS).ok_or_else(beyond)?,
        u32::try_from(grid.2).ok().filter(|blocks| *blocks as usize <= MOST_BLOCKS).ok_or_else(beyond)?,
    );
    if grid.0 == 0 || grid.1 == 0 || grid.2 == 0 {
        return Ok(());
    }
    let function = device.get_or_load_custom_func(name, module.name, module.ptx)?;
    let mut builder = function.builder();
    for argument in arguments {
        match argument {
            Argument::Address(address) => builder.arg(address),
            Argument::Long(count) => builder.arg(count),
            Argument::Int(number) => builder.arg(number),
            Argument::Float(number) => builder.arg(number),
            Argument::Settings(settings) => builder.arg(*settings),
        };
    }
    let config = LaunchConfig { grid_dim: grid, block_dim: (threads.0, threads.1, 1), shared_mem_bytes: 0 };
    // SAFETY: the callers, all in this folder, give the arguments that the kernel of that name declares, in its order, with
    // memory of the sizes that it reads and writes; what it writes is newly made and owned by the caller.
    unsafe { builder.launch(config) }?;
    Ok(())
}

/// What the names of kernels call a type of number; nothing where there are none for it.
pub(super) fn suffix(numbers: DType) -> Option<&'static str> {
    match numbers {
        DType::F32 => Some("f32"),
        DType::BF16 => Some("bf16"),
        DType::F16 => Some("f16"),
        _ => None,
    }
}

/// The address of a number in device memory.
pub(super) fn address(storage: &CudaStorage, number: usize) -> Result<u64> {
    fn at<T>(slice: &CudaSlice<T>, number: usize) -> u64 {
        let (first, _) = slice.device_ptr(slice.stream());
        first + (number * size_of::<T>()) as u64
    }
    Ok(match &storage.slice {
        CudaStorageSlice::F32(slice) => at(slice, number),
        CudaStorageSlice::BF16(slice) => at(slice, number),
        CudaStorageSlice::F16(slice) => at(slice, number),
        CudaStorageSlice::U32(slice) => at(slice, number),
        _ => return Err(Error::internal("kernels read no numbers of this type")),
    })
}

/// The address of a constant of a type of number, which lies in device memory without gaps. The memory may be given up
/// once the kernel is started: the device does so after it has run.
pub(super) fn constant(tensor: &Tensor, numbers: DType) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cuda(storage), Some((start, _))) if storage.dtype() == numbers => address(storage, start),
        _ => Err(Error::internal("a constant does not lie on the device as kernels read it")),
    }
}

/// Memory for numbers of a type, which hold anything.
pub(super) fn memory(device: &CudaDevice, numbers: DType, count: usize) -> Result<CudaStorage> {
    fn of<T: CudaDType + DeviceRepr>(device: &CudaDevice, count: usize) -> Result<CudaStorage> {
        // The driver gives no memory of 0 bytes.
        // SAFETY: the callers, all in this folder, let a kernel write every number before anybody reads one.
        let slice = unsafe { device.alloc::<T>(count.max(1)) }?;
        Ok(CudaStorage::wrap_cuda_slice(slice, device.clone()))
    }
    match numbers {
        DType::F32 => of::<f32>(device, count),
        DType::BF16 => of::<bf16>(device, count),
        DType::F16 => of::<f16>(device, count),
        _ => Err(Error::internal("kernels write no numbers of this type")),
    }
}

/// Device memory as a tensor.
pub(super) fn tensor(storage: CudaStorage, shape: (usize, usize)) -> Tensor {
    Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false)
}

/// A CUDA device as candle has it.
pub(super) fn device_of(device: &CudaDevice) -> Device {
    Device::Cuda(device.clone())
}
