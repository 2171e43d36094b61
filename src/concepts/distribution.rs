//! How the codes of each concept are distributed over the rows of a fit, by which the codes of new rows are judged.
//!
//! Codes are counted in bins that are a tenth as wide as the values in them, eight to an octave: the counts are integers,
//! which have the same sums in any order and over any number of processes.

use std::collections::BTreeMap;
use std::ops::Range;

use safetensors::Dtype;

use super::backend::Backend;
use super::codes::{Codes, RowCodes, rows_at_a_time};
use super::tensors::{NamedTensor, Tensors, invalid};
use super::{Encoder, LinearEncoder};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::memory::Claim;
use crate::rows::{DeviceTiles, Rows, Tile, add_across, for_each_tile};

/// The bits of an f32 that name its bin: the sign, the exponent and three bits of the fraction.
const BIN_BITS: u32 = 12;
const BIN_COUNT: usize = 1 << BIN_BITS;
/// What the bins of a concept take, in bytes: codes of 16 octaves on both sides of zero have 256.
const CONCEPT_BYTES: usize = 8 << 10;
/// The concepts whose counts are added across processes at a time.
const CONCEPTS_AT_A_TIME: usize = 256;

/// The distribution of the codes of each concept over the rows of a fit.
///
/// Memory: about 12 bytes for each bin that has a code; a concept whose codes span 16 octaves on both sides of zero has 256.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Distributions {
    row_count: u64,
    means: Vec<f64>,
    deviations: Vec<f64>,
    /// One past the last bin of each concept.
    ends: Vec<u64>,
    /// The bins that have codes, ascending for each concept.
    bins: Vec<u16>,
    counts: Vec<u64>,
}

/// A bin of a histogram: how many of the codes are at least `low` and below `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// The smallest code of the bin.
    pub low: f32,
    /// The smallest code of the next bin.
    pub high: f32,
    /// How many rows have such a code.
    pub count: u64,
}

impl Distributions {
    /// Reads rows once and counts their codes, those of all processes together where the rows are spread.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidData`] naming a row with a code that is not finite; [`ErrorCode::OutOfMemory`];
    /// [`ErrorCode::Cancelled`]; those of the encoder and the device.
    pub(super) fn of(encoder: &dyn Encoder, rows: &dyn Rows, backend: &Backend, control: &Control) -> Result<Self> {
        let concepts = encoder.concept_count();
        let _claim =
            Claim::of(concepts.saturating_mul(CONCEPT_BYTES), &format!("the distributions of {concepts} concepts"))?;
        let mut sums = Sums { moments: vec![0.0; 2 * concepts], bins: vec![BTreeMap::new(); concepts] };
        match (backend, encoder.linear()) {
            (Backend::Device(device), Some(linear)) => {
                sums.add_on(&DeviceTiles::new(rows, device), &linear, control)?;
            }
            (Backend::Device(_), None) => sums.add(rows, encoder, 0, control)?,
            (Backend::Cpu { threads }, _) => sums.add(rows, encoder, *threads, control)?,
        }
        sums.finish(rows)
    }

    /// How many rows the fit had.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// How many concepts there are.
    pub fn concept_count(&self) -> usize {
        self.means.len()
    }

    /// The mean of a concept's codes; 0 for an index beyond the last.
    pub fn mean(&self, concept: usize) -> f64 {
        self.means.get(concept).copied().unwrap_or(0.0)
    }

    /// The standard deviation of a concept's codes, divided by the number of rows; 0 for an index beyond the last.
    pub fn deviation(&self, concept: usize) -> f64 {
        self.deviations.get(concept).copied().unwrap_or(0.0)
    }

    /// How many standard deviations a code lies above the mean of its concept; 0 for a concept whose codes are all the same.
    pub fn standard_score(&self, concept: usize, code: f32) -> f32 {
        let (mean, deviation) = (self.mean(concept), self.deviation(concept));
        if deviation > 0.0 { ((f64::from(code) - mean) / deviation) as f32 } else { 0.0 }
    }

