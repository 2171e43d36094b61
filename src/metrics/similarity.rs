//! How alike the directions of dictionaries are: within one, and between two.

use serde::Serialize;

use super::MetricsOptions;
use super::assignment::best_assignment;
use crate::concepts::Explainer;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::times_transposed;
use crate::memory::filled;
use crate::parallel::in_order;
use crate::workers::Workers;

/// How many directions are compared with all others at a time.
const TILE: usize = 64;
/// The most concepts of which the best assignment is found: it takes time that grows with the third power.
const MOST_ASSIGNED: usize = 4096;

/// How much the concepts of a dictionary repeat one another: of each, the largest cosine with another one, of its magnitude where concepts
/// have two poles.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Redundancy {
    /// The mean over the concepts.
    pub mean_largest_cosine: f64,
    /// The largest of any two.
    pub largest_cosine: f64,
    /// How many concepts have another one with a cosine of at least `redundant_cosine`.
    pub redundant: usize,
}

/// How much of what one explainer found another one found, too; cosines are those of [`Redundancy`], where one of the two has two poles.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stability {
    /// The index of the first explainer.
    pub first: usize,
    /// The index of the second one.
    pub second: usize,
    /// The mean cosine of the best assignment of concepts to concepts, each to one (the Hungarian method); `None` for more than 4,096.
    pub assigned_cosine: Option<f64>,
    /// The mean over the first explainer's concepts of the largest cosine with one of the second's.
    pub largest_cosine_of_first: f64,
    /// The mean over the second explainer's concepts of the largest cosine with one of the first's. Where the first knows the truth, this is
    /// no measure of it, and the other one is what papers call MMCS.
    pub largest_cosine_of_second: f64,
}

/// The rows of a dictionary, each of norm 1.
pub(super) struct Directions {
    values: Vec<f32>,
    columns: usize,
    has_poles: bool,
}

impl Directions {
    /// Those of an explainer; `None` where it has no dictionary.
    pub(super) fn of(explainer: &Explainer, has_poles: bool) -> Result<Option<Self>> {
        let (dictionary, columns) = (explainer.dictionary(), explainer.output_width());
        if dictionary.is_empty() {
            return Ok(None);
        }
        let mut values = filled(0.0, dictionary.len()).ok_or_else(no_memory)?;
        for (unit, row) in values.chunks_exact_mut(columns).zip(dictionary.chunks_exact(columns)) {
            let norm = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            if norm > 0.0 {
                unit.iter_mut().zip(row).for_each(|(unit, value)| *unit = (f64::from(*value) / norm) as f32);
            }
        }
        Ok(Some(Self { values, columns, has_poles }))
    }

    fn count(&self) -> usize {
        self.values.len() / self.columns
    }

    pub(super) fn redundancy(&self, options: &MetricsOptions, control: &Control) -> Result<Redundancy> {
        let mut largest = Vec::with_capacity(self.count());
        self.for_each_tile(self, self.has_poles, options, control, |first, cosines| {
            for (index, cosines) in cosines.chunks_exact(self.count()).enumerate() {
                let others = cosines.iter().enumerate().filter(|(other, _)| *other != first + index);
                largest.push(others.map(|(_, cosine)| f64::from(*cosine)).fold(f64::NEG_INFINITY, f64::max));
            }
        })?;
        // One concept alone repeats nothing.
        largest.iter_mut().filter(|cosine| cosine.is_infinite()).for_each(|cosine| *cosine = 0.0);
        Ok(Redundancy {
            mean_largest_cosine: mean(&largest),
            largest_cosine: largest.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            redundant: largest.iter().filter(|cosine| **cosine >= options.redundant_cosine).count(),
        })
    }

    /// Passes the cosines of a tile of its directions with all of another dictionary, in order.
    fn for_each_tile(
        &self,
        other: &Self,
        of_magnitudes: bool,
        options: &MetricsOptions,
        control: &Control,
        mut each: impl FnMut(usize, &[f32]),
    ) -> Result<()> {
        let tiles: Vec<&[f32]> = self.values.chunks(TILE * self.columns).collect();
        let multiply = |tile: usize, (): &mut ()| {
            let rows = tiles[tile];
            let mut cosines = filled(0.0, rows.len() / self.columns * other.count()).ok_or_else(no_memory)?;
            times_transposed(&mut cosines, rows, &other.values, self.columns)?;
            if of_magnitudes {
                cosines.iter_mut().for_each(|cosine| *cosine = cosine.abs());
            }
            Ok(cosines)
        };
        in_order(&Workers::default(), tiles.len(), options.threads, control, multiply, |tile, cosines: Vec<f32>| {
            each(tile * TILE, &cosines);
            Ok(())
        })
    }

    fn stability(&self, other: &Self, options: &MetricsOptions, control: &Control) -> Result<(Option<f64>, f64, f64)> {
        let poles = self.has_poles || other.has_poles;
        let (count, others) = (self.count(), other.count());
        let assigns = count.max(others) <= MOST_ASSIGNED;
        let mut all = if assigns { filled(0.0_f32, count * others).ok_or_else(no_memory)? } else { Vec::new() };
        let mut of_other = vec![f32::NEG_INFINITY; others];
        let mut of_own = Vec::with_capacity(count);
        self.for_each_tile(other, poles, options, control, |first, cosines| {
            for row in cosines.chunks_exact(others) {
                of_own.push(f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max)));
                of_other.iter_mut().zip(row).for_each(|(largest, cosine)| *largest = largest.max(*cosine));
            }
            if assigns {
                all[first * others..][..cosines.len()].copy_from_slice(cosines);
            }
        })?;
        let of_other: Vec<f64> = of_other.into_iter().map(f64::from).collect();
        let assigned = if assigns { Some(best_assignment(&all, others, control)?) } else { None };
        Ok((assigned, mean(&of_own), mean(&of_other)))
    }
}

/// Compares each two dictionaries whose directions have the same length.
pub(super) fn all_pairs(
    directions: &[Option<Directions>],
    options: &MetricsOptions,
    control: &Control,
) -> Result<Vec<Stability>> {
    let mut found = Vec::new();
    for (first, one) in directions.iter().enumerate() {
        for (second, other) in directions.iter().enumerate().skip(first + 1) {
            let (Some(one), Some(other)) = (one, other) else { continue };
            if one.columns == other.columns {
                let (assigned_cosine, of_first, of_second) = one.stability(other, options, control)?;
                found.push(Stability {
                    first,
                    second,
                    assigned_cosine,
                    largest_cosine_of_first: of_first,
                    largest_cosine_of_second: of_second,
                });
            }
        }
    }
    Ok(found)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn no_memory() -> Error {
    Error::new(ErrorCode::OutOfMemory, "there is no memory to compare the concepts").hint("free some memory")
}
