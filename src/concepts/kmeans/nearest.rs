//! Squared distances of rows to centres.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use crate::error::Result;
use crate::linalg::{times_transposed, vectorised};

/// Centres, prepared to be compared with rows.
#[derive(Debug)]
pub(super) struct Nearest {
    columns: usize,
    /// The mean of the centres. Distances are computed from there, so that a large mean of the rows costs no precision.
    pub(super) origin: Vec<f64>,
    /// The centres from there, (centres, columns).
    pub(super) centres: Vec<f64>,
    /// The squared length of each.
    pub(super) squares: Vec<f64>,
}

/// What is computed of a tile of rows.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    rows: Vec<f64>,
    distances: Vec<f64>,
}

impl Nearest {
    /// Prepares centres, (centres, columns).
    pub(super) fn new(centres: &[f64], columns: usize) -> Self {
        let count = centres.len() / columns;
        let mut origin = vec![0.0; columns];
        for centre in centres.chunks_exact(columns) {
            origin.iter_mut().zip(centre).for_each(|(sum, value)| *sum += value / count as f64);
        }
        let centres: Vec<f64> = centres.iter().zip(origin.iter().cycle()).map(|(value, mean)| value - mean).collect();
        let squares = centres.chunks_exact(columns).map(square).collect();
        Self { columns, origin, centres, squares }
    }

    pub(super) fn count(&self) -> usize {
        self.squares.len()
    }

    /// The squared distances of rows to all centres, (rows, centres). Those of a row have the same bits whatever the others are.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub(super) fn distances<'a>(&self, rows: &[f32], scratch: &'a mut Scratch) -> Result<&'a mut [f64]> {
        let (columns, count) = (self.columns, self.count());
        scratch.rows.resize(rows.len(), 0.0);
        scratch.distances.resize(rows.len() / columns * count, 0.0);
        let Scratch { rows: moved, distances } = scratch;
        vectorised(
            #[inline(always)]
            || {
                for (row, moved) in rows.chunks_exact(columns).zip(moved.chunks_exact_mut(columns)) {
                    for ((moved, &value), mean) in moved.iter_mut().zip(row).zip(&self.origin) {
                        *moved = f64::from(value) - mean;
                    }
                }
            },
        );
        times_transposed(distances, moved, &self.centres, columns)?;
        for (row, distances) in moved.chunks_exact(columns).zip(distances.chunks_exact_mut(count)) {
            let length = square(row);
            for (distance, square) in distances.iter_mut().zip(&self.squares) {
                // Rounding can make it negative where the row is the centre.
                *distance = (length - 2.0 * *distance + square).max(0.0);
            }
        }
        Ok(distances)
    }
}

/// The sum of the squares of some values, in an order of its own that depends on nothing but their number.
pub(super) fn square(values: &[f64]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            let (blocks, rest) = values.as_chunks::<8>();
            let mut sums = [0.0; 8];
            for block in blocks {
                sums.iter_mut().zip(block).for_each(|(sum, value)| *sum += value * value);
            }
            sums.iter().sum::<f64>() + rest.iter().map(|value| value * value).sum::<f64>()
        },
    )
}

/// The place of the smallest value; the first of several.
pub(super) fn least(values: &[f64]) -> (usize, f64) {
    values.iter().copied().enumerate().fold(
        (0, f64::INFINITY),
        |least, (place, value)| {
            if value < least.1 { (place, value) } else { least }
        },
    )
}
