//! NEON with bf16: `BFDOT` adds the products of two pairs of bf16 numbers to each of four sums. Its intrinsics are not
//! stable, but the assembler knows it.

use std::arch::aarch64::{float32x4_t, uint16x8_t, vdupq_n_f32, vld1q_u16, vst1q_f32};
use std::arch::{asm, is_aarch64_feature_detected};

use super::tile::{LINES, Part, STEP, Sums, Tile};

/// The rows that are summed at a time: with one block that makes 16 registers of sums, of 32, four of rows, and four of
/// outputs.
const ROWS: usize = 4;
/// The registers of four sums that a row of a block has.
const QUARTERS: usize = LINES / 4;
/// The blocks of a panel.
pub(super) const BLOCKS: usize = 1;

/// Whether the processor and the system have it.
pub(super) fn is_there() -> bool {
    is_aarch64_feature_detected!("bf16")
}

/// The product of the strips of some rows and the block of a panel.
///
/// # Safety
/// The processor must have what [`is_there`] looks for. There must be a strip of `steps` tiles for each 16 rows of the part,
/// as many tiles of outputs, and the part must be whole and at most 16 columns wide.
#[target_feature(enable = "neon,bf16")]
pub(super) unsafe fn panel(left: &[Tile], right: &[Tile], steps: usize, mut part: Part<'_>) {
    for (strip, left) in left.chunks_exact(steps).enumerate() {
        let mut sums = Sums::ZEROS;
        let rows = LINES.min(part.rows - strip * LINES);
        // Rows that the strip lacks are multiplied, up to a whole group, and not written.
        for first in (0..rows).step_by(ROWS) {
            let mut group = [[vdupq_n_f32(0.0); QUARTERS]; ROWS];
            for (left, right) in left.iter().zip(right) {
                for pairs in 0..STEP / 8 {
                    // SAFETY: a line has four times eight numbers.
                    let rows: [uint16x8_t; ROWS] =
                        std::array::from_fn(|row| unsafe { vld1q_u16(left.0[first + row][8 * pairs..].as_ptr()) });
                    four_pairs(&mut group, rows, &right.0[4 * pairs..4 * pairs + 4]);
                }
            }
            for (sums, group) in sums.0[first..].iter_mut().zip(&group) {
                for (sums, quarter) in sums.chunks_exact_mut(4).zip(group) {
                    // SAFETY: the slice has four values.
                    unsafe { vst1q_f32(sums.as_mut_ptr(), *quarter) };
                }
            }
        }
        part.put(&sums, strip * LINES, 0);
    }
}

/// Adds the products of four pairs of inputs; `lines` are those of the outputs.
#[inline]
#[target_feature(enable = "neon,bf16")]
fn four_pairs(sums: &mut [[float32x4_t; QUARTERS]; ROWS], rows: [uint16x8_t; ROWS], lines: &[[u16; STEP]]) {
    macro_rules! pair {
        ($index:literal) => {
            for quarter in 0..QUARTERS {
                // SAFETY: a line has four times eight numbers.
                let outputs = unsafe { vld1q_u16(lines[$index][8 * quarter..].as_ptr()) };
                for (sums, row) in sums.iter_mut().zip(rows) {
                    // SAFETY: the instruction reads and writes these registers alone.
                    unsafe {
                        asm!(
                            concat!("bfdot {sum:v}.4s, {outputs:v}.8h, {row:v}.2h[", $index, "]"),
                            sum = inout(vreg) sums[quarter],
                            outputs = in(vreg) outputs,
                            row = in(vreg) row,
                            options(pure, nomem, nostack, preserves_flags),
                        );
                    }
                }
            }
        };
    }
    pair!(0);
    pair!(1);
    pair!(2);
    pair!(3);
}
