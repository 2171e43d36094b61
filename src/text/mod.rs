//! Texts, and the units that rows of activations stand for.

mod aggregation;
mod column;
mod encode;
mod encoded;
mod gguf;
mod granularity;
mod inputs;
mod pieces;
mod pipeline;
mod pooling;
mod sentence;
mod special_tokens;
mod stop_units;
mod strings;
mod tokenize;
mod tokenizer;
mod tokens;
mod units;
mod unread;
mod vetting;
mod word_model;
mod word_piece;
mod words;

pub(crate) use encode::UnitCutter;
pub use encoded::EncodedTexts;
pub use granularity::{Aggregation, Granularity, UnitOptions, WordRule};
pub use inputs::Inputs;
pub(crate) use inputs::TEXTS_AT_A_TIME;
pub(crate) use pooling::Pooling;
pub(crate) use strings::StringTableWriter;
pub use strings::{StringTable, StringTableBuilder};
pub(crate) use tokenize::PackedTokens;
pub use tokenizer::Tokenizer;
pub use tokens::Token;
pub(crate) use units::UnitsWriter;
pub use units::{UnitSpan, Units, UnitsBuilder};
