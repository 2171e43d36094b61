//! What the driver says of itself and of its devices.

use std::ptr;

use cudarc::driver::DriverError;
use cudarc::driver::result::{self, device, primary_ctx};
use cudarc::driver::sys::{self, CUcontext, CUdevice, CUdevice_attribute as Attribute};

use super::Library;

/// The context that a thread had before a call, which it has again afterwards. Work on a device makes the device's context
/// current for the thread, and what else runs on that thread, such as PyTorch on another GPU, goes to the current one.
#[derive(Debug)]
pub(crate) struct KeptContext(CUcontext);

impl KeptContext {
    /// Looks which context the calling thread has. Nobody has one where the process has not loaded the driver yet.
    pub(crate) fn of_this_thread() -> Self {
        if !Library::Driver.is_loaded() {
            return Self(ptr::null_mut());
        }
        let mut context = ptr::null_mut();
        // SAFETY: the function writes one pointer.
        let status = unsafe { sys::cuCtxGetCurrent(&raw mut context) };
        // A driver that nobody has started yet has no context, and says so.
        if status.result().is_ok() { Self(context) } else { Self(ptr::null_mut()) }
    }
}

impl Drop for KeptContext {
    fn drop(&mut self) {
        if !Library::Driver.is_loaded() {
            return;
        }
        let mut now = ptr::null_mut();
        // SAFETY: the function writes one pointer; the context was current on this thread, whose owner keeps it.
        unsafe {
            if sys::cuCtxGetCurrent(&raw mut now).result().is_ok() && now != self.0 {
                let _ = sys::cuCtxSetCurrent(self.0);
            }
        }
    }
}

/// What the driver says of a device.
#[derive(Debug, Clone)]
pub(crate) struct DeviceFacts {
    pub name: String,
    pub total_memory: u64,
    pub compute_capability: (u32, u32),
}

/// The newest CUDA that the driver serves; `None` where there is no driver.
pub(crate) fn driver_version() -> Option<(u32, u32)> {
    let mut version = 0;
    // SAFETY: the function writes one number.
    unsafe { sys::cuDriverGetVersion(&raw mut version) }.result().ok()?;
    let version = u32::try_from(version).ok()?;
    Some((version / 1000, version % 1000 / 10))
}

/// Starts the driver, and counts its devices.
pub(crate) fn count() -> Result<usize, DriverError> {
    result::init()?;
    device::get_count().map(|count| usize::try_from(count).unwrap_or(0))
}

fn get(index: usize) -> Result<CUdevice, DriverError> {
    let ordinal = i32::try_from(index).map_err(|_| DriverError(sys::CUresult::CUDA_ERROR_INVALID_DEVICE))?;
    device::get(ordinal)
}

/// Describes a device of a driver that was started.
pub(crate) fn describe(index: usize) -> Result<DeviceFacts, DriverError> {
    let device = get(index)?;
    // SAFETY: the device is one of the driver's.
    let (total, major, minor) = unsafe {
        (
            device::total_mem(device)?,
            device::get_attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            device::get_attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        )
    };
    Ok(DeviceFacts {
        name: device::get_name(device)?,
        total_memory: total as u64,
        compute_capability: (u32::try_from(major).unwrap_or(0), u32::try_from(minor).unwrap_or(0)),
    })
}

/// The memory of a device that nobody uses. The driver says it within a context only: the device's primary one, which
/// is there already where something runs on the device, and which is current for this thread no longer than this takes.
pub(crate) fn free_memory(index: usize) -> Result<u64, DriverError> {
    let device = get(index)?;
    // SAFETY: the context is retained until it is released below, and this thread has the one it had before.
    unsafe {
        let context = primary_ctx::retain(device)?;
        let answer = sys::cuCtxPushCurrent_v2(context).result().and_then(|()| {
            let (mut free, mut total) = (0, 0);
            let answer = sys::cuMemGetInfo_v2(&raw mut free, &raw mut total).result();
            let mut popped = ptr::null_mut();
            sys::cuCtxPopCurrent_v2(&raw mut popped).result()?;
            answer.map(|()| free as u64)
        });
        primary_ctx::release(device)?;
        answer
    }
}
