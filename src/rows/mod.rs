//! Rows: matrices of f32 that may consist of several pieces, and what their rows stand for.
//!
//! [`Rows`] is the only interface through which the methods of [`crate::concepts`] read numbers. [`Activations`] are
//! rows in memory, in a caller's memory, in shards on disk or on a device, with the unit of text that each row stands for.

mod device;
mod device_moments;
mod device_tiles;
mod folder;
mod manifest;
mod matrix;
mod moments;
mod norms;
mod provenance;
mod reduce;
mod runs;
mod source;
mod storage;
mod tables;
mod tiles;
mod writer;

pub(crate) use device::DeviceRows;
pub(crate) use device_tiles::{DEVICE_TILE_ROWS, DeviceTiles, no_room};
pub(crate) use folder::SHARD_BYTES;
pub(crate) use manifest::{Manifest, split_point_of};
pub(crate) use matrix::About;
pub use matrix::Activations;
pub(crate) use matrix::check_unit_count;
pub(crate) use moments::{Moments, means};
pub(crate) use provenance::recorded_name;
pub use provenance::{Filters, Provenance};
pub(crate) use reduce::{add_across, in_lockstep, least_across, total_row_count};
pub(crate) use runs::RowRuns;
pub(crate) use source::check_range;
pub use source::{Reduce, RowSlice, Rows, TILE_ROWS};
pub use storage::ForeignRows;
pub(crate) use storage::Storage;
pub(crate) use tiles::{Tile, for_each_tile};
pub(crate) use writer::{FolderWriter, ShardWriter, StreamWriter, UnnamedWriter};
