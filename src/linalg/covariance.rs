//! Means and covariance of rows that are read in tiles.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};

use super::finite::check_finite;
use super::ordered::in_order;
use super::rows::Rows;
use crate::control::{Control, Stage};
use crate::error::Result;
use crate::memory::Claim;
use crate::threads::thread_count;
use crate::workspace;

/// How many rows a product takes at a time.
const TILE: usize = 4096;

/// The mean of each column and the scatter matrix of the centred columns.
#[derive(Debug)]
pub(crate) struct Moments {
    /// The mean of each column.
    pub(crate) mean: Vec<f64>,
    /// The sum over rows of the products of two centred columns, (columns, columns), symmetric.
    pub(crate) scatter: Mat<f64>,
}

impl Moments {
    /// Reads the rows twice, once for the means and once for the products, all of it in f64: the columns are centred
    /// before they are multiplied, so a mean of 1e4 beside a deviation of 1 costs no digits.
    ///
    /// Memory: `columns^2` values of 8 bytes, and per thread the same twice and a tile of 4096 rows of 8 bytes.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidData`] naming the first row and column that are not finite;
    /// [`crate::ErrorCode::OutOfMemory`]; [`crate::ErrorCode::Cancelled`].
    pub(crate) fn of(rows: &dyn Rows, threads: usize, control: &Control) -> Result<Self> {
        let (count, columns) = (rows.row_count(), rows.column_count());
        control.begin(Stage::Covariance, 2 * count as u64)?;
        let tiles = count.div_ceil(TILE);
        let threads = thread_count(threads).min(tiles);
        // A thread makes a matrix while two of its matrices wait.
        let matrices = columns.saturating_mul(columns).saturating_mul(size_of::<f64>() * (1 + 3 * threads));
        let tile_bytes = TILE.min(count) * threads * (size_of::<f32>() + size_of::<f64>());
        let claimed = matrices.saturating_add(columns.saturating_mul(tile_bytes));
        let _claim = Claim::of(claimed, &format!("the covariance of {columns} columns"))?;
        let tile_rows = |tile: usize| TILE.min(count - tile * TILE);

        let mut mean = vec![0.0; columns];
        let sums = |tile: usize, scratch: &mut Vec<f32>| column_sums(rows, tile * TILE, tile_rows(tile), scratch);
        in_order(tiles, threads, control, sums, |tile, sums| {
            mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean += sum);
            control.advance(tile_rows(tile) as u64)
        })?;
        mean.iter_mut().for_each(|mean| *mean /= count as f64);

        let mut scatter = Mat::zeros(columns, columns);
        let products = |tile: usize, scratch: &mut (Vec<f32>, Vec<f64>)| -> Result<Mat<f64>> {
            let (values, centred) = scratch;
            let values = rows.tile(tile * TILE, tile_rows(tile), values)?;
            centred.clear();
            centred.extend(
                values.chunks_exact(columns).flat_map(|row| row.iter().zip(&mean)).map(|(&x, m)| f64::from(x) - m),
            );
            lower_products(MatRef::from_row_major_slice(centred, tile_rows(tile), columns))
        };
        in_order(tiles, threads, control, products, |tile, products| {
            scatter += products;
            control.advance(tile_rows(tile) as u64)
        })?;
        for column in 0..columns {
            for row in 0..column {
                scatter[(row, column)] = scatter[(column, row)];
            }
        }
        Ok(Self { mean, scatter })
    }
}

fn column_sums(rows: &dyn Rows, first: usize, count: usize, scratch: &mut Vec<f32>) -> Result<Vec<f64>> {
    let columns = rows.column_count();
    let mut sums = vec![0.0; columns];
    for (offset, row) in rows.tile(first, count, scratch)?.chunks_exact(columns).enumerate() {
        check_finite(row, columns, first + offset)?;
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    Ok(sums)
}

/// The lower half of `centred^T centred`.
///
/// # Errors
/// [`crate::ErrorCode::OutOfMemory`] when there is no workspace for the thread.
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
