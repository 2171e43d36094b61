//! What runs on NVIDIA GPUs: the libraries of CUDA, opened late, and what the driver says of its devices.

mod driver;
mod libraries;

pub(crate) use driver::{DeviceFacts, KeptContext, count, describe, driver_version, free_memory};
pub(crate) use libraries::{FOLDERS, Library};