    /// The share of the rows whose code is smaller, in percent. Within the bin of the code it is interpolated.
    pub fn percentile(&self, concept: usize, code: f32) -> f32 {
        let bin = bin_of(code);
        let mut below = 0.0;
        for index in self.range(concept) {
            let count = self.counts[index] as f64;
            if self.bins[index] < bin {
                below += count;
            } else {
                if self.bins[index] == bin {
                    let (low, high) = (f64::from(lowest(bin)), f64::from(lowest(bin + 1)));
                    below += count * ((f64::from(code) - low) / (high - low)).clamp(0.0, 1.0);
                }
                break;
            }
        }
        (100.0 * below / self.row_count.max(1) as f64) as f32
    }

    /// The histogram of a concept's codes, ascending, without empty bins; none for an index beyond the last.
    pub fn histogram(&self, concept: usize) -> impl Iterator<Item = Bin> {
        self.range(concept).map(|index| {
            let bin = self.bins[index];
            Bin { low: lowest(bin), high: lowest(bin + 1), count: self.counts[index] }
        })
    }

    fn range(&self, concept: usize) -> Range<usize> {
        let end = |concept: usize| self.ends.get(concept).map_or(self.bins.len(), |end| *end as usize);
        if concept < self.ends.len() { concept.checked_sub(1).map_or(0, end)..end(concept) } else { 0..0 }
    }

    /// The tensors from which a file can restore it.
    pub(super) fn tensors(&self) -> Vec<NamedTensor<'_>> {
        let named = |name, dtype, length, bytes| NamedTensor { name, dtype, shape: vec![length], bytes };
        vec![
            named("code_means", Dtype::F64, self.means.len(), bytemuck::cast_slice(&self.means)),
            named("code_deviations", Dtype::F64, self.deviations.len(), bytemuck::cast_slice(&self.deviations)),
            named("code_bin_ends", Dtype::U64, self.ends.len(), bytemuck::cast_slice(&self.ends)),
            named("code_bin_counts", Dtype::U64, self.counts.len(), bytemuck::cast_slice(&self.counts)),
            named("code_bins", Dtype::U16, self.bins.len(), bytemuck::cast_slice(&self.bins)),
        ]
    }

    /// Reads it from the tensors of a file; `None` for a file without it.
    pub(super) fn read(tensors: &Tensors<'_>, concepts: usize) -> Result<Option<Self>> {
        if !tensors.has("code_means") {
            return Ok(None);
        }
        let (ends, counts) = (tensors.u64("code_bin_ends")?, tensors.u64("code_bin_counts")?);
        let found = Self {
            row_count: 0,
            means: tensors.f64("code_means", &[concepts])?,
            deviations: tensors.f64("code_deviations", &[concepts])?,
            bins: tensors.u16("code_bins")?,
            ends,
            counts,
        };
        found.checked().map(Some).ok_or_else(|| invalid("its distributions of codes are damaged".to_owned()))
    }

    /// Itself with its number of rows, where its parts go together.
    fn checked(mut self) -> Option<Self> {
        let whole = self.ends.len() == self.means.len()
            && self.ends.last().copied().unwrap_or(0) == self.bins.len() as u64
            && self.ends.is_sorted()
            && self.counts.len() == self.bins.len()
            && self.deviations.iter().all(|deviation| *deviation >= 0.0);
        if !whole {
            return None;
        }
        for concept in 0..self.concept_count() {
            let range = self.range(concept);
            let bins = &self.bins[range.clone()];
            let ascending = bins.windows(2).all(|pair| pair[0] < pair[1]);
            let are_bins = bins.iter().all(|&bin| usize::from(bin) < BIN_COUNT - 1);
            let rows = self.counts[range].iter().try_fold(0_u64, |sum, count| sum.checked_add(*count))?;
            if !ascending || !are_bins || (concept > 0 && rows != self.row_count) {
                return None;
            }
            self.row_count = rows;
        }
        Some(self)
    }
}

/// The bin of a code. Bins ascend with their codes; minus zero is zero.
fn bin_of(code: f32) -> u16 {
    let bits = (code + 0.0).to_bits();
    let ascending = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    (ascending >> (32 - BIN_BITS)) as u16
}

