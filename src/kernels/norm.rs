//! Normalisation of rows: layer norm (Ba et al. 2016) and RMS norm (Zhang and Sennrich 2019).

use super::simd::sum;
use crate::linalg::vectorised;

/// Divides each row of `weight.len()` values by its root mean square and multiplies it by `weight`.
pub(crate) fn rms_norm(values: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let columns = weight.len();
    let mut result = vec![0.0; values.len()];
    let target = &mut result;
    vectorised(
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

/// Standardises each row of `weight.len()` values, multiplies it by `weight` and adds `bias`. The variance is computed
/// from the deviations, in a second pass: the difference of the mean square and the squared mean would cancel where the
/// mean is large.
pub(crate) fn layer_norm(values: &[f32], weight: &[f32], bias: &[f32], epsilon: f32) -> Vec<f32> {
    let columns = weight.len();
    let mut result = vec![0.0; values.len()];
    let target = &mut result;
    vectorised(
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
