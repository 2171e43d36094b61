//! Texts of which a device runs the first ones while the others are still tokenized.
//!
//! ```text
//! a thread:        tokens and units of part 1 │ of part 2 │ of part 3 ...
//! device:                                     │ batches of part 1 │ of part 2 ...
//! calling thread:                                 rows of part 1 to their places ...
//! ```
//!
//! Rows are made for memory alone: how many there are is not known before the last part, so where they might be more than the
//! memory limit the texts are tokenized first.

use std::ops::Range;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, OnceLock};

use super::activations::{claim, no_texts};
use super::device::Batch;
use super::options::CollectOptions;
use super::run::{Failure, Run, Window, WindowRows};
use super::transfer::zeros;
use super::twins::Twins;
use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::memory::Claim;
use crate::model::SplitModel;
use crate::rows::{About, Activations, Storage};
use crate::text::{EncodedTexts, Inputs, LeftOut, StringTable, UnitsBuilder};
use crate::threads::start;

/// The texts of the first part, for which the device waits. Each part has twice as many as the one before, and at most so many.
const FIRST_TEXTS: usize = 512;
const MOST_TEXTS: usize = 4096;

/// Some consecutive texts, ready to be run.
struct Part {
    inputs: Inputs,
    encoded: EncodedTexts,
    batches: Vec<Vec<usize>>,
    twins: Option<Twins>,
    /// How many texts and rows come before.
    before: (usize, usize),
}

impl Part {
    fn window(&self) -> Window<'_> {
        Window { encoded: &self.encoded, texts: 0..self.encoded.text_count(), before: self.before }
    }

    /// The tokens of texts that are the same as others, or have no rows.
    fn tokens_not_run(&self) -> u64 {
        let window = self.window();
        self.encoded.token_count() as u64 - self.batches.iter().map(|batch| window.tokens_of(batch)).sum::<u64>()
    }
}

/// Whether texts are run part by part.
pub(super) fn is_worth_it(model: &SplitModel, options: &CollectOptions, texts: usize) -> bool {
    let into_memory = options.folder.is_none() && !options.keep_on_device;
    model.runs_as_on_device() && into_memory && texts >= 2 * FIRST_TEXTS
}

/// The activations of texts at each split point; nothing where the rows may be more than the memory limit.
pub(super) fn collect(run: &Run<'_>, texts: &[&str], control: &Control) -> Result<Option<Vec<Activations>>> {
    let ranges = parts_of(texts.len());
    let parts: Vec<OnceLock<Part>> = ranges.iter().map(|_| OnceLock::new()).collect();
    control.begin(Stage::Forward, 0)?;
    let mut rows = Rows { run, texts: texts.len(), values: WindowRows::new(), room: 0, too_many: false };
    let driven = std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel::<Result<&Part>>();
        let (parts, ranges) = (&parts, &ranges);
        let preparing = start(scope, move || prepare_all(run, texts, ranges, parts, control, &sender))?;
        let batches = receiver.into_iter().flat_map(|part| match part {
            Ok(part) => part.window().batches(&part.batches).collect(),
            Err(error) => vec![Err(error)],
        });
        let driven = run.drive(batches, None, control, &mut |batch, arrived| {
            if let Some(tokens) = token_count(parts) {
                control.expect(tokens);
            }
            rows.put(batch, arrived)?;
            control.advance(batch.tokens())
        });
        preparing.join().map_err(|_| Error::internal("a thread ended early"))?;
        Ok::<_, Error>(driven)
    })?;
    if rows.too_many {
        return Ok(None);
    }
    let parts: Vec<Part> = parts.into_iter().map_while(OnceLock::into_inner).collect();
    driven.map_err(|failure| named(failure, &parts))?;
    if parts.len() < ranges.len() {
        control.check()?;
        return Err(Error::internal("texts were not tokenized"));
    }
    rows.finish(&parts, control)
}

/// The texts of each part.
fn parts_of(count: usize) -> Vec<Range<usize>> {
    let (mut first, mut size, mut parts) = (0, FIRST_TEXTS, Vec::new());
    while first < count {
        parts.push(first..count.min(first + size));
        (first, size) = (first + size, MOST_TEXTS.min(2 * size));
    }
    parts
}

