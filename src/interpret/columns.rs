//! How strongly every row excites some concepts.

use crate::activations::Activations;
use crate::concepts::Explainer;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{Rows, TILE_ROWS, in_order};

/// The memory that the columns of one group of concepts may take, in bytes.
const GROUP_BYTES: usize = 1 << 30;

/// How many concepts fit in one group, at least one.
pub(super) fn concepts_at_a_time(rows: usize) -> usize {
    (GROUP_BYTES / (rows.max(1) * size_of::<f32>())).max(1)
}

/// The activations of these concepts, one column of all rows for each. Memory: 4 bytes per row and concept.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`], [`ErrorCode::Cancelled`], and those of the explainer.
pub(super) fn columns(
    explainer: &Explainer,
    activations: &Activations,
    concepts: &[usize],
    control: &Control,
) -> Result<Vec<Vec<f32>>> {
    let (rows, width) = (Rows::row_count(activations), explainer.concept_count());
    let mut columns = Vec::with_capacity(concepts.len());
    for _ in concepts {
        let mut column = Vec::<f32>::new();
        column.try_reserve_exact(rows).map_err(|_| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {rows} activations of a concept"))
                .hint("label fewer rows")
        })?;
        columns.push(column);
    }
    control.begin(Stage::Interpret, rows as u64)?;
    let encode = |tile: usize, scratch: &mut Vec<f32>| {
        let first = tile * TILE_ROWS;
        let count = TILE_ROWS.min(rows - first);
        let mut codes = vec![0.0; count * width];
        explainer.encode(activations.tile(first, count, scratch)?, &mut codes)?;
        Ok(codes)
    };
    in_order(rows.div_ceil(TILE_ROWS), 0, control, encode, |_, codes: Vec<f32>| {
        for (column, &concept) in columns.iter_mut().zip(concepts) {
            column.extend(codes.iter().skip(concept).step_by(width));
        }
        control.advance((codes.len() / width) as u64)
    })?;
    Ok(columns)
}
