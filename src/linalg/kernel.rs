//! The product of two matrices on one thread, with a workspace that is small and may be missing.
//!
//! An element of the product is one sum over the inner size in order, in parts of [`DEPTH`] that are added in order: the same
//! bits whatever the other two sizes, the strides and the width of the processor's vectors are, as long as it has fused
//! multiplications. Nothing here depends on the sizes of its caches.
//!
//! The loops are those of K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): a panel of
//! the right matrix is copied so that it lies in the order in which it is read, and stays in the second cache while rows of
//! the left one pass by, a few at a time, with the sums in registers.

// A function is compiled for the vector units of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use bytemuck::{Pod, Zeroable};
use pulp::{Arch, Simd, WithSimd};

/// How many terms of a sum are added before the sum goes to memory.
const DEPTH: usize = 512;

/// How many bytes a line of the cache has, or more.
const LINE: usize = 64;

/// How many rows and columns of the right matrix are exchanged at a time.
const BLOCK: usize = 8;

/// How many rows of the left matrix pass at a time.
const ROWS: usize = 4;

/// A number that products are made of.
pub(super) trait Number: Pod + std::ops::AddAssign {
    /// As many of them as the processor multiplies at a time.
    type Vector<S: Simd>: Pod;

    /// The same number everywhere.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;

    /// `a b + c`, rounded once where the processor can.
    fn multiply_add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;

    /// What exchanges the rows and the columns of a block.
    #[inline(always)]
    fn exchange() -> impl Fn(Block<Self>) -> Block<Self> {
        exchanged
    }
}

impl Number for f32 {
    type Vector<S: Simd> = S::f32s;

    #[inline(always)]
    fn splat<S: Simd>(simd: S, value: Self) -> S::f32s {
        simd.splat_f32s(value)
    }

    #[inline(always)]
    fn multiply_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(a, b, c)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn exchange() -> impl Fn(Block<Self>) -> Block<Self> {
        let simd = pulp::x86::V3::try_new();
        #[inline(always)]
        move |block| match simd {
            Some(simd) => exchanged_f32(simd, block),
            None => exchanged(block),
        }
    }
}

impl Number for f64 {
    type Vector<S: Simd> = S::f64s;

    #[inline(always)]
    fn splat<S: Simd>(simd: S, value: Self) -> S::f64s {
        simd.splat_f64s(value)
    }

    #[inline(always)]
    fn multiply_add<S: Simd>(simd: S, a: S::f64s, b: S::f64s, c: S::f64s) -> S::f64s {
        simd.mul_add_e_f64s(a, b, c)
    }
}

type Block<T> = [[T; BLOCK]; BLOCK];

#[inline(always)]
fn exchanged<T: Copy>(block: Block<T>) -> Block<T> {
    std::array::from_fn(|row| std::array::from_fn(|column| block[column][row]))
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn exchanged_f32(pulp::x86::V3 { avx, .. }: pulp::x86::V3, block: Block<f32>) -> Block<f32> {
    let [a, b, c, d, e, f, g, h] = block;
    let [a, b, c, d] = [pulp::cast(a), pulp::cast(b), pulp::cast(c), pulp::cast(d)];
    let [e, f, g, h] = [pulp::cast(e), pulp::cast(f), pulp::cast(g), pulp::cast(h)];
    // Pairs of rows, then fours of them, then all eight.
    let (ab, cd) = (
        (avx._mm256_unpacklo_ps(a, b), avx._mm256_unpackhi_ps(a, b)),
        (avx._mm256_unpacklo_ps(c, d), avx._mm256_unpackhi_ps(c, d)),
    );
    let (ef, gh) = (
        (avx._mm256_unpacklo_ps(e, f), avx._mm256_unpackhi_ps(e, f)),
        (avx._mm256_unpacklo_ps(g, h), avx._mm256_unpackhi_ps(g, h)),
    );
    let (a, b) = (avx._mm256_shuffle_ps::<0x44>(ab.0, cd.0), avx._mm256_shuffle_ps::<0xEE>(ab.0, cd.0));
    let (c, d) = (avx._mm256_shuffle_ps::<0x44>(ab.1, cd.1), avx._mm256_shuffle_ps::<0xEE>(ab.1, cd.1));
    let (e, f) = (avx._mm256_shuffle_ps::<0x44>(ef.0, gh.0), avx._mm256_shuffle_ps::<0xEE>(ef.0, gh.0));
    let (g, h) = (avx._mm256_shuffle_ps::<0x44>(ef.1, gh.1), avx._mm256_shuffle_ps::<0xEE>(ef.1, gh.1));
    [
        pulp::cast(avx._mm256_permute2f128_ps::<0x20>(a, e)),
        pulp::cast(avx._mm256_permute2f128_ps::<0x20>(b, f)),
        pulp::cast(avx._mm256_permute2f128_ps::<0x20>(c, g)),
        pulp::cast(avx._mm256_permute2f128_ps::<0x20>(d, h)),
        pulp::cast(avx._mm256_permute2f128_ps::<0x31>(a, e)),
        pulp::cast(avx._mm256_permute2f128_ps::<0x31>(b, f)),
        pulp::cast(avx._mm256_permute2f128_ps::<0x31>(c, g)),
        pulp::cast(avx._mm256_permute2f128_ps::<0x31>(d, h)),
    ]
}

/// A matrix that is read: element `(row, column)` is `values[row * row_stride + column * column_stride]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operand<'a, T> {
    pub values: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a, T> Operand<'a, T> {
    /// A row-major matrix in one piece.
    pub fn row_major(values: &'a [T], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The same numbers, with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// Which elements of a product are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// Those on and below the diagonal; the others may or may not be computed.
    Lower,
}

/// `result = left right`, for a row-major result whose rows lie `stride` values apart.
pub(super) fn multiply<T: Number>(
    result: &mut [T],
    stride: usize,
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    wanted: Wanted,
) {
    Arch::new().dispatch(Product { result, stride, left, right, wanted });
}

struct Product<'a, T> {
    result: &'a mut [T],
    stride: usize,
    left: Operand<'a, T>,
    right: Operand<'a, T>,
    wanted: Wanted,
}

