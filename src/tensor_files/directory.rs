//! The directory of a file of weights: which tensor lies where, as what.

use std::ops::Range;

use super::stored::{Layout, NumberType};

/// A tensor as the directory of its file describes it.
pub(crate) struct Entry {
    /// How many values it has along each side.
    pub shape: Vec<usize>,
    /// The type of its numbers.
    pub numbers: NumberType,
    /// Its bytes, counted from the beginning of the file. They may lie beyond its end.
    pub range: Range<usize>,
    /// How its values lie in them.
    pub layout: Layout,
}

/// Why the directory of a file cannot be read, as the end of a sentence that begins with the file's name.
pub(crate) enum Problem {
    /// The file is not whole, or not what it should be.
    Damaged(String),
    /// The file is fine, but of a kind that is not read; with the remedy.
    NotRead(&'static str, &'static str),
}

impl From<String> for Problem {
    fn from(what: String) -> Self {
        Self::Damaged(what)
    }
}

/// The tensors of a file, by name.
pub(crate) type Directory = Vec<(String, Entry)>;
