//! Linear algebra and random numbers on one thread, with the same bits on every run. Nothing here depends on models or
//! concepts.

mod eigen;
mod finite;
mod matrix;
mod random;
mod vector;

pub(crate) use eigen::{decorrelate, product, symmetric_eigen};
pub(crate) use finite::{check_finite, first_not_finite};
pub(crate) use matrix::{Block, BlockMut, block_transposed_times, times_panels, times_transposed};
pub use random::RandomState;
pub(crate) use vector::{exp, vectorised};
