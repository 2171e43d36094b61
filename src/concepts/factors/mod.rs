//! Factorisations `rows = codes dictionary` whose codes are sparse: each row has the codes that fit it best.
//!
//! A fit alternates. A pass finds the codes of each row for the dictionary as it is, and adds up how codes go with columns and with each
//! other; from these sums, which are small, comes the dictionary that fits best. So no code is kept, however many rows there are.
//! Where there are many, a sample of them comes first: most of the way takes no pass over all. Methods differ in what codes and
//! dictionaries may be.

mod lasso;
mod model;
mod pass;

use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::log::LogLevel;
use crate::memory::Claim;
use crate::rows::{Rows, total_row_count};

use super::FitReport;
use super::sample::Sample;
pub(super) use lasso::{Codes, Scratch};
pub use model::FactorModel;
pub(super) use model::{Coder, Parts};
pub(super) use pass::Sums;

/// How many rows of a sample the first iterations read, where there are twice as many: a few, and then more. Atoms need some each.
const SAMPLES: [usize; 2] = [1024, 8192];
const ROWS_PER_CONCEPT: usize = 8;

/// The tolerance of the iterations over samples, where that of the fit is not larger: they need not be nearer to their end than all rows are
/// to theirs.
const SAMPLE_TOLERANCE: f64 = 1e-4;

/// How many iterations over a sample there are at most.
const SAMPLE_ITERATIONS: usize = 100;

/// When the iterations of a fit end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// They end when one of them lowers what is minimised by less than this part of it.
    pub(super) tolerance: f64,
    /// They end after so many, converged or not.
    pub(super) max_iterations: usize,
    pub(super) threads: usize,
}

impl Limits {
    /// Checks the limits and the number of concepts, and returns how many rows there are in all.
    pub(super) fn check(&self, concepts: usize, rows: &dyn Rows) -> Result<usize> {
        let wrong = |message: String, remedy: &str| Err(Error::argument(message).hint(remedy));
        let count = total_row_count(rows)?;
        if concepts == 0 {
            return wrong("0 concepts were asked for".to_owned(), "ask for at least one concept");
        }
        if count == 0 {
            return wrong("there are no rows".to_owned(), "give at least one row");
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return wrong(format!("the tolerance is {}", self.tolerance), "give a number from 0 on, such as 1e-4");
        }
        if self.max_iterations == 0 {
            return wrong("0 iterations are allowed".to_owned(), "allow at least one iteration");
        }
        Ok(count)
    }

    /// The memory of the sums of a pass and of the dictionary.
    pub(super) fn claim(&self, concepts: usize, columns: usize) -> Result<Claim> {
        let sums = concepts.saturating_mul(concepts.saturating_add(columns)).saturating_mul(size_of::<f64>());
        let threads = crate::threads::thread_count(self.threads);
        Claim::of(sums.saturating_mul(3 * threads + 3), &format!("{concepts} concepts of {columns} columns"))
    }
}

/// What an atom that no row has begins anew at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anew {
    /// What is left of a row that is fitted badly.
    Rest,
    /// The positive values of that.
    PositiveRest,
    /// The row itself.
    Row,
}

