//! The k strongest names of each concept, in memory of concepts x k.
//!
//! A name is a text, known by its number, and its strength is the largest that it had so far. The result is exact:
//! strengths only rise, and so does that of the weakest name that is kept. A name that was dropped was weaker than all
//! that are kept, so it comes back only with a strength larger than any it had before, and that is its maximum.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use crate::concepts::RowCodes;

/// A name, its strength, and the first row in which it is that strong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) strength: f32,
    pub(crate) name: usize,
    pub(crate) row: usize,
}

impl Eq for Ranked {}

/// Orders by strength, the strongest first, and then by the number of the name.
impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        // Zeros of either sign are the same strength.
        let (left, right) = (self.strength + 0.0, other.strength + 0.0);
        right.total_cmp(&left).then(self.name.cmp(&other.name))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The memory of one entry, in bytes: it is stored twice with its key, in trees and hash tables that are at least half
/// full.
pub(crate) const ENTRY_BYTES: usize = 4 * (size_of::<Ranked>() + size_of::<usize>());

/// The strongest names of one concept.
#[derive(Debug, Default)]
struct Best {
    order: BTreeSet<Ranked>,
    /// The entry of each name in `order`.
    found: HashMap<usize, Ranked>,
}

impl Best {
    /// Inserts the name if it is among the `k` strongest.
    fn offer(&mut self, offered: Ranked, k: usize) {
        let full = self.order.len() >= k;
        if full && self.order.last().is_some_and(|weakest| offered >= *weakest) {
            return;
        }
        if let Some(before) = self.found.get(&offered.name).copied() {
            // Of rows with the same strength, the first stays.
            if offered.strength <= before.strength {
                return;
            }
            self.order.remove(&before);
        } else if full && let Some(weakest) = self.order.pop_last() {
            self.found.remove(&weakest.name);
        }
        self.order.insert(offered);
        self.found.insert(offered.name, offered);
    }

    /// The strength below which no name is inserted.
    fn bound(&self, k: usize) -> f32 {
        let weakest = self.order.last().filter(|_| self.order.len() >= k);
        weakest.map_or(f32::NEG_INFINITY, |weakest| weakest.strength)
    }
}

/// The strongest names of each of some concepts, at one pole.
#[derive(Debug)]
pub(crate) struct Strongest {
    k: usize,
    /// 1 for the largest codes, -1 for the most negative ones.
    sign: f32,
    /// The slot of each concept, where it has one.
    slots: Vec<Option<usize>>,
    /// The concept of each slot.
    concepts: Vec<usize>,
    /// Whether the slots are all concepts in their order.
    is_whole: bool,
    best: Vec<Best>,
    /// For each slot, the strength below which no name is inserted.
    bounds: Vec<f32>,
    /// The slots that could still take a zero.
    open: Vec<usize>,
}

impl Strongest {
    /// Makes empty lists for the distinct concepts of `concepts`; there are `concept_count` concepts in all.
    pub(crate) fn new(concepts: &[usize], concept_count: usize, k: usize, sign: f32) -> Self {
        let mut slots = vec![None; concept_count];
        let mut different = Vec::new();
        for &concept in concepts {
            if slots[concept].is_none() {
                slots[concept] = Some(different.len());
                different.push(concept);
            }
        }
        let count = different.len();
        Self {
            k,
            sign,
            slots,
            is_whole: count == concept_count && different.is_sorted(),
            concepts: different,
            best: (0..count).map(|_| Best::default()).collect(),
            bounds: vec![f32::NEG_INFINITY; count],
            // Only codes below zero belong to the negative pole.
            open: if sign > 0.0 { (0..count).collect() } else { Vec::new() },
        }
    }

    /// Offers the codes of a row that has that name.
    pub(crate) fn update(&mut self, name: usize, row: usize, codes: RowCodes<'_>) {
        match codes {
            // Of many rows nearly none has a code that counts, which this loop finds out for several concepts at a time.
            RowCodes::Dense(values) if self.is_whole && !self.may_rank(values) => {}
            RowCodes::Dense(values) => {
                for slot in 0..self.concepts.len() {
                    self.offer(slot, values[self.concepts[slot]], name, row);
                }
            }
            RowCodes::Sparse(concepts, values) => {
                for (&concept, &value) in concepts.iter().zip(values) {
                    if let Some(slot) = self.slots[concept as usize] {
                        self.offer(slot, value, name, row);
                    }
                }
                // A list ends before its first zero, so a zero only displaces negative codes. Once a list holds k names
                // that are not negative, zeros need not be offered any more, and which names had them does not matter.
                let mut open = std::mem::take(&mut self.open);
                open.retain(|&slot| {
                    if concepts.binary_search(&(self.concepts[slot] as u32)).is_err() {
                        self.offer(slot, 0.0, name, row);
                    }
                    self.bounds[slot] < 0.0
                });
                self.open = open;
            }
        }
    }

