//! An explainer and what its concepts mean, in one file.
//!
//! The interpretation, labels and all, is a part of the file of the explainer: the bytes of its JSON as the tensor
//! `eidos.interpretation`. So one file travels, and each half of it can still be opened alone.

use std::path::Path;

use super::interpretation::{FILE_LIMIT, Interpretation};
use crate::concepts::{Explainer, attachment};
use crate::error::{Error, ErrorCode, Result};
use crate::files::{Access, map};

/// The name of the part of the file that is the interpretation.
const PART: &str = "eidos.interpretation";

impl Explainer {
    /// Writes the explainer and what its concepts mean, labels and all, to one safetensors file, whole or not at all; without an
    /// interpretation it writes what [`Explainer::save`] writes. [`Explainer::open_with`] opens both, [`Explainer::open`] and
    /// [`Interpretation::open`] one of them.
    ///
    /// ```
    /// use eidos::{Activations, Control, Explainer, Interpretation, Pca, PcaOptions, TopInputs};
    /// let rows = vec![3.0, 1.0, 1.0, 3.0, -2.0, 0.5];
    /// let activations = Activations::from_rows(rows, 2, Some(&["pear", "plum", "tree"]))?;
    /// let explainer = Explainer::fit::<Pca>(&activations, &PcaOptions::new(1), &Control::new())?;
    /// let meaning = TopInputs::default().interpret(&explainer, &activations, &Control::new())?;
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join("fruit.safetensors");
    /// explainer.save_with(Some(&meaning), &file)?;
    /// let (opened, found) = Explainer::open_with(&file)?;
    /// assert_eq!((opened.concept_count(), found), (1, Some(meaning)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Explainer::save`]; [`ErrorCode::Mismatch`] when the interpretation has a concept that the explainer does not have.
    pub fn save_with(&self, interpretation: Option<&Interpretation>, path: &Path) -> Result<()> {
        let Some(interpretation) = interpretation else { return self.save(path) };
        if let Some(concept) = beyond(interpretation, self) {
            let count = self.concept_count();
            let message = format!("the interpretation has concept {concept}, and the explainer {count} concepts");
            return Err(Error::new(ErrorCode::Mismatch, message).hint("give the interpretation of this explainer"));
        }
        self.save_attached(path, Some((PART, interpretation.to_json()?.as_bytes())))
    }

    /// Opens what [`Explainer::open`] opens, and what its concepts mean where the file says it.
    ///
    /// # Errors
    /// Those of [`Explainer::open`]; [`ErrorCode::InvalidFile`] when the interpretation in it is damaged, and
    /// [`ErrorCode::Unsupported`] when it is of a newer version: then [`Explainer::open`] still opens the explainer alone.
    pub fn open_with(path: &Path) -> Result<(Self, Option<Interpretation>)> {
        let (explainer, part) = Self::open_attached(path, Some(PART))?;
        let Some(part) = part else { return Ok((explainer, None)) };
        let interpretation = read(&part, path)?;
        if let Some(concept) = beyond(&interpretation, &explainer) {
            let count = explainer.concept_count();
            let what = format!("it has concept {concept}, and the explainer {count} concepts");
            return Err(damaged(Error::new(ErrorCode::InvalidFile, what), path));
        }
        Ok((explainer, Some(interpretation)))
    }
}

/// The interpretation in the file of an explainer, of which nothing else is read; `None` for a file of another kind.
///
/// # Errors
/// [`ErrorCode::InvalidFile`] for a file that is damaged or that has no interpretation in it.
pub(super) fn in_explainer(path: &Path) -> Result<Option<Interpretation>> {
    let Ok(bytes) = map(path, Access::Mapped) else { return Ok(None) };
    if !is_safetensors(&bytes) {
        return Ok(None);
    }
    let named = |error: Error| error.within(format!("`{}`", path.display())).detail("path", path.display());
    let Some(part) = attachment(&bytes, PART).map_err(named)? else {
        return Err(named(
            Error::new(ErrorCode::InvalidFile, "this explainer says nothing about what its concepts mean")
                .hint("interpret it, and save it with its interpretation"),
        ));
    };
    read(part, path).map(Some)
}

/// Whether bytes begin as a safetensors file does: the length of a header that the file has room for, and its brace.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return false };
    usize::try_from(u64::from_le_bytes(*length)).is_ok_and(|length| length <= rest.len()) && rest.starts_with(b"{")
}

fn read(part: &[u8], path: &Path) -> Result<Interpretation> {
    if part.len() as u64 > FILE_LIMIT {
        let what = format!("it has {} bytes, more than the {FILE_LIMIT} that it may have", part.len());
        return Err(damaged(Error::new(ErrorCode::InvalidFile, what), path));
    }
    Interpretation::from_json(part).map_err(|error| damaged(error, path))
}

fn damaged(error: Error, path: &Path) -> Error {
    let error = if error.code() == ErrorCode::InvalidFile {
        error.hint("restore the file; or open the explainer alone, interpret it again, and save both")
    } else {
        error
    };
    error.within("its interpretation").within(format!("`{}`", path.display())).detail("path", path.display())
}

/// A concept of an interpretation that the explainer does not have.
fn beyond(interpretation: &Interpretation, explainer: &Explainer) -> Option<usize> {
    let count = explainer.concept_count();
    interpretation.concepts().iter().map(|concept| concept.concept).find(|&concept| concept >= count)
}
