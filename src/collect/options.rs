//! How activations are collected.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::files::check_named;
use crate::model::SplitModel;
use crate::rows::{Filters, Provenance};
use crate::text::{Aggregation, Granularity, Inputs, UnitOptions, WordRule};

/// How activations are collected.
///
/// ```
/// use eidos::{Aggregation, CollectOptions, Granularity};
/// let options = CollectOptions { granularity: Granularity::Sentence, ..CollectOptions::default() };
/// assert_eq!(options.aggregation, Aggregation::Mean);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct CollectOptions {
    /// What one row stands for.
    pub granularity: Granularity,
    /// How the tokens of a unit become one row.
    pub aggregation: Aggregation,
    /// How many tokens one batch holds at most on the CPU; a longer text is a batch of its own. Results do not depend on it.
    pub batch_tokens: usize,
    /// How many tokens one batch holds at most on a device, which wants much larger batches than the CPU; a longer text is a
    /// batch of its own. A batch for which the device has no memory is run in halves, and later batches are no larger than what
    /// did fit. Results do not depend on it.
    pub device_batch_tokens: usize,
    /// Whether the rows stay in the memory of the device where the model computes, all of them in one piece: for fits and
    /// encoding there, or for another library through DLPack. Then [`CollectOptions::memory_limit`] does not count, and there
    /// can be no [`CollectOptions::folder`]. Who reads such rows on the host copies them. On the CPU it changes nothing.
    pub keep_on_device: bool,
    /// How many batches run at the same time on the CPU; 0 means one per core. Where there are fewer batches, a long text is
    /// computed on several threads. Results do not depend on it.
    pub threads: usize,
    /// The most bytes that the rows of all split points may take in memory; beyond it they go to shards on disk.
    pub memory_limit: u64,
    /// Where the shards go. When given, rows always go to this folder, an interrupted collection resumes from its
    /// last complete shard, and the folder can be opened later; a second run into the same folder meanwhile is
    /// [`crate::ErrorCode::Busy`]. When not given, rows beyond the memory limit go to files without a name in the system's
    /// folder for temporary files, of which nothing is left however the process ends.
    pub folder: Option<PathBuf>,
    /// How many bytes a shard has at most; one shard per split point is in memory while it is made.
    pub shard_bytes: usize,
    /// Where a word ends.
    pub word_rule: WordRule,
    /// The units that get no row, by their text: without white space at its ends, in whatever case. For tokens, words and
    /// sentences only.
    pub stop_units: Vec<String>,
    /// Whether the pieces of contractions get no row (see [`UnitOptions::stop_contractions`]).
    pub stop_contractions: bool,
    /// Whether units get no row that are nothing but punctuation (see [`UnitOptions::stop_punctuation`]).
    pub stop_punctuation: bool,
    /// Whether the first position of each text is in no unit: many models give it a row of its own kind, and of a huge norm,
    /// whatever stands there (an attention sink). A unit that is nothing else gets no row, and the row of a longer one is made
    /// of its other tokens. Rows of a huge norm elsewhere: [`crate::Activations::without_high_norms`].
    pub skip_first_position: bool,
    /// What becomes of texts that are longer than what the model reads.
    pub on_long_text: OnLongText,
}

/// What becomes of texts that have more tokens than the model reads ([`crate::SplitModel::max_positions`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[repr(u32)]
pub enum OnLongText {
    /// They lose their end, which has no rows. The log says how many they are, and so do [`crate::Inputs::truncated_count`] and
    /// [`crate::Activations::truncated_count`].
    #[default]
    Truncate = 1,
    /// The call ends with an error that names the first of them, before the model reads it.
    Error = 2,
}

