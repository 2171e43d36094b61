//! `manifest.json`: the description of a folder of activations and the list of its complete shards.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::matrix::About;
use super::provenance::{Provenance, recorded_name};
use crate::error::{Error, ErrorCode, Result};
use crate::files::{read_limited, write_atomically};
use crate::text::{LeftOut, WordRule};

const FORMAT: &str = "eidos.activations";
const VERSION: u32 = 1;
pub(crate) const MANIFEST: &str = "manifest.json";
/// The fingerprint of a folder that [`super::Activations::save`] writes. No run continues it: a save starts over.
pub(crate) const SAVED: &str = "saved";
/// The largest manifest that is read. It has one entry for each shard of many megabytes, so real ones are far smaller.
const MANIFEST_LIMIT: u64 = 64 << 20;

/// The description of a folder of activations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: String,
    version: u32,
    pub(crate) row_count: usize,
    pub(crate) column_count: usize,
    dtype: String,
    #[serde(flatten)]
    pub(crate) provenance: Provenance,
    pub(crate) truncated_count: usize,
    #[serde(default)]
    pub(crate) left_out: LeftOut,
    /// The hash of everything that the rows, the units and the shards depend on: a run continues only a folder with the
    /// same fingerprint. It is [`SAVED`] for a matrix that was saved.
    pub(crate) fingerprint: String,
    /// Whether texts came one after the other and there may be more of them: how many rows there are in all is not known yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unfinished: bool,
    /// The complete shards, in the order of their rows.
    pub(crate) shards: Vec<ShardEntry>,
}

/// One complete shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardEntry {
    pub(crate) file: String,
    pub(crate) row_count: usize,
    /// Where texts came one after the other: a hash of all texts up to the last of this shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) texts: Option<String>,
}

