//! How good concepts are: what they reconstruct, how sparse they are, how much they repeat one another, whether their inputs belong
//! together, and whether another fit finds them again.
//!
//! [`compare`] measures several explainers on the same rows. It reads the rows twice for each, whatever their number, and encodes
//! them tile by tile. [`compare_through_model`] measures what a model loses when its rows are what explainers reconstruct of them.

mod assignment;
mod coherence;
mod pass;
mod similarity;
mod through_model;

use serde::Serialize;

pub use coherence::Coherence;
pub use pass::{DensityBin, Reconstruction, Sparsity};
pub use similarity::{Redundancy, Stability};
pub use through_model::{Ablations, ModelMetrics, ModelMetricsOptions, Spliced, compare_through_model};

use crate::concepts::Explainer;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::interpret::Interpretation;
use crate::rows::{Activations, Rows};

const FORMAT: &str = "eidos.metrics";
const VERSION: u32 = 1;
/// Where JSON has what there is for each column, concept and bin of a histogram.
const DETAILS: [(&str, &str); 4] = [
    ("reconstruction", "explained_variance"),
    ("sparsity", "density_histogram"),
    ("sparsity", "densities"),
    ("coherence", "concepts"),
];

/// The options of metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsOptions {
    /// The share of the rows from which on a concept that is active on them counts as dense: 0.1, as the field has it.
    pub dense_share: f64,
    /// The cosine from which on two concepts of a dictionary count as the same: 0.9.
    pub redundant_cosine: f64,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    pub threads: usize,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        Self { dense_share: 0.1, redundant_cosine: 0.9, threads: 0 }
    }
}

impl MetricsOptions {
    fn check(&self) -> Result<()> {
        for (name, value) in [("dense_share", self.dense_share), ("redundant_cosine", self.redundant_cosine)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::argument(format!("`{name}` is {value}")).hint("give a number from 0 to 1"));
            }
        }
        Ok(())
    }
}

/// What was measured of one explainer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// The method that found the concepts (`ica`).
    pub method: String,
    /// How many concepts there are.
    pub concept_count: usize,
    /// How many columns the rows have.
    pub input_width: usize,
    /// What decoding the codes of a row gives back of it; `None` for a method that does not decode, and for a transcoder, whose target is
    /// not among these rows.
    pub reconstruction: Option<Reconstruction>,
    /// How many concepts are active.
    pub sparsity: Sparsity,
    /// How much concepts repeat one another; `None` for a method without a dictionary.
    pub redundancy: Option<Redundancy>,
    /// Whether the inputs of a concept belong together; `None` without an interpretation.
    pub coherence: Option<Coherence>,
}

/// What was measured of several explainers on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    format: &'static str,
    version: u32,
    /// How many rows were measured.
    pub row_count: usize,
    /// Each explainer, in the order in which they were given.
    pub explainers: Vec<Metrics>,
    /// Each pair of explainers whose dictionaries have the same columns.
    pub stability: Vec<Stability>,
}

impl Comparison {
    /// The metrics as JSON, with or without the `details`: what there is for each column, concept and bin of a histogram. A number that
    /// does not exist, such as the variance explained of a column that is constant, is null.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Internal`] only.
    pub fn to_json(&self, details: bool) -> Result<String> {
        let failed = |error: serde_json::Error| Error::internal(format!("cannot write metrics: {error}"));
        if details {
            return serde_json::to_string_pretty(self).map_err(failed);
        }
        let mut brief = serde_json::to_value(self).map_err(failed)?;
        for metrics in brief["explainers"].as_array_mut().into_iter().flatten() {
            for (part, list) in DETAILS {
                if let Some(part) = metrics[part].as_object_mut() {
                    part.shift_remove(list);
                }
            }
        }
        serde_json::to_string_pretty(&brief).map_err(failed)
    }
}

/// An explainer to measure, and what its concepts mean, where that is known.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The explainer.
    pub explainer: &'a Explainer,
    /// The interpretation whose inputs are among the rows.
    pub interpretation: Option<&'a Interpretation>,
}

impl<'a> From<&'a Explainer> for Subject<'a> {
    fn from(explainer: &'a Explainer) -> Self {
        Self { explainer, interpretation: None }
    }
}

/// Measures explainers on the same rows, which should not be those of the fit where that can be had.
///
/// Memory beside the rows: a tile of rows, codes and reconstructions for each thread, 40 bytes a concept and 24 a column; and 4 bytes for
/// each pair of concepts of two explainers with at most 4,096 concepts each, while their assignment is found.
///
/// # Errors
/// [`crate::ErrorCode::InvalidArgument`] without explainers or rows, or for options beyond their range; [`crate::ErrorCode::Mismatch`] for
/// rows of another width, or an interpretation of other concepts or rows; [`crate::ErrorCode::Unsupported`] for rows that are spread over
/// processes; [`crate::ErrorCode::InvalidData`] naming a row; [`crate::ErrorCode::OutOfMemory`]; [`crate::ErrorCode::Cancelled`].
pub fn compare(
    subjects: &[Subject<'_>],
    activations: &Activations,
    options: &MetricsOptions,
    control: &Control,
) -> Result<Comparison> {
    options.check()?;
    if subjects.is_empty() {
        return Err(Error::argument("there is no explainer to measure").hint("give at least one"));
    }
    if activations.row_count() == 0 {
        return Err(Error::argument("there are no rows to measure on").hint("give the activations of some texts"));
    }
    if Rows::reduce(activations).is_some() {
        let message = "metrics are measured on the rows of one process";
        return Err(Error::new(crate::ErrorCode::Unsupported, message).hint("give the activations that are not spread"));
    }
    subjects.iter().try_for_each(|subject| subject.explainer.check_width(Rows::column_count(activations)))?;
    let means = pass::column_means(activations, options, control)?;
    let mut found = Vec::new();
    let mut directions = Vec::new();
    for subject in subjects {
        let (reconstruction, sparsity) = pass::measure(subject.explainer, activations, &means, options, control)?;
        let own = similarity::Directions::of(subject.explainer, sparsity.has_negative)?;
        found.push(Metrics {
            method: subject.explainer.method().to_owned(),
            concept_count: subject.explainer.concept_count(),
            input_width: subject.explainer.input_width(),
            reconstruction,
            redundancy: own.as_ref().map(|own| own.redundancy(options, control)).transpose()?,
            coherence: subject
                .interpretation
                .map(|meaning| coherence::measure(meaning, subject.explainer, activations, &means))
                .transpose()?,
            sparsity,
        });
        directions.push(own);
    }
    let stability = similarity::all_pairs(&directions, options, control)?;
    Ok(Comparison {
        format: FORMAT,
        version: VERSION,
        row_count: activations.row_count(),
        explainers: found,
        stability,
    })
}
