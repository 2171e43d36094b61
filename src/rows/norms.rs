//! Rows that are far longer than others: what a model writes at a few positions, whatever the text, would be what a fit finds.

use std::ops::Range;
use std::sync::Arc;

use candle_core::Tensor;

use super::device::DeviceRows;
use super::matrix::{About, Activations};
use super::reduce::{add_across, in_lockstep};
use super::source::{Rows, TILE_ROWS};
use super::storage::Storage;
use super::tiles::for_each_tile;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::check_finite;
use crate::log::LogLevel;
use crate::memory::{Claim, filled};

impl Activations {
    /// The same activations without the rows whose norm is more than `max_multiple` times the median of all rows' norms. Some
    /// models give one token in hundreds (the first one, a delimiter) a row of a thousand times the length of others, wherever
    /// it stands; a fit finds such rows instead of concepts, and they lead every list of inputs. 10 leaves out these and
    /// little else.
    ///
    /// The bound is a multiple of the median and not of the mean, which such rows pull up, and not a number, which depends on
    /// the model and the layer. It is that of all rows and not of those of a batch, so that which rows are left out does not
    /// depend on their order, on batches, shards or threads. Therefore it is not an option of a collection, which sees the
    /// first rows before the last ones are made: rows in memory, on disk, on a device or a caller's own are filtered once
    /// they are there. Of an even number of rows the smaller of the two in the middle is the median. Where rows are
    /// [spread](Activations::spread) over processes, it is the median of all processes' rows, and each of them must make
    /// this call.
    ///
    /// [`Activations::left_out`] counts the rows, the log says how many they are, and [`crate::Provenance::filters`] tells of the
    /// filter. Rows on disk stay there and are not copied.
    ///
    /// Memory: 4 bytes a row; 16 bytes a row for the units, or files without a name where theirs are in files. Where a row is
    /// left out, rows in memory or on a device are copied there.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for a multiple below 1; [`ErrorCode::InvalidData`] naming the row and column of a value that
    /// is not finite, and where the median is 0; [`ErrorCode::OutOfMemory`]; [`ErrorCode::Cancelled`].
    ///
    /// ```
    /// use eidos::{Activations, Control};
    /// let rows = Activations::from_rows(vec![1.0, 0.0, 0.0, 1.0, 0.0, 900.0, 2.0, 0.0], 2, Some(&["a", "film", "the", "dull"]))?;
    /// let usual = rows.without_high_norms(10.0, 1, &Control::new())?;
    /// assert_eq!((usual.row_count(), usual.left_out().high_norm, usual.unit(2)), (3, 1, Some("dull")));
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn without_high_norms(&self, max_multiple: f64, threads: usize, control: &Control) -> Result<Self> {
        if !(max_multiple.is_finite() && max_multiple >= 1.0) {
            return Err(Error::argument(format!("rows cannot be kept up to {max_multiple} times the median norm"))
                .hint("give a number of 1 or more, such as 10"));
        }
        control.begin(Stage::Filter, self.row_count() as u64)?;
        let (norms, median) = in_lockstep(self, |rows| {
            let norms = norms_of(rows, threads, control)?;
            let median = median_of(rows, &norms)?;
            Ok((norms, median))
        })?;
        let most = f64::from(median) * max_multiple;
        let runs = runs_of(&norms, |norm| f64::from(norm) <= most);
        let kept: usize = runs.iter().map(Range::len).sum();
        let left_out = self.row_count() - kept;
        control.log(LogLevel::Info, c"rows", || {
            let rows = self.row_count();
            format!("{left_out} of {rows} rows are longer than {max_multiple} times the median norm, {median}: they are left out")
        });
        let mut about = self.about().clone();
        about.left_out.high_norm += left_out;
        let filters = &mut about.provenance.filters;
        filters.max_norm_multiple =
            Some(filters.max_norm_multiple.map_or(max_multiple, |found| found.min(max_multiple)));
        if left_out > 0 {
            about.units = about.units.map(|units| units.select(&runs).map(Arc::new)).transpose()?;
        }
        self.of_runs(&runs, kept, about)
    }