/// The smallest code of a bin.
fn lowest(bin: u16) -> f32 {
    let ascending = u32::from(bin) << (32 - BIN_BITS);
    f32::from_bits(if ascending >> 31 == 1 { ascending & !(1 << 31) } else { !ascending })
}

/// What a pass over rows adds up.
struct Sums {
    /// The sum of the codes of each concept, then that of their squares.
    moments: Vec<f64>,
    /// How many codes each bin of each concept has; zeros of sparse codes are not counted.
    bins: Vec<BTreeMap<u16, u64>>,
}

/// What a tile of rows adds: its sums, and how often each bin of each concept occurs.
struct Part {
    moments: Vec<f64>,
    runs: Vec<(u32, u16, u32)>,
}

impl Sums {
    /// Adds rows of the host.
    fn add(&mut self, rows: &dyn Rows, encoder: &dyn Encoder, threads: usize, control: &Control) -> Result<()> {
        let height = rows_at_a_time(encoder.concept_count());
        let count = |tile: Tile<'_>, (): &mut ()| Part::of(&encoder.codes(tile.values)?, tile.first);
        for_each_tile(rows, height, threads, control, count, |_, part| {
            self.take(part);
            Ok(())
        })
    }

    /// Adds rows on their device.
    fn add_on(&mut self, rows: &DeviceTiles<'_>, linear: &LinearEncoder<'_>, control: &Control) -> Result<()> {
        linear.for_each_code(rows, control, |range, codes| {
            self.take(Part::of(&Codes::Dense(codes), range.start)?);
            Ok(())
        })
    }

    fn take(&mut self, part: Part) {
        self.moments.iter_mut().zip(&part.moments).for_each(|(sum, more)| *sum += more);
        for (concept, bin, count) in part.runs {
            *self.bins[concept as usize].entry(bin).or_default() += u64::from(count);
        }
    }

    /// The distributions, of the rows of all processes together.
    fn finish(mut self, rows: &dyn Rows) -> Result<Distributions> {
        let mut row_count = [rows.row_count() as f64];
        add_across(rows, &mut row_count)?;
        let [row_count] = row_count;
        add_across(rows, &mut self.moments)?;
        if rows.reduce().is_some() {
            self.add_bins_across(rows)?;
        }
        let (sums, squares) = self.moments.split_at(self.bins.len());
        let means: Vec<f64> = sums.iter().map(|sum| sum / row_count).collect();
        let deviation = |(square, mean): (&f64, &f64)| (square / row_count - mean * mean).max(0.0).sqrt();
        let deviations = squares.iter().zip(&means).map(deviation).collect();
        let mut found = Distributions { row_count: row_count as u64, means, deviations, ..Distributions::default() };
        for mut bins in self.bins {
            let zeros = found.row_count - bins.values().sum::<u64>();
            if zeros > 0 {
                *bins.entry(bin_of(0.0)).or_default() += zeros;
            }
            found.bins.extend(bins.keys());
            found.counts.extend(bins.values());
            found.ends.push(found.bins.len() as u64);
        }
        Ok(found)
    }

    fn add_bins_across(&mut self, rows: &dyn Rows) -> Result<()> {
        for bins in self.bins.chunks_mut(CONCEPTS_AT_A_TIME) {
            let mut counts = vec![0.0; bins.len() * BIN_COUNT];
            for (bins, counts) in bins.iter().zip(counts.chunks_exact_mut(BIN_COUNT)) {
                bins.iter().for_each(|(bin, count)| counts[usize::from(*bin)] = *count as f64);
            }
            add_across(rows, &mut counts)?;
            for (bins, counts) in bins.iter_mut().zip(counts.chunks_exact(BIN_COUNT)) {
                let all = (0_u16..).zip(counts).filter(|(_, count)| **count > 0.0);
                *bins = all.map(|(bin, count)| (bin, *count as u64)).collect();
            }
        }
        Ok(())
    }
}

