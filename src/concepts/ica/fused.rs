//! The pass of an iteration over a tile of whitened rows, with AVX-512: projections, their derivatives and the products
//! of these with the rows, for a few rows at a time that stay in the nearest cache.
//!
//! General matrix products pad 50 concepts to 64 and write the projections of a tile to memory and back. This takes 56,
//! and each sum is made in the order in which those products make it: over the columns for a projection, over the rows
//! for a gradient, from zero again after [`DEPTH`] rows. So a fit has the same bits with and without it.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]
#![allow(clippy::needless_range_loop, reason = "rows and vectors are numbered, of several arrays at a time")]

use pulp::x86::V4;
use pulp::{Arch, cast, f32x8, f32x16};

use super::contrast::{GROUP, Sums};
use super::options::Contrast;

/// After how many rows the general matrix products begin a new sum, which is then added to those before.
const DEPTH: usize = 512;

/// The most directions, and the most columns of whitened rows, for which these loops are faster than general products.
const MOST: usize = 112;

/// How many rows, or columns of a gradient, have their sums in registers at a time.
const BLOCK: usize = 6;

/// The most vectors of 16 directions, beside one of 8, that have their sums in registers at a time.
const VECTORS: usize = 3;

/// Directions, arranged for the loops: (width, padded count).
pub(super) struct Fused {
    simd: V4,
    weights: Vec<f32>,
    width: usize,
    count: usize,
    /// The number of directions rounded up to a multiple of 8. The weights of those that were added are zero.
    padded: usize,
}

impl Fused {
    /// Arranges directions, (directions, width) row-major. `None` where general products are to be used: without AVX-512,
    /// and for few or many directions.
    pub(super) fn new(directions: &[f32], width: usize) -> Option<Self> {
        let count = directions.len() / width;
        let Arch::V4(simd) = Arch::new() else { return None };
        if count < 8 || count.max(width) > MOST {
            return None;
        }
        let padded = count.next_multiple_of(8);
        let mut weights = vec![0.0; width * padded];
        for (direction, values) in directions.chunks_exact(width).enumerate() {
            values.iter().enumerate().for_each(|(column, &value)| weights[column * padded + direction] = value);
        }
        Some(Self { simd, weights, width, count, padded })
    }

    /// The sums over the rows of a tile, of at least 16 rows.
    pub(super) fn sums(&self, rows: &[f32], contrast: Contrast) -> Sums {
        let mut tile = Tile {
            fused: self,
            projections: vec![0.0; GROUP * self.padded],
            second: vec![0.0; GROUP / 4 * self.padded],
            group_sums: vec![0.0; self.padded],
            curvature: vec![0.0; self.padded],
            products: vec![0.0; self.width * self.padded],
            gradient: vec![0.0; self.width * self.padded],
        };
        self.simd.vectorize(Work { tile: &mut tile, rows, contrast });
        let Tile { mut curvature, gradient, .. } = tile;
        curvature.truncate(self.count);
        let at = |index: usize| gradient[index % self.width * self.padded + index / self.width];
        Sums { gradient: (0..self.count * self.width).map(at).collect(), curvature }
    }

    /// The ranges of directions that have their sums in registers at the same time.
    fn groups(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (eights, most) = (self.padded / 8, 2 * VECTORS + 1);
        let groups = eights.div_ceil(most);
        (0..groups).map(move |group| (eights * group / groups * 8, eights * (group + 1) / groups * 8))
    }
}

/// The sums of a tile while they are made, and its buffers.
struct Tile<'a> {
    fused: &'a Fused,
    /// The projections of a group of rows, and then the derivatives there: (rows, padded count).
    projections: Vec<f32>,
    /// The second derivatives of some of these rows.
    second: Vec<f32>,
    /// The sums of the second derivatives over the group.
    group_sums: Vec<f32>,
    curvature: Vec<f64>,
    /// The products of derivatives and rows, added since the last multiple of [`DEPTH`] rows: (width, padded count).
    products: Vec<f32>,
    /// The products that were added before.
    gradient: Vec<f32>,
}

struct Work<'a, 'b> {
    tile: &'a mut Tile<'b>,
    rows: &'a [f32],
    contrast: Contrast,
}

