//! Texts that come one after the other become rows, while further texts are still to come.
//!
//! ```text
//! source ──► texts ──► tokens ──► units ──► window ──► rows ──► memory, or shards
//!            some at     on all      │        one shard
//!            a time      threads     └──► files without a name: texts, units
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{Scope, ScopedJoinHandle};

use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};

use super::activations::{claim, folders_of, hexadecimal, lock_all, no_room, no_texts};
use super::interventions::{Interventions, Resolved};
use super::options::CollectOptions;
use super::run::{Failure, Once, Run, Window, WindowRows};
use super::transfer::KeptRows;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::model::{PassOptions, SplitModel};
use crate::rows::{About, Activations, DeviceRows, Manifest, Storage, StreamWriter, UnnamedWriter};
use crate::text::{
    EncodedTexts, LeftOut, PackedTokens, StringTable, StringTableWriter, TEXTS_AT_A_TIME, Truncated, UnitCutter,
    UnitsWriter,
};
use crate::threads::start;

/// How many bytes of texts are tokenized at a time, and one text at least.
const BYTES_AT_A_TIME: usize = 4 << 20;

/// How many tokens a window has at most, and one text at least: texts may have many tokens and few rows.
const WINDOW_TOKENS: usize = 8 << 20;

impl SplitModel {
    /// The activations of texts that come one after the other, at each split point: as [`SplitModel::activations`] gives them
    /// for the same texts at once, bit for bit. The rows of the first texts are made, and lie in shards on disk, before the last
    /// texts are asked for. An error of `texts` ends the call and is its error: shards that the texts before it fill are written
    /// first, unless it is [`ErrorCode::Cancelled`].
    ///
    /// With [`CollectOptions::folder`], what is complete stays there after an error or a cancel: the same texts into the same
    /// folder go on from there. They are read again from the first one on, and a hash says for each shard whether its texts
    /// are the same. A folder of a stream and one of texts at once do not continue one another.
    ///
    /// On a device the next texts are read and tokenized while those before are run. With
    /// [`CollectOptions::keep_on_device`] the rows of a split point are on the device twice for a moment at the end, to be one
    /// piece.
    ///
    /// Memory: the rows of one shard per split point, the tokens of its texts, and one batch per thread; beyond
    /// [`CollectOptions::memory_limit`], and with a folder, texts and units lie in files without a name, 16 bytes a unit and the
    /// bytes of the texts. What stays in memory is one copy of each *different* string of a unit: where units are sentences or
    /// texts, nearly all of them are different.
    ///
    /// # Errors
    /// Those of `texts` and of [`SplitModel::activations`]; [`ErrorCode::Mismatch`] when the folder holds shards of other texts.
    ///
    /// ```
    /// # #[cfg(feature = "demo-model")] {
    /// use eidos::{CollectOptions, Control, LoadOptions, SplitModel};
    /// let control = Control::new();
    /// let model = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &control)?;
    /// let lines = "a warm and funny film\ndull".lines().map(Ok);
    /// let words = &model.stream_activations(lines, &CollectOptions::default(), &control)?[0];
    /// assert_eq!(words.unit(5), Some("dull"));
    /// # }
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn stream_activations<T: AsRef<str> + Sync>(
        &self,
        texts: impl IntoIterator<Item = Result<T>>,
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Vec<Activations>> {
        self.stream_activations_under(texts, &Interventions::new(), options, control)
    }

    /// The activations of texts that come one after the other, as [`SplitModel::stream_activations`] gives them, while what other
    /// modules give is changed: as [`SplitModel::activations_under`] gives them for the same texts at once, bit for bit. Tokens
    /// are counted over all texts of the stream.
    ///
    /// # Errors
    /// Those of both. That rows of [`Interventions::replace`] are of other texts, or too few, is said when the first such text
    /// comes; that they are too many, or that a token was named that no text has, once there are no more texts.
    pub fn stream_activations_under<T: AsRef<str> + Sync>(
        &self,
        texts: impl IntoIterator<Item = Result<T>>,
        interventions: &Interventions,
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Vec<Activations>> {
        self.check_collecting(options)?;
        let changes = interventions.resolve(self)?;
        changes.check_numbers(control)?;
        let forward = |encoded: &EncodedTexts, batch: &[usize], pass: PassOptions<'_>| {
            let sequences = encoded.sequences(batch);
            self.forward_under(&sequences, pass, changes.edits(encoded, batch)?)
        };
        let run = Run { once: Once::unless(!changes.is_empty()), ..Run::new(self, options, &forward, self.matrices()) };
        stream(&run, &changes, texts.into_iter(), control)
    }
}

/// Collects the rows of texts that come one after the other.
pub(super) fn stream<T: AsRef<str> + Sync>(
    run: &Run<'_>,
    changes: &Resolved<'_>,
    texts: impl Iterator<Item = Result<T>>,
    control: &Control,
) -> Result<Vec<Activations>> {
    let (model, options) = (run.model, run.options);
    let mut abouts = model.abouts(options, |provenance| Ok(About { provenance, ..About::default() }))?;
    let folders: Option<Vec<PathBuf>> = options.folder.as_deref().map(|folder| folders_of(model, folder, &mut abouts));
    let _locks = folders.as_deref().map_or(Ok(Vec::new()), lock_all)?;
    let sink = match &folders {
        Some(folders) => Sink::folders(folders, run, changes, &abouts)?,
        None if options.keep_on_device && run.on_device => Sink::Device(run.widths().map(|_| Vec::new()).collect()),
        None => Sink::Memory(run.widths().map(|_| Vec::new()).collect()),
    };
    control.begin(Stage::Forward, 0)?;
    let cutter = UnitCutter::new(model.tokenizer()?, &options.units())?;
    std::thread::scope(|scope| {
        let mut stream = Stream {
            run,
            changes,
            scope,
            cutter,
            window: EncodedTexts::default(),
            before: (0, 0),
            running: None,
            hash: Sha256::new(),
            tables: Tables { texts: StringTable::default(), files: None },
            sink,
            truncated: Truncated::default(),
            left_out: LeftOut::default(),
        };
        stream.read(texts, control)?;
        run.log_truncated(stream.truncated.count, stream.before.0, control);
        Run::log_left_out(stream.left_out, control);
        stream.finish(abouts)
    })
}

/// A collection whose texts come one after the other. On a device a window runs while the texts of the next one are read and
/// tokenized.
struct Stream<'scope, 'env> {
    run: &'env Run<'env>,
    changes: &'env Resolved<'env>,
    scope: &'scope Scope<'scope, 'env>,
    cutter: UnitCutter<'env>,
    /// The texts that were read and have no rows yet.
    window: EncodedTexts,
    /// How many texts and rows come before those of the window.
    before: (usize, usize),
    /// The window before, while it runs on a device.
    running: Option<Running<'scope>>,
    /// Of all texts up to the last one of the window.
    hash: Sha256,
    tables: Tables,
    sink: Sink,
    truncated: Truncated,
    left_out: LeftOut,
}

/// A window that runs on a thread of its own.
struct Running<'scope> {
    thread: ScopedJoinHandle<'scope, Result<Made, Failure>>,
    /// The tokens of batches that are done.
    done: Receiver<u64>,
    facts: Facts,
}

