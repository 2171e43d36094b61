//! Products with a matrix that is packed in panels, in an order of summation that depends on the inner dimension only.
//!
//! An element is summed by fused multiply-adds in the order of the inner dimension, in runs of [`RUN`] terms whose sums are
//! added one after the other. This is the order of faer's kernels for wide vectors, so that an element has the same bits here
//! and there. Where the processor has no fused multiply-add, each product is rounded as well.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

/// The number of terms that are summed before they are added to the result.
const RUN: usize = 512;

/// The number of columns is rounded up to a multiple of this: no register has more lanes.
const LANES: usize = 16;

/// The number of columns of a panel: four registers of 16 lanes.
const WIDTH: usize = 64;

/// The number of rows of a tile, whose sums stay in registers.
pub(super) const TILE_ROWS: usize = 6;

/// Rows, each of which begins `stride` values after the one before.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub values: &'a [f32],
    pub count: usize,
    pub stride: usize,
}

/// A matrix in panels of [`WIDTH`] columns, each of which lies in one piece, row after row. The last panel has as many
/// columns as are left, rounded up to a multiple of [`LANES`] with columns of zeros.
#[derive(Debug, Default)]
pub(super) struct Panels {
    values: Vec<f32>,
    /// The number of rows.
    inner: usize,
    /// The number of columns, rounded up.
    columns: usize,
}

impl Panels {
    /// Packs the transpose of some rows of `inner` values: each of them becomes a column.
    pub fn pack_transposed(&mut self, rows: Rows<'_>, inner: usize) {
        self.begin(inner, rows.count);
        for (column, row) in rows.values.chunks(rows.stride).take(rows.count).enumerate() {
            let (first, width) = (column / WIDTH * WIDTH, self.width(column));
            let target = self.values[first * inner + column - first..].iter_mut().step_by(width);
            target.zip(&row[..inner]).for_each(|(target, value)| *target = *value);
        }
    }

    /// Packs rows of `columns` values.
    pub fn pack(&mut self, rows: Rows<'_>, columns: usize) {
        self.begin(rows.count, columns);
        for first in (0..columns).step_by(WIDTH) {
            let (end, width) = (columns.min(first + WIDTH), self.width(first));
            let target = self.values[first * rows.count..].chunks_exact_mut(width);
            for (target, row) in target.zip(rows.values.chunks(rows.stride)).take(rows.count) {
                target[..end - first].copy_from_slice(&row[first..end]);
            }
        }
    }

    fn begin(&mut self, inner: usize, columns: usize) {
        self.inner = inner;
        self.columns = columns.next_multiple_of(LANES);
        self.values.clear();
        self.values.resize(self.columns * inner, 0.0);
    }

    /// The number of columns of the panel that a column is in.
    fn width(&self, column: usize) -> usize {
        WIDTH.min(self.columns - column / WIDTH * WIDTH)
    }

    /// The number of columns, those of zeros included.
    pub fn width_of_all(&self) -> usize {
        self.columns
    }

    /// The columns of the panels that some columns are in.
    pub fn panels_of(&self, columns: &Range<usize>) -> Range<usize> {
        columns.start / WIDTH * WIDTH..columns.end.next_multiple_of(WIDTH).min(self.columns)
    }

    /// Computes `target = left right`, where `right` is this matrix, or its rows in `inner` and the whole panels in `columns`.
    /// `left` has rows of `inner.len()` values. `target` has as many rows, each of which begins `stride` values after the one
    /// before and is at least `columns.len()` values long.
    pub fn times(
        &self,
        (inner, columns): (Range<usize>, Range<usize>),
        left: Rows<'_>,
        target: &mut [f32],
        stride: usize,
    ) {
        Arch::new().dispatch(Product { panels: self, inner, columns, left, target, stride });
    }
}

