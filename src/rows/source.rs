//! Where rows come from: a matrix that may not lie in one piece.

use super::reduce::Reduce;
use crate::error::{Error, ErrorCode, Result};

/// How many rows a reduction takes at a time. The number is fixed, so that sums are made in the same order
/// whatever the storage, the batch size or the number of threads.
pub const TILE_ROWS: usize = 1024;

/// A row-major `(row_count, column_count)` matrix of `f32`, readable from many threads, that lies in memory in
/// one or several contiguous runs (a shard on disk is a run).
pub trait Rows: Sync {
    /// The number of rows.
    fn row_count(&self) -> usize;

    /// The number of columns.
    fn column_count(&self) -> usize;

    /// The longest run of rows that starts at row `first` and lies in one piece: a slice of
    /// `rows * column_count` values, at least one row when `first < row_count`, empty otherwise.
    fn run(&self, first: usize) -> &[f32];

    /// Adds sums over these rows to those of other processes; `None` where all rows are here.
    fn reduce(&self) -> Option<&dyn Reduce> {
        None
    }

    /// Rows `first .. first + count` as one slice: a view where they lie in one piece, else copied into `scratch`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when the range ends after the last row;
    /// [`ErrorCode::OutOfMemory`].
    fn tile<'a>(&'a self, first: usize, count: usize, scratch: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        let columns = self.column_count();
        let in_range = first.checked_add(count).is_some_and(|end| end <= self.row_count());
        if !in_range {
            let rows = self.row_count();
            return Err(Error::argument(format!("{count} rows from row {first} were asked for, but there are {rows}"))
                .hint("ask for rows below the row count"));
        }
        let wanted = count * columns;
        let run = self.run(first);
        if run.len() >= wanted {
            return Ok(&run[..wanted]);
        }
        scratch.clear();
        scratch.try_reserve(wanted).map_err(|_| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {count} rows of {columns} columns"))
                .hint("free some memory, or ask for fewer threads")
        })?;
        while scratch.len() < wanted {
            let run = self.run(first + scratch.len() / columns);
            let take = run.len().min(wanted - scratch.len());
            scratch.extend_from_slice(&run[..take]);
        }
        Ok(scratch)
    }
}

/// Rows that a caller holds in one slice.
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
