//! The end of a training: the model of its state, and how good it is on rows that it was not trained on.

use super::options::SaeKind;
use super::schedule::{BLOCK, Schedule, read_blocks};
use super::state::State;
use super::step::Settings;
use crate::concepts::rows_at_a_time;
use crate::concepts::sae::{AutoencoderParts, SaeActivation, SparseAutoencoder};
use crate::concepts::{Codes, Decoder, Encoder, FitReport, RowCodes};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::parallel::in_order;
use crate::rows::Rows;
use crate::workers::Workers;

/// How many of the training rows say which concepts are dead.
const SAMPLE: usize = 1 << 16;
/// How many rows say what the threshold of a batch-top-k autoencoder is, each with `k` codes. They are rows that were held out where
/// there are so many of them at least: rows that were trained on have fewer codes above a threshold than others.
const THRESHOLD_SAMPLE: usize = 1 << 14;
const LEAST_HELD_OUT: usize = 1 << 10;
/// A concept is dense when more than this share of the rows have it.
const DENSE: f64 = 0.1;

/// The rows of a training.
pub(super) struct Data<'a> {
    pub(super) rows: &'a dyn Rows,
    /// The rows of the output of a transcoder.
    pub(super) targets: Option<&'a dyn Rows>,
    pub(super) schedule: &'a Schedule,
    pub(super) threads: usize,
}

impl Data<'_> {
    /// Calls `map` with blocks of rows and of what they are to become, and `absorb` with what it returns, in order.
    fn for_each<T: Send>(
        &self,
        blocks: &[u32],
        concepts: usize,
        control: &Control,
        map: impl Fn(&[f32], &[f32]) -> Result<T> + Sync,
        mut absorb: impl FnMut(T),
    ) -> Result<()> {
        let at_a_time = (rows_at_a_time(concepts) / BLOCK).max(1);
        let work = |part: usize, (rows, targets): &mut (Vec<f32>, Vec<f32>)| {
            let blocks = &blocks[part * at_a_time..blocks.len().min((part + 1) * at_a_time)];
            let read = |from: &dyn Rows, values: &mut Vec<f32>| {
                values.resize(self.schedule.rows_of(blocks) * from.column_count(), 0.0);
                read_blocks(from, self.schedule, blocks, values)
            };
            read(self.rows, rows)?;
            if let Some(from) = self.targets {
                read(from, targets)?;
            }
            map(rows, if self.targets.is_some() { targets } else { rows })
        };
        in_order(&Workers::default(), blocks.len().div_ceil(at_a_time), self.threads, control, work, |_, part| {
            absorb(part);
            Ok(())
        })
    }

    /// Some of the blocks, at most about so many rows from all over them.
    fn sample(blocks: &[u32], rows: usize) -> Vec<u32> {
        let every = blocks.len().div_ceil(rows / BLOCK).max(1);
        blocks.iter().copied().step_by(every).collect()
    }

    /// The blocks whose rows say what a threshold is.
    fn for_threshold(&self) -> Vec<u32> {
        let held_out = self.schedule.held_out();
        let is_enough = self.schedule.rows_of(held_out) >= LEAST_HELD_OUT;
        Self::sample(if is_enough { held_out } else { self.schedule.training() }, THRESHOLD_SAMPLE)
    }
}

/// The model of a state, for rows as they are.
pub(super) fn model(
    state: &State,
    settings: &Settings,
    data: &Data<'_>,
    control: &Control,
) -> Result<SparseAutoencoder> {
    let concepts = settings.concepts;
    let activation = match settings.kind {
        SaeKind::Vanilla => SaeActivation::Relu,
        SaeKind::TopK => SaeActivation::TopK { k: settings.k, signed: false },
        SaeKind::JumpRelu => {
            SaeActivation::JumpRelu { thresholds: state.scalar(1).map(f32::exp).collect(), strict: true }
        }
        SaeKind::Gated => SaeActivation::Gated {
            magnitude_scale: state.scalar(2).map(f32::exp).collect(),
            magnitude_bias: state.scalar(1).collect(),
        },
        SaeKind::BatchTopK | SaeKind::Matryoshka => {
            SaeActivation::JumpRelu { thresholds: vec![0.0; concepts], strict: true }
        }
        SaeKind::MatchingPursuit => {
            SaeActivation::MatchingPursuit { steps: settings.k, least_residual: 0.0, stops_on_repeat: false }
        }
    };
    let is_transcoder = data.targets.is_some();
    let parts = AutoencoderParts {
        bias: if settings.pursues() { Vec::new() } else { state.scalar(0).collect() },
        offset: state.centre().to_vec(),
        output_offset: state.offset.values.clone(),
        transcoder: is_transcoder,
        output_columns: settings.outputs,
        ..AutoencoderParts::new(
            state.encoder.values.clone(),
            state.dictionary.values.clone(),
            settings.columns,
            activation,
        )
    };
    let [input, output] = state.factors;
    let diverged = |error: Error| match error.code() {
        ErrorCode::InvalidData => {
            Error::new(ErrorCode::InvalidData, format!("the training diverged: {}", error.message()))
                .hint("lower the learning rate")
        }
        _ => error,
    };
    let mut parts = if settings.pursues() {
        // Atoms of the norm 1 pursue rows of any scale as they are.
        let divided = |offset: Vec<f32>| offset.into_iter().map(|value| value / input).collect();
        AutoencoderParts { offset: divided(parts.offset), output_offset: divided(parts.output_offset), ..parts }
    } else {
        parts.fold_factors(input, output).and_then(AutoencoderParts::fold_norms).map_err(diverged)?
    };
    if matches!(settings.kind, SaeKind::BatchTopK | SaeKind::Matryoshka) {
        let threshold = threshold(&SparseAutoencoder::new(parts.clone())?, settings.k, data, control)?;
        parts.activation = SaeActivation::JumpRelu { thresholds: vec![threshold; concepts], strict: true };
    }
    SparseAutoencoder::new(parts).map_err(diverged)
}

