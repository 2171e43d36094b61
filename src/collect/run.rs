//! One collection: the model runs over batches of texts, and the tokens of each unit become one row.
//!
//! Texts are taken in windows of consecutive texts. Within a window, texts of similar length share a batch, batches run side by
//! side, and each row has its place from the start, so the order in which batches finish does not matter. On the processor
//! threads run whole batches and pool them; for a device see `device.rs`.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};

use candle_core::Tensor;

use super::device::{Batch, Budget};
use super::options::CollectOptions;
use super::read_rows::ReadRows;
use super::transfer::{Pool, zeros};
use super::twins::Twins;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::linalg::first_not_finite;
use crate::log::LogLevel;
use crate::memory::Claim;
use crate::model::{PassOptions, SplitModel, plan_sharing};
use crate::parallel::while_awake;
use crate::text::{EncodedTexts, LeftOut};
use crate::workers::Workers;

/// The tokens of a batch from which on threads may share it: for fewer, to wake a thread takes longer than it saves.
const SHARED_TOKENS: u64 = 4;

/// The tokens of a batch up to which threads that share it do not sleep in between.
const AWAKE_TOKENS: u64 = 256;

/// What the model gives for the texts of a batch: a tensor for each matrix that is collected, of the rows of the first
/// text, then those of the second, and so on; of some of these rows alone, where the options name them.
pub(super) type Forward<'a> = &'a (dyn Fn(&EncodedTexts, &[usize], PassOptions<'_>) -> Result<Vec<Tensor>> + Sync);

/// One collection: what stays the same for all its windows.
pub(super) struct Run<'a> {
    pub model: &'a SplitModel,
    pub options: &'a CollectOptions,
    pub forward: Forward<'a>,
    /// The columns of each matrix, and the split point that it is of.
    pub matrices: Vec<(usize, String)>,
    /// Whether the model gives one row for each text, not one for each token.
    pub row_per_text: bool,
    /// What runs once though it occurs several times.
    pub once: Once,
    /// Whether batches run as they do on a device.
    pub on_device: bool,
    /// How large they are there.
    pub budget: Budget,
    /// What pools their rows there, once there was a batch.
    pub pool: OnceLock<Pool>,
}

/// What runs once though it occurs several times, because the model gives the same for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Once {
    /// Texts that are the same.
    pub texts: bool,
    /// Tokens that several texts of a batch begin with, where the model can: `forward` does so.
    pub prefixes: bool,
}

impl Once {
    /// Both, or neither where something changes what the model gives.
    pub fn unless(changed: bool) -> Self {
        Self { texts: !changed, prefixes: !changed }
    }
}

/// Consecutive texts whose rows are made together.
#[derive(Clone)]
pub(super) struct Window<'a> {
    pub encoded: &'a EncodedTexts,
    pub texts: Range<usize>,
    /// How many texts and rows come before those of `encoded`.
    pub before: (usize, usize),
}

/// The rows of one window, one matrix per split point.
pub(super) type WindowRows = Vec<Vec<f32>>;

impl<'a> Window<'a> {
    /// Batches of its texts.
    pub fn batches(&self, batches: &'a [Vec<usize>]) -> impl Iterator<Item = Result<Batch<'a>>> + Send + use<'a> {
        let window = self.clone();
        batches.iter().map(move |texts| Ok(Batch { window: window.clone(), texts }))
    }

    /// The rows of its texts.
    pub fn rows(&self) -> Range<usize> {
        self.encoded.text_units[self.texts.start]..self.encoded.text_units[self.texts.end]
    }

    /// Those of its texts that have rows.
    pub fn texts_with_rows(&self) -> Vec<usize> {
        self.texts.clone().filter(|&text| !self.encoded.units_of(text).is_empty()).collect()
    }

    /// How many tokens some texts have.
    pub fn tokens_of(&self, texts: &[usize]) -> u64 {
        texts.iter().map(|&text| self.encoded.ids(text).len() as u64).sum()
    }
}

/// Why a window has no rows.
#[derive(Debug)]
pub(super) enum Failure {
    /// A row is not made of numbers.
    NotFinite(NotFinite),
    /// Something else went wrong.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<NotFinite> for Failure {
    fn from(found: NotFinite) -> Self {
        Self::NotFinite(found)
    }
}

impl Failure {
    /// The error, for the caller. `unit` gives the string of a unit of the window's texts.
    pub fn named(self, unit: impl FnOnce(usize) -> String) -> Error {
        match self {
            Self::NotFinite(found) => found.named(unit),
            Self::Other(error) => error,
        }
    }
}

