//! Training: a sparse autoencoder learns to reconstruct rows from few codes, with Adam, batch by batch.
//!
//! The rows are read in blocks, shuffled together and cut into batches ([`schedule`]). They are scaled so that their columns have
//! the variance 1 on average, which is folded into the weights at the end, and begin at their geometric median ([`start`]). The
//! rows of the dictionary have the norm 1. Concepts that no row has learn what the others leave unexplained, as in Gao and others,
//! "Scaling and evaluating sparse autoencoders" (2024); the weight of a penalty follows the number of codes.

mod batch;
mod checkpoint;
mod device;
#[cfg(test)]
mod device_tests;
mod finish;
mod kernel;
mod options;
mod restart;
mod schedule;
mod start;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod update;
mod vectors;

use std::time::{Duration, Instant};

pub use kernel::ThresholdKernel;
pub use options::{SaeKind, SaeOptions};

use super::SparseAutoencoder;
use crate::concepts::backend::Backend;
use crate::concepts::{Explainer, FitReport, Method};
use crate::control::{Control, Stage};
use crate::device::DeviceChoice;
use crate::error::{Error, ErrorCode, Result};
use crate::log::LogLevel;
use crate::memory::Claim;
use crate::parallel::while_awake;
use crate::rows::{Activations, Provenance, Rows};
use crate::workers::Workers;
use device::DeviceTrainer;
use finish::Data;
use schedule::{Batches, Schedule};
use state::State;
use step::{Measured, Settings, Trainer};

/// Trains sparse autoencoders.
///
/// The report measures, on rows that were held out: `fvu`, the fraction of variance unexplained; `l0`, how many codes a row has on
/// average; `loss`, the squared error of a row; and the shares of concepts that are `dead`, which no row has, and `dense`, which
/// more than a tenth of the rows have.
///
/// Memory: the weights and the dictionary four times, with their moments and once more for what is trained; the rows that are
/// shuffled together; for each row of a batch a value of each concept. With [`SaeOptions::device`] the device has the weights and
/// the dictionary three times, and about ten values of each row of a batch and concept.
///
/// Errors: [`ErrorCode::InvalidArgument`] for invalid options or no rows; [`ErrorCode::InvalidData`] naming the row and column of a
/// value that is not finite, for rows that are all the same, or where the training diverged; [`ErrorCode::Unsupported`] for rows that
/// are spread over processes; [`ErrorCode::Mismatch`] for a checkpoint of another training; [`ErrorCode::OutOfMemory`];
/// [`ErrorCode::Cancelled`].
///
/// ```no_run
/// use eidos::{Activations, Control, Explainer, Sae, SaeOptions};
/// # let activations = Activations::from_rows(vec![0.0; 2000], 2, None)?;
/// let explainer = Explainer::fit::<Sae>(&activations, &SaeOptions::new(4096), &Control::new())?;
/// println!("{:?}", explainer.report().measure("fvu"));
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug)]
pub struct Sae;

impl Method for Sae {
    const NAME: &'static str = super::NAME;
    type Options = SaeOptions;
    type Model = SparseAutoencoder;

    fn placement(options: &SaeOptions) -> (DeviceChoice, usize) {
        (DeviceChoice::Cpu, options.threads)
    }

    fn fit(rows: &dyn Rows, options: &SaeOptions, control: &Control) -> Result<(SparseAutoencoder, FitReport)> {
        train(rows, None, options, control)
    }
}

impl Sae {
    /// Trains a transcoder: an autoencoder that reads the rows of one module and gives those of another, such as the input and the
    /// output of an MLP. Both have the same units, row by row.
    ///
    /// # Errors
    /// Those of the method; [`ErrorCode::Mismatch`] for rows of other units.
    pub fn transcoder(
        inputs: &Activations,
        outputs: &Activations,
        options: &SaeOptions,
        control: &Control,
    ) -> Result<Explainer> {
        let unit = |activations: &Activations, row: usize| {
            (activations.unit(row).map(str::to_owned), activations.unit_span(row))
        };
        let rows = inputs.row_count().min(outputs.row_count());
        if let Some(row) = (0..rows).find(|&row| unit(inputs, row) != unit(outputs, row)) {
            let name = |activations: &Activations| activations.unit(row).unwrap_or_default().to_owned();
            return Err(Error::new(
                ErrorCode::Mismatch,
                format!("row {row} stands for `{}` in the one and `{}` in the other", name(inputs), name(outputs)),
            )
            .hint("collect both from the same texts, with the same units"));
        }
        let provenances = [inputs.provenance().clone(), outputs.provenance().clone()];
        Self::transcoder_rows(inputs, outputs, provenances, options, control)
    }

