//! Products of matrices in main memory, whose result for a row does not depend on the other rows.
//!
//! faer's kernel splits the inner size into panels of 512 and sums them in order, whatever the other two sizes and
//! the strides are, so an element of the product is the same bits in a product of any height. Two cases leave that
//! path: a product of one row (a matrix-vector kernel) and a very small one (an unrolled kernel). [`least_rows`]
//! says how many rows a product must have to stay on it. The generic kernel for other processors has one more
//! such case, below 65 by 65, which is covered as well.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// faer's bound on rows x columns x inner size, up to which the unrolled kernel is used.
const UNROLLED: usize = 16 * 16 * 16;

/// The rows that a product with an `(inputs, outputs)` matrix must at least have, so that a row of the result does
/// not depend on how many there are.
pub(super) fn least_rows(inputs: usize, outputs: usize) -> usize {
    let generic = if outputs <= 64 { 65 } else { 2 };
    let unrolled = UNROLLED / (inputs * outputs).max(1) + 1;
    generic.max(unrolled)
}

/// Part of a row-major matrix: `rows` rows of `columns` values, each row `stride` values after the one before.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
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
pub(super) struct BlockMut<'a> {
    pub values: &'a mut [f32],
    pub rows: usize,
    pub columns: usize,
    pub stride: usize,
}

impl<'a> BlockMut<'a> {
    fn view(self) -> MatMut<'a, f32> {
        // faer 0.24's `from_row_major_slice_with_stride_mut` swaps the strides; a transposed view has them right.
        MatMut::from_column_major_slice_with_stride_mut(self.values, self.columns, self.rows, self.stride)
            .transpose_mut()
    }
}

/// `result = left right^T`.
pub(super) fn times_transposed(result: BlockMut<'_>, left: Block<'_>, right: Block<'_>) {
    matmul(result.view(), Accum::Replace, left.view(), right.view().transpose(), 1.0, Par::Seq);
}

/// `result = left right`.
pub(super) fn times(result: BlockMut<'_>, left: Block<'_>, right: Block<'_>) {
    matmul(result.view(), Accum::Replace, left.view(), right.view(), 1.0, Par::Seq);
}
