//! Products in f32 with AVX-512.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_add_ps, _mm512_and_si512, _mm512_castpd_ps, _mm512_castps_pd, _mm512_castsi512_ps,
    _mm512_fmadd_ps, _mm512_load_ps, _mm512_load_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_sllv_epi32, _mm512_store_ps,
    _mm512_sub_epi32, _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

use super::{LINES, Lane, Packed, Part};

/// The blocks that are multiplied at a time: with eight rows 24 registers of sums, of 32.
const BLOCKS: usize = 3;
const ROWS: usize = 8;

/// Adds the products of a part of the inner dimension to the result, or begins it.
///
/// # Safety
/// The processor must have AVX-512; the part, the matrix and the result must have the sizes that they say.
#[target_feature(enable = "avx512f")]
pub unsafe fn part(part: &Part<'_>, right: Packed<'_>, result: &mut [f32]) {
    let blocks = right.outputs().div_ceil(LINES);
    for block in (0..blocks).step_by(BLOCKS) {
        for row in (0..part.rows).step_by(ROWS) {
            let rows = part.rows - row;
            // SAFETY: as for this function.
            unsafe {
                match (right, blocks - block) {
                    (Packed::F32(_), 1) => {
                        with_rows!(rows, sums, 1, false, (part, right, result, row, block));
                    }
                    (Packed::F32(_), 2) => {
                        with_rows!(rows, sums, 2, false, (part, right, result, row, block));
                    }
                    (Packed::F32(_), _) => {
                        with_rows!(rows, sums, 3, false, (part, right, result, row, block));
                    }
                    (Packed::Bf16(_), 1) => {
                        with_rows!(rows, sums, 1, true, (part, right, result, row, block));
                    }
                    (Packed::Bf16(_), 2) => {
                        with_rows!(rows, sums, 2, true, (part, right, result, row, block));
                    }
                    (Packed::Bf16(_), _) => {
                        with_rows!(rows, sums, 3, true, (part, right, result, row, block));
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
    right: Packed<'_>,
    result: &mut [f32],
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
    unsafe { put(sums, part, &mut result[row * part.distance..], right.outputs(), block) };
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
    part: &Part<'_>,
    result: &mut [f32],
    outputs: usize,
    block: usize,
) {
    for (row, sums) in result.chunks_mut(part.distance).zip(&sums) {
        for (place, sum) in row[block * LINES..outputs].chunks_mut(LINES).zip(sums) {
            let mask = u16::MAX >> (LINES - place.len());
            // SAFETY: the mask admits the values of the slice.
            unsafe {
                let sum =
                    if part.begins { *sum } else { _mm512_add_ps(_mm512_maskz_loadu_ps(mask, place.as_ptr()), *sum) };
                _mm512_mask_storeu_ps(place.as_mut_ptr(), mask, sum);
            }
        }
    }
}

/// Writes the columns of up to 16 rows as lanes; rows that are missing to 16 become zeros.
///
/// # Safety
/// The processor must have AVX-512; each of `count` rows, `stride` values apart, must have as many values as there are lanes.
#[target_feature(enable = "avx512f")]
pub unsafe fn transpose(rows: &[f32], stride: usize, count: usize, lanes: &mut [Lane]) {
    for (part, lanes) in lanes.chunks_mut(LINES).enumerate() {
        let mask = u16::MAX >> (LINES - lanes.len());
        // Loops and no closures here: a closure would be a function of its own, without the instructions of this one.
        let mut row = [_mm512_setzero_ps(); LINES];
        for (index, row) in row.iter_mut().enumerate().take(count) {
            // SAFETY: the mask admits the values of the row that there are lanes for.
            *row = unsafe { _mm512_maskz_loadu_ps(mask, rows.as_ptr().add(index * stride + part * LINES)) };
        }
        for (lane, column) in lanes.iter_mut().zip(transposed(&row)) {
            // SAFETY: a lane has 16 values, and begins at a multiple of their size.
            unsafe { _mm512_store_ps(lane.0.as_mut_ptr(), column) };
        }
    }
}

/// The columns of a matrix of 16 rows and 16 columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: &[__m512; LINES]) -> [__m512; LINES] {
    // Two rows interleaved, then four: each quarter of a register holds a column of four rows.
    let mut pairs = *rows;
    for index in (0..LINES).step_by(2) {
        pairs[index] = _mm512_unpacklo_ps(rows[index], rows[index + 1]);
        pairs[index + 1] = _mm512_unpackhi_ps(rows[index], rows[index + 1]);
    }
    let mut fours = *rows;
    for index in (0..LINES).step_by(4) {
        for half in 0..2 {
            let (upper, lower) = (_mm512_castps_pd(pairs[index + half]), _mm512_castps_pd(pairs[index + 2 + half]));
            fours[index + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(upper, lower));
            fours[index + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(upper, lower));
        }
    }
    // The quarters of four registers become those of a column.
    let mut columns = *rows;
    for index in 0..4 {
        let (first, second, third, fourth) = (fours[index], fours[index + 4], fours[index + 8], fours[index + 12]);
        let even = [_mm512_shuffle_f32x4::<0x88>(first, second), _mm512_shuffle_f32x4::<0x88>(third, fourth)];
        let odd = [_mm512_shuffle_f32x4::<0xdd>(first, second), _mm512_shuffle_f32x4::<0xdd>(third, fourth)];
        columns[index] = _mm512_shuffle_f32x4::<0x88>(even[0], even[1]);
        columns[index + 4] = _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]);
        columns[index + 8] = _mm512_shuffle_f32x4::<0xdd>(even[0], even[1]);
        columns[index + 12] = _mm512_shuffle_f32x4::<0xdd>(odd[0], odd[1]);
    }
    columns
}
