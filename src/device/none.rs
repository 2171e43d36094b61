//! What a build without the feature `cuda` says of GPUs.

use candle_core::Device;

use super::status::DeviceStatus;
use crate::error::{Error, ErrorCode, Result};

const NO_CUDA: &str = "this build of Eidos has no CUDA";
const REMEDY: &str = "use the CPU, or build the library with `make cuda`";

pub(super) fn status() -> DeviceStatus {
    DeviceStatus { reason: Some(format!("{NO_CUDA} ({REMEDY})")), ..DeviceStatus::default() }
}

pub(super) fn first() -> Result<(usize, String)> {
    Err(Error::new(ErrorCode::Device, NO_CUDA).hint(REMEDY))
}

pub(super) fn open(index: usize) -> Result<Device> {
    let message = format!("no CUDA device {index}: {NO_CUDA}");
    Err(Error::new(ErrorCode::Device, message).hint(REMEDY).detail("device", index))
}