    /// Some of the rows, in runs of consecutive ones.
    fn of_runs(&self, runs: &[Range<usize>], count: usize, about: About) -> Result<Self> {
        let columns = self.column_count();
        let storage = match &**self.storage() {
            Storage::Shards(shards) => Arc::new(Storage::Shards(shards.select(runs, columns))),
            _ if count == self.row_count() => Arc::clone(self.storage()),
            Storage::Device(rows) => Arc::new(Storage::Device(DeviceRows::new(rows_on_device(rows.tensor(), runs)?))),
            Storage::Memory(_) | Storage::Foreign(_) => {
                let mut values = filled(0.0, count.saturating_mul(columns)).ok_or_else(|| no_memory(count, columns))?;
                let mut rest = values.as_mut_slice();
                for run in runs {
                    let (part, behind) = rest.split_at_mut(run.len() * columns);
                    self.copy_rows(run.start, part)?;
                    rest = behind;
                }
                Arc::new(Storage::Memory(values))
            }
        };
        Ok(Self::sharing(storage, count, columns, about).with_spread_of(self))
    }
}

/// Copies some rows within a device.
fn rows_on_device(rows: &Tensor, runs: &[Range<usize>]) -> Result<Tensor> {
    let numbers = runs.iter().flat_map(Clone::clone).map(u32::try_from).collect::<Result<Vec<u32>, _>>();
    let numbers = numbers.map_err(|_| {
        Error::new(ErrorCode::Unsupported, "there are too many rows on the device to choose from")
            .hint("filter them on the host, or give fewer texts at a time")
    })?;
    let numbers = Tensor::new(numbers, rows.device())?;
    rows.index_select(&numbers, 0).map_err(super::no_room("a copy of the rows that are kept"))
}

fn no_memory(rows: usize, columns: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("there is no memory for a copy of {rows} rows of {columns} columns"))
        .hint(
            "let the rows go to disk, where they are filtered without a copy: lower the memory limit of the collection",
        )
}

/// The Euclidean norm of each row.
fn norms_of(rows: &dyn Rows, threads: usize, control: &Control) -> Result<Vec<f32>> {
    let (count, columns) = (rows.row_count(), rows.column_count().max(1));
    let claim = Claim::of(count.saturating_mul(size_of::<f32>()), &format!("the norms of {count} rows"))?;
    let mut norms = Vec::with_capacity(count);
    drop(claim);
    let norm = |row: &[f32]| row.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt() as f32;
    for_each_tile(
        rows,
        TILE_ROWS,
        threads,
        control,
        |tile, (): &mut ()| {
            check_finite(tile.values, columns, tile.first)?;
            Ok(tile.values.chunks_exact(columns).map(norm).collect::<Vec<f32>>())
        },
        |range, part| {
            norms.extend(part);
            control.advance(range.len() as u64)
        },
    )?;
    Ok(norms)
}

/// The median of the norms of all rows, of those in other processes too. Numbers that are not negative are ordered as their bits
/// are: the upper half of the median's is found first, then the lower one, by counting. Counts can be added across processes.
fn median_of(rows: &dyn Rows, norms: &[f32]) -> Result<f32> {
    let count = |bins: &mut dyn Iterator<Item = u32>| {
        let mut counts = vec![0.0; 1 << 16];
        bins.for_each(|bin| counts[bin as usize] += 1.0);
        add_across(rows, &mut counts)?;
        Ok::<Vec<f64>, Error>(counts)
    };
    let counts = count(&mut norms.iter().map(|norm| norm.to_bits() >> 16))?;
    let total: f64 = counts.iter().sum();
    let (upper, rank) = bin_of(&counts, ((total - 1.0) / 2.0).floor());
    let within = norms.iter().map(|norm| norm.to_bits()).filter(|bits| bits >> 16 == upper);
    let counts = count(&mut within.map(|bits| bits & 0xffff))?;
    let (lower, _) = bin_of(&counts, rank);
    let median = f32::from_bits(upper << 16 | lower);
    if total > 0.0 && median == 0.0 {
        return Err(Error::new(
            ErrorCode::InvalidData,
            "half of the rows are zero: no row is longer than others by a factor",
        )
        .hint("look at the rows, or do not filter them by their norm"));
    }
    Ok(median)
}

