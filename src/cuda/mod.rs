//! What runs on NVIDIA GPUs: the libraries of CUDA, opened late, what the driver says of its devices, and kernels of our own.

mod driver;
mod libraries;
mod pool;
mod tensors;

pub(crate) use driver::{DeviceFacts, KeptContext, count, describe, driver_version, free_memory};
pub(crate) use libraries::{FOLDERS, Library};
pub(crate) use pool::{KeptRows, Pool, PooledUnits, Transfer};
pub(crate) use tensors::{address_of, copy_of};
