//! The pieces that matrices are cut into.

/// The lines of a tile: rows of the left matrix, or pairs of inputs of the right one.
pub(super) const LINES: usize = 16;
/// The inputs of a tile: a step along the inner dimension.
pub(super) const STEP: usize = 32;

/// Sixteen lines of 32 bf16 numbers, in one piece of 1 KiB: rows of a matrix at a distance of a power of two would compete
/// for the same lines of the cache.
///
/// Of a left matrix, a line is 32 inputs of one row. Of a right matrix, line `i` holds the inputs `2 i` and `2 i + 1` of
/// each of 16 outputs, side by side: what instructions for dot products of pairs read.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Tile(pub [[u16; STEP]; LINES]);

impl Tile {
    /// A tile of zeros.
    pub const ZEROS: Self = Self([[0; STEP]; LINES]);
}

/// How many steps an inner dimension takes.
pub(super) fn steps(columns: usize) -> usize {
    columns.div_ceil(STEP)
}

/// The sums of 16 rows and 16 outputs.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Sums(pub [[f32; LINES]; LINES]);

impl Sums {
    /// Sums of nothing.
    pub const ZEROS: Self = Self([[0.0; LINES]; LINES]);
}

/// The part of a result that a panel of outputs fills: rows of `columns` values, each `stride` values after the one before.
pub(super) struct Part<'a> {
    /// From the first value of the part to its last one at least.
    pub values: &'a mut [f32],
    /// How many rows there are.
    pub rows: usize,
    /// How many values of each row belong to the part.
    pub columns: usize,
    /// The distance of rows.
    pub stride: usize,
}

impl Part<'_> {
    /// Whether the slice holds every value of the part.
    pub fn is_whole(&self) -> bool {
        let last = self.rows.saturating_sub(1).saturating_mul(self.stride).saturating_add(self.columns);
        self.columns <= self.stride && (self.rows == 0 || last <= self.values.len())
    }

    /// Writes sums to the 16 rows and columns from `row` and `column` on, as far as the part has them.
    pub fn put(&mut self, sums: &Sums, row: usize, column: usize) {
        let count = LINES.min(self.columns.saturating_sub(column));
        for (line, row) in sums.0.iter().zip(row..self.rows) {
            let start = row * self.stride + column;
            self.values[start..start + count].copy_from_slice(&line[..count]);
        }
    }
}
