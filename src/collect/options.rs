//! How activations are collected.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::files::check_named;
use crate::text::{Aggregation, Granularity, UnitOptions, WordRule};

/// How activations are collected.
///
/// ```
/// use eidos::{Aggregation, CollectOptions, Granularity};
/// let options = CollectOptions { granularity: Granularity::Sentence, ..CollectOptions::default() };
/// assert_eq!(options.aggregation, Aggregation::Mean);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
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
        }
    }

    /// An error where units are named that shall get no row, but each entry of `what` is a row.
    pub(super) fn check_no_stop_units(&self, what: &str) -> Result<()> {
        if self.stop_units.is_empty() && !self.stop_contractions {
            return Ok(());
        }
        Err(Error::argument(format!("units were named that shall get no row, but each of {what} has one"))
            .hint("name no stop units"))
    }
}
