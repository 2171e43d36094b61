//! The iterations over whitened rows, and the fixed-point iteration of FastICA.

use faer::{Mat, MatRef};

use super::options::IcaOptions;
use super::passes::Passes;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::decorrelate;
use crate::rows::{Rows, add_across};

/// Iterations over one set of rows.
pub(super) struct Iterations<'a> {
    /// The whitened rows of this process.
    pub(super) white: &'a dyn Passes,
    /// The rows that were whitened, whose sums are added across processes.
    pub(super) rows: &'a dyn Rows,
    /// The number of rows in all processes together.
    pub(super) total: usize,
    pub(super) options: &'a IcaOptions,
    pub(super) control: &'a Control,
}

/// How the iterations ended.
pub(super) struct Ending {
    /// Whether the last change was below the tolerance.
    pub(super) converged: bool,
    /// How many iterations ran; where components are found one after the other, the most of any component.
    pub(super) iterations: usize,
    /// The change of the last iteration: 1 minus the absolute cosine between a component and the one before. For Picard-O,
    /// the largest entry of the gradient.
    pub(super) last_change: f64,
    /// How often all rows were read.
    pub(super) passes: usize,
}

/// The expectations of one pass over the rows, for a set of directions.
pub(super) struct Expectations {
    /// The mean of `g(w x) x`, a row per direction.
    pub(super) gradient: Mat<f64>,
    /// The mean of `g'(w x)` per direction.
    pub(super) curvature: Vec<f64>,
}

impl Iterations<'_> {
    /// Finds all components at once.
    pub(super) fn parallel(&self, start: &Mat<f64>) -> Result<(Mat<f64>, Ending)> {
        let count = start.nrows();
        let mut unmixing = decorrelate(start.as_ref())?;
        let mut ending = Ending { converged: false, iterations: 0, last_change: f64::INFINITY, passes: 0 };
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
            ending.passes += 1;
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
        let mut ending = Ending { converged: true, iterations: 0, last_change: 0.0, passes: 0 };
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
                ending.passes += 1;
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
        let mut moments = self.white.cubes(unmixing.as_ref(), self.control)?;
        add_across(self.rows, &mut moments)?;
        Ok(moments.into_iter().map(|moment| if moment < 0.0 { -1.0 } else { 1.0 }).collect())
    }

    pub(super) fn expectations(&self, directions: MatRef<'_, f64>) -> Result<Expectations> {
        let (count, width) = (directions.nrows(), directions.ncols());
        let mut sums = self.white.derivatives(directions, self.options.contrast, self.control)?;
        add_across(self.rows, &mut sums)?;
        let rows = self.total as f64;
        sums.iter_mut().for_each(|sum| *sum /= rows);
        let gradient = Mat::from_fn(count, width, |row, column| sums[row * width + column]);
        Ok(Expectations { gradient, curvature: sums.split_off(count * width) })
    }
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
