//! Loops over slices, compiled for each set of vector instructions; the best set of the processor is chosen at run time.

use half::bf16;
use pulp::Arch;

use crate::linalg::vectorised;

/// How many partial sums a sum has: one for each lane of an AVX-512 register. Smaller registers hold them in several.
pub(super) const LANES: usize = 16;

/// The name of the vector instructions that the kernels use on this processor.
pub(crate) fn instructions() -> &'static str {
    match Arch::new() {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V4(_) => "AVX-512",
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        Arch::V3(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        Arch::Neon(_) => "NEON",
        _ => "scalar instructions",
    }
}

/// Adds `bias` to each row of `bias.len()` values.
pub(crate) fn add_to_rows(rows: &mut [f32], bias: &[f32]) {
    vectorised(
        #[inline(always)]
        move || {
            for row in rows.chunks_exact_mut(bias.len()) {
                for (value, bias) in row.iter_mut().zip(bias) {
                    *value += bias;
                }
            }
        },
    );
}

/// Converts bf16 numbers to f32. A bf16 number is the upper half of the f32 number of the same value.
pub(crate) fn widen(halves: &[bf16], values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        move || {
            for (value, half) in values.iter_mut().zip(halves) {
                *value = f32::from_bits(u32::from(half.to_bits()) << 16);
            }
        },
    );
}

/// The same of bytes, the lower one of each number first.
pub(crate) fn widen_bf16(bytes: &[u8], values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        move || {
            for (value, pair) in values.iter_mut().zip(bytes.chunks_exact(2)) {
                *value = f32::from_bits(u32::from(u16::from_le_bytes([pair[0], pair[1]])) << 16);
            }
        },
    );
}

/// Converts bytes of f16 numbers to f32, the lower one of each number first.
pub(crate) fn widen_f16(bytes: &[u8], values: &mut [f32]) {
    vectorised(
        #[inline(always)]
        move || {
            for (value, pair) in values.iter_mut().zip(bytes.chunks_exact(2)) {
                *value = from_f16(u16::from_le_bytes([pair[0], pair[1]]));
            }
        },
    );
}

/// An f16 number as f32, by operations that a loop does for many numbers at a time.
#[inline(always)]
pub(super) fn from_f16(bits: u16) -> f32 {
    /// The factor between numbers with the same bits in the place of the exponent: 2^(127 - 15).
    const SCALE: f32 = f32::from_bits((127 + 112) << 23);
    let (sign, rest) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7fff) << 13);
    // What is too small to be normal is multiplied to the right number as well. The largest exponent means another thing.
    let finite = (f32::from_bits(rest) * SCALE).to_bits();
    let magnitude = if rest < 0x7c00 << 13 { finite } else { rest | 0x7f80_0000 };
    f32::from_bits(sign | magnitude)
}

/// Applies `function` to each value and returns the results.
pub(crate) fn map(values: &[f32], function: impl Fn(f32) -> f32 + Copy) -> Vec<f32> {
    let mut result = vec![0.0; values.len()];
    let target = &mut result;
    vectorised(
        #[inline(always)]
        move || {
            for (result, value) in target.iter_mut().zip(values) {
                *result = function(*value);
            }
        },
    );
    result
}

/// Applies `function` in place to each value; with a `bias`, to the sum of each value of a row and that of the bias.
pub(crate) fn apply(values: &mut [f32], bias: Option<&[f32]>, function: impl Fn(f32) -> f32 + Copy) {
    vectorised(
        #[inline(always)]
        move || match bias {
            None => {
                for value in values.iter_mut() {
                    *value = function(*value);
                }
            }
            Some(bias) => {
                for row in values.chunks_exact_mut(bias.len()) {
                    for (value, bias) in row.iter_mut().zip(bias) {
                        *value = function(*value + bias);
                    }
                }
            }
        },
    );
}

/// Applies `function` to each pair of a left and a right value, and puts the results in the place of the left ones.
pub(crate) fn apply_pairs(left: &mut [f32], right: &[f32], function: impl Fn(f32, f32) -> f32 + Copy) {
    vectorised(
        #[inline(always)]
        move || {
            for (left, right) in left.iter_mut().zip(right) {
                *left = function(*left, *right);
            }
        },
    );
}

/// Applies `function` to each pair of a left and a right value and returns the results.
pub(crate) fn map_pairs(left: &[f32], right: &[f32], function: impl Fn(f32, f32) -> f32 + Copy) -> Vec<f32> {
    let mut result = vec![0.0; left.len()];
    let target = &mut result;
    vectorised(
        #[inline(always)]
        move || {
            for ((result, left), right) in target.iter_mut().zip(left).zip(right) {
                *result = function(*left, *right);
            }
        },
    );
    result
}

/// Adds `term` of each value, in [`LANES`] partial sums, which are then added in pairs.
#[inline(always)]
pub(super) fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += term(*value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane += term(*value);
    }
    sum_of_lanes(lanes)
}

/// Adds partial sums in pairs.
#[inline(always)]
pub(super) fn sum_of_lanes(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Returns the largest of values none of which is a NaN.
#[inline(always)]
pub(super) fn largest_lane(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            let other = lanes[lane + width];
            lanes[lane] = if other > lanes[lane] { other } else { lanes[lane] };
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn every_f16_number_is_widened_exactly() {
        let numbers: Vec<u16> = (0..=u16::MAX).collect();
        let bytes: Vec<u8> = numbers.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let mut values = vec![0.0; numbers.len()];
        widen_f16(&bytes, &mut values);
        for (bits, value) in numbers.into_iter().zip(values) {
            let expected = f16::from_bits(bits).to_f32();
            assert!(value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan(), "{bits:#x}: {value}");
        }
    }
}
