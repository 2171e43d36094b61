//! Random directions: the baseline that concepts of any method must beat.

use faer::Mat;
use serde::{Deserialize, Serialize};

use super::linear::{LinearModel, Parts};
use super::{FitReport, Method};
use crate::control::{Control, Stage};
use crate::device::DeviceChoice;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{RandomState, decorrelate, product, symmetric_eigen};
use crate::memory::Claim;
use crate::rows::{Rows, TILE_ROWS, means};

/// The options of random directions.
///
/// ```
/// assert_eq!(eidos::RandomDirectionsOptions::new(50).seed, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomDirectionsOptions {
    /// How many directions to draw; there may be more than columns.
    pub concept_count: usize,
    /// The seed of the directions, whose entries are drawn as NumPy's `RandomState(seed).normal`.
    pub seed: u32,
    /// How many threads read the rows; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
}

impl RandomDirectionsOptions {
    /// Makes the default options for that many directions.
    pub fn new(concept_count: usize) -> Self {
        Self { concept_count, seed: 0, threads: 0 }
    }
}

/// Draws directions at random, which know nothing of the rows but their mean: what is said of concepts should not hold for them.
///
/// Up to as many directions as columns are orthonormal, every such set as likely as any other: the matrix of normal numbers
/// nearest to which they are. More of them have length 1 and independent directions. A code is the product of a centred row with
/// a direction. Codes decode to the nearest row that has them: of orthonormal directions, to the projection of the row on them; of
/// as many as columns, or more, to the row itself.
///
/// Memory: a few matrices of 8 bytes for each concept and column, and where there are more concepts than columns, of `columns^2`.
///
/// Errors: [`ErrorCode::InvalidArgument`] for 0 concepts; [`ErrorCode::InvalidData`] naming the row and column of a value that
/// is not finite; [`ErrorCode::OutOfMemory`]; [`ErrorCode::Cancelled`].
///
/// ```
/// use eidos::{Activations, Control, Explainer, RandomDirections, RandomDirectionsOptions};
/// let activations = Activations::from_rows(vec![1.0, 2.0, 2.0, 4.0], 2, None)?;
/// let options = RandomDirectionsOptions { seed: 7, ..RandomDirectionsOptions::new(1) };
/// let explainer = Explainer::fit::<RandomDirections>(&activations, &options, &Control::new())?;
/// let length: f32 = explainer.dictionary().iter().map(|value| value * value).sum();
/// assert!((length - 1.0).abs() < 1e-6);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct RandomDirections;

impl Method for RandomDirections {
    const NAME: &'static str = "random_directions";
    type Options = RandomDirectionsOptions;
    type Model = LinearModel;

    fn placement(options: &RandomDirectionsOptions) -> (DeviceChoice, usize) {
        (DeviceChoice::Cpu, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &RandomDirectionsOptions, control: &Control) -> Result<(LinearModel, FitReport)> {
        let (concepts, columns) = (options.concept_count, rows.column_count());
        if concepts == 0 {
            return Err(Error::argument("0 concepts were asked for").hint("ask for at least one concept"));
        }
        control.begin(Stage::Covariance, rows.row_count() as u64)?;
        let (count, mean) = means(rows, TILE_ROWS, options.threads, control)?;
        if count == 0 {
            return Err(Error::argument("there are no rows").hint("give at least one row"));
        }
        let square = concepts.min(columns);
        let values = square.saturating_add(concepts).saturating_mul(columns);
        let bytes = values.saturating_mul(4 * size_of::<f64>());
        let _claim = Claim::of(bytes, &format!("{concepts} directions of {columns} columns"))?;
        control.begin(Stage::Fit, 1)?;
        let mut random = RandomState::new(options.seed);
        let numbers: Vec<f64> = (0..concepts * columns).map(|_| random.normal()).collect();
        let mut drawn = Mat::from_fn(concepts, columns, |concept, column| numbers[concept * columns + column]);
        let mixing = if concepts <= columns {
            drawn = decorrelate(drawn.as_ref())?;
            drawn.clone()
        } else {
            for concept in 0..concepts {
                let length = drawn.row(concept).norm_l2();
                drawn.row_mut(concept).iter_mut().for_each(|value| *value /= length);
            }
            inverse(&drawn)?
        };
        let narrow = |matrix: &Mat<f64>| -> Vec<f32> {
            (0..concepts * columns).map(|index| matrix[(index / columns, index % columns)] as f32).collect()
        };
        let (components, mixing) = (narrow(&drawn), narrow(&mixing));
        control.advance(1)?;
        let parts = Parts { mean, components, mixing, bias: Vec::new(), rectified: false };
        Ok((LinearModel::new(Self::NAME, parts), FitReport::default()))
    }
}

/// The transposed pseudoinverse of a matrix of full column rank: `R (R^T R)^-1`.
fn inverse(matrix: &Mat<f64>) -> Result<Mat<f64>> {
    let (squares, vectors) = symmetric_eigen(product(matrix.transpose(), matrix.as_ref())?.as_ref())?;
    let size = squares.len();
    // Only as many directions as columns, or one more, can come near to it.
    if squares[size - 1] <= squares[0] * size as f64 * f64::EPSILON {
        return Err(Error::new(
            ErrorCode::InvalidData,
            "the directions of this seed nearly lie in a plane of fewer columns",
        )
        .hint("take another seed"));
    }
    let scaled = Mat::from_fn(size, size, |row, column| vectors[(row, column)] / squares[column]);
    product(matrix.as_ref(), product(scaled.as_ref(), vectors.transpose())?.as_ref())
}