/// What is known of a window beside its texts.
struct Facts {
    /// Of all texts up to its last one.
    hash: String,
    /// Which string each of its units is.
    names: Vec<u32>,
}

impl<'env> Stream<'_, 'env> {
    /// Reads all texts. After an error a window that runs is brought to its end and kept, unless somebody cancelled.
    fn read<T: AsRef<str> + Sync>(
        &mut self,
        texts: impl Iterator<Item = Result<T>>,
        control: &'env Control,
    ) -> Result<()> {
        let result = self.read_texts(texts, control).and_then(|()| self.flush(control));
        let settled = match &result {
            Err(error) if error.code() == ErrorCode::Cancelled => Ok(()),
            _ => self.settle(control),
        };
        result.and(settled)
    }

    fn read_texts<T: AsRef<str> + Sync>(
        &mut self,
        mut texts: impl Iterator<Item = Result<T>>,
        control: &'env Control,
    ) -> Result<()> {
        loop {
            control.check()?;
            let (chunk, failed) = next_texts(&mut texts);
            let is_last = chunk.is_empty();
            if !is_last && failed.as_ref().is_none_or(|error| error.code() != ErrorCode::Cancelled) {
                self.add(&chunk, control)?;
            }
            if let Some(error) = failed {
                return Err(error);
            }
            if is_last {
                break;
            }
            if let Some(running) = &self.running {
                running.done.try_iter().try_for_each(|tokens| control.advance(tokens))?;
            }
        }
        // What is left is the last window, or all of them where the texts are few.
        control.expect(self.token_count() as u64);
        let texts = self.before.0 + self.window.text_count();
        if texts == 0 { Err(no_texts()) } else { self.changes.check_end(texts, self.token_count()) }
    }

    fn add(&mut self, chunk: &[impl AsRef<str> + Sync], control: &'env Control) -> Result<()> {
        let _claim = claim(chunk.iter().map(|text| text.as_ref().len()), chunk.len())?;
        let first = self.before.0 + self.window.text_count();
        let mut packed = PackedTokens::default();
        let (model, threads) = (self.run.model, self.run.options.threads);
        let tokenizer = model.tokenizer()?;
        let truncated = tokenizer.tokenize_all(&model.workers, chunk, first, threads, control, &mut packed)?;
        self.run.options.on_long_text.check(truncated.first, model)?;
        self.truncated.add(truncated);
        let most_rows = self.run.rows_per_shard();
        for (index, text) in chunk.iter().map(AsRef::as_ref).enumerate() {
            self.cutter.cut(first + index, text, &packed, index)?;
            let rows = self.window.unit_count() + self.cutter.last_count();
            let tokens = self.window.token_count() + packed.ids_of(index).len();
            if self.window.text_count() > 0 && (rows > most_rows || tokens > WINDOW_TOKENS) {
                self.flush(control)?;
            }
            self.changes.check_next(first + index, text, self.token_count() + packed.ids_of(index).len())?;
            self.hash.update((text.len() as u64).to_le_bytes());
            self.hash.update(text);
            self.tables.texts.try_push(text).map_err(|_| no_memory())?;
            Arc::make_mut(&mut self.window.tokens).push_ids(packed.ids_of(index));
            self.cutter.commit(first + index, &mut self.window);
        }
        Ok(())
    }

    /// How many tokens all texts have that were read.
    fn token_count(&self) -> usize {
        self.window.tokens_before + self.window.token_count()
    }

    /// Makes the rows of the window, or starts to, and begins the next one.
    fn flush(&mut self, control: &'env Control) -> Result<()> {
        // The units of this window go to a file with those of the one before, where rows go to disk.
        let names = self.cutter.units.last_strings(self.window.unit_count());
        self.settle(control)?;
        let next = EncodedTexts { tokens_before: self.token_count(), ..EncodedTexts::default() };
        let window = std::mem::replace(&mut self.window, next);
        let (before, (texts, rows)) = (self.before, (window.text_count(), window.unit_count()));
        self.before = (before.0 + texts, before.1 + rows);
        self.left_out.add(window.left_out());
        let hash = hexadecimal(self.hash.clone());
        if rows == 0 || self.sink.pass(rows, &hash)? {
            control.advance(window.token_count() as u64)?;
            return self.forget();
        }
        let facts = Facts { hash, names };
        let run = self.run;
        if !run.on_device {
            let window = Window { encoded: &window, texts: 0..texts, before };
            let made = run.window(&window, control, &mut |tokens| control.advance(tokens));
            return self.keep(made.map(Made::Host), &facts, control);
        }
        let (sender, done) = mpsc::channel();
        let kept = matches!(self.sink, Sink::Device(_));
        let thread = start(self.scope, move || {
            let window = Window { encoded: &window, texts: 0..texts, before };
            let mut advance = |tokens| {
                // Nobody counts any more where the call has failed.
                let _ = sender.send(tokens);
                control.check()
            };
            if !kept {
                return run.window(&window, control, &mut advance).map(Made::Host);
            }
            let mut kept = KeptRows::new(run.model.device(), rows, run.widths()).map_err(no_room)?;
            run.window_kept(&window, &mut kept, control, &mut advance)?;
            Ok(Made::Device(kept.into_tensors(rows, run.widths())?))
        })?;
        self.running = Some(Running { thread, done, facts });
        Ok(())
    }

    /// Waits for the window that runs, if one does.
    fn settle(&mut self, control: &Control) -> Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let counted = running.done.iter().try_for_each(|tokens| control.advance(tokens));
        let made = running.thread.join().map_err(|_| Error::internal("a thread ended early"))?;
        counted?;
        self.keep(made, &running.facts, control)
    }

    /// Puts the rows of a window where they belong.
    fn keep(&mut self, made: Result<Made, Failure>, facts: &Facts, control: &Control) -> Result<()> {
        let name = |unit: usize| facts.names.get(unit).map_or("", |&name| self.cutter.units.interned(name)).to_owned();
        let made = made.map_err(|failure| failure.named(name))?;
        let was_on_disk = self.sink.is_on_disk();
        self.sink.write(made, &facts.hash, self.run)?;
        if !was_on_disk && self.sink.is_on_disk() {
            let columns: usize = self.run.widths().sum();
            // The next window has not begun.
            self.run.log_on_disk((self.before.1 * columns * size_of::<f32>()) as u64, control);
        }
        self.forget()
    }

    /// Moves the texts and units into files once rows go to disk.
    fn forget(&mut self) -> Result<()> {
        if self.sink.is_on_disk() {
            let folder = self.run.options.folder.clone().unwrap_or_else(std::env::temp_dir);
            self.tables.write(&folder, &mut self.cutter)?;
            self.cutter.forget();
        }
        Ok(())
    }

    fn finish(self, abouts: Vec<About>) -> Result<Vec<Activations>> {
        let (texts, units) = self.tables.finish(self.cutter)?;
        let (texts, units) = (Arc::new(texts), Arc::new(units));
        let (truncated_count, left_out) = (self.truncated.count, self.left_out);
        let abouts = abouts.into_iter().map(|about| About {
            units: Some(Arc::clone(&units)),
            texts: Arc::clone(&texts),
            provenance: about.provenance,
            truncated_count,
            left_out,
        });
        self.sink.finish(self.before.1, self.run, abouts)
    }
}

