//! Non-negative matrix factorisation: parts that only add up.
//!
//! Rows are approximated by sums of parts, all of them without negative numbers. Each step has the best codes for the parts, row by row,
//! and then the best parts for the codes, column by column (alternating non-negative least squares; Kim and Park, 2008). A minimum is one
//! of scikit-learn's `NMF`, which ends there more slowly, with codes that are improved a little at a time.

use serde::{Deserialize, Serialize};

use super::backend::Backend;
use super::directions::Directions;
use super::factors::{self, Anew, Coder, Codes, FactorModel, Limits, Parts, Scratch, Sums};
use super::{FitReport, Method};
use crate::control::Control;
use crate::device::DeviceChoice;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{RandomState, check_finite, times_transposed};
use crate::memory::Claim;
use crate::rows::{Reduce, Rows, TILE_ROWS, Tile, add_across, for_each_tile};

/// What codes and parts may be.
const KIND: Codes = Codes { penalty: 0.0, signed: false, ridge: 0.0 };

/// The options of non-negative matrix factorisation.
///
/// ```
/// let options = eidos::NmfOptions { rectify: true, ..eidos::NmfOptions::new(50) };
/// assert_eq!((options.tolerance, options.max_iterations), (1e-4, 200));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NmfOptions {
    /// How many parts to find.
    pub concept_count: usize,
    /// Whether negative values of rows count as zero, when they are fitted and when they are encoded. Otherwise they are an error of
    /// a fit.
    pub rectify: bool,
    /// Iterations stop when one of them lowers the sum of the squared differences by no more than this part of it.
    pub tolerance: f64,
    /// The fit ends after so many iterations, converged or not.
    pub max_iterations: usize,
    /// The seed of the first parts where there are more than directions in the rows. Others do not depend on it.
    pub seed: u32,
    /// How many threads work; 0 means one per core. The result does not depend on it.
    #[serde(skip)]
    pub threads: usize,
}

impl NmfOptions {
    /// Makes the default options for that many parts.
    pub fn new(concept_count: usize) -> Self {
        Self { concept_count, rectify: false, tolerance: 1e-4, max_iterations: 200, seed: 0, threads: 0 }
    }
}

/// Finds parts whose sums approximate rows that have no negative values (Lee & Seung, 1999), such as those behind a ReLU.
///
/// Each part, a row of the dictionary, has length 1. The codes of a row are those without negative numbers for which the sum of the
/// parts is nearest to it; most are zero, and they are found anew for each row, so they depend on nothing else. The first parts are those
/// of `NNDSVDa` (Boutsidis & Gallopoulos, 2008), as in scikit-learn. The report measures `reconstruction_error`, the root of the sum
/// of the squared differences (Frobenius norm), `relative_error`, its share of the norm of the rows, and `mean_nonzero_codes`.
///
/// Memory: a few matrices of `columns^2` values of 8 bytes; per thread three times the sums of a pass, `concepts (concepts + columns)`
/// values of 8 bytes, and a tile of 1024 rows; a sample of 8192 rows, or of 8 for each part. No codes are kept.
///
/// Errors: [`ErrorCode::InvalidData`] naming the row and column of a value that is negative or not finite;
/// [`ErrorCode::InvalidArgument`] for options that are out of range; [`ErrorCode::OutOfMemory`]; [`ErrorCode::Cancelled`].
///
/// ```
/// use eidos::{Activations, Control, Explainer, Nmf, NmfOptions};
/// let activations = Activations::from_rows(vec![1.0, 0.0, 2.0, 0.0, 0.0, 3.0], 2, None)?;
/// let explainer = Explainer::fit::<Nmf>(&activations, &NmfOptions::new(2), &Control::new())?;
/// assert!(explainer.report().measure("relative_error")[0] < 1e-6);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct Nmf;

impl Method for Nmf {
    const NAME: &'static str = "nmf";
    type Options = NmfOptions;
    type Model = FactorModel;

