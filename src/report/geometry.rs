//! How the concepts of a dictionary lie to each other: which are near, and a map of them.

use faer::Mat;

use crate::concepts::{Encoder, Method, Pca, PcaOptions};
use crate::control::Control;
use crate::error::Result;
use crate::linalg::{symmetric_eigen, times_transposed};
use crate::memory::{Claim, filled};
use crate::rows::{RowSlice, Tile, for_each_tile};

/// How many concepts are compared with all others at a time.
const TILE: usize = 128;

/// The directions of some concepts: rows of a dictionary, of length 1 each, or 0 for a concept without a direction.
pub(super) struct Directions {
    values: Vec<f32>,
    columns: usize,
    count: usize,
}

/// A concept near another one: its place among the directions, and the cosine.
pub(super) type Neighbour = (usize, f32);

impl Directions {
    /// The directions of some concepts of a dictionary; `None` without a dictionary.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub(super) fn of(dictionary: &[f32], columns: usize, concepts: &[usize]) -> Result<Option<Self>> {
        if dictionary.is_empty() || columns == 0 || concepts.is_empty() {
            return Ok(None);
        }
        let count = concepts.len();
        let _claim = Claim::of(count.saturating_mul(columns).saturating_mul(size_of::<f32>()), &what(count))?;
        let mut values = Vec::with_capacity(count * columns);
        for &concept in concepts {
            let row = dictionary.get(concept * columns..(concept + 1) * columns).unwrap_or_default();
            let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            let scale = if length > 0.0 && length.is_finite() { 1.0 / length } else { 0.0 };
            values.extend(row.iter().map(|value| (f64::from(*value) * scale) as f32));
        }
        Ok(Some(Self { values, columns, count }))
    }

    /// For each concept the `k` others whose direction is most nearly its own or its opposite: those of the largest absolute
    /// cosine, of equal ones the first.
    ///
    /// Time: a product of all directions with all directions. Memory: 512 bytes a concept and thread.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`]; [`crate::ErrorCode::Cancelled`].
    pub(super) fn nearest(&self, k: usize, threads: usize, control: &Control) -> Result<Vec<Vec<Neighbour>>> {
        if k == 0 {
            return Ok(vec![Vec::new(); self.count]);
        }
        let rows = RowSlice::new(&self.values, self.columns)?;
        let compare = |tile: Tile<'_>, cosines: &mut Vec<f32>| {
            let height = tile.values.len() / self.columns;
            if cosines.len() < TILE * self.count {
                *cosines = filled(0.0, TILE * self.count).ok_or_else(|| no_memory(self.count))?;
            }
            let cosines = &mut cosines[..height * self.count];
            times_transposed(cosines, tile.values, &self.values, self.columns)?;
            Ok(cosines
                .chunks(self.count)
                .enumerate()
                .map(|(row, cosines)| best(cosines, tile.first + row, k))
                .collect())
        };
        let mut found = Vec::with_capacity(self.count);
        for_each_tile(&rows, TILE, threads, control, compare, |_, part: Vec<Vec<Neighbour>>| {
            found.extend(part);
            Ok(())
        })?;
        Ok(found)
    }

    /// Where each concept lies on a map: along the two principal axes of the directions, and the share of their variance that the
    /// axes have. The coordinate of largest magnitude of each axis is positive. `None` where there are no two axes.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`]; [`crate::ErrorCode::Cancelled`].
    pub(super) fn map(&self, threads: usize, control: &Control) -> Result<Option<Map>> {
        if self.count < 3 || self.columns < 2 {
            return Ok(None);
        }
        let found =
            if self.count <= self.columns { self.map_of_products()? } else { self.map_of_columns(threads, control)? };
        Ok(found.filter(|map| map.points.iter().flatten().all(|value| value.is_finite())).map(Map::with_signs))
    }

    /// The map by the products of few directions with each other.
    fn map_of_products(&self) -> Result<Option<Map>> {
        let count = self.count;
        let _claim = Claim::of(count.saturating_mul(count).saturating_mul(20), &what(count))?;
        let mut products = filled(0.0, count * count).ok_or_else(|| no_memory(count))?;
        times_transposed(&mut products, &self.values, &self.values, self.columns)?;
        let mean = |values: &mut dyn Iterator<Item = f32>| values.map(f64::from).sum::<f64>() / count as f64;
        let means: Vec<f64> = products.chunks(count).map(|row| mean(&mut row.iter().copied())).collect();
        let whole = means.iter().sum::<f64>() / count as f64;
        let centred = Mat::from_fn(count, count, |row, column| {
            f64::from(products[row * count + column]) - means[row] - means[column] + whole
        });
        let total: f64 = (0..count).map(|index| centred[(index, index)]).sum();
        let (values, vectors) = symmetric_eigen(centred.as_ref())?;
        if total <= 0.0 || values.len() < 2 {
            return Ok(None);
        }
        let length = |axis: usize| values[axis].max(0.0).sqrt();
        let point = |row: usize| [0, 1].map(|axis| (vectors[(row, axis)] * length(axis)) as f32);
        let shares = [0, 1].map(|axis| values[axis].max(0.0) / total);
        Ok(Some(Map { points: (0..count).map(point).collect(), shares }))
    }

    /// The map by the principal components of many directions.
    fn map_of_columns(&self, threads: usize, control: &Control) -> Result<Option<Map>> {
        let rows = RowSlice::new(&self.values, self.columns)?;
        let options = PcaOptions { threads, ..PcaOptions::new(2) };
        // Directions along one line have no second axis.
        let (model, report) = match Pca::fit(&rows, &options, control) {
            Err(error) if error.code() == crate::ErrorCode::InvalidData => return Ok(None),
            fitted => fitted?,
        };
        let mut codes = filled(0.0, self.count * 2).ok_or_else(|| no_memory(self.count))?;
        model.encode(&self.values, &mut codes)?;
        let shares = report.measure("explained_variance_ratio");
        let share = |axis: usize| shares.get(axis).copied().unwrap_or(0.0);
        Ok(Some(Map { points: codes.chunks(2).map(|code| [code[0], code[1]]).collect(), shares: [share(0), share(1)] }))
    }
}

