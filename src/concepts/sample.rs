//! A sample of rows that is chosen by what is in them: a row has a hash of its values, and the sample are the rows with the smallest hashes.
//! So it depends on no order, and copies of a row count once.

use std::collections::BTreeMap;

use crate::control::Control;
use crate::error::Result;
use crate::linalg::check_finite;
use crate::memory::Claim;
use crate::rows::{Reduce, Rows, TILE_ROWS, Tile, add_across, for_each_tile, least_across};

/// A sample of rows that differ from each other, and the variance of all rows.
#[derive(Debug)]
pub(super) struct Sample {
    /// The values of the rows of this process in the sample, row-major.
    pub(super) rows: Vec<f32>,
    /// The hash of each, in ascending order.
    pub(super) hashes: Vec<u64>,
    /// The sum of the variances of all columns, over the rows of all processes.
    pub(super) variance: f64,
}

impl Sample {
    /// Reads the rows once, and takes the `most` rows of this process with the smallest hashes.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidData`] naming a value that is not finite; [`crate::ErrorCode::OutOfMemory`];
    /// [`crate::ErrorCode::Cancelled`].
    pub(super) fn of(rows: &dyn Rows, most: usize, seed: u32, threads: usize, control: &Control) -> Result<Self> {
        let columns = rows.column_count();
        let most = most.min(rows.row_count());
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
        let (mut values, mut scratch) = (vec![0.0; least.len() * columns], Vec::new());
        // They are read in the order of the rows, which is that of a disk.
        let mut order: Vec<(usize, usize)> =
            least.values().copied().enumerate().map(|(place, row)| (row, place)).collect();
        order.sort_unstable();
        for (row, place) in order {
            values[place * columns..][..columns].copy_from_slice(rows.tile(row, 1, &mut scratch)?);
        }
        let hashes = least.into_keys().collect();
        Ok(Self { rows: values, hashes, variance: (about_zero - mean_square).max(0.0) })
    }

    /// The `count` rows of all processes with the smallest hashes, or all rows of the sample where it has fewer. The sample of a process
    /// must have that many of its rows, if it has them.
    ///
    /// # Errors
    /// Those of the rows' [`Reduce`].
    pub(super) fn least<'a>(&'a self, count: usize, rows: &'a dyn Rows) -> Result<SampledRows<'a>> {
        let columns = rows.column_count();
        let below = |bound: u64| self.hashes.partition_point(|&hash| hash <= bound);
        // The smallest bound up to which there are enough, bit by bit.
        let mut bound = u64::MAX;
        for bit in (0..u64::BITS).rev() {
            let mut there = [below(bound & !(1 << bit)) as f64];
            add_across(rows, &mut there)?;
            if there[0] >= count as f64 {
                bound &= !(1 << bit);
            }
        }
        Ok(SampledRows { values: &self.rows[..below(bound) * columns], columns, reduce: rows.reduce() })
    }

    /// The `count` rows of all processes with the smallest hashes, row-major in the order of their hashes, in each process alike.
    ///
    /// # Errors
    /// Those of the rows' [`Reduce`].
    pub(super) fn gathered(self, count: usize, rows: &dyn Rows) -> Result<Vec<f32>> {
        if rows.reduce().is_none() {
            return Ok(self.rows);
        }
        let columns = rows.column_count();
        let (mut all, mut next) = (Vec::new(), 0);
        while all.len() < count.saturating_mul(columns) {
            let own = self.hashes.get(next).copied().unwrap_or(u64::MAX);
            let mut least = [own];
            least_across(rows, &mut least)?;
            if least[0] == u64::MAX {
                break;
            }
            // The row, and how many processes have it.
            let mut found = vec![0.0; columns + 1];
            if own == least[0] {
                let row = &self.rows[next * columns..][..columns];
                found.iter_mut().zip(row).for_each(|(found, &value)| *found = f64::from(value));
                found[columns] = 1.0;
                next += 1;
            }
            add_across(rows, &mut found)?;
            let times = found[columns];
            all.extend(found[..columns].iter().map(|value| (value / times) as f32));
        }
        Ok(all)
    }
}

/// Some rows of a sample, with those of other processes.
pub(super) struct SampledRows<'a> {
    values: &'a [f32],
    columns: usize,
    reduce: Option<&'a dyn Reduce>,
}

impl Rows for SampledRows<'_> {
    fn row_count(&self) -> usize {
        self.values.len() / self.columns
    }

    fn column_count(&self) -> usize {
        self.columns
    }

    fn run(&self, first: usize) -> &[f32] {
        self.values.get(first.saturating_mul(self.columns)..).unwrap_or_default()
    }

    fn reduce(&self) -> Option<&dyn Reduce> {
        self.reduce
    }
}

/// The hash of a row: equal rows have equal hashes; minus zero is zero.
pub(super) fn hash(row: &[f32], seed: u32) -> u64 {
    let start = mix(u64::from(seed));
    mix(row.iter().fold(start, |hash, value| {
        (hash.rotate_left(23) ^ u64::from((value + 0.0).to_bits())).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }))
}

/// Mixes the bits of a number, so that each depends on all: the last step of `splitmix64` (Steele, Lea, Flood, 2014).
pub(super) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}
