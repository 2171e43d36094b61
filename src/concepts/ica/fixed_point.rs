//! The fixed-point iteration of FastICA over whitened rows.

use faer::{Mat, MatRef};

use super::options::IcaOptions;
use super::whitening::WhiteRows;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{Block, BlockMut, block_transposed_times, decorrelate, times_transposed};
use crate::rows::{Tile, add_across, for_each_tile};

const TILE: usize = FixedPoint::TILE;

/// The iteration over one set of rows.
pub(super) struct FixedPoint<'a> {
    rows: &'a WhiteRows<'a>,
    options: &'a IcaOptions,
    control: &'a Control,
}

/// How the iterations ended.
pub(super) struct Ending {
    /// Whether the last change was below the tolerance.
    pub(super) converged: bool,
    /// How many iterations ran; where components are found one after the other, the most of any component.
    pub(super) iterations: usize,
    /// The change of the last iteration: 1 minus the absolute cosine between a component and the one before.
    pub(super) last_change: f64,
}

/// The expectations of one pass over the rows, for a set of directions.
struct Expectations {
    /// The mean of `g(w x) x`, a row per direction.
    gradient: Mat<f64>,
    /// The mean of `g'(w x)` per direction.
    curvature: Vec<f64>,
}

impl FixedPoint<'_> {
    /// How many rows a thread takes at a time. The matrix product adds within a tile in f32; the sums of tiles are
    /// added in f64.
    pub(super) const TILE: usize = 2048;
}

impl<'a> FixedPoint<'a> {
    pub(super) fn new(rows: &'a WhiteRows<'a>, options: &'a IcaOptions, control: &'a Control) -> Self {
        Self { rows, options, control }
    }

    /// Finds all components at once.
    pub(super) fn parallel(&self, start: &Mat<f64>) -> Result<(Mat<f64>, Ending)> {
        let count = start.nrows();
        let mut unmixing = decorrelate(start.as_ref())?;
        let mut ending = Ending { converged: false, iterations: 0, last_change: f64::INFINITY };
        while !ending.converged && ending.iterations < self.options.max_iterations {
            let found = self.expectations(unmixing.as_ref())?;
            let step = Mat::from_fn(count, count, |row, column| {
                found.gradient[(row, column)] - found.curvature[row] * unmixing[(row, column)]
            });
            let next = decorrelate(step.as_ref())?;
            ending.last_change = (0..count)
                .map(|row| turn((0..count).map(|column| next[(row, column)] * unmixing[(row, column)]).sum()))
                .try_fold(0.0_f64, |most, turn| finite(turn).map(|turn| most.max(turn)))?;
            ending.iterations += 1;
            ending.converged = ending.last_change < self.options.tolerance;
            unmixing = next;
            let counted = self.control.advance(1);
            // A cancel in the last iteration comes too late: the result is complete.
            if !ending.converged {
                counted?;
            }
        }
        Ok((unmixing, ending))
    }

    /// Finds one component after the other.
    pub(super) fn deflation(&self, start: &Mat<f64>) -> Result<(Mat<f64>, Ending)> {
        let count = start.nrows();
        let mut unmixing: Mat<f64> = Mat::zeros(count, count);
        let mut ending = Ending { converged: true, iterations: 0, last_change: 0.0 };
        for component in 0..count {
            self.control.begin(crate::control::Stage::Fit, self.options.max_iterations as u64)?;
            let mut direction: Vec<f64> = (0..count).map(|column| start[(component, column)]).collect();
            normalise(&mut direction);
            let (mut change, mut iterations) = (f64::INFINITY, 0);
            while change >= self.options.tolerance && iterations < self.options.max_iterations {
                let found = self.expectations(MatRef::from_row_major_slice(&direction, 1, count))?;
                let mut next: Vec<f64> = (0..count)
                    .map(|column| found.gradient[(0, column)] - found.curvature[0] * direction[column])
                    .collect();
                remove_projection(&mut next, &unmixing, component);
                normalise(&mut next);
                change = finite(turn(next.iter().zip(&direction).map(|(next, old)| next * old).sum()))?;
                direction = next;
                iterations += 1;
                let counted = self.control.advance(1);
                if change >= self.options.tolerance {
                    counted?;
                }
            }
            ending.iterations = ending.iterations.max(iterations);
            ending.converged &= change < self.options.tolerance;
            ending.last_change = ending.last_change.max(change);
            (0..count).for_each(|column| unmixing[(component, column)] = direction[column]);
        }
        Ok((unmixing, ending))
    }

