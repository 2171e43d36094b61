//! The largest principal directions alone, by iterations from random ones (Halko, Martinsson & Tropp, 2011).
//!
//! A pass over the rows multiplies some directions by the covariance, which is never made: for many columns and few directions that is less
//! memory and work than the covariance and its eigenvectors.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use faer::{Mat, MatRef};

use super::directions::{Directions, check_rank};
use crate::control::{Control, Stage};
use crate::error::Result;
use crate::linalg::{
    Block, BlockMut, RandomState, block_transposed_times, product, symmetric_eigen, times_transposed, vectorised,
};
use crate::memory::Claim;
use crate::rows::{Rows, Tile, add_across, for_each_tile, means, total_row_count};
use crate::threads::thread_count;

/// How many directions more than wanted are followed, scikit-learn's `n_oversamples`.
const MORE: usize = 10;

/// How many rows are multiplied at a time.
const TILE: usize = 512;

impl Directions {
    /// Finds as many directions as there are concepts, and the sum of the squares of all centred rows. Each pass brings directions
    /// nearer to the true ones by the ratio of the variances behind and before the last one.
    ///
    /// # Errors
    /// Those of [`Directions::of`].
    pub(super) fn leading(
        rows: &dyn Rows,
        concepts: usize,
        passes: usize,
        seed: u32,
        threads: usize,
        control: &Control,
    ) -> Result<(Self, f64)> {
        let columns = rows.column_count();
        let count = (concepts + MORE).min(columns);
        // The directions and their products, and for each thread three parts of them and a tile.
        let each = count.saturating_mul(columns).saturating_mul(size_of::<f64>());
        let tiles = TILE.saturating_mul(columns + count).saturating_mul(size_of::<f64>());
        let bytes = each.saturating_mul(4).saturating_add((3 * each + tiles).saturating_mul(thread_count(threads)));
        let _claim = Claim::of(bytes, &format!("{count} directions of {columns} columns"))?;

        let all = total_row_count(rows)?;
        control.begin(Stage::Covariance, (rows.row_count() as u64).saturating_mul(passes as u64 + 2))?;
        let (_, mean) = means(rows, TILE, threads, control)?;
        let mut random = RandomState::new(seed);
        let mut directions: Vec<f64> = (0..count * columns).map(|_| random.normal()).collect();
        orthonormalise(&mut directions, columns);
        let mut multiplied = Multiplied::of(rows, &directions, &mean, threads, control)?;
        for _ in 0..passes {
            directions.copy_from_slice(&multiplied.directions);
            orthonormalise(&mut directions, columns);
            multiplied = Multiplied::of(rows, &directions, &mean, threads, control)?;
        }

        // Of the plane of the directions, those along which the rows vary most.
        let mut within = vec![0.0; count * count];
        times_transposed(&mut within, &multiplied.directions, &directions, columns)?;
        let symmetric = Mat::from_fn(count, count, |row, column| {
            f64::midpoint(within[row * count + column], within[column * count + row])
        });
        let (squares, eigenvectors) = symmetric_eigen(symmetric.as_ref())?;
        check_rank(&squares, concepts, all, columns, "vary in")?;
        let vectors =
            product(MatRef::from_row_major_slice(&directions, count, columns).transpose(), eigenvectors.as_ref())?;
        Ok((Self { row_count: all, mean, squares, vectors }, multiplied.squares))
    }
}

/// Directions multiplied by the covariance of the rows, times their number.
struct Multiplied {
    directions: Vec<f64>,
    /// The sum of the squares of the centred rows.
    squares: f64,
}

impl Multiplied {
    /// Reads the rows once.
    fn of(rows: &dyn Rows, directions: &[f64], mean: &[f64], threads: usize, control: &Control) -> Result<Self> {
        let columns = mean.len();
        let count = directions.len() / columns;
        let mut sums = vec![0.0; directions.len() + 1];
        let map = |tile: Tile<'_>, (centred, along): &mut (Vec<f64>, Vec<f64>)| -> Result<Vec<f64>> {
            centred.resize(tile.values.len(), 0.0);
            let height = tile.values.len() / columns;
            along.resize(height * count, 0.0);
            let mut squares = 0.0;
            vectorised(
                #[inline(always)]
                || {
                    for (row, centred) in tile.values.chunks_exact(columns).zip(centred.chunks_exact_mut(columns)) {
                        for ((centred, &value), mean) in centred.iter_mut().zip(row).zip(mean) {
                            *centred = f64::from(value) - mean;
                        }
                        squares += centred.iter().map(|value| value * value).sum::<f64>();
                    }
                },
            );
            times_transposed(along, centred, directions, columns)?;
            let mut part = vec![0.0; directions.len() + 1];
            let (products, last) = part.split_at_mut(directions.len());
            block_transposed_times(
                BlockMut::whole(products, count, columns),
                Block::whole(&along[..], height, count),
                Block::whole(&centred[..], height, columns),
            )?;
            last[0] = squares;
            Ok(part)
        };
        for_each_tile(rows, TILE, threads, control, map, |range, part| {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            control.advance(range.len() as u64)
        })?;
        add_across(rows, &mut sums)?;
        let squares = sums.pop().unwrap_or_default();
        Ok(Self { directions: sums, squares })
    }
}

/// Makes rows of length 1 that are orthogonal to each other, each in the plane of those up to it; twice, since once leaves rounding. A row
/// that depends on those before it becomes zero.
fn orthonormalise(rows: &mut [f64], columns: usize) {
    let dot = |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(left, right)| left * right).sum::<f64>();
    for place in 0..rows.len() / columns {
        let (before, rest) = rows.split_at_mut(place * columns);
        let row = &mut rest[..columns];
        let length = dot(row, row).sqrt();
        for _ in 0..2 {
            for other in before.chunks_exact(columns) {
                let along = dot(row, other);
                row.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
            }
        }
        let left = dot(row, row).sqrt();
        let scale = if left > 1e-13 * length { left.recip() } else { 0.0 };
        row.iter_mut().for_each(|value| *value *= scale);
    }
}
