//! What runs on NVIDIA GPUs: the libraries of CUDA, opened late, and what the driver says of its devices.

mod driver;
mod libraries;

pub(crate) use driver::{count, describe, driver_version};
pub(crate) use libraries::{FOLDERS, Library};