    /// The sign of each component, 1 or -1, that makes the third moment of its activations positive.
    pub(super) fn skewness_signs(&self, unmixing: &Mat<f64>) -> Result<Vec<f64>> {
        let weights = to_f32(unmixing.as_ref());
        let mut moments = vec![0.0; unmixing.nrows()];
        self.sum(&mut moments, |tile, projections: &mut Vec<f32>| {
            project(tile, &weights, unmixing.ncols(), projections)?;
            let mut moments = vec![0.0; unmixing.nrows()];
            for row in projections.chunks_exact(moments.len()) {
                for (moment, &x) in moments.iter_mut().zip(row) {
                    *moment += f64::from(x) * f64::from(x) * f64::from(x);
                }
            }
            Ok((Vec::new(), moments))
        })?;
        Ok(moments.into_iter().map(|moment| if moment < 0.0 { -1.0 } else { 1.0 }).collect())
    }

    /// Sums over all rows. `map` returns the sums of one tile: first those made in f32, then those made in f64.
    fn sum(
        &self,
        sums: &mut [f64],
        map: impl Fn(Tile<'_>, &mut Vec<f32>) -> Result<(Vec<f32>, Vec<f64>)> + Sync,
    ) -> Result<()> {
        for_each_tile(self.rows, TILE, self.options.threads, self.control, map, |_, (single, double)| {
            let parts = single.into_iter().map(f64::from).chain(double);
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            Ok(())
        })?;
        add_across(self.rows, sums)
    }

    fn expectations(&self, directions: MatRef<'_, f64>) -> Result<Expectations> {
        let (count, width) = (directions.nrows(), directions.ncols());
        let weights = to_f32(directions);
        let mut sums = vec![0.0; count * width + count];
        self.sum(&mut sums, |tile, projections| {
            project(tile, &weights, width, projections)?;
            let mut curvature = vec![0.0; count];
            self.options.contrast.derivatives(projections, &mut curvature);
            let rows = tile.values.len() / width;
            let mut gradient = vec![0.0_f32; count * width];
            let derivatives = Block::whole(projections, rows, count);
            let rows = Block::whole(tile.values, rows, width);
            block_transposed_times(BlockMut::whole(&mut gradient, count, width), derivatives, rows)?;
            Ok((gradient, curvature))
        })?;
        let rows = self.rows.total as f64;
        sums.iter_mut().for_each(|sum| *sum /= rows);
        let gradient = Mat::from_fn(count, width, |row, column| sums[row * width + column]);
        Ok(Expectations { gradient, curvature: sums.split_off(count * width) })
    }
}

/// Projects a tile of rows of that width on the directions `weights`, (directions, width).
fn project(tile: Tile<'_>, weights: &[f32], width: usize, projections: &mut Vec<f32>) -> Result<()> {
    projections.clear();
    projections.resize(tile.values.len() / width * (weights.len() / width), 0.0);
    times_transposed(projections, tile.values, weights, width)
}

/// How far a unit vector has turned, up to its sign: 1 minus the absolute cosine.
fn turn(cosine: f64) -> f64 {
    (cosine.abs() - 1.0).abs()
}

/// Refuses a change that is not finite: `f64::max` ignores NaN, which would then count as no change.
fn finite(change: f64) -> Result<f64> {
    if change.is_finite() {
        return Ok(change);
    }
    Err(Error::new(ErrorCode::InvalidData, format!("the change of an iteration is {change}"))
        .hint("look for values in the rows that are huge, or scale the rows"))
}

fn to_f32(matrix: MatRef<'_, f64>) -> Vec<f32> {
    (0..matrix.nrows()).flat_map(|row| (0..matrix.ncols()).map(move |column| matrix[(row, column)] as f32)).collect()
}

/// Subtracts from a vector its projection on the first `count` rows of an orthonormal matrix.
fn remove_projection(vector: &mut [f64], rows: &Mat<f64>, count: usize) {
    let along: Vec<f64> = (0..count)
        .map(|row| vector.iter().enumerate().map(|(column, value)| value * rows[(row, column)]).sum())
        .collect();
    for (row, along) in along.into_iter().enumerate() {
        vector.iter_mut().enumerate().for_each(|(column, value)| *value -= along * rows[(row, column)]);
    }
}

fn normalise(vector: &mut [f64]) {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}
