//! Sums over rows that are spread over processes.
//!
//! All that a fit learns of rows is a sum over them. Each process runs the same fit on its own rows, and each sum is added
//! across the processes by a [`Reduce`] that the caller brings (`MPI_Allreduce`, a collective of Ray or Spark): all of them
//! end with the same concepts.
//!
//! A process that fails must not leave the others waiting. So they agree before each sum, in a reduction of three values,
//! that nobody has failed and that all are about to add as many values, and once more at the end.

use std::sync::atomic::{AtomicBool, Ordering};

use super::source::Rows;
use crate::error::{Error, ErrorCode, Result};

/// Adds values across the processes that rows are spread over.
pub trait Reduce: Send + Sync {
    /// Replaces each value by its sum over all processes. Every process calls it as often and with as many values, and must
    /// receive the same bits.
    ///
    /// # Errors
    /// Whatever kept the processes from each other. The call that was under way ends with it.
    fn add(&self, values: &mut [f64]) -> Result<()>;
}

/// Adds sums over the rows of this process to those of the others, where there are any.
///
/// # Errors
/// Those of the rows' [`Reduce`].
pub(crate) fn add_across(rows: &dyn Rows, sums: &mut [f64]) -> Result<()> {
    rows.reduce().map_or(Ok(()), |reduce| reduce.add(sums))
}

/// How many rows there are in all processes together.
///
/// # Errors
/// Those of [`add_across`].
pub(crate) fn total_row_count(rows: &dyn Rows) -> Result<usize> {
    let mut count = [rows.row_count() as f64];
    add_across(rows, &mut count)?;
    Ok(count[0] as usize)
}

/// Runs `work` on rows so that all processes that they are spread over end alike: with a result each, or with an error each.
///
/// # Errors
/// That of `work`; [`ErrorCode::Cancelled`] where another process failed.
pub(crate) fn together<T>(rows: &dyn Rows, work: impl FnOnce(&dyn Rows) -> Result<T>) -> Result<T> {
    let Some(reduce) = rows.reduce() else { return work(rows) };
    let agreed = Agreed { rows, reduce, ended: AtomicBool::new(false) };
    let result = work(&agreed);
    // Who was told that it is over has nobody left to tell.
    if agreed.ended.load(Ordering::Relaxed) {
        return result;
    }
    let told = agreed.agree(0, result.is_err());
    let value = result?;
    told.map(|()| value)
}

/// Rows whose sums are added only when no process has failed.
struct Agreed<'a> {
    rows: &'a dyn Rows,
    reduce: &'a dyn Reduce,
    ended: AtomicBool,
}

impl Agreed<'_> {
    /// Tells the others whether this process has failed and how many values it adds next, and learns it of them.
    fn agree(&self, next: usize, failed: bool) -> Result<()> {
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
            // Equal numbers have no variance.
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

impl Rows for Agreed<'_> {
    fn row_count(&self) -> usize {
        self.rows.row_count()
    }

    fn column_count(&self) -> usize {
        self.rows.column_count()
    }

    fn run(&self, first: usize) -> &[f32] {
        self.rows.run(first)
    }

    fn reduce(&self) -> Option<&dyn Reduce> {
        Some(self)
    }
}

impl Reduce for Agreed<'_> {
    fn add(&self, values: &mut [f64]) -> Result<()> {
        self.agree(values.len(), false)?;
        let result = self.reduce.add(values);
        if result.is_err() {
            self.ended.store(true, Ordering::Relaxed);
        }
        result
    }
}
