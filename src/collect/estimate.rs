//! What a collection will take, before it is run: its rows and bytes as they are, and its seconds from a sample.
//!
//! Batches are made as the collection makes them, of texts of similar length. A sample of them, spread over all lengths, runs
//! for a second on as many threads as the collection has. What the others take is read between their neighbours in length.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::activations::InputSource;
use super::options::CollectOptions;
use super::run::{Failure, Run, Window};
use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::model::{PassOptions, SplitModel};
use crate::text::{EncodedTexts, Granularity};

/// How long a sample runs. What has begun by then is brought to its end.
const SAMPLE: Duration = Duration::from_secs(1);
/// The part of a turn by which batches are sampled: whenever it ends, the sample is spread evenly.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// What a collection of activations will take.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// How many texts there are.
    pub text_count: usize,
    /// How many tokens the model reads, special ones included: exactly.
    pub token_count: usize,
    /// How many rows each split point will have: exactly.
    pub row_count: usize,
    /// How many bytes the rows of all split points have: exactly.
    pub row_bytes: u64,
    /// Whether the rows go to disk, because they are more than the memory limit or have a folder.
    pub on_disk: bool,
    /// How many seconds [`SplitModel::activations`] will take on this machine, as busy as it is now.
    pub seconds: f64,
    /// How many tokens were run to know.
    pub sampled_token_count: usize,
}

impl SplitModel {
    /// Says what [`SplitModel::activations`] will take with the same inputs and options: texts are tokenized and cut into units as
    /// it does, so that rows and bytes are exact, and a sample of the texts is run for about a second. Where that is all of them,
    /// the seconds are what they took. They are those of tokenizing (of texts that are not inputs yet), of cutting and of the
    /// model; a slow disk takes longer. Nothing is kept.
    ///
    /// Memory: as [`SplitModel::activations`], without its rows.
    ///
    /// # Errors
    /// Those of [`SplitModel::activations`].
    ///
    /// ```
    /// # #[cfg(feature = "demo-model")] {
    /// use eidos::{CollectOptions, Control, LoadOptions, SplitModel};
    /// let (control, options) = (Control::new(), CollectOptions::default());
    /// let model = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &control)?;
    /// let texts = ["a warm and funny film", "dull"];
    /// let estimate = model.estimate(&texts, &options, &control)?;
    /// let rows = &model.activations(&texts, &options, &control)?[0];
    /// assert_eq!(estimate.row_count, rows.row_count());
    /// # }
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn estimate(
        &self,
        inputs: &(impl InputSource + ?Sized),
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Estimate> {
        self.check_collecting(options)?;
        let start = Instant::now();
        let inputs = inputs.inputs(self, options.threads, control)?;
        options.check_inputs(&inputs, self)?;
        let mut options = options.clone();
        if inputs.has_ids_alone() {
            options.granularity = Granularity::AllTokens;
        }
        let tokenizer = self.tokenizer_of_ids()?;
        let encoded = tokenizer.cut_on(&self.workers, &inputs, options.units(), options.threads, control)?;
        let before = start.elapsed().as_secs_f64();
        let forward = |encoded: &EncodedTexts, batch: &[usize], options: PassOptions<'_>| {
            let sequences = encoded.sequences(batch);
            self.forward_under(&sequences, options, Vec::new())
        };
        let run = Run::new(self, &options, &forward, self.matrices());
        let row_bytes: u64 = run.widths().map(|width| (width * size_of::<f32>()) as u64).sum();
        let row_bytes = row_bytes.saturating_mul(encoded.unit_count() as u64);
        let stays = options.keep_on_device && run.on_device;
        control.begin(Stage::Forward, 0)?;
        let window = Window { encoded: &encoded, texts: 0..encoded.text_count(), before: (0, 0) };
        let sample = Sample::of(&run, &window, control)?;
        Ok(Estimate {
            text_count: encoded.text_count(),
            token_count: encoded.token_count(),
            row_count: encoded.unit_count(),
            row_bytes,
            on_disk: !stays && (options.folder.is_some() || row_bytes > options.memory_limit),
            seconds: before + sample.seconds(),
            sampled_token_count: sample.times.iter().map(|&(batch, _)| sample.tokens[batch] as usize).sum(),
        })
    }
}

