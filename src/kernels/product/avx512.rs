//! AVX-512 with bf16: `VDPBF16PS` adds the products of two pairs of bf16 numbers to each of 16 sums.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _CMP_LE_OQ, _CMP_LT_OQ, _mm512_abs_ps, _mm512_castsi512_ps, _mm512_castsi512_si256,
    _mm512_cmp_ps_mask, _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps, _mm512_extracti64x4_epi64,
    _mm512_fmadd_ps, _mm512_load_si512, _mm512_mask_max_ps, _mm512_mask_min_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_maskz_sub_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_slli_epi32, _mm512_store_si512,
};
use std::hint::black_box;
use std::mem::transmute;
use std::time::Instant;

use super::rows::Terms;
use super::tile::{LINES, Part, STEP, Tile};

/// The rows that are summed at a time. With three blocks that makes 24 registers of sums, three of outputs and some of rows,
/// of 32; eleven loads serve 24 multiplications.
const ROWS: usize = 8;
/// The blocks of a panel.
pub(super) const BLOCKS: usize = 3;

/// Whether the processor and the system have it.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
}

/// Whether products of bf16 take less time than those of f32, by a measurement of less than a millisecond. One instruction
/// does twice the work of one for f32; processors of AMD do as many of them a second, those of Intel a quarter.
pub(super) fn is_faster_than_f32() -> bool {
    if !is_there() {
        return false;
    }
    let time = |work: fn()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    // SAFETY: the processor has both.
    let (pairs, single) = (|| unsafe { many_pairs() }, || unsafe { many_single() });
    // The shortest of several, in turns: what interrupts one of them does not decide.
    let times = (0..9).map(|_| (time(pairs), time(single)));
    let least = times.reduce(|least, next| (least.0.min(next.0), least.1.min(next.1)));
    least.is_some_and(|(pairs, single)| pairs * 2 < single * 3)
}

/// How many instructions each of the measured loops has, for each of its sums.
const MEASURED: usize = 1000;
/// As many sums as hide the time of an instruction.
const MEASURED_SUMS: usize = 12;

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn many_pairs() {
    let factor = pairs(black_box(_mm512_set1_epi32(0)));
    let mut sums = [_mm512_setzero_ps(); MEASURED_SUMS];
    for _ in 0..MEASURED {
        sums.iter_mut().for_each(|sum| *sum = _mm512_dpbf16_ps(*sum, factor, factor));
    }
    black_box(sums);
}

#[target_feature(enable = "avx512f")]
fn many_single() {
    let factor = black_box(_mm512_set1_ps(0.5));
    let mut sums = [_mm512_setzero_ps(); MEASURED_SUMS];
    for _ in 0..MEASURED {
        sums.iter_mut().for_each(|sum| *sum = _mm512_fmadd_ps(*sum, factor, factor));
    }
    black_box(sums);
}

