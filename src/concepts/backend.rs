//! Where the passes of a fit over rows run.

use candle_core::Device;

use crate::error::{Error, ErrorCode, Result};
use crate::model::DeviceChoice;
use crate::rows::Rows;

/// What runs the passes of a fit over rows. What is small, such as eigenvectors, is computed on the host either way.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    /// Threads of the CPU, with kernels of our own; 0 means one per core.
    Cpu { threads: usize },
    /// Tensors on a device.
    Device(Device),
}

impl Backend {
    /// Opens the device that was chosen.
    pub(crate) fn open(choice: DeviceChoice, threads: usize, _rows: &dyn Rows) -> Result<Self> {
        match choice {
            DeviceChoice::Cpu => Ok(Self::Cpu { threads }),
            _ => Err(Error::new(ErrorCode::Device, "no device")),
        }
    }
}
