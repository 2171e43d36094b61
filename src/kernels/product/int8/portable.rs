//! Products of integers on any processor: what every other kernel is held against.

use super::super::tile::{LINES, Part};
use super::tile::{ByteTile, FOUR, IntegerSums, Panel, STEP, Strips};
use crate::linalg::vectorised;

/// The product of the strips of some rows and the blocks of a panel.
pub(super) fn panel(left: Strips<'_>, right: Panel<'_>, steps: usize, mut part: Part<'_>) {
    for (strip, tiles) in left.tiles.chunks_exact(steps).enumerate() {
        for (block, outputs) in right.tiles.chunks_exact(steps).enumerate() {
            let mut sums = IntegerSums::ZEROS;
            tiles.iter().zip(outputs).for_each(|(left, right)| add_product(&mut sums, left, right));
            part.put_scaled(&sums, (strip * LINES, left.scales), (block * LINES, right.scales));
        }
    }
}

/// Adds the product of 16 rows of 64 inputs and of the same inputs of 16 outputs to sums, as `TDPBSSD` does.
pub(in super::super) fn add_product(sums: &mut IntegerSums, left: &ByteTile, right: &ByteTile) {
    vectorised(
        #[inline(always)]
        move || {
            // The inputs of an output in a row, and 16 bits wide: products of those and their sums in pairs are an instruction of
            // most processors.
            let mut outputs = [[0_i16; STEP]; LINES];
            for (four, line) in right.0.iter().enumerate() {
                for (output, inputs) in outputs.iter_mut().zip(line.as_chunks::<FOUR>().0) {
                    output.as_chunks_mut::<FOUR>().0[four] = inputs.map(i16::from);
                }
            }
            for (sums, row) in sums.0.iter_mut().zip(&left.0) {
                let row = row.map(i16::from);
                for (sum, output) in sums.iter_mut().zip(&outputs) {
                    let products = row.iter().zip(output).map(|(input, weight)| i32::from(*input) * i32::from(*weight));
                    // No sum is beyond 32 bits ([`super::matrix`]); a check of each would keep the compiler from vectors.
                    *sum = sum.wrapping_add(products.fold(0, i32::wrapping_add));
                }
            }
        },
    );
}