/// What [`Panels::times`] computes.
struct Product<'a> {
    panels: &'a Panels,
    inner: Range<usize>,
    columns: Range<usize>,
    left: Rows<'a>,
    target: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { panels, inner, columns, left, target, stride } = self;
        for first in columns.clone().step_by(WIDTH) {
            let width = panels.width(first);
            let panel = &panels.values[first * panels.inner..];
            for run in inner.clone().step_by(RUN) {
                let end = inner.end.min(run + RUN);
                let part = Part {
                    right: &panel[run * width..end * width],
                    width,
                    depth: run - inner.start..end - inner.start,
                    left,
                    first: first - columns.start,
                    stride,
                };
                // As many sums as there are registers for: 32 of 16 lanes, or 16 of 8.
                let mut column = 0;
                while column < width {
                    let registers = (width - column) / S::F32_LANES;
                    column += S::F32_LANES
                        * match registers {
                            4.. if S::F32_LANES >= 16 => part.rows::<S, 4>(simd, column, target),
                            2.. => part.rows::<S, 2>(simd, column, target),
                            _ => part.rows::<S, 1>(simd, column, target),
                        };
                }
            }
        }
    }
}

/// A panel of a product, for one run of the inner dimension.
struct Part<'a> {
    right: &'a [f32],
    /// The columns of `right`.
    width: usize,
    /// The columns of `left` that are multiplied.
    depth: Range<usize>,
    left: Rows<'a>,
    /// The column of the target where the panel begins.
    first: usize,
    stride: usize,
}

