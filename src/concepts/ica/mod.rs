//! Independent component analysis: directions along which activations have heavy tails.
//!
//! The algorithm is FastICA (A. Hyvärinen, "Fast and robust fixed-point algorithms for independent component analysis",
//! IEEE Transactions on Neural Networks, 1999). For the same seed it finds the components of scikit-learn's
//! `FastICA(whiten="unit-variance", whiten_solver="eigh")` in float64, in the same order: same start, same steps, same
//! stopping rule. Picard-O ([`Solver::PicardO`]) finds the same components in fewer passes over the rows (`picard.rs`).
//!
//! The rows are read three times: for the means, for the covariance, and to whiten them. Only the whitened rows are
//! kept, `concepts` values of 4 bytes each. The iterations read those in tiles, whose sums are added in f64 in a fixed
//! order. All of these passes run on threads of the CPU (`host.rs`) or on a device (`device.rs`); the eigenvectors and the
//! decorrelation between iterations are small and stay on the CPU.

mod contrast;
mod device;
#[cfg_attr(not(target_arch = "x86_64"), path = "unfused.rs")]
mod fused;
mod host;
mod iterations;
mod options;
mod passes;
mod picard;
mod whitening;

use faer::Mat;

pub use options::{Algorithm, Contrast, IcaOptions, Solver};

use super::backend::Backend;
use super::directions::check_count;
use super::linear::LinearModel;
use super::{FitReport, Method};
use crate::control::{Control, Stage};
use crate::device::DeviceChoice;
use crate::error::Result;
use crate::linalg::RandomState;
use crate::log::LogLevel;
use crate::memory::Claim;
use crate::rows::{DeviceTiles, Rows};
use device::WhiteTensors;
use host::HostRows;
use iterations::{Ending, Iterations};
use passes::Passes;
use whitening::Whitening;

/// Finds independent components.
///
/// A fit that does not converge is not an error, see [`crate::Explainer::report`]. The report measures `last_change`:
/// the change of a component in the last iteration, 1 minus the absolute cosine. With Picard-O it measures `gradient_norm`, the
/// largest entry of the gradient where the fit ended, and `passes`, how often the whitened rows were read.
///
/// Memory: `rows * concepts` values of 4 bytes; a few matrices of `columns^2` values of 8 bytes; per thread a tile of
/// 4096 rows of 12 bytes a column. On a GPU ([`IcaOptions::device`]): the same `rows * concepts` values of 4 bytes, three
/// matrices of `columns^2` values of 8 bytes, a tile of 32 MiB (2048 rows where those are more) six times, and 0.8 GiB at
/// most for an iteration; the host then has only matrices of `columns^2` values.
///
/// Errors: [`crate::ErrorCode::InvalidArgument`] for invalid options; [`crate::ErrorCode::InvalidData`] naming the row
/// and column of a value that is not finite, the rank of the rows when it is smaller than the number of concepts, or
/// the standard deviation of the rows when it is outside the range of 32-bit floats; [`crate::ErrorCode::OutOfMemory`];
/// [`crate::ErrorCode::Device`]; [`crate::ErrorCode::Cancelled`].
///
/// ```
/// use eidos::{Activations, Control, Explainer, Ica, IcaOptions};
/// // Two independent sources, mixed.
/// let source = |i: i32| [((i * 7919) % 101) as f32 / 50.0 - 1.0, ((i * i) % 37) as f32 / 18.0 - 1.0];
/// let mixed = (0..400).map(source).flat_map(|[a, b]| [a + b, a - 2.0 * b]).collect();
/// let activations = Activations::from_rows(mixed, 2, None)?;
/// let explainer = Explainer::fit::<Ica>(&activations, &IcaOptions::new(2), &Control::new())?;
/// assert_eq!(explainer.report().converged, Some(true));
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct Ica;

impl Method for Ica {
    const NAME: &'static str = "ica";
    type Options = IcaOptions;
    type Model = LinearModel;

    fn placement(options: &IcaOptions) -> (DeviceChoice, usize) {
        (options.device, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &IcaOptions, control: &Control) -> Result<(LinearModel, FitReport)> {
        fit(rows, options, &Backend::open(options.device, options.threads, rows, control)?, control)
    }
}

/// Finds the components with the passes over rows on a backend.
pub(super) fn fit(
    rows: &dyn Rows,
    options: &IcaOptions,
    backend: &Backend,
    control: &Control,
) -> Result<(LinearModel, FitReport)> {
    check_count(options.concept_count, rows)?;
    options.check()?;
    let count = options.concept_count;
    // The buffers of an iteration on each thread, and the square matrices between iterations.
    let iteration = match backend {
        Backend::Cpu { threads } => HostRows::iteration_bytes(count, *threads),
        Backend::Device(_) => 0,
    };
    let square = count.saturating_mul(count);
    let squares = if options.solver == Solver::PicardO { 8 + picard::MATRICES } else { 8 };
    let between = square.saturating_mul(squares).saturating_add(rows.column_count().saturating_mul(6 * count));
    let claimed = iteration.saturating_add(between.saturating_mul(size_of::<f64>()));
    let _claim = Claim::of(claimed, &format!("the iterations over {count} concepts"))?;
    let whitening = Whitening::of(rows, count, backend, control)?;
    let white: Box<dyn Passes> = match backend {
        Backend::Cpu { threads } => Box::new(HostRows::new(rows, &whitening, *threads, control)?),
        Backend::Device(device) => Box::new(WhiteTensors::new(&DeviceTiles::new(rows, device), &whitening, control)?),
    };

    let mut random = RandomState::new(options.seed);
    let mut start = Mat::zeros(count, count);
    for row in 0..count {
        for column in 0..count {
            start[(row, column)] = random.normal();
        }
    }
    control.begin(Stage::Fit, options.max_iterations as u64)?;
    let total = whitening.row_count;
    let iterations = Iterations { white: &*white, rows, total, options, control };
    let (mut unmixing, ending) = match (options.solver, options.algorithm) {
        (Solver::PicardO, _) => iterations.picard_o(&start)?,
        (Solver::FastIca, Algorithm::Parallel) => iterations.parallel(&start)?,
        (Solver::FastIca, Algorithm::Deflation) => iterations.deflation(&start)?,
    };
    let measured = match options.solver {
        Solver::FastIca => "last_change",
        Solver::PicardO => "gradient_norm",
    };
    let level = if ending.converged { LogLevel::Info } else { LogLevel::Warning };
    control.log(level, c"ica", || {
        let Ending { iterations, passes, last_change: reached, .. } = ending;
        let (word, tolerance) = (if ending.converged { "converged" } else { "did not converge" }, options.tolerance);
        let what = if options.solver == Solver::PicardO { "gradient" } else { "change" };
        let read = if passes == iterations { String::new() } else { format!(" ({passes} passes)") };
        format!("{word} after {iterations} iterations{read}, with a {what} of {reached:.1e} for a tolerance of {tolerance:.1e}")
    });
    if options.canonical_signs {
        let signs = iterations.skewness_signs(&unmixing)?;
        for (row, sign) in signs.into_iter().enumerate() {
            (0..count).for_each(|column| unmixing[(row, column)] *= sign);
        }
    }
    let report = FitReport { converged: Some(ending.converged), steps: ending.iterations, ..FitReport::default() };
    let model = LinearModel::new(Ica::NAME, whitening.unmix(&unmixing)?);
    let report = report.with(measured, [ending.last_change]);
    // FastICA reads the rows once in each iteration.
    Ok((model, if options.solver == Solver::PicardO { report.with("passes", [ending.passes as f64]) } else { report }))
}
