//! The tokens of a file, and which of them are special.

use std::borrow::Cow;
use std::collections::HashMap;

use tokenizers::AddedToken;
use tokenizers::models::bpe::Merges;

use super::wrong;
use crate::error::{Result, shown};
use crate::gguf::{Metadata, missing};

pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
const KINDS: &str = "tokenizer.ggml.token_type";
pub(super) const MERGES: &str = "tokenizer.ggml.merges";
/// The keys of the ids of the special tokens.
pub(super) const BEGINNING: &str = "tokenizer.ggml.bos_token_id";
pub(super) const END: &str = "tokenizer.ggml.eos_token_id";
const UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";
const PADDING: &str = "tokenizer.ggml.padding_token_id";
/// Written so.
const SEPARATOR: &str = "tokenizer.ggml.seperator_token_id";
const CLASSIFICATION: &str = "tokenizer.ggml.cls_token_id";
const MASK: &str = "tokenizer.ggml.mask_token_id";

/// Ids by the text of the token.
pub(super) type Ids<'a> = HashMap<&'a str, u32>;

/// The tokens of a file in the order of their ids.
pub(super) struct Vocabulary<'a> {
    texts: Vec<Cow<'a, str>>,
    kinds: Vec<Kind>,
}

/// What a token is for, by the numbers that SentencePiece gave these kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

impl Kind {
    fn from_number(number: usize) -> Option<Self> {
        Some(match number {
            // 0 is "undefined", as which llama.cpp takes a normal one.
            0 | 1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return None,
        })
    }
}

impl<'a> Vocabulary<'a> {
    pub fn read(metadata: &Metadata<'a>) -> Result<Self> {
        let texts = metadata.texts(TOKENS)?.ok_or_else(|| missing(TOKENS))?;
        if texts.is_empty() || u32::try_from(texts.len()).is_err() {
            return Err(wrong(TOKENS, format!("has {} tokens", texts.len())));
        }
        let kinds = match metadata.sizes(KINDS)? {
            None => vec![Kind::Normal; texts.len()],
            Some(numbers) if numbers.len() != texts.len() => {
                return Err(of_other_length(KINDS, numbers.len(), texts.len()));
            }
            Some(numbers) => {
                let kind = |number| {
                    Kind::from_number(number).ok_or_else(|| wrong(KINDS, format!("holds the unknown kind {number}")))
                };
                numbers.into_iter().map(kind).collect::<Result<_>>()?
            }
        };
        Ok(Self { texts: texts.into_iter().map(Cow::Borrowed).collect(), kinds })
    }

    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// The text of an id, empty for one beyond the list.
    pub fn text(&self, id: u32) -> &str {
        self.texts.get(id as usize).map_or("", |text| text)
    }

    pub fn kind(&self, id: u32) -> Option<Kind> {
        self.kinds.get(id as usize).copied()
    }

    /// Gives each token the text that `spell` has for it, if any.
    pub fn respell(&mut self, spell: impl Fn(&str, Kind) -> Option<String>) {
        for (text, &kind) in self.texts.iter_mut().zip(&self.kinds) {
            if let Some(other) = spell(text, kind) {
                *text = Cow::Owned(other);
            }
        }
    }

    /// The tokens that a text can have, and their ids. Converters fill the vocabulary up to the rows of the embedding matrix with
    /// `[PAD32000]`, which `tokenizer.json` does not have; an empty token stands for no text.
    pub fn entries(&self) -> impl Iterator<Item = (&str, u32)> {
        let all = self.texts.iter().zip(&self.kinds).zip(0..);
        all.filter(|((text, kind), id)| !text.is_empty() && (**kind != Kind::Unused || **text != format!("[PAD{id}]")))
            .map(|((text, _), id)| (&**text, id))
    }