impl OnLongText {
    /// The error for texts that were cut, the first of which has that number, where there shall be none.
    pub(crate) fn check(self, first: Option<usize>, model: &SplitModel) -> Result<()> {
        let Some(text) = first.filter(|_| self == Self::Error) else { return Ok(()) };
        let most = model.max_positions();
        Err(Error::argument(format!("text {text} is longer than the {most} tokens that the model reads"))
            .hint("cut it into several texts, or let long texts lose their end (`on_long_text`)")
            .detail("text", text)
            .detail("positions", most))
    }
}

impl CollectOptions {
    /// Makes options that give the units of activations with that provenance: new texts become rows as those did. Rows that were
    /// left out by their norms are not left out.
    pub fn like(provenance: &Provenance) -> Self {
        let (default, filters) = (Self::default(), &provenance.filters);
        Self {
            granularity: provenance.granularity.unwrap_or(default.granularity),
            aggregation: provenance.aggregation.unwrap_or(default.aggregation),
            word_rule: provenance.word_rule.unwrap_or(default.word_rule),
            stop_units: filters.stop_units.clone(),
            stop_contractions: filters.stop_contractions,
            stop_punctuation: filters.stop_punctuation,
            skip_first_position: filters.skip_first_position,
            ..default
        }
    }
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self {
            granularity: Granularity::Word,
            aggregation: Aggregation::Mean,
            batch_tokens: 512,
            device_batch_tokens: 16384,
            keep_on_device: false,
            threads: 0,
            memory_limit: 4 << 30,
            folder: None,
            shard_bytes: crate::rows::SHARD_BYTES,
            word_rule: WordRule::Auto,
            stop_units: Vec::new(),
            stop_contractions: false,
            stop_punctuation: false,
            skip_first_position: false,
            on_long_text: OnLongText::Truncate,
        }
    }
}

impl CollectOptions {
    pub(super) fn check(&self) -> Result<()> {
        if self.batch_tokens == 0 || self.device_batch_tokens == 0 {
            return Err(Error::argument("a batch of 0 tokens was asked for").hint("ask for at least one token a batch"));
        }
        if self.keep_on_device && self.folder.is_some() {
            return Err(Error::argument("rows were asked to stay on the device and to go into a folder")
                .hint("ask for one of them; rows on a device can be saved afterwards"));
        }
        if self.shard_bytes == 0 {
            return Err(Error::argument("shards of 0 bytes were asked for").hint("ask for some megabytes a shard"));
        }
        self.folder.as_deref().map_or(Ok(()), |folder| check_named(folder, "folder"))
    }

    /// How texts are cut into units.
    pub(super) fn units(&self) -> UnitOptions {
        UnitOptions {
            granularity: self.granularity,
            word_rule: self.word_rule,
            stop_units: self.stop_units.clone(),
            stop_contractions: self.stop_contractions,
            stop_punctuation: self.stop_punctuation,
            skip_first_position: self.skip_first_position,
        }
    }

    /// What the provenance of rows says of them.
    pub(super) fn filters(&self) -> Filters {
        Filters {
            stop_units: self.stop_units.clone(),
            stop_contractions: self.stop_contractions,
            stop_punctuation: self.stop_punctuation,
            skip_first_position: self.skip_first_position,
            max_norm_multiple: None,
        }
    }

    /// Refuses what does not go with inputs: each of token ids and of the entries of a vocabulary is a unit, and an entry has one
    /// position; and texts that were cut, where there shall be none.
    pub(super) fn check_inputs(&self, inputs: &Inputs, model: &SplitModel) -> Result<()> {
        if !inputs.has_texts() && self.units().names_stop_units() {
            return Err(Error::argument("units were named that shall get no row, but each of the token ids has one")
                .hint("name no stop units"));
        }
        if !inputs.has_texts() && !inputs.has_ids_alone() && self.skip_first_position {
            return Err(Error::argument(
                "the first position shall be in no unit, but an entry of a vocabulary has no other",
            )
            .hint("do not skip the first position"));
        }
        self.on_long_text.check(inputs.truncated().first, model)
    }
}
