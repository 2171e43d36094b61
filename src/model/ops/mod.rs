//! What modules do: operations on rows `(tokens, columns)`.
//!
//! Each operation has three parts, see [`Operation`]: a kernel of [`crate::kernels`] for rows that are f32 in host
//! memory, a reference composed of candle's operations for any other device and type of number, and a gradient. So what
//! a device runs and what gradients run is what the tests run on the CPU.

mod activation;
mod attention;
#[cfg(test)]
mod check;
mod custom;
mod embedding;
mod frequencies;
mod gate;
mod gather;
mod implementation;
mod linear;
mod norm;
mod operation;
mod pairs;
mod relative;
mod rotary;
mod weight;

pub(crate) use activation::SoftCap;
pub(crate) use attention::{Attention, Positions};
pub(crate) use embedding::Embedding;
pub(crate) use gate::Gate;
pub(crate) use gather::GatherColumns;
pub(crate) use implementation::Implementation;
pub(crate) use linear::Linear;
pub(crate) use norm::Norm;
pub(crate) use operation::Operation;
pub(crate) use pairs::{Add, Multiply, Scale};
pub(crate) use rotary::Rotary;
pub(crate) use weight::Weight;
