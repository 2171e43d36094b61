//! The tokens of a text.

use super::granularity::Granularity;
use super::tokenizer::Tokenizer;
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
}
