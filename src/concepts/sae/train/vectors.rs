//! Loops over the values of a row, to be inlined into what is compiled for the vector instructions of the processor.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use crate::linalg::vectorised;

/// How many sums a product of two rows is made of, so that they are added in one order on every processor.
const LANES: usize = 32;

/// The sum of the products of two rows.
#[inline(always)]
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    for (left, right) in left.iter().zip(right) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    for ((sum, left), right) in sums.iter_mut().zip(left_rest).zip(right_rest) {
        *sum += left * right;
    }
    // Halves of a fixed length each: they stay in registers.
    let sums: [f32; LANES / 2] = halves(&sums);
    let sums: [f32; LANES / 4] = halves(&sums);
    let sums: [f32; LANES / 8] = halves(&sums);
    let sums: [f32; LANES / 16] = halves(&sums);
    let [sum]: [f32; LANES / 32] = halves(&sums);
    sum
}

/// The sums of the first and the second half of some values.
#[inline(always)]
fn halves<const HALF: usize>(values: &[f32]) -> [f32; HALF] {
    let mut sums = [0.0_f32; HALF];
    for ((sum, left), right) in sums.iter_mut().zip(values).zip(&values[HALF..]) {
        *sum = left + right;
    }
    sums
}

/// Gives a row the norm 1; zeros stay zeros.
pub(super) fn normalise(row: &mut [f32]) {
    let norm = vectorised(
        #[inline(always)]
        || dot(row, row).sqrt(),
    );
    if norm > 0.0 {
        row.iter_mut().for_each(|value| *value /= norm);
    }
}

/// Adds a multiple of a row to another.
#[inline(always)]
pub(super) fn add_scaled(sum: &mut [f32], row: &[f32], factor: f32) {
    sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
}

/// How many columns of a sum of rows are in registers at a time.
const WIDTH: usize = 128;

/// Adds multiples of some rows to another, one after the other: with `count` calls of `at` for some columns at a time, whose sums
/// are in registers until all rows were added.
#[inline(always)]
pub(super) fn add_rows<'a>(sum: &mut [f32], count: usize, at: impl Fn(usize) -> (&'a [f32], f32)) {
    let (chunks, rest) = sum.as_chunks_mut::<WIDTH>();
    let first = chunks.len() * WIDTH;
    for (chunk, sum) in chunks.iter_mut().enumerate() {
        let mut sums = *sum;
        for index in 0..count {
            let (row, factor) = at(index);
            let row = &row[chunk * WIDTH..][..WIDTH];
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
        }
        *sum = sums;
    }
    if !rest.is_empty() {
        for index in 0..count {
            let (row, factor) = at(index);
            add_scaled(rest, &row[first..], factor);
        }
    }
}

/// A step of Adam (Kingma and Ba, 2015) at one moment of the training.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adam {
    /// The learning rate, with the correction of the first moment.
    pub(super) rate: f32,
    /// The correction of the second moment.
    pub(super) correction: f32,
}

impl Adam {
    /// The decay of the first and of the second moment.
    pub(super) const DECAY: (f32, f32) = (0.9, 0.999);
    /// What keeps the step finite.
    pub(super) const EPSILON: f32 = 1e-8;

    /// The same step for parameters whose learning rate is a multiple of that of the others.
    pub(super) fn times(self, multiple: f32) -> Self {
        Self { rate: self.rate * multiple, ..self }
    }

    /// The step of that number, from 0.
    pub(super) fn at(step: usize, rate: f64) -> Self {
        let power = |decay: f32| 1.0 - f64::from(decay).powi(i32::try_from(step + 1).unwrap_or(i32::MAX));
        Self { rate: (rate / power(Self::DECAY.0)) as f32, correction: (1.0 / power(Self::DECAY.1)) as f32 }
    }

    /// Changes values by their gradient. The moments of a value are side by side in two arrays of the same length.
    #[inline(always)]
    pub(super) fn step(self, values: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
        for (((value, first), second), &gradient) in values.iter_mut().zip(first).zip(second).zip(gradient) {
            *first += (1.0 - Self::DECAY.0) * (gradient - *first);
            *second += (1.0 - Self::DECAY.1) * (gradient * gradient - *second);
            *value -= self.rate * *first / ((*second * self.correction).sqrt() + Self::EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_adam_is_that_of_the_paper() {
        // Two steps by hand: the first is the rate in the direction of the gradient.
        let (mut value, mut first, mut second) = ([1.0_f32], [0.0], [0.0]);
        Adam::at(0, 0.1).step(&mut value, &mut first, &mut second, &[4.0]);
        assert!((value[0] - 0.9).abs() < 1e-6);
        Adam::at(1, 0.1).step(&mut value, &mut first, &mut second, &[-2.0]);
        // m = .9 * .4 - .2 = .16, / .19; v = .999 * .016 + .004 = .019984, / .001999.
        let wanted = 0.9 - 0.1 * (0.16 / 0.19) / (0.019_984_f32 / 0.001_999).sqrt();
        assert!((value[0] - wanted).abs() < 1e-5, "{} {wanted}", value[0]);
    }

    #[test]
    fn rows_are_added_as_one_after_the_other() {
        for length in [0, 1, 100, 128, 130, 400] {
            let rows: Vec<f32> = (0..3 * length).map(|index| (index as f32).sin()).collect();
            let at = |index: usize| (&rows[index * length..][..length], 0.3 + index as f32);
            let (mut one_by_one, mut together) = (vec![0.1; length], vec![0.1; length]);
            (0..3).for_each(|index| add_scaled(&mut one_by_one, at(index).0, at(index).1));
            add_rows(&mut together, 3, at);
            assert!(together == one_by_one, "{length} columns");
        }
    }

    #[test]
    fn products_of_any_length_are_whole() {
        for length in [0, 1, 31, 32, 33, 100] {
            let left: Vec<f32> = (0..length).map(|index| index as f32).collect();
            let wanted: usize = (0..length).map(|index| index * index).sum();
            assert!((dot(&left, &left) - wanted as f32).abs() < 1e-1);
        }
    }
}
