//! Numerics of a model on slices: no tensors, no modules, one thread.
//!
//! # Equal bits
//! A kernel uses additions, multiplications and divisions only, and sums in a fixed number of lanes, so that its result
//! is the same bits on every processor. The value of a row depends on its text alone, never on the rows around it or on
//! how many there are: products go through [`crate::linalg`], whose order of summation depends on the inner size only.

// A function is compiled for the vector units of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

mod attention;
mod elementwise;
mod norm;
mod relative;
mod rotate;
mod simd;
mod softmax;

pub(crate) use attention::{Attention, Mask, QUERY_ROWS, attend};
pub(crate) use elementwise::{gelu, gelu_quick, gelu_tanh, silu, soft_cap};
pub(crate) use norm::{layer_norm, rms_norm};
pub(crate) use relative::Relative;
pub(crate) use rotate::{Rotation, rotate};
pub(crate) use simd::{add_to_rows, instructions, map, map_pairs, widen};
