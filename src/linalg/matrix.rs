//! Products of row-major matrices of f32 on one thread, whose result for a row does not depend on the other rows: the kernel
//! takes the same path for every number of them.

use std::ops::Range;

use super::kernel::{Operand, Wanted, multiply};
use crate::error::{Error, ErrorCode, Result};
use crate::memory::filled;

/// How many rows of a matrix that is not there as f32 are written at a time: as many as the kernel takes at once with the
/// widest vectors, which is enough, as it reads the other matrix anew for each such panel in any case.
const PANEL: usize = 96;

/// Part of a row-major matrix: `rows` rows of `columns` values, each row `stride` values after the one before.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    pub values: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
}

impl<'a> Block<'a> {
    /// A whole matrix.
    pub fn whole(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, stride: columns }
    }

    fn operand(self) -> Operand<'a, f32> {
        Operand {
            values: self.values,
            rows: self.rows,
            columns: self.columns,
            row_stride: self.stride,
            column_stride: 1,
        }
    }
}

/// Part of a row-major matrix that is written.
pub(crate) struct BlockMut<'a> {
    pub values: &'a mut [f32],
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
}

impl<'a> BlockMut<'a> {
    /// A whole matrix.
    pub fn whole(values: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, stride: columns }
    }
}

/// `result = left right^T`, for blocks.
pub(crate) fn block_times_transposed(result: BlockMut<'_>, left: Block<'_>, right: Block<'_>) {
    debug_assert_eq!((result.rows, result.columns), (left.rows, right.rows));
    multiply(result.values, result.stride, left.operand(), right.operand().transposed(), Wanted::All);
}

/// `result = left right`, for blocks.
pub(crate) fn block_times(result: BlockMut<'_>, left: Block<'_>, right: Block<'_>) {
    debug_assert_eq!((result.rows, result.columns), (left.rows, right.columns));
    multiply(result.values, result.stride, left.operand(), right.operand(), Wanted::All);
}

/// `result = left right^T` for `left` of (rows, inner) and `right` of (columns, inner).
pub(crate) fn times_transposed(result: &mut [f32], left: &[f32], right: &[f32], inner: usize) {
    let (rows, columns) = (left.len() / inner, right.len() / inner);
    let result = BlockMut::whole(result, rows, columns);
    block_times_transposed(result, Block::whole(left, rows, inner), Block::whole(right, columns, inner));
}

/// `result = left^T right` for `left` of (rows, `left_columns`) and `right` of (rows, `right_columns`).
pub(crate) fn transposed_times(
    result: &mut [f32],
    left: &[f32],
    left_columns: usize,
    right: &[f32],
    right_columns: usize,
) {
    let rows = left.len() / left_columns;
    let (left, right) = (Block::whole(left, rows, left_columns), Block::whole(right, rows, right_columns));
    multiply(result, right_columns, left.operand().transposed(), right.operand(), Wanted::All);
}

/// As [`times_transposed`], and the same bits, for a `right` of (columns, inner) that is not there as f32: `write` writes the
/// rows of a range of it, panel by panel.
///
/// # Errors
/// The first of `write`; [`ErrorCode::OutOfMemory`] when there is none for a panel.
pub(crate) fn times_panels(
    result: &mut [f32],
    left: &[f32],
    columns: usize,
    inner: usize,
    mut write: impl FnMut(Range<usize>, &mut [f32]) -> Result<()>,
) -> Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    let rows = left.len() / inner;
    let mut scratch = filled(0.0, PANEL.min(columns) * inner).ok_or_else(|| {
        Error::new(
            ErrorCode::OutOfMemory,
            format!("there is no memory for {PANEL} rows of a weight of {inner} columns"),
        )
        .hint("free some memory, or ask for fewer threads")
    })?;
    for start in (0..columns).step_by(PANEL) {
        let panel = start..columns.min(start + PANEL);
        let right = &mut scratch[..panel.len() * inner];
        write(panel.clone(), right)?;
        let result = BlockMut { values: &mut result[start..], rows, columns: panel.len(), stride: columns };
        block_times_transposed(result, Block::whole(left, rows, inner), Block::whole(right, panel.len(), inner));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_in_panels_is_the_same_bits() {
        for (inner, columns) in [(3, 2), (24, 5), (24, 600), (24, 961), (768, 97), (768, 1000), (3000, 193), (5, 1)] {
            let value = |index: usize| ((index * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
            let right: Vec<f32> = (7..columns * inner + 7).map(value).collect();
            for rows in [0, 1, 2, 3, 70, 600] {
                let left: Vec<f32> = (0..rows * inner).map(value).collect();
                let (mut whole, mut panels) = (vec![0.0; rows * columns], vec![0.0; rows * columns]);
                times_transposed(&mut whole, &left, &right, inner);
                let write = |rows: Range<usize>, panel: &mut [f32]| {
                    panel.copy_from_slice(&right[rows.start * inner..rows.end * inner]);
                    Ok(())
                };
                times_panels(&mut panels, &left, columns, inner, write).unwrap();
                let same = whole.iter().zip(&panels).all(|(whole, panel)| whole.to_bits() == panel.to_bits());
                assert!(same, "{rows} rows of {inner} by {columns}");
            }
        }
    }

    #[test]
    fn a_row_of_a_product_does_not_depend_on_how_many_rows_there_are() {
        let shapes = [(1, 1), (1, 70), (2, 5), (3, 2), (5, 1), (24, 5), (31, 33), (384, 50), (512, 96), (513, 97)];
        for (inner, columns) in shapes.into_iter().chain([(768, 64), (768, 100), (1000, 1), (1025, 200)]) {
            let value = |index: usize| ((index * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
            let left: Vec<f32> = (0..300 * inner).map(value).collect();
            let right: Vec<f32> = (7..columns * inner + 7).map(value).collect();
            let mut all = vec![0.0; 300 * columns];
            times_transposed(&mut all, &left, &right, inner);
            for rows in (1..20).chain([31, 64, 100, 255]) {
                let mut some = vec![0.0; rows * columns];
                times_transposed(&mut some, &left[..rows * inner], &right, inner);
                let same = some.iter().zip(&all).all(|(some, all)| some.to_bits() == all.to_bits());
                assert!(same, "{rows} rows of {inner} by {columns}");
            }
        }
    }
}
