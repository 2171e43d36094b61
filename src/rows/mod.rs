//! Rows: matrices of f32 that may not lie in one piece, and what their rows stand for.
//!
//! [`Rows`] is all that the methods of [`crate::concepts`] know of where numbers come from. [`Activations`] are rows in
//! memory, in a caller's memory or in shards on disk, with the unit of text that each row stands for.

mod folder;
mod manifest;
mod matrix;
mod moments;
mod provenance;
mod source;
mod storage;
mod tables;
mod writer;

pub(crate) use folder::SHARD_BYTES;
pub(crate) use manifest::{Manifest, split_point_of};
pub(crate) use matrix::About;
pub use matrix::Activations;
pub(crate) use moments::Moments;
pub use provenance::Provenance;
pub use source::{RowSlice, Rows, TILE_ROWS};
pub use storage::ForeignRows;
pub(crate) use storage::Storage;
pub(crate) use writer::{FolderWriter, ShardWriter, UnnamedWriter};