    fn placement(options: &NmfOptions) -> (DeviceChoice, usize) {
        (DeviceChoice::Cpu, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &NmfOptions, control: &Control) -> Result<(FactorModel, FitReport)> {
        let NmfOptions { concept_count: concepts, rectify, tolerance, max_iterations, threads, .. } = *options;
        let limits = Limits { tolerance, max_iterations, threads };
        limits.check(concepts, rows)?;
        let columns = rows.column_count();
        let _claim = limits.claim(concepts, columns)?;
        let rows = &NonNegative { rows, rectify };
        let first = Coder::new(first_parts(rows, options, control)?, columns, KIND)?;
        let (coder, report) = factors::alternate(rows, first, limits, control, Anew::PositiveRest, |sums, before| {
            Ok(best_parts(sums, before, columns))
        })?;
        let dictionary = coder.dictionary.iter().map(|&value| value as f32).collect();
        let parts = Parts { dictionary, columns, kind: KIND, rectified: rectify };
        Ok((FactorModel::new(Self::NAME, parts)?, report))
    }
}

/// The best parts for codes: for each column those without negative numbers. A part that no row has stays.
fn best_parts(sums: &Sums, before: &[f64], columns: usize) -> Vec<f64> {
    let concepts = before.len() / columns;
    let products: Vec<f64> =
        (0..before.len()).map(|index| sums.with_columns[index % concepts * columns + index / concepts]).collect();
    let (mut values, mut parts) = (vec![0.0; before.len()], before.to_vec());
    KIND.solve(&sums.with_each_other, &products, &mut values, concepts, &mut Scratch::default());
    for (column, values) in values.chunks_exact(concepts).enumerate() {
        for (concept, &value) in values.iter().enumerate() {
            if sums.with_each_other[concept * (concepts + 1)] > 0.0 {
                parts[concept * columns + column] = value;
            }
        }
    }
    factors::normalise(&mut parts, columns);
    parts
}

/// The first parts: those of NNDSVDa, and random ones where the rows have fewer directions than there are parts.
fn first_parts(rows: &NonNegative<'_>, options: &NmfOptions, control: &Control) -> Result<Vec<f64>> {
    let (concepts, columns) = (options.concept_count, rows.column_count());
    let found = Directions::about_zero(rows, 0, &Backend::Cpu { threads: options.threads }, control)?;
    let bound = found.squares[0].max(0.0) * found.row_count.max(columns) as f64 * f64::EPSILON;
    let known = found.squares.iter().take(concepts).take_while(|&&square| square > bound).count();
    let _claim = Claim::of(
        known.saturating_mul(columns.saturating_add(2 * TILE_ROWS)).saturating_mul(size_of::<f64>()),
        "the first parts",
    )?;
    // The directions as rows, and the squared lengths of the positive and the negative codes along each.
    let directions: Vec<f64> =
        (0..known * columns).map(|index| found.vectors[(index % columns, index / columns)]).collect();
    let mut lengths = vec![0.0; 2 * known];
    let map = |tile: Tile<'_>, (wide, codes): &mut (Vec<f64>, Vec<f64>)| -> Result<Vec<f64>> {
        wide.clear();
        wide.extend(tile.values.iter().map(|&value| f64::from(value)));
        codes.resize(wide.len() / columns * known, 0.0);
        let mut part = vec![0.0; 2 * known];
        if known > 0 {
            times_transposed(codes, wide, &directions, columns)?;
            for codes in codes.chunks_exact(known) {
                for (code, lengths) in codes.iter().zip(part.as_chunks_mut::<2>().0) {
                    lengths[usize::from(*code < 0.0)] += code * code;
                }
            }
        }
        Ok(part)
    };
    for_each_tile(rows, TILE_ROWS, options.threads, control, map, |_, part| {
        lengths.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        Ok(())
    })?;
    add_across(rows, &mut lengths)?;

    let mean = found.mean.iter().sum::<f64>() / columns as f64;
    let mut parts = Vec::with_capacity(concepts * columns);
    for (concept, direction) in directions.chunks_exact(columns).enumerate() {
        let [positive, negative] = [lengths[2 * concept].sqrt(), lengths[2 * concept + 1].sqrt()];
        let length = |sign: f64| direction.iter().map(|value| (sign * value).max(0.0).powi(2)).sum::<f64>().sqrt();
        let (up, down) = (positive * length(1.0), negative * length(-1.0));
        // The first direction has one sign. Of the others the half counts that explains more.
        let sign = if up >= down { 1.0 } else { -1.0 };
        let (strength, length) = (up.max(down).sqrt(), length(sign));
        // Small values and zeros become the mean, so that they can grow; the bound is scikit-learn's.
        let part = direction.iter().map(|value| {
            let value = if concept == 0 {
                found.squares[0].powf(0.25) * value.abs()
            } else {
                strength * (sign * value).max(0.0) / length
            };
            if value < 1e-6 { mean } else { value }
        });
        parts.extend(part);
    }
    let mut random = RandomState::new(options.seed);
    let scale = (mean / concepts as f64).sqrt();
    parts.extend((0..(concepts - known) * columns).map(|_| scale * random.normal().abs()));
    factors::normalise(&mut parts, columns);
    Ok(parts)
}

/// Rows without negative values: they count as zero, or are an error.
struct NonNegative<'a> {
    rows: &'a dyn Rows,
    rectify: bool,
}

impl Rows for NonNegative<'_> {
    fn row_count(&self) -> usize {
        self.rows.row_count()
    }

    fn column_count(&self) -> usize {
        self.rows.column_count()
    }

    /// The rows as they are: passes read tiles.
    fn run(&self, first: usize) -> &[f32] {
        self.rows.run(first)
    }

    fn reduce(&self) -> Option<&dyn Reduce> {
        self.rows.reduce()
    }

    fn tile<'a>(&'a self, first: usize, count: usize, scratch: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        let columns = self.column_count();
        if !self.rectify {
            let values = self.rows.tile(first, count, scratch)?;
            let Some(place) = values.iter().position(|&value| value < 0.0) else { return Ok(values) };
            check_finite(values, columns, first)?;
            let (row, column, value) = (first + place / columns, place % columns, values[place]);
            return Err(Error::new(
                ErrorCode::InvalidData,
                format!("row {row} has the negative value {value} in column {column}"),
            )
            .hint("set `rectify` to true, so that negative values count as zero; or use a method that takes them, such as semi-NMF or ICA")
            .detail("row", row)
            .detail("column", column));
        }
        let mut whole = std::mem::take(scratch);
        let values = self.rows.tile(first, count, &mut whole)?;
        // What was borrowed is copied; what was copied is copied once more, into the buffer that is returned.
        let rectified: Vec<f32> = values.iter().map(|&value| if value < 0.0 { 0.0 } else { value }).collect();
        *scratch = rectified;
        Ok(scratch)
    }
}
