//! A text becomes tokens: what the tokenizers crate says of it, cut to what the model can read.

use tokenizers::{Encoding, TruncationDirection, TruncationParams};

use super::pieces::Sizes;
use super::pieces::cuts::Cuts;
use super::tokenizer::Tokenizer;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};

impl Tokenizer {
    /// The tokens of each text. Looks for a cancel before each of them, and within long ones.
    pub(super) fn tokenize(&self, texts: &[impl AsRef<str>], control: &Control) -> Result<Vec<Tokens>> {
        let one = |text: &str| {
            control.check()?;
            self.tokenize_one(text, Sizes::default(), control)
        };
        texts.iter().map(|text| one(text.as_ref())).collect()
    }

    /// The tokens of a text, taken in pieces of those sizes where it is longer.
    pub(super) fn tokenize_one(&self, text: &str, sizes: Sizes, control: &Control) -> Result<Tokens> {
        let whole = text.len() <= sizes.piece || (text.len() <= sizes.most && self.cuts().is_none());
        let encoding = if whole {
            self.pipeline.encode(text, true)?
        } else {
            self.pipeline.finish(text, self.in_pieces(text, sizes, control)?, true)?
        };
        Ok(Tokens {
            truncated: !encoding.get_overflowing().is_empty() || (whole && self.left_out(text, &encoding)?),
            ids: encoding.get_ids().to_vec(),
            words: encoding.get_word_ids().to_vec(),
            offsets: encoding.get_offsets().to_vec(),
        })
    }

    /// Where a text can be cut so that its pieces have the tokens that it has, if anywhere.
    pub(super) fn cuts(&self) -> Option<&Cuts> {
        self.cuts.get_or_init(|| Cuts::of(&self.pipeline)).as_ref()
    }

    /// Whether a text has tokens beyond those of an encoding that is full. The crate stops after the word that fills it, and
    /// where that ends at the limit it does not say that there was more. Where it adds special tokens it stops beyond the limit.
    fn left_out(&self, text: &str, encoding: &Encoding) -> Result<bool> {
        let full = |cut: &&TruncationParams| cut.max_length == encoding.len();
        let Some(truncation) = self.pipeline.truncation().filter(full) else { return Ok(false) };
        if encoding.get_special_tokens_mask().contains(&1) {
            return Ok(false);
        }
        let offsets = encoding.get_offsets();
        let rest = match truncation.direction {
            TruncationDirection::Right => offsets.last().and_then(|(_, end)| text.get(*end..)),
            TruncationDirection::Left => offsets.first().and_then(|(begin, _)| text.get(..*begin)),
        };
        let rest = rest.filter(|rest| !rest.is_empty()).map(|rest| self.pipeline.encode(rest, false));
        Ok(rest.transpose()?.is_some_and(|tokens| !tokens.is_empty()))
    }
}

/// The error for a panic of the tokenizers crate.
pub(super) fn panicked() -> Error {
    Error::new(ErrorCode::InvalidFile, "tokenizer.json contradicts itself: the tokenizer failed a check on a text")
        .hint("get the file again, from the repository of the model")
}

/// The tokens of some texts, one text after the other: 16 bytes a token. Where they are ids that a caller brought, nobody says
/// what they stand for.
#[derive(Debug, Clone)]
pub(crate) struct PackedTokens {
    /// The ids of all texts.
    pub ids: Vec<u32>,
    /// Where each text begins, and the end: one more than there are texts.
    pub starts: Vec<usize>,
    words: Vec<u32>,
    offsets: Vec<[u32; 2]>,
}

/// The number of the word of a token that is in none.
const NO_WORD: u32 = u32::MAX;

impl Default for PackedTokens {
    fn default() -> Self {
        Self { ids: Vec::new(), starts: vec![0], words: Vec::new(), offsets: Vec::new() }
    }
}

impl PackedTokens {
    /// Adds the tokens of a text of less than 4 GiB.
    pub(super) fn push(&mut self, tokens: &Tokens) {
        self.words.extend(tokens.words.iter().map(|word| word.unwrap_or(NO_WORD)));
        self.offsets.extend(tokens.offsets.iter().map(|&(begin, end)| [begin as u32, end as u32]));
        self.push_ids(&tokens.ids);
    }

    /// Adds a text of which only the ids are known.
    pub fn push_ids(&mut self, ids: &[u32]) {
        self.ids.extend_from_slice(ids);
        self.starts.push(self.ids.len());
    }

    /// The number of texts.
    pub fn text_count(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The ids of a text.
    pub fn ids_of(&self, text: usize) -> &[u32] {
        &self.ids[self.starts[text]..self.starts[text + 1]]
    }

    /// The tokens of a text that was tokenized.
    pub(super) fn of(&self, text: usize) -> TokensOf<'_> {
        let range = self.starts[text]..self.starts[text + 1];
        TokensOf {
            ids: &self.ids[range.clone()],
            words: self.words.get(range.clone()).unwrap_or_default(),
            offsets: self.offsets.get(range).unwrap_or_default(),
        }
    }
}

/// The tokens of one of several texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokensOf<'a> {
    pub ids: &'a [u32],
    words: &'a [u32],
    offsets: &'a [[u32; 2]],
}

impl TokensOf<'_> {
    /// Which word a position belongs to; special tokens, and what is beyond the last, have none.
    pub fn word(self, position: usize) -> Option<u32> {
        self.words.get(position).copied().filter(|&word| word != NO_WORD)
    }

    /// The bytes of the text that a position stands for.
    pub fn offsets(self, position: usize) -> (usize, usize) {
        self.offsets.get(position).map_or((0, 0), |&[begin, end]| (begin as usize, end as usize))
    }
}

/// What the tokenizer says of one text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    pub ids: Vec<u32>,
    /// Which word each position belongs to; special tokens have none.
    pub words: Vec<Option<u32>>,
    /// The bytes of the text that each position stands for.
    pub offsets: Vec<(usize, usize)>,
    pub truncated: bool,
}
