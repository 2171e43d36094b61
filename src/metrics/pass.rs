//! What a pass over the rows tells of an explainer: reconstruction and sparsity.

use serde::Serialize;

use super::MetricsOptions;
use crate::concepts::{Codes, Explainer, RowCodes, rows_at_a_time};
use crate::control::Control;
use crate::error::Result;
use crate::rows::{Activations, Tile, for_each_tile};

/// How much of the rows their reconstructions give back. `x` is a row, `y` its reconstruction, and sums are over all rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reconstruction {
    /// The mean of `(x - y)^2` over all values.
    pub mean_squared_error: f64,
    /// The norm of all `x - y` divided by the norm of all `x`.
    pub relative_error: f64,
    /// The fraction of the variance unexplained: the sum of `(x - y)^2` divided by that of `(x - mean)^2`. Rows that are replaced by
    /// their mean have 1.
    pub fraction_of_variance_unexplained: f64,
    /// The mean over the rows of the cosine between `x` and `y`.
    pub cosine: f64,
    /// One minus the fraction of the variance unexplained, of each column; NaN for a column that is constant.
    pub explained_variance: Vec<f64>,
}

/// How many concepts are active, which means that their code is not zero.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sparsity {
    /// The mean number of active concepts of a row, L0.
    pub l0: f64,
    /// The mean sum of the magnitudes of a row's codes, L1.
    pub l1: f64,
    /// How many concepts are active on no row.
    pub dead: usize,
    /// How many concepts are active on more than the share `dense_share` of the rows.
    pub dense: usize,
    /// How many concepts have which density, in half decades; those that are dead are not among them.
    pub density_histogram: Vec<DensityBin>,
    /// The share of the rows on which each concept is active.
    pub densities: Vec<f64>,
    /// Whether a code was negative: then a concept has two poles.
    pub has_negative: bool,
}

/// A bin of the histogram of densities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DensityBin {
    /// The smallest density of the bin.
    pub from: f64,
    /// The density below which it ends; the last bin includes it.
    pub to: f64,
    /// How many concepts have such a density.
    pub count: usize,
}

/// The mean of each column.
pub(super) fn column_means(rows: &Activations, options: &MetricsOptions, control: &Control) -> Result<Vec<f64>> {
    let columns = rows.column_count();
    let mut sums = vec![0.0; columns];
    let add = |tile: Tile<'_>, (): &mut ()| {
        let mut sums = vec![0.0; columns];
        for row in tile.values.chunks_exact(columns) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        Ok(sums)
    };
    for_each_tile(rows, rows_at_a_time(columns), options.threads, control, add, |_, part| {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        Ok(())
    })?;
    let count = rows.row_count() as f64;
    Ok(sums.iter().map(|sum| sum / count).collect())
}

/// What a tile of rows, and then all of them, add up to.
#[derive(Default)]
struct Sums {
    /// `(x - y)^2` of each column.
    errors: Vec<f64>,
    /// `(x - mean)^2` of each column.
    variances: Vec<f64>,
    squares: f64,
    cosines: f64,
    /// How often each concept is active.
    active: Vec<u64>,
    magnitudes: f64,
    has_negative: bool,
}

impl Sums {
    fn add_codes(&mut self, codes: &Codes) {
        self.active = vec![0; codes.concept_count()];
        for row in codes.rows() {
            let mut add = |concept: usize, code: f32| {
                self.active[concept] += u64::from(code != 0.0);
                self.magnitudes += f64::from(code.abs());
                self.has_negative |= code < 0.0;
            };
            match row {
                RowCodes::Dense(codes) => codes.iter().enumerate().for_each(|(concept, code)| add(concept, *code)),
                RowCodes::Sparse(concepts, codes) => {
                    concepts.iter().zip(codes).for_each(|(concept, code)| add(*concept as usize, *code));
                }
            }
        }
    }

