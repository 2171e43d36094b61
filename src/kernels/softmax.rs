//! The softmax of attention scores, and what is done to the scores before it.

use std::ops::Range;

use super::elementwise::soft_cap;
use super::simd::{LANES, largest_lane, sum_of_lanes};
use crate::linalg::{exp, vectorised};

/// Raw scores or weights: the values in `columns` of rows of `stride` values, one row for each query.
pub(super) struct Scores<'a> {
    pub values: &'a mut [f32],
    pub stride: usize,
    pub columns: Range<usize>,
}

impl Scores<'_> {
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
/// score, which is scaled already; its own weight is dropped. What lies up to [`LANES`] values behind the columns of a row, and is
/// of the same row, becomes 0 where there are so many.
pub(super) fn softmax_rows(scores: &mut Scores<'_>, scale: f32, sink: Option<f32>) {
    let Range { start, end } = scores.columns.clone();
    let whole = (end - start).next_multiple_of(LANES);
    let (rest, fits) = (LANES - (whole - (end - start)), start + whole <= scores.stride);
    let stride = scores.stride.max(1);
    let mut copy = vec![0.0; if fits { 0 } else { whole }];
    vectorised(
        #[inline(always)]
        move || {
            for row in scores.values.chunks_exact_mut(stride) {
                if fits {
                    softmax_row(row[start..start + whole].as_chunks_mut().0, rest, scale, sink);
                } else {
                    copy[..end - start].copy_from_slice(&row[start..end]);
                    softmax_row(copy.as_chunks_mut().0, rest, scale, sink);
                    row[start..end].copy_from_slice(&copy[..end - start]);
                }
            }
        },
    );
}

/// The places of lanes.
const PLACES: [u32; LANES] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The softmax of scores in whole registers, of which the last one has `count` of them; the others become 0.
///
/// Loops over the lanes of a register are compiled to single instructions. Rows are as short as texts are, so that a loop over
/// single values would mostly compute what is left behind whole registers, value by value.
#[inline(always)]
fn softmax_row(row: &mut [[f32; LANES]], count: usize, scale: f32, sink: Option<f32>) {
    fill_up(row, count, f32::NEG_INFINITY);
    let mut most = [f32::NEG_INFINITY; LANES];
    for chunk in &*row {
        for (most, value) in most.iter_mut().zip(chunk) {
            *most = if *value > *most { *value } else { *most };
        }
    }
    let mut largest = largest_lane(most);
    // Where there is a sink, the scale is 1.
    if let Some(sink) = sink.filter(|sink| *sink > largest) {
        largest = sink;
    }
    for chunk in &mut *row {
        for value in chunk {
            *value = exp((*value - largest) * scale);
        }
    }
    fill_up(row, count, 0.0);
    let mut sums = [0.0_f32; LANES];
    for chunk in &*row {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += *value;
        }
    }
    let mut total = sum_of_lanes(sums);
    if let Some(sink) = sink {
        total += exp(sink - largest);
    }
    let inverse = 1.0 / total;
    for chunk in row {
        for value in chunk {
            *value *= inverse;
        }
    }
}

/// Writes a value behind the first `count` of the last register.
#[inline(always)]
fn fill_up(row: &mut [[f32; LANES]], count: usize, value: f32) {
    let count = count as u32;
    if let Some(last) = row.last_mut() {
        for (place, lane) in PLACES.iter().zip(last) {
            *lane = if *place < count { *lane } else { value };
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::sum;
    use crate::kernels::tile::tests::numbers;

    /// The same value by value.
    fn by_values(row: &[f32], scale: f32, sink: Option<f32>) -> Vec<f32> {
        let largest = row.iter().copied().chain(sink).fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f32> = row.iter().map(|value| exp((value - largest) * scale)).collect();
        let total = sum(&powers, |value| value) + sink.map_or(0.0, |sink| exp(sink - largest));
        powers.iter().map(|power| power * (1.0 / total)).collect()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn rows_of_every_length_have_the_bits_of_single_values() {
        for length in 0..70 {
            for (scale, sink) in [(0.37, None), (1.0, Some(-2.0)), (1.0, Some(3.0))] {
                // Beside the columns of a row stands what must not count. Behind them is room for a whole register, or not.
                for stride in [length + 2, length + 5, length + 2 + LANES] {
                    let (before, columns) = (numbers(3 * stride, length), 2..2 + length);
                    let mut all = before.clone();
                    softmax_rows(&mut Scores { values: &mut all, stride, columns: columns.clone() }, scale, sink);
                    for (row, before) in all.chunks_exact(stride).zip(before.chunks_exact(stride)) {
                        let expected = by_values(&before[columns.clone()], scale, sink);
                        assert!(bits(&row[columns.clone()]) == bits(&expected), "{length} of {stride}, sink {sink:?}");
                        assert_eq!(row[..2], before[..2], "{length} of {stride}");
                        let behind = columns.end..2 + length.next_multiple_of(LANES);
                        let behind = row.get(behind).unwrap_or_default();
                        assert!(behind.iter().all(|value| *value == 0.0), "{length} of {stride}: {behind:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_of_hidden_scores_and_one_that_is_no_number_stay_what_they_were() {
        let mut row = [f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY];
        softmax(&mut row, 3);
        assert_eq!((row[1], row[0] < 1e-37), (1.0, true));
        for place in [0, 17, 19] {
            let mut row = vec![0.5; 20];
            row[place] = f32::NAN;
            softmax(&mut row, 20);
            assert!(row.iter().all(|value| value.is_nan()), "{place}");
        }
    }
}
