//! Means and covariance of rows that are read in tiles.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par};

use super::reduce::add_across;
use super::source::Rows;
use super::tiles::{Tile, for_each_tile};
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};

/// How many rows a product takes at a time.
const TILE: usize = 4096;

/// The mean of each column and the scatter matrix of the centred columns.
#[derive(Debug)]
pub(crate) struct Moments {
    /// How many rows there are, in all processes together.
    pub(crate) row_count: usize,
    /// The mean of each column.
    pub(crate) mean: Vec<f64>,
    /// The sum over rows of the products of two centred columns, (columns, columns), symmetric.
    pub(crate) scatter: Mat<f64>,
}

impl Moments {
    /// Reads the rows twice, once for the means and once for the products, all of it in f64: the columns are centred
    /// before they are multiplied, so a mean of 1e4 beside a deviation of 1 costs no digits.
    ///
    /// Memory: `columns^2` values of 8 bytes, and per thread the same twice and a tile of 4096 rows of 8 bytes; the same once
    /// more where the rows are spread over processes.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidData`] naming the first row and column that are not finite; [`ErrorCode::Cancelled`].
    pub(crate) fn of(rows: &dyn Rows, threads: usize, control: &Control) -> Result<Self> {
        let columns = rows.column_count();
        control.begin(Stage::Covariance, 2 * rows.row_count() as u64)?;

        // The last one is the number of rows.
        let mut sums = vec![0.0; columns + 1];
        let column_sums = |tile: Tile<'_>, (): &mut ()| column_sums(tile, columns);
        for_each_tile(rows, TILE, threads, control, column_sums, |range, part| {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            sums[columns] += range.len() as f64;
            control.advance(range.len() as u64)
        })?;
        add_across(rows, &mut sums)?;
        let count = sums[columns];
        let mean: Vec<f64> = sums[..columns].iter().map(|sum| sum / count).collect();

        let mut scatter = Mat::zeros(columns, columns);
        let products = |tile: Tile<'_>, centred: &mut Vec<f64>| -> Result<Mat<f64>> {
            centred.clear();
            centred.extend(
                tile.values.chunks_exact(columns).flat_map(|row| row.iter().zip(&mean)).map(|(&x, m)| f64::from(x) - m),
            );
            Ok(lower_products(MatRef::from_row_major_slice(centred, centred.len() / columns, columns)))
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
        Ok(Self { row_count: count as usize, mean, scatter })
    }
}

fn column_sums(tile: Tile<'_>, columns: usize) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; columns];
    for (offset, row) in tile.values.chunks_exact(columns).enumerate() {
        let mut finite = true;
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
            finite &= value.is_finite();
        }
        if !finite {
            return Err(not_finite(tile.first + offset, row));
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
