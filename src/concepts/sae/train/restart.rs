//! Dead concepts begin anew where the rows of a batch are explained worst.

use super::state::SCALARS;
use super::step::Settings;
use super::vectors::{dot, normalise};
use crate::concepts::sae::activation::Largest;

/// What is read of a batch and of the concepts to let dead ones begin anew, wherever the steps are computed.
pub(super) trait Lately {
    /// What a row lacks, for the concepts of a group and those of the larger ones together.
    fn lacking(&self, row: usize, group: usize) -> &[f32];
    /// A row, less the offset.
    fn centred(&self, row: usize) -> &[f32];
    /// The norm of the weights of a concept.
    fn weight_norm(&self, concept: usize) -> f32;
    /// The numbers of a concept.
    fn scalars(&self, concept: usize) -> [f32; SCALARS];
}

/// A concept that begins anew, without a past.
pub(super) struct Restart {
    pub(super) concept: usize,
    pub(super) weights: Vec<f32>,
    pub(super) atom: Vec<f32>,
    pub(super) scalars: [f32; SCALARS],
}

/// The new beginnings of dead concepts, each at what one row lacks, with weights as large as those of the living concepts of its group.
pub(super) fn restarts(
    settings: &Settings,
    dead_concepts: &[u32],
    is_transcoder: bool,
    lately: &impl Lately,
) -> Vec<Restart> {
    let mut is_dead = vec![false; settings.concepts];
    dead_concepts.iter().for_each(|&concept| is_dead[concept as usize] = true);
    let mut is_taken = vec![false; settings.batch_rows];
    let (mut largest, mut begin, mut first) = (Largest::default(), 0, 0);
    let mut restarts = Vec::new();
    for (group, &end) in settings.groups.iter().enumerate() {
        let count = dead_concepts[first..].partition_point(|&concept| (concept as usize) < end);
        let dead = &dead_concepts[first..first + count];
        // Where all of them are dead, those of the other groups say how large weights are.
        let all = if count < end - begin { begin..end } else { 0..settings.concepts };
        (begin, first) = (end, first + count);
        if dead.is_empty() {
            continue;
        }
        let living = || all.clone().filter(|&concept| !is_dead[concept]);
        let mean = |each: &dyn Fn(usize) -> f32| living().map(each).sum::<f32>() / living().count().max(1) as f32;
        let norm = if settings.pursues() { 1.0 } else { mean(&|concept| lately.weight_norm(concept)) };
        let scalars: [f32; SCALARS] = std::array::from_fn(|index| mean(&|concept| lately.scalars(concept)[index]));
        let square = |(row, taken): (usize, &bool)| {
            let lacking = lately.lacking(row, group);
            if *taken { -1.0 } else { dot(lacking, lacking) }
        };
        let squares: Vec<f32> = is_taken.iter().enumerate().map(square).collect();
        for (&concept, &row) in dead.iter().zip(largest.find(&squares, dead.len(), false)) {
            let row = row as usize;
            is_taken[row] = true;
            let mut atom: Vec<f32> = lately.lacking(row, group).iter().map(|error| -error).collect();
            normalise(&mut atom);
            let mut weights = atom.clone();
            if is_transcoder {
                weights = lately.centred(row).to_vec();
                normalise(&mut weights);
            }
            weights.iter_mut().for_each(|value| *value *= norm);
            restarts.push(Restart { concept: concept as usize, weights, atom, scalars });
        }
    }
    restarts
}
