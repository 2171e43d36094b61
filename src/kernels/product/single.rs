//! Products in f32 with a matrix that was packed once, bit for bit those of [`crate::linalg`].
//!
//! An element of a product is summed as faer sums it: in parts of 512 along the inner dimension, each from zero on in fused
//! steps of one value, and the parts are added in their order. A test holds the two against each other. What is gained is
//! that a matrix is not packed again for each product, on each thread: small products are half as fast otherwise.

#[cfg(target_arch = "x86_64")]
#[macro_use]
mod with_rows;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod transpose;

use std::ops::Range;

pub(super) use transpose::{prefetch, transpose};

use super::blocks::BlockPart;
use super::matrix::Bf16Part;
use super::rows::{Scratch, rounded};
use super::tile::LINES;
use crate::error::{Error, ErrorCode, Result};
use crate::memory::filled;

/// How many values of the inner dimension are summed before their sum is added to the result.
const DEPTH: usize = 512;
/// How many rows of a part are read again for each panel: with the panel they stay in an L2 cache.
const ROWS_AT_ONCE: usize = 160;
/// How many rows a matrix of blocks is unpacked once for.
const ROWS_FOR_BLOCKS: usize = 8 * ROWS_AT_ONCE;
/// How many outputs of a matrix of blocks are unpacked before they are multiplied, for a part of the inner dimension: they
/// stay in an L2 cache for all rows.
const OUTPUTS_AT_ONCE: usize = 192;
/// What lies between the rows of a part, so that they do not compete for the same lines of the cache.
const GAP: usize = 16;

/// A value of each of 16 outputs.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Lane([f32; LINES]);

impl Lane {
    /// Sixteen zeros.
    pub const ZEROS: Self = Self([0.0; LINES]);
    /// Sixteen that are no numbers.
    #[cfg(test)]
    pub const NANS: Self = Self([f32::NAN; LINES]);
}

/// A matrix `(rows, columns)` of f32, the right side of products. Blocks of 16 rows lie one after the other, each column by
/// column; the last block is filled up with zeros.
pub(crate) struct F32Matrix {
    lanes: Vec<Lane>,
    /// How many rows it has: outputs of a product.
    pub rows: usize,
    /// How many columns it has: the inner dimension of a product.
    pub columns: usize,
}

impl F32Matrix {
    /// How many bytes a matrix takes.
    pub fn bytes_of(rows: usize, columns: usize) -> usize {
        rows.div_ceil(LINES).saturating_mul(columns).saturating_mul(size_of::<Lane>())
    }

    /// Packs a matrix that `write` gives: it writes a range of rows, one after the other.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`], or the first error of `write`.
    pub fn pack(
        rows: usize,
        columns: usize,
        mut write: impl FnMut(Range<usize>, &mut [f32]) -> Result<()>,
    ) -> Result<Self> {
        let lanes = rows.div_ceil(LINES).checked_mul(columns).and_then(|count| filled(Lane::ZEROS, count));
        let parts = lanes.zip(filled(0.0_f32, LINES.saturating_mul(columns)));
        let (mut lanes, mut panel) = parts.ok_or_else(|| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for a matrix of {rows} by {columns}"))
                .hint("free some memory, or choose a smaller model")
        })?;
        for (index, block) in lanes.chunks_exact_mut(columns.max(1)).enumerate() {
            let part = index * LINES..rows.min((index + 1) * LINES);
            let panel = &mut panel[..part.len() * columns];
            write(part, panel)?;
            transpose(panel, columns, panel.len() / columns, block);
        }
        Ok(Self { lanes, rows, columns })
    }

    /// A matrix of zeros, whose parts are to be packed.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`].
    pub fn zeros(rows: usize, columns: usize) -> Result<Self> {
        Self::pack(rows, columns, |_, _| Ok(()))
    }

    /// Its parts of `height` rows, a multiple of 16, which several threads may pack.
    pub fn parts_mut(&mut self, height: usize) -> impl Iterator<Item = F32PartMut<'_>> {
        let columns = self.columns;
        let lanes = (height.div_ceil(LINES) * columns).max(1);
        self.lanes.chunks_mut(lanes).map(move |lanes| F32PartMut { lanes, columns })
    }

    /// How many bytes its numbers take, without the zeros that fill it up.
    pub fn bytes(&self) -> usize {
        self.rows * self.columns * size_of::<f32>()
    }

    /// Some of its rows, which are a side of a product by themselves; nothing where it does not have these rows, or where the
    /// first of them is not the first of a block of 16.
    pub fn part(&self, rows: Range<usize>) -> Option<F32Part<'_>> {
        let blocks = rows.start / LINES..rows.end.div_ceil(LINES);
        let is_there = rows.start.is_multiple_of(LINES) && rows.end <= self.rows;
        let lanes = self.lanes.get(blocks.start * self.columns..blocks.end * self.columns).filter(|_| is_there)?;
        Some(F32Part { lanes, rows: rows.len(), columns: self.columns })
    }

    /// All of its rows.
    #[cfg(test)]
    pub fn whole(&self) -> F32Part<'_> {
        F32Part { lanes: &self.lanes, rows: self.rows, columns: self.columns }
    }

    /// Writes rows, one after the other, into a panel of their size; nothing where it does not have these rows.
    pub fn write(&self, rows: Range<usize>, panel: &mut [f32]) -> Option<()> {
        if rows.end > self.rows || panel.len() != rows.len() * self.columns {
            return None;
        }
        for (row, values) in rows.zip(panel.chunks_exact_mut(self.columns.max(1))) {
            let block = &self.lanes[row / LINES * self.columns..][..self.columns];
            values.iter_mut().zip(block).for_each(|(value, lane)| *value = lane.0[row % LINES]);
        }
        Some(())
    }
}

