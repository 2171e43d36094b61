//! A set of texts as token ids and units, packed without padding.

use super::units::Units;

/// Texts as the model and the pooling need them: the token ids of each text, and for each unit the positions of
/// its tokens. 8 bytes a token and 20 bytes a unit.
#[derive(Debug, Clone, Default)]
pub struct EncodedTexts {
    /// The token ids of all texts, one after the other.
    pub(crate) ids: Vec<u32>,
    /// Where each text begins in `ids`, and the end: one more than there are texts.
    pub(crate) text_starts: Vec<usize>,
    /// For each unit, one after the other, the positions of its tokens *within its text*, ascending.
    pub(crate) positions: Vec<u32>,
    /// Where each unit begins in `positions`, and the end: one more than there are units.
    pub(crate) unit_starts: Vec<usize>,
    /// Where the units of each text begin, and the end: one more than there are texts.
    pub(crate) text_units: Vec<usize>,
    /// What each unit is called and where it stands.
    pub(crate) units: Units,
    /// How many texts were longer than the model can read and lost their end.
    pub(crate) truncated_count: usize,
    /// How many units were left out because the options name them.
    pub(crate) left_out_count: usize,
}

impl EncodedTexts {
    /// The number of texts.
    pub fn text_count(&self) -> usize {
        self.text_starts.len().saturating_sub(1)
    }

    /// The token ids of a text, special tokens included.
    pub fn ids(&self, text: usize) -> &[u32] {
        &self.ids[self.text_starts[text]..self.text_starts[text + 1]]
    }

    /// The number of tokens of all texts, special tokens included.
    pub fn token_count(&self) -> usize {
        self.ids.len()
    }

    /// The number of units of all texts: of rows of activations.
    pub fn unit_count(&self) -> usize {
        self.unit_starts.len().saturating_sub(1)
    }

    /// The units of a text, as a range of rows.
    pub fn units_of(&self, text: usize) -> std::ops::Range<usize> {
        self.text_units[text]..self.text_units[text + 1]
    }

    /// The positions of the tokens of a unit within its text.
    pub fn positions(&self, unit: usize) -> &[u32] {
        &self.positions[self.unit_starts[unit]..self.unit_starts[unit + 1]]
    }

    /// The units of all texts, in order: one per row of activations.
    pub fn units(&self) -> &Units {
        &self.units
    }

    /// How many texts were longer than the model can read and lost their end.
    pub fn truncated_count(&self) -> usize {
        self.truncated_count
    }

    /// How many units were left out because the options name them ([`super::UnitOptions::stop_units`]).
    pub fn left_out_count(&self) -> usize {
        self.left_out_count
    }
}
