//! Products in f32 with AVX-512.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_add_ps, _mm512_and_si512, _mm512_castsi512_ps, _mm512_fmadd_ps, _mm512_load_ps,
    _mm512_load_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_sllv_epi32, _mm512_sub_epi32,
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

/// A value of the inner dimension for 16 outputs. Of a pair of bf16 numbers, `shift` says which one it is: by 16 bits for
/// the lower half, else by none.
///
/// # Safety
/// It must lie at `place`: lanes of f32, or pairs of bf16.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load<const BF16: bool>(place: *const u8, shift: __m512i) -> __m512 {
    // SAFETY: as for this function.
    unsafe {
        if BF16 {
            let pairs = _mm512_sllv_epi32(_mm512_load_si512(place.cast()), shift);
            _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-0x1_0000)))
        } else {
            _mm512_load_ps(place.cast())
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
    let rows: [*const f32; M] = std::array::from_fn(|index| part.left[(row + index) * part.stride..].as_ptr());
    let blocks: [*const u8; N] = std::array::from_fn(|index| right.block(block + index, part.first));
    let mut sums = [[_mm512_setzero_ps(); N]; M];
    let (half, mut shift) = (_mm512_set1_epi32(16), _mm512_set1_epi32(16));
    for value in 0..part.depth {
        // A line holds two values in bf16, and one in f32. The offset cannot overflow; a check would be a way out of the loop
        // on which the sums must lie in memory.
        let place = if BF16 { value >> 1 } else { value }.wrapping_mul(64);
        // SAFETY: as for this function.
        let lanes = blocks.map(|block| unsafe { load::<BF16>(block.add(place), shift) });
        shift = _mm512_sub_epi32(half, shift);
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: as for this function.
            let value = _mm512_set1_ps(unsafe { *row.add(value) });
            for (sum, lane) in sums.iter_mut().zip(lanes) {
                *sum = _mm512_fmadd_ps(value, lane, *sum);
            }
        }
    }
    // SAFETY: as for this function.
    unsafe { put(sums, part.first == 0, &mut result[row * outputs..], outputs, block) };
}

/// Writes sums to the result, or adds them to what is there. It is a function of its own, and takes a copy, so that the sums
/// lie in registers up to here.
///
/// # Safety
/// The processor must have AVX-512.
#[inline(never)]
#[target_feature(enable = "avx512f")]
unsafe fn put<const M: usize, const N: usize>(
    sums: [[__m512; N]; M],
    is_first: bool,
    result: &mut [f32],
    outputs: usize,
    block: usize,
) {
    for (row, sums) in result.chunks_mut(outputs).zip(&sums) {
        for (place, sum) in row[block * LINES..].chunks_mut(LINES).zip(sums) {
            let mask = u16::MAX >> (LINES - place.len());
            // SAFETY: the mask admits the values of the slice.
            unsafe {
                let sum =
                    if is_first { *sum } else { _mm512_add_ps(_mm512_maskz_loadu_ps(mask, place.as_ptr()), *sum) };
                _mm512_mask_storeu_ps(place.as_mut_ptr(), mask, sum);
            }
        }
    }
}