/// A value of a row that is not a number: it would make every mean, every concept and every file that it goes into useless, far
/// from where it came from.
#[derive(Debug)]
pub(super) struct NotFinite {
    /// What it is, where that is known.
    pub value: Option<f32>,
    /// The text and the unit among those of the window's texts.
    pub text: usize,
    pub unit: usize,
    pub column: usize,
    pub split_point: String,
    /// How many texts and rows come before these.
    pub before: (usize, usize),
}

impl NotFinite {
    fn named(self, unit: impl FnOnce(usize) -> String) -> Error {
        let Self { value, column, split_point, before, .. } = self;
        let value = value.map_or_else(|| "a value that is not finite".to_owned(), |value| value.to_string());
        let place = if split_point.is_empty() { "the whole model".to_owned() } else { format!("`{split_point}`") };
        let name = shown(&unit(self.unit));
        let (text, row) = (before.0 + self.text, before.1 + self.unit);
        let message = format!("the model gives {value} for text {text}, unit `{name}`, at {place}, column {column}");
        Error::new(ErrorCode::InvalidData, message)
            .hint(
                "look for weights that are not finite or far too large, or leave the text out; what is complete is kept",
            )
            .detail("text", text)
            .detail("row", row)
            .detail("unit", name)
            .detail("split_point", split_point)
            .detail("column", column)
    }
}

impl<'a> Run<'a> {
    /// A collection of what `forward` gives, with the columns and the split point of each matrix.
    pub fn new(
        model: &'a SplitModel,
        options: &'a CollectOptions,
        forward: Forward<'a>,
        matrices: Vec<(usize, String)>,
    ) -> Self {
        let (on_device, budget) = (model.runs_as_on_device(), Budget::new(options.device_batch_tokens));
        let (row_per_text, once) = (false, Once::unless(false));
        Self { model, options, forward, matrices, row_per_text, once, on_device, budget, pool: OnceLock::new() }
    }

