//! Loops over values that the compiler vectorises, and functions of single values in them.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use pulp::{Arch, Simd, WithSimd};

/// Runs a loop, compiled for each set of vector instructions, with the best set that the processor has. The closure must be
/// `#[inline(always)]`, and so must what it calls.
///
/// pulp takes closures itself, but as those that are called once. A closure that could be called more often is one through a
/// function which the compiler makes and may not inline: then the loop is compiled for what every processor has.
#[inline(always)]
pub(crate) fn vectorised<T>(work: impl FnMut() -> T) -> T {
    struct Loop<F>(F);

    impl<T, F: FnMut() -> T> WithSimd for Loop<F> {
        type Output = T;

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> T {
            (self.0)()
        }
    }

    Arch::new().dispatch(Loop(work))
}

/// The exponential function, with an error of at most 2 units in the last place between -87 and 88, and clamped
/// outside.
///
/// `e^x = 2^n e^r` with `n` the integer nearest to `x / ln 2`, and a Taylor polynomial for `e^r`, `|r| <= ln 2 / 2`. It
/// uses only additions and multiplications, so it has the same bits on every processor.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts; the first has so few digits that its product with n is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut polynomial = 1.0 / 5040.0;
    polynomial = polynomial * r + 1.0 / 720.0;
    polynomial = polynomial * r + 1.0 / 120.0;
    polynomial = polynomial * r + 1.0 / 24.0;
    polynomial = polynomial * r + 1.0 / 6.0;
    polynomial = polynomial * r + 0.5;
    polynomial = polynomial * r * r + r + 1.0;
    // 2^n: the lowest bits of `shifted` are n, which becomes the exponent. Nothing here may branch to a failure, or the
    // loop around it would not be vectorised.
    polynomial * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}
