//! Codes: how strongly each row excites each concept, as a dense or sparse matrix.

use std::collections::TryReserveError;

use super::Encoder;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::first_not_finite;
use crate::memory::filled;
use crate::rows::TILE_ROWS;

/// The memory that the dense codes of one tile of rows may take, in bytes.
const TILE_BYTES: usize = 8 << 20;

/// How many rows to encode at a time into so many concepts. The codes of a row do not depend on the other rows of its tile.
pub(crate) fn rows_at_a_time(concepts: usize) -> usize {
    (TILE_BYTES / concepts.saturating_mul(size_of::<f32>()).max(1)).clamp(1, TILE_ROWS)
}

/// The codes of consecutive rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Codes {
    /// A code for each row and concept.
    Dense(DenseCodes),
    /// The codes that are not zero, as sparse autoencoders give them.
    Sparse(SparseCodes),
}

/// A row-major (rows, concepts) matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseCodes {
    concept_count: usize,
    values: Vec<f32>,
}

/// A sparse (rows, concepts) matrix in CSR form. Entries that are not stored are zero.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseCodes {
    concept_count: usize,
    /// The index of the first entry of each row, and one past the last entry.
    starts: Vec<usize>,
    /// The concept of each entry, ascending within a row.
    concepts: Vec<u32>,
    values: Vec<f32>,
}

/// The codes of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowCodes<'a> {
    /// A code for each concept.
    Dense(&'a [f32]),
    /// The concepts whose codes are not zero, ascending, and their codes.
    Sparse(&'a [u32], &'a [f32]),
}

impl DenseCodes {
    /// Makes a matrix from its values, row-major.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when the last row is not complete.
    pub fn new(values: Vec<f32>, concept_count: usize) -> Result<Self> {
        if concept_count == 0 || !values.len().is_multiple_of(concept_count) {
            let count = values.len();
            return Err(Error::argument(format!("{count} codes cannot be rows of {concept_count} concepts"))
                .hint("give one code for each row and concept"));
        }
        Ok(Self { concept_count, values })
    }

    /// The values, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Encodes whole rows into dense codes.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`], and those of the encoder.
    pub(super) fn of(encoder: &(impl Encoder + ?Sized), rows: &[f32]) -> Result<Self> {
        let concept_count = encoder.concept_count();
        let row_count = rows.len() / encoder.input_width().max(1);
        let length = row_count.checked_mul(concept_count);
        let mut values = length.and_then(|length| filled(0.0, length)).ok_or_else(|| {
            let message = format!("there is no memory for {row_count} rows of {concept_count} concepts");
            Error::new(ErrorCode::OutOfMemory, message).hint("free some memory, or ask for fewer threads")
        })?;
        encoder.encode(rows, &mut values)?;
        Self::new(values, concept_count)
    }
}

impl SparseCodes {
    /// Makes a matrix without rows.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for 0 concepts, or more than 32-bit indices allow.
    pub fn new(concept_count: usize) -> Result<Self> {
        if concept_count == 0 || u32::try_from(concept_count).is_err() {
            return Err(Error::argument(format!("sparse codes cannot have {concept_count} concepts"))
                .hint("give from one to 4,294,967,295 concepts"));
        }
        Ok(Self { concept_count, starts: vec![0], concepts: Vec::new(), values: Vec::new() })
    }

    /// Where the entries of each row begin, and one past the last entry: `indptr` of SciPy.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The concept of each entry, ascending within a row: `indices` of SciPy.
    pub fn concepts(&self) -> &[u32] {
        &self.concepts
    }

    /// The code of each entry: `data` of SciPy.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Makes room for one more row of so many entries.
    pub(super) fn reserve_row(&mut self, entries: usize) -> Result<(), TryReserveError> {
        self.starts.try_reserve(1)?;
        self.concepts.try_reserve(entries)?;
        self.values.try_reserve(entries)
    }

    /// Adds a row: the concepts whose codes are not zero, ascending, with those codes.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when the concepts do not ascend, or one is beyond the concept count.
    pub fn push_row(&mut self, entries: impl IntoIterator<Item = (u32, f32)>) -> Result<()> {
        let begin = self.concepts.len();
        for (concept, value) in entries {
            let ascends = self.concepts[begin..].last().is_none_or(|&last| last < concept);
            if !ascends || concept as usize >= self.concept_count {
                self.concepts.truncate(begin);
                self.values.truncate(begin);
                let count = self.concept_count;
                return Err(Error::argument(format!(
                    "concept {concept} of a row does not ascend, or is not below {count}"
                ))
                .hint("give each concept of a row once, in ascending order"));
            }
            self.concepts.push(concept);
            self.values.push(value);
        }
        self.starts.push(self.concepts.len());
        Ok(())
    }
}

impl Codes {
    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.values.len() / dense.concept_count,
            Self::Sparse(sparse) => sparse.starts.len() - 1,
        }
    }

    /// How many concepts there are.
    pub fn concept_count(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.concept_count,
            Self::Sparse(sparse) => sparse.concept_count,
        }
    }

    /// Whether all codes are finite.
    pub(crate) fn are_finite(&self) -> bool {
        let values = match self {
            Self::Dense(dense) => &dense.values,
            Self::Sparse(sparse) => &sparse.values,
        };
        first_not_finite(values).is_none()
    }

    /// The codes of the rows in their order.
    pub fn rows(&self) -> impl Iterator<Item = RowCodes<'_>> {
        (0..self.row_count()).map(move |row| match self {
            Self::Dense(dense) => RowCodes::Dense(&dense.values[row * dense.concept_count..][..dense.concept_count]),
            Self::Sparse(sparse) => {
                let range = sparse.starts[row]..sparse.starts[row + 1];
                RowCodes::Sparse(&sparse.concepts[range.clone()], &sparse.values[range])
            }
        })
    }
}

impl<'a> RowCodes<'a> {
    /// The code of a concept; 0 for an index beyond the last.
    pub fn get(self, concept: usize) -> f32 {
        match self {
            Self::Dense(values) => values.get(concept).copied().unwrap_or(0.0),
            Self::Sparse(concepts, values) => {
                let place = u32::try_from(concept).ok().and_then(|concept| concepts.binary_search(&concept).ok());
                place.map_or(0.0, |place| values[place])
            }
        }
    }

    /// The first concept whose code is not finite, and that code.
    pub(crate) fn first_not_finite(self) -> Option<(usize, f32)> {
        let (concepts, values): (Option<&'a [u32]>, &'a [f32]) = match self {
            Self::Dense(values) => (None, values),
            Self::Sparse(concepts, values) => (Some(concepts), values),
        };
        let place = values.iter().position(|value| !value.is_finite())?;
        Some((concepts.map_or(place, |concepts| concepts[place] as usize), values[place]))
    }
}
