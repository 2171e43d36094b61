//! Element-wise functions and sums over rows, compiled for the processor's vector units.
//!
//! Everything here uses additions, multiplications and divisions only, and sums in a fixed number of lanes, so the
//! result is the same bits on every processor and wherever in a batch a row lies.

// A function is compiled for the vector units of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use half::bf16;
use pulp::Arch;

use crate::linalg::exp;
use crate::model::blueprint::RotaryPairs;

/// Lanes of a sum.
const LANES: usize = 16;

/// Adds `bias` to every row.
pub(super) fn add_to_rows(rows: &mut [f32], bias: &[f32]) {
    Arch::new().dispatch(|| {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
    });
}

/// Writes numbers as f32: they are its upper halves.
pub(super) fn widen(halves: &[bf16], values: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for (value, half) in values.iter_mut().zip(halves) {
                *value = f32::from_bits(u32::from(half.to_bits()) << 16);
            }
        },
    );
}

/// `1 - erf(x)` for `x >= 0`, to within 1.5e-7 (Abramowitz & Stegun 1964, formula 7.1.26).
#[inline(always)]
fn complementary_error(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let mut polynomial = 1.061_405_4;
    polynomial = polynomial * t - 1.453_152_1;
    polynomial = polynomial * t + 1.421_413_8;
    polynomial = polynomial * t - 0.284_496_72;
    polynomial = polynomial * t + 0.254_829_6;
    polynomial * t * exp(-x * x)
}

/// `x / (1 + e^-x)`.
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// `x/2 (1 + erf(x / sqrt 2))`, written so that nothing cancels: `max(x, 0) - |x|/2 erfc(|x| / sqrt 2)`.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    let size = x.abs();
    x.max(0.0) - 0.5 * size * complementary_error(size * std::f32::consts::FRAC_1_SQRT_2)
}

/// `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`, written as `x / (1 + e^-2u)`.
#[inline(always)]
pub(super) fn gelu_tanh(x: f32) -> f32 {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    let u = SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x);
    x / (1.0 + exp(-2.0 * u))
}

/// `tanh(x)`: a polynomial near 0 (Moshier, Cephes), else from `e^2x`.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let mut polynomial = -5.704_988_7e-3;
    polynomial = polynomial * square + 2.063_909e-2;
    polynomial = polynomial * square - 5.373_971_6e-2;
    polynomial = polynomial * square + 1.333_144_2e-1;
    polynomial = polynomial * square - 3.333_328e-1;
    let near = polynomial * square * x + x;
    let size = x.abs();
    let far = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
    if size < 0.625 { near } else { far.copysign(x) }
}

/// A new vector of `function` of each value.
pub(super) fn map(values: &[f32], function: impl Fn(f32) -> f32 + Copy) -> Vec<f32> {
    let mut result = vec![0.0; values.len()];
    let target = &mut result;
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for (result, value) in target.iter_mut().zip(values) {
                *result = function(*value);
            }
        },
    );
    result
}

/// A new vector of `function` of each pair of values.
pub(super) fn map_pairs(left: &[f32], right: &[f32], function: impl Fn(f32, f32) -> f32 + Copy) -> Vec<f32> {
    let mut result = vec![0.0; left.len()];
    let target = &mut result;
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for ((result, left), right) in target.iter_mut().zip(left).zip(right) {
                *result = function(*left, *right);
            }
        },
    );
    result
}

/// The sum of `term` of each value, in [`LANES`] partial sums.
#[inline(always)]
fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
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
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The largest value.
#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    for (lane, value) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = if *value > *lane { *value } else { *lane };
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Divides each row of `weight.len()` values by its root mean square and multiplies it by `weight`.
pub(super) fn rms_norm(values: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let columns = weight.len();
    let mut result = vec![0.0; values.len()];
    let target = &mut result;
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for (result, row) in target.chunks_exact_mut(columns).zip(values.chunks_exact(columns)) {
                let scale = 1.0 / (sum(row, |value| value * value) / columns as f32 + epsilon).sqrt();
                for ((result, value), weight) in result.iter_mut().zip(row).zip(weight) {
                    *result = value * scale * weight;
                }
            }
        },
    );
    result
}

