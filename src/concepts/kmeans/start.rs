//! The first centres of k-means: greedy k-means++ on a sample of the rows.
//!
//! A row has a hash of its values. The sample are the rows with the smallest hashes, and k-means++ draws among them with random
//! numbers that are hashes, too. So the centres depend neither on the order of the rows nor on how they are spread over processes.

use std::collections::BTreeMap;

use super::nearest::{Nearest, Scratch};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::check_finite;
use crate::memory::Claim;
use crate::rows::{Rows, TILE_ROWS, Tile, add_across, for_each_tile, least_across, total_row_count};

/// The fewest rows of a sample, and how many it has for each concept where that is more.
const LEAST_ROWS: usize = 4096;
const ROWS_PER_CONCEPT: usize = 16;

/// A sample of rows that differ from each other, and the variance of all rows.
pub(super) struct Sample {
    /// The values of the rows of this process in the sample, row-major.
    rows: Vec<f32>,
    /// The hash of each.
    hashes: Vec<u64>,
    /// The sum of the variances of all columns, over the rows of all processes.
    pub(super) variance: f64,
}

impl Sample {
    /// Reads the rows once.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidData`] naming a value that is not finite; [`ErrorCode::OutOfMemory`]; [`ErrorCode::Cancelled`].
    pub(super) fn of(rows: &dyn Rows, concepts: usize, seed: u32, threads: usize, control: &Control) -> Result<Self> {
        let columns = rows.column_count();
        let wanted = LEAST_ROWS.max(concepts.saturating_mul(ROWS_PER_CONCEPT));
        // Each process samples in proportion to its rows, but enough that no two of the concepts must be the same row.
        let all = total_row_count(rows)?;
        let share = (wanted as f64 * (rows.row_count() as f64 / all as f64)).ceil() as usize;
        let most = share.max(concepts).min(rows.row_count());
        let _claim = Claim::of(
            most.saturating_mul(columns).saturating_mul(3 * size_of::<f64>()),
            &format!("a sample of {most} rows of {columns} columns"),
        )?;
        // The sums of the columns, of the squares of all values, and the number of rows.
        let mut sums = vec![0.0; columns + 2];
        let mut least = BTreeMap::new();
        let map = |tile: Tile<'_>, (): &mut ()| -> Result<(Vec<f64>, Vec<u64>)> {
            check_finite(tile.values, columns, tile.first)?;
            let mut sums = vec![0.0; columns + 2];
            for row in tile.values.chunks_exact(columns) {
                let mut squares = 0.0;
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += f64::from(value);
                    squares += f64::from(value) * f64::from(value);
                }
                sums[columns] += squares;
            }
            let hashes = tile.values.chunks_exact(columns).map(|row| hash(row, seed)).collect::<Vec<_>>();
            sums[columns + 1] = hashes.len() as f64;
            Ok((sums, hashes))
        };
        for_each_tile(rows, TILE_ROWS, threads, control, map, |range, (part, hashes)| {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            for (row, hash) in range.clone().zip(hashes) {
                if least.len() == most && least.last_key_value().is_some_and(|(&last, _)| hash >= last) {
                    continue;
                }
                least.entry(hash).or_insert(row);
                if least.len() > most {
                    least.pop_last();
                }
            }
            control.advance(range.len() as u64)
        })?;
        add_across(rows, &mut sums)?;
        let count = sums[columns + 1];
        let about_zero = sums[columns] / count;
        let mean_square: f64 = sums[..columns].iter().map(|sum| (sum / count).powi(2)).sum();
        let (mut values, mut scratch) = (Vec::with_capacity(least.len() * columns), Vec::new());
        for &row in least.values() {
            values.extend_from_slice(rows.tile(row, 1, &mut scratch)?);
        }
        let hashes = least.into_keys().collect();
        Ok(Self { rows: values, hashes, variance: (about_zero - mean_square).max(0.0) })
    }

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

/// The hash of a row: equal rows have equal hashes; minus zero is zero.
fn hash(row: &[f32], seed: u32) -> u64 {
    let start = mix(u64::from(seed));
    mix(row.iter().fold(start, |hash, value| {
        (hash.rotate_left(23) ^ u64::from((value + 0.0).to_bits())).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }))
}

/// Mixes the bits of a number, so that each depends on all: the last step of `splitmix64` (Steele, Lea, Flood, 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

/// A number above 0 and below 1 that a hash decides.
fn uniform(hash: u64) -> f64 {
    ((mix(hash) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}
