//! Principal component analysis: the orthogonal directions along which activations vary most.
//!
//! The result is exact: it comes from the covariance of rows that are read in tiles, and equals scikit-learn's
//! `PCA(svd_solver="full")` up to rounding. The rows are read twice, and none of them is kept. For many columns there is the choice of
//! directions that are improved from random ones, as its `PCA(svd_solver="randomized")` does.

use serde::{Deserialize, Serialize};

use super::backend::Backend;
use super::directions::{Directions, check_count};
use super::linear::{LinearModel, Parts};
use super::{FitReport, Method};
use crate::control::Control;
use crate::device::DeviceChoice;
use crate::error::{Error, ErrorCode, Result};
use crate::memory::Claim;
use crate::rows::Rows;

/// The options of principal component analysis. The names are scikit-learn's.
///
/// ```
/// let options = eidos::PcaOptions { whiten: true, ..eidos::PcaOptions::new(50) };
/// assert_eq!(options.concept_count, 50);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PcaOptions {
    /// How many concepts to find.
    pub concept_count: usize,
    /// Whether codes are scaled to unit variance.
    pub whiten: bool,
    /// Whether directions are improved from random ones, without the covariance: less memory and work where there are thousands of columns
    /// and few concepts. They are the true ones as far as the variances behind the last differ from it. On the CPU only.
    pub randomised: bool,
    /// How often random directions are improved, a pass over the rows each; more are nearer to the true ones.
    pub power_iterations: usize,
    /// The seed of random directions.
    pub seed: u32,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
    /// Where the passes over the rows run. On a GPU the result differs from that of the CPU by rounding.
    #[serde(skip)]
    pub device: DeviceChoice,
}

impl PcaOptions {
    /// Makes the default options for that many concepts.
    pub fn new(concept_count: usize) -> Self {
        Self {
            concept_count,
            whiten: false,
            randomised: false,
            power_iterations: 5,
            seed: 0,
            threads: 0,
            device: DeviceChoice::Cpu,
        }
    }
}

/// Finds principal components.
///
/// The entry of largest magnitude of each component is positive, as in scikit-learn. The report measures
/// `explained_variance` and `explained_variance_ratio`, a number for each concept, and `noise_variance`, the mean
/// variance along the remaining directions.
///
/// Memory: a few matrices of `columns^2` values of 8 bytes; per thread a tile of 4096 rows of 12 bytes a column. On a GPU
/// ([`PcaOptions::device`]): three such matrices, and a tile of 32 MiB (2048 rows where those are more) five times. With
/// [`PcaOptions::randomised`]: instead of `columns^2` values 7 times `(concepts + 10) columns`.
///
/// Errors: [`ErrorCode::InvalidArgument`] for more concepts than rows or columns; [`ErrorCode::InvalidData`] naming the
/// row and column of a value that is not finite, or the rank of the rows when it is smaller than the number of
/// concepts; [`ErrorCode::OutOfMemory`]; [`ErrorCode::Device`]; [`ErrorCode::Cancelled`].
///
/// ```
/// use eidos::{Activations, Control, Explainer, Pca, PcaOptions};
/// let activations = Activations::from_rows(vec![1.0, 2.0, 2.0, 4.0, 4.0, 8.1, 3.0, 5.9], 2, None)?;
/// let explainer = Explainer::fit::<Pca>(&activations, &PcaOptions::new(1), &Control::new())?;
/// assert!(explainer.report().measure("explained_variance_ratio")[0] > 0.999);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct Pca;

impl Method for Pca {
    const NAME: &'static str = "pca";
    type Options = PcaOptions;
    type Model = LinearModel;

    fn placement(options: &PcaOptions) -> (DeviceChoice, usize) {
        (options.device, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &PcaOptions, control: &Control) -> Result<(LinearModel, FitReport)> {
        fit(rows, options, &Backend::open(options.device, options.threads, rows, control)?, control)
    }
}

/// Finds the components with the passes over rows on a backend.
pub(super) fn fit(
    rows: &dyn Rows,
    options: &PcaOptions,
    backend: &Backend,
    control: &Control,
) -> Result<(LinearModel, FitReport)> {
    let (count, columns) = (options.concept_count, rows.column_count());
    check_count(count, rows)?;
    let (found, all) = if options.randomised {
        let Backend::Cpu { threads } = backend else {
            return Err(Error::argument("randomised components run on the CPU alone")
                .hint("leave out the device, or `randomised`: a GPU finds the exact ones"));
        };
        let (found, all) = Directions::leading(rows, count, options.power_iterations, options.seed, *threads, control)?;
        (found, Some(all))
    } else {
        (Directions::of(rows, count, backend, control)?, None)
    };
    let degrees = (found.row_count - 1) as f64;
    let variances: Vec<f64> = found.squares.iter().map(|square| square.max(0.0) / degrees).collect();
    let total = all.map_or_else(|| variances.iter().sum::<f64>(), |all| all / degrees);
    let behind = found.row_count.min(columns) - count;
    let left = match all {
        Some(_) => (total - variances[..count].iter().sum::<f64>()).max(0.0),
        None => variances[count..count + behind].iter().sum(),
    };
    let noise = left / behind.max(1) as f64;
    let report = FitReport::default()
        .with("explained_variance", variances[..count].iter().copied())
        .with("explained_variance_ratio", variances[..count].iter().map(|variance| variance / total))
        .with("noise_variance", [noise]);

    let bytes = count.saturating_mul(columns).saturating_mul(3 * size_of::<f32>());
    let _claim = Claim::of(bytes, &format!("{count} components of {columns} columns"))?;
    let signs: Vec<f64> = (0..count).map(|concept| found.sign(concept)).collect();
    let scaled = |power: f64| {
        let scale =
            |concept: usize| signs[concept] * if options.whiten { variances[concept].sqrt().powf(power) } else { 1.0 };
        let value = |index: usize| found.vectors[(index % columns, index / columns)] * scale(index / columns);
        (0..count * columns).map(|index| finite(value(index) as f32)).collect::<Result<Vec<f32>>>()
    };
    let (components, mixing) = (scaled(-1.0)?, scaled(1.0)?);
    let parts = Parts { mean: found.mean, components, mixing, bias: Vec::new(), rectified: false };
    Ok((LinearModel::new(Pca::NAME, parts), report))
}

fn finite(value: f32) -> Result<f32> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::new(ErrorCode::InvalidData, "the variance of the rows is out of the range of 32-bit floats")
        .hint("scale the rows so that they are neither tiny nor huge, or do not whiten them"))
}