/// Prepares one part after the other, until one fails or nobody waits for them any more.
fn prepare_all<'a>(
    run: &Run<'_>,
    texts: &[&str],
    ranges: &[Range<usize>],
    parts: &'a [OnceLock<Part>],
    control: &Control,
    sender: &Sender<Result<&'a Part>>,
) {
    let mut rows = 0;
    for (range, place) in ranges.iter().zip(parts) {
        let sent = match prepare(run, &texts[range.clone()], (range.start, rows), control) {
            Ok(part) => {
                let part = place.get_or_init(|| part);
                rows += part.encoded.unit_count();
                sender.send(Ok(part))
            }
            Err(error) => {
                // Where nobody receives it, the call has failed already.
                let _ = sender.send(Err(error));
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Tokenizes some texts, cuts them into units and puts them into batches.
fn prepare(run: &Run<'_>, texts: &[&str], before: (usize, usize), control: &Control) -> Result<Part> {
    let (model, options, threads) = (run.model, run.options, run.options.threads);
    let tokenizer = model.tokenizer()?;
    let of_texts = claim(texts.iter().map(|text| text.len()), texts.len())?;
    let inputs = tokenizer.inputs_of_part(&model.workers, texts, before.0, threads, control)?;
    drop(of_texts);
    options.check_inputs(&inputs, model)?;
    // As for all texts at once.
    let _of_units = Claim::of(inputs.token_count().saturating_mul(60), &format!("the units of {} texts", texts.len()))?;
    let encoded = tokenizer.cut_part(&model.workers, &inputs, before.0, options.units(), threads, control)?;
    let mut part = Part { inputs, encoded, batches: Vec::new(), twins: None, before };
    let window = part.window();
    let (texts, twins) = run.texts_to_run(&window);
    let batches = run.batches(&window, &texts);
    (part.batches, part.twins) = (batches, twins);
    Ok(part)
}

/// The tokens of all parts, once all are prepared.
fn token_count(parts: &[OnceLock<Part>]) -> Option<u64> {
    let counts = parts.iter().map(|part| part.get().map(|part| part.encoded.token_count() as u64));
    counts.sum()
}

/// The error, with the string of the unit that it is about.
fn named(failure: Failure, parts: &[Part]) -> Error {
    let part = match &failure {
        Failure::NotFinite(found) => parts.iter().find(|part| part.before == found.before),
        Failure::Other(_) => None,
    };
    failure.named(|unit| part.map_or("", |part| part.encoded.units.string(unit)).to_owned())
}

/// The rows of all parts, of which it is not known how many there will be.
struct Rows<'a> {
    run: &'a Run<'a>,
    /// How many texts there are.
    texts: usize,
    values: WindowRows,
    /// For how many rows there is room.
    room: usize,
    /// Whether they are, or may be, more than the memory limit.
    too_many: bool,
}

impl Rows<'_> {
    /// Puts the rows of a batch into their places.
    fn put(&mut self, batch: &Batch<'_>, arrived: &[&[f32]]) -> Result<()> {
        let (texts, begin) = batch.window.before;
        let end = begin + batch.window.rows().len();
        if end > self.room {
            let read = texts + batch.window.texts.len();
            self.make_room(end, read)?;
        }
        self.run.place_together(batch, arrived, begin, &mut self.values)
    }

    /// Makes room for the first `rows` rows, which are those of the first `texts` texts, and for as many as all texts will have
    /// if the others are like them, and a few more. Pages that nobody writes take no memory.
    fn make_room(&mut self, rows: usize, texts: usize) -> Result<()> {
        let expected = rows.saturating_mul(self.texts) / texts.max(1);
        let room = rows.max(expected.saturating_add(expected / 8));
        let bytes = self.run.widths().fold(0_u64, |bytes, width| {
            bytes.saturating_add((room as u64).saturating_mul((width * size_of::<f32>()) as u64))
        });
        if bytes > self.run.options.memory_limit {
            self.too_many = true;
            return Err(Error::internal("rows are more than the memory limit"));
        }
        let larger = self.run.widths().map(|width| zeros(room, width)).collect::<Result<WindowRows>>()?;
        let smaller = std::mem::replace(&mut self.values, larger);
        for (old, new) in smaller.iter().zip(&mut self.values) {
            new[..old.len()].copy_from_slice(old);
        }
        self.room = room;
        Ok(())
    }

    /// The matrices, when all rows are in their places.
    fn finish(mut self, parts: &[Part], control: &Control) -> Result<Option<Vec<Activations>>> {
        let (run, model) = (self.run, self.run.model);
        let last = parts.last().ok_or_else(no_texts)?;
        let rows = last.before.1 + last.encoded.unit_count();
        // The last texts may be the same as others.
        let made = if rows > self.room { self.make_room(rows, self.texts) } else { Ok(()) };
        if self.too_many {
            return Ok(None);
        }
        made?;
        let (mut units, mut texts) = (UnitsBuilder::default(), StringTable::default());
        let (mut left_out, mut truncated_count) = (LeftOut::default(), 0);
        for part in parts {
            if let Some(twins) = &part.twins {
                twins.copy(&part.window(), run.widths(), part.before.1, &mut self.values);
            }
            units.append(&part.encoded.units);
            part.inputs.texts().iter().for_each(|text| texts.push(text));
            left_out.add(part.encoded.left_out());
            truncated_count += part.encoded.truncated_count();
        }
        control.advance(parts.iter().map(Part::tokens_not_run).sum())?;
        run.log_truncated(truncated_count, self.texts, control);
        Run::log_left_out(left_out, control);
        let (units, texts) = (Arc::new(units.finish()), Arc::new(texts));
        let abouts = model.abouts(run.options, |provenance| {
            let (units, texts) = (Some(Arc::clone(&units)), Arc::clone(&texts));
            Ok(About { units, texts, provenance, truncated_count, left_out })
        })?;
        let matrices = self.values.into_iter().zip(run.widths()).zip(abouts);
        let matrices = matrices.map(|((mut values, width), about)| {
            values.truncate(rows * width);
            Activations::from_storage(Storage::Memory(values), rows, width, about)
        });
        Ok(Some(matrices.collect()))
    }
}

#[cfg(all(test, feature = "demo-model"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::collect::OnLongText;
    use crate::error::ErrorCode;
    use crate::log::LogLevel;
    use crate::model::LoadOptions;
    use crate::{DeviceChoice, Granularity};

    /// References on the CPU stand in for a device.
    fn model() -> SplitModel {
        let options = LoadOptions { device: DeviceChoice::Reference, ..LoadOptions::default() };
        SplitModel::load("eidos:demo", &["0", "model.layers.1.mlp"], &options, &Control::new()).unwrap()
    }

    /// Enough for three parts: some without tokens, and some that occur in several parts.
    fn texts() -> Vec<String> {
        let words = ["a warm film", "dull", "", "the plot goes nowhere. at all!", "its charm", "never dull"];
        let text = |index: usize| match index % 7 {
            6 => String::new(),
            kind => format!("{} {}", words[kind % words.len()], words[index / 7 % words.len()]),
        };
        (0..1700).map(text).collect()
    }

    fn bits(rows: &Activations) -> Vec<u32> {
        rows.rows(0, rows.row_count()).unwrap().iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn the_rows_are_those_of_texts_that_were_tokenized_before() {
        assert!(parts_of(1700).len() == 3 && parts_of(1700).last() == Some(&(1536..1700)));
        let (model, texts, control) = (model(), texts(), Control::new());
        let inputs = model.inputs(&texts, 0, &control).unwrap();
        for options in [
            CollectOptions::default(),
            CollectOptions {
                granularity: Granularity::Sentence,
                device_batch_tokens: 300,
                ..CollectOptions::default()
            },
            CollectOptions { stop_units: vec!["dull".to_owned()], stop_punctuation: true, ..CollectOptions::default() },
            CollectOptions { memory_limit: 1 << 20, ..CollectOptions::default() },
        ] {
            let found = model.activations(&texts, &options, &control).unwrap();
            let expected = model.activations(&inputs, &options, &control).unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                assert!(found.row_count() > 1000 && bits(found) == bits(expected), "{options:?}");
                assert!(found.row_count() == expected.row_count() && found.provenance() == expected.provenance());
                assert_eq!(found.left_out(), expected.left_out());
                for row in (0..found.row_count()).step_by(7) {
                    assert_eq!(found.unit(row), expected.unit(row));
                    assert_eq!(found.units().unwrap().span(row), expected.units().unwrap().span(row));
                }
                assert!(found.texts().iter().eq(expected.texts().iter()));
            }
        }
    }

    #[test]
    fn progress_counts_all_tokens_and_a_cancel_ends_it() {
        let (model, texts, control) = (model(), texts(), Control::new());
        let tokens = model.inputs(&texts, 0, &control).unwrap().token_count() as u64;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let progress = Arc::clone(&seen);
        control
            .set_callback(Some(Box::new(move |now| progress.lock().unwrap().push((now.stage, now.done, now.total)))));
        model.activations(&texts, &CollectOptions::default(), &control).unwrap();
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert!(seen.iter().all(|(stage, done, total)| *stage == Stage::Forward && (*total == 0 || done <= total)));
        assert_eq!(seen.last(), Some(&(Stage::Forward, tokens, tokens)));

        let watcher = control.clone();
        control.set_callback(Some(Box::new(move |progress| {
            if progress.done > 100 {
                watcher.cancel();
            }
        })));
        let options = CollectOptions { device_batch_tokens: 50, ..CollectOptions::default() };
        let error = model.activations(&texts, &options, &control).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled);
    }

    #[test]
    fn what_is_wrong_with_a_text_names_it_among_all() {
        let (model, mut texts, control) = (model(), texts(), Control::new());
        texts[1600] = "a warm film ".repeat(model.max_positions());
        control.keep_log(LogLevel::Warning);
        let options = CollectOptions { on_long_text: OnLongText::Error, ..CollectOptions::default() };
        let error = model.activations(&texts, &options, &control).unwrap_err();
        assert!(error.message().contains("text 1600 is longer"), "{error}");
        let rows = &model.activations(&texts, &CollectOptions::default(), &control).unwrap()[0];
        assert_eq!(rows.truncated_count(), 1);
        let said: Vec<_> = (0..control.kept_message_count()).filter_map(|index| control.kept_message(index)).collect();
        assert!(said.iter().any(|message| message.text().contains("1 of 1700 texts are longer")), "{said:?}");
    }
}
