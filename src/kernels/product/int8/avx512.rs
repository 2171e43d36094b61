//! AVX-512 with VNNI: `VPDPBUSD` adds the products of four unsigned and four signed bytes to each of 16 sums.
//!
//! Rows are the unsigned side: 128 is added to each of their integers, and -128 times the sum of an output's weights to its sum.

use std::arch::x86_64::{
    __m512i, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_mask_storeu_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512,
};

use super::super::tile::{LINES, Part};
use super::tile::{FOUR, Panel, STEP, Strips};

/// The rows that are summed at a time. With three blocks that makes 24 registers of sums, three of outputs and some of rows,
/// of 32; eleven loads serve 24 multiplications.
const ROWS: usize = 8;
/// The blocks of a panel.
pub(super) const BLOCKS: usize = 3;

/// Whether the processor and the system have it.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
}

/// The product of the strips of some rows and the blocks of a panel.
///
/// # Safety
/// The processor must have what [`is_there`] looks for. There must be a strip of `steps` tiles and 16 scales for each 16 rows of
/// the part, as many tiles, 16 scales and 16 offsets for each 16 of its columns, three blocks at most, and the part must be whole.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn panel(left: Strips<'_>, right: Panel<'_>, steps: usize, mut part: Part<'_>) {
    for first in (0..part.rows).step_by(ROWS) {
        // SAFETY: as for this function.
        unsafe {
            match part.columns.div_ceil(LINES) {
                1 => group::<1>(left, right, steps, first, &mut part),
                2 => group::<2>(left, right, steps, first, &mut part),
                _ => group::<BLOCKS>(left, right, steps, first, &mut part),
            }
        }
    }
}

/// The rows from `first` on, eight at most.
///
/// # Safety
/// As for [`panel`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn group<const N: usize>(left: Strips<'_>, right: Panel<'_>, steps: usize, first: usize, part: &mut Part<'_>) {
    // SAFETY: as for this function.
    unsafe {
        match part.rows - first {
            1 => sums::<1, N>(left, right, steps, first, part),
            2 => sums::<2, N>(left, right, steps, first, part),
            3 => sums::<3, N>(left, right, steps, first, part),
            4 => sums::<4, N>(left, right, steps, first, part),
            5 => sums::<5, N>(left, right, steps, first, part),
            6 => sums::<6, N>(left, right, steps, first, part),
            7 => sums::<7, N>(left, right, steps, first, part),
            _ => sums::<ROWS, N>(left, right, steps, first, part),
        }
    }
}

/// `M` rows and `N` blocks.
///
/// # Safety
/// As for [`panel`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn sums<const M: usize, const N: usize>(
    left: Strips<'_>,
    right: Panel<'_>,
    steps: usize,
    first: usize,
    part: &mut Part<'_>,
) {
    let tiles = &left.tiles[first / LINES * steps..][..steps];
    let mut sums = [[_mm512_setzero_si512(); N]; M];
    for (block, offsets) in right.offsets.as_chunks::<LINES>().0.iter().enumerate().take(N) {
        // SAFETY: there are 16 offsets of four bytes.
        let offsets = unsafe { _mm512_loadu_si512(offsets.as_ptr().cast()) };
        sums.iter_mut().for_each(|sums| sums[block] = offsets);
    }
    #[allow(clippy::cast_ptr_alignment, reason = "a line begins on a boundary of 64 bytes")]
    let mut rows = tiles.as_ptr().cast::<i32>().wrapping_add(first % LINES * (STEP / FOUR));
    let mut outputs = [right.tiles.as_ptr().cast::<__m512i>(); N];
    for (output, tiles) in outputs.iter_mut().zip(right.tiles.chunks_exact(steps)) {
        *output = tiles.as_ptr().cast();
    }
    // Pointers, and nothing that is checked: a check would be a way out of the loop on which the sums must lie in memory, and each
    // product would store its sum.
    for _ in 0..steps {
        for four in 0..STEP / FOUR {
            // SAFETY: a tile has a line of 64 bytes, on a boundary of 64, for each four of its inputs.
            let outputs = outputs.map(|tile| unsafe { _mm512_load_si512(tile.wrapping_add(four)) });
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: a tile has `M` lines of 16 times four bytes from there on.
                let row = _mm512_set1_epi32(unsafe { rows.wrapping_add(row * (STEP / FOUR) + four).read() });
                for (sum, output) in sums.iter_mut().zip(outputs) {
                    *sum = _mm512_dpbusd_epi32(*sum, row, output);
                }
            }
        }
        rows = rows.wrapping_add(LINES * STEP / FOUR);
        outputs.iter_mut().for_each(|tile| *tile = tile.wrapping_add(STEP / FOUR));
    }
    // SAFETY: as for this function.
    unsafe { put(sums, &left.scales[first..], right.scales, first, part) };
}

/// Writes sums, made values by the scales of their rows and outputs, to the rows of a part from `first` on. It is a function of its
/// own, and takes a copy, so that the sums lie in registers up to here.
///
/// # Safety
/// The processor must have AVX-512.
#[inline(never)]
#[target_feature(enable = "avx512f")]
unsafe fn put<const M: usize, const N: usize>(
    sums: [[__m512i; N]; M],
    rows: &[f32],
    outputs: &[f32],
    first: usize,
    part: &mut Part<'_>,
) {
    for ((line, sums), scale) in part.values.chunks_mut(part.stride).skip(first).zip(&sums).zip(rows) {
        let scale = _mm512_set1_ps(*scale);
        let places = line[..part.columns].chunks_mut(LINES);
        for ((place, sum), outputs) in places.zip(sums).zip(outputs.as_chunks::<LINES>().0) {
            // SAFETY: there are 16 scales; the mask admits the values of the slice.
            unsafe {
                let outputs = _mm512_loadu_ps(outputs.as_ptr());
                let values = _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(*sum), scale), outputs);
                _mm512_mask_storeu_ps(place.as_mut_ptr(), u16::MAX >> (LINES - place.len()), values);
            }
        }
    }
}
