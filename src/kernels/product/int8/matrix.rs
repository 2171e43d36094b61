//! A matrix of 8-bit integers in the order in which kernels read it.

use std::ops::Range;

use super::super::tile::LINES;
use super::quantise::quantise_block;
use super::tile::{ByteTile, FOUR, Panel, STEP, steps};
use crate::error::{Error, ErrorCode, Result};
use crate::memory::filled;

/// The longest inner dimension: the sum of as many products of an unsigned and a signed byte has 31 bits.
const MOST_COLUMNS: usize = i32::MAX as usize / (255 * 127);

/// A matrix `(rows, columns)` of integers from -127 to 127 with a scale for each row, the right side of products. Blocks of 16
/// rows lie one after the other, each as tiles along its columns, filled up with zeros.
pub(crate) struct Int8Matrix {
    tiles: Vec<ByteTile>,
    scales: Vec<f32>,
    offsets: Vec<i32>,
    /// How many rows it has: outputs of a product.
    pub rows: usize,
    /// How many columns it has: the inner dimension of a product.
    pub columns: usize,
}

impl Int8Matrix {
    /// Packs a matrix that `write` gives: it writes a range of rows as f32, one after the other. Each row is divided by its
    /// largest absolute value over 127, and rounded to the nearest integers, to the even ones of two.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`]; [`ErrorCode::Unsupported`] for more than 66312 columns; or the first error of `write`.
    pub fn pack(
        rows: usize,
        columns: usize,
        mut write: impl FnMut(Range<usize>, &mut [f32]) -> Result<()>,
    ) -> Result<Self> {
        if columns > MOST_COLUMNS {
            let message =
                format!("products of 8-bit integers sum {MOST_COLUMNS} inputs at most, and a matrix has {columns}");
            return Err(Error::new(ErrorCode::Unsupported, message).hint("load the model with the precision bf16"));
        }
        let (blocks, length) = (rows.div_ceil(LINES), steps(columns));
        let memory = || {
            Some(Self {
                tiles: filled(ByteTile::ZEROS, blocks.checked_mul(length)?)?,
                scales: filled(0.0, blocks.checked_mul(LINES)?)?,
                offsets: filled(0, blocks.checked_mul(LINES)?)?,
                rows,
                columns,
            })
        };
        let room = || Some((filled(0.0_f32, LINES.checked_mul(columns)?)?, filled(ByteTile::ZEROS, length)?));
        let (mut matrix, (mut panel, mut lines)) = memory().zip(room()).ok_or_else(|| {
            Error::new(
                ErrorCode::OutOfMemory,
                format!("there is no memory for a matrix of {rows} by {columns} in 8-bit integers"),
            )
            .hint("free some memory, or choose a smaller model")
        })?;
        for (index, block) in matrix.tiles.chunks_exact_mut(length.max(1)).enumerate() {
            let part = index * LINES..rows.min((index + 1) * LINES);
            let panel = &mut panel[..part.len() * columns];
            write(part, panel)?;
            let (scales, sums) = quantise_block(block, panel, columns, &mut lines);
            matrix.scales[index * LINES..][..LINES].copy_from_slice(&scales);
            for (offset, sum) in matrix.offsets[index * LINES..].iter_mut().zip(sums) {
                *offset = -128 * sum;
            }
        }
        Ok(matrix)
    }

    /// How many bytes its numbers and scales take, without what fills it up.
    pub fn bytes(&self) -> usize {
        self.rows * (self.columns + size_of::<f32>() + size_of::<i32>())
    }

    /// Some of its rows, which are a side of a product by themselves; nothing where it does not have these rows, or where the
    /// first of them is not the first of a block of 16.
    pub fn part(&self, rows: Range<usize>) -> Option<Int8Part<'_>> {
        let is_there = rows.start.is_multiple_of(LINES) && rows.end <= self.rows;
        let blocks = rows.start / LINES..rows.end.div_ceil(LINES);
        let length = steps(self.columns);
        let tiles = self.tiles.get(blocks.start * length..blocks.end * length).filter(|_| is_there)?;
        let outputs = blocks.start * LINES..blocks.end * LINES;
        let (scales, offsets) = (self.scales.get(outputs.clone())?, self.offsets.get(outputs)?);
        Some(Int8Part { panel: Panel { tiles, scales, offsets }, rows: rows.len(), columns: self.columns })
    }

    /// Writes rows as f32, one after the other, into a panel of their size; nothing where it does not have these rows.
    pub fn write(&self, rows: Range<usize>, panel: &mut [f32]) -> Option<()> {
        if rows.end > self.rows || panel.len() != rows.len() * self.columns {
            return None;
        }
        let length = steps(self.columns);
        for (row, values) in rows.zip(panel.chunks_exact_mut(self.columns.max(1))) {
            let (tiles, output) = (&self.tiles[row / LINES * length..][..length], row % LINES);
            for (tile, values) in tiles.iter().zip(values.chunks_mut(STEP)) {
                for (line, values) in tile.0.iter().zip(values.chunks_mut(FOUR)) {
                    let four = &line[FOUR * output..][..FOUR];
                    values.iter_mut().zip(four).for_each(|(value, integer)| {
                        *value = f32::from(*integer) * self.scales[row];
                    });
                }
            }
        }
        Some(())
    }
}

/// Some rows of a matrix of integers, as a side of a product.
#[derive(Clone, Copy)]
pub(crate) struct Int8Part<'a> {
    panel: Panel<'a>,
    /// How many rows there are: outputs of a product.
    pub rows: usize,
    /// How many columns there are: the inner dimension of a product.
    pub columns: usize,
}

impl<'a> Int8Part<'a> {
    /// Up to `blocks` blocks of 16 rows, from a block on.
    pub(super) fn blocks(self, first: usize, blocks: usize) -> Panel<'a> {
        let (length, end) = (steps(self.columns), (first + blocks).min(self.rows.div_ceil(LINES)));
        Panel {
            tiles: &self.panel.tiles[first * length..end * length],
            scales: &self.panel.scales[first * LINES..end * LINES],
            offsets: &self.panel.offsets[first * LINES..end * LINES],
        }
    }
}