/// The next texts of a source, as many as are tokenized together, and why there are no more of them; none at its end.
fn next_texts<T: AsRef<str>>(source: &mut impl Iterator<Item = Result<T>>) -> (Vec<T>, Option<Error>) {
    let (mut texts, mut bytes) = (Vec::new(), 0);
    while texts.len() < TEXTS_AT_A_TIME && bytes < BYTES_AT_A_TIME {
        match source.next() {
            Some(Ok(text)) => {
                bytes += text.as_ref().len();
                texts.push(text);
            }
            Some(Err(error)) => return (texts, Some(error)),
            None => break,
        }
    }
    (texts, None)
}

/// The texts and units that were read: in memory, or from the first shard on in files without a name.
struct Tables {
    /// Those that are not in the files.
    texts: StringTable,
    files: Option<(StringTableWriter, UnitsWriter)>,
}

impl Tables {
    /// Moves what is in memory into the files.
    fn write(&mut self, folder: &Path, cutter: &mut UnitCutter<'_>) -> Result<()> {
        let (texts, units) = match &mut self.files {
            Some(files) => files,
            none => none.insert((StringTableWriter::new(folder)?, UnitsWriter::new(folder)?)),
        };
        let written = self.texts.iter().try_for_each(|text| texts.push(text));
        written.and_then(|()| cutter.units.write(units)).map_err(|error| unwritten(&error))?;
        self.texts = StringTable::default();
        Ok(())
    }