/// Where concepts lie along two axes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Map {
    pub(super) points: Vec<[f32; 2]>,
    /// The share of the variance that each axis has.
    pub(super) shares: [f64; 2],
}

impl Map {
    fn with_signs(mut self) -> Self {
        for axis in [0, 1] {
            let largest = self
                .points
                .iter()
                .map(|point| point[axis])
                .fold(0.0_f32, |most, value| if value.abs() > most.abs() { value } else { most });
            if largest < 0.0 {
                self.points.iter_mut().for_each(|point| point[axis] = -point[axis]);
            }
        }
        self
    }
}

/// The places of the `k` largest absolute cosines but that of a direction with itself, the largest first.
fn best(cosines: &[f32], own: usize, k: usize) -> Vec<Neighbour> {
    let mut found: Vec<Neighbour> = Vec::with_capacity(k + 1);
    for (place, &cosine) in cosines.iter().enumerate() {
        let is_worse = found.len() == k && found.last().is_some_and(|(_, least)| cosine.abs() <= least.abs());
        if place == own || is_worse || cosine == 0.0 {
            continue;
        }
        let at = found.partition_point(|(_, other)| other.abs() >= cosine.abs());
        found.insert(at, (place, cosine));
        found.truncate(k);
    }
    found
}

fn what(count: usize) -> String {
    format!("the directions of {count} concepts")
}

