//! What runs on NVIDIA GPUs: the libraries of CUDA, opened late, what the driver says of its devices, and what a model runs
//! there in place of references: kernels in CUDA C++ (the `.cu` files beside this one) and products through cuBLASLt.
//!
//! The kernels are compiled to PTX when the library is built, and by the driver for its GPU when they are first launched.
//! An operation of [`crate::model`] comes here with rows in device memory. All work of a model goes through the one stream
//! of its device, in the order in which it was asked for.
//!
//! # Launches
//! A block of a Llama-like model is 15 launches, counted in the code: two norms, seven products, two rotations, attention, the
//! gated activation and two sums; a product whose matrix is stored in another type than is computed in has one more for
//! each panel that is widened. The references of the same block are 41, and 15 more for each run of neighbouring texts of
//! one length. A sum and the norm after it stay two launches: both values go on, the sum as the stream.
//!
//! # Equal bits
//! The value of a row depends on its text alone, whatever other texts are in the batch: a kernel sums a row in an order
//! that depends on its length, and a product uses one algorithm for every number of rows, see [`Products`].

mod attention;
mod driver;
mod launch;
mod libraries;
mod lt;
mod matrix;
mod operations;
mod pool;
mod product;
mod tensors;

pub(crate) use attention::{AttentionWork, Tables, WorkList, attend};
pub(crate) use driver::{DeviceFacts, KeptContext, count, describe, driver_version, free_memory};
pub(crate) use launch::{Argument, CudaRows};
pub(crate) use libraries::{FOLDERS, Library};
pub(crate) use matrix::DeviceMatrix;
pub(crate) use operations::{gather_columns, map, map_pairs, norm, rotate};
pub(crate) use pool::{KeptRows, Pool, PooledUnits, Shelf, Transfer};
pub(crate) use product::{Products, SCRATCH, WORKSPACE};
pub(crate) use tensors::{address_of, copy_of};
