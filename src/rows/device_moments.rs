//! The mean and the covariance of rows, computed on a device.

use candle_core::{DType, Tensor};
use faer::Mat;

use super::device_tiles::{DeviceTiles, no_room};
use super::moments::Moments;
use super::reduce::add_across;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::memory::Claim;

impl Moments {
    /// Reads the rows twice, as [`Moments::of`] does, with the products on a device.
    ///
    /// The products are made in f64 as well. In f32 the rounding of a wide column would drown a narrow one, and a column
    /// that is a copy of another would count as a direction of its own. They take `2 * rows * columns^2` operations,
    /// once a fit: 2.2e11 for 187,890 rows of 768 columns, a fifth of a second at 1 TFLOP/s.
    ///
    /// Memory on the device: a tile of 20 bytes a value (see [`DeviceTiles`]), and three matrices of `columns^2` values
    /// of 8 bytes. On the host: two such matrices.
    ///
    /// # Errors
    /// Those of [`Moments::of`], and [`crate::ErrorCode::Device`].
    pub(crate) fn on_device(rows: &DeviceTiles<'_>, control: &Control) -> Result<Self> {
        let (row_count, columns) = (rows.rows().row_count(), rows.rows().column_count());
        control.begin(Stage::Covariance, 2 * row_count as u64)?;
        let square = columns.saturating_mul(columns).saturating_mul(size_of::<f64>());
        let what = format!("the covariance of {columns} columns");
        let _claim = Claim::of(square.saturating_mul(2), &what)?;
        let height = rows.tile_height();

        let mut sums = column_sums(rows, height, control)?;
        if !sums.iter().all(|sum| sum.is_finite()) {
            return Err(rows.first_not_finite()?.unwrap_or_else(|| {
                Error::new(ErrorCode::Device, "the device made sums that are not finite of rows that are")
                    .hint("use another device, or the CPU")
            }));
        }
        // The last element is the number of rows.
        sums.push(row_count as f64);
        add_across(rows.rows(), &mut sums)?;
        let count = sums[columns];
        let mean: Vec<f64> = sums[..columns].iter().map(|sum| sum / count).collect();

        let mut products = products(rows, &mean, height, control)?;
        add_across(rows.rows(), &mut products)?;
        // A device may add the two halves in different orders.
        let lower = |row: usize, column: usize| products[row.max(column) * columns + row.min(column)];
        Ok(Self { row_count: count as usize, mean, scatter: Mat::from_fn(columns, columns, lower) })
    }
}

/// The sum of each column, in f64.
fn column_sums(rows: &DeviceTiles<'_>, height: usize, control: &Control) -> Result<Vec<f64>> {
    let room = no_room("the means of the columns");
    let add = |sums: &Tensor, tile: &Tensor| sums + tile.to_dtype(DType::F64)?.sum(0)?;
    let mut sums = Tensor::zeros(rows.rows().column_count(), DType::F64, rows.device()).map_err(room)?;
    rows.for_each_tile(height, control, |range, tile| {
        sums = add(&sums, &tile).map_err(room)?;
        control.advance(range.len() as u64)
    })?;
    sums.to_vec1().map_err(room)
}

/// The sum over all rows of the products of two centred columns, (columns, columns), in f64.
fn products(rows: &DeviceTiles<'_>, mean: &[f64], height: usize, control: &Control) -> Result<Vec<f64>> {
    let columns = mean.len();
    let what = format!("the covariance of {columns} columns");
    let room = no_room(&what);
    let means = Tensor::from_slice(mean, (1, columns), rows.device()).map_err(room)?;
    let add = |sums: &Tensor, tile: &Tensor| {
        let centred = tile.to_dtype(DType::F64)?.broadcast_sub(&means)?;
        sums + centred.t()?.matmul(&centred)?
    };
    let mut sums = Tensor::zeros((columns, columns), DType::F64, rows.device()).map_err(room)?;
    rows.for_each_tile(height, control, |range, tile| {
        sums = add(&sums, &tile).map_err(room)?;
        control.advance(range.len() as u64)
    })?;
    sums.flatten_all().and_then(|sums| sums.to_vec1()).map_err(room)
}
