//! The arithmetic of a model on slices of numbers, on the calling thread unless a function is told to use more of them; tensors
//! and modules are in [`crate::model`].
//!
//! # Equal bits
//! A kernel computes with operations that IEEE 754 rounds correctly, additions, multiplications, divisions and square
//! roots, and adds in an order that depends on the length of a row only. So its result has the same bits whatever
//! vector instructions the processor has. Matrix products go through [`crate::linalg`], with weights through [`product`], or in
//! attention through `tile`, whose order of summation depends on the inner dimension only; in bf16 the bits depend on the
//! instructions as well. So a row depends on its own text, not on the other rows of a batch or on their number.

// A function is compiled for the vector instructions of its caller only where it is inlined into the caller.
#![allow(clippy::inline_always)]

mod attention;
mod convolution;
mod delta_rule;
mod delta_rule_gradient;
mod elementwise;
mod norm;
pub(crate) mod product;
mod relative;
mod rotate;
mod simd;
mod softmax;
mod tile;
mod unpack;

pub(crate) use attention::{Attention, Mask, QUERY_ROWS, Queries, attend_on};
pub(crate) use convolution::short_convolution;
pub(crate) use delta_rule::{DeltaHeads, DeltaRows, EPSILON, delta_rule};
pub(crate) use delta_rule_gradient::delta_rule_gradient;
pub(crate) use elementwise::{clamped_gate, gelu, gelu_quick, gelu_tanh, logistic, silu, soft_cap};
pub(crate) use norm::{layer_norm, rms_norm};
pub(crate) use relative::Relative;
pub(crate) use rotate::{Rotation, rotate};
pub(crate) use simd::{add_to_rows, apply, apply_pairs, instructions, map, map_pairs, widen, widen_bf16};
pub(crate) use softmax::softmax;
pub(crate) use unpack::Format;
