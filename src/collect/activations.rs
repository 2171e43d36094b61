//! From texts to rows: what the modules of a model give for the units of inputs.
//!
//! All rows are one window when they fit in memory, and one window a shard otherwise.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::ahead;
use super::interventions::{Interventions, Resolved};
use super::options::CollectOptions;
use super::run::{Once, Run, Window};
use super::transfer::KeptRows;
use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::files::FolderLock;
use crate::memory::Claim;
use crate::model::{PassOptions, SplitModel};
use crate::rows::{
    About, Activations, DeviceRows, FolderWriter, Manifest, Provenance, ShardWriter, Storage, UnnamedWriter,
    recorded_name, split_point_of,
};
use crate::text::{EncodedTexts, Granularity, Inputs, Units};

/// What a model can read: [`Inputs`], or texts, of which inputs are made for one call.
pub trait InputSource {
    /// The inputs, for a model.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Mismatch`] when they are those of another tokenizer; else those of [`SplitModel::inputs`].
    fn inputs(&self, model: &SplitModel, threads: usize, control: &Control) -> Result<Inputs>;

    /// The texts, where they are not tokenized yet: a device can run the first of them while the others are.
    fn texts(&self) -> Option<Vec<&str>> {
        None
    }
}

impl InputSource for Inputs {
    fn inputs(&self, model: &SplitModel, _: usize, _: &Control) -> Result<Inputs> {
        self.check_tokenizer(model.tokenizer_of_ids()?, model.name())?;
        Ok(self.clone())
    }
}

impl<T: AsRef<str> + Sync> InputSource for [T] {
    fn inputs(&self, model: &SplitModel, threads: usize, control: &Control) -> Result<Inputs> {
        model.inputs(self, threads, control)
    }

    fn texts(&self) -> Option<Vec<&str>> {
        Some(self.iter().map(AsRef::as_ref).collect())
    }
}

impl<T: AsRef<str> + Sync, const N: usize> InputSource for [T; N] {
    fn inputs(&self, model: &SplitModel, threads: usize, control: &Control) -> Result<Inputs> {
        model.inputs(self, threads, control)
    }

    fn texts(&self) -> Option<Vec<&str>> {
        Some(self.iter().map(AsRef::as_ref).collect())
    }
}

impl<T: AsRef<str> + Sync> InputSource for Vec<T> {
    fn inputs(&self, model: &SplitModel, threads: usize, control: &Control) -> Result<Inputs> {
        model.inputs(self, threads, control)
    }

    fn texts(&self) -> Option<Vec<&str>> {
        Some(self.iter().map(AsRef::as_ref).collect())
    }
}

impl<T: InputSource + ?Sized> InputSource for &T {
    fn inputs(&self, model: &SplitModel, threads: usize, control: &Control) -> Result<Inputs> {
        (**self).inputs(model, threads, control)
    }

    fn texts(&self) -> Option<Vec<&str>> {
        (**self).texts()
    }
}

impl SplitModel {
    /// Texts as this model reads them, tokenized on `threads` threads (0: one per core). NUL characters are characters like
    /// others. Memory: the bytes of the texts and 16 bytes a token.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for no texts, and when the model was loaded without a tokenizer;
    /// [`crate::ErrorCode::OutOfMemory`]; else those of [`crate::text::Tokenizer::inputs`].
    pub fn inputs(&self, texts: &[impl AsRef<str> + Sync], threads: usize, control: &Control) -> Result<Inputs> {
        if texts.is_empty() {
            return Err(no_texts());
        }
        let _claim = claim(texts.iter().map(|text| text.as_ref().len()), texts.len())?;
        self.tokenizer()?.inputs_on(&self.workers, texts, threads, control)
    }

    /// Texts that are token ids already. The model reads these ids and no others: no special token is added. Each token is a
    /// unit, whatever granularity the options of a call name, and its string is the vocabulary's own.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Mismatch`] for an id that is not in the vocabulary; [`crate::ErrorCode::InvalidArgument`] for no sequences, and for
    /// more ids than [`SplitModel::max_positions`]: texts are cut to what the model can read, but ids never are.
    pub fn inputs_from_token_ids(&self, sequences: &[&[u32]]) -> Result<Inputs> {
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
        self.check(sequences)?;
        let bytes = sequences.iter().map(|ids| size_of_val(*ids));
        let _claim = claim(bytes, sequences.len())?;
        self.tokenizer_of_ids()?.inputs_from_token_ids(sequences)
    }

