//! Texts that come one after the other become rows, while further texts are still to come.
//!
//! ```text
//! source ──► texts ──► tokens ──► units ──► window ──► rows ──► memory, or shards
//!            some at     on all      │        one shard
//!            a time      threads     └──► files without a name: texts, units
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::activations::{claim, folders_of, hexadecimal, lock_all, no_texts};
use super::options::CollectOptions;
use super::run::{Run, Window, WindowRows};
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::model::SplitModel;
use crate::rows::{About, Activations, Manifest, Storage, StreamWriter, UnnamedWriter};
use crate::text::{
    EncodedTexts, PackedTokens, StringTable, StringTableWriter, TEXTS_AT_A_TIME, UnitCutter, UnitsWriter,
};
use crate::threads::thread_count;

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
        self.check_collecting(options)?;
        let forward = |encoded: &EncodedTexts, batch: &[usize]| {
            let sequences: Vec<&[u32]> = batch.iter().map(|&text| encoded.ids(text)).collect();
            self.forward(&sequences)
        };
        let run = Run::new(self, options, &forward, self.matrices());
        let mut abouts = self.abouts(options, |provenance| Ok(About { provenance, ..About::default() }))?;
        let folders: Option<Vec<PathBuf>> =
            options.folder.as_deref().map(|folder| folders_of(self, folder, &mut abouts));
        let _locks = folders.as_deref().map_or(Ok(Vec::new()), lock_all)?;
        let sink = match &folders {
            Some(folders) => Sink::folders(folders, &run, &abouts)?,
            None => Sink::Memory(run.widths().map(|_| Vec::new()).collect()),
        };
        control.begin(Stage::Forward, 0)?;
        let cutter = UnitCutter::new(self.tokenizer()?, &options.units())?;
        let tables = Tables { texts: StringTable::default(), files: None };
        let mut stream = Stream {
            run,
            cutter,
            window: EncodedTexts::default(),
            before: (0, 0),
            hash: Sha256::new(),
            tables,
            sink,
            truncated_count: 0,
            left_out_count: 0,
        };
        stream.read(texts.into_iter(), control)?;
        stream.run.log_truncated(stream.truncated_count, stream.before.0, control);
        stream.finish(abouts)
    }
}

/// A collection whose texts come one after the other.
struct Stream<'a> {
    run: Run<'a>,
    cutter: UnitCutter<'a>,
    /// The texts that were read and have no rows yet.
    window: EncodedTexts,
    /// How many texts and rows come before those of the window.
    before: (usize, usize),
    /// Of all texts up to the last one of the window.
    hash: Sha256,
    tables: Tables,
    sink: Sink,
    truncated_count: usize,
    left_out_count: usize,
}

