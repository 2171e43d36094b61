//! Normalisation of rows: layer norm (Ba et al. 2016) and RMS norm (Zhang and Sennrich 2019).

use super::simd::sum;
use crate::linalg::vectorised;

/// Divides each row of `weight.len()` values by its root mean square and multiplies it by `weight`, in place.
pub(crate) fn rms_norm(values: &mut [f32], weight: &[f32], epsilon: f32) {
    let columns = weight.len();
    vectorised(
        #[inline(always)]
        move || {
            for row in values.chunks_exact_mut(columns) {
                let scale = 1.0 / (sum(row, |value| value * value) / columns as f32 + epsilon).sqrt();
                for (value, weight) in row.iter_mut().zip(weight) {
                    *value = *value * scale * weight;
                }
            }
        },
    );
}

/// Standardises each row of `weight.len()` values, multiplies it by `weight` and adds `bias`, in place. The variance is computed
/// from the deviations, in a second pass: the difference of the mean square and the squared mean would cancel where the
/// mean is large.
pub(crate) fn layer_norm(values: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let columns = weight.len();
    vectorised(
        #[inline(always)]
        move || {
            for row in values.chunks_exact_mut(columns) {
                let mean = sum(row, |value| value) / columns as f32;
                let variance = sum(row, |value| (value - mean) * (value - mean)) / columns as f32;
                let scale = 1.0 / (variance + epsilon).sqrt();
                for ((value, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
                    *value = (*value - mean) * scale * weight + bias;
                }
            }
        },
    );
}