    /// Trains a transcoder as [`Sae::transcoder`], on rows that may be read from anywhere, such as from a model that makes them. It
    /// remembers where both come from.
    ///
    /// # Errors
    /// Those of the method; [`ErrorCode::Mismatch`] for another number of rows.
    pub fn transcoder_rows(
        inputs: &dyn Rows,
        outputs: &dyn Rows,
        [provenance, of_outputs]: [Provenance; 2],
        options: &SaeOptions,
        control: &Control,
    ) -> Result<Explainer> {
        let mut stored =
            serde_json::to_value(options).map_err(|error| Error::internal(format!("cannot write options: {error}")))?;
        stored["output_split_point"] = serde_json::json!(of_outputs.split_point);
        let placement = <Self as Method>::placement(options);
        Explainer::fit_with(inputs, provenance, stored, placement, control, |rows| {
            train(rows, Some(outputs), options, control)
        })
    }
}

/// For how long steps run before their progress is told and a cancel is looked at.
const UNTIL_PROGRESS: Duration = Duration::from_millis(50);
/// The recommended width of the kernel of thresholds, where rows are scaled: a third of a code, about.
const BANDWIDTH: f32 = 1.0;
/// How many times the measures are logged.
const MESSAGES: usize = 20;

/// Trains an autoencoder, or a transcoder where there are rows of an output.
pub(in crate::concepts) fn train(
    rows: &dyn Rows,
    targets: Option<&dyn Rows>,
    options: &SaeOptions,
    control: &Control,
) -> Result<(SparseAutoencoder, FitReport)> {
    options.check()?;
    let settings = settings(rows, targets, options)?;
    let schedule =
        Schedule::new(rows.row_count(), options.held_out, options.batch_rows, options.shuffled_rows, options.seed)?;
    let settings = Settings { batch_rows: schedule.batch_rows(), ..settings };
    let steps = options.steps_for(rows.row_count());
    control.begin(Stage::Fit, steps as u64)?;
    let weights = settings.concepts.saturating_mul(settings.columns.saturating_add(settings.outputs));
    let bytes = weights.saturating_mul(4 * size_of::<f32>()).saturating_add(Trainer::bytes(&settings));
    let _claim = Claim::of(bytes, &format!("the training of {} concepts", settings.concepts))?;

    let about = about(rows, &settings, options, steps)?;
    let read = options.checkpoint.as_deref().map(|path| checkpoint::read(path, &about, &settings)).transpose()?;
    let mut state = match read.flatten() {
        Some(state) => state,
        None => start::start(rows, targets, &schedule, &settings, options.penalty, options.seed, control)?,
    };
    let keep = |run: &Run<'_>, state: &mut State| {
        let Some(path) = options.checkpoint.as_deref() else { return Ok(()) };
        run.store(state)?;
        checkpoint::write(path, &about, state, &settings)
    };
    control.advance(state.step as u64)?;
    let backend = Backend::open(options.device, options.threads, rows, control)?;
    let mut run =
        Run::new(rows, targets, &schedule, &settings, &state, Rates::of(options, &settings, steps), &backend)?;
    let workers = Workers::default();
    let team = workers.team(options.threads, settings.batch_rows)?;
    while state.step < steps {
        let until = match options.checkpoint_every {
            0 => steps,
            every => steps.min((state.step / every + 1) * every),
        };
        // Not within the team: where a model makes the rows, it takes threads of its own.
        if let Err(error) = run.batches.read() {
            if error.code() == ErrorCode::Cancelled {
                keep(&run, &mut state)?;
            }
            return Err(error);
        }
        let (before, mut result) = (state.step, Ok(Measured::default()));
        team.scope(|scope| {
            scope.spawn(|_| result = while_awake(team.count(), || run.steps(&mut state, until)));
        })?;
        let measured = result?;
        if !measured.squares.is_finite() {
            let message = format!("the training diverged before step {}: its loss is {}", state.step, measured.squares);
            return Err(Error::new(ErrorCode::InvalidData, message).hint("lower the learning rate"));
        }
        log(control, &settings, &state, before, steps, measured);
        if state.step == until && until < steps {
            keep(&run, &mut state)?;
        }
        if let Err(error) = control.advance((state.step - before) as u64) {
            keep(&run, &mut state)?;
            return Err(error);
        }
    }
    if options.checkpoint_every > 0 {
        keep(&run, &mut state)?;
    }
    run.store(&mut state)?;
    drop(run);
    let data = Data { rows, targets, schedule: &schedule, threads: options.threads };
    let model = finish::model(&state, &settings, &data, control)?;
    let report = finish::report(&model, steps, &data, control)?;
    report.warnings.iter().for_each(|warning| control.log(LogLevel::Warning, c"fit", || warning.clone()));
    Ok((model, report))
}

