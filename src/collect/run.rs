//! One collection: the model runs over batches of texts, and the tokens of each unit become one row.
//!
//! Texts are taken in windows of consecutive texts. Within a window, texts of similar length share a batch, batches run side by
//! side, and each row has its place from the start, so the order in which batches finish does not matter.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use candle_core::Tensor;

use super::options::CollectOptions;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::linalg::first_not_finite;
use crate::log::LogLevel;
use crate::memory::{Claim, filled};
use crate::model::{SplitModel, plan_batches};
use crate::text::EncodedTexts;
use crate::threads::{start_multiplying, thread_count};

/// What the model gives for the texts of a batch: a tensor for each matrix that is collected, of the rows of the first
/// text, then those of the second, and so on.
pub(super) type Forward<'a> = &'a (dyn Fn(&EncodedTexts, &[usize]) -> Result<Vec<Tensor>> + Sync);

/// One collection: what stays the same for all its windows.
pub(super) struct Run<'a> {
    pub model: &'a SplitModel,
    pub options: &'a CollectOptions,
    pub forward: Forward<'a>,
    /// The columns of each matrix, and the split point that it is of.
    pub matrices: Vec<(usize, String)>,
    /// Whether the model gives one row for each text, not one for each token.
    pub row_per_text: bool,
}

/// Consecutive texts whose rows are made together.
pub(super) struct Window<'a> {
    pub encoded: &'a EncodedTexts,
    pub texts: Range<usize>,
    /// How many texts and rows come before those of `encoded`.
    pub before: (usize, usize),
    /// The string of a unit of `encoded`.
    pub unit: &'a (dyn Fn(usize) -> String + Sync),
}

/// The rows of one window, one matrix per split point.
pub(super) type WindowRows = Vec<Vec<f32>>;

impl Window<'_> {
    fn rows_of(&self, texts: &Range<usize>) -> Range<usize> {
        self.encoded.text_units[texts.start]..self.encoded.text_units[texts.end]
    }

    fn tokens_of(&self, texts: &[usize]) -> u64 {
        texts.iter().map(|&text| self.encoded.ids(text).len() as u64).sum()
    }
}

