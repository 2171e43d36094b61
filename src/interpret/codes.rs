//! The codes of all rows, row by row or as columns of single concepts.

use crate::concepts::{Backend, Explainer, RowCodes, rows_at_a_time};
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::rows::{Activations, DeviceTiles, Rows, Tile, for_each_tile};

/// The memory that the columns of one group of concepts may take, in bytes.
const GROUP_BYTES: usize = 1 << 30;

/// Encodes all rows on a backend, and passes each row and its codes to `absorb` on the calling thread, in order.
///
/// # Errors
/// [`ErrorCode::InvalidData`] naming the first row with a code that is not finite; [`ErrorCode::Cancelled`]; those of
/// the explainer.
pub(crate) fn for_each_code(
    explainer: &Explainer,
    rows: &dyn Rows,
    backend: &Backend,
    control: &Control,
    mut absorb: impl FnMut(usize, RowCodes<'_>),
) -> Result<()> {
    control.begin(Stage::Interpret, rows.row_count() as u64)?;
    let threads = match backend {
        Backend::Cpu { threads } => *threads,
        Backend::Device(device) => {
            let rows = DeviceTiles::new(rows, device);
            return explainer.for_each_code_on(&rows, control, |range, codes| {
                range.clone().zip(codes.rows()).for_each(|(row, codes)| absorb(row, codes));
                control.advance(range.len() as u64)
            });
        }
    };
    let height = rows_at_a_time(explainer.concept_count());
    let encode = |tile: Tile<'_>, (): &mut ()| explainer.codes_of_rows(tile.first, tile.values);
    for_each_tile(rows, height, threads, control, encode, |range, codes| {
        for (row, codes) in range.clone().zip(codes.rows()) {
            absorb(row, codes);
        }
        control.advance(range.len() as u64)
    })
}

/// How many concepts fit in one group with their columns, at least one.
pub(super) fn concepts_at_a_time(rows: usize) -> usize {
    (GROUP_BYTES / (rows.max(1) * size_of::<f32>())).max(1)
}

/// The codes of some concepts, one column of all rows for each. Memory: 4 bytes per row and concept.
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
    for_each_code(explainer, activations, &Backend::Cpu { threads: 0 }, control, |_, code| {
        columns.iter_mut().zip(concepts).for_each(|(column, &concept)| column.push(code.get(concept)));
    })?;
    Ok(columns)
}
