//! The principal directions of rows: the eigenvectors of their covariance, or of their products about zero.

use faer::Mat;

use super::backend::Backend;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::symmetric_eigen;
use crate::memory::Claim;
use crate::rows::{DeviceTiles, Moments, Rows, total_row_count};

/// The principal directions of some rows.
#[derive(Debug)]
pub(super) struct Directions {
    /// The number of rows, in all processes together.
    pub(super) row_count: usize,
    /// The mean of each column.
    pub(super) mean: Vec<f64>,
    /// The sum of the squared rows along each direction, centred or not, largest first.
    pub(super) squares: Vec<f64>,
    /// The directions as columns, orthonormal, in the same order.
    pub(super) vectors: Mat<f64>,
}

impl Directions {
    /// Computes the directions of some rows, which must vary along at least as many as there are concepts.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidData`] with the rank of the rows where it is smaller than the number of concepts; those of
    /// [`Moments::of`] and [`Moments::on_device`].
    pub(super) fn of(rows: &dyn Rows, concepts: usize, backend: &Backend, control: &Control) -> Result<Self> {
        let moments = moments(rows, backend, control)?;
        Self::of_products(moments, rows, concepts, "vary in")
    }

    /// Computes the directions of some rows that are not centred: those of a singular value decomposition.
    ///
    /// # Errors
    /// Those of [`Directions::of`].
    pub(super) fn about_zero(rows: &dyn Rows, concepts: usize, backend: &Backend, control: &Control) -> Result<Self> {
        let mut moments = moments(rows, backend, control)?;
        let (count, mean) = (moments.row_count as f64, &moments.mean);
        // The products of the centred columns are exact to rounding, and so is what the means add to them.
        for column in 0..mean.len() {
            for row in 0..mean.len() {
                moments.scatter[(row, column)] += count * (mean[row] * mean[column]);
            }
        }
        Self::of_products(moments, rows, concepts, "extend in")
    }

    fn of_products(moments: Moments, rows: &dyn Rows, concepts: usize, verb: &str) -> Result<Self> {
        let Moments { row_count: count, mean, scatter } = moments;
        let square = rows.column_count().saturating_mul(rows.column_count());
        let _claim = Claim::of(square.saturating_mul(3 * size_of::<f64>()), "the directions of the rows")?;
        let (squares, vectors) = symmetric_eigen(scatter.as_ref())?;
        check_rank(&squares, concepts, count, rows.column_count(), verb)?;
        Ok(Self { row_count: count, mean, squares, vectors })
    }

    /// The sign, 1 or -1, that makes the entry of largest magnitude of a direction positive; of several, the first counts.
    pub(super) fn sign(&self, direction: usize) -> f64 {
        let largest = (0..self.vectors.nrows())
            .map(|row| self.vectors[(row, direction)])
            .fold(0.0_f64, |largest, value| if value.abs() > largest.abs() { value } else { largest });
        if largest < 0.0 { -1.0 } else { 1.0 }
    }
}

/// Refuses squares of rows, so many of so many columns, along fewer directions than there are concepts.
pub(super) fn check_rank(squares: &[f64], concepts: usize, count: usize, columns: usize, verb: &str) -> Result<()> {
    // Smaller values are rounding: a constant column, a copy of another one, or more columns than rows.
    let least = squares[0].max(0.0) * count.max(columns) as f64 * f64::EPSILON;
    let rank = squares.iter().take_while(|&&square| square > least).count();
    if rank >= concepts {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::InvalidData,
        format!("{concepts} concepts were asked for, but the {count} rows {verb} {rank} directions only"),
    )
    .hint(format!("ask for at most {rank} concepts, or give rows that differ more"))
    .detail("rank", rank))
}

fn moments(rows: &dyn Rows, backend: &Backend, control: &Control) -> Result<Moments> {
    match backend {
        Backend::Cpu { threads } => Moments::of(rows, *threads, control),
        Backend::Device(device) => Moments::on_device(&DeviceTiles::new(rows, device), control),
    }
}

/// Checks that rows can have that many directions.
///
/// # Errors
/// [`ErrorCode::InvalidArgument`] when they cannot; those of the rows' [`crate::rows::Reduce`].
pub(super) fn check_count(concepts: usize, rows: &dyn Rows) -> Result<()> {
    let (rows, columns) = (total_row_count(rows)?, rows.column_count());
    let wrong = |message: String, remedy: &str| Err(Error::argument(message).hint(remedy));
    if concepts == 0 {
        return wrong("0 concepts were asked for".to_owned(), "ask for at least one concept");
    }
    if rows < 2 {
        return wrong(format!("{rows} rows are too few to fit concepts"), "give at least two rows");
    }
    if concepts > rows.min(columns) {
        let most = rows.min(columns);
        return wrong(
            format!("{concepts} concepts were asked for, but {rows} rows of {columns} columns have at most {most}"),
            "ask for fewer concepts, or give more rows",
        );
    }
    Ok(())
}