impl<T: Number> WithSimd for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (inner, columns) = (self.right.rows, self.right.columns);
        if inner == 0 {
            for row in 0..self.left.rows {
                self.result[row * self.stride..][..columns].fill(T::zeroed());
            }
            return;
        }
        let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
        let widest = columns.div_ceil(lanes).min(if S::REGISTER_COUNT >= 32 { 6 } else { 3 });
        let depth = inner.min(DEPTH);
        // One vector more, so that the panel can begin with a line of the cache.
        let length = depth * widest + LINE.div_ceil(size_of::<T::Vector<S>>());
        let mut panel = Vec::new();
        if panel.try_reserve_exact(length).is_ok() {
            panel.resize(length, T::Vector::<S>::zeroed());
            let values: &mut [T] = bytemuck::cast_slice_mut(&mut panel);
            let aligned = values.as_ptr().align_offset(LINE).min(length * lanes - depth * widest * lanes);
            self.over_panels(simd, bytemuck::cast_slice_mut(&mut values[aligned..][..depth * widest * lanes]), widest);
        } else {
            self.over_narrow_panels(simd);
        }
    }
}

impl<T: Number> Product<'_, T> {
    /// Where there is no memory for a panel, a narrow one lies on the stack: slower, and the same bits.
    #[inline(always)]
    fn over_narrow_panels<S: Simd>(&mut self, simd: S) {
        self.over_panels(simd, &mut [T::Vector::<S>::zeroed(); DEPTH], 1);
    }

    #[inline(always)]
    fn over_panels<S: Simd>(&mut self, simd: S, panel: &mut [T::Vector<S>], vectors: usize) {
        let (inner, columns) = (self.right.rows, self.right.columns);
        let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
        for first in (0..inner).step_by(DEPTH) {
            let depth = DEPTH.min(inner - first);
            for column in (0..columns).step_by(vectors * lanes) {
                let width = (vectors * lanes).min(columns - column);
                let vectors = width.div_ceil(lanes);
                let panel = &mut panel[..depth * vectors];
                pack(bytemuck::cast_slice_mut(panel), vectors * lanes, self.right, first, column..column + width);
                match vectors {
                    1 => self.pass::<S, 1>(simd, panel, first, column, width),
                    2 => self.pass::<S, 2>(simd, panel, first, column, width),
                    3 => self.pass::<S, 3>(simd, panel, first, column, width),
                    4 => self.pass::<S, 4>(simd, panel, first, column, width),
                    5 => self.pass::<S, 5>(simd, panel, first, column, width),
                    _ => self.pass::<S, 6>(simd, panel, first, column, width),
                }
            }
        }
    }

    /// Lets all rows of the left matrix pass by a panel.
    #[inline(always)]
    fn pass<S: Simd, const VECTORS: usize>(
        &mut self,
        simd: S,
        panel: &[T::Vector<S>],
        first: usize,
        column: usize,
        width: usize,
    ) {
        let panel = panel.as_chunks::<VECTORS>().0;
        let mut row = 0;
        while row < self.left.rows {
            let rows = ROWS.min(self.left.rows - row);
            if self.wanted == Wanted::All || row + rows > column {
                match rows {
                    1 => self.tile::<S, VECTORS, 1>(simd, panel, first, row, column, width),
                    2 => self.tile::<S, VECTORS, 2>(simd, panel, first, row, column, width),
                    3 => self.tile::<S, VECTORS, 3>(simd, panel, first, row, column, width),
                    _ => self.tile::<S, VECTORS, 4>(simd, panel, first, row, column, width),
                }
            }
            row += rows;
        }
    }

    /// A few rows of a panel's part of the product.
    #[inline(always)]
    fn tile<S: Simd, const VECTORS: usize, const ROWS: usize>(
        &mut self,
        simd: S,
        panel: &[[T::Vector<S>; VECTORS]],
        first: usize,
        row: usize,
        column: usize,
        width: usize,
    ) {
        let left = self.left;
        let sums: [_; ROWS] = if left.column_stride == 1 {
            let rows: [&[T]; ROWS] =
                std::array::from_fn(|offset| &left.values[(row + offset) * left.row_stride + first..][..panel.len()]);
            sums(
                simd,
                panel,
                #[inline(always)]
                |term| {
                    std::array::from_fn(
                        #[inline(always)]
                        |row| rows[row][term],
                    )
                },
            )
        } else {
            let values = &left.values[first * left.column_stride + row * left.row_stride..];
            sums(
                simd,
                panel,
                #[inline(always)]
                |term| {
                    let values = &values[term * left.column_stride..];
                    std::array::from_fn(
                        #[inline(always)]
                        |row| values[row * left.row_stride],
                    )
                },
            )
        };
        for (offset, sums) in sums.iter().enumerate() {
            let target = &mut self.result[(row + offset) * self.stride + column..][..width];
            let sums = &bytemuck::cast_slice::<_, T>(sums)[..width];
            if first == 0 {
                target.copy_from_slice(sums);
            } else {
                target.iter_mut().zip(sums).for_each(|(target, &sum)| *target += sum);
            }
        }
    }
}