/// Some batches of a collection, and what they took.
struct Sample {
    /// The tokens of each batch of the collection.
    tokens: Vec<u64>,
    /// The batches that were run, in their order, and their seconds on one thread.
    times: Vec<(usize, f64)>,
    threads: usize,
}

impl Sample {
    fn of(run: &Run<'_>, window: &Window<'_>, control: &Control) -> Result<Self> {
        let batches = run.batches(window, &run.texts_to_run(window).0);
        let tokens = batches.iter().map(|batch| window.tokens_of(batch)).collect();
        let order = spread(batches.len());
        let named = |failure: Failure| failure.named(|unit| window.encoded.units.string(unit).to_owned());
        let mut sample = Self { tokens, times: Vec::new(), threads: 1 };
        if run.on_device {
            sample.on_device(run, window, &batches, &order, control).map_err(named)?;
        } else {
            sample.on_cpu(run, window, &batches, &order, control).map_err(named)?;
        }
        sample.times.sort_unstable_by_key(|&(batch, _)| batch);
        Ok(sample)
    }

    /// Threads run batches side by side, each of which is timed: they share the memory of the machine as they will.
    fn on_cpu(
        &mut self,
        run: &Run<'_>,
        window: &Window<'_>,
        batches: &[Vec<usize>],
        order: &[usize],
        control: &Control,
    ) -> Result<(), Failure> {
        if batches.is_empty() {
            return Ok(());
        }
        let threads = run.threads_within(window, batches);
        let team = run.model.workers.team(run.options.threads, batches.len() * threads)?;
        self.threads = team.count().min(batches.len());
        let (next, stop, start) = (AtomicUsize::new(0), AtomicBool::new(false), Instant::now());
        let work = |sender: mpsc::Sender<Result<(usize, f64), Failure>>| {
            let timed = |batch: usize| -> Result<(usize, f64), Failure> {
                run.model.prepare_thread()?;
                let start = Instant::now();
                run.run_batch(window, &batches[batch], threads)?;
                Ok((batch, start.elapsed().as_secs_f64()))
            };
            while let Some(&batch) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                let stopped = stop.load(Ordering::Relaxed) || control.is_cancelled();
                if stopped || start.elapsed() > SAMPLE || sender.send(timed(batch)).is_err() {
                    return;
                }
            }
        };
        let work = &work;
        team.scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            for _ in 0..self.threads {
                let sender = sender.clone();
                scope.spawn(move |_| work(sender));
            }
            drop(sender);
            let result = receiver.iter().try_for_each(|timed| {
                let (batch, seconds) = timed?;
                self.times.push((batch, seconds));
                Ok::<(), Failure>(control.advance(self.tokens[batch])?)
            });
            stop.store(true, Ordering::Relaxed);
            result
        })??;
        // The first batch of a thread fills caches that later ones find full.
        if self.times.len() > 4 * self.threads {
            self.times.drain(..self.threads);
        }
        Ok(control.check()?)
    }

    /// The device runs batch after batch, and the time from one that has arrived to the next is that of the latter.
    fn on_device(
        &mut self,
        run: &Run<'_>,
        window: &Window<'_>,
        batches: &[Vec<usize>],
        order: &[usize],
        control: &Control,
    ) -> Result<(), Failure> {
        let sampled: Vec<Vec<usize>> = order.iter().map(|&batch| batches[batch].clone()).collect();
        let (start, mut last) = (Instant::now(), Instant::now());
        // A batch may arrive in parts.
        let (mut at, mut left) = (0, sampled.first().map_or(0, Vec::len));
        let mut enough = false;
        let result = run.drive(window.batches(&sampled), None, control, &mut |batch, _| {
            control.advance(batch.tokens())?;
            left -= batch.texts.len();
            if left > 0 {
                return Ok(());
            }
            let now = Instant::now();
            self.times.push((order[at], now.duration_since(last).as_secs_f64()));
            last = now;
            at += 1;
            left = sampled.get(at).map_or(0, Vec::len);
            enough = start.elapsed() > SAMPLE && left > 0;
            if enough { Err(Error::internal("the sample is complete")) } else { Ok(()) }
        });
        if !enough {
            result?;
        }
        // The first batch waits for what is made once.
        if self.times.len() > 4 {
            self.times.remove(0);
        }
        Ok(())
    }

    /// What all batches take: between two that were run, the time a token changes evenly.
    fn seconds(&self) -> f64 {
        let rate = |&(batch, seconds): &(usize, f64)| seconds / self.tokens[batch].max(1) as f64;
        let (mut behind, mut sum) = (self.times.iter().peekable(), 0.0);
        let mut before: Option<&(usize, f64)> = None;
        for (batch, &tokens) in self.tokens.iter().enumerate() {
            while let Some(passed) = behind.next_if(|(sampled, _)| *sampled <= batch) {
                before = Some(passed);
            }
            let rate = match (before, behind.peek()) {
                (Some(before), Some(next)) => {
                    let part = (batch - before.0) as f64 / (next.0 - before.0) as f64;
                    rate(before) + part * (rate(next) - rate(before))
                }
                (Some(one), None) => rate(one),
                (None, Some(one)) => rate(one),
                (None, None) => 0.0,
            };
            sum += rate * tokens as f64;
        }
        sum / self.threads as f64
    }
}

