//! Numerics that no transformer and no concept knows about, on one thread: the same bits wherever they run.

mod eigen;
mod finite;
mod matrix;
mod random;
mod vector;

pub(crate) use eigen::{decorrelate, product, symmetric_eigen};
pub(crate) use finite::{check_finite, first_not_finite};
pub(crate) use matrix::{
    Block, BlockMut, block_times, block_times_transposed, block_transposed_times, times_panels, times_transposed,
};
pub use random::RandomState;
pub(crate) use vector::exp;
