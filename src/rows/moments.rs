//! Means and covariance of rows that are read in tiles.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};

use super::source::Rows;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::parallel::in_order;

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
    /// [`ErrorCode::InvalidData`] naming the first row and column that are not finite; [`ErrorCode::Cancelled`].
    pub(crate) fn of(rows: &dyn Rows, threads: usize, control: &Control) -> Result<Self> {
        let (count, columns) = (rows.row_count(), rows.column_count());
        control.begin(Stage::Covariance, 2 * count as u64)?;
        let tiles = count.div_ceil(TILE);
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
            Ok(lower_products(MatRef::from_row_major_slice(centred, tile_rows(tile), columns)))
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
        let mut finite = true;
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
            finite &= value.is_finite();
        }
        if !finite {
            return Err(not_finite(first + offset, row));
        }
    }
    Ok(sums)
}

fn not_finite(index: usize, row: &[f32]) -> Error {
    let column = row.iter().position(|value| !value.is_finite()).unwrap_or(0);
    let value = row[column];
    Error::new(ErrorCode::InvalidData, format!("row {index} has the value {value} in column {column}"))
        .hint("remove such rows, or find out why the model gives them")
        .detail("row", index)
        .detail("column", column)
}

fn lower_products(centred: MatRef<'_, f64>) -> Mat<f64> {
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
    products
}
