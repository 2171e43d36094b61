//! What modules do: operations on rows `(tokens, columns)`.
//!
//! Each operation has up to four parts, see [`Operation`]: a kernel of [`crate::kernels`] for rows that are f32 in host
//! memory, one of `src/cuda` for rows in the memory of a CUDA device, a reference composed of candle's operations for any
//! device and type of number, and a gradient. What gradients run, and what a device runs where it has no kernel, is what
//! the tests run on the CPU.

mod activation;
mod attention;
mod backend;
#[cfg(test)]
mod check;
mod convolution;
mod custom;
mod delta_rule;
mod embedding;
mod experts;
mod frequencies;
mod gate;
mod gather;
mod host;
mod implementation;
mod linear;
mod mlp;
mod norm;
mod operation;
mod pairs;
mod relative;
mod rotary;
mod selection;
mod sinusoids;
mod weight;

pub(crate) use activation::SoftCap;
pub(crate) use attention::{Attention, Positions};
pub(crate) use backend::Backend;
pub(crate) use convolution::ShortConvolution;
pub(crate) use delta_rule::DeltaRule;
pub(crate) use embedding::Embedding;
pub(crate) use experts::{AddShared, Expert, Experts};
#[cfg(test)]
pub(crate) use gate::ClampedGate;
pub(crate) use gate::Gate;
pub(crate) use gather::GatherColumns;
pub(crate) use host::HostProducts;
pub(crate) use implementation::Implementation;
pub(crate) use linear::Linear;
pub(crate) use mlp::Mlp;
pub(crate) use norm::{Norm, NormOfSum};
pub(crate) use operation::Operation;
pub(crate) use pairs::{Add, Multiply, Scale, Shift};
pub(crate) use rotary::Rotary;
pub(crate) use selection::RowSelection;
pub(crate) use sinusoids::sinusoids;
pub(crate) use weight::Weight;