/// Some rows of a matrix of f32, as a side of a product.
#[derive(Clone, Copy)]
pub(crate) struct F32Part<'a> {
    lanes: &'a [Lane],
    /// How many rows there are: outputs of a product.
    pub rows: usize,
    /// How many columns there are: the inner dimension of a product.
    pub columns: usize,
}

/// Some rows of a matrix of f32, to be packed.
pub(crate) struct F32PartMut<'a> {
    lanes: &'a mut [Lane],
    columns: usize,
}

impl F32PartMut<'_> {
    /// Packs as many rows as it has, one after the other.
    pub fn pack(&mut self, rows: &[f32]) {
        let columns = self.columns.max(1);
        for (lanes, rows) in self.lanes.chunks_exact_mut(columns).zip(rows.chunks(LINES * columns)) {
            transpose(rows, columns, rows.len() / columns, lanes);
        }
    }
}

/// The right side of a product in f32.
#[derive(Clone)]
pub(crate) enum Factor<'a> {
    /// Rows of f32.
    F32(F32Part<'a>),
    /// Rows of bf16 numbers, which are f32 numbers without their lower halves.
    Bf16(Bf16Part<'a>),
    /// Rows of numbers that are unpacked first.
    Blocks(BlockPart<'a>),
}

impl Factor<'_> {
    fn shape(&self) -> (usize, usize) {
        match self {
            Self::F32(matrix) => (matrix.rows, matrix.columns),
            Self::Bf16(matrix) => (matrix.rows, matrix.columns),
            Self::Blocks(matrix) => matrix.shape(),
        }
    }
}

/// The right side of a product, as kernels read it.
#[derive(Clone, Copy)]
enum Packed<'a> {
    F32(F32Part<'a>),
    Bf16(Bf16Part<'a>),
}

impl Packed<'_> {
    /// How many outputs it has.
    fn outputs(self) -> usize {
        match self {
            Self::F32(matrix) => matrix.rows,
            Self::Bf16(matrix) => matrix.rows,
        }
    }

    /// The bytes of a block of 16 outputs from a value of the inner dimension on, which is even.
    fn block(self, block: usize, first: usize) -> *const u8 {
        match self {
            Self::F32(matrix) => (&raw const matrix.lanes[block * matrix.columns + first]).cast(),
            Self::Bf16(matrix) => matrix.lines(block, first / 2),
        }
    }
}

/// The vector instructions of products in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vectors {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

/// What multiplies in f32 with packed matrices. Only [`SingleKernel::find`] gives one, so the processor has its instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SingleKernel(Vectors);

impl SingleKernel {
    /// The best that this processor has; nothing where faer multiplies.
    pub fn find() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Some(Self(Vectors::Avx512));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Some(Self(Vectors::Avx2));
            }
        }
        None
    }

    /// All that this processor has.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            return vec![Self(Vectors::Avx512), Self(Vectors::Avx2)];
        }
        Self::find().into_iter().collect()
    }

    /// Computes `result = left right^T` for a `left` of whole rows, on the calling thread. With `rounds`, the values of
    /// `left` are rounded to bf16 before.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`] when there is no memory for some rows; [`ErrorCode::Internal`] when the sizes do not go
    /// together.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
    pub fn multiply(
        self,
        result: &mut [f32],
        left: &[f32],
        right: Factor<'_>,
        rounds: bool,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (outputs, columns) = right.shape();
        if columns == 0 || !left.len().is_multiple_of(columns) || left.len() / columns * outputs != result.len() {
            return Err(Error::internal("the sides of a product do not go together"));
        }
        if result.is_empty() {
            return Ok(());
        }
        let stride = DEPTH.min(columns).next_multiple_of(2 * LINES) + GAP;
        let count = left.len() / columns;
        let right = match right {
            Factor::F32(matrix) => Packed::F32(matrix),
            Factor::Bf16(matrix) => Packed::Bf16(matrix),
            Factor::Blocks(matrix) => {
                let lanes = OUTPUTS_AT_ONCE.min(outputs).div_ceil(LINES) * DEPTH.min(columns);
                let (part, lanes) = scratch.values_and_lanes(ROWS_FOR_BLOCKS.min(count) * stride, lanes)?;
                let results = result.chunks_mut(ROWS_FOR_BLOCKS * outputs);
                for (values, result) in left.chunks(ROWS_FOR_BLOCKS * columns).zip(results) {
                    for first in (0..columns).step_by(DEPTH) {
                        let left = Left { values, columns, inner: first..columns.min(first + DEPTH), rounds };
                        let part = left.part(&mut *part, stride, 0, outputs);
                        self.multiply_blocks(&part, &matrix, left.inner, lanes, result);
                    }
                }
                return Ok(());
            }
        };
        let (part, _) = scratch.values_and_lanes(ROWS_AT_ONCE.min(count) * stride, 0)?;
        for (values, result) in left.chunks(ROWS_AT_ONCE * columns).zip(result.chunks_mut(ROWS_AT_ONCE * outputs)) {
            for first in (0..columns).step_by(DEPTH) {
                let left = Left { values, columns, inner: first..columns.min(first + DEPTH), rounds };
                let part = left.part(&mut *part, stride, first, outputs);
                self.multiply_part(&part, right, result);
            }
        }
        Ok(())
    }

    /// The same with a matrix of blocks, of which a part of the inner dimension is unpacked into `lanes`, some outputs at a time.
    fn multiply_blocks(
        self,
        part: &Part<'_>,
        matrix: &BlockPart<'_>,
        inner: Range<usize>,
        lanes: &mut [Lane],
        result: &mut [f32],
    ) {
        let outputs = part.distance;
        for output in (0..outputs).step_by(OUTPUTS_AT_ONCE) {
            let rows = OUTPUTS_AT_ONCE.min(outputs - output);
            let lanes = &mut lanes[..rows.div_ceil(LINES) * inner.len()];
            matrix.unpack(output..output + rows, inner.clone(), lanes);
            let right = Packed::F32(F32Part { lanes, rows, columns: inner.len() });
            for row in (0..part.rows).step_by(ROWS_AT_ONCE) {
                let left = &part.left[row * part.stride..];
                let some = Part { left, rows: ROWS_AT_ONCE.min(part.rows - row), ..*part };
                self.multiply_part(&some, right, &mut result[row * outputs + output..]);
            }
        }
    }

    /// Adds the products of a part to the result, or begins it.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables, clippy::unused_self))]
    fn multiply_part(self, part: &Part<'_>, right: Packed<'_>, result: &mut [f32]) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: there is no such kernel unless the processor has the instructions. The part has `rows` rows of `depth`
            // values, and so many of the matrix lie behind `first`; what is written of the result is sliced with checks.
            Vectors::Avx512 => unsafe { avx512::part(part, right, result) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: likewise.
            Vectors::Avx2 => unsafe { avx2::part(part, right, result) },
        }
    }
}