impl Part<'_> {
    /// Computes the columns in `V` registers from `column` on, for all rows. Returns `V`.
    #[inline(always)]
    fn rows<S: Simd, const V: usize>(&self, simd: S, column: usize, target: &mut [f32]) -> usize {
        let mut row = 0;
        while self.left.count - row >= TILE_ROWS {
            self.tile::<S, TILE_ROWS, V>(simd, (row, column), target);
            row += TILE_ROWS;
        }
        while self.left.count - row >= 3 {
            self.tile::<S, 3, V>(simd, (row, column), target);
            row += 3;
        }
        while self.left.count > row {
            self.tile::<S, 1, V>(simd, (row, column), target);
            row += 1;
        }
        V
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        (row, column): (usize, usize),
        target: &mut [f32],
    ) {
        let columns = V * S::F32_LANES;
        let left: [&[f32]; R] = std::array::from_fn(|index| {
            let start = (row + index) * self.left.stride;
            &self.left.values[start + self.depth.start..start + self.depth.end]
        });
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for (term, right) in self.right.chunks_exact(self.width).enumerate() {
            let Some(right) = S::as_simd_f32s(&right[column..column + columns]).0.first_chunk::<V>() else { continue };
            for (sums, left) in sums.iter_mut().zip(left) {
                let factor = simd.splat_f32s(left[term]);
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = simd.mul_add_e_f32s(factor, *right, *sum);
                }
            }
        }
        let is_first = self.depth.start == 0;
        for (index, sums) in sums.into_iter().enumerate() {
            let start = (row + index) * self.stride + self.first + column;
            let target = S::as_mut_simd_f32s(&mut target[start..start + columns]).0;
            for (target, sum) in target.iter_mut().zip(sums) {
                *target = if is_first { sum } else { simd.add_f32s(*target, sum) };
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use faer::linalg::matmul::matmul;
    use faer::{Accum, Mat, MatRef, Par};

    use super::*;

    /// Some numbers in no order.
    pub(in crate::kernels) fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|index| ((index + seed).wrapping_mul(2_654_435_761) % 1000) as f32 / 300.0 - 1.5).collect()
    }

    /// faer's product of row-major matrices, `(rows, inner)` and `(inner, columns)`, or the transpose of `(columns, inner)`.
    pub(in crate::kernels) fn by_faer(left: &[f32], right: &[f32], inner: usize, is_transposed: bool) -> Vec<f32> {
        let (rows, columns) = (left.len() / inner, right.len() / inner);
        let left = MatRef::from_row_major_slice(left, rows, inner);
        let right = if is_transposed {
            MatRef::from_row_major_slice(right, columns, inner).transpose()
        } else {
            MatRef::from_row_major_slice(right, inner, columns)
        };
        let mut product = Mat::<f32>::zeros(columns, rows);
        matmul(product.as_mut().transpose_mut(), Accum::Replace, left, right, 1.0, Par::Seq);
        (0..rows).flat_map(|row| product.col_as_slice(row).to_vec()).collect()
    }

    /// Whether faer sums in this order, which it does where there are wide vectors.
    pub(in crate::kernels) fn faer_sums_in_this_order() -> bool {
        matches!(crate::kernels::instructions(), "AVX-512" | "AVX2")
    }

    fn bits(values: &[f32], stride: usize, columns: usize) -> Vec<u32> {
        values.chunks(stride).flat_map(|row| row[..columns].iter().map(|value| value.to_bits())).collect()
    }

    /// Rows without what lies between them.
    fn dense(rows: Rows<'_>, columns: usize) -> Vec<f32> {
        rows.values.chunks(rows.stride).take(rows.count).flat_map(|row| row[..columns].to_vec()).collect()
    }

    #[test]
    fn products_have_the_bits_of_faer_and_a_row_has_them_alone() {
        let sizes = [(2, 3, 5), (7, 32, 27), (27, 64, 27), (5, 511, 64), (6, 512, 32), (10, 513, 40), (13, 1500, 130)];
        for (rows, inner, columns) in sizes {
            let (stride, right_stride) = (inner + 3, inner + 5);
            let (left, right) = (numbers(rows * stride, 1), numbers(columns * right_stride, 2));
            let left = Rows { values: &left[..(rows - 1) * stride + inner], count: rows, stride };
            let right =
                Rows { values: &right[..(columns - 1) * right_stride + inner], count: columns, stride: right_stride };
            let (dense_left, dense_right) = (dense(left, inner), dense(right, inner));
            let straight: Vec<f32> =
                (0..inner).flat_map(|row| dense_right.iter().skip(row).step_by(inner).copied()).collect();
            let mut panels = Panels::default();
            for is_transposed in [true, false] {
                if is_transposed {
                    panels.pack_transposed(right, inner);
                } else {
                    panels.pack(Rows { values: &straight, count: inner, stride: columns }, columns);
                }
                let what = format!("{rows} x {inner} x {columns}, transposed: {is_transposed}");
                let all = panels.panels_of(&(0..columns));
                let mut ours = vec![f32::NAN; rows * all.len()];
                panels.times((0..inner, all.clone()), left, &mut ours, all.len());
                let theirs =
                    by_faer(&dense_left, if is_transposed { &dense_right } else { &straight }, inner, is_transposed);
                if faer_sums_in_this_order() {
                    assert!(bits(&ours, all.len(), columns) == bits(&theirs, columns, columns), "{what}");
                }
                let near = |(row, theirs): (&[f32], &[f32])| {
                    row.iter().zip(theirs).all(|(ours, theirs)| (ours - theirs).abs() < 1e-3)
                };
                assert!(ours.chunks(all.len()).zip(theirs.chunks(columns)).all(near), "{what}");
                let mut alone = vec![f32::NAN; all.len()];
                let last = Rows { values: &left.values[(rows - 1) * stride..], count: 1, stride };
                panels.times((0..inner, all.clone()), last, &mut alone, all.len());
                let among = &ours[(rows - 1) * all.len()..];
                assert!(bits(&alone, all.len(), columns) == bits(among, all.len(), columns), "{what}");
            }
        }
    }

    #[test]
    fn some_panels_and_some_terms_are_multiplied() {
        let (inner, columns) = (40, 200);
        let (left, right) = (numbers(3 * 10, 1), numbers(columns * inner, 2));
        let mut panels = Panels::default();
        panels.pack_transposed(Rows { values: &right, count: columns, stride: inner }, inner);
        let part = panels.panels_of(&(70..190));
        assert_eq!(part, 64..192);
        let mut ours = vec![f32::NAN; 3 * 128];
        panels.times((5..15, part), Rows { values: &left, count: 3, stride: 10 }, &mut ours, 128);
        for (index, ours) in ours.iter().enumerate() {
            let (row, column) = (index / 128, 64 + index % 128);
            let terms = left[row * 10..][..10].iter().zip(&right[column * inner + 5..][..10]);
            let expected: f32 = terms.map(|(left, right)| left * right).sum();
            assert!((ours - expected).abs() < 1e-4, "row {row}, column {column}");
        }
    }
}
