//! The loop over blocks of rows and panels of outputs.

use super::super::rows::Scratch;
use super::super::tile::{LINES, Part};
use super::kernel::Int8Kernel;
use super::matrix::Int8Part;
use super::quantise::quantise;
use super::tile::{ByteTile, Strips, steps};
use crate::error::{Error, Result};

/// How many bytes of rows are read again for each panel: a half of an L2 cache of 1 MiB.
const CACHED_BYTES: usize = 512 << 10;

/// Computes `result = left right^T` for a `left` of whole rows, which are rounded to integers, on the calling thread.
///
/// # Errors
/// [`crate::ErrorCode::OutOfMemory`] when there is no memory for the rows as integers, half a megabyte or so;
/// [`crate::ErrorCode::Internal`] when the sizes do not go together.
pub(crate) fn multiply(
    kernel: Int8Kernel,
    result: &mut [f32],
    left: &[f32],
    right: Int8Part<'_>,
    scratch: &mut Scratch,
) -> Result<()> {
    let (outputs, columns) = (right.rows, right.columns);
    if columns == 0 || !left.len().is_multiple_of(columns) || left.len() / columns * outputs != result.len() {
        return Err(Error::internal("the sides of a product of integers do not go together"));
    }
    if result.is_empty() {
        return Ok(());
    }
    let (steps, blocks) = (steps(columns), kernel.panel_blocks());
    let strips_at_once = (CACHED_BYTES / (steps * size_of::<ByteTile>())).next_multiple_of(2).max(2);
    let rows_at_once = strips_at_once * LINES;
    for (rows, result) in left.chunks(rows_at_once * columns).zip(result.chunks_mut(rows_at_once * outputs)) {
        let count = rows.len() / columns;
        let strips = count.div_ceil(LINES);
        let (tiles, scales) = scratch.bytes_and_scales(strips * steps, strips * LINES)?;
        for ((tiles, rows), scales) in
            tiles.chunks_exact_mut(steps).zip(rows.chunks(LINES * columns)).zip(scales.chunks_exact_mut(LINES))
        {
            scales.copy_from_slice(&quantise(tiles, rows, columns, kernel.flip()));
        }
        let strips = Strips { tiles, scales };
        let session = kernel.start();
        for first in (0..outputs.div_ceil(LINES)).step_by(blocks) {
            let column = first * LINES;
            let part = Part {
                values: &mut result[column..],
                rows: count,
                columns: (blocks * LINES).min(outputs - column),
                stride: outputs,
            };
            session.panel(strips, right.blocks(first, blocks), steps, part);
        }
    }
    Ok(())
}