/// The settings that the options and rows give.
fn settings(rows: &dyn Rows, targets: Option<&dyn Rows>, options: &SaeOptions) -> Result<Settings> {
    let wrong = |code, message: String, remedy: &str| Err(Error::new(code, message).hint(remedy));
    if rows.reduce().is_some() || targets.is_some_and(|targets| targets.reduce().is_some()) {
        return wrong(
            ErrorCode::Unsupported,
            "a sparse autoencoder is trained in one process, not on rows that are spread over several".to_owned(),
            "train it on the rows of one process",
        );
    }
    if let Some(found) = targets.map(Rows::row_count).filter(|found| *found != rows.row_count()) {
        return wrong(
            ErrorCode::Mismatch,
            format!("there are {} rows to read and {found} rows to give", rows.row_count()),
            "collect both from the same texts, with the same units",
        );
    }
    if options.kind == SaeKind::MatchingPursuit && targets.is_some() {
        return wrong(
            ErrorCode::InvalidArgument,
            "a transcoder cannot be trained by matching pursuit, which takes from a row what it gives".to_owned(),
            "choose another kind, such as batch-top-k",
        );
    }
    let columns = rows.column_count();
    let (concepts, k) = (options.concept_count, options.k_for(columns));
    // What is as frequent as all others is in a row of so many.
    let each = |rows: usize| rows.saturating_mul(concepts) / k;
    let dead_after = match (options.dead_after, options.kind) {
        // The concepts of its last group have few codes left to them, and begin anew in vain where they have no time to learn.
        (0, SaeKind::Matryoshka) => {
            let trained = options.steps_for(rows.row_count()).saturating_mul(options.batch_rows);
            each(1000).min(trained / 20).max(each(50))
        }
        (0, SaeKind::MatchingPursuit) => each(50),
        // Concepts of words are far from being as frequent as each other. Where most of them are taken for dead, nothing is learned.
        (0, _) => each(200).max(options.batch_rows.saturating_mul(20)),
        (rows, _) => rows,
    };
    let groups = match options.kind {
        // An eighth of the concepts, a quarter, a half and all, as far as there are as many as a row has.
        SaeKind::Matryoshka => [8, 4, 2, 1].iter().map(|share| concepts / share).filter(|&end| end >= k).collect(),
        _ => vec![concepts],
    };
    Ok(Settings {
        kind: options.kind,
        k,
        concepts,
        columns,
        outputs: targets.map_or(columns, Rows::column_count),
        groups,
        batch_rows: options.batch_rows,
        dead_weight: options.dead_weight as f32,
        restarts: options.restart_dead,
        dead_after: dead_after as u64,
        kernel: options.kernel,
        half_bandwidth: 0.5 * if options.bandwidth > 0.0 { options.bandwidth as f32 } else { BANDWIDTH },
        adapts: options.penalty == 0.0 && matches!(options.kind, SaeKind::Vanilla | SaeKind::JumpRelu | SaeKind::Gated),
        threads: if options.threads == 0 { usize::MAX } else { options.threads },
    })
}

/// What a checkpoint says of its training: another one cannot go on from it.
fn about(rows: &dyn Rows, settings: &Settings, options: &SaeOptions, steps: usize) -> Result<String> {
    let options =
        serde_json::to_value(options).map_err(|error| Error::internal(format!("cannot write options: {error}")))?;
    let sizes = [rows.row_count(), settings.columns, settings.outputs, steps];
    Ok(serde_json::json!({ "version": 1, "options": options, "sizes": sizes }).to_string())
}