/// Alternates between codes and dictionary, from a first dictionary. `improve` makes a better one from the sums of a pass. Atoms that no row
/// has begin anew at the rows that are fitted worst, as `anew` says.
///
/// # Errors
/// Those of the rows and of `improve`; [`crate::ErrorCode::Cancelled`].
pub(super) fn alternate(
    rows: &dyn Rows,
    first: Coder,
    limits: Limits,
    control: &Control,
    anew: Anew,
    mut improve: impl FnMut(&Sums, &[f64]) -> Result<Vec<f64>>,
) -> Result<(Coder, FitReport)> {
    let first = on_samples(rows, first, limits, control, anew, &mut improve)?;
    control.begin(Stage::Fit, limits.max_iterations as u64)?;
    let End { coder, sums, converged, steps } =
        iterate(rows, first, limits, control, anew, &mut improve, || control.advance(1))?;
    let error = sums.squared_error(&coder).max(0.0);
    let concepts = coder.concept_count();
    let relative = if sums.squares > 0.0 { (error / sums.squares).sqrt() } else { 0.0 };
    let mut report = FitReport { converged: Some(converged), steps, ..FitReport::default() }
        .with("reconstruction_error", [error.sqrt()])
        .with("relative_error", [relative])
        .with("mean_nonzero_codes", [sums.nonzero.iter().sum::<f64>() / sums.row_count]);
    let unused = sums.nonzero.iter().filter(|&&count| count == 0.0).count();
    if unused > 0 {
        let warning =
            format!("{unused} of {concepts} concepts have a code of zero in every row: ask for fewer concepts");
        control.log(LogLevel::Warning, c"fit", || warning.clone());
        report.warnings.push(warning);
    }
    Ok((coder, report))
}

/// Where iterations have ended: the dictionary, and the sums of the pass with it.
struct End {
    coder: Coder,
    sums: Sums,
    converged: bool,
    steps: usize,
}

/// The iterations over samples of the rows, each twice as large as the rows are many at most, from where those before have ended.
fn on_samples(
    rows: &dyn Rows,
    first: Coder,
    limits: Limits,
    control: &Control,
    anew: Anew,
    improve: &mut impl FnMut(&Sums, &[f64]) -> Result<Vec<f64>>,
) -> Result<Coder> {
    let (mut coder, all) = (first, total_row_count(rows)?);
    let least = coder.concept_count().saturating_mul(ROWS_PER_CONCEPT);
    let mut sizes: Vec<usize> = SAMPLES.iter().map(|&size| size.max(least)).filter(|size| *size <= all / 2).collect();
    sizes.dedup();
    let Some(&most) = sizes.last() else { return Ok(coder) };
    control.begin(Stage::Covariance, rows.row_count() as u64)?;
    let sample = Sample::of(rows, most, 0, limits.threads, control)?;
    let limits = Limits {
        tolerance: limits.tolerance.max(SAMPLE_TOLERANCE),
        max_iterations: limits.max_iterations.min(SAMPLE_ITERATIONS),
        ..limits
    };
    for size in sizes {
        let some = sample.least(size, rows)?;
        coder = iterate(&some, coder, limits, control, anew, improve, || Ok(()))?.coder;
    }
    Ok(coder)
}

/// Alternates between codes and dictionary until that lowers what is minimised by too little.
fn iterate(
    rows: &dyn Rows,
    first: Coder,
    limits: Limits,
    control: &Control,
    anew: Anew,
    improve: &mut impl FnMut(&Sums, &[f64]) -> Result<Vec<f64>>,
    after_each: impl Fn() -> Result<()>,
) -> Result<End> {
    let (mut coder, mut steps, mut before) = (first, 0, f64::INFINITY);
    loop {
        let mut sums = Sums::of(rows, &coder, limits.threads, control)?;
        steps += 1;
        let objective = sums.objective(&coder);
        // The squares of the rows are what the objective is a difference of, which rounding leaves a part of.
        let rounding = 1e-14 * sums.squares;
        let converged = steps > 1 && (before - objective).abs() <= (limits.tolerance * before).max(rounding);
        after_each()?;
        if converged || steps == limits.max_iterations {
            return Ok(End { coder, sums, converged, steps });
        }
        before = objective;
        let mut dictionary = improve(&sums, &coder.dictionary)?;
        sums.revive(rows, &coder, anew, &mut dictionary)?;
        coder = coder.with(dictionary)?;
    }
}

/// Scales each row of a dictionary to length 1; one of zeros stays.
pub(super) fn normalise(dictionary: &mut [f64], columns: usize) {
    for atom in dictionary.chunks_exact_mut(columns) {
        let length = atom.iter().map(|value| value * value).sum::<f64>().sqrt();
        if length > 0.0 {
            atom.iter_mut().for_each(|value| *value /= length);
        }
    }
}
