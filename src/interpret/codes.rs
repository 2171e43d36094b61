//! How strongly rows excite concepts.

use crate::concepts::Explainer;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::parallel::in_order;
use crate::rows::{Activations, Rows, TILE_ROWS};

/// The memory that the columns of one group of concepts may take, in bytes.
const GROUP_BYTES: usize = 1 << 30;

/// Encodes all rows on `threads` threads (0: one per core), and hands each row and its activations of all concepts to
/// `absorb` on this thread, in order.
///
/// # Errors
/// [`ErrorCode::InvalidData`] naming the first row with a concept that is not finite; [`ErrorCode::Cancelled`]; those of
/// the explainer.
pub(super) fn for_each_code(
    explainer: &Explainer,
    activations: &Activations,
    threads: usize,
    control: &Control,
    mut absorb: impl FnMut(usize, &[f32]),
) -> Result<()> {
    let (row_count, concept_count) = (Rows::row_count(activations), explainer.concept_count());
    control.begin(Stage::Interpret, row_count as u64)?;
    let encode = |tile: usize, scratch: &mut Vec<f32>| {
        let first = tile * TILE_ROWS;
        let count = TILE_ROWS.min(row_count - first);
        let mut codes = vec![0.0; count * concept_count];
        explainer.encode(activations.tile(first, count, scratch)?, &mut codes)?;
        Ok(codes)
    };
    in_order(row_count.div_ceil(TILE_ROWS), threads, control, encode, |tile, codes: Vec<f32>| {
        for (row, code) in (tile * TILE_ROWS..).zip(codes.chunks_exact(concept_count)) {
            check_finite(row, code)?;
            absorb(row, code);
        }
        control.advance((codes.len() / concept_count) as u64)
    })
}

/// A concept that is not a number has no rank, and must not pass for one that nothing excites.
fn check_finite(row: usize, code: &[f32]) -> Result<()> {
    let Some(concept) = code.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let value = code[concept];
    Err(Error::new(ErrorCode::InvalidData, format!("row {row} gives concept {concept} the activation {value}"))
        .hint("look for values in that row that are not finite, or too large")
        .detail("row", row)
        .detail("concept", concept))
}

/// How many concepts have columns that fit in one group, at least one.
pub(super) fn concepts_at_a_time(rows: usize) -> usize {
    (GROUP_BYTES / (rows.max(1) * size_of::<f32>())).max(1)
}

/// The activations of these concepts, one column of all rows for each. Memory: 4 bytes per row and concept.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`], and those of [`for_each_code`].
pub(super) fn columns(
    explainer: &Explainer,
    activations: &Activations,
    concepts: &[usize],
    control: &Control,
) -> Result<Vec<Vec<f32>>> {
    let rows = Rows::row_count(activations);
    let mut columns = Vec::with_capacity(concepts.len());
    for _ in concepts {
        let mut column = Vec::<f32>::new();
        column.try_reserve_exact(rows).map_err(|_| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {rows} activations of a concept"))
                .hint("label fewer rows")
        })?;
        columns.push(column);
    }
    for_each_code(explainer, activations, 0, control, |_, code| {
        columns.iter_mut().zip(concepts).for_each(|(column, &concept)| column.push(code[concept]));
    })?;
    Ok(columns)
}