/// The bin in which the number of a rank lies, counted from 0, and its rank there.
fn bin_of(counts: &[f64], rank: f64) -> (u32, f64) {
    let mut before = 0.0;
    for (bin, count) in (0..).zip(counts) {
        if before + count > rank {
            return (bin, rank - before);
        }
        before += count;
    }
    (0, 0.0)
}

/// The runs of consecutive rows whose norms are kept.
fn runs_of(norms: &[f32], keeps: impl Fn(f32) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (row, _) in norms.iter().enumerate().filter(|(_, norm)| keeps(**norm)) {
        match runs.last_mut() {
            Some(run) if run.end == row => run.end = row + 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::rows::{Provenance, UnnamedWriter};

    /// Rows of two columns of these norms, each with a unit of its number.
    fn rows(norms: &[f32]) -> Activations {
        let values = norms.iter().flat_map(|norm| [norm * 0.6, norm * -0.8]).collect();
        let units: Vec<String> = (0..norms.len()).map(|row| format!("u{}", row % 5)).collect();
        let units: Vec<&str> = units.iter().map(String::as_str).collect();
        Activations::from_rows(values, 2, Some(&units)).unwrap()
    }

    /// Norms that a generator draws, one in fifty of which is huge.
    fn norms(count: usize) -> Vec<f32> {
        let mut state = 7_u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32
        };
        (0..count).map(|row| (0.5 + next()) * if row % 50 == 17 { 1000.0 } else { 1.0 }).collect()
    }

    fn values(rows: &Activations) -> Vec<f32> {
        let mut values = vec![0.0; rows.row_count() * 2];
        rows.copy_rows(0, &mut values).unwrap();
        values
    }

    fn units(rows: &Activations) -> Vec<String> {
        (0..rows.row_count()).map(|row| rows.unit(row).unwrap().to_owned()).collect()
    }

    #[test]
    fn the_median_is_that_of_a_sort() {
        for count in [1, 2, 3, 10, 11, 999, 1000] {
            let rows = rows(&norms(count));
            let mut sorted = norms_of(&rows, 1, &Control::new()).unwrap();
            assert_eq!(median_of(&rows, &sorted).unwrap().to_bits(), {
                sorted.sort_by(f32::total_cmp);
                sorted[(count - 1) / 2].to_bits()
            });
        }
    }

    #[test]
    fn rows_are_left_out_wherever_they_lie_and_whatever_the_order_and_the_threads() {
        let (norms, control) = (norms(3000), Control::new());
        let memory = rows(&norms);
        let kept = |row: &usize| row % 50 != 17;
        let expected: Vec<f32> = (0..3000).filter(kept).flat_map(|row| [norms[row] * 0.6, norms[row] * -0.8]).collect();
        let expected_units: Vec<String> = (0..3000).filter(kept).map(|row| format!("u{}", row % 5)).collect();
        let on_disk = |heights: &[usize]| {
            let (mut writer, mut first) = (UnnamedWriter::new(2), 0);
            for &height in heights {
                writer.write_shard(memory.rows(first, height).unwrap()).unwrap();
                first += height;
            }
            writer.finish(memory.about().clone())
        };
        let tensor = Tensor::from_vec(values(&memory), (3000, 2), &Device::Cpu).unwrap();
        let device = Storage::Device(DeviceRows::new(tensor));
        let device = Activations::from_storage(device, 3000, 2, memory.about().clone());
        let lent = Activations::from_foreign(Box::new(Lent(values(&memory))), 2, None).unwrap();
        for (rows, threads) in [
            (&memory, 1),
            (&memory, 3),
            (&on_disk(&[3000]), 2),
            (&on_disk(&[17, 1, 1000, 2, 1980]), 2),
            (&device, 1),
            (&lent, 2),
        ] {
            let usual = rows.without_high_norms(10.0, threads, &control).unwrap();
            assert!(values(&usual) == expected, "{:?}", rows.storage());
            assert_eq!((usual.left_out().high_norm, usual.row_count()), (60, 2940));
            assert_eq!((usual.is_on_disk(), usual.is_on_device()), (rows.is_on_disk(), rows.is_on_device()));
            if usual.units().is_some() {
                assert!(units(&usual) == expected_units);
            }
            // What is left has nothing to be left out, and is not copied again.
            let again = usual.without_high_norms(20.0, threads, &control).unwrap();
            assert_eq!((again.left_out(), again.provenance()), (usual.left_out(), usual.provenance()));
            assert!(values(&again) == expected);
        }
        let mut reversed = norms.clone();
        reversed.reverse();
        assert_eq!(rows(&reversed).without_high_norms(10.0, 2, &control).unwrap().row_count(), 2940);
    }

    struct Lent(Vec<f32>);

    impl crate::rows::ForeignRows for Lent {
        fn values(&self) -> &[f32] {
            &self.0
        }
    }

    #[test]
    fn what_was_left_out_is_counted_logged_saved_and_told() {
        let control = Control::new();
        control.keep_log(LogLevel::Info);
        let usual = rows(&[1.0, 2.0, 300.0, 1.5]).without_high_norms(10.0, 1, &control).unwrap();
        assert_eq!(units(&usual), ["u0", "u1", "u3"]);
        assert_eq!(usual.units().unwrap().strings().len(), 3, "strings of no unit are gone");
        let message = control.kept_message(0).unwrap();
        assert!(message.text().starts_with("1 of 4 rows are longer than 10 times the median norm, 1.5"), "{message:?}");
        let folder = tempfile::tempdir().unwrap();
        usual.save(&folder.path().join("rows"), &Control::new()).unwrap();
        let opened = Activations::open(&folder.path().join("rows")).unwrap();
        let filters = super::super::Filters { max_norm_multiple: Some(10.0), ..super::super::Filters::default() };
        assert_eq!(opened.provenance(), &Provenance { filters, ..Provenance::default() });
        assert_eq!((opened.left_out(), values(&opened)), (usual.left_out(), values(&usual)));
    }

    #[test]
    fn what_cannot_be_filtered_is_an_error() {
        let (rows, control) = (rows(&[1.0, 2.0]), Control::new());
        for multiple in [0.5, -1.0, f64::NAN, f64::INFINITY] {
            let error = rows.without_high_norms(multiple, 1, &control).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
        }
        let zeros = Activations::from_rows(vec![0.0, 0.0, 1.0], 1, None).unwrap();
        assert!(
            zeros.without_high_norms(10.0, 1, &control).unwrap_err().message().contains("half of the rows are zero")
        );
        let broken = Activations::from_rows(vec![1.0, f32::NAN, 1.0], 1, None).unwrap();
        assert!(broken.without_high_norms(10.0, 1, &control).unwrap_err().message().contains("row 1"));
        control.cancel();
        assert_eq!(rows.without_high_norms(10.0, 1, &control).unwrap_err().code(), ErrorCode::Cancelled);
        // Units stay where rows are not there at all.
        let none = Activations::from_storage(Storage::Memory(Vec::new()), 0, 2, About::default());
        assert_eq!(none.without_high_norms(10.0, 1, &Control::new()).unwrap().row_count(), 0);
    }
}