impl pulp::NullaryFnOnce for Work<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.tile.add(self.rows, self.contrast);
    }
}

impl Tile<'_> {
    #[inline(always)]
    fn add(&mut self, rows: &[f32], contrast: Contrast) {
        let Fused { width, padded, .. } = *self.fused;
        for (chunk, rows) in rows.chunks(DEPTH * width).enumerate() {
            self.products.fill(0.0);
            for rows in rows.chunks(GROUP * width) {
                self.project(rows);
                self.group_sums.fill(0.0);
                let values = rows.len() / width * padded;
                for first in self.projections[..values].chunks_mut(GROUP / 4 * padded) {
                    let second = &mut self.second[..first.len()];
                    contrast.apply(first, second);
                    for row in second.chunks_exact(padded) {
                        self.group_sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                    }
                }
                self.curvature.iter_mut().zip(&self.group_sums).for_each(|(total, &sum)| *total += f64::from(sum));
                self.multiply(rows);
            }
            if chunk == 0 {
                self.gradient.copy_from_slice(&self.products);
            } else {
                self.gradient.iter_mut().zip(&self.products).for_each(|(total, sum)| *total += sum);
            }
        }
    }

    /// Projects the rows of a group.
    #[inline(always)]
    fn project(&mut self, rows: &[f32]) {
        let Fused { simd, ref weights, width, padded, .. } = *self.fused;
        for (from, to) in self.fused.groups() {
            let blocks = rows.chunks(BLOCK * width).zip(self.projections.chunks_mut(BLOCK * padded));
            for (rows, out) in blocks {
                // The sums of a row are made over its columns.
                let block = Block {
                    steps: width,
                    left: rows,
                    left_step: 1,
                    left_next: width,
                    right: &weights[from..],
                    stride: padded,
                };
                block.add(simd, rows.len() / width, to - from, &mut out[from..], true);
            }
        }
    }

    /// Adds the products of the derivatives of a group and its rows.
    #[inline(always)]
    fn multiply(&mut self, rows: &[f32]) {
        let Fused { simd, width, padded, .. } = *self.fused;
        for (from, to) in self.fused.groups() {
            for (block, out) in self.products.chunks_mut(BLOCK * padded).enumerate() {
                // The sums of a column are made over the rows.
                let block = Block {
                    steps: rows.len() / width,
                    left: &rows[block * BLOCK..],
                    left_step: width,
                    left_next: 1,
                    right: &self.projections[from..],
                    stride: padded,
                };
                block.add(simd, out.len() / padded, to - from, &mut out[from..], false);
            }
        }
    }
}

/// A few rows of a product: `out[row][column] += left[row][step] * right[step][column]` over all steps, one after the other.
#[derive(Clone, Copy)]
struct Block<'a> {
    steps: usize,
    left: &'a [f32],
    /// How far apart the steps of a row lie in `left`, and how far apart the rows.
    left_step: usize,
    left_next: usize,
    right: &'a [f32],
    /// How far apart the steps lie in `right`, and the rows in what is written.
    stride: usize,
}

