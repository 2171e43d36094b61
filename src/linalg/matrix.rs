//! Products of row-major matrices on one thread, in which a row of the result does not depend on the other rows.
//!
//! faer's kernel splits the inner dimension into panels and sums them in order, whatever the other two dimensions and
//! the strides are. So an element of the product has the same bits in a product of any height. Two cases use other
//! kernels: a product of one row (matrix-vector) and a very small product (unrolled). [`min_rows`] returns how many
//! rows a product needs to avoid them. The kernel for processors without wide vectors has one more such case, below 65
//! by 65, which is covered as well.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};

use crate::error::{Error, ErrorCode, Result};
use crate::memory::filled;
use crate::workspace;

/// The bound of faer on rows x columns x inner dimension, up to which the unrolled kernel is used.
const UNROLLED: usize = 16 * 16 * 16;

/// How many rows are converted to f32 at a time, of a matrix that is stored in another type. It is the panel height of
/// the kernels for wide vectors; more would not help, since they read the other matrix again for each such panel.
const PANEL: usize = 96;

/// The number of rows that a product with an `(inputs, outputs)` matrix needs, so that a row of the result does not
/// depend on how many there are.
fn min_rows(inputs: usize, outputs: usize) -> usize {
    let generic = if outputs <= 64 { 65 } else { 2 };
    let unrolled = UNROLLED / (inputs * outputs).max(1) + 1;
    generic.max(unrolled)
}

/// What the products of this module are made of: f32 or f64.
pub(crate) trait Value: ComplexField + Copy {}

impl Value for f32 {}
impl Value for f64 {}

/// A block of a row-major matrix: `rows` rows of `columns` values, each row `stride` values after the one before.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a, T = f32> {
    pub values: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
}

impl<'a, T> Block<'a, T> {
    /// The block that is a whole matrix.
    pub fn whole(values: &'a [T], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, stride: columns }
    }

    fn view(self) -> MatRef<'a, T> {
        MatRef::from_row_major_slice_with_stride(self.values, self.rows, self.columns, self.stride)
    }
}

/// A block of a row-major matrix that is written to.
pub(crate) struct BlockMut<'a, T = f32> {
    pub values: &'a mut [T],
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
}

impl<'a, T> BlockMut<'a, T> {
    /// The block that is a whole matrix.
    pub fn whole(values: &'a mut [T], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, stride: columns }
    }

    fn view(self) -> MatMut<'a, T> {
        // faer 0.24's `from_row_major_slice_with_stride_mut` swaps the strides; a transposed view has them right.
        MatMut::from_column_major_slice_with_stride_mut(self.values, self.columns, self.rows, self.stride)
            .transpose_mut()
    }
}

/// Computes `result = left right` on one thread.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] when there is no memory for the thread's scratch buffer.
pub(super) fn multiply<T: ComplexField>(
    result: MatMut<'_, T>,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
) -> Result<()> {
    workspace::prepare()?;
    matmul(result, Accum::Replace, left, right, T::one_impl(), Par::Seq);
    Ok(())
}

/// Computes `result = left right^T` for blocks. The bits of a row may depend on how many rows there are.
///
/// # Errors
/// As [`multiply`].
fn block_times_transposed<T: ComplexField>(
    result: BlockMut<'_, T>,
    left: Block<'_, T>,
    right: Block<'_, T>,
) -> Result<()> {
    multiply(result.view(), left.view(), right.view().transpose())
}

/// Computes `result = left^T right` for blocks.
///
/// # Errors
/// As [`multiply`].
pub(crate) fn block_transposed_times<T: ComplexField>(
    result: BlockMut<'_, T>,
    left: Block<'_, T>,
    right: Block<'_, T>,
) -> Result<()> {
    multiply(result.view(), left.view().transpose(), right.view())
}