/// Standardises each row of `weight.len()` values, multiplies it by `weight` and adds `bias`. The variance is the
/// mean of squared deviations, in a second pass, which is right for rows whose mean is large.
pub(super) fn layer_norm(values: &[f32], weight: &[f32], bias: &[f32], epsilon: f32) -> Vec<f32> {
    let columns = weight.len();
    let mut result = vec![0.0; values.len()];
    let target = &mut result;
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for (result, row) in target.chunks_exact_mut(columns).zip(values.chunks_exact(columns)) {
                let mean = sum(row, |value| value) / columns as f32;
                let variance = sum(row, |value| (value - mean) * (value - mean)) / columns as f32;
                let scale = 1.0 / (variance + epsilon).sqrt();
                for (((result, value), weight), bias) in result.iter_mut().zip(row).zip(weight).zip(bias) {
                    *result = (value - mean) * scale * weight + bias;
                }
            }
        },
    );
    result
}

/// Turns each row of scores into weights: `e^(scale (x - max))`, divided by their sum.
pub(super) fn softmax_rows(scores: &mut [f32], columns: usize, scale: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for row in scores.chunks_exact_mut(columns) {
                let largest = largest(row);
                for value in row.iter_mut() {
                    *value = exp((*value - largest) * scale);
                }
                let inverse = 1.0 / sum(row, |value| value);
                for value in row.iter_mut() {
                    *value *= inverse;
                }
            }
        },
    );
}

/// Rotates the first `turned` columns of each head of each row: pair `i` of the columns by angle `i`. `cosines` and `sines` hold one row of `half = turned / 2` values for each row.
pub(super) fn rotate(
    rows: &[f32],
    cosines: &[f32],
    sines: &[f32],
    width: usize,
    head_width: usize,
    turned: usize,
    pairs: RotaryPairs,
) -> Vec<f32> {
    let half = turned / 2;
    let mut result = rows.to_vec();
    let target = &mut result;
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            let angles = cosines.chunks_exact(half).zip(sines.chunks_exact(half));
            let rows = target.chunks_exact_mut(width).zip(rows.chunks_exact(width));
            for ((result, row), (cosines, sines)) in rows.zip(angles) {
                for (result, head) in result.chunks_exact_mut(head_width).zip(row.chunks_exact(head_width)) {
                    match pairs {
                        RotaryPairs::Halves => {
                            let (first, second) = head[..turned].split_at(half);
                            let (first_result, second_result) = result[..turned].split_at_mut(half);
                            for index in 0..half {
                                let (a, b, cosine, sine) = (first[index], second[index], cosines[index], sines[index]);
                                first_result[index] = a * cosine - b * sine;
                                second_result[index] = b * cosine + a * sine;
                            }
                        }
                        RotaryPairs::Neighbours => {
                            let columns = result[..turned].chunks_exact_mut(2).zip(head[..turned].chunks_exact(2));
                            for ((result, pair), (cosine, sine)) in columns.zip(cosines.iter().zip(sines)) {
                                result[0] = pair[0] * cosine - pair[1] * sine;
                                result[1] = pair[1] * cosine + pair[0] * sine;
                            }
                        }
                    }
                }
            }
        },
    );
    result
}

/// Turns raw scores of queries into what the softmax reads: times `scale`, perhaps capped, perhaps plus what each
/// key's position adds.
pub(super) fn adjust_scores(scores: &mut [f32], columns: usize, scale: f32, cap: Option<f32>, bias: Option<&[f32]>) {
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for row in scores.chunks_exact_mut(columns) {
                for value in row.iter_mut() {
                    *value *= scale;
                }
                if let Some(cap) = cap {
                    for value in row.iter_mut() {
                        *value = tanh(*value / cap) * cap;
                    }
                }
                if let Some(bias) = bias {
                    for (value, bias) in row.iter_mut().zip(bias) {
                        *value += bias;
                    }
                }
            }
        },
    );
}
