//! Products in f32 with AVX2 and FMA.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_and_si256, _mm256_castsi256_ps, _mm256_fmadd_ps, _mm256_load_ps, _mm256_load_si256,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_sllv_epi32, _mm256_storeu_ps, _mm256_sub_epi32,
};

use super::{LINES, Packed, Part};

/// The rows that are multiplied at a time, with one block: of 16 registers twelve hold sums, or eight where some more are
/// taken to widen bf16 numbers.
const ROWS: usize = 6;
const ROWS_OF_BF16: usize = 4;

/// Adds the products of a part of the inner dimension to the result, or begins it.
///
/// # Safety
/// The processor must have AVX2 and FMA; the part, the matrix and the result must have the sizes that they say.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn part(part: &Part<'_>, right: Packed<'_>, result: &mut [f32]) {
    let most = if matches!(right, Packed::Bf16(_)) { ROWS_OF_BF16 } else { ROWS };
    for block in 0..right.outputs().div_ceil(LINES) {
        for row in (0..part.rows).step_by(most) {
            let rows = most.min(part.rows - row);
            // SAFETY: as for this function.
            unsafe {
                match right {
                    Packed::F32(_) => with_rows!(rows, sums, 1, false, (part, right, result, row, block)),
                    Packed::Bf16(_) => with_rows!(rows, sums, 1, true, (part, right, result, row, block)),
                }
            }
        }
    }
}

/// A value of the inner dimension for eight outputs. Of a pair of bf16 numbers, `shift` says which one it is: by 16 bits for
/// the lower half, else by none.
///
/// # Safety
/// It must lie at `place`: lanes of f32, or pairs of bf16.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load<const BF16: bool>(place: *const u8, shift: __m256i) -> __m256 {
    // SAFETY: as for this function.
    unsafe {
        if BF16 {
            let pairs = _mm256_sllv_epi32(_mm256_load_si256(place.cast()), shift);
            _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-0x1_0000)))
        } else {
            _mm256_load_ps(place.cast())
        }
    }
}

/// `M` rows and one block.
///
/// # Safety
/// As for [`part`].
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn sums<const M: usize, const N: usize, const BF16: bool>(
    part: &Part<'_>,
    right: Packed<'_>,
    result: &mut [f32],
    row: usize,
    block: usize,
) {
    let rows: [*const f32; M] = std::array::from_fn(|index| part.left[(row + index) * part.stride..].as_ptr());
    let start = right.block(block, part.first);
    let mut sums = [[_mm256_setzero_ps(); 2]; M];
    let (half, mut shift) = (_mm256_set1_epi32(16), _mm256_set1_epi32(16));
    for value in 0..part.depth {
        // A line holds two values in bf16, and one in f32. The offset cannot overflow; a check would be a way out of the loop
        // on which the sums must lie in memory.
        let place = if BF16 { value >> 1 } else { value }.wrapping_mul(64);
        // SAFETY: as for this function.
        let lanes = [0, 32].map(|half| unsafe { load::<BF16>(start.add(place | half), shift) });
        shift = _mm256_sub_epi32(half, shift);
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: as for this function.
            let value = _mm256_set1_ps(unsafe { *row.add(value) });
            for (sum, lane) in sums.iter_mut().zip(lanes) {
                *sum = _mm256_fmadd_ps(value, lane, *sum);
            }
        }
    }
    let (outputs, column) = (right.outputs(), block * LINES);
    for (index, sums) in sums.iter().enumerate() {
        let mut values = [0.0_f32; LINES];
        for (values, sum) in values.chunks_exact_mut(8).zip(sums) {
            // SAFETY: the slice has eight values.
            unsafe { _mm256_storeu_ps(values.as_mut_ptr(), *sum) };
        }
        let place = &mut result[(row + index) * part.distance + column..][..LINES.min(outputs - column)];
        for (place, value) in place.iter_mut().zip(values) {
            *place = if part.begins { value } else { *place + value };
        }
    }
}