    /// The ids of the tokens that a text can have.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`](crate::ErrorCode::InvalidFile) where two have one text.
    pub fn ids(&self) -> Result<Ids<'_>> {
        let mut ids = HashMap::with_capacity(self.len());
        for (text, id) in self.entries() {
            if let Some(other) = ids.insert(text, id) {
                return Err(wrong(TOKENS, format!("has `{}` twice, as the tokens {other} and {id}", shown(text))));
            }
        }
        Ok(ids)
    }

    /// The tokens that are found in a text before it is split. The markers of Phi-3 (`<|user|>`) swallow the space behind them.
    pub fn added(&self, named: &NamedTokens, of_phi3: bool) -> Vec<AddedToken> {
        let is_named: Vec<u32> = named.ids().collect();
        let added = self.entries().filter_map(|(text, id)| {
            let kind = self.kind(id)?;
            let special = matches!(kind, Kind::Control | Kind::Unknown) || is_named.contains(&id);
            let swallows = of_phi3 && kind == Kind::Control && !matches!(text, "<s>" | "<|endoftext|>");
            (special || kind == Kind::UserDefined)
                .then(|| AddedToken::from(text, special).normalized(false).rstrip(swallows))
        });
        added.collect()
    }
}

/// The merges that a file lists, as pairs of tokens, if it does.
///
/// # Errors
/// [`ErrorCode::InvalidFile`](crate::ErrorCode::InvalidFile) for one that is no pair, or names what is not a token.
pub(super) fn listed_merges(metadata: &Metadata<'_>, ids: &Ids<'_>) -> Result<Option<Merges>> {
    let Some(merges) = metadata.texts(MERGES)? else { return Ok(None) };
    let mut joined = String::new();
    let pair = |(index, merge): (usize, &&str)| {
        let parts = merge.split_once(' ').filter(|(left, right)| !left.is_empty() && !right.is_empty());
        let (left, right) = parts.ok_or_else(|| {
            wrong(MERGES, format!("has `{}` at {index}, not two tokens with a space between them", shown(merge)))
        })?;
        joined.clear();
        joined.extend([left, right]);
        // The crate panics where the whole is longer than any token.
        match [left, right, &joined].into_iter().find(|text| !ids.contains_key(text)) {
            None => Ok((left.to_owned(), right.to_owned())),
            Some(text) => Err(wrong(MERGES, format!("has at {index} `{}`, which is not in `{TOKENS}`", shown(text)))),
        }
    };
    merges.iter().enumerate().map(pair).collect::<Result<_>>().map(Some)
}

/// The ids of the special tokens that a file names.
#[derive(Debug, Default)]
pub(super) struct NamedTokens {
    pub beginning: Option<u32>,
    pub end: Option<u32>,
    pub unknown: Option<u32>,
    pub cls: Option<u32>,
    others: [Option<u32>; 3],
}

impl NamedTokens {
    /// The ids that a file of so many tokens names.
    pub fn read(metadata: &Metadata<'_>, tokens: usize) -> Result<Self> {
        let id = |key: &str| {
            let Some(id) = metadata.size(key)? else { return Ok(None) };
            let known = u32::try_from(id).ok().filter(|_| id < tokens);
            known.map(Some).ok_or_else(|| wrong(key, format!("is {id}, but there are {tokens} tokens")))
        };
        Ok(Self {
            beginning: id(BEGINNING)?,
            end: id(END)?,
            unknown: id(UNKNOWN)?,
            cls: id(CLASSIFICATION)?,
            others: [id(PADDING)?, id(SEPARATOR)?, id(MASK)?],
        })
    }

    /// The one between two texts, or at the end of one.
    pub fn separator(&self) -> Option<u32> {
        self.others[1]
    }

    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        [self.beginning, self.end, self.unknown, self.cls].into_iter().chain(self.others).flatten()
    }
}

pub(super) fn of_other_length(key: &str, length: usize, tokens: usize) -> crate::error::Error {
    wrong(key, format!("has {length} entries, but there are {tokens} tokens"))
}
