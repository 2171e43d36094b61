//! The matrix of activations, with its units, texts and provenance.

use std::fmt;
use std::sync::Arc;

use candle_core::Tensor;

use super::device::DeviceRows;
use super::provenance::Provenance;
use super::source::{Reduce, Rows, check_range, tile_of_pieces};
use super::storage::{ForeignRows, Storage};
use crate::error::{Error, Result};
use crate::text::{LeftOut, StringTable, UnitSpan, Units, UnitsBuilder};

/// A row-major `(row_count, column_count)` matrix of `f32`, one row per unit of text, with its units, its texts and its
/// provenance.
///
/// A clone shares the same rows. Rows are in memory, in a caller's memory, memory-mapped from shards on disk, or in the
/// memory of a device ([`crate::CollectOptions::keep_on_device`]); reading them is the same.
#[derive(Debug, Clone)]
pub struct Activations {
    inner: Arc<Inner>,
    spread: Option<Spread>,
}

/// The function that adds sums over the rows of this process to those of the others.
#[derive(Clone)]
struct Spread(Arc<dyn Reduce>);

impl fmt::Debug for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spread")
    }
}

#[derive(Debug)]
struct Inner {
    storage: Arc<Storage>,
    rows: usize,
    columns: usize,
    about: About,
}

/// What is known of a matrix besides its values.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    /// `None` for a caller's own rows without unit texts.
    pub(crate) units: Option<Arc<Units>>,
    /// The texts that the spans of the units refer to; empty for a caller's own rows.
    pub(crate) texts: Arc<StringTable>,
    pub(crate) provenance: Provenance,
    pub(crate) truncated_count: usize,
    pub(crate) left_out: LeftOut,
}

impl Activations {
    pub(crate) fn from_storage(storage: Storage, rows: usize, columns: usize, about: About) -> Self {
        Self::sharing(Arc::new(storage), rows, columns, about)
    }

    /// Rows that may be another matrix's as well.
    pub(super) fn sharing(storage: Arc<Storage>, rows: usize, columns: usize, about: About) -> Self {
        Self { inner: Arc::new(Inner { storage, rows, columns, about }), spread: None }
    }

    /// Makes activations from a caller's own matrix: `values` is row-major, and `unit_texts`, if given, names each row.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when there are no rows or no columns, when the last row is not complete,
    /// or when the number of unit texts is not that of the rows.
    ///
    /// ```
    /// let rows = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    /// let activations = eidos::Activations::from_rows(rows, 2, Some(&["a", "b", "a"]))?;
    /// assert_eq!((activations.row_count(), activations.column_count()), (3, 2));
    /// assert_eq!(activations.unit(2), Some("a"));
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn from_rows(values: Vec<f32>, columns: usize, unit_texts: Option<&[&str]>) -> Result<Self> {
        let rows = checked_rows(values.len(), columns)?;
        let about = own_units(rows, unit_texts)?;
        Ok(Self::from_storage(Storage::Memory(values), rows, columns, about))
    }

    /// Makes activations from rows that stay in their owner's memory, without a copy.
    ///
    /// # Errors
    /// As [`Activations::from_rows`].
    pub fn from_foreign(values: Box<dyn ForeignRows>, columns: usize, unit_texts: Option<&[&str]>) -> Result<Self> {
        let rows = checked_rows(values.values().len(), columns)?;
        let about = own_units(rows, unit_texts)?;
        Ok(Self::from_storage(Storage::Foreign(values), rows, columns, about))
    }

    /// Makes activations from a contiguous tensor `(rows, columns)` of f32 on a device.
    pub(crate) fn from_device(tensor: Tensor, unit_texts: Option<&[&str]>) -> Result<Self> {
        let (rows, columns) = tensor.dims2()?;
        let about = own_units(rows, unit_texts)?;
        Ok(Self::from_storage(Storage::Device(DeviceRows::new(tensor)), rows, columns, about))
    }

    /// Marks the rows as this process's share of rows that are spread over several processes. A fit on them adds its
    /// sums to those of the other processes with `reduce`, and all processes end with the same concepts, or each with
    /// an error. Everything except a fit uses the rows of this process alone.
    #[must_use]
    pub fn spread(&self, reduce: impl Reduce + 'static) -> Self {
        Self { inner: Arc::clone(&self.inner), spread: Some(Spread(Arc::new(reduce))) }
    }

    /// As this one, marked as spread where this one is.
    pub(super) fn with_spread_of(self, other: &Self) -> Self {
        Self { spread: other.spread.clone(), ..self }
    }

    /// The number of rows: one per unit.
    pub fn row_count(&self) -> usize {
        self.inner.rows
    }

    /// The number of columns: the width of the module's output.
    pub fn column_count(&self) -> usize {
        self.inner.columns
    }

    /// The unit of each row; `None` for a caller's own rows without unit texts.
    pub fn units(&self) -> Option<&Units> {
        self.inner.about.units.as_deref()
    }

    /// The text of a row's unit (`" film"`).
    pub fn unit(&self, row: usize) -> Option<&str> {
        self.units().filter(|units| row < units.len()).map(|units| units.string(row))
    }

    /// The position of a row's unit in the texts; `None` beyond the last row and for a caller's own rows.
    pub fn unit_span(&self, row: usize) -> Option<UnitSpan> {
        if self.texts().is_empty() { None } else { self.units()?.span(row) }
    }

    /// The texts that the activations were collected from; empty for a caller's own rows.
    pub fn texts(&self) -> &StringTable {
        &self.inner.about.texts
    }

    /// The model, module and units that the rows were made with.
    pub fn provenance(&self) -> &Provenance {
        &self.inner.about.provenance
    }