fn log(control: &Control, settings: &Settings, state: &State, before: usize, steps: usize, measured: Measured) {
    let part = |step: usize| step * MESSAGES / steps;
    if part(state.step) == part(before) {
        return;
    }
    control.log(LogLevel::Info, c"fit", || {
        let rows = settings.batch_rows as f64;
        let loss = measured.squares / rows;
        format!(
            "step {} of {steps}: loss {loss:.4}, fraction of variance unexplained {:.4}, l0 {:.2}, {} dead",
            state.step,
            loss / settings.outputs as f64,
            measured.codes as f64 / rows,
            measured.dead
        )
    });
}

/// The learning rate of each step.
#[derive(Debug, Clone, Copy)]
struct Rates {
    rate: f64,
    steps: usize,
    warm_up: f64,
    decay: f64,
}

impl Rates {
    fn of(options: &SaeOptions, settings: &Settings, steps: usize) -> Self {
        let recommended = (1e-3 * (16384.0 / settings.concepts as f64).sqrt()).clamp(2.5e-4, 5e-3);
        let rate = if options.learning_rate > 0.0 { options.learning_rate } else { recommended };
        Self { rate, steps, warm_up: options.warm_up * steps as f64, decay: options.decay * steps as f64 }
    }

    /// Whether the learning rate is not falling yet.
    fn is_high(self, step: usize) -> bool {
        (self.steps - step) as f64 > self.decay
    }

    fn at(self, step: usize) -> f64 {
        let share = |done: usize, all: f64| if all > 0.0 { (done as f64 / all).min(1.0) } else { 1.0 };
        self.rate * share(step + 1, self.warm_up) * share(self.steps - step, self.decay)
    }
}

/// What computes the steps.
enum Steps {
    OnCpu(Trainer),
    OnDevice(DeviceTrainer),
}

/// The steps of a training.
struct Run<'a> {
    batches: Batches<'a>,
    trainer: Steps,
    rates: Rates,
    restarts: bool,
    batch: Vec<f32>,
    /// What the rows of a transcoder are to become; otherwise empty.
    wanted: Vec<f32>,
}

impl<'a> Run<'a> {
    fn new(
        rows: &'a dyn Rows,
        targets: Option<&'a dyn Rows>,
        schedule: &'a Schedule,
        settings: &Settings,
        state: &State,
        rates: Rates,
        backend: &Backend,
    ) -> Result<Self> {
        let trainer = match backend {
            Backend::Cpu { .. } => Steps::OnCpu(Trainer::new(settings.clone())?),
            Backend::Device(device) => Steps::OnDevice(DeviceTrainer::new(settings.clone(), state, device)?),
        };
        Ok(Self {
            batches: Batches::new(rows, targets, schedule, state.step)?,
            trainer,
            rates,
            restarts: settings.restarts,
            batch: vec![0.0; settings.batch_rows * settings.columns],
            wanted: vec![0.0; if targets.is_some() { settings.batch_rows * settings.outputs } else { 0 }],
        })
    }

    /// Makes steps for a while, at most until that one, or until other rows are to be read.
    fn steps(&mut self, state: &mut State, until: usize) -> Result<Measured> {
        let begin = Instant::now();
        loop {
            let measured = self.step(state)?;
            if state.step >= until || begin.elapsed() >= UNTIL_PROGRESS || !self.batches.is_read() {
                return Ok(measured);
            }
        }
    }

    fn step(&mut self, state: &mut State) -> Result<Measured> {
        let [input, output] = state.factors;
        let rate = self.rates.at(state.step);
        self.batches.next(&mut self.batch, &mut self.wanted)?;
        self.wanted.iter_mut().for_each(|value| *value *= output);
        self.batch.iter_mut().for_each(|value| *value *= input);
        let wanted = if self.wanted.is_empty() { &self.batch } else { &self.wanted };
        // What begins anew needs time to learn.
        let restarts = self.restarts && self.rates.is_high(state.step);
        match &mut self.trainer {
            Steps::OnCpu(trainer) => trainer.step(state, &self.batch, wanted, rate, restarts),
            Steps::OnDevice(trainer) => trainer.step(state, &self.batch, wanted, rate, restarts),
        }
    }

    /// Completes the state on the host.
    fn store(&self, state: &mut State) -> Result<()> {
        match &self.trainer {
            Steps::OnCpu(_) => Ok(()),
            Steps::OnDevice(trainer) => trainer.store(state),
        }
    }
}
