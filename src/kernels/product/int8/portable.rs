//! Products of integers on any processor: what every other kernel is held against.

use pulp::Arch;

use super::super::tile::{LINES, Part};
use super::tile::{ByteTile, FOUR, IntegerSums, Panel, Strips};

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
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for (sums, row) in sums.0.iter_mut().zip(&left.0) {
                for (inputs, outputs) in row.as_chunks::<FOUR>().0.iter().zip(&right.0) {
                    let inputs = inputs.map(i32::from);
                    for (sum, output) in sums.iter_mut().zip(outputs.as_chunks::<FOUR>().0) {
                        let products = inputs.iter().zip(output).map(|(input, output)| input * i32::from(*output));
                        *sum += products.sum::<i32>();
                    }
                }
            }
        },
    );
}
