//! Picard-O: the independent components as the extreme point of the contrast on orthogonal matrices, found by L-BFGS with
//! an approximate Hessian as preconditioner (P. Ablin, J.-F. Cardoso, A. Gramfort, "Faster ICA under orthogonal constraint",
//! ICASSP 2018).
//!
//! Each component has a sign, that of its non-Gaussianity: the contrast is made large for heavy tails and small for light ones. So
//! the fixed points are those of FastICA. A step turns the unmixing matrix by the exponential of an
//! antisymmetric direction.
//!
//! An iteration reads the rows once, like one of FastICA, and once more for each step that was too long. Whether it was is
//! told by the slope at its end, which comes with the gradient: near the solution the contrast itself changes less than
//! its rounding in f32 (the approximate Wolfe conditions of W. Hager and H. Zhang, 2005).

use std::collections::VecDeque;

use faer::Mat;

use super::iterations::{Ending, Iterations};
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{decorrelate, product};

/// How many steps the approximation of the Hessian remembers.
const MEMORY: usize = 7;

/// How many square matrices there are at most: those of the steps remembered, of two points, and of an exponential.
pub(super) const MATRICES: usize = 2 * MEMORY + 14;

/// The least value of the approximate Hessian: smaller ones, and negative ones away from the solution, would make steps too long.
const LEAST_CURVATURE: f64 = 0.01;

/// The slope at the end of a step, relative to that at its beginning, from which on the step is too long.
const STEEPEST: f64 = 0.8;

/// How far a step turns a component at most, in radians: far from the solution, longer ones end anywhere.
const LONGEST: f64 = 0.8;

/// How often a step is shortened, before the direction is given up.
const TRIES: usize = 8;

/// What one pass over the rows says about an unmixing matrix.
struct Point {
    unmixing: Mat<f64>,
    /// The sign of each component: 1 for heavy tails, -1 for light ones.
    signs: Vec<f64>,
    /// The gradient for turning the components, antisymmetric.
    gradient: Mat<f64>,
    /// The approximate second derivative for turning each pair of components, symmetric.
    hessian: Mat<f64>,
}

impl Point {
    /// The largest entry of the gradient.
    fn norm(&self) -> Result<f64> {
        let size = self.gradient.nrows();
        let entries = (0..size * size).map(|index| self.gradient[(index / size, index % size)].abs());
        let norm = entries.fold(0.0, |most: f64, entry| if entry > most || entry.is_nan() { entry } else { most });
        if norm.is_finite() {
            return Ok(norm);
        }
        Err(Error::new(ErrorCode::InvalidData, format!("the gradient of an iteration is {norm}"))
            .hint("look for values in the rows that are huge, or scale the rows"))
    }

    /// The preconditioned direction of steepest descent for a gradient.
    fn precondition(&self, gradient: &Mat<f64>) -> Mat<f64> {
        let size = gradient.nrows();
        Mat::from_fn(size, size, |row, column| gradient[(row, column)] / self.hessian[(row, column)])
    }
}

/// A step, how the gradient changed along it, and the product of both.
struct Pair {
    step: Mat<f64>,
    change: Mat<f64>,
    along: f64,
}

impl Iterations<'_> {
    /// Finds all components at once with Picard-O.
    pub(super) fn picard_o(&self, start: &Mat<f64>) -> Result<(Mat<f64>, Ending)> {
        let mut passes = 1;
        let mut point = self.point(decorrelate(start.as_ref())?)?;
        let mut memory: VecDeque<Pair> = VecDeque::new();
        let mut iterations = 0;
        loop {
            let norm = point.norm()?;
            let converged = norm < self.options.tolerance;
            if converged || iterations == self.options.max_iterations {
                return ended(&point, Ending { converged, iterations, last_change: norm, passes });
            }
            let mut found = self.step(&point, direction(&point, &memory), &mut passes)?;
            if found.is_none() && !memory.is_empty() {
                memory.clear();
                found = self.step(&point, direction(&point, &memory), &mut passes)?;
            }
            let Some((next, step)) = found else {
                // No step along the gradient goes down any more: it is rounding.
                return ended(&point, Ending { converged, iterations, last_change: norm, passes });
            };
            iterations += 1;
            if next.signs == point.signs {
                let change = &next.gradient - &point.gradient;
                let along = inner(&step, &change);
                // Where the contrast bends the wrong way, a pair would turn directions uphill.
                if along > 0.0 {
                    memory.push_back(Pair { step, change, along });
                }
                if memory.len() > MEMORY {
                    memory.pop_front();
                }
            } else {
                // Another contrast, of which nothing is known yet.
                memory.clear();
            }
            point = next;
            self.advance(&point)?;
        }
    }

    /// Counts an iteration. A cancel in the last one comes too late: the result is complete.
    fn advance(&self, point: &Point) -> Result<()> {
        let counted = self.control.advance(1);
        if point.norm()? < self.options.tolerance { Ok(()) } else { counted }
    }

    /// Goes along a direction, shorter each time until the slope at the end says that the step was not too long. Returns
    /// where it ended and the step; `None` where there is no such step.
    fn step(&self, point: &Point, mut step: Mat<f64>, passes: &mut usize) -> Result<Option<(Point, Mat<f64>)>> {
        for _ in 0..TRIES {
            let slope = inner(&point.gradient, &step);
            if slope >= 0.0 {
                return Ok(None);
            }
            let turned = product(exponential(&step)?.as_ref(), point.unmixing.as_ref())?;
            let next = self.point(turned)?;
            *passes += 1;
            let end = inner(&next.gradient, &step);
            // Components of another sign have another contrast, whose slope says nothing about this one.
            if next.signs != point.signs || end <= -STEEPEST * slope {
                return Ok(Some((next, step)));
            }
            // Where the slope of a parabola is zero.
            let factor = (slope / (slope - end)).clamp(0.1, 0.5);
            step = Mat::from_fn(step.nrows(), step.ncols(), |row, column| factor * step[(row, column)]);
        }
        Ok(None)
    }

    fn point(&self, unmixing: Mat<f64>) -> Result<Point> {
        let size = unmixing.nrows();
        let found = self.expectations(unmixing.as_ref())?;
        // The mean of `g(y_i) y_j`.
        let moments = product(found.gradient.as_ref(), unmixing.transpose())?;
        let signs: Vec<f64> =
            (0..size).map(|row| if found.curvature[row] < moments[(row, row)] { -1.0 } else { 1.0 }).collect();
        let half = |row: usize, column: usize| signs[row] * moments[(row, column)] / 2.0;
        let gradient = Mat::from_fn(size, size, |row, column| half(row, column) - half(column, row));
        let excess = |row: usize| signs[row] * (found.curvature[row] - moments[(row, row)]) / 2.0;
        let hessian = Mat::from_fn(size, size, |row, column| (excess(row) + excess(column)).max(LEAST_CURVATURE));
        Ok(Point { unmixing, signs, gradient, hessian })
    }
}

