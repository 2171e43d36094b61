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
use crate::model::PassOptions;
use crate::text::Pooling;
use crate::workers::Workers;

/// How many bytes of rows are worth another thread that puts them away, and the number of threads for which memory is no
/// faster with one more.
const PLACED_AT_ONCE: usize = 2 << 20;
const PLACING_THREADS: usize = 8;

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

/// The texts of a batch, which are in one window.
#[derive(Clone)]
pub(super) struct Batch<'a> {
    pub window: Window<'a>,
    pub texts: &'a [usize],
}

impl Batch<'_> {
    /// How many tokens its texts have.
    pub fn tokens(&self) -> u64 {
        self.window.tokens_of(self.texts)
    }
}

/// A batch whose rows are on their way, or why there are none.
type Started<'a> = Result<(Batch<'a>, Transfer)>;

/// What the thread of a device and the calling thread have in common.
struct Shared<'a> {
    pool: &'a Pool,
    stop: AtomicBool,
    /// Whether batches were left because somebody cancelled.
    cancelled: AtomicBool,
    control: &'a Control,
}

/// Is given a batch and its rows, a matrix for each split point; none where they stay on the device.
type Arrived<'a> = dyn FnMut(&Batch<'_>, &[&[f32]]) -> Result<()> + 'a;

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
        self.drive(window.batches(batches), None, control, &mut |batch, arrived| {
            self.place_together(batch, arrived, 0, &mut values)?;
            advance(batch.tokens())
        })?;
        Ok(values)
    }

    /// Copies the rows of a batch to where they belong, as [`Run::place`] does, on several threads: the system has to clear
    /// each page of the window that is written first, and a device makes rows faster than one thread can put away.
    pub(super) fn place_together(
        &self,
        batch: &Batch<'_>,
        arrived: &[&[f32]],
        begin: usize,
        rows: &mut WindowRows,
    ) -> Result<()> {
        let bytes: usize = arrived.iter().map(|rows| size_of_val(*rows)).sum();
        let parts = (bytes / PLACED_AT_ONCE).clamp(1, PLACING_THREADS);
        if Workers::wanted(self.options.threads, parts) == 1 {
            self.place(&batch.window, batch.texts, arrived, begin, rows);
            return Ok(());
        }
        let team = self.model.workers.team(self.options.threads, parts)?;
        let mut copies = self.places(&batch.window, batch.texts, arrived, begin, rows);
        team.scope(|scope| {
            let share = copies.len().div_ceil(team.count()).max(1);
            for share in copies.chunks_mut(share) {
                scope.spawn(move |_| share.iter_mut().for_each(|(to, from)| to.copy_from_slice(from)));
            }
        })
    }

    /// Runs the model over the texts of a window on its device, where the rows stay: in `kept`, the first of
    /// them in its first row.
    pub(super) fn window_kept(
        &self,
        window: &Window<'_>,
        kept: &mut KeptRows,
        control: &Control,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<(), Failure> {
        let batches = self.begin_window(window, &window.texts_with_rows(), advance)?;
        let mut arrived = |batch: &Batch<'_>, _: &[&[f32]]| advance(batch.tokens());
        self.drive(window.batches(&batches), Some(kept), control, &mut arrived).map_err(|failure| match failure {
            Failure::NotFinite(found) => {
                let matrix = self.matrices.iter().position(|(_, split_point)| *split_point == found.split_point);
                let value = matrix.and_then(|matrix| {
                    let row = found.unit - window.rows().start;
                    kept.value(matrix, row * self.matrices[matrix].0 + found.column)
                });
                Failure::NotFinite(NotFinite { value, ..found })
            }
            error @ Failure::Other(_) => error,
        })
    }

    /// Runs batches, the next one of which may be waited for, and hands each with its rows to `arrived` on the calling thread.
    pub(super) fn drive<'a>(
        &self,
        batches: impl Iterator<Item = Result<Batch<'a>>> + Send,
        kept: Option<&mut KeptRows>,
        control: &Control,
        arrived: &mut Arrived<'_>,
    ) -> Result<(), Failure> {
        let pool = if let Some(pool) = self.pool.get() {
            pool
        } else {
            let made = Pool::new(self.model)?;
            self.pool.get_or_init(|| made)
        };
        let shared = &Shared { pool, stop: AtomicBool::new(false), cancelled: AtomicBool::new(false), control };
        self.model.workers.team(1, 1)?.scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(1);
            scope.spawn(move |_| self.run_batches(shared, batches, kept, &sender));
            let result = receiver.iter().try_for_each(|started| {
                let (batch, transfer) = started?;
                let (rows, not_finite) = transfer.wait()?;
                self.check_finite(&batch, &rows, not_finite)?;
                arrived(&batch, &rows)?;
                Ok::<(), Failure>(())
            });
            // The other thread sees this before its next batch, and that nobody waits for this one.
            shared.stop.store(true, Ordering::Relaxed);
            drop(receiver);
            result
        })??;
        if shared.cancelled.load(Ordering::Relaxed) { Ok(control.check()?) } else { Ok(()) }
    }

    /// Runs batch after batch until there are none, somebody wants to stop, or one fails.
    fn run_batches<'a>(
        &self,
        shared: &Shared<'_>,
        batches: impl Iterator<Item = Result<Batch<'a>>>,
        mut kept: Option<&mut KeptRows>,
        sender: &mpsc::SyncSender<Started<'a>>,
    ) {
        for batch in batches {
            // The parts of the batch that are still to be run, the next one last.
            let mut parts = match batch {
                Ok(batch) => vec![batch],
                Err(error) => {
                    // Where nobody receives it, the call has failed already.
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            while let Some(batch) = parts.pop() {
                if shared.control.is_cancelled() {
                    shared.cancelled.store(true, Ordering::Relaxed);
                    return;
                }
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let tokens = batch.tokens() as usize;
                if batch.texts.len() > 1 && tokens > self.budget.tokens() {
                    parts.extend(halves(&batch));
                    continue;
                }
                let started = match self.run_texts(shared, &batch, kept.as_deref_mut()) {
                    Err(error) if error.code() == ErrorCode::OutOfMemory => {
                        // Once nothing else is on its way there is more memory.
                        let again = shared.pool.wait_until_idle();
                        if batch.texts.len() > 1 && again.is_ok() {
                            self.budget.lower(tokens.div_ceil(2));
                            parts.extend(halves(&batch));
                            continue;
                        }
                        let again = again.and_then(|()| self.run_texts(shared, &batch, kept.as_deref_mut()));
                        again.map_err(|error| does_not_fit(&batch, error))
                    }
                    started => started,
                };
                if started.is_ok() {
                    self.budget.tell(shared.control);
                }
                let failed = started.is_err();
                if sender.send(started.map(|transfer| (batch, transfer))).is_err() || failed {
                    return;
                }
            }
        }
    }

    /// Runs some texts and pools their rows.
    fn run_texts(&self, shared: &Shared<'_>, batch: &Batch<'_>, kept: Option<&mut KeptRows>) -> Result<Transfer> {
        let (encoded, texts) = (batch.window.encoded, batch.texts);
        let begin = kept.is_some().then_some(batch.window.rows().start);
        let pooling = Pooling::new(encoded, texts, |text| self.given_rows(encoded, text), begin)?;
        // On a device nothing says yet that few rows are a gain.
        let given = (self.forward)(encoded, texts, PassOptions::default())?;
        self.check_given(texts.iter().map(|&text| self.given_rows(encoded, text)).sum(), &given)?;
        shared.pool.start(&given, &pooling, self.options.aggregation, kept)
    }

    /// Refuses rows of which one was found not to be made of numbers.
    fn check_finite(&self, batch: &Batch<'_>, rows: &[&[f32]], not_finite: &[u32]) -> Result<(), Failure> {
        let Batch { window, texts } = batch;
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

/// The texts of a batch in two parts of about as many tokens, the first one last.
fn halves<'a>(batch: &Batch<'a>) -> [Batch<'a>; 2] {
    let half = batch.tokens() / 2;
    let mut tokens = 0;
    let fits = |text: &&usize| {
        tokens += batch.window.encoded.ids(**text).len() as u64;
        tokens <= half
    };
    let count = batch.texts.iter().take_while(fits).count().clamp(1, batch.texts.len() - 1);
    let (first, second) = batch.texts.split_at(count);
    [second, first].map(|texts| Batch { window: batch.window.clone(), texts })
}

/// The error for a text that does not fit in the memory of the device, even alone.
fn does_not_fit(batch: &Batch<'_>, error: Error) -> Error {
    let Some(&text) = batch.texts.first().filter(|_| error.code() == ErrorCode::OutOfMemory) else { return error };
    let tokens = batch.window.encoded.ids(text).len();
    let text = batch.window.before.0 + text;
    Error::new(ErrorCode::OutOfMemory, format!("text {text} of {tokens} tokens does not fit: {}", error.message()))
        .hint("cut the text, load the model in a type of number that takes less, or take a device with more memory; what is complete is kept")
        .detail("text", text)
        .detail("tokens", tokens)
}

#[cfg(all(test, feature = "demo-model"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::collect::activations::Collection;
    use crate::collect::stream::stream;
    use crate::collect::{CollectOptions, Interventions};
    use crate::control::Stage;
    use crate::model::{LoadOptions, SplitModel};
    use crate::rows::Activations;
    use crate::text::{Aggregation, EncodedTexts, Granularity};

    const SPLITS: [&str; 2] = ["0", "model.layers.1.mlp"];

    fn model() -> SplitModel {
        SplitModel::load("eidos:demo", &SPLITS, &LoadOptions::default(), &Control::new()).unwrap()
    }

    fn texts() -> Vec<String> {
        let film =
            ["a warm and funny film", "dull", "", "the plot, which is thin, goes nowhere at all and takes its time"];
        (0..40).map(|index| film[index % film.len()].repeat(1 + index / 7)).collect()
    }

    /// What a model gives for a batch of texts, given its tensors.
    type Given<'a> = &'a (dyn Fn(&EncodedTexts, &[usize], Vec<Tensor>) -> Result<Vec<Tensor>> + Sync);

    /// Those rows of all that are read.
    fn read_of(given: Vec<Tensor>, options: PassOptions<'_>) -> Result<Vec<Tensor>> {
        let Some(rows) = options.rows else { return Ok(given) };
        let rows = Tensor::from_slice(rows, rows.len(), &Device::Cpu)?;
        given.iter().map(|given| Ok(given.index_select(&rows, 0)?)).collect()
    }

    /// Collects texts as on the processor or as on a device, which the processor plays.
    fn collected(
        on_device: bool,
        options: &CollectOptions,
        control: &Control,
        given: Given<'_>,
    ) -> Result<Vec<Activations>> {
        let model = model();
        let inputs = model.inputs(&texts(), 1, control)?;
        let interventions = Interventions::new();
        let changes = interventions.resolve(&model)?;
        let mut encoded = model.tokenizer()?.cut(&inputs, options.units(), control)?;
        let units = std::sync::Arc::new(std::mem::take(&mut encoded.units));
        let abouts = model.abouts(options, |provenance| {
            Ok(crate::rows::About {
                units: Some(units.clone()),
                texts: inputs.texts(),
                provenance,
                ..Default::default()
            })
        })?;
        let forward = |encoded: &EncodedTexts, batch: &[usize], pass: PassOptions<'_>| {
            let sequences = encoded.sequences(batch);
            read_of(given(encoded, batch, model.forward(&sequences)?)?, pass)
        };
        let run = Run { on_device, ..Run::new(&model, options, &forward, model.matrices()) };
        Collection { run, encoded: &encoded, changes: &changes }.collect(abouts, control)
    }

    #[allow(clippy::unnecessary_wraps, reason = "it stands where others fail")]
    fn unchanged(_: &EncodedTexts, _: &[usize], given: Vec<Tensor>) -> Result<Vec<Tensor>> {
        Ok(given)
    }

    fn bits(matrices: &[Activations]) -> Vec<Vec<u32>> {
        let bits =
            |rows: &Activations| rows.rows(0, rows.row_count()).unwrap().iter().map(|value| value.to_bits()).collect();
        matrices.iter().map(bits).collect()
    }

    #[test]
    fn rows_pooled_on_a_device_are_the_bits_of_the_processor_whatever_the_batch() {
        let granularities = [Granularity::Word, Granularity::AllTokens, Granularity::Sample, Granularity::Sentence];
        let aggregations = [
            Aggregation::Mean,
            Aggregation::Sum,
            Aggregation::Max,
            Aggregation::Min,
            Aggregation::SignedMax,
            Aggregation::First,
            Aggregation::Last,
        ];
        for granularity in granularities {
            for aggregation in aggregations {
                let options = CollectOptions { granularity, aggregation, ..CollectOptions::default() };
                let expected = bits(&collected(false, &options, &Control::new(), &unchanged).unwrap());
                assert!(expected.iter().all(|rows| !rows.is_empty()));
                for (device_batch_tokens, keep_on_device) in [(1, false), (50, false), (16384, false), (50, true)] {
                    let options = CollectOptions { device_batch_tokens, keep_on_device, ..options.clone() };
                    let rows = collected(true, &options, &Control::new(), &unchanged).unwrap();
                    assert_eq!(rows[0].is_on_device(), keep_on_device);
                    assert!(bits(&rows) == expected, "{granularity:?} {aggregation:?} {device_batch_tokens}");
                }
            }
        }
    }

    #[test]
    fn units_are_left_out_on_a_device_as_on_the_processor() {
        let sink = CollectOptions { skip_first_position: true, ..CollectOptions::default() };
        for options in [
            CollectOptions { stop_punctuation: true, ..sink.clone() },
            CollectOptions { granularity: Granularity::Sample, ..sink.clone() },
            CollectOptions { granularity: Granularity::AllTokens, aggregation: Aggregation::First, ..sink },
        ] {
            let expected = collected(false, &options, &Control::new(), &unchanged).unwrap();
            if options.granularity != Granularity::Sample {
                let all = CollectOptions { granularity: options.granularity, ..CollectOptions::default() };
                let all = collected(false, &all, &Control::new(), &unchanged).unwrap();
                assert!(all[0].row_count() > expected[0].row_count());
            }
            for (device_batch_tokens, keep_on_device) in [(1, false), (50, true), (16384, false)] {
                let options = CollectOptions { device_batch_tokens, keep_on_device, ..options.clone() };
                let rows = collected(true, &options, &Control::new(), &unchanged).unwrap();
                assert!(bits(&rows) == bits(&expected), "{options:?}");
                assert!(bits(&streamed(true, &options, &unchanged).unwrap()) == bits(&expected), "{options:?}");
            }
        }
    }

    /// Collects texts that come one after the other.
    fn streamed(on_device: bool, options: &CollectOptions, given: Given<'_>) -> Result<Vec<Activations>> {
        let model = model();
        let forward = |encoded: &EncodedTexts, batch: &[usize], pass: PassOptions<'_>| {
            let sequences = encoded.sequences(batch);
            read_of(given(encoded, batch, model.forward(&sequences)?)?, pass)
        };
        let run = Run { on_device, ..Run::new(&model, options, &forward, model.matrices()) };
        let interventions = Interventions::new();
        stream(&run, &interventions.resolve(&model)?, texts().into_iter().map(Ok), &Control::new())
    }

    #[test]
    fn streams_on_a_device_give_the_bits_of_the_processor_and_the_same_units() {
        let expected = collected(false, &CollectOptions::default(), &Control::new(), &unchanged).unwrap();
        // Shards of some rows, so that windows follow one another.
        let small = CollectOptions { shard_bytes: 20_000, ..CollectOptions::default() };
        let folder = tempfile::tempdir().unwrap();
        for options in [
            small.clone(),
            CollectOptions { keep_on_device: true, ..small.clone() },
            CollectOptions { memory_limit: 0, ..small.clone() },
            CollectOptions { folder: Some(folder.path().to_owned()), ..small.clone() },
            CollectOptions { folder: Some(folder.path().to_owned()), ..small.clone() },
        ] {
            let rows = streamed(true, &options, &unchanged).unwrap();
            assert_eq!(rows[0].is_on_device(), options.keep_on_device);
            for (rows, expected) in rows.iter().zip(&expected) {
                let (mut ours, mut theirs) =
                    (vec![0.0; 500 * rows.column_count()], vec![0.0; 500 * rows.column_count()]);
                rows.copy_rows(10, &mut ours).unwrap();
                expected.copy_rows(10, &mut theirs).unwrap();
                assert!(ours == theirs, "{options:?}");
                assert_eq!(rows.row_count(), expected.row_count());
                assert!((0..rows.row_count()).all(|row| rows.unit(row) == expected.unit(row)));
            }
        }
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_by_a_stream_while_later_texts_are_read() {
        let broken = |encoded: &EncodedTexts, batch: &[usize], given: Vec<Tensor>| {
            // All rows of long texts, whose first word is the same.
            let lengths = batch.iter().map(|&text| encoded.ids(text).len());
            let factors = lengths.flat_map(|length| vec![if length < 50 { 1.0 } else { f32::INFINITY }; length]);
            let factors: Vec<f32> = factors.collect();
            let factors = Tensor::from_slice(&factors, (factors.len(), 1), &Device::Cpu)?;
            given.iter().map(|rows| Ok(rows.broadcast_mul(&factors)?)).collect()
        };
        let options = CollectOptions { shard_bytes: 20_000, ..CollectOptions::default() };
        for options in [options.clone(), CollectOptions { memory_limit: 0, ..options }] {
            let expected = streamed(false, &options, &broken).unwrap_err();
            assert_eq!(expected.code(), ErrorCode::InvalidData);
            let error = streamed(true, &options, &broken).unwrap_err();
            let unit = |error: &Error| error.details().iter().find(|(key, _)| key == "unit").cloned();
            assert_eq!(unit(&error), unit(&expected), "{error}");
            assert_eq!(unit(&error).unwrap().1, "the");
        }
    }

    #[test]
    fn a_batch_without_memory_is_run_in_halves_and_later_ones_are_smaller() {
        let control = Control::new();
        control.keep_log(LogLevel::Warning);
        let expected = bits(&collected(false, &CollectOptions::default(), &control, &unchanged).unwrap());
        // No text has as many.
        let (refused, run) = (AtomicU64::new(0), AtomicU64::new(0));
        let small = |encoded: &EncodedTexts, batch: &[usize], given| {
            let tokens: usize = batch.iter().map(|&text| encoded.ids(text).len()).sum();
            if tokens > 100 {
                refused.fetch_add(1, Ordering::Relaxed);
                return Err(Error::new(ErrorCode::OutOfMemory, "the device is out of memory"));
            }
            run.fetch_add(1, Ordering::Relaxed);
            Ok(given)
        };
        for keep_on_device in [false, true] {
            let options = CollectOptions { device_batch_tokens: 400, keep_on_device, ..CollectOptions::default() };
            let rows = collected(true, &options, &control, &small).unwrap();
            assert!(bits(&rows) == expected);
        }
        // 400 and 200 tokens are tried by the first batch alone.
        let (refused, run) = (refused.into_inner(), run.into_inner());
        assert!(refused <= 4, "{refused} batches were refused");
        assert!(run > 10, "{run} batches were run");
        let messages: Vec<String> = (0..control.kept_message_count())
            .filter_map(|index| control.kept_message(index))
            .map(|message| message.text().to_owned())
            .collect();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].contains("400 tokens"), "{messages:?}");
    }

    #[test]
    fn a_text_that_does_not_fit_alone_is_named() {
        let longest = |encoded: &EncodedTexts| (0..encoded.text_count()).map(|text| encoded.ids(text).len()).max();
        let refuse = |encoded: &EncodedTexts, batch: &[usize], given| {
            let tokens: Option<usize> = batch.iter().map(|&text| encoded.ids(text).len()).max();
            if tokens < longest(encoded) {
                return Ok(given);
            }
            Err(Error::new(ErrorCode::OutOfMemory, "the device is out of memory"))
        };
        let error = collected(true, &CollectOptions::default(), &Control::new(), &refuse).unwrap_err();
        assert_eq!(error.code(), ErrorCode::OutOfMemory);
        let details: std::collections::HashMap<_, _> = error.details().iter().cloned().collect();
        assert!(details["tokens"].parse::<usize>().unwrap() > 50, "{error}");
        assert!(error.message().starts_with(&format!("text {} of ", details["text"])), "{error}");
        assert!(error.hint_text().contains("cut the text"));
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_as_on_the_processor() {
        let broken = |encoded: &EncodedTexts, batch: &[usize], given: Vec<Tensor>| {
            let mut first = 0;
            for &text in batch {
                if text == 15 {
                    let (rows, width) = given[1].dims2()?;
                    let mut values = given[1].flatten_all()?.to_vec1::<f32>()?;
                    values[(first + 3) * width + 5] = f32::NAN;
                    let broken = Tensor::from_vec(values, (rows, width), &Device::Cpu)?;
                    return Ok(vec![given[0].clone(), broken]);
                }
                first += encoded.ids(text).len();
            }
            Ok(given)
        };
        let options = |keep_on_device| CollectOptions { keep_on_device, ..CollectOptions::default() };
        let expected = collected(false, &options(false), &Control::new(), &broken).unwrap_err();
        assert_eq!(expected.code(), ErrorCode::InvalidData);
        assert!(expected.message().contains("NaN for text 15"), "{expected}");
        for keep_on_device in [false, true] {
            let error = collected(true, &options(keep_on_device), &Control::new(), &broken).unwrap_err();
            assert_eq!(error.message(), expected.message());
            assert_eq!(error.details(), expected.details());
        }
    }

    #[test]
    fn rows_of_half_precision_are_pooled_in_single_precision() {
        let halved = |_: &EncodedTexts, _: &[usize], given: Vec<Tensor>| {
            given.iter().map(|rows| Ok(rows.to_dtype(DType::BF16)?)).collect()
        };
        let rounded = |_: &EncodedTexts, _: &[usize], given: Vec<Tensor>| {
            given.iter().map(|rows| Ok(rows.to_dtype(DType::BF16)?.to_dtype(DType::F32)?)).collect()
        };
        let options = CollectOptions { granularity: Granularity::Sample, ..CollectOptions::default() };
        let expected = collected(false, &options, &Control::new(), &rounded).unwrap();
        assert!(bits(&collected(true, &options, &Control::new(), &halved).unwrap()) == bits(&expected));
    }

    #[test]
    fn a_cancel_ends_the_work_within_a_batch() {
        let control = Control::new();
        let watcher = control.clone();
        control.set_callback(Some(Box::new(move |progress| {
            if progress.stage == Stage::Forward && progress.done > 100 {
                watcher.cancel();
            }
        })));
        let options = CollectOptions { device_batch_tokens: 20, ..CollectOptions::default() };
        let run = AtomicU64::new(0);
        let counted = |_: &EncodedTexts, _: &[usize], given| {
            run.fetch_add(1, Ordering::Relaxed);
            Ok(given)
        };
        let error = collected(true, &options, &control, &counted).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled);
        assert!(run.into_inner() < 20);
    }
}
