//! Activation functions and other functions of single values.
//!
//! Their values are within a few units in the last place of those of PyTorch. They use the `exp` of [`crate::linalg`]
//! instead of that of the system, so that every machine gives the same bits.

use crate::linalg::exp;

/// Computes `1 - erf(x)` for `x >= 0`, to within 1.5e-7 (Abramowitz & Stegun 1964, formula 7.1.26).
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

/// Computes SiLU, `x / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// Computes `g sigmoid(alpha g) (f + 1)`, the gate `g` being cut off above `limit` and the factor `f` on both sides.
#[inline(always)]
pub(crate) fn clamped_gate(gate: f32, factor: f32, alpha: f32, limit: f32) -> f32 {
    // What is no number stays so.
    let gate = if gate > limit { limit } else { gate };
    let factor = if factor > limit { limit } else { factor };
    let factor = if factor < -limit { -limit } else { factor };
    gate * logistic(alpha * gate) * (factor + 1.0)
}

/// Computes GELU, `x/2 (1 + erf(x / sqrt 2))`, as `max(x, 0) - |x|/2 erfc(|x| / sqrt 2)`: for negative `x`, `1 + erf` would
/// cancel.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    let magnitude = x.abs();
    x.max(0.0) - 0.5 * magnitude * complementary_error(magnitude * std::f32::consts::FRAC_1_SQRT_2)
}

/// Computes the approximation of GELU by tanh, `x/2 (1 + tanh u)` with `u = sqrt(2/pi) (x + 0.044715 x^3)`, as
/// `x / (1 + e^-2u)`.
#[inline(always)]
pub(crate) fn gelu_tanh(x: f32) -> f32 {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    let u = SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x);
    x / (1.0 + exp(-2.0 * u))
}

/// Computes the approximation of GELU by the logistic function, `x / (1 + e^-1.702x)`.
#[inline(always)]
pub(crate) fn gelu_quick(x: f32) -> f32 {
    x / (1.0 + exp(-1.702 * x))
}

/// Computes the logistic function, `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Computes `ln(1 + e^x)` as `max(x, 0) + ln(1 + y)` with `y = e^-|x|`, and that as `2 artanh(y / (2 + y))` by its series: at
/// `y = 1` the first term that is left out is 4e-9 of the sum.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    let y = exp(-x.abs());
    let z = y / (2.0 + y);
    let square = z * z;
    let mut series = 1.0 / 15.0;
    for odd in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * square + 1.0 / odd;
    }
    x.max(0.0) + 2.0 * z * series
}

/// Caps a value softly: `cap tanh(x / cap)`.
#[inline(always)]
pub(crate) fn soft_cap(x: f32, cap: f32) -> f32 {
    tanh(x / cap) * cap
}

/// Computes `tanh(x)`: by a polynomial near 0 (Moshier, Cephes), elsewhere as `1 - 2 / (e^2x + 1)`.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let mut polynomial = -5.704_988_7e-3;
    polynomial = polynomial * square + 2.063_909e-2;
    polynomial = polynomial * square - 5.373_971_6e-2;
    polynomial = polynomial * square + 1.333_144_2e-1;
    polynomial = polynomial * square - 3.333_328e-1;
    let near = polynomial * square * x + x;
    let magnitude = x.abs();
    let far = 1.0 - 2.0 / (exp(2.0 * magnitude) + 1.0);
    if magnitude < 0.625 { near } else { far.copysign(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softplus_and_the_logistic_function_are_those_of_double_precision() {
        for step in -3000_i16..=3000 {
            let x = f32::from(step) * 0.01;
            let exact = f64::from(x);
            for (what, ours, theirs) in [
                ("softplus", softplus(x), exact.exp().ln_1p()),
                ("logistic", logistic(x), 1.0 / (1.0 + (-exact).exp())),
            ] {
                let off = (f64::from(ours) / theirs - 1.0).abs();
                assert!(off < 5e-7, "{what} of {x}: {ours:e} for {theirs:e}");
            }
        }
    }
}
