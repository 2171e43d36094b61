//! The softmax of attention scores, and what is done to the scores before it.

use std::ops::Range;

use super::elementwise::soft_cap;
use super::simd::{largest, sum};
use crate::linalg::{exp, vectorised};

/// Raw scores or weights: the values in `columns` of rows of `stride` values, one row for each query.
pub(super) struct Scores<'a> {
    pub values: &'a mut [f32],
    pub stride: usize,
    pub columns: Range<usize>,
}

impl<'a> Scores<'a> {
    /// Those of one query.
    pub fn one(values: &'a mut [f32]) -> Self {
        let stride = values.len();
        Self { values, stride, columns: 0..stride }
    }

    /// Those of each query.
    #[inline(always)]
    pub fn rows(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let columns = self.columns.clone();
        self.values.chunks_exact_mut(self.stride.max(1)).map(move |row| &mut row[columns.clone()])
    }
}

/// Replaces each row of `columns` values by its softmax.
pub(crate) fn softmax(values: &mut [f32], columns: usize) {
    softmax_rows(&mut Scores { values, stride: columns, columns: 0..columns }, 1.0, None);
}

/// Replaces the scores of each query by their softmax: `e^(scale (x - max))`, divided by the sum of the row. A sink is one more
/// score, which is scaled already; its own weight is dropped.
pub(super) fn softmax_rows(scores: &mut Scores<'_>, scale: f32, sink: Option<f32>) {
    vectorised(
        #[inline(always)]
        move || {
            for row in scores.rows() {
                let mut largest = largest(row);
                // Where there is a sink, the scale is 1.
                if let Some(sink) = sink.filter(|sink| *sink > largest) {
                    largest = sink;
                }
                for value in row.iter_mut() {
                    *value = exp((*value - largest) * scale);
                }
                let mut total = sum(row, |value| value);
                if let Some(sink) = sink {
                    total += exp(sink - largest);
                }
                let inverse = 1.0 / total;
                for value in row.iter_mut() {
                    *value *= inverse;
                }
            }
        },
    );
}

/// Multiplies scores by `scale`, caps them softly at `cap` and adds the bias of each key, in this order.
pub(super) fn adjust_scores(scores: &mut Scores<'_>, scale: f32, cap: Option<f32>, bias: Option<&[f32]>) {
    vectorised(
        #[inline(always)]
        move || {
            for row in scores.rows() {
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