/// The numbers up to `count`, in an order of which every beginning is spread evenly; the middle first.
fn spread(count: usize) -> Vec<usize> {
    let mut order = Vec::with_capacity(count);
    let mut taken = vec![false; count];
    let mut place = 0.5;
    for _ in 0..2 * count {
        let index = ((place * count as f64) as usize).min(count.saturating_sub(1));
        if !std::mem::replace(&mut taken[index], true) {
            order.push(index);
        }
        place = (place + GOLDEN).fract();
    }
    order.extend((0..count).filter(|&index| !taken[index]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_of_an_order_is_spread_and_the_whole_is_complete() {
        for count in [0, 1, 2, 7, 100] {
            let mut order = spread(count);
            if count == 100 {
                let mut first: Vec<usize> = order[..10].to_vec();
                first.sort_unstable();
                assert!(first.windows(2).all(|pair| pair[1] - pair[0] <= 20), "{first:?}");
            }
            order.sort_unstable();
            assert!(order.into_iter().eq(0..count));
        }
    }

    #[test]
    fn the_time_of_a_batch_is_read_between_its_neighbours() {
        let sample = Sample { tokens: vec![10; 5], times: vec![(1, 1.0), (3, 3.0)], threads: 2 };
        let whole = Sample { tokens: vec![1, 2], times: vec![(0, 1.5), (1, 0.5)], threads: 1 };
        let none = Sample { tokens: Vec::new(), times: Vec::new(), threads: 1 };
        for (sample, seconds) in [(sample, (1.0 + 1.0 + 2.0 + 3.0 + 3.0) / 2.0), (whole, 2.0), (none, 0.0)] {
            assert!((sample.seconds() - seconds).abs() < 1e-9, "{} instead of {seconds}", sample.seconds());
        }
    }

    #[cfg(feature = "demo-model")]
    #[test]
    fn rows_and_bytes_are_those_of_the_collection() {
        use crate::{ErrorCode, LoadOptions};
        let control = Control::new();
        let model = SplitModel::load("eidos:demo", &["0", "1"], &LoadOptions::default(), &control).unwrap();
        let texts: Vec<String> =
            (0..50).map(|index| format!("The {index}th film was good.").repeat(index / 9)).collect();
        for granularity in [Granularity::Word, Granularity::Sample, Granularity::AllTokens] {
            let options = CollectOptions { granularity, threads: 2, batch_tokens: 64, ..CollectOptions::default() };
            let found = model.activations(&texts, &options, &control).unwrap();
            let estimate = model.estimate(&texts, &options, &control).unwrap();
            assert_eq!((estimate.text_count, estimate.row_count), (50, found[0].row_count()));
            let bytes: usize = found.iter().map(|rows| rows.row_count() * rows.column_count() * 4).sum();
            assert_eq!((estimate.row_bytes, estimate.on_disk), (bytes as u64, false));
            assert_eq!(estimate.token_count, model.inputs(&texts, 1, &control).unwrap().token_count());
            assert!(estimate.seconds > 0.0 && estimate.seconds < 60.0, "{estimate:?}");
            let small = CollectOptions { memory_limit: 100, ..options };
            assert!(model.estimate(&texts, &small, &control).unwrap().on_disk);
        }
        let nothing = model.estimate(&[""], &CollectOptions::default(), &control).unwrap();
        assert_eq!((nothing.row_count, nothing.row_bytes, nothing.seconds < 1.0), (0, 0, true));
        control.cancel();
        let error = model.estimate(&texts, &CollectOptions::default(), &control).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled);
    }
}
