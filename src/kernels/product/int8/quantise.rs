//! Rows of f32 as integers with a scale.

use super::super::tile::LINES;
use super::tile::{ByteTile, STEP, steps};
use crate::linalg::vectorised;

/// The largest integer; the smallest is its negative, so that rows and weights have the same range.
const LARGEST: f32 = 127.0;
/// A row whose values are all smaller is a row of zeros: 127 over its largest value would be infinite.
const SMALLEST: f32 = 1e-36;
/// Added to a value below 2^22, it leaves the nearest integer, the even one of two, in the lowest bits of the sum.
const ROUNDER: f32 = 12_582_912.0;

/// The scale of a row, and what its values are multiplied with to become integers. Where a value is not finite, neither is the
/// scale, so that nothing of its products is.
#[inline(always)]
fn scale_of(row: &[f32]) -> (f32, f32) {
    // The bits of absolute values are in the order of the values, those of NaN last.
    let largest = row.iter().map(|value| value.to_bits() & 0x7fff_ffff).fold(0, u32::max);
    let largest = f32::from_bits(largest);
    if largest < SMALLEST { (0.0, 0.0) } else { (largest / LARGEST, LARGEST / largest) }
}

#[inline(always)]
fn rounded(value: f32, inverse: f32) -> i8 {
    (value * inverse + ROUNDER).to_bits() as i8
}

/// Rounds up to 16 rows of `columns` values to integers, which become the lines of the tiles of a strip, with `flip` exclusive-ored
/// to each; returns their scales. Columns up to whole tiles are zeros. Lines of rows that are not there keep what they hold.
pub(super) fn quantise(tiles: &mut [ByteTile], rows: &[f32], columns: usize, flip: u8) -> [f32; LINES] {
    vectorised(
        #[inline(always)]
        move || {
            let mut scales = [0.0; LINES];
            for ((line, row), scale) in rows.chunks_exact(columns).enumerate().zip(&mut scales) {
                let inverse;
                (*scale, inverse) = scale_of(row);
                for (tile, values) in tiles.iter_mut().zip(row.chunks(STEP)) {
                    let place = &mut tile.0[line];
                    if let Ok(values) = <&[f32; STEP]>::try_from(values) {
                        for (place, value) in place.iter_mut().zip(values) {
                            *place = rounded(*value, inverse) ^ flip as i8;
                        }
                    } else {
                        *place = [flip as i8; STEP];
                        for (place, value) in place.iter_mut().zip(values) {
                            *place = rounded(*value, inverse) ^ flip as i8;
                        }
                    }
                }
            }
            scales
        },
    )
}

/// Rounds up to 16 rows of `columns` values to integers as the tiles of a block of outputs; returns their scales, and the sum of
/// the integers of each. `lines` is memory for a strip.
pub(super) fn quantise_block(
    block: &mut [ByteTile],
    rows: &[f32],
    columns: usize,
    lines: &mut [ByteTile],
) -> ([f32; LINES], [i32; LINES]) {
    debug_assert_eq!((block.len(), lines.len()), (steps(columns), steps(columns)));
    lines.fill(ByteTile::ZEROS);
    let scales = quantise(lines, rows, columns, 0);
    let mut sums = [0; LINES];
    for (tile, lines) in block.iter_mut().zip(&*lines) {
        for (output, (row, sum)) in lines.0.iter().zip(&mut sums).enumerate() {
            *sum += row.iter().map(|value| i32::from(*value)).sum::<i32>();
            for (line, four) in tile.0.iter_mut().zip(row.as_chunks::<4>().0) {
                line[4 * output..4 * output + 4].copy_from_slice(four);
            }
        }
    }
    (scales, sums)
}
