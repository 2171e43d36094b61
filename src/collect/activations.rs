//! From texts to rows: the model runs over batches of texts, and the tokens of each unit become one row.
//!
//! Texts are taken in windows of consecutive texts: one window of everything when the rows fit in memory, one a
//! shard otherwise. Within a window, texts of similar length share a batch, batches run side by side, and each row
//! has its place from the start, so the order in which batches finish does not matter.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use candle_core::Tensor;
use sha2::{Digest, Sha256};

use super::options::CollectOptions;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result, shown};
use crate::files::FolderLock;
use crate::linalg::first_not_finite;
use crate::log::LogLevel;
use crate::memory::{Claim, filled};
use crate::model::{SplitModel, plan_batches};
use crate::rows::{
    About, Activations, FolderWriter, Manifest, Provenance, ShardWriter, Storage, UnnamedWriter, split_point_of,
};
use crate::text::{EncodedTexts, Granularity, StringTable, Units};
use crate::threads::{start_multiplying, thread_count};

impl SplitModel {
    /// The activations of `texts` at each split point of the model, in the order of the split points.
    ///
    /// Row `i` of each result stands for unit `i` of the texts; a text without tokens gives no rows. Values are
    /// those of the module's output for each text run alone: they do not depend on the other texts, on their
    /// order, on the size of the batches or on the number of threads.
    ///
    /// Memory: the rows (or one shard of them per split point, when they go to disk) and one batch per thread;
    /// 36 bytes a unit and 8 bytes a token for the texts.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for no texts or impossible options; [`ErrorCode::Mismatch`] when the tokenizer
    /// is of another model; [`ErrorCode::Cancelled`]; [`ErrorCode::Io`] when the disk is full (what is complete is
    /// kept); [`ErrorCode::OutOfMemory`] when the system has no memory for the rows or for a batch;
    /// [`ErrorCode::InvalidData`] naming the text, the unit, the split point and the column of a value that is not finite
    /// (shards that are complete are kept).
    pub fn activations(
        &self,
        texts: &[impl AsRef<str> + Sync],
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Vec<Activations>> {
        options.check()?;
        if texts.is_empty() {
            return Err(Error::argument("no texts were given").hint("give at least one text"));
        }
        let threads = thread_count(options.threads);
        // A copy of the texts, 36 bytes a unit and 8 bytes a token, while they grow.
        let bytes = texts.iter().map(|text| text.as_ref().len()).fold(0, usize::saturating_add);
        let _claim = Claim::of(bytes.saturating_mul(12), &format!("{} texts of {bytes} bytes", texts.len()))?;
        let encoded = self.tokenizer()?.encode_texts(texts, options.units(), threads, control)?;
        self.collect(encoded, &Arc::new(texts.iter().map(AsRef::as_ref).collect()), options, control)
    }

    /// The activations of each entry of the tokenizer's vocabulary, run as a sequence of one token, at each split
    /// point. The units are the vocabulary's own strings (`Ġfilm`, `##ing`).
    ///
    /// # Errors
    /// As [`SplitModel::activations`].
    pub fn vocabulary_activations(&self, options: &CollectOptions, control: &Control) -> Result<Vec<Activations>> {
        options.check()?;
        options.check_no_stop_units("the entries of a vocabulary")?;
        let encoded = self.tokenizer()?.encode_vocabulary();
        self.collect(encoded, &Arc::new(StringTable::default()), options, control)
    }

    /// The activations of texts that are token ids already, at each split point: a row for each token, whatever granularity
    /// the options name. The model reads these ids and no others: no special token is added. The units are the vocabulary's
    /// own strings.
    ///
    /// # Errors
    /// [`ErrorCode::Mismatch`] for an id that is not in the vocabulary; [`ErrorCode::InvalidArgument`] for more ids than
    /// [`SplitModel::max_positions`]; else those of [`SplitModel::activations`].
    pub fn activations_of_token_ids(
        &self,
        sequences: &[&[u32]],
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Vec<Activations>> {
        options.check()?;
        options.check_no_stop_units("the token ids")?;
        self.check_sequences(sequences)?;
        let options = CollectOptions { granularity: Granularity::AllTokens, ..options.clone() };
        self.collect(self.tokenizer()?.encode_ids(sequences)?, &Arc::default(), &options, control)
    }

    /// Texts are cut to what the model can read, but ids are never: who gives too many is told.
    pub(super) fn check_sequences(&self, sequences: &[&[u32]]) -> Result<()> {
        if sequences.is_empty() {
            return Err(Error::argument("no sequences of token ids were given").hint("give at least one"));
        }
        let most = self.max_positions();
        if let Some(sequence) = sequences.iter().position(|ids| ids.len() > most) {
            let (length, name) = (sequences[sequence].len(), self.name());
            let message =
                format!("sequence {sequence} has {length} token ids, but `{name}` was made for {most} tokens");
            return Err(Error::argument(message)
                .hint(format!("cut sequences to {most} ids"))
                .detail("length", length)
                .detail("positions", most));
        }
        Ok(())
    }

    fn collect(
        &self,
        mut encoded: EncodedTexts,
        texts: &Arc<StringTable>,
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Vec<Activations>> {
        if self.split_points().is_empty() {
            return Err(Error::argument("the model was loaded without a split point")
                .hint("load it with at least one module path"));
        }
        let units = Arc::new(std::mem::take(&mut encoded.units));
        let word_rule = match options.granularity {
            Granularity::Word => Some(self.tokenizer()?.word_rule(options.word_rule)),
            _ => None,
        };
        let abouts: Vec<About> = self
            .split_points()
            .iter()
            .map(|split_point| About {
                units: Some(Arc::clone(&units)),
                texts: Arc::clone(texts),
                provenance: Provenance {
                    model: Some(self.name().to_owned()),
                    split_point: Some(split_point.path.clone()),
                    granularity: Some(options.granularity),
                    aggregation: Some(options.aggregation),
                    word_rule,
                },
                truncated_count: encoded.truncated_count(),
                left_out_count: encoded.left_out_count(),
            })
            .collect();
        let forward = |batch: &[usize]| {
            let sequences: Vec<&[u32]> = batch.iter().map(|&text| encoded.ids(text)).collect();
            self.forward(&sequences)
        };
        let widths = self.split_points().iter().map(|point| point.width).collect();
        let run = Run { model: self, encoded: &encoded, options, forward: &forward, widths, row_per_text: false };
        run.collect(abouts, control)
    }
}

/// What the model gives for the texts of a batch: a tensor for each matrix that is collected, of the rows of the first
/// text, then those of the second, and so on.
pub(super) type Forward<'a> = &'a (dyn Fn(&[usize]) -> Result<Vec<Tensor>> + Sync);

/// One collection: what stays the same for all its windows.
pub(super) struct Run<'a> {
    pub model: &'a SplitModel,
    pub encoded: &'a EncodedTexts,
    pub options: &'a CollectOptions,
    pub forward: Forward<'a>,
    /// The columns of each matrix.
    pub widths: Vec<usize>,
    /// Whether the model gives one row for each text, not one for each token.
    pub row_per_text: bool,
}

/// The rows of one window, one matrix per split point.
type WindowRows = Vec<Vec<f32>>;

impl Run<'_> {
    /// One matrix for each width, in memory or in shards on disk; what their rows stand for comes from `abouts`.
    pub(super) fn collect(self, abouts: Vec<About>, control: &Control) -> Result<Vec<Activations>> {
        let row_bytes: u64 = self.widths.iter().map(|width| (width * size_of::<f32>()) as u64).sum();
        let bytes = (self.encoded.unit_count() as u64).saturating_mul(row_bytes);
        control.begin(Stage::Forward, self.encoded.token_count() as u64)?;
        self.tell(bytes, control);
        if self.options.folder.is_some() || bytes > self.options.memory_limit {
            self.into_shards(abouts, control)
        } else {
            self.into_memory(abouts, control)
        }
    }

    /// Says what becomes of the texts and the rows, where that is not what one would think.
    fn tell(&self, bytes: u64, control: &Control) {
        let cut = self.encoded.truncated_count();
        if cut > 0 {
            control.log(LogLevel::Warning, c"activations", || {
                let (all, most) = (self.encoded.text_count(), self.model.max_positions());
                format!(
                    "{cut} of {all} texts are longer than the {most} tokens that the model reads, and lost their end"
                )
            });
        }
        let limit = self.options.memory_limit;
        if self.options.folder.is_none() && bytes > limit {
            control.log(LogLevel::Info, c"activations", || {
                let folder = std::env::temp_dir();
                let folder = folder.display();
                format!("{bytes} bytes of rows are more than the memory limit of {limit}: they go to {folder}")
            });
        }
    }

    fn into_memory(self, abouts: Vec<About>, control: &Control) -> Result<Vec<Activations>> {
        let rows = self.encoded.unit_count();
        let window = self.run_window(0..self.encoded.text_count(), &abouts, control)?;
        let results = window.into_iter().zip(self.widths).zip(abouts);
        Ok(results
            .map(|((values, columns), about)| Activations::from_storage(Storage::Memory(values), rows, columns, about))
            .collect())
    }

    fn into_shards(self, mut abouts: Vec<About>, control: &Control) -> Result<Vec<Activations>> {
        let windows = self.windows();
        let folders: Option<Vec<PathBuf>> =
            self.options.folder.as_deref().map(|folder| self.folders_of(folder, &mut abouts));
        // One run at a time writes into a folder, from what it finds there to its last shard.
        let _locks = folders.as_deref().map_or(Ok(Vec::new()), lock_all)?;
        let mut writers = self.open_writers(folders.as_deref(), &abouts, &windows)?;
        // A shard is complete when it is there for each split point; what is further ahead waits.
        let complete = writers.iter().map(ShardWriter::complete_rows).min().unwrap_or(0);
        if complete > 0 {
            control.log(LogLevel::Info, c"activations", || {
                let rows = self.encoded.unit_count();
                format!("going on with {complete} of {rows} rows that the folder has already")
            });
        }
        for texts in windows {
            let rows = self.rows_of(&texts);
            if rows.end <= complete {
                control.advance(self.tokens_of(&texts))?;
                continue;
            }
            let window = self.run_window(texts, &abouts, control)?;
            for (writer, values) in writers.iter_mut().zip(&window) {
                if writer.complete_rows() < rows.end {
                    writer.write_shard(values)?;
                }
            }
        }
        writers.into_iter().zip(abouts).map(|(writer, about)| writer.finish(about)).collect()
    }

    fn open_writers(
        &self,
        folders: Option<&[PathBuf]>,
        abouts: &[About],
        windows: &[Range<usize>],
    ) -> Result<Vec<ShardWriter>> {
        let rows = self.encoded.unit_count();
        let Some(folders) = folders else {
            return Ok(self.widths().map(|width| ShardWriter::Unnamed(UnnamedWriter::new(rows, width))).collect());
        };
        let fingerprint = self.fingerprint(&abouts[0]);
        let shard_rows: Vec<usize> =
            windows.iter().map(|texts| self.rows_of(texts).len()).filter(|&rows| rows > 0).collect();
        let places = folders.iter().zip(abouts).zip(self.widths());
        places
            .map(|((folder, about), width)| {
                let manifest = Manifest::new(rows, width, about, fingerprint.clone());
                FolderWriter::open(folder, manifest, about, &shard_rows).map(ShardWriter::Folder)
            })
            .collect()
    }

    /// Where the rows of each split point go.
    fn folders_of(&self, folder: &Path, abouts: &mut [About]) -> Vec<PathBuf> {
        let several = abouts.len() > 1;
        abouts.iter_mut().map(|about| self.folder_of(folder, several, about)).collect()
    }

    /// Where the rows of a split point go: into the folder, or one inside it of the split point's name where there are
    /// several. A run that was begun with another head may have called the module otherwise; then it keeps that name.
    fn folder_of(&self, folder: &Path, several: bool, about: &mut About) -> PathBuf {
        let inside = |split_point: &str| match split_point {
            _ if !several => folder.to_owned(),
            "" => folder.join("model"),
            name => folder.join(name),
        };
        let path = about.provenance.split_point.clone().unwrap_or_default();
        let mut spellings = self.model.spellings(&path).into_iter();
        let begun = spellings.find(|name| split_point_of(&inside(name)).as_deref() == Some(name));
        let path = begun.unwrap_or(path);
        let place = inside(&path);
        about.provenance.split_point = Some(path);
        place
    }

    /// The columns of each matrix.
    fn widths(&self) -> impl Iterator<Item = usize> + '_ {
        self.widths.iter().copied()
    }

