//! Rows in tiles: threads map the tiles, and the results are reduced in the order of the rows.

use std::ops::Range;

use super::source::Rows;
use crate::control::Control;
use crate::error::Result;
use crate::parallel::in_order;
use crate::workers::Workers;

/// A tile: consecutive rows, contiguous in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tile<'a> {
    /// The index of the first row.
    pub(crate) first: usize,
    /// The values, row-major.
    pub(crate) values: &'a [f32],
}

/// Reads rows in tiles of `height` rows. `map` computes a part from each tile, on one of `threads` threads (0: one per
/// core) and with the `Scratch` of that thread. `reduce` takes the parts with the ranges of their rows, on the calling
/// thread and in the order of the rows: sums that it makes have the same bits for every number of threads.
///
/// # Errors
/// The first error of `map` or `reduce`, in the order of the tiles, or [`crate::ErrorCode::Cancelled`].
pub(crate) fn for_each_tile<Scratch: Default, Part: Send>(
    rows: &dyn Rows,
    height: usize,
    threads: usize,
    control: &Control,
    map: impl Fn(Tile<'_>, &mut Scratch) -> Result<Part> + Sync,
    mut reduce: impl FnMut(Range<usize>, Part) -> Result<()>,
) -> Result<()> {
    let count = rows.row_count();
    let range = |tile: usize| tile * height..count.min((tile + 1) * height);
    let work = |tile: usize, (copy, scratch): &mut (Vec<f32>, Scratch)| {
        let range = range(tile);
        map(Tile { first: range.start, values: rows.tile(range.start, range.len(), copy)? }, scratch)
    };
    in_order(&Workers::default(), count.div_ceil(height), threads, control, work, |tile, part| {
        reduce(range(tile), part)
    })
}