    /// Whether a code reaches the bound of its slot; the slots are the concepts.
    fn may_rank(&self, values: &[f32]) -> bool {
        let reaches = |(value, bound): (&f32, &f32)| self.sign * value >= *bound;
        values.iter().zip(&self.bounds).fold(false, |found, pair| found | reaches(pair))
    }

    fn offer(&mut self, slot: usize, value: f32, name: usize, row: usize) {
        let strength = self.sign * value;
        if strength < self.bounds[slot] || (self.sign < 0.0 && strength <= 0.0) {
            return;
        }
        self.best[slot].offer(Ranked { strength, name, row }, self.k);
        self.bounds[slot] = self.best[slot].bound(self.k);
    }

    /// The names of a concept, the strongest first, up to the first whose strength is exactly zero.
    pub(crate) fn of(&self, concept: usize) -> impl Iterator<Item = Ranked> {
        let best = self.slots.get(concept).copied().flatten().map(|slot| &self.best[slot]);
        best.into_iter().flat_map(|best| best.order.iter().copied()).take_while(|ranked| ranked.strength != 0.0)
    }

    /// Converts a strength back to the code.
    pub(crate) fn code(&self, strength: f32) -> f32 {
        self.sign * strength
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::RandomState;

    /// The largest code of each name, ranked, without anything clever.
    fn exhaustive(rows: &[(usize, Vec<f32>)], concept: usize, k: usize, sign: f32) -> Vec<Ranked> {
        let mut all: Vec<Ranked> = Vec::new();
        for (row, (name, codes)) in rows.iter().enumerate() {
            let offered = Ranked { strength: sign * codes[concept], name: *name, row };
            match all.iter_mut().find(|ranked| ranked.name == *name) {
                Some(found) if offered.strength > found.strength => *found = offered,
                Some(_) => {}
                None => all.push(offered),
            }
        }
        all.retain(|ranked| sign > 0.0 || ranked.strength > 0.0);
        all.sort();
        all.truncate(k);
        all.into_iter().take_while(|ranked| ranked.strength != 0.0).collect()
    }

    #[test]
    fn the_strongest_are_those_of_all_names_for_dense_and_sparse_codes() {
        let mut random = RandomState::new(5);
        for round in 0..300_u32 {
            let (names, concepts) = (1 + random.up_to(12) as usize, 3);
            let count = random.up_to(60) as usize;
            // Few different values, so that ties and zeros are frequent.
            let lowest = [0, 2, 4][round as usize % 3];
            let mut code = || random.up_to(5) as f32 - lowest as f32;
            let mut rows: Vec<(usize, Vec<f32>)> =
                (0..count).map(|_| (0, (0..concepts).map(|_| code()).collect())).collect();
            rows.iter_mut().for_each(|(name, _)| *name = random.up_to(names as u32 - 1) as usize);
            for (k, sign) in [(1, 1.0), (3, 1.0), (3, -1.0), (20, 1.0), (20, -1.0)] {
                let wanted = [2, 0, 2];
                let mut dense = Strongest::new(&wanted, concepts, k, sign);
                let mut sparse = Strongest::new(&wanted, concepts, k, sign);
                for (row, (name, codes)) in rows.iter().enumerate() {
                    dense.update(*name, row, RowCodes::Dense(codes));
                    let entries: Vec<(u32, f32)> =
                        (0..).zip(codes.iter().copied()).filter(|(_, code)| *code != 0.0).collect();
                    let (concepts, values): (Vec<u32>, Vec<f32>) = entries.into_iter().unzip();
                    sparse.update(*name, row, RowCodes::Sparse(&concepts, &values));
                }
                for concept in [0, 2] {
                    let expected = exhaustive(&rows, concept, k, sign);
                    assert_eq!(dense.of(concept).collect::<Vec<_>>(), expected, "round {round}, {k} best, dense");
                    assert_eq!(sparse.of(concept).collect::<Vec<_>>(), expected, "round {round}, {k} best, sparse");
                }
            }
        }
    }
}
