//! `TDPBF16PS` in software, as Intel's manual defines it, and the product of a panel in the order of the kernel for AMX.
//!
//! It has the bits of that kernel on every machine, so that what surrounds the instructions is tested where they are not
//! there. It is slow.

use super::rows::{Terms, from_bf16};
use super::tile::{LINES, Part, STEP, Sums, Tile};
use crate::linalg::vectorised;

/// The product of the strips of some rows and the blocks of a panel, which has two blocks at most.
pub(super) fn panel(left: &[Tile], right: &[Tile], steps: usize, terms: Terms, mut part: Part<'_>) {
    let count = terms.count();
    for (strip, left) in left.chunks_exact(steps * count).enumerate() {
        for (block, right) in right.chunks_exact(steps).enumerate() {
            let mut sums = Sums::ZEROS;
            for (left, right) in left.chunks_exact(count).zip(right) {
                // The smallest terms first.
                left.iter().rev().for_each(|left| add_product(&mut sums, left, right));
            }
            part.put(&sums, strip * LINES, block * LINES);
        }
    }
}

/// Adds the product of 16 rows of 32 inputs and of the same inputs of 16 outputs to sums: `TDPBF16PS`. The products of even
/// and of odd inputs have a sum each, from zero on, in fused steps; the two are added, then the result is added to the sum.
/// Numbers that are too small to be normal are zeros, as factors and as results.
pub(super) fn add_product(sums: &mut Sums, left: &Tile, right: &Tile) {
    vectorised(
        #[inline(always)]
        move || {
            for (sums, row) in sums.0.iter_mut().zip(&left.0) {
                let mut pairs = [0.0_f32; STEP];
                for (inputs, outputs) in row.chunks_exact(2).zip(&right.0) {
                    for (column, pair) in pairs.iter_mut().enumerate() {
                        let (first, second) = (factor(inputs[column % 2]), factor(outputs[column]));
                        *pair = normal(first.mul_add(second, *pair));
                    }
                }
                for (sum, pair) in sums.iter_mut().zip(pairs.chunks_exact(2)) {
                    *sum = normal(normal(*sum) + normal(pair[0] + pair[1]));
                }
            }
        },
    );
}

/// A factor: zero where it is too small to be normal.
#[inline(always)]
fn factor(half: u16) -> f32 {
    normal(from_bf16(half))
}

/// A value, or zero of its sign where it is too small to be normal.
#[inline(always)]
fn normal(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE { f32::from_bits(value.to_bits() & 1 << 31) } else { value }
}
