//! A matrix of bf16 numbers in the order in which kernels read it.

use std::ops::Range;

use super::rows::{from_bf16, round_to_bf16};
use super::tile::{LINES, STEP, Tile, steps};
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::vectorised;
use crate::memory::filled;

/// A matrix `(rows, columns)` of bf16 numbers, the right side of products. Blocks of 16 rows lie one after the other, each
/// as tiles along its columns; the last block and the last tile of each are filled up with zeros.
pub(crate) struct Bf16Matrix {
    tiles: Vec<Tile>,
    /// How many rows it has: outputs of a product.
    pub rows: usize,
    /// How many columns it has: the inner dimension of a product.
    pub columns: usize,
}

impl Bf16Matrix {
    /// How many bytes a matrix takes.
    pub fn bytes_of(rows: usize, columns: usize) -> usize {
        rows.div_ceil(LINES).saturating_mul(steps(columns)).saturating_mul(size_of::<Tile>())
    }

    /// Packs a matrix that `write` gives: it writes a range of rows as f32, one after the other. Values are rounded to the
    /// nearest bf16 number, to the even one of two.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`], or the first error of `write`.
    pub fn pack(
        rows: usize,
        columns: usize,
        mut write: impl FnMut(Range<usize>, &mut [f32]) -> Result<()>,
    ) -> Result<Self> {
        let count = Self::bytes_of(rows, columns) / size_of::<Tile>();
        let tiles = filled(Tile::ZEROS, count).zip(filled(0.0_f32, LINES.saturating_mul(columns)));
        let (mut tiles, mut panel) = tiles.ok_or_else(|| {
            Error::new(
                ErrorCode::OutOfMemory,
                format!("there is no memory for a matrix of {rows} by {columns} in bf16"),
            )
            .hint("free some memory, or choose a smaller model")
        })?;
        for (index, block) in tiles.chunks_exact_mut(steps(columns).max(1)).enumerate() {
            let part = index * LINES..rows.min((index + 1) * LINES);
            let panel = &mut panel[..part.len() * columns];
            write(part, panel)?;
            pack_block(block, panel, columns);
        }
        Ok(Self { tiles, rows, columns })
    }

    /// How many bytes its numbers take, without the zeros that fill it up.
    pub fn bytes(&self) -> usize {
        self.rows * self.columns * size_of::<u16>()
    }

    /// Some of its rows, which are a side of a product by themselves; nothing where it does not have these rows, or where the
    /// first of them is not the first of a block of 16.
    pub fn part(&self, rows: Range<usize>) -> Option<Bf16Part<'_>> {
        let blocks = rows.start / LINES..rows.end.div_ceil(LINES);
        let is_there = rows.start.is_multiple_of(LINES) && rows.end <= self.rows;
        let length = steps(self.columns);
        let tiles = self.tiles.get(blocks.start * length..blocks.end * length).filter(|_| is_there)?;
        Some(Bf16Part { tiles, rows: rows.len(), columns: self.columns })
    }

    /// All of its rows.
    pub fn whole(&self) -> Bf16Part<'_> {
        Bf16Part { tiles: &self.tiles, rows: self.rows, columns: self.columns }
    }

    /// Writes rows as f32, one after the other, into a panel of their size; nothing where it does not have these rows.
    pub fn write(&self, rows: Range<usize>, panel: &mut [f32]) -> Option<()> {
        if rows.end > self.rows || panel.len() != rows.len() * self.columns {
            return None;
        }
        for (row, values) in rows.zip(panel.chunks_exact_mut(self.columns.max(1))) {
            let (tiles, output) = (self.whole().blocks(row / LINES, 1), row % LINES);
            for (tile, values) in tiles.iter().zip(values.chunks_mut(STEP)) {
                for (line, pair) in tile.0.iter().zip(values.chunks_mut(2)) {
                    let halves = &line[2 * output..2 * output + 2];
                    pair.iter_mut().zip(halves).for_each(|(value, half)| *value = from_bf16(*half));
                }
            }
        }
        Some(())
    }
}

/// Some rows of a matrix of bf16 numbers, as a side of a product.
#[derive(Clone, Copy)]
pub(crate) struct Bf16Part<'a> {
    tiles: &'a [Tile],
    /// How many rows there are: outputs of a product.
    pub rows: usize,
    /// How many columns there are: the inner dimension of a product.
    pub columns: usize,
}

impl<'a> Bf16Part<'a> {
    /// The pairs of a block of 16 rows from a pair of columns on: those of all tiles of a block follow each other.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub(super) fn lines(self, block: usize, pair: usize) -> *const u8 {
        (&raw const self.tiles[block * steps(self.columns) + pair / LINES].0[pair % LINES]).cast()
    }

    /// The tiles of up to `blocks` blocks of 16 rows, from a block on.
    pub(super) fn blocks(self, first: usize, blocks: usize) -> &'a [Tile] {
        let length = steps(self.columns);
        let end = ((first + blocks) * length).min(self.tiles.len());
        &self.tiles[first * length..end]
    }
}

/// Packs the rows of a block, of which there are 16 at most.
fn pack_block(block: &mut [Tile], panel: &[f32], columns: usize) {
    vectorised(
        #[inline(always)]
        move || {
            for (step, tile) in block.iter_mut().enumerate() {
                let mut halves = [[0_u16; STEP]; LINES];
                for (halves, row) in halves.iter_mut().zip(panel.chunks_exact(columns)) {
                    let values = &row[step * STEP..columns.min((step + 1) * STEP)];
                    halves.iter_mut().zip(values).for_each(|(half, value)| *half = round_to_bf16(*value));
                }
                for (pair, line) in tile.0.iter_mut().enumerate() {
                    for (place, halves) in line.chunks_exact_mut(2).zip(&halves) {
                        place.copy_from_slice(&halves[2 * pair..2 * pair + 2]);
                    }
                }
            }
        },
    );
}
