//! The pieces that matrices of integers are cut into.

use super::super::tile::{LINES, Part};

/// The inputs of a tile: a step along the inner dimension.
pub(super) const STEP: usize = 64;
/// The inputs whose products an instruction sums at once.
pub(super) const FOUR: usize = 4;

/// Sixteen lines of 64 integers, in one piece of 1 KiB.
///
/// Of a left matrix, a line is 64 inputs of one row. Of a right matrix, line `i` holds the inputs `4 i` to `4 i + 3` of each of
/// 16 outputs, side by side: what instructions for dot products of four read.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(in super::super) struct ByteTile(pub [[i8; STEP]; LINES]);

impl ByteTile {
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
pub(in super::super) struct IntegerSums(pub [[i32; LINES]; LINES]);

impl IntegerSums {
    /// Sums of nothing.
    pub const ZEROS: Self = Self([[0; LINES]; LINES]);
}

/// Some rows of a left matrix: the tiles of their strips, and a scale for each row.
#[derive(Clone, Copy)]
pub(super) struct Strips<'a> {
    pub tiles: &'a [ByteTile],
    pub scales: &'a [f32],
}

/// Some blocks of a right matrix: their tiles, and for each output its scale and what is summed before its products: -128 times
/// the sum of its weights, for kernels that add 128 to rows.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub tiles: &'a [ByteTile],
    pub scales: &'a [f32],
    pub offsets: &'a [i32],
}

impl Part<'_> {
    /// Writes sums, made values by the scales of their rows and outputs, to the 16 rows and columns from `row` and `column` on, as
    /// far as the part has them.
    pub(super) fn put_scaled(
        &mut self,
        sums: &IntegerSums,
        (row, rows): (usize, &[f32]),
        (column, outputs): (usize, &[f32]),
    ) {
        let count = LINES.min(self.columns.saturating_sub(column));
        let places = self.values.chunks_mut(self.stride).skip(row).take(self.rows.saturating_sub(row));
        for ((line, place), row) in sums.0.iter().zip(places).zip(&rows[row..]) {
            let scaled = line.iter().zip(&outputs[column..]).map(|(sum, output)| *sum as f32 * row * output);
            place[column..column + count].iter_mut().zip(scaled).for_each(|(value, scaled)| *value = scaled);
        }
    }
}
