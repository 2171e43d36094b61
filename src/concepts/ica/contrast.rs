//! The derivatives of the contrast functions, over many values at once.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use super::options::Contrast;
use crate::linalg::{exp, vectorised};

/// The sums over some rows from which an iteration learns.
pub(super) struct Sums {
    /// The sums of `g(w x) x`, (directions, width), row-major.
    pub(super) gradient: Vec<f32>,
    /// The sum of `g'(w x)` of each direction.
    pub(super) curvature: Vec<f64>,
}

impl Contrast {
    /// Replaces projections, (rows, concepts) row-major, by the derivative of the contrast function there, and adds the
    /// second derivatives of each concept to its sum.
    pub(super) fn derivatives(self, projections: &mut [f32], second_sums: &mut [f64]) {
        let width = second_sums.len();
        let mut sums = vec![0.0_f32; width];
        let mut second = vec![0.0; width * GROUP];
        // Rows are taken in groups, so that only a few numbers are added in f32 before the sum continues in f64.
        for group in projections.chunks_mut(width * GROUP) {
            let (sums, second) = (&mut sums, &mut second[..group.len()]);
            vectorised(
                #[inline(always)]
                || {
                    sums.fill(0.0);
                    self.apply(group, second);
                    for row in second.chunks_exact(width) {
                        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                    }
                },
            );
            second_sums.iter_mut().zip(&*sums).for_each(|(total, &sum)| *total += f64::from(sum));
        }
    }

    /// Replaces projections by the derivative of the contrast function there, and writes the second derivatives. It is
    /// inlined into a caller that was compiled for vector instructions.
    #[inline(always)]
    pub(super) fn apply(self, projections: &mut [f32], second: &mut [f32]) {
        match self {
            Self::LogCosh { alpha } => {
                let alpha = alpha as f32;
                for_each_value(projections, second, |x| {
                    let tanh = tanh(alpha * x);
                    (tanh, alpha * (1.0 - tanh * tanh))
                });
            }
            Self::Exp => for_each_value(projections, second, |x| {
                let bell = exp(-0.5 * x * x);
                (x * bell, (1.0 - x * x) * bell)
            }),
            Self::Cube => for_each_value(projections, second, |x| (x * x * x, 3.0 * x * x)),
        }
    }
}

/// How many rows are added in f32.
pub(super) const GROUP: usize = 64;

#[inline(always)]
fn for_each_value(values: &mut [f32], second: &mut [f32], derivatives: impl Fn(f32) -> (f32, f32)) {
    for (value, second) in values.iter_mut().zip(second) {
        (*value, *second) = derivatives(*value);
    }
}

/// The hyperbolic tangent, with an error of at most 2e-7.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let decay = exp(-2.0 * x.abs());
    ((1.0 - decay) / (1.0 + decay)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hyperbolic_tangent_is_right_to_single_precision() {
        let worst = (-20_000..=20_000)
            .map(|step| step as f32 / 1000.0)
            .map(|x| (f64::from(tanh(x)) - f64::from(x).tanh()).abs())
            .fold(0.0, f64::max);
        assert!(worst < 2e-7, "{worst}");
    }

    #[test]
    fn derivatives_are_those_of_the_formulas() {
        for contrast in [Contrast::LogCosh { alpha: 1.5 }, Contrast::Exp, Contrast::Cube] {
            let values = [-1.5_f32, 0.25, 0.0, 2.0];
            let (mut first, mut second) = (values, [0.0; 2]);
            contrast.derivatives(&mut first, &mut second);
            for (index, &x) in values.iter().enumerate() {
                let x = f64::from(x);
                let expected = match contrast {
                    Contrast::LogCosh { alpha } => (alpha * x).tanh(),
                    Contrast::Exp => x * (-x * x / 2.0).exp(),
                    Contrast::Cube => x * x * x,
                };
                assert!((f64::from(first[index]) - expected).abs() < 1e-6);
            }
            let second_derivative = |x: f64| match contrast {
                Contrast::LogCosh { alpha } => alpha * (1.0 - (alpha * x).tanh().powi(2)),
                Contrast::Exp => (1.0 - x * x) * (-x * x / 2.0).exp(),
                Contrast::Cube => 3.0 * x * x,
            };
            assert!((second[0] - second_derivative(-1.5) - second_derivative(0.0)).abs() < 1e-5);
        }
    }
}
