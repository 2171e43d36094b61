//! The derivatives of the contrast functions, over many values at once.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use pulp::Arch;

use super::options::Contrast;
use crate::linalg::exp;

impl Contrast {
    /// Replaces projections, (rows, concepts) row-major, by the derivative of the contrast function there, and adds the
    /// second derivatives of each concept to its sum.
    pub(super) fn derivatives(self, projections: &mut [f32], second_sums: &mut [f64]) {
        let alpha = match self {
            Self::LogCosh { alpha } => alpha as f32,
            _ => 1.0,
        };
        let width = second_sums.len();
        let mut sums = vec![0.0_f32; width];
        // Rows are taken in groups, so that only a few numbers are added in f32 before the sum continues in f64.
        for group in projections.chunks_mut(width * GROUP) {
            sums.fill(0.0);
            match self {
                Self::LogCosh { .. } => for_each_value(group, &mut sums, |x| {
                    let tanh = tanh(alpha * x);
                    (tanh, alpha * (1.0 - tanh * tanh))
                }),
                Self::Exp => for_each_value(group, &mut sums, |x| {
                    let bell = exp(-0.5 * x * x);
                    (x * bell, (1.0 - x * x) * bell)
                }),
                Self::Cube => for_each_value(group, &mut sums, |x| (x * x * x, 3.0 * x * x)),
            }
            second_sums.iter_mut().zip(&sums).for_each(|(total, &sum)| *total += f64::from(sum));
        }
    }
}

const GROUP: usize = 64;

fn for_each_value(rows: &mut [f32], sums: &mut [f32], derivatives: impl Fn(f32) -> (f32, f32) + Copy) {
    Arch::new().dispatch(
        #[inline(always)]
        move || {
            for row in rows.chunks_exact_mut(sums.len()) {
                for (value, sum) in row.iter_mut().zip(sums.iter_mut()) {
                    let (first, second) = derivatives(*value);
                    *value = first;
                    *sum += second;
                }
            }
        },
    );
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
