//! The loop over blocks of rows and panels of outputs.

use super::kernel::Kernel;
use super::matrix::Bf16Part;
use super::rows::{Scratch, Terms, pack};
use super::tile::{LINES, Part, Tile, steps};
use crate::error::{Error, Result};

/// Computes `result = left right^T` for a `left` of whole rows, on the calling thread.
///
/// # Errors
/// [`crate::ErrorCode::OutOfMemory`] when there is no memory for the rows in bf16, at most some megabytes;
/// [`crate::ErrorCode::Internal`] when the sizes do not go together.
pub(crate) fn multiply(
    kernel: Kernel,
    terms: Terms,
    result: &mut [f32],
    left: &[f32],
    right: Bf16Part<'_>,
    scratch: &mut Scratch,
) -> Result<()> {
    let (outputs, columns) = (right.rows, right.columns);
    if columns == 0 || !left.len().is_multiple_of(columns) || left.len() / columns * outputs != result.len() {
        return Err(Error::internal("the sides of a product in bf16 do not go together"));
    }
    if result.is_empty() {
        return Ok(());
    }
    let (steps, blocks) = (steps(columns), kernel.panel_blocks());
    // As many rows as stay in the L2 cache beside a panel: each panel is read from memory once for all of them.
    let strip = steps * terms.count();
    let most = (kernel.cached_bytes() / (strip * size_of::<Tile>())).next_multiple_of(2).max(2);
    let rows_at_once = most * LINES;
    for (rows, result) in left.chunks(rows_at_once * columns).zip(result.chunks_mut(rows_at_once * outputs)) {
        let count = rows.len() / columns;
        let tiles = scratch.reserve(count.div_ceil(LINES) * strip)?;
        pack(tiles, rows, columns, terms, kernel.packs_with_avx512());
        let session = kernel.start();
        for first in (0..outputs.div_ceil(LINES)).step_by(blocks) {
            let column = first * LINES;
            let part = Part {
                values: &mut result[column..],
                rows: count,
                columns: (blocks * LINES).min(outputs - column),
                stride: outputs,
            };
            session.panel(tiles, right.blocks(first, blocks), steps, terms, part);
        }
    }
    Ok(())
}
