//! Rows on a device, in tiles: copied there one tile after the other, or views of rows that are there already.
//!
//! A method whose passes run on a device reads rows through [`DeviceTiles`] and computes on [`candle_core`]'s tensors, so
//! the same code runs on the CPU, where the tests compare it. What a pass learns is a sum over tiles: products of a tile
//! are made on the device, their sum stays there in f64 and comes to the host once, at the end of the pass. Tiles have a
//! fixed height and come in order, so a pass has the same bits when it is repeated on the same device.

use std::ops::Range;

use candle_core::{Device, Tensor};

use super::source::Rows;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::check_finite;

/// How many values a tile has, unless the least height of a tile makes it larger: 32 MiB. Unit tests have several tiles of
/// few rows.
const TILE_VALUES: usize = if cfg!(test) { 1 } else { 8 << 20 };

/// The least height of a tile. The heights of tiles are multiples of it.
pub(crate) const DEVICE_TILE_ROWS: usize = 2048;

/// Rows as a device sees them.
///
/// Memory on the device: one tile of 32 MiB, or of [`DEVICE_TILE_ROWS`] rows where those take more, and whatever is
/// computed from it. Rows that are on the device already take nothing. Memory on the host: one tile where a tile is in
/// several shards.
pub(crate) struct DeviceTiles<'a> {
    rows: &'a dyn Rows,
    device: &'a Device,
    /// The whole matrix, where it is on the device already.
    resident: Option<&'a Tensor>,
}

impl<'a> DeviceTiles<'a> {
    /// Views rows from a device.
    pub(crate) fn new(rows: &'a dyn Rows, device: &'a Device) -> Self {
        Self { rows, device, resident: rows.on_device().filter(|rows| rows.device().same_device(device)) }
    }

    /// The rows themselves.
    pub(crate) fn rows(&self) -> &'a dyn Rows {
        self.rows
    }

    /// The device.
    pub(crate) fn device(&self) -> &'a Device {
        self.device
    }

    /// The height of the tiles, a multiple of [`DEVICE_TILE_ROWS`]. It depends on the number of columns alone.
    pub(crate) fn tile_height(&self) -> usize {
        let columns = self.rows.column_count().max(1);
        (TILE_VALUES / (columns * DEVICE_TILE_ROWS)).max(1) * DEVICE_TILE_ROWS
    }

    /// Passes tiles of `height` rows to `each`, in order: the range of their rows and an f32 (rows, columns) tensor.
    ///
    /// # Errors
    /// The first error of `each`; [`ErrorCode::Cancelled`]; [`ErrorCode::OutOfMemory`] and [`ErrorCode::Device`] of the
    /// device.
    pub(crate) fn for_each_tile(
        &self,
        height: usize,
        control: &Control,
        mut each: impl FnMut(Range<usize>, Tensor) -> Result<()>,
    ) -> Result<()> {
        let mut scratch = Vec::new();
        for range in self.tiles(height) {
            control.check()?;
            let tile = self.tile(&range, &mut scratch)?;
            each(range, tile)?;
        }
        Ok(())
    }

    /// Finds the first value that is infinite or NaN, as an [`ErrorCode::InvalidData`] that names its row and column;
    /// `None` where all are finite.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`]; [`ErrorCode::Device`].
    pub(crate) fn first_not_finite(&self) -> Result<Option<Error>> {
        let (columns, mut scratch) = (self.rows.column_count(), Vec::new());
        for range in self.tiles(self.tile_height()) {
            let values = self.rows.tile(range.start, range.len(), &mut scratch)?;
            if let Err(error) = check_finite(values, columns, range.start) {
                return Ok(Some(error));
            }
        }
        Ok(None)
    }

    fn tiles(&self, height: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let count = self.rows.row_count();
        (0..count).step_by(height).map(move |first| first..count.min(first + height))
    }

    fn tile(&self, range: &Range<usize>, scratch: &mut Vec<f32>) -> Result<Tensor> {
        let columns = self.rows.column_count();
        let tile = if let Some(rows) = self.resident {
            rows.narrow(0, range.start, range.len())
        } else {
            let values = self.rows.tile(range.start, range.len(), scratch)?;
            Tensor::from_slice(values, (range.len(), columns), self.device)
        };
        tile.map_err(no_room(&format!("{} rows of {columns} columns", range.len())))
    }
}

/// Makes the error of a computation on a device. Where its memory did not suffice, the error names what was computed, and
/// the remedy.
pub(crate) fn no_room(what: &str) -> impl Fn(candle_core::Error) -> Error + Copy + '_ {
    move |error| {
        let error = Error::from(error);
        if error.code() != ErrorCode::OutOfMemory {
            return error;
        }
        Error::new(ErrorCode::OutOfMemory, format!("there is no memory on the device for {what}"))
            .hint("free memory of the device, ask for fewer concepts, or choose the CPU")
    }
}
