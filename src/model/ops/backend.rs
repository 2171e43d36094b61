//! Where a model computes.

use candle_core::Device;

use super::host::HostProducts;
#[cfg(feature = "cuda")]
use crate::cuda::{Products, SCRATCH, Shelf, WORKSPACE};
use crate::error::Result;
use crate::model::options::Precision;

/// The device of a model, with what multiplies there.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    /// The device.
    pub device: Device,
    /// What multiplies on the CPU.
    pub host: HostProducts,
    /// On a CUDA device.
    #[cfg(feature = "cuda")]
    pub products: Option<std::sync::Arc<Products>>,
    /// Page-locked memory for rows on their way from there, which calls leave to the next one.
    #[cfg(feature = "cuda")]
    pub shelf: Option<std::sync::Arc<Shelf>>,
}

impl Backend {
    /// The CPU.
    #[cfg(test)]
    pub const CPU: Self = Self {
        device: Device::Cpu,
        host: HostProducts::plain(),
        #[cfg(feature = "cuda")]
        products: None,
        #[cfg(feature = "cuda")]
        shelf: None,
    };

    /// A device, and the type of number that a model computes in there.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`] on a device; [`crate::ErrorCode::Device`] when it cannot multiply.
    #[cfg_attr(not(feature = "cuda"), allow(clippy::unnecessary_wraps))]
    pub fn new(device: &Device, precision: Precision) -> Result<Self> {
        Ok(Self {
            device: device.clone(),
            host: if device.is_cpu() { HostProducts::new(precision) } else { HostProducts::plain() },
            #[cfg(feature = "cuda")]
            products: match device {
                Device::Cuda(device) => Some(Products::new(device, precision == Precision::Tf32)?),
                _ => None,
            },
            #[cfg(feature = "cuda")]
            shelf: device.is_cuda().then(Default::default),
        })
    }

    /// A device on which nothing is multiplied: that of a model without weights.
    pub fn idle(device: &Device) -> Self {
        Self {
            device: device.clone(),
            host: HostProducts::plain(),
            #[cfg(feature = "cuda")]
            products: None,
            #[cfg(feature = "cuda")]
            shelf: None,
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
