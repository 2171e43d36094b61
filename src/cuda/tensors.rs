//! Tensors that other libraries lend, and ours that are lent to them.

use candle_core::backend::BackendDevice;
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DeviceLocation, Storage, Tensor};
use cudarc::driver::{DevicePtr, DevicePtrMut, result};

use crate::error::{Error, Result};

/// The address of the values of a contiguous tensor of f32 and the number of its device, once all that writes them is done.
/// The address is valid as long as the tensor is there.
///
/// # Errors
/// Those of the driver.
pub(crate) fn address_of(tensor: &Tensor) -> Result<(u64, usize)> {
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cuda(storage), DeviceLocation::Cuda { gpu_id }) = (&*storage, tensor.device().location()) else {
        return Err(Error::internal("a tensor is not on a GPU"));
    };
    storage.device.synchronize()?;
    let stream = storage.device.cuda_stream();
    let (address, _read) = storage.as_cuda_slice::<f32>()?.device_ptr(&stream);
    Ok((address + (layout.start_offset() * size_of::<f32>()) as u64, gpu_id))
}

/// A copy within a device of `rows` rows of `columns` values of f32 at `address`, which is complete when this returns.
///
/// # Errors
/// [`crate::ErrorCode::OutOfMemory`] of the device; else those of the driver, such as for an address that is not one of the
/// device.
///
/// # Safety
/// `address` is that of as many values on the device, which nobody writes or frees meanwhile.
pub(crate) unsafe fn copy_of(device: &CudaDevice, address: u64, rows: usize, columns: usize) -> Result<Tensor> {
    let stream = device.cuda_stream();
    // SAFETY: all values are written before anybody reads one.
    let mut values = unsafe { stream.alloc::<f32>(rows * columns) }?;
    {
        let (to, _written) = values.device_ptr_mut(&stream);
        // SAFETY: the caller promises what lies at `address`; `to` has room for it.
        unsafe { result::memcpy_dtod_async(to, address, rows * columns * size_of::<f32>(), stream.cu_stream()) }?;
    }
    stream.synchronize()?;
    let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(values, device.clone()));
    Ok(Tensor::from_storage(storage, (rows, columns), BackpropOp::none(), false))
}
