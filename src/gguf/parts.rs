//! The parts of a model. llama.cpp splits a large model into several files; a model in one file is one part.
//!
//! Each part has a header. That of the first part has the settings of the model and of its tokenizer; those of the
//! others only have the number of the part and the tensors in it.

use std::collections::HashMap;
use std::path::Path;

use super::header::{Header, TensorInfo};
use super::metadata::{Metadata, missing};
use crate::error::{Error, ErrorCode, Result, shown};

/// The key of the number of a part, from 0.
const NUMBER: &str = "split.no";
/// The key of the number of parts. It is 0 in a file into which parts were merged.
const COUNT: &str = "split.count";
/// The key of the number of tensors in all parts.
const TENSORS: &str = "split.tensors.count";
/// The most parts that are read, since each is a file to find and to map. The largest models have some tens of them.
const MOST_PARTS: usize = 1024;

/// The hint of errors about parts that do not belong together.
const MIXED_UP: &str = "get all parts of the model again, and leave them their names";

/// One part: a mapped file and its header.
pub(crate) struct Part<'a> {
    /// The path of the file.
    pub path: &'a Path,
    /// The bytes of the file.
    pub bytes: &'a [u8],
    /// The header of the file.
    pub header: Header<'a>,
}

impl<'a> Part<'a> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming the path.
    pub fn read(path: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        let header = Header::read(bytes).map_err(|what| {
            let size = bytes.len();
            Error::new(ErrorCode::InvalidFile, format!("`{}` ({size} bytes) {what}", path.display()))
                .hint("get the file again")
                .detail("path", path.display())
        })?;
        Ok(Self { path, bytes, header })
    }

    fn size(&self, key: &str) -> Result<Option<usize>> {
        self.header.metadata.size(key).map_err(|error| self.about(error))
    }

    fn about(&self, error: Error) -> Error {
        let path = self.path.display();
        error.within(format!("`{path}`")).detail("path", path)
    }

    fn wrong(&self, what: &str) -> Error {
        let path = self.path.display();
        Error::new(ErrorCode::InvalidFile, format!("`{path}` {what}")).hint(MIXED_UP).detail("path", path)
    }
}

/// Whether the metadata is that of a part after the first, which has no settings.
///
/// # Errors
/// [`ErrorCode::InvalidFile`] naming a key whose value is of the wrong type.
pub(crate) fn follows_another(metadata: &Metadata<'_>) -> Result<bool> {
    Ok(metadata.size(COUNT)? > Some(1) && metadata.size(NUMBER)? > Some(0))
}

/// The parts of a model in their order: all of them, or only the first.
pub(crate) struct Parts<'a> {
    first: Part<'a>,
    others: Vec<Part<'a>>,
    count: usize,
}

impl<'a> Parts<'a> {
    /// Begins with the first part; [`Parts::with`] adds the others.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] when it is not the first part, or there are more than [`MOST_PARTS`].
    pub fn new(first: Part<'a>) -> Result<Self> {
        let count = first.size(COUNT)?.unwrap_or(0).max(1);
        if count > MOST_PARTS {
            return Err(first
                .wrong(&format!("says that its model has {count} parts, more than the {MOST_PARTS} that are read")));
        }
        if count > 1 {
            let number = first.size(NUMBER)?.ok_or_else(|| first.about(missing(NUMBER)))?;
            if number > 0 {
                let what =
                    format!("is part {} of {count} of a model, and the first one says what the model is", number + 1);
                return Err(first.wrong(&what).hint(format!(
                    "put all parts into one folder and give the one that is called `...-00001-of-{count:05}.gguf`; if this is it, \
                     the parts were renamed: get them again"
                )));
            }
        }
        Ok(Self { first, others: Vec::new(), count })
    }

    /// The number of parts; 1 for a model that was not split.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds all other parts, in their order.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming a part that has another number or belongs to another model, or a tensor that is in
    /// two parts; also when tensors are missing.
    pub fn with(mut self, others: Vec<Part<'a>>) -> Result<Self> {
        let all = self.first.size(TENSORS)?.filter(|_| self.count > 1);
        for (index, part) in others.iter().enumerate() {
            let (number, count) = (index + 2, self.count);
            let own = part.size(NUMBER)?.zip(part.size(COUNT)?);
            if own != Some((number - 1, count)) {
                let own =
                    own.map_or("no part of any model".to_owned(), |(own, of)| format!("part {} of {of}", own + 1));
                return Err(part.wrong(&format!("is {own} by its metadata, but part {number} of {count} by its name")));
            }
            if let (Some(all), Some(own)) = (all, part.size(TENSORS)?)
                && all != own
            {
                let path = self.first.path.display();
                return Err(part.wrong(&format!("is part of a model of {own} tensors, and `{path}` of one of {all}")));
            }
        }
        self.others = others;
        self.check_tensors(all)?;
        Ok(self)
    }

    /// Checks that no tensor is in two parts, and that none is missing.
    fn check_tensors(&self, all: Option<usize>) -> Result<()> {
        let mut seen: HashMap<&str, &Part<'_>> = HashMap::new();
        for part in self.iter() {
            for tensor in &part.header.tensors {
                let Some(other) = seen.insert(tensor.name, part) else { continue };
                let other = other.path.display();
                let what = format!("has the tensor `{}`, which is already in `{other}`", shown(tensor.name));
                return Err(part.wrong(&what).detail("tensor", shown(tensor.name)));
            }
        }
        let held = seen.len();
        match all.filter(|all| *all != held) {
            Some(all) => {
                Err(self.first.wrong(&format!("says that its model has {all} tensors, but its parts hold {held}")))
            }
            None => Ok(()),
        }
    }

    /// Whether all parts were added.
    pub fn are_complete(&self) -> bool {
        self.others.len() + 1 == self.count
    }

    /// The parts that were added, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Part<'a>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The settings of the model and of its tokenizer.
    pub fn metadata(&self) -> &Metadata<'a> {
        &self.first.header.metadata
    }

    /// The tensor of a name, with the part that it is in.
    pub fn tensor(&self, name: &str) -> Option<(&Part<'a>, &TensorInfo<'a>)> {
        self.iter().find_map(|part| {
            let tensor = part.header.tensors.iter().find(|tensor| tensor.name == name);
            tensor.map(|tensor| (part, tensor))
        })
    }
}
