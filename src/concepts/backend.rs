//! Where the passes of a fit over rows run.

use candle_core::{Device, DeviceLocation, Tensor};

use crate::control::Control;
use crate::device::{self, DeviceChoice};
use crate::error::Result;
use crate::log::LogLevel;
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
    /// Opens the device that was chosen. Where the rows are on it already, it is theirs, so that nothing is copied;
    /// [`DeviceChoice::Auto`] is theirs wherever they are.
    ///
    /// # Errors
    /// Those of [`device::open`].
    pub(crate) fn open(choice: DeviceChoice, threads: usize, rows: &dyn Rows, control: &Control) -> Result<Self> {
        let theirs = rows.on_device().map(Tensor::device).filter(|device| match device.location() {
            DeviceLocation::Cuda { gpu_id } => choice == DeviceChoice::Cuda(gpu_id) || choice == DeviceChoice::Auto,
            _ => false,
        });
        if let Some(device) = theirs {
            return Ok(Self::Device(device.clone()));
        }
        let chosen = device::choose(choice);
        if let Some(reason) = chosen.reason {
            control.log(LogLevel::Info, c"device", || reason);
        }
        Ok(match device::open(chosen.device)? {
            Device::Cpu if choice != DeviceChoice::Reference => Self::Cpu { threads },
            device => Self::Device(device),
        })
    }
}
