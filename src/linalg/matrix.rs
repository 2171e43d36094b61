//! Products of row-major matrices of f32 on one thread, whose result for a row does not depend on the other rows.
//!
//! faer's kernel splits the inner size into panels and sums them in order, whatever the other two sizes and the strides are,
//! so that an element of the product is the same bits in a product of any height. Two cases leave that path: a product of one
//! row (a matrix-vector kernel) and a very small one (an unrolled kernel). [`least_rows`] says how many rows a product must
//! have to stay on it. The kernel for processors without wide vectors has one more such case, below 65 by 65, covered as well.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// faer's bound on rows x columns x inner size, up to which the unrolled kernel is used.
const UNROLLED: usize = 16 * 16 * 16;

/// The rows that a product with an `(inputs, outputs)` matrix must at least have, so that a row of the result does not depend
/// on how many there are.
fn least_rows(inputs: usize, outputs: usize) -> usize {
    let generic = if outputs <= 64 { 65 } else { 2 };
    let unrolled = UNROLLED / (inputs * outputs).max(1) + 1;
    generic.max(unrolled)
}

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

    fn view(self) -> MatRef<'a, f32> {
        MatRef::from_row_major_slice_with_stride(self.values, self.rows, self.columns, self.stride)
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

    fn view(self) -> MatMut<'a, f32> {
        // faer 0.24's `from_row_major_slice_with_stride_mut` swaps the strides; a transposed view has them right.
        MatMut::from_column_major_slice_with_stride_mut(self.values, self.columns, self.rows, self.stride)
            .transpose_mut()
    }
}

/// `result = left right^T`, for blocks; rows are independent of each other only for a fixed number of rows.
pub(crate) fn block_times_transposed(result: BlockMut<'_>, left: Block<'_>, right: Block<'_>) {
    matmul(result.view(), Accum::Replace, left.view(), right.view().transpose(), 1.0, Par::Seq);
}

/// `result = left right`, for blocks; rows are independent of each other only for a fixed number of rows.
pub(crate) fn block_times(result: BlockMut<'_>, left: Block<'_>, right: Block<'_>) {
    matmul(result.view(), Accum::Replace, left.view(), right.view(), 1.0, Par::Seq);
}

/// `result = left right^T` for `left` of (rows, inner) and `right` of (columns, inner); a row of the result is the same bits
/// for every number of rows.
pub(crate) fn times_transposed(result: &mut [f32], left: &[f32], right: &[f32], inner: usize) {
    let (rows, columns) = (left.len() / inner, right.len() / inner);
    let right = Block::whole(right, columns, inner);
    let least = least_rows(inner, columns);
    if rows >= least {
        block_times_transposed(BlockMut::whole(result, rows, columns), Block::whole(left, rows, inner), right);
    } else if rows > 0 {
        // Short products get rows of zeros, so that every row takes the same path through the kernel.
        let mut padded = left.to_vec();
        padded.resize(least * inner, 0.0);
        let mut product = vec![0.0; least * columns];
        block_times_transposed(
            BlockMut::whole(&mut product, least, columns),
            Block::whole(&padded, least, inner),
            right,
        );
        result.copy_from_slice(&product[..rows * columns]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_product_does_not_depend_on_how_many_rows_there_are() {
        for (inner, columns) in [(3, 2), (24, 5), (384, 50), (768, 64), (768, 100), (1000, 1)] {
            let value = |index: usize| ((index * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
            let left: Vec<f32> = (0..1100 * inner).map(value).collect();
            let right: Vec<f32> = (7..columns * inner + 7).map(value).collect();
            let mut all = vec![0.0; 1100 * columns];
            times_transposed(&mut all, &left, &right, inner);
            for rows in (1..80).chain([100, 255, 1024]) {
                let mut some = vec![0.0; rows * columns];
                times_transposed(&mut some, &left[..rows * inner], &right, inner);
                let same = some.iter().zip(&all).all(|(some, all)| some.to_bits() == all.to_bits());
                assert!(same, "{rows} rows of {inner} by {columns}");
            }
        }
    }
}
