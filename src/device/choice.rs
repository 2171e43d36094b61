//! What a caller asks for, and what that comes to on this machine.

use super::gpus;

/// Where Eidos computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DeviceChoice {
    /// The CPU.
    #[default]
    Cpu,
    /// The NVIDIA GPU of that index, counted from 0.
    Cuda(usize),
    /// A GPU where there is one that works (the first of compute capability 8.0 or higher), else the CPU.
    Auto,
    /// The CPU, where every operation is the composition that a device without kernels of its own runs. Slow: it stands
    /// in for a GPU in tests.
    #[doc(hidden)]
    Reference,
}

/// A device that was chosen, and why where that was not the caller's choice.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    /// Never [`DeviceChoice::Auto`].
    pub device: DeviceChoice,
    /// For [`DeviceChoice::Auto`], why it is this one, for the log.
    pub reason: Option<String>,
}

/// Decides what [`DeviceChoice::Auto`] is on this machine; other choices stay as they are.
pub(crate) fn choose(choice: DeviceChoice) -> Chosen {
    if choice != DeviceChoice::Auto {
        return Chosen { device: choice, reason: None };
    }
    let status = gpus::status();
    if let Some(device) = status.devices.iter().find(|device| device.problem.is_none()) {
        let reason = format!("the device is GPU {}, {}, the first that works", device.index, device.name);
        return Chosen { device: DeviceChoice::Cuda(device.index), reason: Some(reason) };
    }
    let why = status.reason.unwrap_or_else(|| "no GPU works".to_owned());
    Chosen { device: DeviceChoice::Cpu, reason: Some(format!("the device is the CPU: {why}")) }
}
