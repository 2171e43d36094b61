//! Some rows of a matrix, without a copy.

use std::ops::Range;

use candle_core::Tensor;

use super::source::{Rows, check_range, tile_of_pieces};
use crate::error::{Error, ErrorCode, Result};

/// Some rows of other rows: runs of consecutive ones, ascending, that do not overlap.
pub(crate) struct RowRuns<'a> {
    rows: &'a dyn Rows,
    runs: Vec<Range<usize>>,
    /// One past the last row of each run, counted in these rows.
    ends: Vec<usize>,
}

impl<'a> RowRuns<'a> {
    /// Takes the rows of all ranges once, in their order in `rows`; ranges may overlap.
    pub(crate) fn new(rows: &'a dyn Rows, ranges: impl IntoIterator<Item = Range<usize>>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort_unstable_by_key(|range| (range.start, range.end));
        let mut runs: Vec<Range<usize>> = Vec::new();
        for range in ranges.into_iter().filter(|range| !range.is_empty()) {
            match runs.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => runs.push(range),
            }
        }
        let mut end = 0;
        let ends = runs.iter().map(|run| {
            end += run.len();
            end
        });
        Self { rows, ends: ends.collect(), runs }
    }

    /// Which row of the whole matrix a row is, and how many of its run there are from it on; `None` beyond the last.
    pub(crate) fn source(&self, row: usize) -> Option<(usize, usize)> {
        let place = self.ends.partition_point(|&end| end <= row);
        let end = *self.ends.get(place)?;
        Some((self.runs[place].end - (end - row), end - row))
    }
}

impl Rows for RowRuns<'_> {
    fn row_count(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    fn column_count(&self) -> usize {
        self.rows.column_count()
    }

    fn run(&self, first: usize) -> &[f32] {
        let Some((row, left)) = self.source(first) else { return &[] };
        let values = self.rows.run(row);
        &values[..values.len().min(left * self.column_count())]
    }

    fn tile<'a>(&'a self, first: usize, count: usize, scratch: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        if self.rows.on_device().is_none() {
            return tile_of_pieces(self, first, count, scratch);
        }
        // Rows on a device are brought piece by piece: `run` would bring all of them.
        check_range(self.row_count(), first, count)?;
        let (mut piece, mut done) = (Vec::new(), 0);
        scratch.clear();
        scratch.try_reserve(count * self.column_count()).map_err(|_| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {count} rows"))
                .hint("free some memory, or ask for fewer threads")
        })?;
        while let Some((row, left)) = self.source(first + done).filter(|_| done < count) {
            let take = left.min(count - done);
            scratch.extend_from_slice(self.rows.tile(row, take, &mut piece)?);
            done += take;
        }
        Ok(scratch)
    }

    fn on_device(&self) -> Option<&Tensor> {
        None
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::rows::{Activations, RowSlice};

    #[test]
    fn they_are_the_rows_of_the_ranges_once_and_in_order() {
        let values: Vec<f32> = (0..40).map(|value| value as f32).collect();
        let rows = RowSlice::new(&values, 2).unwrap();
        let device = Activations::from_device(Tensor::from_vec(values.clone(), (20, 2), &Device::Cpu).unwrap(), None);
        let device = device.unwrap();
        for rows in [&rows as &dyn Rows, &device] {
            let some = RowRuns::new(rows, [12..14, 3..6, 5..8, 9..9, 19..20]);
            let expected = [3, 4, 5, 6, 7, 12, 13, 19];
            assert_eq!((some.row_count(), some.column_count()), (8, 2));
            for first in 0..=8 {
                for count in 0..=8 - first {
                    let mut scratch = vec![7.0];
                    let tile = some.tile(first, count, &mut scratch).unwrap();
                    let wanted: Vec<f32> = expected[first..first + count]
                        .iter()
                        .flat_map(|row| [2.0 * *row as f32, 2.0 * *row as f32 + 1.0])
                        .collect();
                    assert_eq!(tile, wanted);
                }
                assert_eq!(some.source(first).map(|(row, _)| row), expected.get(first).copied());
            }
            assert!(some.tile(5, 4, &mut Vec::new()).is_err() && some.run(8).is_empty());
        }
        assert_eq!(RowRuns::new(&rows, []).row_count(), 0);
    }
}
