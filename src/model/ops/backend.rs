//! Where a model computes.

use candle_core::Device;

#[cfg(feature = "cuda")]
use crate::cuda::{Products, SCRATCH, WORKSPACE};
use crate::error::Result;

/// The device of a model, with what multiplies there.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    /// The device.
    pub device: Device,
    /// On a CUDA device.
    #[cfg(feature = "cuda")]
    pub products: Option<std::sync::Arc<Products>>,
}

impl Backend {
    /// The CPU.
    #[cfg(test)]
    pub const CPU: Self = Self {
        device: Device::Cpu,
        #[cfg(feature = "cuda")]
        products: None,
    };

    /// A device; `tf32` says whether its products in single precision may be rounded to TF32.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`] on a device; [`crate::ErrorCode::Device`] when it cannot multiply.
    #[cfg_attr(not(feature = "cuda"), allow(clippy::unnecessary_wraps, unused_variables))]
    pub fn new(device: &Device, tf32: bool) -> Result<Self> {
        Ok(Self {
            device: device.clone(),
            #[cfg(feature = "cuda")]
            products: match device {
                Device::Cuda(device) => Some(Products::new(device, tf32)?),
                _ => None,
            },
        })
    }

    /// A device on which nothing is multiplied: that of a model without weights.
    pub fn idle(device: &Device) -> Self {
        Self {
            device: device.clone(),
            #[cfg(feature = "cuda")]
            products: None,
        }
    }

    /// How many bytes of device memory products take beside their factors, at most.
    #[cfg_attr(not(feature = "cuda"), allow(clippy::unused_self))]
    pub fn workspace_bytes(&self) -> usize {
        #[cfg(feature = "cuda")]
        if self.products.is_some() {
            return WORKSPACE + SCRATCH;
        }
        0
    }
}
