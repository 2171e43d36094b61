//! One window on a device: one thread keeps the device busy, and the calling thread puts the rows that arrive into their
//! places meanwhile.
//!
//! Where a batch does not fit in the memory of the device, it is run in halves, and later batches are no larger than what did
//! fit. Results do not depend on it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use super::run::{Failure, NotFinite, Run, Window, WindowRows};
use super::transfer::{KeptRows, Pool, Transfer, zeros};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::log::LogLevel;
use crate::text::Pooling;
use crate::threads::start;

/// How many tokens a batch has at most on a device: what the options say, or less once the memory was too small.
pub(super) struct Budget {
    tokens: AtomicUsize,
    /// What the log says.
    told: AtomicUsize,
}

impl Budget {
    pub fn new(tokens: usize) -> Self {
        Self { tokens: AtomicUsize::new(tokens), told: AtomicUsize::new(tokens) }
    }

    fn tokens(&self) -> usize {
        self.tokens.load(Ordering::Relaxed)
    }

    fn lower(&self, tokens: usize) {
        self.tokens.fetch_min(tokens.max(1), Ordering::Relaxed);
    }

    /// Says once that batches have become smaller, when one of them has fit.
    fn tell(&self, control: &Control) {
        let (tokens, told) = (self.tokens(), self.told.load(Ordering::Relaxed));
        if tokens < told {
            self.told.store(tokens, Ordering::Relaxed);
            control.log(LogLevel::Warning, c"activations", || {
                format!(
                    "the device has no memory for batches of {told} tokens: they have {tokens} at most from here on"
                )
            });
        }
    }
}

/// Some texts of a batch whose rows are on their way, or why there are none.
type Started<'a> = Result<(&'a [usize], Transfer)>;

/// What the thread of a device and the calling thread have in common.
struct Shared<'a> {
    window: &'a Window<'a>,
    batches: &'a [Vec<usize>],
    pool: Pool,
    stop: AtomicBool,
    control: &'a Control,
}

