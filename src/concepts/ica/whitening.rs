//! Whitening: rows are centred, projected on as many directions as there are concepts, and scaled to unit variance.

use faer::{Mat, MatRef};

use crate::concepts::backend::Backend;
use crate::concepts::directions::Directions;
use crate::concepts::linear::Parts;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{first_not_finite, product};
use crate::rows::Rows;

/// The directions of largest variance of some rows.
#[derive(Debug)]
pub(super) struct Whitening {
    /// The number of rows, in all processes together.
    pub(super) row_count: usize,
    /// The mean of each column.
    pub(super) mean: Vec<f64>,
    /// The directions as columns, (columns, concepts), orthonormal, largest variance first.
    pub(super) directions: Mat<f64>,
    /// The standard deviation along each direction.
    pub(super) deviations: Vec<f64>,
}

impl Whitening {
    /// # Errors
    /// Those of [`Directions::of`].
    pub(super) fn of(rows: &dyn Rows, concepts: usize, backend: &Backend, control: &Control) -> Result<Self> {
        let found = Directions::of(rows, concepts, backend, control)?;
        let (count, columns) = (found.row_count, rows.column_count());
        let row_signs = first_row_signs(found.vectors.as_ref());
        let directions =
            Mat::from_fn(columns, concepts, |row, column| found.vectors[(row, column)] * row_signs[column]);
        let deviations = found.squares[..concepts].iter().map(|value| (value / count as f64).sqrt()).collect();
        Ok(Self { row_count: count, mean: found.mean, directions, deviations })
    }

    /// The parameters of the concepts for an orthogonal matrix that unmixes whitened rows. Whitened rows have unit
    /// variance in every direction, so the sources have it too.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidData`] when the components or the mixing are outside the range of f32.
    pub(super) fn unmix(self, unmixing: &Mat<f64>) -> Result<Parts> {
        let (columns, concepts) = (self.directions.nrows(), self.deviations.len());
        let scaled = |power: i32| {
            let scaled = Mat::from_fn(concepts, columns, |concept, column| {
                self.directions[(column, concept)] * self.deviations[concept].powi(power)
            });
            let matrix = product(unmixing.as_ref(), scaled.as_ref())?;
            let values: Vec<f32> =
                (0..concepts * columns).map(|index| matrix[(index / columns, index % columns)] as f32).collect();
            match first_not_finite(&values) {
                Some(place) => Err(self.out_of_range(place / columns)),
                None => Ok(values),
            }
        };
        let (components, mixing) = (scaled(-1)?, scaled(1)?);
        Ok(Parts { components, mixing, mean: self.mean, bias: Vec::new(), rectified: false })
    }

    /// The matrix that whitens centred rows, (concepts, columns), row-major.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidData`] when a deviation is outside the range of f32: it would need whitening in f64.
    pub(super) fn projection(&self) -> Result<Vec<f32>> {
        let (columns, concepts) = (self.directions.nrows(), self.deviations.len());
        let projection: Vec<f32> = (0..concepts)
            .flat_map(|concept| (0..columns).map(move |column| (concept, column)))
            .map(|(concept, column)| (self.directions[(column, concept)] / self.deviations[concept]) as f32)
            .collect();
        match first_not_finite(&projection) {
            Some(place) => Err(self.out_of_range(place / columns)),
            None => Ok(projection),
        }
    }

    /// The error about rows that are in the range of f32 while their projections or scales along a direction are not.
    pub(super) fn out_of_range(&self, direction: usize) -> Error {
        out_of_range(direction, self.deviations[direction])
    }
}

/// Signs that make the first entry of each direction positive, as in scikit-learn; the start matrix assumes them.
fn first_row_signs(vectors: MatRef<'_, f64>) -> Vec<f64> {
    (0..vectors.ncols()).map(|column| if vectors[(0, column)] < 0.0 { -1.0 } else { 1.0 }).collect()
}

/// The error about rows that are in the range of f32 while their projections or scales are not.
fn out_of_range(direction: usize, deviation: f64) -> Error {
    Error::new(
        ErrorCode::InvalidData,
        format!("the rows deviate by {deviation:e} along direction {direction}, out of the range of 32-bit floats"),
    )
    .hint("scale the rows so that they are neither tiny nor huge, or ask for fewer concepts")
    .detail("direction", direction)
    .detail("deviation", deviation)
}
