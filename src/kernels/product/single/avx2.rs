//! Products in f32 with AVX2 and FMA.

use std::arch::x86_64::{
    __m256, _mm256_and_si256, _mm256_castsi256_ps, _mm256_fmadd_ps, _mm256_load_ps, _mm256_load_si256,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32, _mm256_storeu_ps,
};

use super::{Factor, LINES, Part};

/// The rows that are multiplied at a time: with one block eight registers of sums, of 16.
const ROWS: usize = 4;

/// Adds the products of a part of the inner dimension to the result, or begins it.
///
/// # Safety
/// The processor must have AVX2 and FMA; the part, the matrix and the result must have the sizes that they say.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn part(part: &Part<'_>, right: Factor<'_>, result: &mut [f32], outputs: usize) {
    for block in 0..outputs.div_ceil(LINES) {
        for row in (0..part.rows).step_by(ROWS) {
            let rows = ROWS.min(part.rows - row);
            // SAFETY: as for this function.
            unsafe {
                match right {
                    Factor::F32(_) => with_rows!(rows, sums, 1, false, (part, right, result, outputs, row, block)),
                    Factor::Bf16(_) => with_rows!(rows, sums, 1, true, (part, right, result, outputs, row, block)),
                }
            }
        }
    }
}

/// Eight outputs of two values of the inner dimension.
///
/// # Safety
/// They must lie at `place`: half of two lanes of f32, or of a line of pairs of bf16.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn two<const BF16: bool>(place: *const u8) -> [__m256; 2] {
    // SAFETY: as for this function.
    unsafe {
        if BF16 {
            let pairs = _mm256_load_si256(place.cast());
            let odd = _mm256_and_si256(pairs, _mm256_set1_epi32(-0x1_0000));
            [_mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs)), _mm256_castsi256_ps(odd)]
        } else {
            [_mm256_load_ps(place.cast()), _mm256_load_ps(place.add(64).cast())]
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
    right: Factor<'_>,
    result: &mut [f32],
    outputs: usize,
    row: usize,
    block: usize,
) {
    let bytes = if BF16 { 64 } else { 128 };
    let rows: [*const f32; M] = std::array::from_fn(|index| part.left[(row + index) * part.stride..].as_ptr());
    let start = right.block(block, part.first);
    let mut sums = [[_mm256_setzero_ps(); 2]; M];
    for pair in 0..part.depth / 2 {
        // SAFETY: as for this function.
        let lanes = [0, 32].map(|half| unsafe { two::<BF16>(start.add(pair * bytes + half)) });
        for half in 0..2 {
            for (sums, row) in sums.iter_mut().zip(rows) {
                // SAFETY: as for this function.
                let value = _mm256_set1_ps(unsafe { *row.add(2 * pair + half) });
                for (sum, lanes) in sums.iter_mut().zip(lanes) {
                    *sum = _mm256_fmadd_ps(value, lanes[half], *sum);
                }
            }
        }
    }
    if part.depth % 2 == 1 {
        // SAFETY: as for this function. The second value of f32 is not read.
        let lanes = [0, 32].map(|half| unsafe {
            let place = start.add(part.depth / 2 * bytes + half);
            if BF16 { two::<BF16>(place)[0] } else { _mm256_load_ps(place.cast()) }
        });
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: as for this function.
            let value = _mm256_set1_ps(unsafe { *row.add(part.depth - 1) });
            for (sum, lane) in sums.iter_mut().zip(lanes) {
                *sum = _mm256_fmadd_ps(value, lane, *sum);
            }
        }
    }
    let column = block * LINES;
    for (index, sums) in sums.iter().enumerate() {
        let mut values = [0.0_f32; LINES];
        for (values, sum) in values.chunks_exact_mut(8).zip(sums) {
            // SAFETY: the slice has eight values.
            unsafe { _mm256_storeu_ps(values.as_mut_ptr(), *sum) };
        }
        let place = &mut result[(row + index) * outputs + column..][..LINES.min(outputs - column)];
        for (place, value) in place.iter_mut().zip(values) {
            *place = if part.first == 0 { value } else { *place + value };
        }
    }
}
