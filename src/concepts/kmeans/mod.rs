//! k-means: centres of which each row is near to one.
//!
//! Lloyd's iteration reads the rows in tiles and keeps none of them: a pass finds the nearest centre of each row, and moves the
//! centres to the means of their rows. Everything is computed in f64. Given the same first centres, the result is the one of
//! scikit-learn's `KMeans(algorithm="lloyd")`.

mod batches;
mod model;
mod nearest;
mod pass;
mod start;

use serde::{Deserialize, Serialize};

use super::{FitReport, Method};
use crate::control::{Control, Stage};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::linalg::check_finite;
use crate::log::LogLevel;
use crate::memory::Claim;
use crate::rows::{Rows, total_row_count};

pub use model::KMeansModel;
use nearest::Nearest;
use pass::Assigned;

/// What the codes of k-means are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KMeansCodes {
    /// 1 for the nearest centre, 0 for all others. They decode to that centre.
    #[default]
    OneHot,
    /// The share of each centre, which fall with the squared distance and add up to 1. They decode to the mean of the centres
    /// with these shares.
    Soft,
    /// How much nearer to each centre the row is than a radius: the radius minus the distance. The inputs of the largest codes are
    /// the nearest ones. They decode to the projection of the row on the plane of the centres. The radius is twice as far as the rows
    /// of the widest centre are from it (root mean square).
    Proximity,
}

/// The options of k-means. The names are scikit-learn's where it has them.
///
/// ```
/// use eidos::{KMeansCodes, KMeansOptions};
/// let options = KMeansOptions { codes: KMeansCodes::Soft, ..KMeansOptions::new(50) };
/// assert_eq!((options.tolerance, options.max_iterations), (1e-4, 300));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KMeansOptions {
    /// How many centres to find.
    pub concept_count: usize,
    /// What the codes are.
    pub codes: KMeansCodes,
    /// How soft soft codes are: the share of a centre falls by the factor e for this part of the mean squared distance between a
    /// row and its nearest centre. Other codes do not use it.
    pub temperature: f64,
    /// Iterations stop when the sum of the squared moves of all centres is at most this part of the mean variance of a column.
    pub tolerance: f64,
    /// The fit ends after so many iterations, converged or not: passes over the rows.
    pub max_iterations: usize,
    /// After how many rows the centres move (mini-batches; Sculley, 2010); 0: after all of them. A row's batch depends on what is in it.
    /// Mini-batches need fewer passes and end a little higher: when ten of them lower a moving average of the squared distances by no more
    /// than `tolerance` of it.
    pub batch_size: usize,
    /// The seed of the first centres, and of the batches.
    pub seed: u32,
    /// The first centres, (concepts, columns), row-major; empty: they are drawn by greedy k-means++.
    #[serde(skip)]
    pub initial_centres: Vec<f32>,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
}

impl KMeansOptions {
    /// Makes the default options for that many centres.
    pub fn new(concept_count: usize) -> Self {
        Self {
            concept_count,
            codes: KMeansCodes::OneHot,
            temperature: 0.1,
            tolerance: 1e-4,
            max_iterations: 300,
            batch_size: 0,
            seed: 0,
            initial_centres: Vec::new(),
            threads: 0,
        }
    }

    fn check(&self, rows: &dyn Rows) -> Result<()> {
        let (count, columns) = (total_row_count(rows)?, rows.column_count());
        let concepts = self.concept_count;
        let wrong = |message: String, remedy: &str| Err(Error::argument(message).hint(remedy));
        if concepts == 0 {
            return wrong("0 concepts were asked for".to_owned(), "ask for at least one concept");
        }
        if concepts > count {
            return wrong(
                format!("{concepts} concepts were asked for, but there are {count} rows"),
                "ask for fewer concepts, or give more rows",
            );
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return wrong(format!("the tolerance is {}", self.tolerance), "give a number from 0 on, such as 1e-4");
        }
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return wrong(format!("the temperature is {}", self.temperature), "give a number above 0, such as 0.1");
        }
        if self.max_iterations == 0 {
            return wrong("0 iterations are allowed".to_owned(), "allow at least one iteration");
        }
        let given = self.initial_centres.len();
        if given > 0 && concepts.checked_mul(columns) != Some(given) {
            return wrong(
                format!("the initial centres have {given} values, not {concepts} centres of {columns} columns"),
                "give one row for each concept, of as many columns as the rows have",
            );
        }
        check_finite(&self.initial_centres, columns, 0)
    }
}

