//! A matrix that stays as its file has it, and whose numbers are unpacked whenever it is multiplied.

use std::ops::Range;

use super::single::{Lane, prefetch, transpose};
use super::tile::LINES;
use crate::kernels::Format;

/// How many columns of 16 rows are unpacked before they are put into lanes: they stay in the nearest cache.
const COLUMNS_AT_ONCE: usize = 256;

/// A matrix `(rows, columns)` of quantised numbers or of half precision, row after row of whole blocks. It is kept small: a
/// product unpacks each block once, for all rows that it is multiplied with.
pub(crate) struct BlockMatrix {
    bytes: Vec<u8>,
    format: Format,
    /// The bytes of a row.
    stride: usize,
    /// How many rows it has: outputs of a product.
    pub rows: usize,
    /// How many columns it has: the inner dimension of a product.
    pub columns: usize,
}

impl BlockMatrix {
    /// A matrix of these bytes; nothing where they are not those of its rows.
    pub fn new(bytes: Vec<u8>, format: Format, rows: usize, columns: usize) -> Option<Self> {
        let stride = format.size_of(columns)?;
        (rows.checked_mul(stride) == Some(bytes.len())).then_some(Self { bytes, format, stride, rows, columns })
    }

    /// How many bytes its numbers take.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Writes rows as f32, one after the other, into a panel of their size; nothing where it does not have these rows.
    pub fn write(&self, rows: Range<usize>, panel: &mut [f32]) -> Option<()> {
        if panel.len() != rows.len() * self.columns {
            return None;
        }
        self.format.unpack(self.bytes.get(rows.start * self.stride..rows.end * self.stride)?, panel);
        Some(())
    }

    /// Some of its rows, which are a side of a product by themselves; nothing where it does not have these rows.
    pub fn part(&self, rows: Range<usize>) -> Option<BlockPart<'_>> {
        (rows.end <= self.rows && rows.start <= rows.end).then_some(BlockPart { matrix: self, rows })
    }
}

/// Some rows of a matrix of blocks, as a side of a product.
#[derive(Clone)]
pub(crate) struct BlockPart<'a> {
    matrix: &'a BlockMatrix,
    rows: Range<usize>,
}

impl BlockPart<'_> {
    /// How many outputs it has, and its inner dimension.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows.len(), self.matrix.columns)
    }

    /// Unpacks a part of the inner dimension of some outputs into lanes: of each 16 outputs one after the other, column by
    /// column. The part begins and ends with whole blocks, and there are as many lanes as it takes. Outputs that are missing
    /// to 16 become zeros.
    pub fn unpack(&self, outputs: Range<usize>, inner: Range<usize>, lanes: &mut [Lane]) {
        let (matrix, format) = (self.matrix, self.matrix.format);
        let offset = |column: usize| column / format.numbers * format.bytes;
        let mut values = [0.0_f32; LINES * COLUMNS_AT_ONCE];
        for (block, lanes) in lanes.chunks_exact_mut(inner.len().max(1)).enumerate() {
            let first = outputs.start + block * LINES;
            let count = LINES.min(outputs.end.saturating_sub(first));
            for (part, lanes) in lanes.chunks_mut(COLUMNS_AT_ONCE).enumerate() {
                let start = inner.start + part * COLUMNS_AT_ONCE;
                let bytes = offset(start)..offset(start + lanes.len());
                for (row, values) in values.chunks_exact_mut(COLUMNS_AT_ONCE).enumerate().take(count) {
                    let place = |row: usize| (self.rows.start + first + row) * matrix.stride;
                    let piece = |start: usize| matrix.bytes.get(start + bytes.start..start + bytes.end);
                    // The same piece of the next block of rows.
                    prefetch(piece(place(row + LINES)).unwrap_or_default());
                    format.unpack(piece(place(row)).unwrap_or_default(), &mut values[..lanes.len()]);
                }
                transpose(&values, COLUMNS_AT_ONCE, count, lanes);
            }
        }
    }
}
