//! Kernels by which the threshold of a JumpReLU learns from pre-activations beside it.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, PI};

use serde::{Deserialize, Serialize};

/// The kernel of straight-through gradients: how much a pre-activation counts for the threshold by its distance. A threshold has no
/// gradient of its own, since a step is flat on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdKernel {
    /// All within half a bandwidth count the same.
    #[default]
    Rectangle,
    /// It falls in a line to zero at half a bandwidth.
    Triangular,
    /// A parabola that is zero at half a bandwidth.
    Epanechnikov,
    /// The square of a parabola that is zero at half a bandwidth.
    Quartic,
    /// A wave of the cosine that is zero at a bandwidth.
    Cosine,
    /// A normal distribution with half a bandwidth as its deviation.
    Gaussian,
    /// Silverman's, which is a little below zero in its tails.
    Silverman,
    /// A Cauchy distribution, with heavy tails.
    Cauchy,
}

impl ThresholdKernel {
    /// From which distance on the kernel is taken for zero, in half bandwidths.
    pub(super) fn reach(self) -> f32 {
        match self {
            Self::Rectangle | Self::Triangular | Self::Epanechnikov | Self::Quartic => 1.0,
            Self::Cosine => 2.0,
            Self::Gaussian => 4.0,
            Self::Silverman | Self::Cauchy => 8.0,
        }
    }

    /// The kernel at a distance in half bandwidths; its integral over all distances is 1.
    pub(super) fn at(self, distance: f32) -> f32 {
        let distance = distance.abs();
        if distance >= self.reach() {
            return 0.0;
        }
        let parabola = 1.0 - distance * distance;
        match self {
            Self::Rectangle => 0.5,
            Self::Triangular => 1.0 - distance,
            Self::Epanechnikov => 0.75 * parabola,
            Self::Quartic => 0.9375 * parabola * parabola,
            Self::Cosine => 0.25 * (1.0 + (FRAC_PI_2 * distance).cos()),
            Self::Gaussian => (-0.5 * distance * distance).exp() / (2.0 * PI).sqrt(),
            Self::Silverman => {
                let scaled = FRAC_1_SQRT_2 * distance;
                0.5 * (-scaled).exp() * (scaled + FRAC_PI_4).sin()
            }
            Self::Cauchy => 1.0 / (PI * (1.0 + distance * distance)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kernel_is_symmetric_and_has_the_integral_one() {
        use ThresholdKernel::{Cauchy, Cosine, Epanechnikov, Gaussian, Quartic, Rectangle, Silverman, Triangular};
        for kernel in [Rectangle, Triangular, Epanechnikov, Quartic, Cosine, Gaussian, Silverman, Cauchy] {
            let sum: f32 = (-8000..8000).map(|step| kernel.at((step as f32 + 0.5) / 1000.0) / 1000.0).sum();
            // The tails of Cauchy's kernel are cut: 2 / pi * atan(8) are left.
            let wanted = if kernel == Cauchy { 0.921 } else { 1.0 };
            assert!((sum - wanted).abs() < 5e-3, "{kernel:?}: {sum}");
            assert!((kernel.at(0.3) - kernel.at(-0.3)).abs() < 1e-9 && kernel.at(0.3) >= kernel.at(0.9));
        }
        // Appendix A of the semantics, at 0, 0.0005 and 0.001 for a bandwidth of 0.001; the peer's is twice the density.
        for (distance, wanted) in [(0.0, 1414.2136), (1.0, 983.1166), (2.0, 393.2291)] {
            let found = 2.0 * Silverman.at(distance) / 0.0005;
            assert!((found - wanted).abs() < 1e-2, "{found} instead of {wanted}");
        }
    }
}
