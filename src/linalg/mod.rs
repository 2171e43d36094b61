//! Numerics that no transformer and no concept knows about: rows in tiles and reductions whose order is fixed.

mod rows;

pub use rows::{RowSlice, Rows, TILE_ROWS};
