//! The left side of products: rows of f32, rounded to bf16 or split into bf16 terms.

use super::int8::ByteTile;
use super::single::Lane;
use super::tile::{LINES, STEP, Tile, steps};
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::vectorised;

/// Of how many bf16 numbers each value of a left matrix is the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terms {
    /// One: the value is rounded to the nearest, to the even one of two.
    One,
    /// Three, which are exactly the value: an f32 has 24 bits of precision, a bf16 number 8. Below 2^-102 the last of
    /// them are lost, since kernels take numbers that are too small to be normal for zero.
    Three,
}

impl Terms {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Three => 3,
        }
    }
}

/// The largest finite bf16 number.
const LARGEST: f32 = f32::from_bits(0x7f7f_0000);

/// Memory for the left side of products, which is kept from one to the next. What it holds in between has no meaning.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(super) tiles: Vec<Tile>,
    pub(super) values: Vec<f32>,
    pub(super) lanes: Vec<Lane>,
    pub(super) bytes: Vec<ByteTile>,
}

impl Scratch {
    /// Makes room for so many tiles.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`].
    pub(super) fn reserve(&mut self, tiles: usize) -> Result<&mut [Tile]> {
        reserve(&mut self.tiles, tiles, Tile::ZEROS)
    }

    /// Makes room for so many values.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`].
    pub fn values(&mut self, values: usize) -> Result<&mut [f32]> {
        reserve(&mut self.values, values, 0.0)
    }

    /// Makes room for so many values, and so many lanes.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`].
    pub(super) fn values_and_lanes(&mut self, values: usize, lanes: usize) -> Result<(&mut [f32], &mut [Lane])> {
        Ok((reserve(&mut self.values, values, 0.0)?, reserve(&mut self.lanes, lanes, Lane::ZEROS)?))
    }

    /// Makes room for so many tiles of integers, and so many scales.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`].
    pub(super) fn bytes_and_scales(&mut self, tiles: usize, scales: usize) -> Result<(&mut [ByteTile], &mut [f32])> {
        Ok((reserve(&mut self.bytes, tiles, ByteTile::ZEROS)?, reserve(&mut self.values, scales, 0.0)?))
    }
}

fn reserve<T: Copy>(memory: &mut Vec<T>, count: usize, value: T) -> Result<&mut [T]> {
    let more = count.saturating_sub(memory.len());
    if more > 0 {
        memory.try_reserve_exact(more).map_err(|_| {
            let bytes = count.saturating_mul(size_of::<T>());
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for the rows of a product: {bytes} bytes"))
                .hint("free some memory, or ask for fewer threads")
        })?;
        memory.resize(count, value);
    }
    Ok(&mut memory[..count])
}

/// The nearest bf16 number, the even one of two; from 3.396e38 on, infinity. As processors convert, a number that is too small
/// to be normal is zero.
#[inline(always)]
pub(super) fn round_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        0x7fc0 | (bits >> 16) as u16
    } else if value.abs() < f32::MIN_POSITIVE {
        (bits >> 16) as u16 & 0x8000
    } else {
        ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
    }
}

/// The value of the nearest bf16 number.
#[inline(always)]
pub(crate) fn rounded(value: f32) -> f32 {
    from_bf16(round_to_bf16(value))
}

/// A bf16 number as f32.
#[inline(always)]
pub(super) fn from_bf16(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// Splits a value into its terms, the largest first. A finite value has finite terms.
#[inline(always)]
fn split<const TERMS: usize>(value: f32) -> [u16; TERMS] {
    let mut rest = value;
    std::array::from_fn(|_| {
        let near = if TERMS > 1 && rest.is_finite() { rest.clamp(-LARGEST, LARGEST) } else { rest };
        let term = round_to_bf16(near);
        // What is not finite has no rest; infinity less infinity would be a NaN.
        rest = if rest.is_finite() { rest - from_bf16(term) } else { 0.0 };
        term
    })
}

/// Packs rows of `columns` values into strips of 16 rows: the tiles of a strip lie along its columns, those of all terms
/// of a step side by side. Columns up to whole tiles become zeros; rows that a last strip lacks keep what is there.
pub(super) fn pack(tiles: &mut [Tile], rows: &[f32], columns: usize, terms: Terms, is_avx512: bool) {
    let strip = steps(columns) * terms.count();
    for (index, row) in rows.chunks_exact(columns).enumerate() {
        let tiles = &mut tiles[index / LINES * strip..][..strip];
        #[cfg(target_arch = "x86_64")]
        if is_avx512 {
            super::avx512::pack_row(tiles, index % LINES, row, terms);
            continue;
        }
        let _ = is_avx512;
        match terms {
            Terms::One => pack_row::<1>(tiles, index % LINES, row),
            Terms::Three => pack_row::<3>(tiles, index % LINES, row),
        }
    }
}

/// Packs one row into its line of the tiles of a strip.
fn pack_row<const TERMS: usize>(tiles: &mut [Tile], line: usize, row: &[f32]) {
    vectorised(
        #[inline(always)]
        move || {
            for (tiles, values) in tiles.chunks_exact_mut(TERMS).zip(row.chunks(STEP)) {
                let mut step = [0.0; STEP];
                step[..values.len()].copy_from_slice(values);
                let terms = step.map(split::<TERMS>);
                for (term, tile) in tiles.iter_mut().enumerate() {
                    tile.0[line] = std::array::from_fn(|index| terms[index][term]);
                }
            }
        },
    );
}
