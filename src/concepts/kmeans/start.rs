//! The first centres of k-means: greedy k-means++ on a sample of the rows.
//!
//! k-means++ draws among the rows of a sample with random numbers that are hashes, as those that chose the sample are. So the centres
//! depend neither on the order of the rows nor on how they are spread over processes.

use super::nearest::{Nearest, Scratch};
use crate::concepts::sample::{Sample, mix};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::rows::{Rows, add_across, least_across, total_row_count};

/// The fewest rows of a sample, and how many it has for each concept where that is more.
const LEAST_ROWS: usize = 4096;
const ROWS_PER_CONCEPT: usize = 16;

/// The sample of rows that the first centres are drawn from: of each process in proportion to its rows, but enough that no two of the
/// concepts must be the same row.
///
/// # Errors
/// Those of [`Sample::of`].
pub(super) fn sample(rows: &dyn Rows, concepts: usize, seed: u32, threads: usize, control: &Control) -> Result<Sample> {
    let wanted = LEAST_ROWS.max(concepts.saturating_mul(ROWS_PER_CONCEPT));
    let all = total_row_count(rows)?;
    let share = (wanted as f64 * (rows.row_count() as f64 / all as f64)).ceil() as usize;
    Sample::of(rows, share.max(concepts), seed, threads, control)
}

impl Sample {
    /// Draws centres with greedy k-means++: of a few candidates, each drawn with a probability that grows with the squared distance
    /// to the nearest centre so far, the one that leaves the smallest distances.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidData`] where fewer rows differ than centres are asked for; those of the rows; [`ErrorCode::Cancelled`].
    pub(super) fn centres(&self, rows: &dyn Rows, count: usize, seed: u32, control: &Control) -> Result<Vec<f64>> {
        let columns = rows.column_count();
        let candidates = 2 + (count as f64).ln() as usize;
        let mut centres = Vec::with_capacity(count * columns);
        // The squared distance of each row to its nearest centre; before there is one, all are as likely.
        let mut left = vec![1.0; self.hashes.len()];
        let mut scratch = Scratch::default();
        for number in 0..count {
            control.check()?;
            let draws = if number == 0 { 1 } else { candidates };
            let stream = |draw: usize| mix(u64::from(seed) << 32 ^ (number * candidates + draw) as u64);
            let drawn = self.draw(rows, &left, (0..draws).map(stream))?;
            let Some(drawn) = drawn else {
                return Err(Error::new(
                    ErrorCode::InvalidData,
                    format!("{count} concepts were asked for, but the rows have only {number} different values"),
                )
                .hint(format!("ask for at most {number} concepts, or give rows that differ more"))
                .detail("different", number));
            };
            let (places, hashes) = drawn;
            let distances = Nearest::new(&places, columns).distances(&self.rows, &mut scratch)?.to_vec();
            let nearer = |row: usize, draw: usize| {
                if self.hashes[row] == hashes[draw] || left[row] == 0.0 {
                    return 0.0;
                }
                let distance = distances[row * draws + draw];
                if number == 0 { distance } else { distance.min(left[row]) }
            };
            let mut potentials: Vec<f64> =
                (0..draws).map(|draw| (0..left.len()).map(|row| nearer(row, draw)).sum()).collect();
            add_across(rows, &mut potentials)?;
            let best = super::nearest::least(&potentials).0;
            left = (0..left.len()).map(|row| nearer(row, best)).collect();
            centres.extend_from_slice(&places[best * columns..][..columns]);
        }
        Ok(centres)
    }

    /// Draws a row for each stream of random numbers, each with a probability in proportion to its weight: the rows, row-major, and
    /// their hashes. `None` where no weight is positive.
    #[allow(clippy::type_complexity)]
    fn draw(
        &self,
        rows: &dyn Rows,
        weights: &[f64],
        streams: impl Iterator<Item = u64>,
    ) -> Result<Option<(Vec<f64>, Vec<u64>)>> {
        // Of waiting times that fall with the weights, the shortest: a race among exponential variables.
        let best: Vec<(f64, usize)> = streams
            .map(|stream| {
                let time =
                    |(row, (&hash, &weight)): (usize, (&u64, &f64))| (-uniform(hash ^ stream).ln() / weight, row);
                let times =
                    self.hashes.iter().zip(weights).enumerate().filter(|(_, (_, weight))| **weight > 0.0).map(time);
                times.fold((f64::INFINITY, 0), |best, next| if next.0 < best.0 { next } else { best })
            })
            .collect();
        let mut least: Vec<u64> = best.iter().map(|(time, _)| time.to_bits()).collect();
        least_across(rows, &mut least)?;
        if least.iter().any(|&time| time == f64::INFINITY.to_bits()) {
            return Ok(None);
        }
        // For each the row, the two halves of its hash, and how many processes have it.
        let columns = rows.column_count();
        let mut found = vec![0.0; best.len() * (columns + 3)];
        for ((&(time, row), found), &least) in best.iter().zip(found.chunks_exact_mut(columns + 3)).zip(&least) {
            if time.to_bits() != least {
                continue;
            }
            found
                .iter_mut()
                .zip(&self.rows[row * columns..][..columns])
                .for_each(|(to, &value)| *to = f64::from(value));
            let hash = self.hashes[row];
            found[columns..].copy_from_slice(&[(hash >> 32) as f64, (hash & 0xFFFF_FFFF) as f64, 1.0]);
        }
        add_across(rows, &mut found)?;
        let (mut places, mut hashes) = (Vec::new(), Vec::new());
        for found in found.chunks_exact(columns + 3) {
            let times = found[columns + 2];
            places.extend(found[..columns].iter().map(|value| value / times));
            hashes.push(((found[columns] / times) as u64) << 32 | (found[columns + 1] / times) as u64);
        }
        Ok(Some((places, hashes)))
    }
}

/// A number above 0 and below 1 that a hash decides.
fn uniform(hash: u64) -> f64 {
    ((mix(hash) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}