impl Part {
    /// Counts the codes of a tile, whose first row has that index.
    fn of(codes: &Codes, first: usize) -> Result<Self> {
        let concepts = codes.concept_count();
        let mut part = Self { moments: vec![0.0; 2 * concepts], runs: Vec::new() };
        let (sums, squares) = part.moments.split_at_mut(concepts);
        let mut add = |concept: usize, code: f32| {
            sums[concept] += f64::from(code);
            squares[concept] += f64::from(code) * f64::from(code);
        };
        let mut sparse: Vec<(u32, u16)> = Vec::new();
        let mut dense: Vec<&[f32]> = Vec::new();
        for (row, codes) in codes.rows().enumerate() {
            if let Some((concept, code)) = codes.first_not_finite() {
                return Err(Error::new(
                    ErrorCode::InvalidData,
                    format!("row {} gives concept {concept} the code {code}", first + row),
                )
                .hint("scale the rows so that they are neither tiny nor huge"));
            }
            match codes {
                RowCodes::Dense(codes) => {
                    codes.iter().enumerate().for_each(|(concept, code)| add(concept, *code));
                    dense.push(codes);
                }
                RowCodes::Sparse(concepts, codes) => {
                    for (concept, code) in concepts.iter().zip(codes) {
                        add(*concept as usize, *code);
                        sparse.push((*concept, bin_of(*code)));
                    }
                }
            }
        }
        sparse.sort_unstable();
        part.add_runs(sparse);
        if !dense.is_empty() {
            part.add_columns(&dense);
        }
        Ok(part)
    }

    /// Adds bins that occur, in ascending order.
    fn add_runs(&mut self, ascending: impl IntoIterator<Item = (u32, u16)>) {
        for (concept, bin) in ascending {
            match self.runs.last_mut() {
                Some((last, of, count)) if (*last, *of) == (concept, bin) => *count += 1,
                _ => self.runs.push((concept, bin, 1)),
            }
        }
    }

