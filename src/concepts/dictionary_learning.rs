//! Dictionary learning: atoms of which each row needs few.

use serde::{Deserialize, Serialize};

use super::backend::Backend;
use super::directions::Directions;
use super::factors::{self, Anew, Coder, Codes, FactorModel, Limits, Parts, Sums};
use super::{FitReport, Method};
use crate::control::Control;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::linalg::RandomState;
use crate::rows::Rows;

/// The options of dictionary learning.
///
/// ```
/// let options = eidos::DictionaryLearningOptions { penalty: 0.5, ..eidos::DictionaryLearningOptions::new(50) };
/// assert!(options.positive_codes);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DictionaryLearningOptions {
    /// How many atoms to find; there may be more than columns.
    pub concept_count: usize,
    /// The weight of the sum of the magnitudes of the codes, scikit-learn's `alpha`: a code is zero unless it lowers the squared
    /// difference by more. It is in the units of the rows.
    pub penalty: f64,
    /// Whether codes are never negative.
    pub positive_codes: bool,
    /// Iterations stop when one of them lowers what is minimised by no more than this part of it.
    pub tolerance: f64,
    /// The fit ends after so many iterations, converged or not.
    pub max_iterations: usize,
    /// The seed of the first atoms where there are more than directions in the rows. Others do not depend on it.
    pub seed: u32,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
}

impl DictionaryLearningOptions {
    /// Makes the default options for that many atoms.
    pub fn new(concept_count: usize) -> Self {
        Self {
            concept_count,
            penalty: 1.0,
            positive_codes: true,
            tolerance: 1e-4,
            max_iterations: 200,
            seed: 0,
            threads: 0,
        }
    }
}

/// Finds atoms of which each row needs few: it minimises half the squared difference between rows and sums of atoms, and `penalty`
/// times the sum of the magnitudes of the codes. No atom is longer than 1.
///
/// The codes of a row solve the lasso for the atoms, exactly and anew for each row. Atoms are improved one by one (Mairal and others,
/// 2009), from singular vectors, as in scikit-learn's `DictionaryLearning(fit_algorithm="cd", transform_algorithm="lasso_cd")`; the
/// rows are not centred. The report measures what that of [`crate::Nmf`] does.
///
/// Memory: a few matrices of `columns^2` values of 8 bytes; per thread three times the sums of a pass, `concepts (concepts + columns)`
/// values of 8 bytes, and a tile of 1024 rows; a sample of 8192 rows, or of 8 for each atom. No codes are kept.
///
/// Errors: [`crate::ErrorCode::InvalidData`] naming the row and column of a value that is not finite;
/// [`crate::ErrorCode::InvalidArgument`] for options that are out of range; [`crate::ErrorCode::OutOfMemory`];
/// [`crate::ErrorCode::Cancelled`].
///
/// ```
/// use eidos::{Activations, Control, DictionaryLearning, DictionaryLearningOptions, Explainer};
/// let activations = Activations::from_rows(vec![9.0, 0.0, 8.0, 0.0, 0.0, 7.0, 0.0, 6.0], 2, None)?;
/// let options = DictionaryLearningOptions::new(2);
/// let explainer = Explainer::fit::<DictionaryLearning>(&activations, &options, &Control::new())?;
/// assert!(explainer.report().measure("mean_nonzero_codes")[0] < 1.5);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct DictionaryLearning;

impl Method for DictionaryLearning {
    const NAME: &'static str = "dictionary_learning";
    type Options = DictionaryLearningOptions;
    type Model = FactorModel;

    fn placement(options: &DictionaryLearningOptions) -> (DeviceChoice, usize) {
        (DeviceChoice::Cpu, options.threads)
    }

    fn fit(
        rows: &dyn Rows,
        options: &DictionaryLearningOptions,
        control: &Control,
    ) -> Result<(FactorModel, FitReport)> {
        let concepts = options.concept_count;
        let limits =
            Limits { tolerance: options.tolerance, max_iterations: options.max_iterations, threads: options.threads };
        limits.check(concepts, rows)?;
        if !(options.penalty > 0.0 && options.penalty.is_finite()) {
            return Err(Error::argument(format!("the penalty is {}", options.penalty)).hint("give a number above 0"));
        }
        let columns = rows.column_count();
        let _claim = limits.claim(concepts, columns)?;
        let kind = Codes { penalty: options.penalty, signed: !options.positive_codes, ridge: 0.0 };
        let first = Coder::new(first_atoms(rows, options, control)?, columns, kind)?;
        let (coder, report) = factors::alternate(rows, first, limits, control, Anew::Rest, |sums, before| {
            Ok(better_atoms(sums, before, columns))
        })?;
        let dictionary = coder.dictionary.iter().map(|&value| value as f32).collect();
        let parts = Parts { dictionary, columns, kind, rectified: false };
        Ok((FactorModel::new(Self::NAME, parts)?, report))
    }
}

/// The first atoms: singular vectors, and random ones where the rows have fewer directions. They have length 1 like those that follow;
/// longer ones would cost less than any that are allowed.
fn first_atoms(rows: &dyn Rows, options: &DictionaryLearningOptions, control: &Control) -> Result<Vec<f64>> {
    let (concepts, columns) = (options.concept_count, rows.column_count());
    let found = Directions::about_zero(rows, 0, &Backend::Cpu { threads: options.threads }, control)?;
    let bound = found.squares[0].max(0.0) * found.row_count.max(columns) as f64 * f64::EPSILON;
    let known = found.squares.iter().take(concepts).take_while(|&&square| square > bound).count();
    let mut atoms = Vec::with_capacity(concepts * columns);
    for direction in 0..known {
        let sign = found.sign(direction);
        atoms.extend((0..columns).map(|column| sign * found.vectors[(column, direction)]));
    }
    let mut random = RandomState::new(options.seed);
    let mut others: Vec<f64> = (0..(concepts - known) * columns).map(|_| random.normal()).collect();
    factors::normalise(&mut others, columns);
    atoms.extend(others);
    Ok(atoms)
}

/// Improves the atoms one by one for the codes, and shortens them to length 1 where they are longer. One that no row has stays.
fn better_atoms(sums: &Sums, before: &[f64], columns: usize) -> Vec<f64> {
    let concepts = before.len() / columns;
    let mut atoms = before.to_vec();
    let mut atom = vec![0.0; columns];
    for concept in 0..concepts {
        let products = &sums.with_each_other[concept * concepts..][..concepts];
        let square = products[concept];
        if square > 0.0 {
            atom.copy_from_slice(&sums.with_columns[concept * columns..][..columns]);
            for (other, &product) in atoms.chunks_exact(columns).zip(products) {
                atom.iter_mut().zip(other).for_each(|(value, other)| *value -= product * other);
            }
            let own = &mut atoms[concept * columns..][..columns];
            own.iter_mut().zip(&atom).for_each(|(value, change)| *value += change / square);
        }
        let own = &mut atoms[concept * columns..][..columns];
        let length = own.iter().map(|value| value * value).sum::<f64>().sqrt();
        own.iter_mut().for_each(|value| *value /= length.max(1.0));
    }
    atoms
}