impl Stream<'_> {
    fn read<T: AsRef<str> + Sync>(
        &mut self,
        mut texts: impl Iterator<Item = Result<T>>,
        control: &Control,
    ) -> Result<()> {
        let threads = thread_count(self.run.options.threads);
        loop {
            control.check()?;
            let (chunk, failed) = next_texts(&mut texts);
            let is_last = chunk.is_empty();
            if !is_last && failed.as_ref().is_none_or(|error| error.code() != ErrorCode::Cancelled) {
                self.add(&chunk, threads, control)?;
            }
            if let Some(error) = failed {
                return Err(error);
            }
            if is_last {
                break;
            }
        }
        if self.before.0 + self.window.text_count() == 0 {
            return Err(no_texts());
        }
        self.flush(control)
    }

    fn add(&mut self, chunk: &[impl AsRef<str> + Sync], threads: usize, control: &Control) -> Result<()> {
        let _claim = claim(chunk.iter().map(|text| text.as_ref().len()), chunk.len())?;
        let first = self.before.0 + self.window.text_count();
        let mut packed = PackedTokens::default();
        let tokenizer = self.run.model.tokenizer()?;
        self.truncated_count += tokenizer.tokenize_all(chunk, first, threads, control, &mut packed)?;
        let most_rows = self.run.rows_per_shard();
        for (index, text) in chunk.iter().map(AsRef::as_ref).enumerate() {
            self.cutter.cut(first + index, text, &packed, index)?;
            let rows = self.window.unit_count() + self.cutter.last_count();
            let tokens = self.window.token_count() + packed.ids_of(index).len();
            if self.window.text_count() > 0 && (rows > most_rows || tokens > WINDOW_TOKENS) {
                self.flush(control)?;
            }
            self.hash.update((text.len() as u64).to_le_bytes());
            self.hash.update(text);
            self.tables.texts.try_push(text).map_err(|_| no_memory())?;
            Arc::make_mut(&mut self.window.tokens).push_ids(packed.ids_of(index));
            self.cutter.commit(first + index, &mut self.window);
        }
        Ok(())
    }

    /// Makes the rows of the window, and begins the next one.
    fn flush(&mut self, control: &Control) -> Result<()> {
        let window = std::mem::take(&mut self.window);
        let (texts, rows) = (window.text_count(), window.unit_count());
        if rows > 0 {
            let hash = hexadecimal(self.hash.clone());
            let window = Window { encoded: &window, texts: 0..texts, before: self.before };
            if self.sink.pass(rows, &hash)? {
                control.advance(window.encoded.token_count() as u64)?;
            } else {
                let was_on_disk = self.sink.is_on_disk();
                let first = self.cutter.units.len() - rows;
                let made = self.run.window(&window, control, &mut |tokens| control.advance(tokens));
                let named = |unit: usize| self.cutter.units.string(first + unit).to_owned();
                let made = made.map_err(|failure| failure.named(named))?;
                self.sink.write(&made, &hash, &self.run)?;
                if !was_on_disk && self.sink.is_on_disk() {
                    let columns: usize = self.run.widths().sum();
                    self.run.log_on_disk(((self.before.1 + rows) * columns * size_of::<f32>()) as u64, control);
                }
            }
        } else {
            control.advance(window.token_count() as u64)?;
        }
        self.before = (self.before.0 + texts, self.before.1 + rows);
        self.left_out_count += window.left_out_count();
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
        let (truncated_count, left_out_count) = (self.truncated_count, self.left_out_count);
        let abouts = abouts.into_iter().map(|about| About {
            units: Some(Arc::clone(&units)),
            texts: Arc::clone(&texts),
            provenance: about.provenance,
            truncated_count,
            left_out_count,
        });
        self.sink.finish(self.before.1, self.run.widths(), abouts)
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

/// Where the rows go.
enum Sink {
    Memory(WindowRows),
    Unnamed(Vec<UnnamedWriter>),
    Folders(Vec<StreamWriter>),
}

impl Sink {
    fn folders(folders: &[PathBuf], run: &Run<'_>, abouts: &[About]) -> Result<Self> {
        let fingerprint = fingerprint(run)?;
        let places = folders.iter().zip(abouts).zip(run.widths());
        let writers = places.map(|((folder, about), width)| {
            StreamWriter::open(folder, Manifest::of_stream(width, about, fingerprint.clone()))
        });
        Ok(Self::Folders(writers.collect::<Result<_>>()?))
    }

    fn is_on_disk(&self) -> bool {
        !matches!(self, Self::Memory(_))
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

    fn write(&mut self, rows: &WindowRows, texts: &str, run: &Run<'_>) -> Result<()> {
        match self {
            Self::Memory(all) => {
                for (all, rows) in all.iter_mut().zip(rows) {
                    all.try_reserve(rows.len()).map_err(|_| no_memory())?;
                    all.extend_from_slice(rows);
                }
                let bytes: u64 = all.iter().map(|values| size_of_val(values.as_slice()) as u64).sum();
                if bytes > run.options.memory_limit {
                    let all = std::mem::take(all);
                    *self = Self::Unnamed(run.widths().map(UnnamedWriter::new).collect());
                    return self.write(&all, texts, run);
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

    fn finish(
        self,
        rows: usize,
        widths: impl Iterator<Item = usize>,
        abouts: impl Iterator<Item = About>,
    ) -> Result<Vec<Activations>> {
        match self {
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

/// What a folder is a function of beside its texts and what the provenance says.
fn fingerprint(run: &Run<'_>) -> Result<String> {
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
    Ok(hexadecimal(hash))
}

fn no_memory() -> Error {
    Error::new(ErrorCode::OutOfMemory, "there is no memory for the rows and texts that were read")
        .hint("lower the memory limit so that rows go to disk")
}

fn unwritten(error: &std::io::Error) -> Error {
    Error::io(Path::new("a file without a name"), "write", error)
}