    /// The columns of each matrix.
    pub fn widths(&self) -> impl Iterator<Item = usize> + '_ {
        self.matrices.iter().map(|(width, _)| *width)
    }

    /// How many rows a shard has at most: those that fill it for the widest split point.
    pub fn rows_per_shard(&self) -> usize {
        let widest = self.widths().max().unwrap_or(1);
        (self.options.shard_bytes / (widest * size_of::<f32>())).max(1)
    }

    /// Says that texts were longer than what the model reads, where some were.
    pub fn log_truncated(&self, truncated: usize, texts: usize, control: &Control) {
        if truncated > 0 {
            let most = self.model.max_positions();
            control.log(LogLevel::Warning, c"activations", || {
                format!("{truncated} of {texts} texts are longer than the {most} tokens that the model reads: their ends have no rows")
            });
        }
    }

    /// Says how many units have no row, where some have none.
    pub fn log_left_out(left_out: LeftOut, control: &Control) {
        if left_out.total() > 0 {
            control.log(LogLevel::Info, c"activations", || {
                format!("{} units have no row: {}", left_out.total(), left_out.shown())
            });
        }
    }

    /// Says that rows are more than the memory limit.
    pub fn log_on_disk(&self, bytes: u64, control: &Control) {
        let limit = self.options.memory_limit;
        control.log(LogLevel::Info, c"activations", || {
            let folder = std::env::temp_dir();
            let folder = folder.display();
            format!("{bytes} bytes of rows are more than the memory limit of {limit}: they go to {folder}")
        });
    }

    /// Says that an earlier run made some rows, where it did.
    pub fn log_resumed(complete: usize, control: &Control) {
        if complete > 0 {
            control.log(LogLevel::Info, c"activations", || {
                format!("resuming after {complete} rows that the folder has already")
            });
        }
    }

    /// How many rows the model gives for a text that has tokens.
    pub fn given_rows(&self, encoded: &EncodedTexts, text: usize) -> usize {
        if self.row_per_text { 1 } else { encoded.ids(text).len() }
    }

    /// Runs the model over the texts of a window. Threads run batches and pool them; the calling thread puts the rows in their
    /// places, reports progress in tokens to `advance` and notices a cancel.
    pub fn window(
        &self,
        window: &Window<'_>,
        control: &Control,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<WindowRows, Failure> {
        let (texts, twins) = self.texts_to_run(window);
        let batches = self.begin_window(window, &texts, advance)?;
        let mut rows = if self.on_device {
            self.window_on_device(window, &batches, control, advance)
        } else {
            self.window_on_cpu(window, &batches, control, advance)
        }?;
        if let Some(twins) = twins {
            twins.copy(window, self.widths(), 0, &mut rows);
        }
        Ok(rows)
    }

    /// The texts of a window that the model runs on, and those whose rows are another's.
    pub fn texts_to_run(&self, window: &Window<'_>) -> (Vec<usize>, Option<Twins>) {
        let mut texts = window.texts_with_rows();
        let twins = self.once.texts.then(|| Twins::take_from(&mut texts, window.encoded));
        (texts, twins)
    }

    /// The batches of some texts of a window; those that are in none are done.
    pub fn begin_window(
        &self,
        window: &Window<'_>,
        texts: &[usize],
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Vec<Vec<usize>>> {
        let batches = self.batches(window, texts);
        let all: Vec<usize> = window.texts.clone().collect();
        let run: u64 = batches.iter().map(|batch| window.tokens_of(batch)).sum();
        advance(window.tokens_of(&all) - run)?;
        Ok(batches)
    }

    fn window_on_cpu(
        &self,
        window: &Window<'_>,
        batches: &[Vec<usize>],
        control: &Control,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<WindowRows, Failure> {
        let rows = window.rows();
        let mut values = self.widths().map(|width| zeros(rows.len(), width)).collect::<Result<WindowRows>>()?;
        if batches.is_empty() {
            return Ok(values);
        }
        let queue = Queue {
            batches,
            threads: self.threads_within(window, batches),
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            unprepared: Mutex::default(),
        };
        let mut placed = 0;
        let team = self.model.workers.team(self.options.threads, batches.len() * queue.threads)?;
        let result = team.scope(|scope| {
            // A worker that is ahead waits: at most one finished batch per worker is in the channel.
            let workers = team.count().min(batches.len());
            let (sender, receiver) = mpsc::sync_channel(workers);
            for _ in 0..workers {
                let (queue, sender) = (&queue, sender.clone());
                scope.spawn(move |_| self.work(queue, window, control, &sender));
            }
            drop(sender);
            let result = receiver.iter().try_for_each(|finished| {
                let (batch, pooled) = finished?;
                let arrived: Vec<&[f32]> = pooled.iter().map(Vec::as_slice).collect();
                self.place(window, &batches[batch], &arrived, 0, &mut values);
                placed += 1;
                Ok::<(), Failure>(advance(window.tokens_of(&batches[batch]))?)
            });
            // Workers that still run see this before their next batch, and a closed channel after it.
            queue.stop.store(true, Ordering::Relaxed);
            drop(receiver);
            result
        })?;
        result?;
        if placed < batches.len() {
            // Workers end early when somebody cancels, and where none of them has the memory to multiply in.
            control.check()?;
            let unprepared = queue.unprepared.into_inner().unwrap_or_else(PoisonError::into_inner);
            return Err(unprepared.unwrap_or_else(|| Error::internal("the threads ended early")).into());
        }
        Ok(values)
    }

    /// On how many threads each of some batches is computed: those that are left where there are few.
    pub fn threads_within(&self, window: &Window<'_>, batches: &[Vec<usize>]) -> usize {
        let is_worth_it = batches.iter().any(|batch| window.tokens_of(batch) >= SHARED_TOKENS);
        if is_worth_it { Workers::wanted(self.options.threads, usize::MAX) / batches.len().max(1) } else { 1 }.max(1)
    }

    /// Texts of a window in batches of similar length, the longest first, so that the last batches to finish are short ones.
    pub fn batches(&self, window: &Window<'_>, texts: &[usize]) -> Vec<Vec<usize>> {
        let encoded = window.encoded;
        let lengths: Vec<usize> = texts.iter().map(|&text| encoded.ids(text).len()).collect();
        let tokens = if self.on_device { self.options.device_batch_tokens } else { self.options.batch_tokens };
        let ids = texts.iter().map(|&text| encoded.ids(text));
        let shared = if self.once.prefixes { self.model.shared_by_all(ids) } else { 0 };
        let mut batches = plan_sharing(&lengths, shared, tokens);
        batches.reverse();
        batches.into_iter().map(|batch| batch.into_iter().map(|index| texts[index]).collect()).collect()
    }

    /// One worker: takes batches until there are none or somebody wants to stop.
    fn work(
        &self,
        queue: &Queue<'_>,
        window: &Window<'_>,
        control: &Control,
        sender: &mpsc::SyncSender<Result<(usize, WindowRows), Failure>>,
    ) {
        if let Err(error) = self.model.prepare_thread() {
            // Others do its batches, if one of them is prepared.
            *queue.unprepared.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            return;
        }
        loop {
            let batch = queue.next.fetch_add(1, Ordering::Relaxed);
            if batch >= queue.batches.len() || queue.stop.load(Ordering::Relaxed) || control.is_cancelled() {
                return;
            }
            let texts = &queue.batches[batch];
            // A single batch, so that nobody else has use for the threads; and a short one, which takes no longer than to wake them
            // again and again.
            let is_short = queue.batches.len() == 1 && window.tokens_of(texts) <= AWAKE_TOKENS;
            let awake = if is_short { queue.threads } else { 1 };
            let pooled = while_awake(awake, || self.run_batch(window, texts, queue.threads));
            if sender.send(pooled.map(|pooled| (batch, pooled))).is_err() {
                return;
            }
        }
    }

    /// The rows of the units of a batch, text after text, one matrix per split point.
    pub fn run_batch(&self, window: &Window<'_>, batch: &[usize], threads: usize) -> Result<WindowRows, Failure> {
        let encoded = window.encoded;
        let lengths = batch.iter().map(|&text| encoded.ids(text).len());
        let _claim = Claim::of(self.model.batch_bytes(lengths), "a batch of texts")
            .map_err(|error| error.hint("lower the token budget of a batch, or ask for fewer threads"))?;
        let read = ReadRows::new(encoded, batch, self.options.aggregation, |text| self.given_rows(encoded, text));
        let outputs =
            (self.forward)(encoded, batch, PassOptions { rows: read.numbers(), threads, ..PassOptions::default() })?;
        self.check_given(read.count(), &outputs)?;
        outputs
            .iter()
            .zip(&self.matrices)
            .map(|(output, (width, split_point))| {
                let width = *width;
                let hidden = output.flatten_all().and_then(|values| values.to_vec1::<f32>()).map_err(Error::from)?;
                let unit_count: usize = batch.iter().map(|&text| encoded.units_of(text).len()).sum();
                let mut pooled = zeros(unit_count, width)?;
                let mut targets = pooled.chunks_exact_mut(width);
                let mut places = Vec::new();
                for (&text, first_row) in batch.iter().zip(&read.firsts) {
                    for (unit, target) in encoded.units_of(text).zip(&mut targets) {
                        places.clear();
                        let positions = self.options.aggregation.read_of(encoded.positions(unit));
                        places.extend(positions.iter().map(|position| read.place(first_row + position)));
                        self.options.aggregation.reduce(&hidden, &places, target);
                        if let Some(column) = first_not_finite(target) {
                            let (value, split_point) = (Some(target[column]), split_point.clone());
                            let before = window.before;
                            return Err(NotFinite { value, text, unit, column, split_point, before }.into());
                        }
                    }
                }
                Ok(pooled)
            })
            .collect()
    }

    /// Refuses rows that are not as many as are due.
    pub fn check_given(&self, due: usize, outputs: &[Tensor]) -> Result<()> {
        let wrong = outputs.iter().zip(self.widths()).find(|(output, width)| output.dims() != [due, *width]);
        wrong.map_or(Ok(()), |(output, _)| {
            Err(Error::internal(format!("{:?} rows came where {due} were due", output.dims())))
        })
    }

    /// Copies the rows of some texts of a window to where they belong: in `rows`, where those of the window begin at row
    /// `begin`.
    pub fn place(&self, window: &Window<'_>, texts: &[usize], arrived: &[&[f32]], begin: usize, rows: &mut WindowRows) {
        for (to, from) in self.places(window, texts, arrived, begin, rows) {
            to.copy_from_slice(from);
        }
    }

    /// As above: where the rows of each text belong, and the rows.
    pub fn places<'rows>(
        &self,
        window: &Window<'_>,
        texts: &[usize],
        arrived: &[&'rows [f32]],
        begin: usize,
        rows: &'rows mut WindowRows,
    ) -> Vec<(&'rows mut [f32], &'rows [f32])> {
        let first = window.rows().start;
        let mut all = Vec::with_capacity(texts.len() * arrived.len());
        for ((values, arrived), width) in rows.iter_mut().zip(arrived).zip(self.widths()) {
            let (mut places, mut from) = (Vec::with_capacity(texts.len()), 0);
            for &text in texts {
                let units = window.encoded.units_of(text);
                let count = units.len() * width;
                places.push(((begin + units.start - first) * width, from..from + count));
                from += count;
            }
            places.sort_unstable_by_key(|(to, _)| *to);
            let (mut rest, mut before) = (values.as_mut_slice(), 0);
            for (to, from) in places {
                let (_, behind) = rest.split_at_mut(to - before);
                let (own, behind) = behind.split_at_mut(from.len());
                (rest, before) = (behind, to + own.len());
                all.push((own, &arrived[from]));
            }
        }
        all
    }
}

/// The batches of a window, which workers take one after the other.
struct Queue<'a> {
    batches: &'a [Vec<usize>],
    /// On how many threads each of them is computed, where there are fewer batches than threads and texts are long.
    threads: usize,
    next: AtomicUsize,
    stop: AtomicBool,
    /// Why a worker could not begin.
    unprepared: Mutex<Option<Error>>,
}
