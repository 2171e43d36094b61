//! A set of texts as token ids and units, packed without padding.

use std::sync::Arc;

use super::left_out::LeftOut;
use super::tokenize::PackedTokens;
use super::units::Units;

/// Texts as the model and the pooling need them: the token ids of each text, and for each unit the positions of
/// its tokens. Beside the inputs, 4 bytes a token and 36 bytes a unit.
#[derive(Debug, Clone)]
pub struct EncodedTexts {
    /// The tokens of all texts, which the inputs share.
    pub(crate) tokens: Arc<PackedTokens>,
    /// How many tokens come before those, where the texts are some of a stream.
    pub(crate) tokens_before: usize,
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
    /// How many units were left out.
    pub(crate) left_out: LeftOut,
}

impl Default for EncodedTexts {
    fn default() -> Self {
        Self {
            tokens: Arc::default(),
            tokens_before: 0,
            positions: Vec::new(),
            unit_starts: vec![0],
            text_units: vec![0],
            units: Units::default(),
            truncated_count: 0,
            left_out: LeftOut::default(),
        }
    }
}

impl EncodedTexts {
    /// The number of texts.
    pub fn text_count(&self) -> usize {
        self.tokens.text_count()
    }

    /// The token ids of a text, special tokens included.
    pub fn ids(&self, text: usize) -> &[u32] {
        self.tokens.ids_of(text)
    }

    /// The token ids of some texts, as a model reads them.
    pub(crate) fn sequences(&self, texts: &[usize]) -> Vec<&[u32]> {
        texts.iter().map(|&text| self.ids(text)).collect()
    }

    /// The number of tokens of all texts, special tokens included.
    pub fn token_count(&self) -> usize {
        self.tokens.ids.len()
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

    /// Adds the units of further texts, but for what they are called and where they stand.
    pub(super) fn append(&mut self, more: &Self) {
        let (positions, units) = (self.positions.len(), self.unit_count());
        self.positions.extend_from_slice(&more.positions);
        self.unit_starts.extend(more.unit_starts.iter().skip(1).map(|start| positions + start));
        self.text_units.extend(more.text_units.iter().skip(1).map(|unit| units + unit));
        self.left_out.add(more.left_out);
    }

    /// How many texts were longer than the model can read and lost their end.
    pub fn truncated_count(&self) -> usize {
        self.truncated_count
    }

    /// How many units were left out, and why.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// How many units were left out.
    pub fn left_out_count(&self) -> usize {
        self.left_out.total()
    }
}