    /// Adds the bins of dense codes, concept by concept.
    fn add_columns(&mut self, rows: &[&[f32]]) {
        let mut counts = vec![0_u32; BIN_COUNT];
        let mut few = Vec::new();
        for concept in 0..rows[0].len() {
            let bins = rows.iter().map(|row| bin_of(row[concept]));
            // To look at all bins takes as long as to sort this many.
            if rows.len() < BIN_COUNT / 8 {
                few.extend(bins.map(|bin| (concept as u32, bin)));
                few.sort_unstable();
                self.add_runs(few.drain(..));
                continue;
            }
            bins.for_each(|bin| counts[usize::from(bin)] += 1);
            for (bin, count) in (0_u16..).zip(&mut counts).filter(|(_, count)| **count > 0) {
                self.runs.push((concept as u32, bin, std::mem::take(count)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concepts::device_tests::devices;
    use crate::concepts::{Dictionary, Explainer, Ica, IcaOptions};
    use crate::linalg::RandomState;
    use crate::rows::{Activations, RowSlice};

    const COLUMNS: usize = 3;

    fn values(rows: usize) -> Vec<f32> {
        let mut random = RandomState::new(3);
        (0..rows * COLUMNS).map(|_| random.normal().powi(3) as f32).collect()
    }

    /// Codes that are the columns of the rows, without or with a ReLU.
    fn columns(rectified: bool) -> Explainer {
        let one: Vec<f32> = (0..COLUMNS * COLUMNS).map(|at| f32::from(u8::from(at % (COLUMNS + 1) == 0))).collect();
        Dictionary { rectified, ..Dictionary::new(one.clone(), one, COLUMNS) }.explainer().unwrap()
    }

    fn distributions(explainer: &Explainer, values: &[f32], backend: &Backend) -> Distributions {
        let rows = RowSlice::new(values, COLUMNS).unwrap();
        Distributions::of(explainer.encoder(), &rows, backend, &Control::new()).unwrap()
    }

    const CPU: Backend = Backend::Cpu { threads: 2 };

    #[test]
    fn bins_are_ascending_and_a_tenth_as_wide_as_their_codes() {
        let mut last = f32::MIN;
        for bin in bin_of(f32::MIN)..=bin_of(f32::MAX) {
            let (low, high) = (lowest(bin), lowest(bin + 1));
            assert!(low >= last && (low < high || low == 0.0), "{bin}: {low} {high}");
            if low.is_finite() {
                assert_eq!(bin_of(low), bin, "{low}");
            }
            if low.abs() > f32::MIN_POSITIVE && high.is_finite() {
                assert!((high - low).abs() <= low.abs() * 0.126, "{low} {high}");
            }
            last = low;
        }
        assert_eq!((bin_of(-0.0), lowest(bin_of(0.0))), (bin_of(0.0), 0.0));
    }

    #[test]
    fn moments_and_percentiles_are_those_of_the_sorted_codes() {
        let values = values(9000);
        for rectified in [false, true] {
            let found = distributions(&columns(rectified), &values, &CPU);
            assert_eq!((found.row_count(), found.concept_count()), (9000, COLUMNS));
            for concept in 0..COLUMNS {
                let code = |row: &[f32]| if rectified { row[concept].max(0.0) } else { row[concept] };
                let mut codes: Vec<f32> = values.chunks(COLUMNS).map(code).collect();
                codes.sort_by(f32::total_cmp);
                let mean = codes.iter().map(|code| f64::from(*code)).sum::<f64>() / 9000.0;
                let variance = codes.iter().map(|code| (f64::from(*code) - mean).powi(2)).sum::<f64>() / 9000.0;
                assert!(
                    (found.mean(concept) - mean).abs() < 1e-9
                        && (found.deviation(concept) - variance.sqrt()).abs() < 1e-9
                );
                assert!((f64::from(found.standard_score(concept, 2.0)) - (2.0 - mean) / variance.sqrt()).abs() < 1e-6);
                for rank in [0, 3, 100, 4000, 4600, 7000, 8990, 8999] {
                    let below = codes.partition_point(|code| *code < codes[rank]) as f32 / 90.0;
                    let percentile = found.percentile(concept, codes[rank]);
                    // A bin of heavy-tailed codes has a few percent of the rows at most.
                    assert!((percentile - below).abs() < 1.0, "{rank}: {percentile} instead of {below}");
                }
                assert!((found.percentile(concept, 1e30) - 100.0).abs() < 1e-4);
                assert_eq!(found.histogram(concept).map(|bin| bin.count).sum::<u64>(), 9000);
            }
        }
    }

    #[test]
    fn threads_tiles_and_devices_count_the_same() {
        let values = values(9000);
        let explainer = columns(false);
        let expected = distributions(&explainer, &values, &Backend::Cpu { threads: 1 });
        assert_eq!(distributions(&explainer, &values, &Backend::Cpu { threads: 7 }), expected);
        for device in devices() {
            let found = distributions(&explainer, &values, &Backend::Device(device));
            assert_eq!((&found.bins, &found.counts, &found.ends), (&expected.bins, &expected.counts, &expected.ends));
            let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
            assert!(found.means.iter().zip(&expected.means).all(near));
            assert!(found.deviations.iter().zip(&expected.deviations).all(near));
        }
    }

    #[test]
    fn a_fit_has_the_distributions_of_its_rows_and_keeps_them_in_its_file() {
        let activations = Activations::from_rows(values(3000), COLUMNS, None).unwrap();
        let fitted = Explainer::fit::<Ica>(&activations, &IcaOptions::new(2), &Control::new()).unwrap();
        let found = fitted.distributions().unwrap();
        // Codes of ICA are white.
        assert!(
            (0..2).all(|concept| found.mean(concept).abs() < 1e-5 && (found.deviation(concept) - 1.0).abs() < 1e-4)
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("explainer");
        fitted.save(&path).unwrap();
        assert_eq!(Explainer::open(&path).unwrap().distributions(), Some(found));
    }

    #[test]
    fn damaged_distributions_are_an_error() {
        let found = distributions(&columns(false), &values(50), &CPU);
        assert!(found.clone().checked().is_some());
        let damaged: [fn(&mut Distributions); 5] = [
            |found| found.ends[0] = found.ends[1] + 1,
            |found| found.counts[0] += 1,
            |found| found.bins.swap(0, 1),
            |found| found.bins[1] = u16::MAX,
            |found| found.deviations[0] = -1.0,
        ];
        for damage in damaged {
            let mut found = found.clone();
            damage(&mut found);
            assert!(found.checked().is_none());
        }
    }
}
