//! The batch of a step: what is known of its rows, part by part, and which rows have each concept.

use super::state::SCALARS;
use crate::concepts::sae::activation::{Largest, ascending};
use crate::kernels::product::Scratch;

/// The codes of some rows that are not zero, or that a gradient is needed of.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// One past the last entry of each row.
    pub(super) ends: Vec<usize>,
    pub(super) concepts: Vec<u32>,
    pub(super) codes: Vec<f32>,
    /// The pre-activation, for the kinds whose gradient needs it.
    pub(super) before: Vec<f32>,
    /// The gradient of the product of the row with the weights.
    pub(super) gradients: Vec<f32>,
    /// The gradients of the scalars, for the kinds where they are not just that.
    pub(super) scalars: Vec<[f32; SCALARS]>,
}

impl Entries {
    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.concepts.clear();
        self.codes.clear();
        self.before.clear();
    }

    pub(super) fn row(&self, row: usize) -> std::ops::Range<usize> {
        row.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[row]
    }

    /// Keeps the entries whose number is among the largest: those with a key of at least `cut`.
    pub(super) fn keep(&mut self, first: usize, cut: u64) {
        let (mut kept, mut begin) = (0, 0);
        for end in &mut self.ends {
            for index in begin..*end {
                if batch_key(self.codes[index], first + index) >= cut {
                    self.codes[kept] = self.codes[index];
                    self.concepts[kept] = self.concepts[index];
                    kept += 1;
                }
            }
            begin = *end;
            *end = kept;
        }
        self.codes.truncate(kept);
        self.concepts.truncate(kept);
    }
}

/// What orders the codes of a batch by size, of equal ones the first before the others.
pub(super) fn batch_key(code: f32, index: usize) -> u64 {
    u64::from(ascending(code)) << 32 | u64::from(!(index as u32))
}

/// Some rows of a batch, which one thread works on at a time.
#[derive(Default)]
pub(super) struct Part {
    /// The rows, less the offset.
    pub(super) centred: Vec<f32>,
    /// The pre-activations.
    pub(super) before: Vec<f32>,
    pub(super) main: Entries,
    /// The codes of dead concepts.
    pub(super) dead: Entries,
    /// The errors of each row, those of each group and all larger ones together.
    pub(super) errors: Vec<f32>,
    /// The errors of the reconstruction by gates alone, and of that of each group by its dead concepts.
    pub(super) other_errors: Vec<f32>,
    /// The gradient of the offset of the output.
    pub(super) offset: Vec<f32>,
    pub(super) squares: f64,
    pub(super) codes: usize,
    pub(super) largest: Largest,
    pub(super) largest_dead: Largest,
    pub(super) some: Vec<f32>,
    pub(super) scratch: Scratch,
}

/// Which rows have each concept.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) starts: Vec<u32>,
    /// The row in the batch, and the entry in its part.
    pub(super) places: Vec<[u32; 2]>,
}

impl Index {
    pub(super) fn fill(&mut self, entries: &[&Entries], concepts: usize, part_rows: usize) {
        self.starts.clear();
        self.starts.resize(concepts + 1, 0);
        if concepts == 0 {
            return;
        }
        for concept in entries.iter().flat_map(|entries| &entries.concepts) {
            self.starts[*concept as usize] += 1;
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += std::mem::replace(start, sum);
        }
        self.places.resize(sum as usize, [0; 2]);
        for (part, entries) in entries.iter().enumerate() {
            for row in 0..entries.ends.len() {
                for index in entries.row(row) {
                    let next = &mut self.starts[entries.concepts[index] as usize];
                    self.places[*next as usize] = [(part * part_rows + row) as u32, index as u32];
                    *next += 1;
                }
            }
        }
        // Each start is now that of the next concept.
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    /// The rows and entries of a concept, in the order of the rows.
    pub(super) fn of(&self, concept: usize) -> &[[u32; 2]] {
        if self.starts.len() < 2 {
            return &[];
        }
        &self.places[self.starts[concept] as usize..self.starts[concept + 1] as usize]
    }
}