/// Some rows of the left side, of which a part of the inner dimension is multiplied.
struct Left<'a> {
    values: &'a [f32],
    columns: usize,
    inner: Range<usize>,
    /// Whether they are rounded to bf16.
    rounds: bool,
}

impl Left<'_> {
    /// Puts the part of each row where kernels read it, `stride` values after the one before. `first` is the value of the right
    /// side that the part begins with, and `distance` that of the rows of the result.
    fn part<'a>(&self, place: &'a mut [f32], stride: usize, first: usize, distance: usize) -> Part<'a> {
        let rows = self.values.chunks_exact(self.columns);
        let (count, depth) = (rows.len(), self.inner.len());
        for (row, place) in rows.zip(place.chunks_exact_mut(stride)) {
            let (row, place) = (&row[self.inner.clone()], &mut place[..depth]);
            if self.rounds {
                place.iter_mut().zip(row).for_each(|(place, value)| *place = rounded(*value));
            } else {
                place.copy_from_slice(row);
            }
        }
        Part { left: place, stride, depth, first, begins: self.inner.start == 0, rows: count, distance }
    }
}

/// Rows of a part of the inner dimension.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
struct Part<'a> {
    left: &'a [f32],
    /// The distance of rows.
    stride: usize,
    /// How many values each of them has.
    depth: usize,
    /// Which value of the right side is the first of them.
    first: usize,
    /// Whether the result begins with it.
    begins: bool,
    rows: usize,
    /// The distance of the rows of the result.
    distance: usize,
}
