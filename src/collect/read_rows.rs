//! Which of the rows that a model can give for a batch are read by a unit.

use crate::text::{Aggregation, EncodedTexts};

/// The rows of a batch that units read: not those of special tokens where units are words, and one of each text where units
/// are classification tokens.
pub(super) struct ReadRows {
    /// The number of the first row of each text.
    pub firsts: Vec<u32>,
    /// How many rows the batch has.
    all: usize,
    /// The numbers of those that are read, ascending; empty where all are.
    numbers: Vec<u32>,
    /// Where each row of the batch is among them; empty where all are read.
    places: Vec<u32>,
}

impl ReadRows {
    /// For the texts of a batch. `given` says how many rows the model can give for a text.
    pub fn new(
        encoded: &EncodedTexts,
        batch: &[usize],
        aggregation: Aggregation,
        given: impl Fn(usize) -> usize,
    ) -> Self {
        let mut firsts = Vec::with_capacity(batch.len());
        let mut is_read = Vec::new();
        for &text in batch {
            let first = is_read.len();
            firsts.push(first as u32);
            is_read.resize(first + given(text), false);
            for unit in encoded.units_of(text) {
                for position in aggregation.read_of(encoded.positions(unit)) {
                    is_read[first + *position as usize] = true;
                }
            }
        }
        let all = is_read.len();
        let numbers: Vec<u32> = (0..).zip(&is_read).filter(|(_, read)| **read).map(|(row, _)| row).collect();
        // A pass without rows would be no pass.
        if numbers.len() == all || numbers.is_empty() {
            return Self { firsts, all, numbers: Vec::new(), places: Vec::new() };
        }
        let mut places = vec![0; all];
        for (place, number) in (0..).zip(&numbers) {
            places[*number as usize] = place;
        }
        Self { firsts, all, numbers, places }
    }

    /// The numbers of the rows that are read, ascending; `None` where all are.
    pub fn numbers(&self) -> Option<&[u32]> {
        if self.numbers.is_empty() { None } else { Some(&self.numbers) }
    }

    /// How many rows are read.
    pub fn count(&self) -> usize {
        self.numbers().map_or(self.all, <[u32]>::len)
    }

    /// Where a row of the batch is among those that are read.
    pub fn place(&self, row: u32) -> u32 {
        self.places.get(row as usize).copied().unwrap_or(row)
    }
}
