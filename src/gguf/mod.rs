//! GGUF: the files of llama.cpp, which hold a model's settings, its vocabulary and its weights, mostly quantised.
//!
//! The header is read here and not by candle, whose reader takes 32 bytes for each number of an array, changes strings
//! that are not UTF-8 or end in a zero, refuses a whole file for one tensor of a type that it does not know, and
//! divides by an alignment of zero. Here nothing is copied: names, texts and arrays are parts of the mapped file, so
//! that a hostile header cannot take more than a small multiple of its own size.

mod header;
mod metadata;
mod parts;

pub(crate) use header::{Header, TensorInfo, is_one};
pub(crate) use metadata::{Metadata, missing};
pub(crate) use parts::{Part, Parts, follows_another};