/// Computes `result = left right^T` for `left` of (rows, inner) and `right` of (columns, inner). A row of the result
/// has the same bits for every number of rows.
///
/// # Errors
/// As [`multiply`].
pub(crate) fn times_transposed<T: Value>(result: &mut [T], left: &[T], right: &[T], inner: usize) -> Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    let columns = right.len() / inner;
    with_min_rows(min_rows(inner, columns), result, left, inner, |result, left| {
        let result = BlockMut::whole(result, left.rows, columns);
        block_times_transposed(result, left, Block::whole(right, columns, inner))
    })
}

/// Computes the product of [`times_transposed`], with the same bits, for a `right` of (columns, inner) that is not
/// stored as f32: `write` converts a range of its rows, one panel after the other.
///
/// # Errors
/// The first error of `write`, and those of [`multiply`].
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
    // The last panel takes the remaining rows as well: a panel with few columns could use another kernel.
    let count = (columns / PANEL).max(1);
    let panels = (0..count).map(|index| index * PANEL..if index + 1 < count { (index + 1) * PANEL } else { columns });
    let length = (columns - (count - 1) * PANEL) * inner;
    let mut scratch = filled(0.0, length).ok_or_else(|| no_memory("rows of a weight", length))?;
    with_min_rows(min_rows(inner, PANEL.min(columns)), result, left, inner, |result, left| {
        for panel in panels {
            let right = &mut scratch[..panel.len() * inner];
            write(panel.clone(), right)?;
            let right = Block::whole(right, panel.len(), inner);
            let result = &mut result[panel.start..];
            let result = BlockMut { values: result, rows: left.rows, columns: panel.len(), stride: columns };
            block_times_transposed(result, left, right)?;
        }
        Ok(())
    })
}

/// Passes a product of at least `min_rows` rows to `work`. Smaller products are padded with zero rows, so that every
/// row goes through the same kernel.
fn with_min_rows<T: Value>(
    min_rows: usize,
    result: &mut [T],
    left: &[T],
    inner: usize,
    work: impl FnOnce(&mut [T], Block<'_, T>) -> Result<()>,
) -> Result<()> {
    let rows = left.len() / inner;
    if rows >= min_rows {
        return work(result, Block::whole(left, rows, inner));
    }
    let length = result.len() / rows * min_rows;
    let mut padded = filled(T::zero_impl(), min_rows * inner).ok_or_else(|| no_memory("rows", min_rows * inner))?;
    padded[..left.len()].copy_from_slice(left);
    let mut product = filled(T::zero_impl(), length).ok_or_else(|| no_memory("a product", length))?;
    work(&mut product, Block::whole(&padded, min_rows, inner))?;
    result.copy_from_slice(&product[..result.len()]);
    Ok(())
}

fn no_memory(what: &str, values: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {values} values of {what}"))
        .hint("free some memory, or ask for fewer threads")
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
                times_transposed(&mut whole, &left, &right, inner).unwrap();
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
        fn check<T: Value>(value: impl Fn(f64) -> T, bits: impl Fn(T) -> u64) {
            for (inner, columns) in [(3, 2), (24, 5), (384, 50), (768, 64), (768, 100), (1000, 1)] {
                let number = |index: usize| value(((index * 2_654_435_761) % 1000) as f64 / 500.0 - 1.0);
                let left: Vec<T> = (0..1100 * inner).map(number).collect();
                let right: Vec<T> = (7..columns * inner + 7).map(number).collect();
                let mut all = vec![T::zero_impl(); 1100 * columns];
                times_transposed(&mut all, &left, &right, inner).unwrap();
                for rows in (1..80).chain([100, 255, 1024]) {
                    let mut some = vec![T::zero_impl(); rows * columns];
                    times_transposed(&mut some, &left[..rows * inner], &right, inner).unwrap();
                    let same = some.iter().zip(&all).all(|(&some, &all)| bits(some) == bits(all));
                    assert!(same, "{rows} rows of {inner} by {columns}");
                }
            }
        }
        check(|number| number as f32, |value| value.to_bits().into());
        check(|number| number, f64::to_bits);
    }
}
