//! Texts of a batch that begin with the same tokens.
//!
//! In a causal model a token depends on nothing behind it, so all texts that share their first tokens, such as an instruction or a
//! conversation so far, have the same values there. They are computed once.

use crate::model::blueprint::{Blueprint, RotarySettings, Stack};

/// Where fewer than one in so many rows would be saved, each text runs by itself: to find keys and values again for each text takes
/// time, too.
const WORTH_ONE_IN: usize = 8;

/// Which rows of a batch run, and which of these has the values of each row.
#[derive(Debug)]
pub(crate) struct SamePrefix {
    /// The numbers of the rows that run among all rows of the batch, ascending.
    pub runs: Vec<u32>,
    /// For each row of the batch, which of the rows that run has its values.
    pub sources: Vec<u32>,
}

impl SamePrefix {
    /// What runs of some texts, which are token ids.
    pub fn of(sequences: &[&[u32]]) -> Self {
        let mut firsts = Vec::with_capacity(sequences.len());
        let mut count = 0_u32;
        for ids in sequences {
            firsts.push(count);
            count += ids.len() as u32;
        }
        // Among texts in the order of their ids, what a text shares with any earlier one it shares with its neighbour.
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|text| sequences[*text]);
        let mut sources: Vec<u32> = (0..count).collect();
        for pair in order.windows(2) {
            let [one, next] = [pair[0], pair[1]].map(|text| (firsts[text] as usize, sequences[text]));
            let shared = one.1.iter().zip(next.1).take_while(|(one, next)| one == next).count();
            sources.copy_within(one.0..one.0 + shared, next.0);
        }
        let runs: Vec<u32> = (0..).zip(&sources).filter(|(row, source)| row == *source).map(|(row, _)| row).collect();
        let mut places = vec![0; sources.len()];
        for (place, row) in (0..).zip(&runs) {
            places[*row as usize] = place;
        }
        sources.iter_mut().for_each(|source| *source = places[*source as usize]);
        Self { runs, sources }
    }

    /// Whether so few rows run that it pays.
    pub fn pays(&self) -> bool {
        pays(self.sources.len() - self.runs.len(), self.sources.len())
    }
}

/// Whether it pays that so many of all rows do not run.
fn pays(saved: usize, all: usize) -> bool {
    saved > 0 && saved * WORTH_ONE_IN >= all
}

/// How many tokens all texts begin with; 0 where these are so few that texts run by themselves.
pub(super) fn shared_by_all<'a>(texts: impl Iterator<Item = &'a [u32]> + Clone) -> usize {
    let Some(first) = texts.clone().next() else { return 0 };
    let (mut shared, mut count, mut all) = (first.len(), 0, 0);
    for ids in texts {
        shared = first.iter().zip(ids).take(shared).take_while(|(one, other)| one == other).count();
        (count, all) = (count + 1, all + ids.len());
    }
    if pays(shared * (count - 1), all) { shared } else { 0 }
}

