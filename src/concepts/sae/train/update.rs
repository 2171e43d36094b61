//! The change of the parameters: the gradient of each concept, a sum over the rows that have it, made and used by one thread.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use super::batch::{Index, Part};
use super::state::{SCALARS, TrainedPart};
use super::step::Settings;
use super::vectors::{Adam, add_scaled, dot};
use crate::linalg::vectorised;

/// How many times as fast as the other parameters the dictionary learns. Its rows keep the norm 1, while the weights of the encoder
/// grow with the codes that they have to tell apart.
pub(super) const DICTIONARY_RATE: f32 = 3.0;

/// Consecutive concepts, which one thread changes.
pub(super) struct Group<'a> {
    pub(super) first: usize,
    pub(super) encoder: TrainedPart<'a>,
    pub(super) dictionary: TrainedPart<'a>,
    pub(super) scalars: TrainedPart<'a>,
    pub(super) silent: &'a mut [u64],
}

/// What the parameters are changed by.
pub(super) struct Update<'a> {
    pub(super) settings: &'a Settings,
    pub(super) part_rows: usize,
    pub(super) parts: &'a [&'a Part],
    pub(super) main: &'a Index,
    pub(super) dead: &'a Index,
    pub(super) adam: Adam,
    pub(super) dead_codes: usize,
}

impl Update<'_> {
    /// Changes the parameters of some concepts; returns the gradient that they give the rows, summed over the batch.
    pub(super) fn apply(&self, group: &mut Group<'_>) -> Vec<f32> {
        let (columns, outputs) = (self.settings.columns, self.settings.outputs);
        let groups = self.settings.groups.len();
        let scale = 2.0 / self.settings.batch_rows as f32;
        let dead_scale = scale * self.settings.dead_weight * self.dead_codes as f32 / (outputs / 2).max(1) as f32;
        // Where rows are pursued it is all that learns.
        let of_dictionary = if self.settings.pursues() { self.adam } else { self.adam.times(DICTIONARY_RATE) };
        let mut sum = vec![0.0_f32; columns];
        let (mut of_weights, mut of_atom) = (vec![0.0_f32; columns], vec![0.0_f32; outputs]);
        vectorised(
            #[inline(always)]
            || {
                for (index, silent) in group.silent.iter_mut().enumerate() {
                    let concept = group.first + index;
                    of_weights.fill(0.0);
                    of_atom.fill(0.0);
                    let (mut of_scalars, mut total, mut fires) = ([0.0_f32; SCALARS], 0.0_f32, false);
                    let nested =
                        if groups == 1 { 0 } else { self.settings.groups.partition_point(|&end| end <= concept) };
                    for &[row, entry] in self.main.of(concept) {
                        let (part, row, entry) = self.place(row, entry);
                        let (gradient, code) = (part.main.gradients[entry], part.main.codes[entry]);
                        let error = &part.errors[(row * groups + nested) * outputs..][..outputs];
                        add_scaled(&mut of_weights, &part.centred[row * columns..][..columns], gradient);
                        add_scaled(&mut of_atom, error, scale * code);
                        total += gradient;
                        fires |= code > 0.0;
                        match part.main.scalars.get(entry) {
                            Some(scalars) => of_scalars.iter_mut().zip(scalars).for_each(|(sum, value)| *sum += value),
                            None => of_scalars[0] += gradient,
                        }
                    }
                    for &[row, entry] in self.dead.of(concept) {
                        let (part, row, entry) = self.place(row, entry);
                        let (gradient, code) = (part.dead.gradients[entry], part.dead.codes[entry]);
                        let error = &part.other_errors[((groups + 1) * row + 1 + nested) * outputs..][..outputs];
                        add_scaled(&mut of_weights, &part.centred[row * columns..][..columns], gradient);
                        add_scaled(&mut of_atom, error, dead_scale * code);
                        total += gradient;
                        of_scalars[0] += gradient;
                    }
                    *silent = if fires { 0 } else { *silent + self.settings.batch_rows as u64 };
                    let weights = &group.encoder.values[index * columns..][..columns];
                    add_scaled(&mut sum, weights, total);
                    // Along the row itself there is no gradient, since its norm stays 1.
                    let atom = &group.dictionary.values[index * outputs..][..outputs];
                    let along = dot(&of_atom, atom);
                    add_scaled(&mut of_atom, atom, -along);
                    if !self.settings.pursues() {
                        group.encoder.step(self.adam, index, &of_weights);
                    }
                    group.dictionary.step(of_dictionary, index, &of_atom);
                    group.scalars.step(self.adam, index, &of_scalars);
                    let atom = &mut group.dictionary.values[index * outputs..][..outputs];
                    let norm = dot(atom, atom).sqrt();
                    if norm > 0.0 {
                        atom.iter_mut().for_each(|value| *value /= norm);
                    }
                    if self.settings.pursues() {
                        group.encoder.values[index * columns..][..columns].copy_from_slice(atom);
                    }
                }
            },
        );
        sum
    }

    #[inline(always)]
    fn place(&self, row: u32, entry: u32) -> (&Part, usize, usize) {
        let row = row as usize;
        (self.parts[row / self.part_rows], row % self.part_rows, entry as usize)
    }
}
