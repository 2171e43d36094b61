//! GGUF is the file format of llama.cpp: the settings, the vocabulary and the weights of a model, mostly quantised.
//!
//! The header is not read by candle, whose reader takes 32 bytes for each number of an array, changes strings that are
//! not UTF-8 or end in a zero byte, rejects a whole file for one tensor of an unknown type, and divides by an alignment
//! of zero. Names, strings and arrays are slices of the mapped file, so that a hostile header cannot take more memory
//! than a small multiple of its own size.

mod header;
mod metadata;
mod parts;

pub(crate) use header::{Header, TensorInfo, is_one};
pub(crate) use metadata::{Metadata, missing};
pub(crate) use parts::{Part, Parts, follows_another};