    /// Each entry of the tokenizer's vocabulary, as a sequence of one token. The units are the vocabulary's own strings
    /// (`Ġfilm`, `##ing`), whatever granularity the options of a call name. Tokens that were added to the tokenizer and
    /// for which the model has no embedding are left out: [`Inputs::left_out_count`], and that of the activations, says
    /// how many.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when the model was loaded without a tokenizer.
    pub fn vocabulary_inputs(&self) -> Result<Inputs> {
        Ok(self.tokenizer()?.vocabulary_inputs_of(self.vocabulary_size()))
    }

    /// The activations of inputs at each split point of the model, in the order of the split points.
    ///
    /// Row `i` of each result stands for unit `i` of the texts; a text without tokens gives no rows. Values are
    /// those of the module's output for each text run alone: they do not depend on the other texts, on their
    /// order, on the size of the batches or on the number of threads.
    ///
    /// Texts of the same tokens and units run once, where their rows are made together: all of them, or those of a shard. On a
    /// device the first of many texts (not of inputs, which are tokenized already) run while the others are tokenized; then that
    /// is no stage of its own, those of up to 4096 texts are made together, and the number of all tokens is told once it is known.
    ///
    /// Memory: the rows (or one shard of them per split point, when they go to disk) and one batch per thread;
    /// 36 bytes a unit and 4 bytes a token beside the inputs. On a device it takes what [`SplitModel::device_bytes`] says,
    /// and of host memory only the rows, in three sets of page-locked buffers.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for no texts or impossible options; [`crate::ErrorCode::Mismatch`] when the tokenizer
    /// is of another model; [`crate::ErrorCode::Cancelled`]; [`crate::ErrorCode::Io`] when the disk is full (what is complete is
    /// kept); [`crate::ErrorCode::OutOfMemory`] when the system has no memory for the rows or for a batch;
    /// [`crate::ErrorCode::InvalidData`] naming the text, the unit, the split point and the column of a value that is not finite
    /// (shards that are complete are kept).
    pub fn activations(
        &self,
        inputs: &(impl InputSource + ?Sized),
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Vec<Activations>> {
        self.activations_under(inputs, &Interventions::new(), options, control)
    }

    /// The activations of inputs as [`SplitModel::activations`] gives them, while what other modules give is changed. A change
    /// behind the last split point changes nothing.
    ///
    /// # Errors
    /// Those of [`SplitModel::activations`], and of the interventions: see [`SplitModel::logits_of`].
    pub fn activations_under(
        &self,
        inputs: &(impl InputSource + ?Sized),
        interventions: &Interventions,
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Vec<Activations>> {
        self.check_collecting(options)?;
        if let (true, Some(texts)) = (interventions.is_empty(), inputs.texts())
            && ahead::is_worth_it(self, options, texts.len())
        {
            let forward = |encoded: &EncodedTexts, batch: &[usize], pass: PassOptions<'_>| {
                let sequences = encoded.sequences(batch);
                self.forward_under(&sequences, pass, Vec::new())
            };
            let run = Run::new(self, options, &forward, self.matrices());
            if let Some(rows) = ahead::collect(&run, &texts, control)? {
                return Ok(rows);
            }
        }
        let inputs = inputs.inputs(self, options.threads, control)?;
        let mut options = options.clone();
        options.check_inputs(&inputs, self)?;
        if inputs.has_ids_alone() {
            options.granularity = Granularity::AllTokens;
        }
        let changes = interventions.resolve(self)?;
        changes.check_inputs(&inputs, control)?;
        // 36 bytes a unit and 4 bytes a token, while they grow.
        let claim =
            Claim::of(inputs.token_count().saturating_mul(60), &format!("the units of {} texts", inputs.text_count()))?;
        let mut encoded =
            self.tokenizer_of_ids()?.cut_on(&self.workers, &inputs, options.units(), options.threads, control)?;
        drop(claim);
        let units = Arc::new(std::mem::take(&mut encoded.units));
        let abouts = self.abouts(&options, |provenance| {
            Ok(About {
                units: Some(Arc::clone(&units)),
                texts: inputs.texts(),
                provenance,
                truncated_count: encoded.truncated_count(),
                left_out: encoded.left_out(),
            })
        })?;
        let forward = |encoded: &EncodedTexts, batch: &[usize], pass: PassOptions<'_>| {
            let sequences = encoded.sequences(batch);
            self.forward_under(&sequences, pass, changes.edits(encoded, batch)?)
        };
        let run =
            Run { once: Once::unless(!changes.is_empty()), ..Run::new(self, &options, &forward, self.matrices()) };
        Collection { run, encoded: &encoded, changes: &changes }.collect(abouts, control)
    }