/// Finds centres of rows with k-means (Lloyd, 1982), each the mean of the rows that are nearest to it.
///
/// The first centres are rows, drawn by greedy k-means++ (Arthur & Vassilvitskii, 2007) from a sample of 4096 different rows, or
/// of 16 for each concept where that is more. The sample is chosen by what is in the rows, so that the centres do not depend on their
/// order. A centre that is the nearest one of no row moves to the row that is farthest from its own. The dictionary are the centres,
/// and what codes are is a choice ([`KMeansCodes`]). The report measures `inertia`, the sum of the squared distances between rows and
/// their nearest centres, and `cluster_sizes`, the number of rows of each.
///
/// Memory: per thread three times the centres in f64, and a tile of 1024 rows of 12 bytes a column and 8 a concept; the sample; with
/// mini-batches 16 bytes a row. The number of iterations of the report is that of batches then.
///
/// Errors: [`crate::ErrorCode::InvalidArgument`] for more concepts than rows, and for options that are out of range;
/// [`crate::ErrorCode::InvalidData`] naming the row and column of a value that is not finite, or where fewer rows differ than there
/// are concepts; [`crate::ErrorCode::OutOfMemory`]; [`crate::ErrorCode::Cancelled`].
///
/// ```
/// use eidos::{Activations, Control, Explainer, KMeans, KMeansOptions};
/// let activations = Activations::from_rows(vec![1.0, 2.0, 9.0, 10.0], 1, None)?;
/// let explainer = Explainer::fit::<KMeans>(&activations, &KMeansOptions::new(2), &Control::new())?;
/// let mut centres = explainer.dictionary().to_vec();
/// centres.sort_by(f32::total_cmp);
/// assert_eq!(centres, [1.5, 9.5]);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct KMeans;

impl Method for KMeans {
    const NAME: &'static str = "kmeans";
    type Options = KMeansOptions;
    type Model = KMeansModel;

    fn placement(options: &KMeansOptions) -> (DeviceChoice, usize) {
        (DeviceChoice::Cpu, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &KMeansOptions, control: &Control) -> Result<(KMeansModel, FitReport)> {
        options.check(rows)?;
        let (concepts, columns, threads) = (options.concept_count, rows.column_count(), options.threads);
        let bytes = concepts.saturating_mul(columns).saturating_mul(4 * size_of::<f64>());
        let _claim = Claim::of(bytes, &format!("{concepts} centres of {columns} columns"))?;
        control.begin(Stage::Covariance, rows.row_count() as u64)?;
        let sample = start::sample(rows, concepts, options.seed, threads, control)?;
        control.begin(Stage::Fit, 1 + options.max_iterations as u64)?;
        let mut centres = if options.initial_centres.is_empty() {
            sample.centres(rows, concepts, options.seed, control)?
        } else {
            options.initial_centres.iter().copied().map(f64::from).collect()
        };
        let least_move = options.tolerance * sample.variance / columns as f64;
        drop(sample);

        let (mut converged, mut steps) = (false, 0);
        if options.batch_size > 0 {
            let end = batches::descend(rows, options, centres, control)?;
            (centres, converged, steps) = (end.centres, end.converged, end.steps);
        } else {
            while steps < options.max_iterations && !converged {
                steps += 1;
                let mut assigned = Assigned::of(rows, &Nearest::new(&centres, columns), threads, control)?;
                assigned.move_lonely(rows)?;
                let moved = assigned.means(&centres);
                let change: f64 = moved.iter().zip(&centres).map(|(new, old)| (new - old).powi(2)).sum();
                // While a centre has just left for a row far away, the others have not answered yet.
                converged = change <= least_move;
                centres = moved;
                control.advance(1)?;
            }
        }

        let centres: Vec<f32> = centres.into_iter().map(|value| value as f32).collect();
        let wide: Vec<f64> = centres.iter().copied().map(f64::from).collect();
        let last = Assigned::of(rows, &Nearest::new(&wide, columns), threads, control)?;
        control.advance(1)?;
        let inertia: f64 = last.within.iter().sum();
        let lonely = last.counts.iter().filter(|&&count| count == 0.0).count();
        let mut report = FitReport { converged: Some(converged), steps, ..FitReport::default() }
            .with("inertia", [inertia])
            .with("cluster_sizes", last.counts.iter().copied());
        if lonely > 0 {
            let warning = format!(
                "{lonely} of {concepts} centres have no rows: fewer rows differ than there are concepts, so ask for fewer"
            );
            control.log(LogLevel::Warning, c"fit", || warning.clone());
            report.warnings.push(warning);
        }
        let count: f64 = last.counts.iter().sum();
        let scale = match options.codes {
            KMeansCodes::OneHot => 0.0,
            KMeansCodes::Soft => options.temperature * inertia / count,
            KMeansCodes::Proximity => last.radius(),
        };
        Ok((KMeansModel::new(centres, columns, options.codes, scale)?, report))
    }
}
