//! What a training changes: the parameters with their moments, and what it knows of each concept.

use super::vectors::Adam;

/// Values that Adam changes, with their moments.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Trained {
    pub(super) values: Vec<f32>,
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
}

/// The values of some concepts, with their moments.
pub(super) struct TrainedPart<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) first: &'a mut [f32],
    pub(super) second: &'a mut [f32],
}

impl Trained {
    pub(super) fn new(values: Vec<f32>) -> Self {
        let zeros = vec![0.0; values.len()];
        Self { values, first: zeros.clone(), second: zeros }
    }

    /// Parts of so many values each.
    pub(super) fn parts(&mut self, length: usize) -> impl Iterator<Item = TrainedPart<'_>> {
        let moments = self.first.chunks_mut(length).zip(self.second.chunks_mut(length));
        let parts = self.values.chunks_mut(length).zip(moments);
        parts.map(|(values, (first, second))| TrainedPart { values, first, second })
    }

    /// Gives a concept other values, without a past.
    pub(super) fn restart(&mut self, concept: usize, values: &[f32]) {
        let range = concept * values.len()..(concept + 1) * values.len();
        self.first[range.clone()].fill(0.0);
        self.second[range.clone()].fill(0.0);
        self.values[range].copy_from_slice(values);
    }

    /// Changes all values by their gradient.
    pub(super) fn step(&mut self, adam: Adam, gradient: &[f32]) {
        adam.step(&mut self.values, &mut self.first, &mut self.second, gradient);
    }
}

impl TrainedPart<'_> {
    /// Changes the values of a concept by their gradient.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "compiled for the vector instructions of its caller")]
    pub(super) fn step(&mut self, adam: Adam, concept: usize, gradient: &[f32]) {
        let range = concept * gradient.len()..(concept + 1) * gradient.len();
        adam.step(&mut self.values[range.clone()], &mut self.first[range.clone()], &mut self.second[range], gradient);
    }
}

/// The state of a training, on rows that were scaled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    /// The weights, (concepts, columns).
    pub(super) encoder: Trained,
    /// The dictionary, (concepts, output columns), whose rows have the norm 1.
    pub(super) dictionary: Trained,
    /// The numbers of each concept, (concepts, [`SCALARS`]).
    pub(super) scalars: Trained,
    /// The offset of the output, and of the input where that is the same.
    pub(super) offset: Trained,
    /// The offset of the input of a transcoder, which is not trained; otherwise empty.
    pub(super) input_offset: Vec<f32>,
    /// The factors by which the rows and the output were scaled.
    pub(super) factors: [f32; 2],
    /// For how many rows no row has had each concept.
    pub(super) silent: Vec<u64>,
    /// The weight of the penalty, as it is adapted.
    pub(super) penalty: f64,
    /// How many codes a row had on average lately.
    pub(super) lately: f64,
    /// The step that comes next.
    pub(super) step: usize,
}

/// How many numbers a concept has besides its weights: its bias, and two that the kind gives a meaning: the logarithm of the
/// threshold, or the bias and the logarithm of the scale of the magnitude.
pub(super) const SCALARS: usize = 3;

impl State {
    /// The offset of the input.
    pub(super) fn centre(&self) -> &[f32] {
        if self.input_offset.is_empty() { &self.offset.values } else { &self.input_offset }
    }

    /// A number of each concept.
    pub(super) fn scalar(&self, index: usize) -> impl Iterator<Item = f32> {
        self.scalars.values.iter().copied().skip(index).step_by(SCALARS)
    }
}
