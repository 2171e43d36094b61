//! Semi-non-negative matrix factorisation: codes without negative numbers, of rows that may have them.

use faer::{Mat, MatRef};
use serde::{Deserialize, Serialize};

use super::factors::{self, Anew, Coder, Codes, FactorModel, Limits, Parts, Sums};
use super::kmeans::{KMeans, KMeansOptions};
use super::{Decoder, FitReport, Method};
use crate::control::Control;
use crate::device::DeviceChoice;
use crate::error::Result;
use crate::linalg::{product, symmetric_eigen};
use crate::rows::Rows;

/// What codes may be. Nothing else keeps them from growing without end, together with atoms that nearly cancel each other out: with large
/// enough codes, any rows are sums of atoms that are nearly the same. This much costs a row next to nothing.
const KIND: Codes = Codes { penalty: 0.0, signed: false, ridge: 1e-4 };

/// How many iterations of k-means make the first atoms; more of them change little.
const FIRST_ITERATIONS: usize = 10;

/// The options of semi-non-negative matrix factorisation.
///
/// ```
/// assert_eq!(eidos::SemiNmfOptions::new(50).max_iterations, 200);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SemiNmfOptions {
    /// How many concepts to find.
    pub concept_count: usize,
    /// Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it.
    pub tolerance: f64,
    /// The fit ends after so many iterations, converged or not.
    pub max_iterations: usize,
    /// The seed of the first centres.
    pub seed: u32,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
}

impl SemiNmfOptions {
    /// Makes the default options for that many concepts.
    pub fn new(concept_count: usize) -> Self {
        Self { concept_count, tolerance: 1e-4, max_iterations: 200, seed: 0, threads: 0 }
    }
}

/// Finds atoms whose sums approximate rows, with codes that are not negative (Ding, Li & Jordan, 2010).
///
/// It is k-means whose rows may belong to several centres, more or less. The first atoms are centres of [`KMeans`], as the authors
/// propose; each has length 1. The codes of a row are those without negative numbers for which the sum of the atoms is nearest to it, found
/// anew for each row; a ridge of 1e-4 keeps them small, since atoms that nearly cancel each other out would otherwise have codes
/// without bound. The report measures what that of [`crate::Nmf`] does.
///
/// Memory: that of [`KMeans`]; per thread three times the sums of a pass, `concepts (concepts + columns)` values of 8 bytes, and a tile of
/// 1024 rows; a sample of 8192 rows, or of 8 for each concept. No codes are kept.
///
/// Errors: those of [`KMeans`].
///
/// ```
/// use eidos::{Activations, Control, Explainer, SemiNmf, SemiNmfOptions};
/// let activations = Activations::from_rows(vec![-1.0, 0.0, -2.0, 0.0, 0.0, 3.0], 2, None)?;
/// let explainer = Explainer::fit::<SemiNmf>(&activations, &SemiNmfOptions::new(2), &Control::new())?;
/// assert!(explainer.report().measure("relative_error")[0] < 1e-3);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct SemiNmf;

impl Method for SemiNmf {
    const NAME: &'static str = "semi_nmf";
    type Options = SemiNmfOptions;
    type Model = FactorModel;

    fn placement(options: &SemiNmfOptions) -> (DeviceChoice, usize) {
        (DeviceChoice::Cpu, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &SemiNmfOptions, control: &Control) -> Result<(FactorModel, FitReport)> {
        let SemiNmfOptions { concept_count: concepts, tolerance, max_iterations, seed, threads } = *options;
        let limits = Limits { tolerance, max_iterations, threads };
        limits.check(concepts, rows)?;
        let columns = rows.column_count();
        let _claim = limits.claim(concepts, columns)?;
        let start = KMeansOptions { max_iterations: FIRST_ITERATIONS, seed, threads, ..KMeansOptions::new(concepts) };
        let (centres, _) = KMeans::fit(rows, &start, control)?;
        let mut atoms: Vec<f64> = centres.dictionary().iter().copied().map(f64::from).collect();
        factors::normalise(&mut atoms, columns);
        let first = Coder::new(atoms, columns, KIND)?;
        let (coder, report) = factors::alternate(rows, first, limits, control, Anew::Rest, |sums, before| {
            best_atoms(sums, before, columns)
        })?;
        let dictionary = coder.dictionary.iter().map(|&value| value as f32).collect();
        let parts = Parts { dictionary, columns, kind: KIND, rectified: false };
        Ok((FactorModel::new(Self::NAME, parts)?, report))
    }
}

/// The best atoms for codes, by least squares. An atom that no row has stays.
fn best_atoms(sums: &Sums, before: &[f64], columns: usize) -> Result<Vec<f64>> {
    let concepts = before.len() / columns;
    let products = MatRef::from_row_major_slice(&sums.with_each_other, concepts, concepts);
    let (squares, vectors) = symmetric_eigen(products)?;
    let bound = squares[0].max(0.0) * concepts as f64 * f64::EPSILON;
    let scaled = Mat::from_fn(concepts, concepts, |row, column| {
        if squares[column] > bound { vectors[(row, column)] / squares[column] } else { 0.0 }
    });
    let with_columns = MatRef::from_row_major_slice(&sums.with_columns, concepts, columns);
    let best = product(scaled.as_ref(), product(vectors.transpose(), with_columns)?.as_ref())?;
    let value = |index: usize| {
        let concept = index / columns;
        let is_used = sums.with_each_other[concept * (concepts + 1)] > 0.0;
        if is_used { best[(concept, index % columns)] } else { before[index] }
    };
    let mut atoms: Vec<f64> = (0..before.len()).map(value).collect();
    factors::normalise(&mut atoms, columns);
    Ok(atoms)
}
