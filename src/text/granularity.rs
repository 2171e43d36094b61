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
    /// Each word, as a [`WordRule`] cuts them.
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

/// Where a word ends. Under every rule it begins at the beginning of a character. `docs/units.md` says what becomes of punctuation, contractions and leading spaces for each family of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[repr(u32)]
pub enum WordRule {
    /// The tokenizer's rule where its pre-tokenizer splits words, Unicode's where it splits nothing (Gemma, Llama 2, Mistral,
    /// Phi-3).
    #[default]
    Auto = 1,
    /// As the tokenizer's pre-tokenizer splits words: those that the model was made with. Where it leaves white space in them,
    /// that ends a word as well.
    Tokenizer = 2,
    /// At the word boundaries of Unicode (UAX #29) in the text. A token belongs to the word in which its first byte lies that is
    /// not white space; a word in which no token begins has no row.
    Unicode = 3,
}

impl WordRule {
    /// Its name, as files and the bindings write it (`unicode`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tokenizer => "tokenizer",
            Self::Unicode => "unicode",
        }
    }
}

/// How texts are cut into units, and which of them get no row.
///
/// ```
/// use eidos::Granularity;
/// use eidos::text::UnitOptions;
/// let options = UnitOptions { stop_units: vec!["the".to_owned()], ..UnitOptions::from(Granularity::Word) };
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitOptions {
    /// What one unit is.
    pub granularity: Granularity,
    /// Where a word ends.
    pub word_rule: WordRule,
    /// The units that are left out, by their text: without white space at its ends, in whatever case. For tokens, words
    /// and sentences only.
    pub stop_units: Vec<String>,
    /// Whether the pieces of contractions are left out: the apostrophe between letters, and `s`, `t`, `d`, `m`, `ll`, `re` and
    /// `ve` behind it, in one unit with it or not. For tokens, words and sentences only.
    pub stop_contractions: bool,
    /// Whether units are left out that are nothing but punctuation: characters that BERT's tokenizer takes for it, those of
    /// Unicode's categories P and all of ASCII that are neither letters, digits nor white space. For tokens, words and
    /// sentences only.
    pub stop_punctuation: bool,
    /// Whether the first position of each text is in no unit: a unit that is nothing else is left out, and the row of a
    /// longer one is made of its other tokens. Not for classification tokens, which are that position.
    pub skip_first_position: bool,
}

impl From<Granularity> for UnitOptions {
    fn from(granularity: Granularity) -> Self {
        Self { granularity, ..Self::default() }
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
