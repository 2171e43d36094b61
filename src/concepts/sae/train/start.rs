//! The start of a training: the scale of the rows, their geometric median, and random weights.

use super::options::SaeKind;
use super::schedule::{Schedule, read_blocks};
use super::state::{SCALARS, State, Trained};
use super::step::Settings;
use super::vectors::{add_scaled, normalise};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{RandomState, times_transposed, vectorised};
use crate::memory::filled;
use crate::rows::Rows;

/// How many rows the start is computed from.
const SAMPLE: usize = 8192;
/// How many iterations the geometric median takes at most, and what share of the scale it may still move by at its end.
const MEDIAN_STEPS: usize = 50;
const MEDIAN_TOLERANCE: f64 = 1e-5;

/// Rows from all over the training rows.
struct Sample {
    values: Vec<f32>,
    columns: usize,
}

impl Sample {
    fn of(rows: &dyn Rows, schedule: &Schedule, seed: u32) -> Result<Self> {
        let columns = rows.column_count();
        let mut blocks = schedule.training().to_vec();
        RandomState::new(seed).shuffle(&mut blocks);
        let mut taken = 0;
        blocks.retain(|&block| {
            let keeps = taken < SAMPLE;
            taken += if keeps { schedule.rows_of(&[block]) } else { 0 };
            keeps
        });
        blocks.sort_unstable();
        let length = taken.checked_mul(columns);
        let mut values = length.and_then(|length| filled(0.0, length)).ok_or_else(|| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {taken} rows of {columns} columns"))
                .hint("free some memory")
        })?;
        read_blocks(rows, schedule, &blocks, &mut values)?;
        Ok(Self { values, columns })
    }

    fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.columns)
    }

    /// The point with the least sum of distances to the rows (Weiszfeld): rows of huge norm do not move it.
    fn median(&self, control: &Control) -> Result<Vec<f64>> {
        let count = self.rows().len() as f64;
        let mut median = vec![0.0; self.columns];
        for row in self.rows() {
            median.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value) / count);
        }
        for _ in 0..MEDIAN_STEPS {
            control.check()?;
            let (mut sum, mut total, mut scale) = (vec![0.0; self.columns], 0.0, 0.0);
            for row in self.rows() {
                let distance = distance(row, &median).max(f64::from(f32::MIN_POSITIVE));
                sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value) / distance);
                total += 1.0 / distance;
                scale += distance / count;
            }
            let mut moved = 0.0;
            for (value, sum) in median.iter_mut().zip(sum) {
                let next = sum / total;
                moved += (next - *value).powi(2);
                *value = next;
            }
            if moved.sqrt() <= MEDIAN_TOLERANCE * scale {
                break;
            }
        }
        Ok(median)
    }

    /// The factor that gives the columns, less the offset, the variance 1 on average.
    fn factor(&self, offset: &[f64]) -> Result<f64> {
        let origin = vec![0.0; self.columns];
        let sum = |point: &[f64]| self.rows().map(|row| distance(row, point).powi(2)).sum::<f64>();
        let squares = sum(offset);
        let factor = (self.values.len() as f64 / squares).sqrt();
        // Values that differ at all differ by more than this share in 32 bits.
        if (factor as f32).is_normal() && squares > 1e-15 * sum(&origin) {
            return Ok(factor);
        }
        Err(Error::new(ErrorCode::InvalidData, "the rows are all the same, or out of the range of 32-bit floats")
            .hint("give rows that differ, and are neither tiny nor huge"))
    }

    /// The rows as they are trained on, less their offset.
    fn scale(&mut self, factor: f64, offset: &[f64]) {
        for row in self.values.chunks_exact_mut(self.columns) {
            row.iter_mut()
                .zip(offset)
                .for_each(|(value, offset)| *value = ((f64::from(*value) - offset) * factor) as f32);
        }
    }
}

fn distance(row: &[f32], point: &[f64]) -> f64 {
    row.iter().zip(point).map(|(&value, point)| (f64::from(value) - point).powi(2)).sum::<f64>().sqrt()
}

