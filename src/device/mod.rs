//! Where Eidos computes: the CPU, or an NVIDIA GPU.
//!
//! [`DeviceChoice`] is what a caller asks for and [`open`] what makes it candle's device. [`devices`] lists the GPUs, and
//! [`DeviceStatus`] says what is there or missing to use one. No library of CUDA is opened before one of them is called.

mod choice;
mod error;
#[cfg(feature = "cuda")]
mod gpu;
#[cfg(not(feature = "cuda"))]
mod none;
mod status;

pub use choice::DeviceChoice;
pub(crate) use choice::choose;
pub(crate) use error::translate;
#[cfg(feature = "cuda")]
use gpu as gpus;
#[cfg(not(feature = "cuda"))]
use none as gpus;
pub use status::{DeviceInfo, DeviceStatus, LibraryInfo};

use candle_core::Device;

use crate::error::Result;

/// Opens the device that was chosen: for [`DeviceChoice::Auto`] a GPU where one works, else the CPU.
///
/// # Errors
/// [`crate::ErrorCode::Device`] where a GPU was asked for that is not there or cannot be used, with what is missing.
pub(crate) fn open(choice: DeviceChoice) -> Result<Device> {
    match choose(choice).device {
        DeviceChoice::Cuda(index) => gpus::open(index),
        DeviceChoice::Cpu | DeviceChoice::Auto => Ok(Device::Cpu),
    }
}

/// Lists the GPUs of this machine, in the order of their indices. Never fails: where there is none, or no way to ask, the
/// list is empty, and [`device_status`] says why.
pub fn devices() -> Vec<DeviceInfo> {
    device_status().devices
}

/// Says which GPUs there are, and what is there and what is missing to use one.
pub fn device_status() -> DeviceStatus {
    gpus::status()
}
