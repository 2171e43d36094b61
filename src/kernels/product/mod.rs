//! Products of rows with a constant matrix, `left right^T`: in f32, or of bf16 factors with sums in f32.
//!
//! A weight is packed once, when a model is loaded, into the tiles that all kernels read, and any number of threads
//! share it. In bf16, rows are rounded, or split into three bf16 terms that are exactly the row ([`Terms`]), right before
//! they are multiplied by a [`Kernel`]: the instructions that this processor has. In f32 a [`SingleKernel`] multiplies,
//! with the bits of faer. What would grow when it is packed (quantised numbers, f16) stays as it is stored ([`BlockMatrix`]),
//! and a product unpacks some outputs at a time into the same tiles.
//!
//! In 8-bit integers ([`int8`]) both sides are rounded, each row with its own scale, and the sums are exact.
//!
//! Every element of a result is one sum over the inner dimension in one order, which depends on nothing but that
//! dimension: what is missing to whole tiles is zeros. So a row has the same bits whatever the number of rows is, and
//! whichever thread computes it. Two kernels may round differently.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[allow(unsafe_code, reason = "instructions without intrinsics")]
mod amx;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;
mod blocks;
mod int8;
#[allow(unsafe_code, reason = "calls what a processor was found to have")]
mod kernel;
mod matrix;
mod multiply;
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod neon;
mod rows;
#[allow(unsafe_code, reason = "vector instructions")]
mod single;
mod software;
#[cfg(all(test, target_arch = "x86_64"))]
#[allow(unsafe_code, reason = "instructions by themselves")]
mod speed;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use blocks::BlockMatrix;
pub(crate) use int8::{Int8Kernel, Int8Matrix, multiply_int8};
pub(crate) use kernel::Kernel;
pub(crate) use matrix::Bf16Matrix;
pub(crate) use multiply::multiply;
pub(crate) use rows::{Scratch, Terms, rounded};
pub(crate) use single::{F32Matrix, F32PartMut, Factor, SingleKernel};
