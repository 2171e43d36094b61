//! The fixed-point iteration of FastICA over whitened rows.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use super::options::IcaOptions;
use super::whitening::WhiteRows;
use crate::concepts::FitReport;
use crate::control::Control;
use crate::error::Result;
use crate::linalg::{decorrelate, times_transposed};
use crate::parallel::in_order;

/// How many rows a thread takes at a time: sums within a tile are made in f32 by the matrix product, sums of tiles in f64.
const TILE: usize = 2048;

/// The iteration over one set of rows.
pub(super) struct FixedPoint<'a> {
    rows: &'a WhiteRows,
    options: &'a IcaOptions,
    control: &'a Control,
}

/// What one pass over the rows gives for a set of directions.
struct Expectations {
    /// The mean of `g(w x) x`, a row per direction.
    gradient: Mat<f64>,
    /// The mean of `g'(w x)` per direction.
    curvature: Vec<f64>,
}

impl<'a> FixedPoint<'a> {
    pub(super) fn new(rows: &'a WhiteRows, options: &'a IcaOptions, control: &'a Control) -> Self {
        Self { rows, options, control }
    }

    /// All components at once.
    pub(super) fn parallel(&self, start: &Mat<f64>) -> Result<(Mat<f64>, FitReport)> {
        let count = start.nrows();
        let mut unmixing = decorrelate(start.as_ref())?;
        let mut report = FitReport { converged: false, iterations: 0, last_change: f64::INFINITY };
        while !report.converged && report.iterations < self.options.max_iterations {
            let found = self.expectations(unmixing.as_ref())?;
            let step = Mat::from_fn(count, count, |row, column| {
                found.gradient[(row, column)] - found.curvature[row] * unmixing[(row, column)]
            });
            let next = decorrelate(step.as_ref())?;
            report.last_change = (0..count)
                .map(|row| turn((0..count).map(|column| next[(row, column)] * unmixing[(row, column)]).sum()))
                .fold(0.0, f64::max);
            report.iterations += 1;
            report.converged = report.last_change < self.options.tolerance;
            unmixing = next;
            let counted = self.control.advance(1);
            // Who cancels now comes too late: this was the last iteration.
            if !report.converged {
                counted?;
            }
        }
        Ok((unmixing, report))
    }

    /// One component after the other.
    pub(super) fn deflation(&self, start: &Mat<f64>) -> Result<(Mat<f64>, FitReport)> {
        let count = start.nrows();
        let mut unmixing: Mat<f64> = Mat::zeros(count, count);
        let mut report = FitReport { converged: true, iterations: 0, last_change: 0.0 };
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
                remove(&mut next, &unmixing, component);
                normalise(&mut next);
                change = turn(next.iter().zip(&direction).map(|(next, old)| next * old).sum());
                direction = next;
                iterations += 1;
                let counted = self.control.advance(1);
                if change >= self.options.tolerance {
                    counted?;
                }
            }
            report.iterations = report.iterations.max(iterations);
            report.converged &= change < self.options.tolerance;
            report.last_change = report.last_change.max(change);
            (0..count).for_each(|column| unmixing[(component, column)] = direction[column]);
        }
        Ok((unmixing, report))
    }

    /// For each component, 1 or -1: the sign that makes the third moment of its activations positive.
    pub(super) fn heavy_tails(&self, unmixing: &Mat<f64>) -> Result<Vec<f64>> {
        let mut moments = vec![0.0; unmixing.nrows()];
        let weights = to_f32(unmixing.as_ref());
        let work = |tile: usize, projections: &mut Vec<f32>| {
            self.project(tile, &weights, projections);
            let mut moments = vec![0.0; weights.len() / self.rows.width];
            for row in projections.chunks_exact(moments.len()) {
                for (moment, &x) in moments.iter_mut().zip(row) {
                    *moment += f64::from(x) * f64::from(x) * f64::from(x);
                }
            }
            Ok(moments)
        };
        in_order(self.tiles(), self.options.threads, self.control, work, |_, part| {
            moments.iter_mut().zip(part).for_each(|(moment, part)| *moment += part);
            Ok(())
        })?;
        Ok(moments.into_iter().map(|moment| if moment < 0.0 { -1.0 } else { 1.0 }).collect())
    }

    fn tiles(&self) -> usize {
        self.rows.count().div_ceil(TILE)
    }

    fn tile(&self, tile: usize) -> &[f32] {
        let begin = tile * TILE * self.rows.width;
        &self.rows.values[begin..self.rows.values.len().min(begin + TILE * self.rows.width)]
    }

    /// The projections of a tile of rows on the directions `weights`, (directions, width).
    fn project(&self, tile: usize, weights: &[f32], projections: &mut Vec<f32>) {
        let rows = self.tile(tile);
        projections.clear();
        projections.resize(rows.len() / self.rows.width * (weights.len() / self.rows.width), 0.0);
        times_transposed(projections, rows, weights, self.rows.width);
    }

    fn expectations(&self, directions: MatRef<'_, f64>) -> Result<Expectations> {
        let (count, width) = (directions.nrows(), self.rows.width);
        let weights = to_f32(directions);
        let work = |tile: usize, projections: &mut Vec<f32>| {
            self.project(tile, &weights, projections);
            let mut curvature = vec![0.0; count];
            self.options.contrast.derivatives(projections, &mut curvature);
            let rows = self.tile(tile);
            let derivatives = MatRef::from_row_major_slice(projections, rows.len() / width, count);
            let mut gradient = vec![0.0_f32; count * width];
            matmul(
                MatMut::from_row_major_slice_mut(&mut gradient, count, width),
                Accum::Replace,
                derivatives.transpose(),
                MatRef::from_row_major_slice(rows, rows.len() / width, width),
                1.0,
                Par::Seq,
            );
            Ok((gradient, curvature))
        };
        let mut gradient = Mat::zeros(count, width);
        let mut curvature = vec![0.0; count];
        in_order(
            self.tiles(),
            self.options.threads,
            self.control,
            work,
            |_, (part, curvatures): (Vec<f32>, Vec<f64>)| {
                for (index, value) in part.into_iter().enumerate() {
                    gradient[(index / width, index % width)] += f64::from(value);
                }
                curvature.iter_mut().zip(curvatures).for_each(|(sum, part)| *sum += part);
                Ok(())
            },
        )?;
        let rows = self.rows.count() as f64;
        (0..count).for_each(|row| (0..width).for_each(|column| gradient[(row, column)] /= rows));
        curvature.iter_mut().for_each(|sum| *sum /= rows);
        Ok(Expectations { gradient, curvature })
    }
}

/// How far a unit vector has turned, up to its sign: 1 minus the size of the cosine.
fn turn(cosine: f64) -> f64 {
    (cosine.abs() - 1.0).abs()
}

fn to_f32(matrix: MatRef<'_, f64>) -> Vec<f32> {
    (0..matrix.nrows()).flat_map(|row| (0..matrix.ncols()).map(move |column| matrix[(row, column)] as f32)).collect()
}

/// Removes from a vector what lies along the first `count` rows of an orthonormal matrix.
fn remove(vector: &mut [f64], rows: &Mat<f64>, count: usize) {
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
