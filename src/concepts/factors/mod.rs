//! Factorisations `rows = codes dictionary` whose codes are sparse: each row has the codes that fit it best.
//!
//! A fit alternates. A pass finds the codes of each row for the dictionary as it is, and adds up how codes go with columns and with each
//! other; from these sums, which are small, comes the dictionary that fits best. So no code is kept, however many rows there are.
//! Methods differ in what codes and dictionaries may be.

mod lasso;
mod model;
mod pass;

use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::log::LogLevel;
use crate::memory::Claim;
use crate::rows::{Rows, total_row_count};

use super::FitReport;
pub(super) use lasso::{Codes, Scratch};
pub use model::FactorModel;
pub(super) use model::{Coder, Parts};
pub(super) use pass::Sums;

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

/// Alternates between codes and dictionary, from a first dictionary. `improve` makes a better one from the sums of a pass. Atoms that no row
/// has begin anew at the rows that are fitted worst; `positive` says that they have no negative values.
///
/// # Errors
/// Those of the rows and of `improve`; [`crate::ErrorCode::Cancelled`].
pub(super) fn alternate(
    rows: &dyn Rows,
    first: Coder,
    limits: Limits,
    control: &Control,
    positive: bool,
    improve: impl Fn(&Sums, &[f64]) -> Result<Vec<f64>>,
) -> Result<(Coder, FitReport)> {
    control.begin(Stage::Fit, limits.max_iterations as u64)?;
    let (mut coder, mut steps, mut before) = (first, 0, f64::INFINITY);
    let (sums, converged) = loop {
        let mut sums = Sums::of(rows, &coder, limits.threads, control)?;
        steps += 1;
        let objective = sums.objective(&coder);
        // The squares of the rows are what the objective is a difference of, which rounding leaves a part of.
        let rounding = 1e-14 * sums.squares;
        let converged = steps > 1 && (before - objective).abs() <= (limits.tolerance * before).max(rounding);
        control.advance(1)?;
        if converged || steps == limits.max_iterations {
            break (sums, converged);
        }
        before = objective;
        let mut dictionary = improve(&sums, &coder.dictionary)?;
        sums.revive(rows, &coder, positive, &mut dictionary)?;
        coder = coder.with(dictionary)?;
    };
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

/// Scales each row of a dictionary to length 1; one of zeros stays.
pub(super) fn normalise(dictionary: &mut [f64], columns: usize) {
    for atom in dictionary.chunks_exact_mut(columns) {
        let length = atom.iter().map(|value| value * value).sum::<f64>().sqrt();
        if length > 0.0 {
            atom.iter_mut().for_each(|value| *value /= length);
        }
    }
}