    /// Refuses options that cannot be, and a model without split points.
    pub(super) fn check_collecting(&self, options: &CollectOptions) -> Result<()> {
        options.check()?;
        options.units().check()?;
        if self.split_points().is_empty() {
            return Err(Error::argument("the model was loaded without a split point")
                .hint("load it with at least one module path"));
        }
        Ok(())
    }

    /// What is known of the rows of each split point.
    pub(super) fn abouts(
        &self,
        options: &CollectOptions,
        about: impl Fn(Provenance) -> Result<About>,
    ) -> Result<Vec<About>> {
        let word_rule = match options.granularity {
            Granularity::Word => Some(self.tokenizer()?.word_rule(options.word_rule)),
            _ => None,
        };
        let of_point = |path: &String| {
            about(Provenance {
                model: Some(recorded_name(self.name())),
                split_point: Some(path.clone()),
                granularity: Some(options.granularity),
                aggregation: Some(options.aggregation),
                word_rule,
                filters: options.filters(),
            })
        };
        self.split_points().iter().map(|point| of_point(&point.path)).collect()
    }

    /// The columns and the path of each split point.
    pub(super) fn matrices(&self) -> Vec<(usize, String)> {
        self.split_points().iter().map(|point| (point.width, point.path.clone())).collect()
    }
}

/// The error for nothing to read.
pub(super) fn no_texts() -> Error {
    Error::argument("no texts were given").hint("give at least one text")
}

/// Claims what texts of these bytes take as inputs while they grow: a copy of them, and 16 bytes a token.
pub(super) fn claim(bytes: impl Iterator<Item = usize>, count: usize) -> Result<Claim> {
    let bytes = bytes.fold(0, usize::saturating_add);
    Claim::of(bytes.saturating_mul(12), &format!("{count} texts of {bytes} bytes"))
}

/// The collection of the rows of inputs that are all there.
pub(super) struct Collection<'a> {
    pub run: Run<'a>,
    pub encoded: &'a EncodedTexts,
    /// What the model is run under.
    pub changes: &'a Resolved<'a>,
}

