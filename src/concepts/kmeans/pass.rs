//! A pass of Lloyd's iteration: the nearest centre of each row, and the sums of the rows of each centre.

use super::nearest::{Nearest, Scratch, least};
use crate::concepts::farthest::{Far, Farthest};
use crate::concepts::rows_at_a_time;
use crate::control::Control;
use crate::error::Result;
use crate::linalg::check_finite;
use crate::rows::{Rows, Tile, add_across, for_each_tile};

/// What a pass over rows finds, of all processes together.
pub(super) struct Assigned {
    columns: usize,
    /// The sum of the rows of each centre, (centres, columns).
    sums: Vec<f64>,
    /// The number of rows of each centre.
    pub(super) counts: Vec<f64>,
    /// The sum of the squared distances between each centre and its rows.
    pub(super) within: Vec<f64>,
    /// The rows of this process that are farthest from their centres, farthest first.
    farthest: Farthest,
}

/// What a tile of rows adds. Sums are kept of centres that have rows in the tile, so a part is never larger than a tile.
struct Part {
    centres: Vec<usize>,
    counts: Vec<f64>,
    sums: Vec<f64>,
    within: Vec<f64>,
    farthest: Farthest,
}

impl Assigned {
    /// Reads the rows once.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidData`] naming a value that is not finite; [`crate::ErrorCode::Cancelled`].
    pub(super) fn of(rows: &dyn Rows, nearest: &Nearest, threads: usize, control: &Control) -> Result<Self> {
        let (columns, count) = (rows.column_count(), nearest.count());
        // All that is added across processes lies together: sums, counts, squared distances.
        let mut all = vec![0.0; count * columns + 2 * count];
        let mut farthest = Farthest::default();
        let map = |tile: Tile<'_>, scratch: &mut Scratch| Part::of(tile, nearest, columns, scratch);
        for_each_tile(rows, rows_at_a_time(2 * count), threads, control, map, |_, part| {
            let (sums, others) = all.split_at_mut(count * columns);
            for (place, (&centre, part_sums)) in part.centres.iter().zip(part.sums.chunks_exact(columns)).enumerate() {
                let sums = &mut sums[centre * columns..][..columns];
                sums.iter_mut().zip(part_sums).for_each(|(sum, part)| *sum += part);
                others[centre] += part.counts[place];
                others[count + centre] += part.within[place];
            }
            farthest.merge(part.farthest);
            Ok(())
        })?;
        add_across(rows, &mut all)?;
        let within = all.split_off(count * (columns + 1));
        let counts = all.split_off(count * columns);
        Ok(Self { columns, sums: all, counts, within, farthest })
    }

    /// Gives centres without rows those that are farthest from their own ones, and returns how many still have none.
    ///
    /// # Errors
    /// Those of the rows.
    pub(super) fn move_lonely(&mut self, rows: &dyn Rows) -> Result<usize> {
        let lonely: Vec<usize> = (0..self.counts.len()).filter(|&centre| self.counts[centre] == 0.0).collect();
        for (done, &centre) in lonely.iter().enumerate() {
            let Some(taken) = self.farthest.take(rows)? else { return Ok(lonely.len() - done) };
            // Of several rows that are equally far, their mean goes, and their centres keep them.
            let before = taken.concept.filter(|&before| self.counts[before] > 1.0);
            for (column, value) in taken.values.into_iter().enumerate() {
                self.sums[centre * self.columns + column] = value;
                if let Some(before) = before {
                    self.sums[before * self.columns + column] -= value;
                }
            }
            self.counts[centre] = 1.0;
            if let Some(before) = before {
                self.counts[before] -= 1.0;
            }
        }
        Ok(0)
    }

    /// Moves each centre to the mean of its rows and of all those that it has moved to before, of which `weights` is the number.
    pub(super) fn move_centres(&self, centres: &mut [f64], weights: &mut [f64]) {
        let columns = self.columns;
        for (centre, (weight, &count)) in weights.iter_mut().zip(&self.counts).enumerate() {
            if count > 0.0 {
                *weight += count;
                let sums = &self.sums[centre * columns..][..columns];
                for (value, sum) in centres[centre * columns..][..columns].iter_mut().zip(sums) {
                    *value += (sum - count * *value) / *weight;
                }
            }
        }
    }

    /// Takes out the row that is farthest from its centre, of those of all processes.
    ///
    /// # Errors
    /// Those of the rows.
    pub(super) fn take_farthest(&mut self, rows: &dyn Rows) -> Result<Option<Vec<f64>>> {
        Ok(self.farthest.take(rows)?.map(|taken| taken.values))
    }

    /// Twice as far as the rows of the widest centre are from it, as a root mean square; 1 where all rows are centres.
    pub(super) fn radius(&self) -> f64 {
        let squares = self.within.iter().zip(&self.counts).map(|(square, count)| square / count.max(1.0));
        let largest = squares.fold(0.0, f64::max).sqrt();
        if largest > 0.0 { 2.0 * largest } else { 1.0 }
    }

    /// The mean of the rows of each centre; a centre without rows stays where it was.
    pub(super) fn means(&self, before: &[f64]) -> Vec<f64> {
        let mean = |(index, (sum, before)): (usize, (&f64, &f64))| {
            let count = self.counts[index / self.columns];
            if count > 0.0 { sum / count } else { *before }
        };
        self.sums.iter().zip(before).enumerate().map(mean).collect()
    }
}

impl Part {
    fn of(tile: Tile<'_>, nearest: &Nearest, columns: usize, scratch: &mut Scratch) -> Result<Self> {
        check_finite(tile.values, columns, tile.first)?;
        let distances = nearest.distances(tile.values, scratch)?;
        let found: Vec<(usize, f64)> = distances.chunks_exact(nearest.count()).map(least).collect();
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by_key(|&row| found[row].0);
        let mut part = Self {
            centres: Vec::new(),
            counts: Vec::new(),
            sums: Vec::new(),
            within: Vec::new(),
            farthest: Farthest::default(),
        };
        for rows in order.chunk_by(|&left, &right| found[left].0 == found[right].0) {
            part.centres.push(found[rows[0]].0);
            part.counts.push(rows.len() as f64);
            part.within.push(rows.iter().map(|&row| found[row].1).sum());
            let start = part.sums.len();
            part.sums.resize(start + columns, 0.0);
            for &row in rows {
                let values = &tile.values[row * columns..][..columns];
                part.sums[start..].iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
            }
        }
        let far =
            |(row, &(concept, distance)): (usize, &(usize, f64))| Far { distance, row: tile.first + row, concept };
        part.farthest.add(found.iter().enumerate().map(far));
        Ok(part)
    }
}
