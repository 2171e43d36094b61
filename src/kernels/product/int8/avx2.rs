//! AVX2: `VPMADDUBSW` and `VPMADDWD` sum the products of four bytes for each of 8 sums.
//!
//! The first multiplies unsigned with signed bytes, into sums of two products in 16 bits: the absolute values of the rows, and
//! the weights with the signs of the rows. No integer is beyond 127, so that twice 127 times 127 fits.

use std::arch::x86_64::{
    __m256i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_load_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_store_si256,
};

use super::super::tile::{LINES, Part};
use super::tile::{ByteTile, FOUR, IntegerSums, Panel, STEP, Strips};

/// The rows that are summed at a time: with one block that makes 8 registers of sums, of 16.
const ROWS: usize = 4;

/// Whether the processor and the system have it.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx2")
}

/// The product of the strips of some rows and the block of a panel.
///
/// # Safety
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn panel(left: Strips<'_>, right: Panel<'_>, steps: usize, mut part: Part<'_>) {
    for (strip, tiles) in left.tiles.chunks_exact(steps).enumerate() {
        let mut sums = IntegerSums::ZEROS;
        let rows = LINES.min(part.rows - strip * LINES);
        // Lines that the strip lacks are multiplied, up to a whole group, and not written.
        for first in (0..rows).step_by(ROWS) {
            group(tiles, right.tiles, first, &mut sums);
        }
        part.put_scaled(&sums, (strip * LINES, left.scales), (0, right.scales));
    }
}

/// The rows from a line of each tile on.
#[inline]
#[target_feature(enable = "avx2")]
fn group(left: &[ByteTile], right: &[ByteTile], first: usize, sums: &mut IntegerSums) {
    let ones = _mm256_set1_epi16(1);
    let mut group = [[_mm256_setzero_si256(); 2]; ROWS];
    for (left, right) in left.iter().zip(right) {
        for four in 0..STEP / FOUR {
            #[allow(clippy::cast_ptr_alignment, reason = "a line begins on a boundary of 64 bytes")]
            let line = right.0[four].as_ptr().cast::<__m256i>();
            // SAFETY: a line has 64 bytes, on a boundary of 64.
            let outputs = unsafe { [_mm256_load_si256(line), _mm256_load_si256(line.add(1))] };
            for (row, sums) in left.0[first..first + ROWS].iter().zip(&mut group) {
                let [a, b, c, d] = row.as_chunks::<FOUR>().0[four];
                let row = _mm256_set1_epi32(i32::from_le_bytes([a, b, c, d].map(|integer| integer as u8)));
                let size = _mm256_abs_epi8(row);
                for (sum, output) in sums.iter_mut().zip(outputs) {
                    let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(output, row));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
    }
    for (sums, group) in sums.0[first..].iter_mut().zip(group) {
        for (place, sum) in sums.as_chunks_mut::<8>().0.iter_mut().zip(group) {
            // SAFETY: eight integers of four bytes, on a boundary of 32.
            unsafe { _mm256_store_si256(place.as_mut_ptr().cast(), sum) };
        }
    }
}