/// The result of a fit. Many products leave the matrix orthogonal up to their rounding, which is taken away.
fn ended(point: &Point, ending: Ending) -> Result<(Mat<f64>, Ending)> {
    Ok((decorrelate(point.unmixing.as_ref())?, ending))
}

/// The direction of L-BFGS, which begins with the approximate Hessian.
fn direction(point: &Point, memory: &VecDeque<Pair>) -> Mat<f64> {
    let mut left = point.gradient.clone();
    let mut factors = Vec::with_capacity(memory.len());
    for pair in memory.iter().rev() {
        let factor = inner(&pair.step, &left) / pair.along;
        add(&mut left, -factor, &pair.change);
        factors.push(factor);
    }
    let mut direction = point.precondition(&left);
    for (pair, factor) in memory.iter().zip(factors.into_iter().rev()) {
        let found = inner(&pair.change, &direction) / pair.along;
        add(&mut direction, factor - found, &pair.step);
    }
    let turn = |row: usize| (0..direction.ncols()).map(|column| direction[(row, column)].powi(2)).sum::<f64>().sqrt();
    let longest = (0..direction.nrows()).map(turn).fold(0.0, f64::max);
    let scale = if longest > LONGEST { LONGEST / longest } else { 1.0 };
    Mat::from_fn(direction.nrows(), direction.ncols(), |row, column| -scale * direction[(row, column)])
}

/// The sum of the products of the entries of two matrices.
fn inner(left: &Mat<f64>, right: &Mat<f64>) -> f64 {
    (0..left.ncols())
        .flat_map(|column| (0..left.nrows()).map(move |row| (row, column)))
        .map(|place| left[place] * right[place])
        .sum()
}

fn add(total: &mut Mat<f64>, factor: f64, matrix: &Mat<f64>) {
    for column in 0..total.ncols() {
        for row in 0..total.nrows() {
            total[(row, column)] += factor * matrix[(row, column)];
        }
    }
}

/// The exponential of a square matrix: the Taylor series of a fraction of it, squared as often as it was halved.
fn exponential(matrix: &Mat<f64>) -> Result<Mat<f64>> {
    let size = matrix.nrows();
    let row_sum = |row: usize| (0..size).map(|column| matrix[(row, column)].abs()).sum::<f64>();
    let norm = (0..size).map(row_sum).fold(0.0, f64::max);
    // Below a norm of 1/2, fourteen terms leave less than the rounding.
    let halvings = if norm > 0.5 { (2.0 * norm).log2().ceil().min(1000.0) as i32 } else { 0 };
    let scale = 0.5_f64.powi(halvings);
    let scaled = Mat::from_fn(size, size, |row, column| scale * matrix[(row, column)]);

    let mut sum = Mat::<f64>::identity(size, size);
    for term in (1..=14).rev() {
        let next = product(scaled.as_ref(), sum.as_ref())?;
        sum = Mat::from_fn(size, size, |row, column| {
            next[(row, column)] / f64::from(term) + if row == column { 1.0 } else { 0.0 }
        });
    }
    for _ in 0..halvings {
        sum = product(sum.as_ref(), sum.as_ref())?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_of_an_antisymmetric_matrix_is_a_rotation() {
        for angle in [0.0, 1e-9, 0.3, 2.0, 40.0_f64] {
            let mut matrix = Mat::<f64>::zeros(3, 3);
            (matrix[(0, 2)], matrix[(2, 0)]) = (-angle, angle);
            let found = exponential(&matrix).unwrap();
            let expected = [[angle.cos(), 0.0, -angle.sin()], [0.0, 1.0, 0.0], [angle.sin(), 0.0, angle.cos()]];
            for (row, expected) in expected.iter().enumerate() {
                for (column, expected) in expected.iter().enumerate() {
                    assert!((found[(row, column)] - expected).abs() < 1e-12, "{angle} {found:?}");
                }
            }
        }
    }
}
