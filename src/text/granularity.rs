//! How much text one row of activations stands for, and how the tokens of a unit become one row.

use serde::{Deserialize, Serialize};

/// What one row of activations stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[repr(u32)]
pub enum Granularity {
    /// Each token that is not a special one.
    Token = 1,
    /// Each word, as the tokenizer's pre-tokenizer splits them.
    #[default]
    Word = 2,
    /// Each sentence.
    Sentence = 3,
    /// Each text, over the tokens that are not special.
    Sample = 4,
    /// Each position, special tokens included. There is no padding.
    AllTokens = 5,
    /// The first position of each text, which must be the tokenizer's classification token.
    ClsToken = 6,
}

impl Granularity {
    /// Its name, as files and the bindings write it (`all_tokens`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Word => "word",
            Self::Sentence => "sentence",
            Self::Sample => "sample",
            Self::AllTokens => "all_tokens",
            Self::ClsToken => "cls_token",
        }
    }
}

/// How the rows of the tokens of a unit become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[repr(u32)]
pub enum Aggregation {
    /// The mean of each column.
    #[default]
    Mean = 1,
    /// The sum of each column.
    Sum = 2,
    /// The largest value of each column.
    Max = 3,
    /// The smallest value of each column.
    Min = 4,
    /// The value of largest magnitude of each column, with its sign; the first one on ties.
    SignedMax = 5,
    /// The row of the first token.
    First = 6,
    /// The row of the last token.
    Last = 7,
}