    /// How many texts were longer than the model can read, so that their end was cut off.
    pub fn truncated_count(&self) -> usize {
        self.inner.about.truncated_count
    }

    /// How many units have no row, and why: the options name them, their row was far longer than others, or they are entries
    /// of a vocabulary that the model has no embedding for.
    pub fn left_out(&self) -> LeftOut {
        self.inner.about.left_out
    }

    /// How many units have no row, for whatever reason: the sum of [`Activations::left_out`].
    pub fn left_out_count(&self) -> usize {
        self.left_out().total()
    }

    /// Whether the rows are memory-mapped from shards on disk.
    pub fn is_on_disk(&self) -> bool {
        matches!(*self.inner.storage, Storage::Shards(_))
    }

    pub(crate) fn about(&self) -> &About {
        &self.inner.about
    }

    pub(crate) fn storage(&self) -> &Arc<Storage> {
        &self.inner.storage
    }

    /// Whether the rows are in the memory of a device.
    pub fn is_on_device(&self) -> bool {
        matches!(*self.inner.storage, Storage::Device(_))
    }

    /// Rows `first..first + count` as one slice, without a copy. The first call on rows that are on a device copies all of
    /// them to the host, where they stay; [`Rows::tile`] and [`Activations::copy_rows`] bring only the rows that are asked for.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when the range ends after the last row, or crosses from one shard on disk
    /// to the next (then take fewer rows, or copy them with [`Rows::tile`]); [`crate::ErrorCode::OutOfMemory`] where there is
    /// no memory for the copy of rows on a device.
    pub fn rows(&self, first: usize, count: usize) -> Result<&[f32]> {
        let columns = self.column_count();
        check_range(self.row_count(), first, count)?;
        if let Storage::Device(rows) = &*self.inner.storage {
            rows.on_host()?;
        }
        let run = self.run(first);
        run.get(..count * columns).ok_or_else(|| {
            let available = run.len() / columns;
            Error::argument(format!(
                "rows {first} to {} are in more than one shard on disk; the first {available} are contiguous",
                first + count - 1
            ))
            .hint("read at most that many rows at a time, or copy them")
        })
    }

    /// Copies the rows from row `first` on to `out`, as many as it has room for, wherever they lie.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when `out` has no room for whole rows, or for more than there are from `first` on;
    /// [`crate::ErrorCode::OutOfMemory`] for rows on a device.
    pub fn copy_rows(&self, first: usize, out: &mut [f32]) -> Result<()> {
        let columns = self.column_count();
        let count = checked_count(out.len(), columns)?;
        check_range(self.row_count(), first, count)?;
        if let (Storage::Device(rows), [_, ..]) = (&*self.inner.storage, &*out)
            && rows.copied().is_none()
        {
            out.copy_from_slice(&rows.read(first, count)?);
            return Ok(());
        }
        let mut done = 0;
        while done < out.len() {
            let run = self.run(first + done / columns);
            let take = run.len().min(out.len() - done);
            out[done..done + take].copy_from_slice(&run[..take]);
            done += take;
        }
        Ok(())
    }
}

impl Rows for Activations {
    fn row_count(&self) -> usize {
        self.inner.rows
    }

    fn column_count(&self) -> usize {
        self.inner.columns
    }

    fn run(&self, first: usize) -> &[f32] {
        self.inner.storage.run(first, self.inner.columns)
    }

    fn on_device(&self) -> Option<&Tensor> {
        if let Storage::Device(rows) = &*self.inner.storage { Some(rows.tensor()) } else { None }
    }

    fn reduce(&self) -> Option<&dyn Reduce> {
        self.spread.as_ref().map(|spread| &*spread.0)
    }

    fn tile<'a>(&'a self, first: usize, count: usize, scratch: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        let Storage::Device(rows) = &*self.inner.storage else { return tile_of_pieces(self, first, count, scratch) };
        check_range(self.row_count(), first, count)?;
        if rows.copied().is_none() {
            *scratch = rows.read(first, count)?;
            return Ok(scratch);
        }
        Ok(&self.run(first)[..count * self.column_count()])
    }
}

fn checked_rows(values: usize, columns: usize) -> Result<usize> {
    if values == 0 || columns == 0 {
        return Err(
            Error::argument("the matrix has no rows or no columns").hint("give at least one row and one column")
        );
    }
    if !values.is_multiple_of(columns) {
        return Err(Error::argument(format!("{values} values cannot be rows of {columns} columns"))
            .hint("give row_count * column_count values"));
    }
    Ok(values / columns)
}

/// How many whole rows there are in a number of values.
fn checked_count(values: usize, columns: usize) -> Result<usize> {
    if columns == 0 || !values.is_multiple_of(columns) {
        return Err(Error::argument(format!("{values} values are not whole rows of {columns} columns"))
            .hint("give room for row_count * column_count values"));
    }
    Ok(values / columns)
}

/// Checks that there is a unit text for each row, or none at all.
pub(crate) fn check_unit_count(rows: usize, unit_texts: Option<&[&str]>) -> Result<()> {
    match unit_texts.map(<[_]>::len) {
        Some(count) if count != rows => {
            Err(Error::argument(format!("{count} unit texts were given for {rows} rows")).hint("give one for each row"))
        }
        _ => Ok(()),
    }
}

fn own_units(rows: usize, unit_texts: Option<&[&str]>) -> Result<About> {
    check_unit_count(rows, unit_texts)?;
    let Some(unit_texts) = unit_texts else { return Ok(About::default()) };
    let mut builder = UnitsBuilder::default();
    for text in unit_texts {
        let string = builder.intern(text);
        builder.push(0, 0, 0, string);
    }
    Ok(About { units: Some(Arc::new(builder.finish())), ..About::default() })
}