/// The sums of a tile, in registers.
#[inline(always)]
fn sums<S: Simd, T: Number, const VECTORS: usize, const ROWS: usize>(
    simd: S,
    panel: &[[T::Vector<S>; VECTORS]],
    left: impl Fn(usize) -> [T; ROWS],
) -> [[T::Vector<S>; VECTORS]; ROWS] {
    let mut sums = [[T::Vector::<S>::zeroed(); VECTORS]; ROWS];
    for (term, right) in panel.iter().enumerate() {
        let left = left(term);
        for (sums, value) in sums.iter_mut().zip(left) {
            let value = T::splat(simd, value);
            for (sum, &right) in sums.iter_mut().zip(right) {
                *sum = T::multiply_add(simd, right, value, *sum);
            }
        }
    }
    sums
}

/// Copies columns of the right matrix, from the inner index `first` on, so that those of an inner index lie side by side;
/// what is left of `width` is zero.
#[inline(always)]
fn pack<T: Number>(
    panel: &mut [T],
    width: usize,
    right: Operand<'_, T>,
    first: usize,
    columns: std::ops::Range<usize>,
) {
    if right.column_stride == 1 {
        for (term, target) in panel.chunks_exact_mut(width).enumerate() {
            let start = (first + term) * right.row_stride + columns.start;
            target[..columns.len()].copy_from_slice(&right.values[start..start + columns.len()]);
            target[columns.len()..].fill(T::zeroed());
        }
        return;
    }
    // Few columns at a time, so that what is read lies in long runs, which the processor reads ahead of time.
    let (stride, exchange) = (right.column_stride, T::exchange());
    let terms = panel.len() / width;
    for offset in (0..columns.len()).step_by(BLOCK) {
        let count = BLOCK.min(columns.len() - offset);
        let start = first * right.row_stride + (columns.start + offset) * stride;
        let in_blocks = if right.row_stride == 1 && count == BLOCK { terms / BLOCK * BLOCK } else { 0 };
        let (blocks, rest) = panel.split_at_mut(in_blocks * width);
        for (block, targets) in blocks.chunks_exact_mut(width * BLOCK).enumerate() {
            let mut values = [[T::zeroed(); BLOCK]; BLOCK];
            for (column, values) in values.iter_mut().enumerate() {
                values.copy_from_slice(&right.values[start + column * stride + block * BLOCK..][..BLOCK]);
            }
            for (target, row) in targets.chunks_exact_mut(width).zip(exchange(values)) {
                target[offset..offset + BLOCK].copy_from_slice(&row);
            }
        }
        for (term, target) in rest.chunks_exact_mut(width).enumerate() {
            let start = start + (in_blocks + term) * right.row_stride;
            for (column, target) in target[offset..offset + count].iter_mut().enumerate() {
                *target = right.values[start + column * stride];
            }
        }
    }
    panel.chunks_exact_mut(width).for_each(|target| target[columns.len()..].fill(T::zeroed()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<T: From<f32>>(count: usize, seed: usize) -> Vec<T> {
        (seed..count + seed).map(|index| T::from(((index * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0)).collect()
    }

    /// What the kernel promises, term by term.
    fn expected(left: Operand<'_, f32>, right: Operand<'_, f32>, row: usize, column: usize) -> f32 {
        let mut total = 0.0;
        for first in (0..left.columns).step_by(DEPTH) {
            let mut sum = 0.0_f32;
            for term in first..left.columns.min(first + DEPTH) {
                let a = left.values[row * left.row_stride + term * left.column_stride];
                let b = right.values[term * right.row_stride + column * right.column_stride];
                sum = a.mul_add(b, sum);
            }
            total = if first == 0 { sum } else { total + sum };
        }
        total
    }

    #[test]
    fn an_element_is_one_sum_in_order_for_every_shape_and_stride() {
        #[cfg(target_arch = "x86_64")]
        if !std::arch::is_x86_feature_detected!("fma") {
            return;
        }
        for (rows, inner, columns) in
            [(1, 1, 1), (1, 7, 100), (2, 40, 3), (5, 513, 97), (66, 8, 8), (7, 1030, 200), (9, 16, 95)]
        {
            let (left, right) = (values(rows * inner, 0), values(inner * columns, 7));
            let lefts = [Operand::row_major(&left, rows, inner), Operand::row_major(&left, inner, rows).transposed()];
            let rights =
                [Operand::row_major(&right, inner, columns), Operand::row_major(&right, columns, inner).transposed()];
            for (left, right) in lefts.into_iter().flat_map(|left| rights.map(|right| (left, right))) {
                let stride = columns + 3;
                let mut result = vec![7.0; rows * stride];
                multiply(&mut result, stride, left, right, Wanted::All);
                let mut narrow = vec![7.0; rows * stride];
                Arch::new().dispatch(Narrow(Product { result: &mut narrow, stride, left, right, wanted: Wanted::All }));
                for (row, column) in (0..rows).flat_map(|row| (0..stride).map(move |column| (row, column))) {
                    let expected = if column < columns { expected(left, right, row, column) } else { 7.0 };
                    for result in [&result, &narrow] {
                        let found = result[row * stride + column];
                        assert_eq!(found.to_bits(), expected.to_bits(), "{rows} {inner} {columns}: {row}, {column}");
                    }
                }
            }
        }
    }

    /// A product for which there is no memory.
    struct Narrow<'a>(Product<'a, f32>);

    impl WithSimd for Narrow<'_> {
        type Output = ();

        fn with_simd<S: Simd>(mut self, simd: S) {
            self.0.over_narrow_panels(simd);
        }
    }

    #[test]
    fn the_lower_part_of_a_product_is_that_of_the_whole() {
        let values: Vec<f64> = values(300 * 61, 3);
        let rows = Operand::row_major(&values, 300, 61);
        let (mut all, mut lower) = (vec![0.0; 61 * 61], vec![0.0; 61 * 61]);
        multiply(&mut all, 61, rows.transposed(), rows, Wanted::All);
        multiply(&mut lower, 61, rows.transposed(), rows, Wanted::Lower);
        for row in 0..61 {
            assert_eq!(all[row * 61..=row * 62], lower[row * 61..=row * 62]);
        }
    }

    #[test]
    fn sums_of_no_terms_are_zero() {
        let mut result = [7.0_f32; 6];
        multiply(&mut result, 3, Operand::row_major(&[], 2, 0), Operand::row_major(&[], 0, 3), Wanted::All);
        assert_eq!(result, [0.0; 6]);
    }
}
