//! The interface of rows: a matrix that may consist of several pieces.

use std::ops::Range;

use crate::error::{Error, ErrorCode, Result};

/// How many rows a reduction takes at a time. The number is fixed, so that sums are made in the same order whatever the
/// storage, the batch size or the number of threads.
pub const TILE_ROWS: usize = 1024;

/// A row-major `(row_count, column_count)` matrix of `f32` that many threads can read. It lies in memory in one or
/// several contiguous pieces; a shard on disk is one piece. Rows on a device are read by [`Rows::tile`], which copies them.
pub trait Rows: Sync {
    /// The number of rows.
    fn row_count(&self) -> usize;

    /// The number of columns.
    fn column_count(&self) -> usize;

    /// The rows from `first` to the end of their contiguous piece: a slice of `rows * column_count` values, with at
    /// least one row when `first < row_count`, empty otherwise.
    fn run(&self, first: usize) -> &[f32];

    /// The rows as an f32 tensor `(row_count, column_count)`, contiguous, where they lie in the memory of a device.
    #[doc(hidden)]
    fn on_device(&self) -> Option<&candle_core::Tensor> {
        None
    }

    /// The function that adds sums over these rows to those of other processes; `None` when all rows are here.
    fn reduce(&self) -> Option<&dyn Reduce> {
        None
    }

    /// Rows `first..first + count` as one slice: borrowed where they are contiguous, otherwise copied into `scratch`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when the range ends after the last row;
    /// [`ErrorCode::OutOfMemory`].
    fn tile<'a>(&'a self, first: usize, count: usize, scratch: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        tile_of_pieces(self, first, count, scratch)
    }

    /// Copies ranges of rows to `out`, one after the other: what takes work to make is made for all of them together, best where
    /// they ascend.
    ///
    /// # Errors
    /// Those of [`Rows::tile`].
    fn gather(&self, ranges: &[Range<usize>], out: &mut [f32]) -> Result<()> {
        let (mut scratch, mut done) = (Vec::new(), 0);
        for range in ranges {
            let values = self.tile(range.start, range.len(), &mut scratch)?;
            out[done..done + values.len()].copy_from_slice(values);
            done += values.len();
        }
        Ok(())
    }
}

/// [`Rows::tile`] of rows that lie in host memory.
pub(super) fn tile_of_pieces<'a, R: Rows + ?Sized>(
    rows: &'a R,
    first: usize,
    count: usize,
    scratch: &'a mut Vec<f32>,
) -> Result<&'a [f32]> {
    let columns = rows.column_count();
    check_range(rows.row_count(), first, count)?;
    let wanted = count * columns;
    let run = rows.run(first);
    if run.len() >= wanted {
        return Ok(&run[..wanted]);
    }
    scratch.clear();
    scratch.try_reserve(wanted).map_err(|_| {
        Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {count} rows of {columns} columns"))
            .hint("free some memory, or ask for fewer threads")
    })?;
    while scratch.len() < wanted {
        let run = rows.run(first + scratch.len() / columns);
        let take = run.len().min(wanted - scratch.len());
        scratch.extend_from_slice(&run[..take]);
    }
    Ok(scratch)
}

/// Refuses a range of rows that ends after the last one.
pub(crate) fn check_range(rows: usize, first: usize, count: usize) -> Result<()> {
    if first.checked_add(count).is_some_and(|end| end <= rows) {
        return Ok(());
    }
    Err(Error::argument(format!("there are {rows} rows, not {count} from row {first} on"))
        .hint("give a range below the row count"))
}

/// A function that adds values across the processes that rows are spread over.
pub trait Reduce: Send + Sync {
    /// Replaces each value by its sum over all processes. Every process makes the same calls with the same number of
    /// values, and must receive the same bits.
    ///
    /// # Errors
    /// Whatever prevented the reduction. The fit that called it ends with that error.
    fn add(&self, values: &mut [f64]) -> Result<()>;
}

/// Rows in a slice of the caller's.
#[derive(Debug, Clone, Copy)]
pub struct RowSlice<'a> {
    values: &'a [f32],
    columns: usize,
}

impl<'a> RowSlice<'a> {
    /// Views `values` as rows of `columns` values each.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when `columns` is 0 or does not divide the number of values.
    pub fn new(values: &'a [f32], columns: usize) -> Result<Self> {
        if columns == 0 || !values.len().is_multiple_of(columns) {
            let count = values.len();
            return Err(Error::argument(format!("{count} values cannot be rows of {columns} columns"))
                .hint("give row_count * column_count values, with at least one column"));
        }
        Ok(Self { values, columns })
    }
}

impl Rows for RowSlice<'_> {
    fn row_count(&self) -> usize {
        self.values.len() / self.columns
    }

    fn column_count(&self) -> usize {
        self.columns
    }

    fn run(&self, first: usize) -> &[f32] {
        self.values.get(first.saturating_mul(self.columns)..).unwrap_or_default()
    }
}
