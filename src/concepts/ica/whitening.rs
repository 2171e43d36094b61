//! Whitening: rows are centred, projected on as many directions as there are concepts, and scaled to unit variance.

use faer::{Mat, MatRef};

use crate::concepts::directions::Directions;
use crate::concepts::linear::{Parts, centre};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{first_not_finite, product, times_transposed};
use crate::memory::Claim;
use crate::rows::{Reduce, Rows, Tile, for_each_tile};
use crate::threads::thread_count;

/// How many rows are whitened at a time.
const TILE: usize = 4096;

/// The directions of largest variance of some rows.
#[derive(Debug)]
pub(super) struct Whitening {
    /// The number of rows, in all processes together.
    row_count: usize,
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
    pub(super) fn of(rows: &dyn Rows, concepts: usize, threads: usize, control: &Control) -> Result<Self> {
        let found = Directions::of(rows, concepts, threads, control)?;
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
                Some(place) => Err(out_of_range(place / columns, self.deviations[place / columns])),
                None => Ok(values),
            }
        };
        let (components, mixing) = (scaled(-1)?, scaled(1)?);
        Ok(Parts { components, mixing, mean: self.mean, bias: Vec::new(), rectified: false })
    }

    /// Whitens the rows: (rows, concepts), row-major, every column of mean 0 and standard deviation 1.
    pub(super) fn whiten<'a>(&self, rows: &'a dyn Rows, threads: usize, control: &Control) -> Result<WhiteRows<'a>> {
        let (count, columns, concepts) = (rows.row_count(), rows.column_count(), self.deviations.len());
        let projection: Vec<f32> = (0..concepts)
            .flat_map(|concept| (0..columns).map(move |column| (concept, column)))
            .map(|(concept, column)| (self.directions[(column, concept)] / self.deviations[concept]) as f32)
            .collect();
        // A deviation outside the range of f32 would need whitening in f64.
        if let Some(place) = first_not_finite(&projection) {
            return Err(out_of_range(place / columns, self.deviations[place / columns]));
        }
        let mut values = Vec::new();
        let length = count.checked_mul(concepts).ok_or_else(|| no_memory(count, concepts))?;
        values.try_reserve_exact(length).map_err(|_| no_memory(count, concepts))?;
        let threads = thread_count(threads);
        let tile_bytes = TILE.min(count) * size_of::<f32>() * threads;
        let _claim = Claim::of(tile_bytes.saturating_mul(2 * columns + 3 * concepts), "whitened rows")?;
        let work = |tile: Tile<'_>, centred: &mut Vec<f32>| -> Result<Vec<f32>> {
            centre(tile.values, &self.mean, centred);
            let mut white = vec![0.0; tile.values.len() / columns * concepts];
            times_transposed(&mut white, centred, &projection, columns)?;
            match first_not_finite(&white) {
                Some(place) => Err(out_of_range(place % concepts, self.deviations[place % concepts])),
                None => Ok(white),
            }
        };
        for_each_tile(rows, TILE, threads, control, work, |_, white| {
            values.extend_from_slice(&white);
            Ok(())
        })?;
        Ok(WhiteRows { values, width: concepts, total: self.row_count, reduce: rows.reduce() })
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

fn no_memory(rows: usize, concepts: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {rows} whitened rows of {concepts} concepts"))
        .hint("ask for fewer concepts, or give fewer rows")
}

/// Whitened rows: mean 0 and unit covariance.
pub(super) struct WhiteRows<'a> {
    values: Vec<f32>,
    width: usize,
    /// The number of rows in all processes together.
    pub(super) total: usize,
    reduce: Option<&'a dyn Reduce>,
}

impl Rows for WhiteRows<'_> {
    fn row_count(&self) -> usize {
        self.values.len() / self.width
    }

    fn column_count(&self) -> usize {
        self.width
    }

    fn run(&self, first: usize) -> &[f32] {
        self.values.get(first * self.width..).unwrap_or_default()
    }

    fn reduce(&self) -> Option<&dyn Reduce> {
        self.reduce
    }
}
