//! Where Eidos computes: the CPU, or an NVIDIA GPU.
//!
//! [`DeviceChoice`] is what a caller asks for and `open` makes it candle's device. [`devices`] lists the GPUs, and
//! [`DeviceStatus`] says what is there or missing to use one. No library of CUDA is opened before one of them is called.

mod choice;
mod error;
#[cfg(feature = "cuda")]
mod gpu;
#[cfg(not(feature = "cuda"))]
mod none;
mod room;
mod status;

pub use choice::DeviceChoice;
pub(crate) use choice::choose;
pub(crate) use error::translate;
#[cfg(feature = "cuda")]
use gpu as gpus;
#[cfg(not(feature = "cuda"))]
use none as gpus;
pub(crate) use room::check_room;
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
        DeviceChoice::Cpu | DeviceChoice::Reference | DeviceChoice::Auto => Ok(Device::Cpu),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn the_list_has_devices_or_a_reason() {
        let status = device_status();
        assert_eq!(status.cuda_build, cfg!(feature = "cuda"));
        assert_eq!(status.reason.is_none(), status.devices.iter().any(|device| device.problem.is_none()));
        assert_eq!(status.libraries.is_empty(), !cfg!(feature = "cuda"));
    }

    #[test]
    fn a_device_that_is_not_there_is_named_with_what_is_missing() {
        let absent = device_status().devices.len();
        let error = open(DeviceChoice::Cuda(absent)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Device);
        assert!(error.message().starts_with(&format!("no CUDA device {absent}: ")), "{error}");
        assert!(!error.hint_text().is_empty());
        assert!(error.details().contains(&("device".to_owned(), absent.to_string())));
    }

    #[test]
    fn automatic_is_a_gpu_that_works_or_the_cpu_with_the_reason() {
        let status = device_status();
        let chosen = choose(DeviceChoice::Auto);
        let reason = chosen.reason.unwrap();
        if let Some(device) = status.devices.iter().find(|device| device.problem.is_none()) {
            assert_eq!(chosen.device, DeviceChoice::Cuda(device.index));
        } else {
            assert_eq!(chosen.device, DeviceChoice::Cpu);
            assert!(reason.starts_with("the device is the CPU: ") && reason.len() > 40, "{reason}");
            assert!(open(DeviceChoice::Auto).unwrap().is_cpu());
        }
        assert!(choose(DeviceChoice::Cuda(5)).reason.is_none());
    }
}