    fn add_reconstruction(&mut self, rows: &[f32], reconstructed: &[f32], means: &[f64]) {
        let columns = means.len();
        (self.errors, self.variances) = (vec![0.0; columns], vec![0.0; columns]);
        for (row, other) in rows.chunks_exact(columns).zip(reconstructed.chunks_exact(columns)) {
            let (mut product, mut norm, mut other_norm) = (0.0, 0.0, 0.0);
            for column in 0..columns {
                let (value, other) = (f64::from(row[column]), f64::from(other[column]));
                self.errors[column] += (value - other).powi(2);
                self.variances[column] += (value - means[column]).powi(2);
                product += value * other;
                norm += value * value;
                other_norm += other * other;
            }
            self.squares += norm;
            let norms = (norm * other_norm).sqrt();
            // Two rows that are nothing are the same; one that is nothing has no direction.
            self.cosines += if norms > 0.0 { product / norms } else { f64::from(norm + other_norm <= 0.0) };
        }
    }

    fn add(&mut self, part: Self) {
        let add = |sums: &mut Vec<f64>, part: Vec<f64>| {
            sums.resize(part.len(), 0.0);
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        };
        add(&mut self.errors, part.errors);
        add(&mut self.variances, part.variances);
        self.active.resize(part.active.len(), 0);
        self.active.iter_mut().zip(part.active).for_each(|(sum, part)| *sum += part);
        self.squares += part.squares;
        self.cosines += part.cosines;
        self.magnitudes += part.magnitudes;
        self.has_negative |= part.has_negative;
    }
}

/// Encodes the rows, and decodes them where that is possible.
pub(super) fn measure(
    explainer: &Explainer,
    rows: &Activations,
    means: &[f64],
    options: &MetricsOptions,
    control: &Control,
) -> Result<(Option<Reconstruction>, Sparsity)> {
    let decodes = explainer.output_width() > 0 && !explainer.is_transcoder();
    let add = |tile: Tile<'_>, reconstructed: &mut Vec<f32>| {
        let mut sums = Sums::default();
        sums.add_codes(&explainer.codes_of_rows(tile.first, tile.values)?);
        if decodes {
            reconstructed.resize(tile.values.len(), 0.0);
            explainer.reconstruct(tile.values, reconstructed)?;
            sums.add_reconstruction(tile.values, reconstructed, means);
        }
        Ok(sums)
    };
    let mut sums = Sums::default();
    for_each_tile(rows, rows_at_a_time(explainer.concept_count()), options.threads, control, add, |_, part| {
        sums.add(part);
        Ok(())
    })?;
    let row_count = rows.row_count() as f64;
    let reconstruction = decodes.then(|| {
        let (errors, variances) = (sums.errors.iter().sum::<f64>(), sums.variances.iter().sum::<f64>());
        let unexplained = |(error, variance): (&f64, &f64)| 1.0 - error / variance;
        let explained = sums.errors.iter().zip(&sums.variances).map(unexplained);
        Reconstruction {
            mean_squared_error: errors / (row_count * means.len() as f64),
            relative_error: (errors / sums.squares).sqrt(),
            fraction_of_variance_unexplained: errors / variances,
            cosine: sums.cosines / row_count,
            explained_variance: explained.map(|part| if part.is_finite() { part } else { f64::NAN }).collect(),
        }
    });
    let densities: Vec<f64> = sums.active.iter().map(|count| *count as f64 / row_count).collect();
    let sparsity = Sparsity {
        l0: densities.iter().sum(),
        l1: sums.magnitudes / row_count,
        dead: sums.active.iter().filter(|count| **count == 0).count(),
        dense: densities.iter().filter(|density| **density > options.dense_share).count(),
        density_histogram: histogram(&densities),
        densities,
        has_negative: sums.has_negative,
    };
    Ok((reconstruction, sparsity))
}

/// The densities in half decades, from the smallest that there is up to 1.
fn histogram(densities: &[f64]) -> Vec<DensityBin> {
    let half_decade = |density: f64| ((2.0 * density.log10()).floor() as i32).min(-1);
    let Some(lowest) = densities.iter().filter(|density| **density > 0.0).map(|density| half_decade(*density)).min()
    else {
        return Vec::new();
    };
    let edge = |bin: i32| 10.0_f64.powf(f64::from(bin) / 2.0);
    let mut bins: Vec<DensityBin> =
        (lowest..0).map(|bin| DensityBin { from: edge(bin), to: edge(bin + 1), count: 0 }).collect();
    for density in densities.iter().filter(|density| **density > 0.0) {
        bins[(half_decade(*density) - lowest) as usize].count += 1;
    }
    bins
}
