//! The metadata keys of an architecture: `llama.block_count`.

use super::Architecture;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::gguf::{Metadata, missing};

/// The metadata of a file whose architecture is known. Keys are written without the name of the architecture.
pub(crate) struct Keys<'a> {
    /// All of it.
    pub metadata: &'a Metadata<'a>,
    /// What `general.architecture` says.
    pub architecture: &'static Architecture,
}

impl<'a> Keys<'a> {
    /// Reads which architecture a file is of.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] when it does not say so, [`ErrorCode::Unsupported`] listing those that are read.
    pub fn new(metadata: &'a Metadata<'a>) -> Result<Self> {
        const KEY: &str = "general.architecture";
        let name = metadata.text(KEY)?.ok_or_else(|| missing(KEY))?;
        let architecture = Architecture::named(name).ok_or_else(|| {
            let name = shown(name);
            Error::new(ErrorCode::Unsupported, format!("`{KEY}` is `{name}`, which Eidos does not read from GGUF"))
                .hint(format!("use a GGUF file of one of these: {}", Architecture::names()))
                .detail("key", KEY)
                .detail("value", name)
        })?;
        Ok(Self { metadata, architecture })
    }

    /// The whole key.
    fn whole(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture.name)
    }

    /// A whole number of at least 0, if there is one.
    pub fn size(&self, key: &str) -> Result<Option<usize>> {
        self.metadata.size(&self.whole(key))
    }

    /// A whole number of at least 0 that a file must have.
    pub fn required(&self, key: &str) -> Result<usize> {
        let key = self.whole(key);
        self.metadata.size(&key)?.ok_or_else(|| missing(&key))
    }

    /// A number that a file must have.
    pub fn required_number(&self, key: &str) -> Result<f64> {
        let key = self.whole(key);
        self.metadata.number(&key)?.ok_or_else(|| missing(&key))
    }

    /// A number, if there is one.
    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        self.metadata.number(&self.whole(key))
    }

    /// A string, if there is one.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>> {
        self.metadata.text(&self.whole(key))
    }

    /// A truth value, if there is one.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.metadata.flag(&self.whole(key))
    }

    /// Heads of queries, and of keys and values.
    pub fn heads(&self) -> Result<(usize, usize)> {
        let heads = self.required("attention.head_count")?;
        Ok((heads, self.size("attention.head_count_kv")?.unwrap_or(heads)))
    }

    /// The error for a value that asks for something that is not built.
    pub fn not_built(&self, key: &str, value: impl std::fmt::Display) -> Error {
        not_built(&self.whole(key), value)
    }
}

/// The error for the value of a whole key that asks for something that is not built.
pub(super) fn not_built(key: &str, value: impl std::fmt::Display) -> Error {
    let value = shown(&value.to_string());
    Error::new(ErrorCode::Unsupported, format!("the metadata key `{key}` is {value}, which Eidos does not build"))
        .hint("use another model, or the original checkpoint, or a later version of Eidos")
        .detail("key", key)
        .detail("value", value)
}
