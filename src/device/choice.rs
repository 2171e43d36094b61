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
    match gpus::first() {
        Ok((index, name)) => {
            let reason = format!("the device is GPU {index}, {name}, the first that works");
            Chosen { device: DeviceChoice::Cuda(index), reason: Some(reason) }
        }
        Err(error) => Chosen { device: DeviceChoice::Cpu, reason: Some(format!("the device is the CPU: {error}")) },
    }
}