/// The threshold above which rows have `k` codes on average.
fn threshold(model: &SparseAutoencoder, k: usize, data: &Data<'_>, control: &Control) -> Result<f32> {
    let (mut largest, mut rows) = (Vec::new(), 0);
    let work = |rows: &[f32], _: &[f32]| {
        let codes = model.codes(rows)?;
        let (count, mut values) = (codes.row_count(), values_of(&codes));
        // Those of a row that the threshold can be among: codes are few, but for the first of many concepts.
        let most = count.saturating_mul(4 * k);
        if values.len() > most {
            values.select_nth_unstable_by(most, |left, right| right.total_cmp(left));
            values.truncate(most);
        }
        Ok((count, values))
    };
    data.for_each(&data.for_threshold(), model.concept_count(), control, work, |(count, values)| {
        rows += count;
        largest.extend(values);
    })?;
    let wanted = rows.saturating_mul(k);
    if largest.len() <= wanted {
        return Ok(0.0);
    }
    // The largest that is left out: a code that equals the threshold is none.
    Ok(*largest.select_nth_unstable_by(wanted, |left, right| right.total_cmp(left)).1)
}

fn values_of(codes: &Codes) -> Vec<f32> {
    codes
        .rows()
        .flat_map(|row| if let RowCodes::Sparse(_, values) = row { values } else { &[] }.iter().copied())
        .collect()
}

/// What rows measure.
#[derive(Default)]
struct Sums {
    rows: usize,
    squares: f64,
    totals: Vec<f64>,
    totals_of_squares: Vec<f64>,
    codes: usize,
    fired: Vec<u64>,
}

impl Sums {
    /// What the codes of rows measure, and with `is_judged` what they leave of the rows.
    fn of(model: &SparseAutoencoder, rows: &[f32], wanted: &[f32], is_judged: bool) -> Result<Self> {
        let outputs = model.output_width();
        let mut sums = Self { rows: wanted.len() / outputs, fired: vec![0; model.concept_count()], ..Self::default() };
        let all = model.codes(rows)?;
        for codes in all.rows() {
            if let RowCodes::Sparse(concepts, _) = codes {
                sums.codes += concepts.len();
                concepts.iter().for_each(|&concept| sums.fired[concept as usize] += 1);
            }
        }
        if !is_judged {
            return Ok(sums);
        }
        let mut found = vec![0.0; wanted.len()];
        // What is trained neither normalises rows nor adds them to the output.
        model.decode_sparse(&all, &mut found);
        sums.squares = found.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        sums.totals = vec![0.0; outputs];
        sums.totals_of_squares = vec![0.0; outputs];
        for row in wanted.chunks_exact(outputs) {
            for (column, &value) in row.iter().enumerate() {
                sums.totals[column] += f64::from(value);
                sums.totals_of_squares[column] += f64::from(value) * f64::from(value);
            }
        }
        Ok(sums)
    }

    fn add(&mut self, other: Self) {
        if self.rows == 0 {
            *self = other;
            return;
        }
        self.rows += other.rows;
        self.squares += other.squares;
        self.codes += other.codes;
        let add = |sums: &mut [f64], more: &[f64]| sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        add(&mut self.totals, &other.totals);
        add(&mut self.totals_of_squares, &other.totals_of_squares);
        self.fired.iter_mut().zip(&other.fired).for_each(|(sum, more)| *sum += more);
    }

    /// The sum of squares around the means of the columns.
    fn variance(&self) -> f64 {
        let columns = self.totals.iter().zip(&self.totals_of_squares);
        columns.map(|(sum, squares)| (squares - sum * sum / self.rows as f64).max(0.0)).sum()
    }
}

/// Measures a model on the rows that were held out, or on training rows where none were.
pub(super) fn report(model: &SparseAutoencoder, steps: usize, data: &Data<'_>, control: &Control) -> Result<FitReport> {
    let concepts = model.concept_count();
    let measure = |blocks: &[u32], is_judged: bool| {
        let mut sums = Sums::default();
        let work = |rows: &[f32], wanted: &[f32]| Sums::of(model, rows, wanted, is_judged);
        data.for_each(blocks, concepts, control, work, |part| sums.add(part))?;
        Ok::<_, Error>(sums)
    };
    let held_out = measure(data.schedule.held_out(), true)?;
    let training = measure(&Data::sample(data.schedule.training(), SAMPLE), held_out.rows == 0)?;
    let judged = if held_out.rows > 0 { &held_out } else { &training };
    let share = |count: usize| count as f64 / concepts as f64;
    let fired = |concept: usize| training.fired[concept] + held_out.fired.get(concept).copied().unwrap_or(0);
    let rows = training.rows + held_out.rows;
    let dead = (0..concepts).filter(|&concept| fired(concept) == 0).count();
    let dense = (0..concepts).filter(|&concept| fired(concept) as f64 > DENSE * rows as f64).count();
    let mut report = FitReport { converged: None, steps, ..FitReport::default() }
        .with("fvu", [judged.squares / judged.variance().max(f64::MIN_POSITIVE)])
        .with("l0", [judged.codes as f64 / judged.rows.max(1) as f64])
        .with("loss", [judged.squares / judged.rows.max(1) as f64])
        .with("dead", [share(dead)])
        .with("dense", [share(dense)]);
    if share(dead) > 0.1 {
        report.warnings.push(format!(
            "{dead} of {concepts} concepts are dead, none of {rows} rows has them: train for more steps, or ask for fewer concepts"
        ));
    }
    Ok(report)
}
