//! Truncated singular value decomposition: the orthogonal directions that reach the farthest from zero.
//!
//! It is principal component analysis of rows that are not centred. The result is exact: it comes from the products of the
//! columns, which are read in tiles, and equals scikit-learn's `TruncatedSVD(algorithm="arpack")` up to rounding.

use serde::{Deserialize, Serialize};

use super::backend::Backend;
use super::directions::{Directions, check_count};
use super::linear::{LinearModel, Parts};
use super::{FitReport, Method};
use crate::control::Control;
use crate::device::DeviceChoice;
use crate::error::Result;
use crate::memory::Claim;
use crate::rows::Rows;

/// The options of a truncated singular value decomposition.
///
/// ```
/// assert_eq!(eidos::SvdOptions::new(50).concept_count, 50);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SvdOptions {
    /// How many concepts to find.
    pub concept_count: usize,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
    /// Where the passes over the rows run. On a GPU the result differs from that of the CPU by rounding.
    #[serde(skip)]
    pub device: DeviceChoice,
}

impl SvdOptions {
    /// Makes the default options for that many concepts.
    pub fn new(concept_count: usize) -> Self {
        Self { concept_count, threads: 0, device: DeviceChoice::Cpu }
    }
}

/// Finds the right singular vectors of rows with the largest singular values.
///
/// A code is the product of a row, which is not centred, with such a vector of length 1. The entry of largest magnitude of
/// each vector is positive, as in scikit-learn. Where the rows lie far from zero, the first concept is their mean. The report
/// measures `singular_values`, and of the codes `explained_variance` and `explained_variance_ratio`, a number for each concept.
///
/// Memory, and errors: those of [`crate::Pca`].
///
/// ```
/// use eidos::{Activations, Control, Explainer, Svd, SvdOptions};
/// let activations = Activations::from_rows(vec![3.0, 4.0, 6.0, 8.0], 2, None)?;
/// let explainer = Explainer::fit::<Svd>(&activations, &SvdOptions::new(1), &Control::new())?;
/// assert_eq!(explainer.dictionary(), [0.6, 0.8]);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct Svd;

impl Method for Svd {
    const NAME: &'static str = "svd";
    type Options = SvdOptions;
    type Model = LinearModel;

    fn placement(options: &SvdOptions) -> (DeviceChoice, usize) {
        (options.device, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &SvdOptions, control: &Control) -> Result<(LinearModel, FitReport)> {
        fit(rows, options, &Backend::open(options.device, options.threads, rows, control)?, control)
    }
}

/// Finds the vectors with the passes over rows on a backend.
pub(super) fn fit(
    rows: &dyn Rows,
    options: &SvdOptions,
    backend: &Backend,
    control: &Control,
) -> Result<(LinearModel, FitReport)> {
    let (concepts, columns) = (options.concept_count, rows.column_count());
    check_count(concepts, rows)?;
    let found = Directions::about_zero(rows, concepts, backend, control)?;
    let count = found.row_count as f64;
    let along_mean = |concept: usize| -> f64 {
        found.mean.iter().enumerate().map(|(column, mean)| found.vectors[(column, concept)] * mean).sum()
    };
    let variance = |concept: usize| (found.squares[concept] / count - along_mean(concept).powi(2)).max(0.0);
    let variances: Vec<f64> = (0..concepts).map(variance).collect();
    let total = found.squares.iter().sum::<f64>() / count - found.mean.iter().map(|mean| mean.powi(2)).sum::<f64>();
    let ratio = |variance: &f64| if total > 0.0 { variance / total } else { 0.0 };
    let report = FitReport::default()
        .with("singular_values", found.squares[..concepts].iter().map(|square| square.sqrt()))
        .with("explained_variance", variances.iter().copied())
        .with("explained_variance_ratio", variances.iter().map(ratio));

    let bytes = concepts.saturating_mul(columns).saturating_mul(3 * size_of::<f32>());
    let _claim = Claim::of(bytes, &format!("{concepts} components of {columns} columns"))?;
    let mut components = Vec::with_capacity(concepts * columns);
    for concept in 0..concepts {
        let sign = found.sign(concept);
        components.extend((0..columns).map(|column| (sign * found.vectors[(column, concept)]) as f32));
    }
    let mixing = components.clone();
    let parts = Parts { mean: vec![0.0; columns], components, mixing, bias: Vec::new(), rectified: false };
    Ok((LinearModel::new(Svd::NAME, parts), report))
}