impl Blueprint {
    /// Whether the rows of a token depend on nothing behind it, nor on how long its text is, so that texts of these lengths share what
    /// they begin with. A gated delta net does not: it goes on from a state, which no text can take over from another.
    pub fn shares_prefixes(&self, lengths: impl Iterator<Item = usize>) -> bool {
        let lengths: Vec<usize> = lengths.collect();
        let regimes_agree =
            |rotary: &RotarySettings| lengths.windows(2).all(|pair| rotary.regime(pair[0]) == rotary.regime(pair[1]));
        self.decoder.is_none()
            && self.padding_idx.is_none()
            && self.delta_nets.iter().all(Option::is_none)
            && self.attention(Stack::First).iter().all(|attention| attention.causal)
            && self.rotations.iter().all(regimes_agree)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use candle_core::Tensor;

    use super::*;
    use crate::model::PassOptions;
    use crate::model::split_model::Sharing;
    use crate::model::whole::{KERNELS, every_variant, golden, load, splits_of};

    #[test]
    fn what_any_texts_share_runs_once() {
        let all: [&[u32]; 6] = [&[1, 2, 3, 4], &[9], &[1, 2, 5], &[1, 2, 3], &[], &[1, 2, 5, 6]];
        let same = SamePrefix::of(&all);
        let values: Vec<u32> = all.concat();
        let run: Vec<u32> = same.sources.iter().map(|run| values[same.runs[*run as usize] as usize]).collect();
        assert_eq!(run, values);
        // 1 2 3 4, 9, 5 and 6, each once.
        assert_eq!(same.runs.len(), 7);
        assert!(same.runs.is_sorted() && same.pays());
        assert_eq!(SamePrefix::of(&[&[3, 1], &[2, 1]]).sources, [0, 1, 2, 3]);
        assert!(!SamePrefix::of(&[&[0, 1, 2, 3, 4, 5, 6, 7, 8], &[0, 2, 3, 4, 5, 6, 7, 8, 9]]).pays());
    }

    #[test]
    fn what_all_texts_share_is_counted_where_it_pays() {
        let shared = |all: &[&[u32]]| shared_by_all(all.iter().copied());
        assert_eq!(shared(&[&[1, 2, 3], &[1, 2], &[1, 2, 4, 5]]), 2);
        assert_eq!(shared(&[&[1, 2, 3], &[2, 2, 3]]), 0);
        assert_eq!(shared(&[&[1, 2, 3]]), 0);
        assert_eq!(shared(&[&[0, 1, 2, 3, 4, 5, 6, 7, 8], &[0, 2, 3, 4, 5, 6, 7, 8, 9]]), 0);
        assert_eq!(shared(&[]), 0);
    }

    fn bits(tensors: &[Tensor]) -> Vec<Vec<u32>> {
        let of = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        tensors.iter().map(|tensor| of(tensor).iter().map(|value| value.to_bits()).collect()).collect()
    }

    #[test]
    fn rows_of_texts_that_share_a_prefix_are_the_same_bits_as_apart_for_every_causal_family() {
        let mut families = HashSet::new();
        every_variant(|family, variant, splits| {
            let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
            let mut model = load(family, variant, &splits, KERNELS);
            let texts = golden::texts(family);
            let first = texts.iter().max_by_key(|ids| ids.len()).unwrap();
            // A text, its beginnings with another end, another text, and the first one again.
            let mut all = vec![first.clone(), texts.iter().min_by_key(|ids| ids.len()).unwrap().clone()];
            for kept in [first.len() / 2, first.len() - 1, 1] {
                let mut other = first[..kept].to_vec();
                other.extend(first[kept..].iter().rev().map(|id| id / 2).chain([3, 1]));
                all.push(other);
            }
            all.push(first.clone());
            let sequences: Vec<&[u32]> = all.iter().map(Vec::as_slice).collect();
            if !model.blueprint.shares_prefixes(sequences.iter().map(|ids| ids.len())) {
                return;
            }
            families.insert(family.to_owned());
            let count = sequences.iter().map(|ids| ids.len()).sum::<usize>() as u32;
            let last: Vec<u32> = (0..count).filter(|row| row % 3 == 2).collect();
            let points: Vec<_> = model.split_points.iter().cloned().zip(model.sites.iter().copied()).collect();
            for rows in [None, Some(&last[..])] {
                let run = |model: &crate::model::SplitModel, same_prefix| {
                    let options = PassOptions { rows, same_prefix, ..PassOptions::default() };
                    bits(&model.forward_under(&sequences, options, Vec::new()).unwrap())
                };
                let apart = run(&model, Sharing::Never);
                assert!(run(&model, Sharing::Always) == apart, "{family} {variant}");
                for (index, (point, site)) in points.iter().enumerate().step_by(3) {
                    (model.split_points, model.sites) = (vec![point.clone()], vec![*site]);
                    let shared = run(&model, Sharing::Always);
                    assert!(shared[0] == apart[index], "{family} {variant} {}", point.path);
                }
                (model.split_points, model.sites) = points.iter().cloned().unzip();
            }
        });
        assert!(families.len() > 20, "{families:?}");
    }

    #[test]
    fn a_long_prefix_has_the_same_bits_in_texts_of_any_length() {
        // Queries read their keys in parts of 256: the ends of these texts lie in the same part as the prefix, and in later ones.
        for (family, variant) in [("llama", "causal_lm"), ("gemma2", "causal_lm"), ("bloom", "causal_lm")] {
            let splits = splits_of(family, variant);
            let splits: Vec<&str> = splits.iter().map(String::as_str).collect();
            let model = load(family, variant, &splits, KERNELS);
            let vocabulary = model.vocabulary_size() as u32;
            let texts = [(301, 1), (420, 5), (303, 3), (700, 2), (513, 4)].map(|(length, step): (u32, u32)| {
                let id = |place: u32| if place < 300 { place * 7 % vocabulary } else { place * step % vocabulary };
                (0..length).map(id).collect::<Vec<u32>>()
            });
            let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let together = model.forward(&sequences).unwrap();
            let mut first = 0;
            for ids in sequences {
                for (path, (together, alone)) in splits.iter().zip(together.iter().zip(model.forward(&[ids]).unwrap()))
                {
                    let together = together.narrow(0, first, ids.len()).unwrap();
                    assert!(bits(&[together]) == bits(&[alone]), "{family} {path}, {} tokens", ids.len());
                }
                first += ids.len();
            }
        }
    }
}
