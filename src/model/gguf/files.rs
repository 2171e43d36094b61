//! Which parts of a model are read.

use std::path::PathBuf;

use super::Keys;
use crate::error::Result;
use crate::gguf::{Part, Parts};

/// The first part of a model, which says what the others are, and those that hold a tensor that is wanted by its original name.
///
/// # Errors
/// Those of [`Keys::new`].
pub(crate) fn files(parts: &Parts<'_>, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let architecture = Keys::new(parts.metadata())?.architecture;
    let holds =
        |part: &Part<'_>| part.header.tensors.iter().any(|tensor| wanted(&architecture.original(tensor.name).0));
    let needed = parts.iter().enumerate().filter(|(index, part)| *index == 0 || holds(part));
    Ok(needed.map(|(_, part)| part.path.to_owned()).collect())
}
