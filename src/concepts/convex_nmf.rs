//! Convex non-negative matrix factorisation: atoms that are sums of rows, with weights that are not negative.
//!
//! The atoms are `weights^T rows`, so that each can be traced to rows. The weights are a number for each concept and each row that atoms may be
//! made of, which are a sample; no matrix of rows by rows is needed, as it is for the updates of the authors.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use serde::{Deserialize, Serialize};

use super::factors::{self, Anew, Coder, Codes, FactorModel, Limits, Parts, Sums};
use super::kmeans::{KMeans, KMeansOptions};
use super::sample::Sample;
use super::{Encoder, FitReport, Method};
use crate::control::{Control, Stage};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::linalg::vectorised;
use crate::memory::Claim;
use crate::rows::{RowSlice, Rows};

/// What codes may be: those of semi-NMF.
const KIND: Codes = Codes { penalty: 0.0, signed: false, ridge: 1e-4 };

/// How many iterations of k-means make the first atoms; more of them change little.
const FIRST_ITERATIONS: usize = 10;

/// How many times the weights of an atom that are not zero are improved after all of them.
const SWEEPS: usize = 4;

/// The options of convex non-negative matrix factorisation.
///
/// ```
/// assert_eq!(eidos::ConvexNmfOptions::new(50).candidate_count, 4096);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConvexNmfOptions {
    /// How many concepts to find.
    pub concept_count: usize,
    /// How many rows the atoms may be sums of; where there are fewer, all of them. Those of the smallest hashes are taken.
    pub candidate_count: usize,
    /// Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it.
    pub tolerance: f64,
    /// The fit ends after so many iterations, converged or not.
    pub max_iterations: usize,
    /// The seed of the rows that the atoms may be sums of, and of the first centres.
    pub seed: u32,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
}

impl ConvexNmfOptions {
    /// Makes the default options for that many concepts.
    pub fn new(concept_count: usize) -> Self {
        Self { concept_count, candidate_count: 4096, tolerance: 1e-4, max_iterations: 200, seed: 0, threads: 0 }
    }
}

/// Finds atoms that are sums of rows with weights that are not negative, and whose sums approximate rows, with codes that are not negative
/// (Ding, Li & Jordan, 2010).
///
/// It is [`crate::SemiNmf`] whose atoms stay among the rows: each has length 1 and the direction of a weighted mean of rows. Where the
/// rows have no negative values, nor has an atom. Where they lie in every direction about zero, as centred rows do, any atom is such a
/// sum, and the minimum is that of semi-NMF. The first atoms are centres of [`KMeans`], as the authors propose; the weights are improved one
/// by one. The report measures what that of [`crate::Nmf`] does, and `rows_per_concept`, the number of rows with a weight in each atom.
///
/// Memory: that of [`crate::SemiNmf`], and `candidate_count` rows and as many weights of 8 bytes for each concept. No codes are kept.
///
/// Errors: those of [`KMeans`], and [`crate::ErrorCode::InvalidArgument`] for fewer candidates than concepts.
///
/// ```
/// use eidos::{Activations, Control, ConvexNmf, ConvexNmfOptions, Explainer};
/// let activations = Activations::from_rows(vec![1.0, 0.0, 2.0, 0.0, 0.0, 3.0], 2, None)?;
/// let explainer = Explainer::fit::<ConvexNmf>(&activations, &ConvexNmfOptions::new(2), &Control::new())?;
/// assert!(explainer.report().measure("relative_error")[0] < 1e-3);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct ConvexNmf;

impl Method for ConvexNmf {
    const NAME: &'static str = "convex_nmf";
    type Options = ConvexNmfOptions;
    type Model = FactorModel;

    fn placement(options: &ConvexNmfOptions) -> (DeviceChoice, usize) {
        (DeviceChoice::Cpu, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &ConvexNmfOptions, control: &Control) -> Result<(FactorModel, FitReport)> {
        let ConvexNmfOptions { concept_count: concepts, candidate_count, tolerance, max_iterations, threads, .. } =
            *options;
        let limits = Limits { tolerance, max_iterations, threads };
        limits.check(concepts, rows)?;
        if candidate_count < concepts {
            return Err(Error::argument(format!("{concepts} concepts cannot be sums of {candidate_count} candidates"))
                .hint("allow at least as many candidates as concepts, such as 4096"));
        }
        let columns = rows.column_count();
        let _claim = limits.claim(concepts, columns)?;
        let mut atoms = Atoms::first(rows, options, control)?;
        let first = Coder::new(atoms.dictionary(concepts), columns, KIND)?;
        let (coder, report) = factors::alternate(rows, first, limits, control, Anew::Row, |sums, before| {
            atoms.improve(sums, before);
            Ok(atoms.dictionary(concepts))
        })?;
        let of = |weights: &[f64]| weights.iter().filter(|&&weight| weight > 0.0).count() as f64;
        let report = report.with("rows_per_concept", atoms.weights.chunks_exact(atoms.squares.len()).map(of));
        let dictionary = coder.dictionary.iter().map(|&value| value as f32).collect();
        let parts = Parts { dictionary, columns, kind: KIND, rectified: false };
        Ok((FactorModel::new(Self::NAME, parts)?, report))
    }
}

/// Atoms as sums of candidates.
struct Atoms {
    columns: usize,
    /// The rows that atoms are sums of, row-major.
    candidates: Vec<f32>,
    /// The squared length of each.
    squares: Vec<f64>,
    /// The weights, (concepts, candidates).
    weights: Vec<f64>,
    _claim: Claim,
}

impl Atoms {
    /// Chooses the candidates, and takes centres of k-means for the first atoms: means of candidates.
    fn first(rows: &dyn Rows, options: &ConvexNmfOptions, control: &Control) -> Result<Self> {
        let (concepts, columns) = (options.concept_count, rows.column_count());
        control.begin(Stage::Covariance, rows.row_count() as u64)?;
        let most = options.candidate_count;
        let candidates = Sample::of(rows, most, options.seed, options.threads, control)?.gathered(most, rows)?;
        let count = candidates.len() / columns;
        let claim = Claim::of(
            count.saturating_mul(columns.saturating_mul(size_of::<f32>())) + count.saturating_mul(8 * concepts),
            &format!("the weights of {count} rows in {concepts} concepts"),
        )?;
        let start = KMeansOptions {
            max_iterations: FIRST_ITERATIONS,
            seed: options.seed,
            threads: options.threads,
            ..KMeansOptions::new(concepts)
        };
        let (centres, _) = KMeans::fit(&RowSlice::new(&candidates, columns)?, &start, control)?;
        let mut weights = vec![0.0; concepts * count];
        let mut codes = vec![0.0; concepts];
        for (candidate, row) in candidates.chunks_exact(columns).enumerate() {
            centres.encode(row, &mut codes)?;
            let centre = codes.iter().position(|&code| code > 0.0).unwrap_or(0);
            weights[centre * count + candidate] = 1.0;
        }
        let squares = candidates
            .chunks_exact(columns)
            .map(|row| row.iter().map(|&value| f64::from(value).powi(2)).sum())
            .collect();
        Ok(Self { columns, candidates, squares, weights, _claim: claim })
    }

