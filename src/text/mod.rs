//! Texts, and the units that rows of activations stand for.

mod aggregation;
mod encode;
mod encoded;
mod gguf;
mod granularity;
mod pieces;
mod pipeline;
mod sentence;
mod special_tokens;
mod stop_units;
mod strings;
mod tokenize;
mod tokenizer;
mod tokens;
mod units;
mod vetting;
mod word_piece;
mod words;

pub use encoded::EncodedTexts;
pub use granularity::{Aggregation, Granularity, UnitOptions, WordRule};
pub use strings::{StringTable, StringTableBuilder};
pub use tokenizer::Tokenizer;
pub use tokens::Token;
pub use units::{UnitSpan, Units, UnitsBuilder};