impl Block<'_> {
    /// Adds the products of `rows` rows, at most [`BLOCK`], and `columns` columns, a multiple of 8; `anew` begins at zero.
    #[inline(always)]
    fn add(self, simd: V4, rows: usize, columns: usize, out: &mut [f32], anew: bool) {
        match (columns / 16, !columns.is_multiple_of(16)) {
            (0, _) => self.add_columns::<0, true>(simd, rows, out, anew),
            (1, false) => self.add_columns::<1, false>(simd, rows, out, anew),
            (1, true) => self.add_columns::<1, true>(simd, rows, out, anew),
            (2, false) => self.add_columns::<2, false>(simd, rows, out, anew),
            (2, true) => self.add_columns::<2, true>(simd, rows, out, anew),
            (_, false) => self.add_columns::<3, false>(simd, rows, out, anew),
            (_, true) => self.add_columns::<3, true>(simd, rows, out, anew),
        }
    }

    #[inline(always)]
    fn add_columns<const V: usize, const HALF: bool>(self, simd: V4, rows: usize, out: &mut [f32], anew: bool) {
        match rows {
            1 => self.add_block::<V, HALF, 1>(simd, out, anew),
            2 => self.add_block::<V, HALF, 2>(simd, out, anew),
            3 => self.add_block::<V, HALF, 3>(simd, out, anew),
            4 => self.add_block::<V, HALF, 4>(simd, out, anew),
            5 => self.add_block::<V, HALF, 5>(simd, out, anew),
            _ => self.add_block::<V, HALF, BLOCK>(simd, out, anew),
        }
    }

    #[inline(always)]
    fn add_block<const V: usize, const HALF: bool, const R: usize>(self, simd: V4, out: &mut [f32], anew: bool) {
        let zero = (simd.splat_f32x16(0.0), simd.splat_f32x8(0.0));
        let mut wide = [[zero.0; V]; R];
        let mut half = [zero.1; R];
        if !anew {
            for row in 0..R {
                let out = &out[row * self.stride..];
                for vector in 0..V {
                    wide[row][vector] = sixteen(&out[16 * vector..]);
                }
                if HALF {
                    half[row] = eight(&out[16 * V..]);
                }
            }
        }
        for step in 0..self.steps {
            let right = &self.right[step * self.stride..][..16 * V + if HALF { 8 } else { 0 }];
            let left = &self.left[step * self.left_step..][..=(R - 1) * self.left_next];
            let mut vectors = [zero.0; V];
            for vector in 0..V {
                vectors[vector] = sixteen(&right[16 * vector..]);
            }
            let last = if HALF { eight(&right[16 * V..]) } else { zero.1 };
            for row in 0..R {
                let value = left[row * self.left_next];
                let factor = simd.splat_f32x16(value);
                for vector in 0..V {
                    wide[row][vector] = simd.mul_add_f32x16(factor, vectors[vector], wide[row][vector]);
                }
                if HALF {
                    half[row] = simd.mul_add_f32x8(simd.splat_f32x8(value), last, half[row]);
                }
            }
        }
        for row in 0..R {
            let out = &mut out[row * self.stride..];
            for vector in 0..V {
                out[16 * vector..][..16].copy_from_slice(&cast::<f32x16, [f32; 16]>(wide[row][vector]));
            }
            if HALF {
                out[16 * V..][..8].copy_from_slice(&cast::<f32x8, [f32; 8]>(half[row]));
            }
        }
    }
}

#[inline(always)]
fn sixteen(values: &[f32]) -> f32x16 {
    let mut array = [0.0; 16];
    array.copy_from_slice(&values[..16]);
    cast(array)
}

#[inline(always)]
fn eight(values: &[f32]) -> f32x8 {
    let mut array = [0.0; 8];
    array.copy_from_slice(&values[..8]);
    cast(array)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concepts::ica::host::general_sums;
    use crate::linalg::RandomState;

    #[test]
    fn the_sums_have_the_bits_of_general_products() {
        let mut random = RandomState::new(4);
        for (count, width) in [(8, 8), (50, 50), (13, 20), (24, 24), (49, 56), (64, 64), (100, 112), (111, 111)] {
            let directions: Vec<f32> = (0..count * width).map(|_| random.normal() as f32 / 5.0).collect();
            let Some(fused) = Fused::new(&directions, width) else { return };
            for rows in [70, 512, 600, 2048] {
                let rows: Vec<f32> = (0..rows * width).map(|_| random.normal().powi(3) as f32 / 3.0).collect();
                for contrast in
                    [Contrast::LogCosh { alpha: 1.0 }, Contrast::LogCosh { alpha: 1.3 }, Contrast::Exp, Contrast::Cube]
                {
                    let found = fused.sums(&rows, contrast);
                    let expected = general_sums(&rows, &directions, width, contrast, &mut Vec::new()).unwrap();
                    let bits = |sums: &Sums| {
                        let gradient: Vec<u32> = sums.gradient.iter().map(|value| value.to_bits()).collect();
                        (gradient, sums.curvature.iter().map(|value| value.to_bits()).collect::<Vec<u64>>())
                    };
                    assert!(
                        bits(&found) == bits(&expected),
                        "{} rows of {width}, {count} directions",
                        rows.len() / width
                    );
                }
            }
        }
    }
}
