//! The mean and the covariance of rows that are read in tiles.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};

use super::reduce::add_across;
use super::source::Rows;
use super::tiles::{Tile, for_each_tile};
use crate::control::{Control, Stage};
use crate::error::Result;
use crate::linalg::{check_finite, vectorised};
use crate::memory::Claim;
use crate::threads::thread_count;
use crate::workspace;

/// How many rows a matrix product takes at a time.
const TILE: usize = 4096;

/// How many rows are checked before they are added.
const CHECKED_ROWS: usize = 16;

/// The mean of each column and the scatter matrix of the centred columns.
#[derive(Debug)]
pub(crate) struct Moments {
    /// The number of rows, in all processes together.
    pub(crate) row_count: usize,
    /// The mean of each column.
    pub(crate) mean: Vec<f64>,
    /// The sum over all rows of the products of two centred columns, (columns, columns), symmetric.
    pub(crate) scatter: Mat<f64>,
}

impl Moments {
    /// Reads the rows twice, once for the means and once for the products, all in f64. Columns are centred before they
    /// are multiplied, so a mean of 1e4 with a deviation of 1 costs no precision.
    ///
    /// Memory: one matrix of `columns^2` values of 8 bytes, and per thread three more and a tile of 4096 rows of 12
    /// bytes a column; one more matrix when the rows are spread over processes.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidData`] naming the first row and column with a value that is not finite;
    /// [`crate::ErrorCode::OutOfMemory`]; [`crate::ErrorCode::Cancelled`].
    pub(crate) fn of(rows: &dyn Rows, threads: usize, control: &Control) -> Result<Self> {
        let columns = rows.column_count();
        let row_count = rows.row_count();
        control.begin(Stage::Covariance, 2 * row_count as u64)?;
        let threads = thread_count(threads).min(row_count.div_ceil(TILE));
        // A thread fills one matrix while two of its matrices wait; the sum across processes takes one more.
        let each = 1 + 3 * threads + usize::from(rows.reduce().is_some());
        let matrices = columns.saturating_mul(columns).saturating_mul(size_of::<f64>() * each);
        let tile_bytes = TILE.min(row_count) * threads * (size_of::<f32>() + size_of::<f64>());
        let claimed = matrices.saturating_add(columns.saturating_mul(tile_bytes));
        let _claim = Claim::of(claimed, &format!("the covariance of {columns} columns"))?;

        let (count, mean) = means(rows, TILE, threads, control)?;

        let mut scatter = Mat::zeros(columns, columns);
        let products = |tile: Tile<'_>, centred: &mut Vec<f64>| -> Result<Mat<f64>> {
            centred.resize(tile.values.len(), 0.0);
            let centred = &mut centred[..];
            vectorised(
                #[inline(always)]
                || {
                    for (row, centred) in tile.values.chunks_exact(columns).zip(centred.chunks_exact_mut(columns)) {
                        for ((centred, &value), mean) in centred.iter_mut().zip(row).zip(&mean) {
                            *centred = f64::from(value) - mean;
                        }
                    }
                },
            );
            lower_products(MatRef::from_row_major_slice(centred, centred.len() / columns, columns))
        };
        for_each_tile(rows, TILE, threads, control, products, |range, products| {
            scatter += products;
            control.advance(range.len() as u64)
        })?;
        if rows.reduce().is_some() {
            let lower = |index: usize| (index / columns, index % columns);
            let mut packed: Vec<f64> = (0..columns * columns).map(|index| scatter[lower(index)]).collect();
            add_across(rows, &mut packed)?;
            packed.into_iter().enumerate().for_each(|(index, sum)| scatter[lower(index)] = sum);
        }
        for column in 0..columns {
            for row in 0..column {
                scatter[(row, column)] = scatter[(column, row)];
            }
        }
        Ok(Self { row_count: count, mean, scatter })
    }
}

/// Reads rows once, in tiles of `height`, and gives how many there are in all processes together, and the mean of each column.
/// The caller has begun a stage that counts rows.
///
/// # Errors
/// Those of [`Moments::of`].
pub(crate) fn means(rows: &dyn Rows, height: usize, threads: usize, control: &Control) -> Result<(usize, Vec<f64>)> {
    let columns = rows.column_count();
    // The last element is the number of rows.
    let mut sums = vec![0.0; columns + 1];
    let column_sums = |tile: Tile<'_>, (): &mut ()| column_sums(tile, columns);
    for_each_tile(rows, height, threads, control, column_sums, |range, part| {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        sums[columns] += range.len() as f64;
        control.advance(range.len() as u64)
    })?;
    add_across(rows, &mut sums)?;
    let count = sums[columns];
    Ok((count as usize, sums[..columns].iter().map(|sum| sum / count).collect()))
}

fn column_sums(tile: Tile<'_>, columns: usize) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; columns];
    let add = |sums: &mut [f64], rows: &[f32]| {
        for row in rows.chunks_exact(columns) {
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
    };
    // Few rows at a time are still in the nearest cache when they are added.
    for (index, rows) in tile.values.chunks(columns * CHECKED_ROWS).enumerate() {
        check_finite(rows, columns, tile.first + index * CHECKED_ROWS)?;
        vectorised(
            #[inline(always)]
            || add(&mut sums, rows),
        );
    }
    Ok(sums)
}

/// Computes the lower triangle of `centred^T centred`.
///
/// # Errors
/// [`crate::ErrorCode::OutOfMemory`] when there is no memory for the thread's scratch buffer.
fn lower_products(centred: MatRef<'_, f64>) -> Result<Mat<f64>> {
    workspace::prepare()?;
    let mut products = Mat::zeros(centred.ncols(), centred.ncols());
    triangular::matmul(
        &mut products,
        BlockStructure::TriangularLower,
        Accum::Replace,
        centred.transpose(),
        BlockStructure::Rectangular,
        centred,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
    Ok(products)
}