/// The product of the strips of some rows and the blocks of a panel.
///
/// # Safety
/// The processor must have what [`is_there`] looks for. There must be a strip of `steps` tiles for each 16 rows of the part,
/// as many tiles for each 16 of its columns, three blocks at most, and the part must be whole.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn panel(left: &[Tile], right: &[Tile], steps: usize, mut part: Part<'_>) {
    for first in (0..part.rows).step_by(ROWS) {
        let left = &left[first / LINES * steps..];
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
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn group<const N: usize>(left: &[Tile], right: &[Tile], steps: usize, first: usize, part: &mut Part<'_>) {
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
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn sums<const M: usize, const N: usize>(
    left: &[Tile],
    right: &[Tile],
    steps: usize,
    first: usize,
    part: &mut Part<'_>,
) {
    let mut sums = [[_mm512_setzero_ps(); N]; M];
    let line = first % LINES;
    for step in 0..steps {
        #[allow(clippy::cast_ptr_alignment, reason = "a line begins on a boundary of 64 bytes")]
        let rows = left[step].0[line..line + M].as_ptr().cast::<i32>();
        let outputs: [*const Tile; N] = std::array::from_fn(|block| &raw const right[block * steps + step]);
        for pair in 0..STEP / 2 {
            // SAFETY: a tile has a line of 64 bytes, on a boundary of 64, for each of 16 pairs.
            let outputs = outputs.map(|tile| pairs(unsafe { _mm512_load_si512(tile.cast::<__m512i>().add(pair)) }));
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `M` lines of 16 pairs begin there, and a pair has four bytes.
                let row = pairs(_mm512_set1_epi32(unsafe { rows.add(row * STEP / 2 + pair).read() }));
                for (sum, output) in sums.iter_mut().zip(outputs) {
                    *sum = _mm512_dpbf16_ps(*sum, row, output);
                }
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (block, sum) in sums.iter().enumerate() {
            let count = LINES.min(part.columns - block * LINES);
            let place = &mut part.values[(first + row) * part.stride + block * LINES..][..count];
            // SAFETY: the mask admits the `count` values of the slice.
            unsafe { _mm512_mask_storeu_ps(place.as_mut_ptr(), mask(count), *sum) };
        }
    }
}

/// The first so many of 16 lanes.
fn mask(count: usize) -> u16 {
    u16::MAX >> (LINES - count.min(LINES))
}

/// Packs one row into its line of the tiles of a strip, see [`super::rows`]. Without AVX-512 nothing is done.
pub(super) fn pack_row(tiles: &mut [Tile], line: usize, row: &[f32], terms: Terms) {
    if !is_there() {
        return;
    }
    // SAFETY: the processor has the instructions.
    unsafe {
        match terms {
            Terms::One => pack_terms::<1>(tiles, line, row),
            Terms::Three => pack_terms::<3>(tiles, line, row),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn pack_terms<const TERMS: usize>(tiles: &mut [Tile], line: usize, row: &[f32]) {
    for (tiles, values) in tiles.chunks_exact_mut(TERMS).zip(row.chunks(STEP)) {
        let (low, high) = values.split_at(values.len().min(LINES));
        let mut rests = [load(low), load(high)];
        for tile in tiles {
            let near = if TERMS > 1 { rests.map(|rest| clamped(rest)) } else { rests };
            // SAFETY: both are 64 bytes of which every value is valid.
            let term: __m512i = unsafe { transmute(_mm512_cvtne2ps_pbh(near[1], near[0])) };
            // SAFETY: a line is 64 bytes, on a boundary of 64.
            unsafe { _mm512_store_si512(tile.0[line].as_mut_ptr().cast(), term) };
            if TERMS > 1 {
                let halves = [_mm512_castsi512_si256(term), _mm512_extracti64x4_epi64::<1>(term)];
                for (rest, half) in rests.iter_mut().zip(halves) {
                    let wide = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(half)));
                    *rest = _mm512_maskz_sub_ps(finite(*rest), *rest, wide);
                }
            }
        }
    }
}

/// Up to 16 values, and zeros.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(values: &[f32]) -> __m512 {
    if values.is_empty() {
        return _mm512_setzero_ps();
    }
    // SAFETY: the mask admits as many values as the slice has.
    unsafe { _mm512_maskz_loadu_ps(mask(values.len()), values.as_ptr()) }
}

/// Which values are finite.
#[target_feature(enable = "avx512f")]
fn finite(values: __m512) -> u16 {
    _mm512_cmp_ps_mask::<_CMP_LT_OQ>(_mm512_abs_ps(values), _mm512_set1_ps(f32::INFINITY))
}

/// Finite values within the largest finite bf16 number; others as they are.
#[target_feature(enable = "avx512f")]
fn clamped(values: __m512) -> __m512 {
    let largest = f32::from_bits(0x7f7f_0000);
    let finite = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(_mm512_abs_ps(values), _mm512_set1_ps(f32::MAX));
    let values = _mm512_mask_min_ps(values, finite, values, _mm512_set1_ps(largest));
    _mm512_mask_max_ps(values, finite, values, _mm512_set1_ps(-largest))
}

/// Pairs of bf16 numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn pairs(bits: __m512i) -> __m512bh {
    // SAFETY: both are 64 bytes of which every value is valid.
    unsafe { transmute(bits) }
}