impl Run<'_> {
    /// Runs the model over the texts of a window on its device.
    pub(super) fn window_on_device(
        &self,
        window: &Window<'_>,
        batches: &[Vec<usize>],
        control: &Control,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<WindowRows, Failure> {
        let rows = window.rows();
        let mut values = self.widths().map(|width| zeros(rows.len(), width)).collect::<Result<WindowRows>>()?;
        self.drive(window, batches, None, control, &mut |texts, arrived| {
            self.place(window.encoded, texts, arrived, rows.start, &mut values);
            advance(window.tokens_of(texts))
        })?;
        Ok(values)
    }

    /// Runs the model over the texts of a window on its device, where the rows stay: rows `first..` of `kept`.
    pub(super) fn window_kept(
        &self,
        window: &Window<'_>,
        kept: &mut KeptRows,
        control: &Control,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<(), Failure> {
        let batches = self.begin_window(window, advance)?;
        let mut arrived = |texts: &[usize], _: &[&[f32]]| advance(window.tokens_of(texts));
        self.drive(window, &batches, Some(kept), control, &mut arrived).map_err(|failure| match failure {
            Failure::NotFinite(found) => {
                let matrix = self.matrices.iter().position(|(_, split_point)| *split_point == found.split_point);
                let value = matrix.and_then(|matrix| {
                    let row = found.unit - window.rows().start;
                    kept.value(matrix, row * self.matrices[matrix].0 + found.column)
                });
                Failure::NotFinite(NotFinite { value, ..found })
            }
            other => other,
        })
    }

    /// Runs batches, and hands the texts of each with their rows to `arrived` on the calling thread.
    fn drive(
        &self,
        window: &Window<'_>,
        batches: &[Vec<usize>],
        kept: Option<&mut KeptRows>,
        control: &Control,
        arrived: &mut dyn FnMut(&[usize], &[&[f32]]) -> Result<()>,
    ) -> Result<(), Failure> {
        let pool = Pool::new(self.model.device())?;
        let shared = &Shared { window, batches, pool, stop: AtomicBool::new(false), control };
        let mut left: usize = batches.iter().map(Vec::len).sum();
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(1);
            let result = start(scope, move || self.run_batches(shared, kept, &sender)).map_err(Failure::from);
            let result = result.and_then(|_| {
                receiver.iter().try_for_each(|started| {
                    let (texts, transfer) = started?;
                    let (rows, not_finite) = transfer.wait()?;
                    self.check_finite(window, texts, &rows, not_finite)?;
                    arrived(texts, &rows)?;
                    left -= texts.len();
                    Ok(())
                })
            });
            // The other thread sees this before its next batch, and that nobody waits for this one.
            shared.stop.store(true, Ordering::Relaxed);
            drop(receiver);
            result
        })?;
        // It ends early only when somebody cancels.
        if left > 0 { Ok(control.check()?) } else { Ok(()) }
    }

    /// Runs batch after batch until there are none, somebody wants to stop, or one fails.
    fn run_batches<'a>(
        &self,
        shared: &'a Shared<'a>,
        mut kept: Option<&mut KeptRows>,
        sender: &mpsc::SyncSender<Started<'a>>,
    ) {
        for batch in shared.batches {
            // The parts of the batch that are still to be run, the next one last.
            let mut parts: Vec<&[usize]> = vec![batch];
            while let Some(texts) = parts.pop() {
                if shared.stop.load(Ordering::Relaxed) || shared.control.is_cancelled() {
                    return;
                }
                let tokens = shared.window.tokens_of(texts) as usize;
                if texts.len() > 1 && tokens > self.budget.tokens() {
                    parts.extend(self.halves(shared.window, texts));
                    continue;
                }
                let started = match self.run_texts(shared, texts, kept.as_deref_mut()) {
                    Err(error) if error.code() == ErrorCode::OutOfMemory => {
                        // Once nothing else is on its way there is more memory.
                        let again = shared.pool.wait_until_idle();
                        if texts.len() > 1 && again.is_ok() {
                            self.budget.lower(tokens.div_ceil(2));
                            parts.extend(self.halves(shared.window, texts));
                            continue;
                        }
                        let again = again.and_then(|()| self.run_texts(shared, texts, kept.as_deref_mut()));
                        again.map_err(|error| does_not_fit(shared.window, texts, error))
                    }
                    started => started,
                };
                if started.is_ok() {
                    self.budget.tell(shared.control);
                }
                let failed = started.is_err();
                if sender.send(started.map(|transfer| (texts, transfer))).is_err() || failed {
                    return;
                }
            }
        }
    }

    /// The texts of a batch in two parts of about as many tokens, the first one last.
    fn halves<'a>(&self, window: &Window<'_>, texts: &'a [usize]) -> [&'a [usize]; 2] {
        let half = window.tokens_of(texts) / 2;
        let mut tokens = 0;
        let fits = |text: &&usize| {
            tokens += window.encoded.ids(**text).len() as u64;
            tokens <= half
        };
        let count = texts.iter().take_while(fits).count().clamp(1, texts.len() - 1);
        let (first, second) = texts.split_at(count);
        [second, first]
    }

    /// Runs some texts and pools their rows.
    fn run_texts(&self, shared: &Shared<'_>, texts: &[usize], kept: Option<&mut KeptRows>) -> Result<Transfer> {
        let encoded = shared.window.encoded;
        let begin = kept.is_some().then_some(shared.window.rows().start);
        let pooling = Pooling::new(encoded, texts, |text| self.given_rows(encoded, text), begin)?;
        let given = (self.forward)(encoded, texts)?;
        self.check_given(encoded, texts, &given)?;
        shared.pool.start(&given, &pooling, self.options.aggregation, kept)
    }

    /// Refuses rows of which one was found not to be made of numbers.
    fn check_finite(
        &self,
        window: &Window<'_>,
        texts: &[usize],
        rows: &[&[f32]],
        not_finite: &[u32],
    ) -> Result<(), Failure> {
        let units = || texts.iter().flat_map(|&text| window.encoded.units_of(text).map(move |unit| (text, unit)));
        let count = units().count().max(1);
        for (matrix, (columns, (width, split_point))) in not_finite.chunks(count).zip(&self.matrices).enumerate() {
            let found = columns.iter().position(|&column| (column as usize) < *width);
            let Some((index, (text, unit))) = found.and_then(|index| Some((index, units().nth(index)?))) else {
                continue;
            };
            let column = columns[index] as usize;
            let value = rows.get(matrix).and_then(|rows| rows.get(index * width + column)).copied();
            let split_point = split_point.clone();
            return Err(NotFinite { value, text, unit, column, split_point, before: window.before }.into());
        }
        Ok(())
    }
}

/// The error for a text that does not fit in the memory of the device, even alone.
fn does_not_fit(window: &Window<'_>, texts: &[usize], error: Error) -> Error {
    let Some(&text) = texts.first().filter(|_| error.code() == ErrorCode::OutOfMemory) else { return error };
    let tokens = window.encoded.ids(text).len();
    let text = window.before.0 + text;
    Error::new(ErrorCode::OutOfMemory, format!("text {text} of {tokens} tokens does not fit: {}", error.message()))
        .hint("cut the text, load the model in a type of number that takes less, or take a device with more memory; what is complete is kept")
        .detail("text", text)
        .detail("tokens", tokens)
}
