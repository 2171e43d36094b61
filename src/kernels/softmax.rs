//! The softmax of attention scores, and what is done to the scores before it.

use pulp::Arch;

use super::elementwise::soft_cap;
use super::simd::{largest, sum};
use crate::linalg::exp;

/// Replaces each row of `columns` scores by its softmax: `e^(scale (x - max))`, divided by the sum of the row.
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

/// Multiplies scores by `scale`, caps them softly at `cap` and adds the bias of each key, in this order. Each row holds
/// the scores of one query for `columns` keys.
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
                        *value = soft_cap(*value, cap);
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