impl Run<'_> {
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
    fn given_rows(&self, encoded: &EncodedTexts, text: usize) -> usize {
        if self.row_per_text { 1 } else { encoded.ids(text).len() }
    }

    /// Runs the model over the texts of a window. Workers run batches and pool them; the calling thread puts the
    /// rows in their places, reports progress and notices a cancel.
    pub fn window(&self, window: &Window<'_>, control: &Control) -> Result<WindowRows> {
        let rows = window.rows_of(&window.texts);
        let mut values = self.widths().map(|width| zeros(rows.len(), width)).collect::<Result<WindowRows>>()?;
        let batches = self.batches(window);
        let all: Vec<usize> = window.texts.clone().collect();
        let run: u64 = batches.iter().map(|batch| window.tokens_of(batch)).sum();
        control.advance(window.tokens_of(&all) - run)?;

        let queue = Queue { batches: &batches, next: AtomicUsize::new(0), stop: AtomicBool::new(false) };
        let mut placed = 0;
        let result = std::thread::scope(|scope| {
            let threads = if self.model.device().is_cpu() { thread_count(self.options.threads) } else { 1 };
            let threads = threads.min(batches.len());
            // A worker that is ahead waits: at most one finished batch per worker is in the channel.
            let (sender, receiver) = mpsc::sync_channel(threads);
            let start_one = || {
                let (queue, sender) = (&queue, sender.clone());
                start_multiplying(scope, move || self.work(queue, window, control, &sender))
            };
            // One is enough: there are fewer where the system has no more.
            let started = if threads > 0 { start_one() } else { Ok(()) };
            if started.is_ok() {
                (1..threads).take_while(|_| start_one().is_ok()).for_each(drop);
            }
            drop(sender);
            let result = started.and_then(|()| {
                receiver.iter().try_for_each(|finished| {
                    let (batch, pooled) = finished?;
                    self.place(window.encoded, &batches[batch], &pooled, rows.start, &mut values);
                    placed += 1;
                    control.advance(window.tokens_of(&batches[batch]))
                })
            });
            // Workers that still run see this before their next batch, and a closed channel after it.
            queue.stop.store(true, Ordering::Relaxed);
            drop(receiver);
            result
        });
        result?;
        // Workers end early only when somebody cancels.
        if placed < batches.len() {
            control.check()?;
        }
        Ok(values)
    }

    /// The texts of a window that have rows, in batches of similar length, the longest first, so that the last
    /// batches to finish are short ones.
    fn batches(&self, window: &Window<'_>) -> Vec<Vec<usize>> {
        let encoded = window.encoded;
        let texts: Vec<usize> = window.texts.clone().filter(|&text| !encoded.units_of(text).is_empty()).collect();
        let lengths: Vec<usize> = texts.iter().map(|&text| encoded.ids(text).len()).collect();
        let mut batches = plan_batches(&lengths, self.options.batch_tokens);
        batches.reverse();
        batches.into_iter().map(|batch| batch.into_iter().map(|index| texts[index]).collect()).collect()
    }

    /// One worker: takes batches until there are none or somebody wants to stop.
    fn work(
        &self,
        queue: &Queue<'_>,
        window: &Window<'_>,
        control: &Control,
        sender: &mpsc::SyncSender<Result<(usize, WindowRows)>>,
    ) {
        loop {
            let batch = queue.next.fetch_add(1, Ordering::Relaxed);
            if batch >= queue.batches.len() || queue.stop.load(Ordering::Relaxed) || control.is_cancelled() {
                return;
            }
            let pooled = self.run_batch(window, &queue.batches[batch]);
            if sender.send(pooled.map(|pooled| (batch, pooled))).is_err() {
                return;
            }
        }
    }

    /// The rows of the units of a batch, text after text, one matrix per split point.
    fn run_batch(&self, window: &Window<'_>, batch: &[usize]) -> Result<WindowRows> {
        let encoded = window.encoded;
        let given: usize = batch.iter().map(|&text| self.given_rows(encoded, text)).sum();
        let lengths = batch.iter().map(|&text| encoded.ids(text).len());
        let _claim = Claim::of(self.model.batch_bytes(lengths), "a batch of texts")
            .map_err(|error| error.hint("lower the token budget of a batch, or ask for fewer threads"))?;
        let outputs = (self.forward)(encoded, batch)?;
        outputs
            .iter()
            .zip(&self.matrices)
            .map(|(output, (width, split_point))| {
                let width = *width;
                if output.dims() != [given, width] {
                    return Err(Error::internal(format!("{:?} rows came where {given} were due", output.dims())));
                }
                let hidden = output.flatten_all()?.to_vec1::<f32>()?;
                let unit_count: usize = batch.iter().map(|&text| encoded.units_of(text).len()).sum();
                let mut pooled = zeros(unit_count, width)?;
                let mut targets = pooled.chunks_exact_mut(width);
                let mut first_row = 0;
                for &text in batch {
                    let count = self.given_rows(encoded, text);
                    let rows = &hidden[first_row * width..(first_row + count) * width];
                    for (unit, target) in encoded.units_of(text).zip(&mut targets) {
                        self.options.aggregation.reduce(rows, encoded.positions(unit), target);
                        check_finite(target, unit, text, window, split_point)?;
                    }
                    first_row += count;
                }
                Ok(pooled)
            })
            .collect()
    }

    /// Copies the rows of a batch to where they belong in the window that begins at row `first_row`.
    fn place(
        &self,
        encoded: &EncodedTexts,
        batch: &[usize],
        pooled: &WindowRows,
        first_row: usize,
        window: &mut WindowRows,
    ) {
        for ((values, pooled), width) in window.iter_mut().zip(pooled).zip(self.widths()) {
            let mut from = 0;
            for &text in batch {
                let units = encoded.units_of(text);
                let (to, count) = ((units.start - first_row) * width, units.len() * width);
                values[to..to + count].copy_from_slice(&pooled[from..from + count]);
                from += count;
            }
        }
    }
}

/// The batches of a window, which workers take one after the other.
struct Queue<'a> {
    batches: &'a [Vec<usize>],
    next: AtomicUsize,
    stop: AtomicBool,
}

fn zeros(rows: usize, columns: usize) -> Result<Vec<f32>> {
    let too_large = || {
        Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {rows} rows of {columns} columns"))
            .hint("lower the memory limit so that rows go to disk, or give fewer texts at a time")
    };
    rows.checked_mul(columns).and_then(|length| filled(0.0, length)).ok_or_else(too_large)
}

/// Refuses a row that is not made of numbers: it would make every mean, every concept and every file that it goes into
/// useless, far from where it came from.
fn check_finite(row: &[f32], unit: usize, text: usize, window: &Window<'_>, split_point: &str) -> Result<()> {
    let Some(column) = first_not_finite(row) else { return Ok(()) };
    let value = row[column];
    let place = if split_point.is_empty() { "the whole model".to_owned() } else { format!("`{split_point}`") };
    let name = shown(&(window.unit)(unit));
    let (text, unit) = (window.before.0 + text, window.before.1 + unit);
    let message = format!("the model gives {value} for text {text}, unit `{name}`, at {place}, column {column}");
    Err(Error::new(ErrorCode::InvalidData, message)
        .hint("look for weights that are not finite or far too large, or leave the text out; what is complete is kept")
        .detail("text", text)
        .detail("row", unit)
        .detail("unit", name)
        .detail("split_point", split_point)
        .detail("column", column))
}