    /// How many rows the model gives for a text that has tokens.
    fn given_rows(&self, text: usize) -> usize {
        if self.row_per_text { 1 } else { self.encoded.ids(text).len() }
    }

    /// What the folder is a function of beside what the provenance says: the model, the tokens, the units and the
    /// texts, and how many rows a shard has, since that decides where one ends.
    fn fingerprint(&self, about: &About) -> String {
        let no_units = Units::default();
        let units = about.units.as_deref().unwrap_or(&no_units);
        let mut hash = Sha256::new();
        hash.update(self.model.fingerprint());
        hash.update((self.rows_per_shard() as u64).to_le_bytes());
        // Each list behind its length, so that no two sets of lists look the same.
        let numbers =
            [&self.encoded.ids, &self.encoded.positions, &units.text_index, &units.begin, &units.end, &units.string];
        for numbers in numbers {
            hash.update((numbers.len() as u64).to_le_bytes());
            hash.update(bytemuck::cast_slice::<u32, u8>(numbers));
        }
        let strings = [about.texts.parts(), units.strings.parts()];
        for (bytes, _) in strings {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        for places in [&self.encoded.text_starts, &self.encoded.unit_starts, strings[0].1, strings[1].1] {
            hash.update((places.len() as u64).to_le_bytes());
            places.iter().for_each(|&place| hash.update((place as u64).to_le_bytes()));
        }
        let digits = |text: String, byte: &u8| text + &format!("{byte:02x}");
        hash.finalize().iter().fold(String::new(), digits)
    }

    /// How many rows a shard has at most: those that fill it for the widest split point.
    fn rows_per_shard(&self) -> usize {
        let widest = self.widths().max().unwrap_or(1);
        (self.options.shard_bytes / (widest * size_of::<f32>())).max(1)
    }

    /// Consecutive texts whose rows fill a shard; a text of more rows than that is a shard of its own.
    fn windows(&self) -> Vec<Range<usize>> {
        let most_rows = self.rows_per_shard();
        let mut windows = Vec::new();
        let mut first = 0;
        for text in 0..self.encoded.text_count() {
            if text > first && self.rows_of(&(first..text + 1)).len() > most_rows {
                windows.push(first..text);
                first = text;
            }
        }
        windows.push(first..self.encoded.text_count());
        windows
    }

    fn rows_of(&self, texts: &Range<usize>) -> Range<usize> {
        self.encoded.text_units[texts.start]..self.encoded.text_units[texts.end]
    }

    fn tokens_of(&self, texts: &Range<usize>) -> u64 {
        (self.encoded.text_starts[texts.end] - self.encoded.text_starts[texts.start]) as u64
    }

    /// Runs the model over the texts of a window. Workers run batches and pool them; the calling thread puts the
    /// rows in their places, reports progress and notices a cancel.
    fn run_window(&self, texts: Range<usize>, abouts: &[About], control: &Control) -> Result<WindowRows> {
        let rows = self.rows_of(&texts);
        let mut window = self.widths().map(|width| zeros(rows.len(), width)).collect::<Result<WindowRows>>()?;
        let batches = self.batches(texts.clone());
        let skipped = self.tokens_of(&texts)
            - batches.iter().flatten().map(|&text| self.encoded.ids(text).len() as u64).sum::<u64>();
        control.advance(skipped)?;

        let queue = Queue { batches: &batches, next: AtomicUsize::new(0), stop: AtomicBool::new(false) };
        let mut placed = 0;
        let result = std::thread::scope(|scope| {
            let threads = if self.model.device().is_cpu() { thread_count(self.options.threads) } else { 1 };
            let threads = threads.min(batches.len());
            // A worker that is ahead waits: at most one finished batch per worker is in the channel.
            let (sender, receiver) = mpsc::sync_channel(threads);
            let start_one = || {
                let (queue, sender) = (&queue, sender.clone());
                start_multiplying(scope, move || self.work(queue, abouts, control, &sender))
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
                    self.place(&batches[batch], &pooled, rows.start, &mut window);
                    placed += 1;
                    control.advance(batches[batch].iter().map(|&text| self.encoded.ids(text).len() as u64).sum())
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
        Ok(window)
    }

    /// The texts of a window that have rows, in batches of similar length, the longest first, so that the last
    /// batches to finish are short ones.
    fn batches(&self, texts: Range<usize>) -> Vec<Vec<usize>> {
        let texts: Vec<usize> = texts.filter(|&text| !self.encoded.units_of(text).is_empty()).collect();
        let lengths: Vec<usize> = texts.iter().map(|&text| self.encoded.ids(text).len()).collect();
        let mut batches = plan_batches(&lengths, self.options.batch_tokens);
        batches.reverse();
        batches.into_iter().map(|batch| batch.into_iter().map(|index| texts[index]).collect()).collect()
    }

    /// One worker: takes batches until there are none or somebody wants to stop.
    fn work(
        &self,
        queue: &Queue<'_>,
        abouts: &[About],
        control: &Control,
        sender: &mpsc::SyncSender<Result<(usize, WindowRows)>>,
    ) {
        loop {
            let batch = queue.next.fetch_add(1, Ordering::Relaxed);
            if batch >= queue.batches.len() || queue.stop.load(Ordering::Relaxed) || control.is_cancelled() {
                return;
            }
            let pooled = self.run_batch(&queue.batches[batch], abouts);
            if sender.send(pooled.map(|pooled| (batch, pooled))).is_err() {
                return;
            }
        }
    }

    /// The rows of the units of a batch, text after text, one matrix per split point.
    fn run_batch(&self, batch: &[usize], abouts: &[About]) -> Result<WindowRows> {
        let given: usize = batch.iter().map(|&text| self.given_rows(text)).sum();
        let lengths = batch.iter().map(|&text| self.encoded.ids(text).len());
        let _claim = Claim::of(self.model.batch_bytes(lengths), "a batch of texts")
            .map_err(|error| error.hint("lower the token budget of a batch, or ask for fewer threads"))?;
        let outputs = (self.forward)(batch)?;
        outputs
            .iter()
            .zip(self.widths())
            .zip(abouts)
            .map(|((output, width), about)| {
                if output.dims() != [given, width] {
                    return Err(Error::internal(format!("{:?} rows came where {given} were due", output.dims())));
                }
                let hidden = output.flatten_all()?.to_vec1::<f32>()?;
                let unit_count: usize = batch.iter().map(|&text| self.encoded.units_of(text).len()).sum();
                let mut pooled = zeros(unit_count, width)?;
                let mut targets = pooled.chunks_exact_mut(width);
                let mut first_row = 0;
                for &text in batch {
                    let count = self.given_rows(text);
                    let rows = &hidden[first_row * width..(first_row + count) * width];
                    for (unit, target) in self.encoded.units_of(text).zip(&mut targets) {
                        self.options.aggregation.reduce(rows, self.encoded.positions(unit), target);
                        check_finite(target, unit, text, about)?;
                    }
                    first_row += count;
                }
                Ok(pooled)
            })
            .collect()
    }

    /// Copies the rows of a batch to where they belong in the window that begins at row `first_row`.
    fn place(&self, batch: &[usize], pooled: &WindowRows, first_row: usize, window: &mut WindowRows) {
        for ((values, pooled), width) in window.iter_mut().zip(pooled).zip(self.widths()) {
            let mut from = 0;
            for &text in batch {
                let units = self.encoded.units_of(text);
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

/// Locks folders, in the order of their names, so that of two runs that want several of them one gets all.
fn lock_all(folders: &[PathBuf]) -> Result<Vec<FolderLock>> {
    let names: BTreeSet<&PathBuf> = folders.iter().collect();
    names.into_iter().map(|folder| FolderLock::take(folder)).collect()
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
fn check_finite(row: &[f32], unit: usize, text: usize, about: &About) -> Result<()> {
    let Some(column) = first_not_finite(row) else { return Ok(()) };
    let value = row[column];
    let place = match about.provenance.split_point.as_deref() {
        None | Some("") => "the whole model".to_owned(),
        Some(path) => format!("`{path}`"),
    };
    let name = about.units.as_ref().map_or_else(String::new, |units| shown(units.string(unit)));
    let message = format!("the model gives {value} for text {text}, unit `{name}`, at {place}, column {column}");
    Err(Error::new(ErrorCode::InvalidData, message)
        .hint("look for weights that are not finite or far too large, or leave the text out; what is complete is kept")
        .detail("text", text)
        .detail("row", unit)
        .detail("unit", name)
        .detail("split_point", about.provenance.split_point.as_deref().unwrap_or_default())
        .detail("column", column))
}