impl Manifest {
    pub(crate) fn new(rows: usize, columns: usize, about: &About, fingerprint: String) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            row_count: rows,
            column_count: columns,
            dtype: "f32".to_owned(),
            provenance: about.provenance.clone(),
            truncated_count: about.truncated_count,
            left_out: about.left_out,
            fingerprint,
            unfinished: false,
            shards: Vec::new(),
        }
    }

    /// The manifest of a collection of texts that come one after the other, before the first of them.
    pub(crate) fn of_stream(columns: usize, about: &About, fingerprint: String) -> Self {
        Self { unfinished: true, ..Self::new(0, columns, about, fingerprint) }
    }

    /// Adds a complete shard of a stream.
    pub(crate) fn push_streamed(&mut self, row_count: usize, texts: String) {
        self.shards.push(ShardEntry { file: shard_file(self.shards.len()), row_count, texts: Some(texts) });
        self.row_count += row_count;
        self.unfinished = true;
    }

    /// Whether a stream of which `wanted` describes the beginning may go on from the shards of this one, if it has the same
    /// texts.
    pub(crate) fn continues_stream(&self, wanted: &Self) -> bool {
        let begun = Self {
            provenance: self.recorded(),
            row_count: 0,
            truncated_count: 0,
            left_out: LeftOut::default(),
            unfinished: true,
            shards: Vec::new(),
            ..self.clone()
        };
        begun == *wanted
    }

    /// Reads the manifest of a folder and checks all that it says of itself.
    ///
    /// # Errors
    /// Those of [`super::Activations::open`].
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let bytes = read_limited(&path, MANIFEST_LIMIT).map_err(|error| {
            if error.code() == ErrorCode::NotFound && folder.join("config.json").is_file() {
                error
                    .within(format!("`{}` is the folder of a model, not of activations", folder.display()))
                    .hint("open it as a model; activations are what a collection into a folder of its own writes there")
            } else {
                error
            }
        })?;
        let manifest: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(&path, format!("is not a manifest: {error}")))?;
        if manifest.format != FORMAT {
            return Err(damaged(&path, format!("is of format `{}`, not `{FORMAT}`", manifest.format)));
        }
        if manifest.version > VERSION || manifest.dtype != "f32" {
            let (version, dtype) = (manifest.version, &manifest.dtype);
            return Err(Error::new(
                ErrorCode::Unsupported,
                format!(
                    "`{}` is of version {version} with {dtype} rows; this Eidos reads version {VERSION} with f32 rows",
                    path.display()
                ),
            )
            .hint("update Eidos"));
        }
        let wrong = manifest.shards.iter().enumerate().find(|(index, shard)| shard.file != shard_file(*index));
        if let Some((index, shard)) = wrong {
            let (file, right) = (shard.file.escape_debug(), shard_file(index));
            return Err(damaged(&path, format!("names a shard `{file}`, which must be `{right}`")));
        }
        let (rows, columns) = (manifest.row_count, manifest.column_count);
        // Even a single row must fit into memory.
        let bytes = rows.max(1).checked_mul(columns).and_then(|values| values.checked_mul(size_of::<f32>()));
        if columns == 0 || bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
            return Err(damaged(&path, format!("says that there are {rows} rows of {columns} columns")));
        }
        let complete = manifest.shards.iter().try_fold(0_usize, |sum, shard| sum.checked_add(shard.row_count));
        if complete.is_none_or(|rows| rows > manifest.row_count) {
            return Err(damaged(&path, "lists more rows than it says there are"));
        }
        Ok(manifest)
    }

    /// Writes the manifest of a folder atomically.
    ///
    /// # Errors
    /// [`ErrorCode::Io`].
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::internal(format!("cannot write the manifest: {error}")))?;
        write_atomically(&folder.join(MANIFEST), |writer| writer.write_all(&text))
    }

    /// How many rows the complete shards hold.
    pub(crate) fn complete_rows(&self) -> usize {
        self.shards.iter().map(|shard| shard.row_count).sum()
    }

    /// Whether an interrupted save left this manifest. Such a folder cannot be opened.
    pub(crate) fn is_half_saved(&self) -> bool {
        self.fingerprint == SAVED && self.complete_rows() < self.row_count
    }

    /// The provenance as it is recorded now: manifests of older versions have the whole path of a model.
    fn recorded(&self) -> Provenance {
        let model = self.provenance.model.as_deref().map(recorded_name);
        Provenance { model, ..self.provenance.clone() }
    }

    /// Whether a run with the manifest `wanted` may continue from the shards of this one. Manifests of older versions
    /// do not name a word rule; there, the fingerprint tells the rule.
    pub(crate) fn continues(&self, wanted: &Self) -> bool {
        let mut same = Self { provenance: self.recorded(), shards: Vec::new(), ..self.clone() };
        same.provenance.word_rule = same.provenance.word_rule.or(wanted.provenance.word_rule);
        same == Self { shards: Vec::new(), ..wanted.clone() }
    }

    /// Describes how this run differs from `wanted`, as far as the manifests tell.
    pub(crate) fn difference(&self, wanted: &Self) -> String {
        let (ours, theirs) = (&self.provenance, &wanted.provenance);
        let differs = |what, here: &Option<String>, there: &Option<String>| {
            let name = |text: &Option<String>| text.as_ref().map_or("none".to_owned(), |text| format!("`{text}`"));
            (here != there).then(|| format!("its {what} is {}, not {}", name(here), name(there)))
        };
        differs("model", &ours.model, &theirs.model)
            .or_else(|| differs("split point", &ours.split_point, &theirs.split_point))
            .or_else(|| (ours.granularity != theirs.granularity).then(|| "it has another granularity".to_owned()))
            .or_else(|| {
                let rule = |rule: Option<WordRule>| Some(rule?.name().to_owned());
                let (here, there) = (rule(ours.word_rule), rule(theirs.word_rule));
                here.as_ref().and_then(|_| differs("word rule", &here, &there))
            })
            .or_else(|| (ours.aggregation != theirs.aggregation).then(|| "it has another aggregation".to_owned()))
            .or_else(|| (ours.filters != theirs.filters).then(|| "other units of its texts have a row".to_owned()))
            .unwrap_or_else(|| {
                "it has other texts, another tokenizer, other weights or other sizes of shards".to_owned()
            })
    }
}

/// The file name of a shard.
pub(crate) fn shard_file(index: usize) -> String {
    format!("rows-{index:05}.safetensors")
}

pub(crate) fn damaged(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidFile, format!("`{}` {what}", path.display()))
        .hint("restore the file, or collect the activations again")
        .detail("path", path.display())
}

/// The split point of the activations in a folder, if it holds any.
pub(crate) fn split_point_of(folder: &Path) -> Option<String> {
    Manifest::read(folder).ok()?.provenance.split_point
}