/// The state before the first step. Of a transcoder, `targets` are the rows of the output.
pub(super) fn start(
    rows: &dyn Rows,
    targets: Option<&dyn Rows>,
    schedule: &Schedule,
    settings: &Settings,
    penalty: f64,
    seed: u32,
    control: &Control,
) -> Result<State> {
    let (concepts, columns, outputs) = (settings.concepts, settings.columns, settings.outputs);
    let mut sample = Sample::of(rows, schedule, seed)?;
    let median = sample.median(control)?;
    let factor = sample.factor(&median)?;
    sample.scale(factor, &median);
    let scaled = |median: &[f64], factor: f64| median.iter().map(|value| (value * factor) as f32).collect::<Vec<f32>>();
    let mut random = RandomState::new(seed);
    let encoder = unit_rows(concepts, columns, || random.normal() as f32);
    let (dictionary, offset, input_offset, factors) = match targets {
        None => (encoder.clone(), scaled(&median, factor), Vec::new(), [factor as f32; 2]),
        Some(targets) => {
            let mut wanted = Sample::of(targets, schedule, seed)?;
            let offset = wanted.median(control)?;
            let output_factor = wanted.factor(&offset)?;
            wanted.scale(output_factor, &offset);
            let dictionary = regressed(&encoder, &sample, &wanted, control)?;
            (dictionary, scaled(&offset, output_factor), scaled(&median, factor), [factor as f32, output_factor as f32])
        }
    };
    // Pre-activations that most concepts do not reach: a row begins with the codes that it is to have, or twice as many, so that
    // thresholds and gates have more to choose from.
    let bounds = match settings.kind {
        SaeKind::Vanilla | SaeKind::JumpRelu | SaeKind::Gated => {
            let times = if settings.kind == SaeKind::Vanilla { 1.0 } else { 2.0 };
            let share = (times * settings.k as f64 / concepts as f64).min(0.5);
            quantiles(&encoder, &sample, share, control)?
        }
        SaeKind::TopK | SaeKind::BatchTopK | SaeKind::Matryoshka | SaeKind::MatchingPursuit => vec![0.0; concepts],
    };
    let scalars = bounds.iter().flat_map(|&bound| match settings.kind {
        SaeKind::JumpRelu => [0.0, bound.max(f32::MIN_POSITIVE).ln().max(-5.0), 0.0],
        _ => [-bound, 0.0, 0.0],
    });
    let scalars: Vec<f32> = scalars.collect();
    debug_assert_eq!(scalars.len(), concepts * SCALARS);
    // Random atoms overlap: codes as large as their products with a row add up to more than the row.
    let is_halved =
        targets.is_none() && matches!(settings.kind, SaeKind::TopK | SaeKind::BatchTopK | SaeKind::Matryoshka);
    let encoder = if is_halved { encoder.into_iter().map(|value| 0.5 * value).collect() } else { encoder };
    // The size of a code where a row has `k` of them: a penalty in its units.
    let code = (outputs as f64 / settings.k as f64).sqrt();
    let penalty = match settings.kind {
        _ if penalty > 0.0 => penalty,
        SaeKind::JumpRelu => 0.1 * code * code,
        _ => 0.2 * code,
    };
    Ok(State {
        encoder: Trained::new(encoder),
        dictionary: Trained::new(dictionary),
        scalars: Trained::new(scalars),
        offset: Trained::new(offset),
        input_offset,
        factors,
        silent: vec![0; concepts],
        penalty,
        lately: 0.0,
        step: 0,
    })
}

/// Random rows of the norm 1.
fn unit_rows(count: usize, columns: usize, mut next: impl FnMut() -> f32) -> Vec<f32> {
    let mut values: Vec<f32> = (0..count * columns).map(|_| next()).collect();
    values.chunks_exact_mut(columns).for_each(normalise);
    values
}

/// What each concept's pre-activation says about the output: the direction in which the output goes with it.
fn regressed(encoder: &[f32], sample: &Sample, wanted: &Sample, control: &Control) -> Result<Vec<f32>> {
    const AT_A_TIME: usize = 64;
    let (columns, outputs) = (sample.columns, wanted.columns);
    let count = sample.rows().len();
    let mut dictionary = Vec::with_capacity(encoder.len() / columns * outputs);
    let mut codes = vec![0.0; AT_A_TIME * count];
    for weights in encoder.chunks(AT_A_TIME * columns) {
        control.check()?;
        let codes = &mut codes[..weights.len() / columns * count];
        times_transposed(codes, weights, &sample.values, columns)?;
        for codes in codes.chunks_exact(count) {
            let mut atom = vec![0.0; outputs];
            vectorised(
                #[inline(always)]
                || {
                    for (&code, row) in codes.iter().zip(wanted.rows()) {
                        add_scaled(&mut atom, row, code.max(0.0));
                    }
                },
            );
            normalise(&mut atom);
            dictionary.extend(atom);
        }
    }
    Ok(dictionary)
}

/// The pre-activation of each concept that only a share of the rows is above.
fn quantiles(encoder: &[f32], sample: &Sample, share: f64, control: &Control) -> Result<Vec<f32>> {
    const AT_A_TIME: usize = 64;
    let (columns, count) = (sample.columns, sample.rows().len());
    let place = ((1.0 - share) * (count - 1) as f64) as usize;
    let mut quantiles = Vec::with_capacity(encoder.len() / columns);
    let mut codes = vec![0.0; AT_A_TIME * count];
    for weights in encoder.chunks(AT_A_TIME * columns) {
        control.check()?;
        let codes = &mut codes[..weights.len() / columns * count];
        times_transposed(codes, weights, &sample.values, columns)?;
        quantiles
            .extend(codes.chunks_exact_mut(count).map(|codes| *codes.select_nth_unstable_by(place, f32::total_cmp).1));
    }
    Ok(quantiles)
}
