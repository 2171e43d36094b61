//! Sums over rows that are spread over processes.
//!
//! A fit learns from rows only through sums over them. Each process runs the same fit on its own rows, and a [`Reduce`]
//! that the caller provides adds each sum across the processes (`MPI_Allreduce`, a collective of Ray or Spark), so all
//! processes end with the same concepts.
//!
//! A process that fails must not leave the others waiting. So before each sum, and once more at the end, the processes
//! exchange their status in a small reduction: whether one has failed, and whether all are about to add the same number
//! of values.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::Tensor;

use super::source::{Reduce, Rows};
use crate::error::{Error, ErrorCode, Result};

/// Adds sums over the rows of this process to those of the other processes; does nothing when all rows are here.
///
/// # Errors
/// Those of the rows' [`Reduce`].
pub(crate) fn add_across(rows: &dyn Rows, sums: &mut [f64]) -> Result<()> {
    rows.reduce().map_or(Ok(()), |reduce| reduce.add(sums))
}

/// The number of rows in all processes together.
///
/// # Errors
/// Those of [`add_across`].
pub(crate) fn total_row_count(rows: &dyn Rows) -> Result<usize> {
    let mut count = [rows.row_count() as f64];
    add_across(rows, &mut count)?;
    Ok(count[0] as usize)
}

/// Replaces each value by the smallest that a process has, found byte by byte with sums, which is all that a [`Reduce`] can do;
/// does nothing when all rows are here.
///
/// # Errors
/// Those of [`add_across`].
pub(crate) fn least_across(rows: &dyn Rows, values: &mut [u64]) -> Result<()> {
    if rows.reduce().is_none() {
        return Ok(());
    }
    let mut least = vec![0_u64; values.len()];
    for shift in (0..u64::BITS).step_by(8).rev() {
        // How many processes whose value begins as the smallest one does have each byte next.
        let mut counts = vec![0.0; values.len() << 8];
        for (index, (&value, &least)) in values.iter().zip(&least).enumerate() {
            if value.checked_shr(shift + 8).unwrap_or(0) == least {
                counts[index << 8 | (value >> shift & 0xFF) as usize] += 1.0;
            }
        }
        add_across(rows, &mut counts)?;
        for (least, counts) in least.iter_mut().zip(counts.chunks_exact(256)) {
            let next = counts.iter().position(|&count| count > 0.0).unwrap_or(0);
            *least = *least << 8 | next as u64;
        }
    }
    values.copy_from_slice(&least);
    Ok(())
}

/// Runs `work` on rows so that all processes that share them end alike: each with a result, or each with an error.
///
/// # Errors
/// That of `work`; [`ErrorCode::Cancelled`] where another process failed.
pub(crate) fn in_lockstep<T>(rows: &dyn Rows, work: impl FnOnce(&dyn Rows) -> Result<T>) -> Result<T> {
    let Some(reduce) = rows.reduce() else { return work(rows) };
    let lockstep = LockstepRows { rows, reduce, ended: AtomicBool::new(false) };
    let result = work(&lockstep);
    // The other processes know already: the status exchange itself ended the call.
    if lockstep.ended.load(Ordering::Relaxed) {
        return result;
    }
    let others = lockstep.exchange_status(0, result.is_err());
    let value = result?;
    others.map(|()| value)
}

/// Rows whose sums are added only when no process has failed.
struct LockstepRows<'a> {
    rows: &'a dyn Rows,
    reduce: &'a dyn Reduce,
    ended: AtomicBool,
}

impl LockstepRows<'_> {
    /// Exchanges the status with the other processes: whether this one has failed, and how many values it adds next.
    fn exchange_status(&self, next: usize, failed: bool) -> Result<()> {
        let next = next as f64;
        let mut state = [f64::from(u8::from(failed)), 1.0, next, next * next];
        let reduced = self.reduce.add(&mut state);
        let [failures, processes, sum, squares] = state;
        let result = reduced.and_then(|()| {
            if failures > 0.0 {
                return Err(Error::new(
                    ErrorCode::Cancelled,
                    format!("the call failed in {failures} of {processes} processes"),
                )
                .hint("see the errors of the other processes"));
            }
            // Equal numbers have zero variance.
            if (processes * squares - sum * sum).abs() > 1e-12 * sum * sum {
                return Err(Error::argument(
                    "the processes do not run the same fit: they add different numbers of values",
                )
                .hint("give all of them the same options, and rows of as many columns"));
            }
            Ok(())
        });
        if result.is_err() {
            self.ended.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl Rows for LockstepRows<'_> {
    fn row_count(&self) -> usize {
        self.rows.row_count()
    }

    fn column_count(&self) -> usize {
        self.rows.column_count()
    }

    fn run(&self, first: usize) -> &[f32] {
        self.rows.run(first)
    }

    fn on_device(&self) -> Option<&Tensor> {
        self.rows.on_device()
    }

    fn reduce(&self) -> Option<&dyn Reduce> {
        Some(self)
    }

    fn tile<'a>(&'a self, first: usize, count: usize, scratch: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        self.rows.tile(first, count, scratch)
    }

    fn gather(&self, ranges: &[Range<usize>], out: &mut [f32]) -> Result<()> {
        self.rows.gather(ranges, out)
    }
}

impl Reduce for LockstepRows<'_> {
    fn add(&self, values: &mut [f64]) -> Result<()> {
        self.exchange_status(values.len(), false)?;
        let result = self.reduce.add(values);
        if result.is_err() {
            self.ended.store(true, Ordering::Relaxed);
        }
        result
    }
}
