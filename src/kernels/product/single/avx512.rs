//! Products in f32 with AVX-512.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_and_si512, _mm512_castsi512_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_load_si512,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_slli_epi32,
};

use super::{Factor, LINES, Part};

/// The blocks that are multiplied at a time: with eight rows 24 registers of sums, of 32.
const BLOCKS: usize = 3;
const ROWS: usize = 8;

/// Adds the products of a part of the inner dimension to the result, or begins it.
///
/// # Safety
/// The processor must have AVX-512; the part, the matrix and the result must have the sizes that they say.
#[target_feature(enable = "avx512f")]
pub unsafe fn part(part: &Part<'_>, right: Factor<'_>, result: &mut [f32], outputs: usize) {
    let blocks = outputs.div_ceil(LINES);
    for block in (0..blocks).step_by(BLOCKS) {
        for row in (0..part.rows).step_by(ROWS) {
            let rows = part.rows - row;
            // SAFETY: as for this function.
            unsafe {
                match (right, blocks - block) {
                    (Factor::F32(_), 1) => {
                        with_rows!(rows, sums, 1, false, (part, right, result, outputs, row, block));
                    }
                    (Factor::F32(_), 2) => {
                        with_rows!(rows, sums, 2, false, (part, right, result, outputs, row, block));
                    }
                    (Factor::F32(_), _) => {
                        with_rows!(rows, sums, 3, false, (part, right, result, outputs, row, block));
                    }
                    (Factor::Bf16(_), 1) => {
                        with_rows!(rows, sums, 1, true, (part, right, result, outputs, row, block));
                    }
                    (Factor::Bf16(_), 2) => {
                        with_rows!(rows, sums, 2, true, (part, right, result, outputs, row, block));
                    }
                    (Factor::Bf16(_), _) => {
                        with_rows!(rows, sums, 3, true, (part, right, result, outputs, row, block));
                    }
                }
            }
        }
    }
}

/// Two values of the inner dimension for 16 outputs.
///
/// # Safety
/// They must lie at `place`: two lanes of f32, or a line of pairs of bf16.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn two<const BF16: bool>(place: *const u8) -> [__m512; 2] {
    // SAFETY: as for this function.
    unsafe {
        if BF16 {
            let pairs = _mm512_load_si512(place.cast());
            let odd = _mm512_and_si512(pairs, _mm512_set1_epi32(-0x1_0000));
            [_mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)), _mm512_castsi512_ps(odd)]
        } else {
            [_mm512_load_ps(place.cast()), _mm512_load_ps(place.add(64).cast())]
        }
    }
}

/// `M` rows and `N` blocks.
///
/// # Safety
/// As for [`part`].
#[inline]
#[target_feature(enable = "avx512f")]
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
    let blocks: [*const u8; N] = std::array::from_fn(|index| right.block(block + index, part.first));
    let mut sums = [[_mm512_setzero_ps(); N]; M];
    for pair in 0..part.depth / 2 {
        // SAFETY: as for this function.
        let lanes = blocks.map(|block| unsafe { two::<BF16>(block.add(pair * bytes)) });
        for half in 0..2 {
            for (sums, row) in sums.iter_mut().zip(rows) {
                // SAFETY: as for this function.
                let value = _mm512_set1_ps(unsafe { *row.add(2 * pair + half) });
                for (sum, lanes) in sums.iter_mut().zip(lanes) {
                    *sum = _mm512_fmadd_ps(value, lanes[half], *sum);
                }
            }
        }
    }
    if part.depth % 2 == 1 {
        // SAFETY: as for this function. The second value of f32 is not read.
        let lanes = blocks.map(|block| unsafe {
            let place = block.add(part.depth / 2 * bytes);
            if BF16 { two::<BF16>(place)[0] } else { _mm512_load_ps(place.cast()) }
        });
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: as for this function.
            let value = _mm512_set1_ps(unsafe { *row.add(part.depth - 1) });
            for (sum, lane) in sums.iter_mut().zip(lanes) {
                *sum = _mm512_fmadd_ps(value, lane, *sum);
            }
        }
    }
    for (index, sums) in sums.iter().enumerate() {
        for (column, sum) in sums.iter().enumerate() {
            let column = (block + column) * LINES;
            let place = &mut result[(row + index) * outputs + column..][..LINES.min(outputs - column)];
            let mask = u16::MAX >> (LINES - place.len());
            // SAFETY: the mask admits the values of the slice.
            unsafe {
                let sum = match part.first {
                    0 => *sum,
                    _ => _mm512_add_ps(_mm512_maskz_loadu_ps(mask, place.as_ptr()), *sum),
                };
                _mm512_mask_storeu_ps(place.as_mut_ptr(), mask, sum);
            }
        }
    }
}