    fn finish(self, cutter: UnitCutter<'_>) -> Result<(StringTable, crate::text::Units)> {
        let Some((texts, units)) = self.files else { return Ok((self.texts, cutter.units.finish())) };
        let tables = texts.finish().and_then(|texts| Ok((texts, units.finish(cutter.units)?)));
        tables.map_err(|error| unwritten(&error))
    }
}

/// The rows of a window.
enum Made {
    Host(WindowRows),
    /// A tensor for each matrix, on the device.
    Device(Vec<Tensor>),
}

/// Where the rows go.
enum Sink {
    Memory(WindowRows),
    /// They stay on the device: the tensors of all windows, for each matrix.
    Device(Vec<Vec<Tensor>>),
    Unnamed(Vec<UnnamedWriter>),
    Folders(Vec<StreamWriter>),
}

impl Sink {
    fn folders(folders: &[PathBuf], run: &Run<'_>, changes: &Resolved<'_>, abouts: &[About]) -> Result<Self> {
        let fingerprint = fingerprint(run, changes)?;
        let places = folders.iter().zip(abouts).zip(run.widths());
        let writers = places.map(|((folder, about), width)| {
            StreamWriter::open(folder, Manifest::of_stream(width, about, fingerprint.clone()))
        });
        Ok(Self::Folders(writers.collect::<Result<_>>()?))
    }

    fn is_on_disk(&self) -> bool {
        !matches!(self, Self::Memory(_) | Self::Device(_))
    }

    /// Whether the next shard is there already for each split point; then it is passed over.
    fn pass(&mut self, rows: usize, texts: &str) -> Result<bool> {
        let Self::Folders(writers) = self else { return Ok(false) };
        let found = writers.iter().map(|writer| writer.has_next(rows, texts)).collect::<Result<Vec<_>>>()?;
        let all = found.iter().all(|&found| found);
        if all {
            writers.iter_mut().for_each(|writer| writer.pass(rows));
        }
        Ok(all)
    }