    /// Scales the weights so that each atom has length 1, and returns the atoms.
    fn dictionary(&mut self, concepts: usize) -> Vec<f64> {
        let (columns, count) = (self.columns, self.squares.len());
        let mut dictionary = vec![0.0; concepts * columns];
        for (atom, weights) in dictionary.chunks_exact_mut(columns).zip(self.weights.chunks_exact_mut(count)) {
            for (candidate, weight) in self.candidates.chunks_exact(columns).zip(&*weights) {
                if *weight > 0.0 {
                    atom.iter_mut().zip(candidate).for_each(|(sum, &value)| *sum += weight * f64::from(value));
                }
            }
            let length = atom.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length > 0.0 {
                atom.iter_mut().for_each(|value| *value /= length);
                weights.iter_mut().for_each(|weight| *weight /= length);
            }
        }
        dictionary
    }

    /// Brings each atom nearer to the best one for the codes and the other atoms, by coordinate descent over its weights: each step is the best
    /// one for its weight.
    fn improve(&mut self, sums: &Sums, before: &[f64]) {
        let (columns, count) = (self.columns, self.squares.len());
        let concepts = before.len() / columns;
        let mut dictionary = before.to_vec();
        // An atom that began anew is a row, and not the sum that its weights were of.
        let mut own = self.dictionary(concepts);
        let mut left = vec![0.0; columns];
        for concept in 0..concepts {
            let products = &sums.with_each_other[concept * concepts..][..concepts];
            let square = products[concept];
            if square <= 0.0 {
                continue;
            }
            // The best atom, less the one that is there.
            let along = &sums.with_columns[concept * columns..][..columns];
            left.iter_mut().zip(along).for_each(|(left, &value)| *left = value / square);
            for (other, atom) in dictionary.chunks_exact(columns).enumerate().filter(|(other, _)| *other != concept) {
                let part = products[other] / square;
                left.iter_mut().zip(atom).for_each(|(left, value)| *left -= part * value);
            }
            let own = &mut own[concept * columns..][..columns];
            left.iter_mut().zip(&*own).for_each(|(left, value)| *left -= value);
            let weights = &mut self.weights[concept * count..][..count];
            let (candidates, squares) = (&self.candidates, &self.squares);
            vectorised(
                #[inline(always)]
                || {
                    sweep(candidates, squares, weights, &mut left, false);
                    (0..SWEEPS).for_each(|_| sweep(candidates, squares, weights, &mut left, true));
                },
            );
            let atom = &mut dictionary[concept * columns..][..columns];
            atom.fill(0.0);
            for (candidate, weight) in self.candidates.chunks_exact(columns).zip(&*weights) {
                if *weight > 0.0 {
                    atom.iter_mut().zip(candidate).for_each(|(sum, &value)| *sum += weight * f64::from(value));
                }
            }
        }
    }
}

/// Improves each weight, or each that is not zero, and takes what it changes from what is left.
#[inline(always)]
fn sweep(candidates: &[f32], squares: &[f64], weights: &mut [f64], left: &mut [f64], some: bool) {
    let rows = candidates.chunks_exact(left.len());
    for ((candidate, &square), weight) in rows.zip(squares).zip(weights) {
        if square <= 0.0 || (some && *weight <= 0.0) {
            continue;
        }
        let next = (*weight + dot(candidate, left) / square).max(0.0);
        let change = next - *weight;
        if change != 0.0 {
            *weight = next;
            left.iter_mut().zip(candidate).for_each(|(left, &value)| *left -= change * f64::from(value));
        }
    }
}

/// The product of a row with values, in eight sums, so that they are computed side by side.
#[inline(always)]
fn dot(row: &[f32], values: &[f64]) -> f64 {
    let ((rows, row), (eights, rest)) = (row.as_chunks::<8>(), values.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (row, values) in rows.iter().zip(eights) {
        for lane in 0..8 {
            sums[lane] += f64::from(row[lane]) * values[lane];
        }
    }
    let rest: f64 = row.iter().zip(rest).map(|(&row, value)| f64::from(row) * value).sum();
    sums.iter().sum::<f64>() + rest
}
