//! NEON: with `dotprod`, `SDOT` adds the products of four pairs of bytes to each of four sums; its intrinsic is not stable, but
//! the assembler knows it. Without, `SMULL` and `SMLAL` add two products in 16 bits, since no integer is beyond 127.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vdupq_n_s8, vdupq_n_s32, vld1_dup_s32, vld1_s8, vld1q_s8, vmlal_s8, vmull_s8, vpadalq_s16,
    vpaddq_s32, vreinterpret_s8_s32, vst1q_s32,
};
use std::arch::{asm, is_aarch64_feature_detected};

use super::super::tile::{LINES, Part};
use super::tile::{ByteTile, FOUR, IntegerSums, Panel, STEP, Strips};

/// The rows that are summed at a time with `SDOT`: with one block that makes 16 registers of sums, of 32, four of rows, and four
/// of outputs.
const ROWS: usize = 4;
/// The registers of four sums that a row of a block has.
const QUARTERS: usize = LINES / 4;
/// The rows that are summed at a time without: each output has two sums, so that a row has eight registers.
const ROWS_IN_HALVES: usize = 2;

/// Whether the processor and the system have `SDOT`; what is done without it every processor of this kind has.
pub(super) fn has_dot_products() -> bool {
    is_aarch64_feature_detected!("dotprod")
}

/// The product of the strips of some rows and the block of a panel.
///
/// # Safety
/// The processor must have what [`has_dot_products`] looks for.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn panel_of_dot_products(left: Strips<'_>, right: Panel<'_>, steps: usize, mut part: Part<'_>) {
    for (strip, tiles) in left.tiles.chunks_exact(steps).enumerate() {
        let mut sums = IntegerSums::ZEROS;
        // Lines that the strip lacks are multiplied, up to a whole group, and not written.
        for first in (0..LINES.min(part.rows - strip * LINES)).step_by(ROWS) {
            dot_products(tiles, right.tiles, first, &mut sums);
        }
        part.put_scaled(&sums, (strip * LINES, left.scales), (0, right.scales));
    }
}

/// The rows from a line of each tile on.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn dot_products(left: &[ByteTile], right: &[ByteTile], first: usize, sums: &mut IntegerSums) {
    let mut group = [[vdupq_n_s32(0); QUARTERS]; ROWS];
    for (left, right) in left.iter().zip(right) {
        for fours in 0..STEP / 16 {
            let mut rows = [vdupq_n_s8(0); ROWS];
            for (place, line) in rows.iter_mut().zip(&left.0[first..first + ROWS]) {
                // SAFETY: a line has four times 16 bytes.
                *place = unsafe { vld1q_s8(line[16 * fours..][..16].as_ptr()) };
            }
            four_fours(&mut group, rows, &right.0[4 * fours..][..4]);
        }
    }
    for (sums, group) in sums.0[first..].iter_mut().zip(group) {
        for (place, quarter) in sums.as_chunks_mut::<4>().0.iter_mut().zip(group) {
            // SAFETY: four integers.
            unsafe { vst1q_s32(place.as_mut_ptr(), quarter) };
        }
    }
}

/// Adds the products of four times four inputs; `lines` are those of the outputs.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn four_fours(sums: &mut [[int32x4_t; QUARTERS]; ROWS], rows: [int8x16_t; ROWS], lines: &[[i8; STEP]]) {
    macro_rules! four {
        ($index:literal) => {
            for (quarter, outputs) in lines[$index].as_chunks::<16>().0.iter().enumerate() {
                // SAFETY: sixteen bytes.
                let outputs = unsafe { vld1q_s8(outputs.as_ptr()) };
                for (sums, row) in sums.iter_mut().zip(rows) {
                    // SAFETY: the instruction reads and writes these registers alone.
                    unsafe {
                        asm!(
                            concat!("sdot {sum:v}.4s, {outputs:v}.16b, {row:v}.4b[", $index, "]"),
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
    four!(0);
    four!(1);
    four!(2);
    four!(3);
}

/// The product of the strips of some rows and the block of a panel, by what every processor of this kind has.
pub(super) fn panel(left: Strips<'_>, right: Panel<'_>, steps: usize, mut part: Part<'_>) {
    for (strip, tiles) in left.tiles.chunks_exact(steps).enumerate() {
        let mut sums = IntegerSums::ZEROS;
        for first in (0..LINES.min(part.rows - strip * LINES)).step_by(ROWS_IN_HALVES) {
            in_halves(tiles, right.tiles, first, &mut sums);
        }
        part.put_scaled(&sums, (strip * LINES, left.scales), (0, right.scales));
    }
}

/// The rows from a line of each tile on.
#[inline]
fn in_halves(left: &[ByteTile], right: &[ByteTile], first: usize, sums: &mut IntegerSums) {
    // SAFETY: every processor of this kind has NEON; what is loaded and stored lies in slices and arrays of that size.
    unsafe {
        // Of each output the sum of its first two inputs of each four, and the sum of its last two.
        let mut group = [[vdupq_n_s32(0); LINES / 2]; ROWS_IN_HALVES];
        for (left, right) in left.iter().zip(right) {
            for (pair, [one, other]) in right.0.as_chunks::<2>().0.iter().enumerate() {
                let (one, other) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
                for (sums, row) in group.iter_mut().zip(&left.0[first..]) {
                    let fours: &[i8; 2 * FOUR] = &row.as_chunks().0[pair];
                    let twice = |four: &[i8]| vreinterpret_s8_s32(vld1_dup_s32(four.as_ptr().cast()));
                    let (four, next) = (twice(&fours[..FOUR]), twice(&fours[FOUR..]));
                    for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
                        let products = vmull_s8(vld1_s8(one.as_ptr()), four);
                        *sum = vpadalq_s16(*sum, vmlal_s8(products, vld1_s8(other.as_ptr()), next));
                    }
                }
            }
        }
        for (sums, group) in sums.0[first..].iter_mut().zip(group) {
            let quarters = sums.as_chunks_mut::<4>().0.iter_mut().zip(group.as_chunks::<2>().0);
            quarters.for_each(|(place, [first, second])| vst1q_s32(place.as_mut_ptr(), vpaddq_s32(*first, *second)));
        }
    }
}
