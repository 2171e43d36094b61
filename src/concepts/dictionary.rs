//! Concepts that were found elsewhere: a dictionary and its encoder matrix.

use serde::{Deserialize, Serialize};

use super::linear::{LinearModel, Parts};
use crate::error::{Error, ErrorCode, Result};
use crate::rows::Provenance;

/// A caller's own concepts, such as those of a sparse autoencoder or a probe: `codes = (row - offset) encoder^T +
/// bias`, and `row = codes dictionary + offset`.
///
/// ```
/// use eidos::Dictionary;
/// // Two concepts of rows of three columns.
/// let explainer = Dictionary {
///     rectified: true,
///     ..Dictionary::new(vec![1.0, 0.0, 0.0, 0.0, 1.0, 1.0], vec![1.0, 0.0, 0.0, 0.0, 0.5, 0.5], 3)
/// }
/// .explainer()?;
/// let mut codes = [0.0; 2];
/// explainer.encode(&[-1.0, 2.0, 4.0], &mut codes)?;
/// assert_eq!(codes, [0.0, 3.0]);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dictionary {
    /// What one unit of each concept adds to a row, (concepts, columns), row-major.
    pub dictionary: Vec<f32>,
    /// The weights that compute the code of each concept from a row, (concepts, columns), row-major.
    pub encoder: Vec<f32>,
    /// The bias of each code; empty means zero.
    pub bias: Vec<f32>,
    /// The offset that is subtracted from a row before it is encoded, and added after it is decoded; empty means zero.
    pub offset: Vec<f32>,
    /// Whether negative codes become zero (ReLU).
    pub rectified: bool,
    /// How many columns the rows have.
    pub columns: usize,
    /// The origin of the rows that the dictionary is for; its split point is needed to interpret texts.
    pub provenance: Provenance,
}

/// The options of a dictionary, as the file of an explainer stores them.
#[derive(Serialize, Deserialize)]
struct StoredOptions {
    rectified: bool,
}

impl Dictionary {
    /// The name of the method in files.
    pub(super) const NAME: &'static str = "dictionary";

    /// Makes a dictionary with its encoder, without bias, offset or ReLU, for rows of unknown origin.
    pub fn new(dictionary: Vec<f32>, encoder: Vec<f32>, columns: usize) -> Self {
        Self {
            dictionary,
            encoder,
            bias: Vec::new(),
            offset: Vec::new(),
            rectified: false,
            columns,
            provenance: Provenance::default(),
        }
    }

    /// Checks the matrices and makes a model of them, with its options as JSON.
    ///
    /// # Errors
    /// Those of [`Dictionary::explainer`].
    pub(super) fn into_model(self) -> Result<(LinearModel, serde_json::Value)> {
        let columns = self.columns;
        if columns == 0 || self.dictionary.is_empty() || !self.dictionary.len().is_multiple_of(columns) {
            let values = self.dictionary.len();
            return Err(Error::argument(format!(
                "a dictionary of {values} values cannot have rows of {columns} columns"
            ))
            .hint("give one row for each concept, of as many columns as the rows have"));
        }
        let concepts = self.dictionary.len() / columns;
        let wanted = [
            ("dictionary", &self.dictionary, concepts * columns, false),
            ("encoder", &self.encoder, concepts * columns, false),
            ("bias", &self.bias, concepts, true),
            ("offset", &self.offset, columns, true),
        ];
        for (name, values, length, may_be_empty) in wanted {
            if values.len() != length && !(may_be_empty && values.is_empty()) {
                let found = values.len();
                let message = format!(
                    "the {name} has {found} values, but {concepts} concepts of {columns} columns take {length}"
                );
                return Err(Error::argument(message).hint("give matrices of the same concepts and columns"));
            }
            if let Some(place) = values.iter().position(|value| !value.is_finite()) {
                let message = format!("value {place} of the {name} is {}", values[place]);
                return Err(Error::new(ErrorCode::InvalidData, message)
                    .hint("give finite numbers")
                    .detail("place", place));
            }
        }
        let offset: Vec<f64> = if self.offset.is_empty() {
            vec![0.0; columns]
        } else {
            self.offset.iter().copied().map(f64::from).collect()
        };
        let options = serde_json::to_value(StoredOptions { rectified: self.rectified })
            .map_err(|error| Error::internal(format!("cannot write options: {error}")))?;
        let parts = Parts {
            mean: offset,
            components: self.encoder,
            bias: self.bias,
            rectified: self.rectified,
            mixing: self.dictionary,
        };
        Ok((LinearModel::new(Self::NAME, parts), options))
    }
}
