//! The tokens of a text, and texts that are token ids already.

use super::encoded::EncodedTexts;
use super::granularity::Granularity;
use super::tokenizer::Tokenizer;
use super::units::UnitsBuilder;
use crate::control::Control;
use crate::error::{Error, Result};

/// A token of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    /// Its number in the vocabulary; [`Tokenizer::token`] gives its string.
    pub id: u32,
    /// The first byte in the text that it stands for, on a character boundary; a special token stands for none.
    pub begin: usize,
    /// One past the last byte in the text that it stands for, on a character boundary.
    pub end: usize,
}

impl Tokenizer {
    /// The tokens of a text as a model reads them: special ones included, cut to what the model can read.
    ///
    /// # Errors
    /// As [`Tokenizer::encode_texts`].
    pub fn tokens(&self, text: &str) -> Result<Vec<Token>> {
        let encoded = self.encode_texts(&[text], Granularity::AllTokens, 1, &Control::new())?;
        let token = |(index, &id): (usize, &u32)| {
            let span = encoded.units().span(index);
            let span = span.ok_or_else(|| Error::internal(format!("token {index} has no span")))?;
            Ok(Token { id, begin: span.begin, end: span.end })
        };
        encoded.ids(0).iter().enumerate().map(token).collect()
    }

    /// Texts that are token ids already: each token is a unit, whose string is the vocabulary's own. Nothing is added and
    /// nothing cut.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for more than 4,294,967,295 texts, or tokens in one of them.
    pub fn encode_ids(&self, sequences: &[&[u32]]) -> Result<EncodedTexts> {
        let mut units = UnitsBuilder::default();
        let mut result = EncodedTexts { text_starts: vec![0], ..EncodedTexts::default() };
        for (index, ids) in sequences.iter().enumerate() {
            let (Ok(index), Ok(count)) = (u32::try_from(index), u32::try_from(ids.len())) else {
                return Err(Error::argument(format!("sequence {index} has {} tokens, or is one too many", ids.len()))
                    .hint("give at most 4,294,967,295 sequences of as many tokens each"));
            };
            for &id in *ids {
                let string = units.intern(&self.token(id));
                units.push(index, 0, 0, string);
            }
            result.ids.extend_from_slice(ids);
            result.positions.extend(0..count);
            result.text_starts.push(result.ids.len());
        }
        result.unit_starts = (0..=result.ids.len()).collect();
        result.text_units.clone_from(&result.text_starts);
        result.units = units.finish();
        Ok(result)
    }
}
