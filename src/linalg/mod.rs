//! Numerics that no transformer and no concept knows about: rows in tiles, and reductions whose order is fixed, so that
//! results are the same bits for every number of threads.

mod covariance;
mod eigen;
mod finite;
mod matrix;
mod ordered;
mod random;
mod rows;
mod vector;

pub(crate) use covariance::Moments;
pub(crate) use eigen::{decorrelate, product, symmetric_eigen};
pub(crate) use finite::{check_finite, first_not_finite};
pub(crate) use matrix::{
    Block, BlockMut, block_times, block_times_transposed, block_transposed_times, times_panels, times_transposed,
};
pub(crate) use ordered::in_order;
pub use random::RandomState;
pub use rows::{RowSlice, Rows, TILE_ROWS};
pub(crate) use vector::exp;