fn no_memory(count: usize) -> crate::Error {
    crate::Error::new(crate::ErrorCode::OutOfMemory, format!("there is no memory for {}", what(count)))
        .hint("free some memory, or report on fewer concepts")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::RandomState;

    fn dictionary(count: usize, columns: usize) -> Vec<f32> {
        let mut random = RandomState::new(9);
        (0..count * columns).map(|at| random.normal() as f32 * (1.0 + (at % columns % 3) as f32)).collect()
    }

    #[test]
    fn the_nearest_are_those_of_the_largest_absolute_cosine() {
        let (count, columns) = (300, 12);
        let mut values = dictionary(count, columns);
        // One is the opposite of another, one has no direction.
        let opposite: Vec<f32> = values[..columns].iter().map(|value| value * -3.0).collect();
        values[columns * 5..columns * 6].copy_from_slice(&opposite);
        values[columns * 7..columns * 8].fill(0.0);
        let concepts: Vec<usize> = (0..count).collect();
        let found = Directions::of(&values, columns, &concepts).unwrap().unwrap();
        let nearest = found.nearest(4, 1, &Control::new()).unwrap();
        assert_eq!(found.nearest(4, 2, &Control::new()).unwrap(), nearest);
        assert!(nearest[0][0].0 == 5 && (nearest[0][0].1 + 1.0).abs() < 1e-5, "{:?}", nearest[0]);
        assert!(nearest[7].is_empty());
        let cosine = |a: usize, b: usize| {
            let row = |at: usize| values[at * columns..(at + 1) * columns].iter().map(|value| f64::from(*value));
            let dot = |a: usize, b: usize| row(a).zip(row(b)).map(|(x, y)| x * y).sum::<f64>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        for place in [1, 100, 299] {
            let mut all: Vec<(usize, f64)> = (0..count)
                .filter(|other| *other != place && *other != 7)
                .map(|other| (other, cosine(place, other)))
                .collect();
            all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
            for ((at, cosine), (expected, exact)) in nearest[place].iter().zip(&all) {
                assert_eq!(at, expected);
                assert!((f64::from(*cosine) - exact).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn both_ways_to_a_map_lead_to_the_same_one() {
        let (count, columns) = (40, 40);
        let values = dictionary(count, columns);
        let concepts: Vec<usize> = (0..count).collect();
        let found = Directions::of(&values, columns, &concepts).unwrap().unwrap();
        let products = found.map_of_products().unwrap().unwrap().with_signs();
        let columns = found.map_of_columns(1, &Control::new()).unwrap().unwrap().with_signs();
        for (left, right) in products.points.iter().zip(&columns.points) {
            assert!((0..2).all(|axis| (left[axis] - right[axis]).abs() < 1e-4), "{left:?} {right:?}");
        }
        assert!((0..2).all(|axis| (products.shares[axis] - columns.shares[axis]).abs() < 1e-5));
        // The share of an axis is that of the variance of its coordinates.
        let variance: f32 = products.points.iter().map(|point| point[0].powi(2)).sum();
        let mean = |column: usize| (0..count).map(|row| found.values[row * count + column]).sum::<f32>() / count as f32;
        let total: f32 = (0..count)
            .map(|column| {
                (0..count).map(|row| (found.values[row * count + column] - mean(column)).powi(2)).sum::<f32>()
            })
            .sum();
        assert!((f64::from(variance / total) - products.shares[0]).abs() < 1e-4);
    }

    #[test]
    fn without_two_axes_there_is_no_map() {
        let control = Control::new();
        let line: Vec<f32> = (0..5).flat_map(|at| [at as f32 + 1.0, 2.0 * (at as f32 + 1.0)]).collect();
        let found = Directions::of(&line, 2, &[0, 1, 2, 3, 4]).unwrap().unwrap();
        assert!(found.map(1, &control).unwrap().is_none());
        let two = Directions::of(&line, 2, &[0, 1]).unwrap().unwrap();
        assert!(two.map(1, &control).unwrap().is_none());
        assert!(Directions::of(&[], 2, &[0]).unwrap().is_none());
    }
}
