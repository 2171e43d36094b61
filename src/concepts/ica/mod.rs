//! Independent component analysis: directions along which activations have heavy tails.
//!
//! FastICA (A. Hyvärinen, "Fast and robust fixed-point algorithms for independent component analysis", IEEE Transactions on
//! Neural Networks, 1999), component by component the one that scikit-learn's `FastICA(whiten="unit-variance",
//! whiten_solver="eigh")` finds in float64 for the same seed: same start, same steps, same rule to stop.
//!
//! The rows are read three times: for the means, for the covariance, and to whiten them. The whitened rows, `concepts`
//! values of 4 bytes each, are all that is kept of them; iterations run over those in tiles whose sums are added in f64 and
//! in a fixed order.

mod contrast;
mod fixed_point;
mod model;
mod options;
mod whitening;

use std::sync::Arc;

use faer::Mat;

pub(super) use model::IcaModel;
pub use options::{Algorithm, Contrast, IcaOptions};

use super::explainer::Explainer;
use crate::activations::{Activations, Provenance};
use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::linalg::{RandomState, Rows};
use crate::log::LogLevel;
use crate::memory::Claim;
use crate::threads::thread_count;
use fixed_point::FixedPoint;
use whitening::Whitening;

/// Fits independent components.
#[derive(Debug)]
pub struct Ica;

impl Ica {
    /// Finds the independent components of activations.
    ///
    /// Not converging is a result, see [`Explainer::report`].
    ///
    /// Memory: `rows * concepts` values of 4 bytes; `columns^2` values of 8 bytes a few times over; per thread a tile of 4096
    /// rows of 12 bytes a column.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for options that cannot be; [`crate::ErrorCode::InvalidData`] naming the row
    /// and column of a value that is not finite, the rank of the rows when there are fewer directions than concepts, or how far
    /// the rows deviate where that is out of the range of 32-bit floats;
    /// [`crate::ErrorCode::OutOfMemory`]; [`crate::ErrorCode::Cancelled`].
    ///
    /// ```
    /// use eidos::{Activations, Control, Ica, IcaOptions};
    /// // Two independent sources, mixed.
    /// let source = |i: i32| [((i * 7919) % 101) as f32 / 50.0 - 1.0, ((i * i) % 37) as f32 / 18.0 - 1.0];
    /// let mixed = (0..400).map(source).flat_map(|[a, b]| [a + b, a - 2.0 * b]).collect();
    /// let activations = Activations::from_rows(mixed, 2, None)?;
    /// let explainer = Ica::fit(&activations, &IcaOptions::new(2), &Control::new())?;
    /// assert!(explainer.report().converged);
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn fit(activations: &Activations, options: &IcaOptions, control: &Control) -> Result<Explainer> {
        Self::fit_rows(activations, activations.provenance().clone(), options, control)
    }

    /// Finds the independent components of any rows, of which `provenance` says where they come from.
    ///
    /// # Errors
    /// As [`Ica::fit`].
    pub fn fit_rows(
        rows: &dyn Rows,
        provenance: Provenance,
        options: &IcaOptions,
        control: &Control,
    ) -> Result<Explainer> {
        options.check(rows.row_count(), rows.column_count())?;
        let count = options.concept_count;
        // What an iteration takes for each thread, and the square matrices between iterations.
        let threads = thread_count(options.threads);
        let square = count.saturating_mul(count);
        let per_thread = square.saturating_mul(3).saturating_add(FixedPoint::TILE.saturating_mul(count));
        let iteration = per_thread.saturating_mul(size_of::<f32>() * threads);
        let between = square.saturating_mul(8).saturating_add(rows.column_count().saturating_mul(6 * count));
        let claimed = iteration.saturating_add(between.saturating_mul(size_of::<f64>()));
        let _claim = Claim::of(claimed, &format!("the iterations over {count} concepts"))?;
        let whitening = Whitening::of(rows, count, options.threads, control)?;
        let white = whitening.whiten(rows, options.threads, control)?;

        let mut random = RandomState::new(options.seed);
        let mut start = Mat::zeros(count, count);
        for row in 0..count {
            for column in 0..count {
                start[(row, column)] = random.normal();
            }
        }
        control.begin(Stage::Fit, options.max_iterations as u64)?;
        let fixed_point = FixedPoint::new(&white, options, control);
        let (mut unmixing, report) = match options.algorithm {
            Algorithm::Parallel => fixed_point.parallel(&start)?,
            Algorithm::Deflation => fixed_point.deflation(&start)?,
        };
        let level = if report.converged { LogLevel::Info } else { LogLevel::Warning };
        control.log(level, c"ica", || {
            let (iterations, change) = (report.iterations, report.last_change);
            let (word, tolerance) =
                (if report.converged { "converged" } else { "did not converge" }, options.tolerance);
            format!(
                "{word} after {iterations} iterations, with a change of {change:.1e} for a tolerance of {tolerance:.1e}"
            )
        });
        if options.canonical_signs {
            let signs = fixed_point.heavy_tails(&unmixing)?;
            for (row, sign) in signs.into_iter().enumerate() {
                (0..count).for_each(|column| unmixing[(row, column)] *= sign);
            }
        }
        let model = IcaModel::new(&whitening, &unmixing)?;
        let options =
            serde_json::to_value(options).map_err(|error| Error::internal(format!("cannot write options: {error}")))?;
        Ok(Explainer::new(Arc::new(model), options, report, provenance))
    }
}