    fn write(&mut self, made: Made, texts: &str, run: &Run<'_>) -> Result<()> {
        match (self, made) {
            (Self::Device(all), Made::Device(tensors)) => {
                all.iter_mut().zip(tensors).for_each(|(all, tensor)| all.push(tensor));
                Ok(())
            }
            (sink, Made::Host(rows)) => sink.write_rows(&rows, texts, run),
            _ => Err(Error::internal("rows of a device came where none were due")),
        }
    }

    fn write_rows(&mut self, rows: &WindowRows, texts: &str, run: &Run<'_>) -> Result<()> {
        match self {
            Self::Device(_) => return Err(Error::internal("rows of the host came where those of a device were due")),
            Self::Memory(all) => {
                for (all, rows) in all.iter_mut().zip(rows) {
                    all.try_reserve(rows.len()).map_err(|_| no_memory())?;
                    all.extend_from_slice(rows);
                }
                let bytes: u64 = all.iter().map(|values| size_of_val(values.as_slice()) as u64).sum();
                if bytes > run.options.memory_limit {
                    let all = std::mem::take(all);
                    *self = Self::Unnamed(run.widths().map(UnnamedWriter::new).collect());
                    return self.write_rows(&all, texts, run);
                }
            }
            Self::Unnamed(writers) => {
                writers.iter_mut().zip(rows).try_for_each(|(writer, values)| writer.write_shard(values))?;
            }
            Self::Folders(writers) => {
                for ((writer, values), width) in writers.iter_mut().zip(rows).zip(run.widths()) {
                    let rows = values.len() / width;
                    if writer.has_next(rows, texts)? {
                        writer.pass(rows);
                    } else {
                        writer.write_shard(values, texts)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(self, rows: usize, run: &Run<'_>, abouts: impl Iterator<Item = About>) -> Result<Vec<Activations>> {
        let (widths, device) = (run.widths(), run.model.device());
        match self {
            Self::Device(all) => {
                let matrices = all.into_iter().zip(widths).zip(abouts);
                let whole = |((tensors, width), about): ((Vec<Tensor>, usize), About)| {
                    let tensor = in_one_piece(tensors, width, device).map_err(no_room)?;
                    Ok(Activations::from_storage(Storage::Device(DeviceRows::new(tensor)), rows, width, about))
                };
                matrices.map(whole).collect()
            }
            Self::Memory(all) => Ok(all
                .into_iter()
                .zip(widths)
                .zip(abouts)
                .map(|((values, width), about)| Activations::from_storage(Storage::Memory(values), rows, width, about))
                .collect()),
            Self::Unnamed(writers) => {
                Ok(writers.into_iter().zip(abouts).map(|(writer, about)| writer.finish(about)).collect())
            }
            Self::Folders(writers) => {
                writers.into_iter().zip(abouts).map(|(writer, about)| writer.finish(about)).collect()
            }
        }
    }
}

/// The rows of all windows as one tensor. While it is made the rows of a matrix are on the device twice.
fn in_one_piece(mut tensors: Vec<Tensor>, width: usize, device: &Device) -> Result<Tensor> {
    match tensors.len() {
        0 => Ok(Tensor::zeros((0, width), DType::F32, device)?),
        1 => Ok(tensors.remove(0)),
        _ => Ok(Tensor::cat(&tensors, 0)?),
    }
}

/// What a folder is a function of beside its texts and what the provenance says.
fn fingerprint(run: &Run<'_>, changes: &Resolved<'_>) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update("stream");
    hash.update(run.model.fingerprint());
    hash.update(run.model.tokenizer()?.identity());
    let numbers = [run.rows_per_shard() as u64, WINDOW_TOKENS as u64, u64::from(run.options.stop_contractions)];
    numbers.iter().for_each(|number| hash.update(number.to_le_bytes()));
    for unit in &run.options.stop_units {
        hash.update((unit.len() as u64).to_le_bytes());
        hash.update(unit);
    }
    changes.hash(&mut hash)?;
    Ok(hexadecimal(hash))
}

fn no_memory() -> Error {
    Error::new(ErrorCode::OutOfMemory, "there is no memory for the rows and texts that were read")
        .hint("lower the memory limit so that rows go to disk")
}

fn unwritten(error: &std::io::Error) -> Error {
    Error::io(Path::new("a file without a name"), "write", error)
}