impl Collection<'_> {
    /// One matrix for each width, in memory or in shards on disk; what their rows stand for comes from `abouts`.
    pub(super) fn collect(self, abouts: Vec<About>, control: &Control) -> Result<Vec<Activations>> {
        let row_bytes: u64 = self.run.widths().map(|width| (width * size_of::<f32>()) as u64).sum();
        let bytes = (self.encoded.unit_count() as u64).saturating_mul(row_bytes);
        control.begin(Stage::Forward, self.encoded.token_count() as u64)?;
        self.run.log_truncated(self.encoded.truncated_count(), self.encoded.text_count(), control);
        Run::log_left_out(self.encoded.left_out(), control);
        if self.run.options.keep_on_device && self.run.on_device {
            self.into_device(abouts, control)
        } else if self.run.options.folder.is_some() || bytes > self.run.options.memory_limit {
            if self.run.options.folder.is_none() {
                self.run.log_on_disk(bytes, control);
            }
            self.into_shards(abouts, control)
        } else {
            self.into_memory(abouts, control)
        }
    }

    fn into_memory(self, abouts: Vec<About>, control: &Control) -> Result<Vec<Activations>> {
        let rows = self.encoded.unit_count();
        let window = self.run_window(0..self.encoded.text_count(), &abouts, control)?;
        let results = window.into_iter().zip(self.run.widths()).zip(abouts);
        Ok(results
            .map(|((values, columns), about)| Activations::from_storage(Storage::Memory(values), rows, columns, about))
            .collect())
    }

    fn into_device(self, abouts: Vec<About>, control: &Control) -> Result<Vec<Activations>> {
        let rows = self.encoded.unit_count();
        let mut kept = KeptRows::new(self.run.model.device(), rows, self.run.widths()).map_err(no_room)?;
        let window = Window { encoded: self.encoded, texts: 0..self.encoded.text_count(), before: (0, 0) };
        let result = self.run.window_kept(&window, &mut kept, control, &mut |tokens| control.advance(tokens));
        result.map_err(|failure| failure.named(|unit| unit_of(&abouts, unit)))?;
        let tensors = kept.into_tensors(rows, self.run.widths())?;
        let results = tensors.into_iter().zip(self.run.widths()).zip(abouts);
        Ok(results
            .map(|((tensor, columns), about)| {
                Activations::from_storage(Storage::Device(DeviceRows::new(tensor)), rows, columns, about)
            })
            .collect())
    }

    fn into_shards(self, mut abouts: Vec<About>, control: &Control) -> Result<Vec<Activations>> {
        let windows = self.windows();
        let folders: Option<Vec<PathBuf>> =
            self.run.options.folder.as_deref().map(|folder| folders_of(self.run.model, folder, &mut abouts));
        // One run at a time writes into a folder, from what it finds there to its last shard.
        let _locks = folders.as_deref().map_or(Ok(Vec::new()), lock_all)?;
        let mut writers = self.open_writers(folders.as_deref(), &abouts, &windows)?;
        // A shard is complete when it is there for each split point; what is further ahead waits.
        let complete = writers.iter().map(ShardWriter::complete_rows).min().unwrap_or(0);
        Run::log_resumed(complete, control);
        for texts in windows {
            let rows = self.rows_of(&texts);
            if rows.end <= complete {
                control.advance(texts.map(|text| self.encoded.ids(text).len() as u64).sum())?;
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

    fn run_window(&self, texts: Range<usize>, abouts: &[About], control: &Control) -> Result<Vec<Vec<f32>>> {
        let window = Window { encoded: self.encoded, texts, before: (0, 0) };
        let rows = self.run.window(&window, control, &mut |tokens| control.advance(tokens));
        rows.map_err(|failure| failure.named(|unit| unit_of(abouts, unit)))
    }

    fn open_writers(
        &self,
        folders: Option<&[PathBuf]>,
        abouts: &[About],
        windows: &[Range<usize>],
    ) -> Result<Vec<ShardWriter>> {
        let rows = self.encoded.unit_count();
        let Some(folders) = folders else {
            return Ok(self.run.widths().map(|width| ShardWriter::Unnamed(UnnamedWriter::new(width))).collect());
        };
        let fingerprint = self.fingerprint(&abouts[0])?;
        let shard_rows: Vec<usize> =
            windows.iter().map(|texts| self.rows_of(texts).len()).filter(|&rows| rows > 0).collect();
        let places = folders.iter().zip(abouts).zip(self.run.widths());
        places
            .map(|((folder, about), width)| {
                let manifest = Manifest::new(rows, width, about, fingerprint.clone());
                FolderWriter::open(folder, manifest, about, &shard_rows)
                    .map(|writer| ShardWriter::Folder(Box::new(writer)))
            })
            .collect()
    }

    /// What the folder is a function of beside what the provenance says: the model, the tokens, the units and the
    /// texts, what the model is run under, and how many rows a shard has, since that decides where one ends.
    fn fingerprint(&self, about: &About) -> Result<String> {
        let no_units = Units::default();
        let units = about.units.as_deref().unwrap_or(&no_units);
        let mut hash = Sha256::new();
        hash.update(self.run.model.fingerprint());
        hash.update((self.run.rows_per_shard() as u64).to_le_bytes());
        // Each list behind its length, so that no two sets of lists look the same.
        let tokens = &self.encoded.tokens;
        let numbers: [&[u32]; 6] =
            [&tokens.ids, &self.encoded.positions, &units.text_index, &units.begin, &units.end, &units.string];
        for numbers in numbers {
            hash.update((numbers.len() as u64).to_le_bytes());
            hash.update(bytemuck::cast_slice::<u32, u8>(numbers));
        }
        let strings = [about.texts.parts(), units.strings.parts()];
        for (bytes, _) in strings {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        for places in [&tokens.starts, &self.encoded.unit_starts, strings[0].1, strings[1].1] {
            hash.update((places.len() as u64).to_le_bytes());
            places.iter().for_each(|&place| hash.update((place as u64).to_le_bytes()));
        }
        self.changes.hash(&mut hash)?;
        Ok(hexadecimal(hash))
    }

    /// Consecutive texts whose rows fill a shard; a text of more rows than that is a shard of its own.
    fn windows(&self) -> Vec<Range<usize>> {
        let most_rows = self.run.rows_per_shard();
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
}

/// The string of a unit.
fn unit_of(abouts: &[About], unit: usize) -> String {
    let units = abouts.first().and_then(|about| about.units.as_deref());
    units.map_or_else(String::new, |units| units.string(unit).to_owned())
}

/// The error for rows that do not all fit in the memory of a device.
pub(super) fn no_room(error: Error) -> Error {
    error.hint("give fewer texts at a time, or let the rows go to the host: leave `keep_on_device` out")
}

/// A hash as it stands in a manifest.
pub(super) fn hexadecimal(hash: Sha256) -> String {
    let digits = |text: String, byte: &u8| text + &format!("{byte:02x}");
    hash.finalize().iter().fold(String::new(), digits)
}

/// Where the rows of each split point go.
pub(super) fn folders_of(model: &SplitModel, folder: &Path, abouts: &mut [About]) -> Vec<PathBuf> {
    let several = abouts.len() > 1;
    abouts.iter_mut().map(|about| folder_of(model, folder, several, about)).collect()
}

/// Where the rows of a split point go: into the folder, or one inside it of the split point's name where there are
/// several. A run that was begun with another head may have called the module otherwise; then it keeps that name.
fn folder_of(model: &SplitModel, folder: &Path, several: bool, about: &mut About) -> PathBuf {
    let inside = |split_point: &str| match split_point {
        _ if !several => folder.to_owned(),
        "" => folder.join("model"),
        name => folder.join(name),
    };
    let path = about.provenance.split_point.clone().unwrap_or_default();
    let mut spellings = model.spellings(&path).into_iter();
    let begun = spellings.find(|name| split_point_of(&inside(name)).as_deref() == Some(name));
    let path = begun.unwrap_or(path);
    let place = inside(&path);
    about.provenance.split_point = Some(path);
    place
}

/// Locks folders, in the order of their names, so that of two runs that want several of them one gets all.
pub(super) fn lock_all(folders: &[PathBuf]) -> Result<Vec<FolderLock>> {
    let names: BTreeSet<&PathBuf> = folders.iter().collect();
    names.into_iter().map(|folder| FolderLock::take(folder)).collect()
}

#[cfg(all(test, feature = "demo-model"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::LoadOptions;

    fn values(rows: &Activations) -> Vec<f32> {
        rows.rows(0, rows.row_count()).unwrap().to_vec()
    }

    #[test]
    fn two_hundred_small_calls_start_the_threads_of_one() {
        let control = Control::new();
        let model = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &control).unwrap();
        let texts: Vec<String> = (0..8).map(|index| format!("The {index}th film was good.")).collect();
        let options = CollectOptions { threads: 2, batch_tokens: 10, ..CollectOptions::default() };
        let rows = || values(&model.activations(&texts, &options, &control).unwrap()[0]);
        let first = rows();
        for _ in 0..200 {
            assert!(rows() == first);
        }
        assert_eq!(model.workers.started(), 2);
    }

    #[test]
    fn units_do_not_depend_on_how_many_threads_cut_them() {
        let control = Control::new();
        let model = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &control).unwrap();
        let texts: Vec<String> = (0..2000).map(|index| format!("The {}th film, {index} times.", index % 7)).collect();
        let inputs = model.inputs(&texts, 2, &control).unwrap();
        for granularity in [Granularity::Word, Granularity::Token, Granularity::Sample] {
            let cut = |threads| {
                model.tokenizer().unwrap().cut_on(&model.workers, &inputs, granularity, threads, &control).unwrap()
            };
            let (one, three) = (cut(1), cut(3));
            assert!(one.units == three.units && one.units.strings().iter().next().is_some());
            assert_eq!((&one.positions, &one.unit_starts), (&three.positions, &three.unit_starts));
            assert_eq!((one.text_units.len(), &one.text_units), (2001, &three.text_units));
        }
    }

    #[test]
    fn calls_of_several_threads_at_the_same_time_have_the_same_rows() {
        let control = Control::new();
        let model = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &control).unwrap();
        let texts: Vec<String> = (0..40).map(|index| format!("The {index}th film was good.")).collect();
        let rows = |threads: usize| {
            let options = CollectOptions { threads, batch_tokens: 20, ..CollectOptions::default() };
            values(&model.activations(&texts, &options, &Control::new()).unwrap()[0])
        };
        let expected = rows(1);
        std::thread::scope(|scope| {
            for threads in [1, 2, 3, 4] {
                let (rows, expected) = (&rows, &expected);
                scope.spawn(move || (0..20).for_each(|_| assert!(rows(threads) == *expected)));
            }
        });
        // Three calls may find a team of each size; each of four at the same time may have had to start one.
        assert!(model.workers.started() <= 1 + 4 * (1 + 2 + 3 + 4), "{}", model.workers.started());
    }
}
