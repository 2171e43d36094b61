//! Short causal convolutions along the rows of a text, each column for itself.

use std::ops::Range;

use crate::linalg::vectorised;

/// Convolves each column of the rows of each text: row `t` is the sum over `j` of `weight[j]` times row `t + 1 + j - taps`,
/// rows before the text being 0. `weight` holds a row of `columns` values for each of the taps, the latest row's last.
pub(crate) fn short_convolution(rows: &[f32], weight: &[f32], columns: usize, texts: &[Range<usize>]) -> Vec<f32> {
    let mut result = vec![0.0; rows.len()];
    let taps = weight.len() / columns.max(1);
    let target = &mut result;
    vectorised(
        #[inline(always)]
        move || {
            for text in texts {
                for row in text.clone() {
                    let sums = &mut target[row * columns..(row + 1) * columns];
                    let first = (row + 1).saturating_sub(taps).max(text.start);
                    for earlier in first..=row {
                        let tap = taps - 1 - (row - earlier);
                        let weights = &weight[tap * columns..(tap + 1) * columns];
                        let values = &rows[earlier * columns..(earlier + 1) * columns];
                        for ((sum, weight), value) in sums.iter_mut().zip(weights).zip(values) {
                            *sum += weight * value;
                        }
                    }
                }
            }
        },
    );
    result
}
