//! Activations as a folder: `manifest.json`, `units.safetensors` and shards `rows-00000.safetensors`.
//!
//! The manifest lists the shards that are complete and is replaced as a whole after each one, so that whatever
//! happens in between, the folder holds complete shards and says which. Shard `i` is always called
//! `rows-{i:05}.safetensors`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use super::matrix::{About, Activations};
use super::provenance::Provenance;
use super::storage::{Shard, Shards, Storage, TemporaryFolder};
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::files::{read_limited, write_atomically};
use crate::linalg::Rows;
use crate::safetensors_file;
use crate::text::{StringTable, Units};

const FORMAT: &str = "eidos.activations";
const VERSION: u32 = 1;
const MANIFEST: &str = "manifest.json";
const UNITS: &str = "units.safetensors";
/// The fingerprint of a folder that [`Activations::save`] writes. Nothing goes on from it: a save begins anew.
const SAVED: &str = "saved";
/// A manifest lists shards of many megabytes; one of more than this is not a manifest.
const MANIFEST_LIMIT: u64 = 64 << 20;

/// What a folder of activations says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: String,
    version: u32,
    pub(super) row_count: usize,
    pub(super) column_count: usize,
    dtype: String,
    #[serde(flatten)]
    pub(super) provenance: Provenance,
    pub(super) truncated_count: usize,
    /// What the rows, the units and the shards are a function of: a run goes on only where this is the same. [`SAVED`]
    /// where a matrix was saved.
    pub(super) fingerprint: String,
    /// The complete shards, in the order of their rows.
    pub(super) shards: Vec<ShardEntry>,
}

/// One complete shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShardEntry {
    file: String,
    pub(super) row_count: usize,
}

impl Manifest {
    pub(super) fn new(rows: usize, columns: usize, about: &About, fingerprint: String) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            row_count: rows,
            column_count: columns,
            dtype: "f32".to_owned(),
            provenance: about.provenance.clone(),
            truncated_count: about.truncated_count,
            fingerprint,
            shards: Vec::new(),
        }
    }

    /// How many rows lie in complete shards.
    pub(super) fn complete_rows(&self) -> usize {
        self.shards.iter().map(|shard| shard.row_count).sum()
    }

    /// Whether this is what a save left behind that was interrupted: nobody can open it.
    fn is_half_saved(&self) -> bool {
        self.fingerprint == SAVED && self.complete_rows() < self.row_count
    }

    /// Whether a run with `wanted` may go on from the shards of this one.
    fn continues(&self, wanted: &Self) -> bool {
        let same = Self { shards: Vec::new(), ..self.clone() };
        same == Self { shards: Vec::new(), ..wanted.clone() }
    }

    /// What tells this run from `wanted`, as far as a manifest says.
    fn difference(&self, wanted: &Self) -> String {
        let (ours, theirs) = (&self.provenance, &wanted.provenance);
        let differs = |what, here: &Option<String>, there: &Option<String>| {
            let name = |text: &Option<String>| text.as_ref().map_or("none".to_owned(), |text| format!("`{text}`"));
            (here != there).then(|| format!("its {what} is {}, not {}", name(here), name(there)))
        };
        differs("model", &ours.model, &theirs.model)
            .or_else(|| differs("split point", &ours.split_point, &theirs.split_point))
            .or_else(|| (ours.granularity != theirs.granularity).then(|| "it has another granularity".to_owned()))
            .or_else(|| (ours.aggregation != theirs.aggregation).then(|| "it has another aggregation".to_owned()))
            .unwrap_or_else(|| {
                "it has other texts, another tokenizer, other weights or other sizes of shards".to_owned()
            })
    }
}

/// A folder that shards are written into, one after the other.
pub(super) struct ShardWriter {
    folder: PathBuf,
    temporary: Option<TemporaryFolder>,
    manifest: Manifest,
}

impl ShardWriter {
    /// Opens `folder` (or a temporary one) for the shards that `manifest` describes, which have `shard_rows` rows each.
    /// Complete shards of the same run that are there already are kept; those of another run are an error, since
    /// somebody may want them.
    pub(super) fn open(folder: Option<&Path>, manifest: Manifest, about: &About, shard_rows: &[usize]) -> Result<Self> {
        let (folder, temporary) = if let Some(folder) = folder {
            (folder.to_owned(), None)
        } else {
            let temporary = TemporaryFolder::create()?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let mut writer = Self { folder, temporary, manifest };
        if !writer.folder.join(MANIFEST).exists() {
            writer.begin(about)?;
            return Ok(writer);
        }
        let found = read_manifest(&writer.folder)?;
        if !found.continues(&writer.manifest) {
            let folder = writer.folder.display();
            return Err(Error::new(
                ErrorCode::Mismatch,
                format!("`{folder}` holds activations of another run: {}", found.difference(&writer.manifest)),
            )
            .hint("choose another folder, or remove that one")
            .detail("path", folder));
        }
        writer.manifest.shards = writer.whole_shards(&found, shard_rows);
        // A disk that has lost shards may have lost the units as well.
        let units = read_units(&writer.folder.join(UNITS), found.row_count);
        if !units.is_ok_and(|(units, texts)| units.as_ref() == about.units.as_deref() && texts == *about.texts) {
            write_units(&writer.folder.join(UNITS), about)?;
        }
        if writer.manifest != found {
            writer.write_manifest()?;
        }
        Ok(writer)
    }

    /// A writer that begins anew in `folder`, whatever is there.
    fn create(folder: &Path, manifest: Manifest, about: &About) -> Result<Self> {
        let writer = Self { folder: folder.to_owned(), temporary: None, manifest };
        writer.begin(about)?;
        Ok(writer)
    }

    /// Makes the folder and writes what comes before the first shard.
    fn begin(&self, about: &About) -> Result<()> {
        std::fs::create_dir_all(&self.folder).map_err(|error| Error::io(&self.folder, "create the folder", &error))?;
        write_units(&self.folder.join(UNITS), about)?;
        self.write_manifest()
    }

    /// The leading shards of `found` that are really there, whole, and where this run puts them: a disk may have lost
    /// what it promised.
    fn whole_shards(&self, found: &Manifest, shard_rows: &[usize]) -> Vec<ShardEntry> {
        let mut first_row = 0;
        let is_whole = |(entry, rows): &(&ShardEntry, &usize)| {
            let path = self.folder.join(&entry.file);
            let shard = Shard::open(&path, first_row, entry.row_count, self.manifest.column_count);
            first_row += entry.row_count;
            entry.row_count == **rows && shard.is_ok()
        };
        found.shards.iter().zip(shard_rows).take_while(is_whole).map(|(entry, _)| entry.clone()).collect()
    }

    /// How many rows are complete, from the first on.
    pub(super) fn complete_rows(&self) -> usize {
        self.manifest.complete_rows()
    }

    /// Writes the next rows as one shard and counts it as complete.
    pub(super) fn write_shard(&mut self, values: &[f32]) -> Result<()> {
        let columns = self.manifest.column_count;
        let row_count = values.len() / columns;
        let file = shard_file(self.manifest.shards.len());
        write_shard(&self.folder.join(&file), values, columns)?;
        self.manifest.shards.push(ShardEntry { file, row_count });
        self.write_manifest()
    }

    fn write_manifest(&self) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.manifest)
            .map_err(|error| Error::internal(format!("cannot write the manifest: {error}")))?;
        write_atomically(&self.folder.join(MANIFEST), |writer| writer.write_all(&text))
    }

    /// The rows, memory-mapped, once all shards are written.
    pub(super) fn finish(self, about: About) -> Result<Activations> {
        let (rows, columns) = (self.manifest.row_count, self.manifest.column_count);
        let shards = map_shards(&self.folder, &self.manifest)?;
        let storage = Storage::Shards(Shards::new(self.folder, shards, self.temporary));
        Ok(Activations::from_storage(storage, rows, columns, about))
    }
}

impl Activations {
    /// Writes the activations to `folder` (made if missing): shards of at most 256 MiB, the units and the texts,
    /// and a manifest last. Nothing is done where they lie in that folder already; what an interrupted save left there
    /// is written anew.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] when the disk is full or forbids it; [`ErrorCode::Mismatch`] when other activations are in
    /// that folder; [`ErrorCode::Cancelled`].
    pub fn save(&self, folder: &Path, control: &Control) -> Result<()> {
        if let Storage::Shards(shards) = self.storage() {
            let same = shards
                .folder()
                .canonicalize()
                .ok()
                .is_some_and(|ours| folder.canonicalize().is_ok_and(|other| ours == other));
            if same {
                return Ok(());
            }
        }
        if folder.join(MANIFEST).exists() && !read_manifest(folder).is_ok_and(|found| found.is_half_saved()) {
            return Err(Error::new(ErrorCode::Mismatch, format!("`{}` holds activations already", folder.display()))
                .hint("choose another folder, or remove that one")
                .detail("path", folder.display()));
        }
        let columns = self.column_count();
        let rows_per_shard = (SHARD_BYTES / (columns * size_of::<f32>())).max(1);
        let manifest = Manifest::new(self.row_count(), columns, self.about(), SAVED.to_owned());
        control.begin(Stage::Write, (self.row_count() * columns * size_of::<f32>()) as u64)?;
        let mut writer = ShardWriter::create(folder, manifest, self.about())?;
        let mut scratch = Vec::new();
        let mut first = 0;
        while first < self.row_count() {
            let count = rows_per_shard.min(self.row_count() - first);
            let values = self.tile(first, count, &mut scratch)?;
            writer.write_shard(values)?;
            first += count;
            control.advance(size_of_val(values) as u64)?;
        }
        Ok(())
    }

    /// Opens what [`Activations::save`] or a collection into a folder has written. Rows are memory-mapped: opening
    /// takes no memory for them.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] where there are none; [`ErrorCode::InvalidFile`] when a file is missing, truncated or
    /// damaged, or the collection was interrupted (collect into the same folder again to go on);
    /// [`ErrorCode::Unsupported`] when a newer version of Eidos wrote them.
    pub fn open(folder: &Path) -> Result<Self> {
        let manifest = read_manifest(folder)?;
        let complete = manifest.complete_rows();
        if complete != manifest.row_count {
            let (folder, rows) = (folder.display(), manifest.row_count);
            let hint = if manifest.is_half_saved() {
                "save into the same folder again"
            } else {
                "collect into the same folder again to go on from there"
            };
            return Err(Error::new(ErrorCode::InvalidFile, format!("`{folder}` holds {complete} of {rows} rows"))
                .hint(hint)
                .detail("complete_rows", complete));
        }
        let (units, texts) = read_units(&folder.join(UNITS), manifest.row_count)?;
        let shards = map_shards(folder, &manifest)?;
        let about = About {
            units: units.map(Arc::new),
            texts: Arc::new(texts),
            provenance: manifest.provenance,
            truncated_count: manifest.truncated_count,
        };
        let storage = Storage::Shards(Shards::new(folder.to_owned(), shards, None));
        Ok(Self::from_storage(storage, manifest.row_count, manifest.column_count, about))
    }
}

/// How large a shard is at most, in bytes: one is in memory while it is made.
pub(super) const SHARD_BYTES: usize = 256 << 20;

/// The name of a shard.
fn shard_file(index: usize) -> String {
    format!("rows-{index:05}.safetensors")
}

fn damaged(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidFile, format!("`{}` {what}", path.display()))
        .hint("restore the file, or collect the activations again")
        .detail("path", path.display())
}

/// The split point that a folder's activations are of, where it holds any.
pub(super) fn split_point_of(folder: &Path) -> Option<String> {
    read_manifest(folder).ok()?.provenance.split_point
}

fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let bytes = read_limited(&path, MANIFEST_LIMIT)?;
    let manifest: Manifest =
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
    // No row takes more than memory can hold either, even where there are none.
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

fn map_shards(folder: &Path, manifest: &Manifest) -> Result<Vec<Shard>> {
    let mut first_row = 0;
    manifest
        .shards
        .iter()
        .map(|entry| {
            let shard = Shard::open(&folder.join(&entry.file), first_row, entry.row_count, manifest.column_count);
            first_row += entry.row_count;
            shard
        })
        .collect()
}

fn write_shard(path: &Path, values: &[f32], columns: usize) -> Result<()> {
    let rows = values.len() / columns;
    write_tensors(path, &[("rows", Dtype::F32, vec![rows, columns], bytemuck::cast_slice(values))])
}

type NamedTensor<'a> = (&'a str, Dtype, Vec<usize>, &'a [u8]);

fn write_tensors(path: &Path, tensors: &[NamedTensor<'_>]) -> Result<()> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| Error::internal(format!("cannot describe a tensor: {error}")))?;
    let (header, bytes) = header_and_bytes(&views)?;
    write_atomically(path, |writer| {
        writer.write_all(&header)?;
        bytes.iter().try_for_each(|bytes| writer.write_all(bytes))
    })
}

/// The header of a safetensors file and its tensors in the order in which they lie, so that they go to the disk
/// from where they are. The crate can only write a file by itself (not atomically) or build all of it in memory.
fn header_and_bytes<'a>(views: &'a [(&str, TensorView<'a>)]) -> Result<(Vec<u8>, Vec<&'a [u8]>)> {
    let mut offset = 0;
    let mut entries = serde_json::Map::new();
    let mut bytes = Vec::new();
    for (name, view) in views {
        let end = offset + view.data().len();
        let entry = serde_json::json!({"dtype": view.dtype(), "shape": view.shape(), "data_offsets": [offset, end]});
        entries.insert((*name).to_owned(), entry);
        bytes.push(view.data());
        offset = end;
    }
    let mut text =
        serde_json::to_vec(&entries).map_err(|error| Error::internal(format!("cannot write a header: {error}")))?;
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut header = (text.len() as u64).to_le_bytes().to_vec();
    header.append(&mut text);
    Ok((header, bytes))
}

/// The tables that a folder keeps beside the rows, widest values first so that all of them are aligned.
/// Activations without units have empty columns.
fn write_units(path: &Path, about: &About) -> Result<()> {
    let no_units = Units::default();
    let units = about.units.as_deref().unwrap_or(&no_units);
    let (text_bytes, text_ends) = about.texts.parts();
    let (string_bytes, string_ends) = units.strings.parts();
    let wide = |ends: &[usize]| ends.iter().map(|&end| end as u64).collect::<Vec<_>>();
    let (text_ends, string_ends) = (wide(text_ends), wide(string_ends));
    write_tensors(
        path,
        &[
            ("text_ends", Dtype::U64, bytemuck::cast_slice(&text_ends)),
            ("string_ends", Dtype::U64, bytemuck::cast_slice(&string_ends)),
            ("text_index", Dtype::U32, bytemuck::cast_slice(&units.text_index)),
            ("begin", Dtype::U32, bytemuck::cast_slice(&units.begin)),
            ("end", Dtype::U32, bytemuck::cast_slice(&units.end)),
            ("string", Dtype::U32, bytemuck::cast_slice(&units.string)),
            ("text_bytes", Dtype::U8, text_bytes.as_bytes()),
            ("string_bytes", Dtype::U8, string_bytes.as_bytes()),
        ]
        .map(|(name, dtype, bytes)| (name, dtype, vec![bytes.len() * 8 / dtype.bitsize()], bytes)),
    )
}

fn read_units(path: &Path, row_count: usize) -> Result<(Option<Units>, StringTable)> {
    let bytes = read_limited(path, u64::MAX)?;
    let tensors = safetensors_file::open(&bytes).map_err(|what| damaged(path, what))?;
    let tensors: HashMap<String, TensorView<'_>> = tensors.tensors().into_iter().collect();
    let tensor = |name: &str, dtype: Dtype| {
        let found = tensors.get(name).filter(|view| view.dtype() == dtype && view.shape().len() == 1);
        found.map(TensorView::data).ok_or_else(|| damaged(path, format!("has no {dtype:?} table `{name}`")))
    };
    let table = |prefix: &str| -> Result<StringTable> {
        let ends = read_u64(tensor(&format!("{prefix}_ends"), Dtype::U64)?);
        let bytes = tensor(&format!("{prefix}_bytes"), Dtype::U8)?.to_vec();
        StringTable::from_parts(bytes, ends)
            .ok_or_else(|| damaged(path, format!("has damaged strings in `{prefix}_bytes`")))
    };
    let texts = table("text")?;
    let column = |name: &str| tensor(name, Dtype::U32).map(read_u32);
    let units = Units {
        text_index: column("text_index")?,
        begin: column("begin")?,
        end: column("end")?,
        string: column("string")?,
        strings: table("string")?,
    };
    let count = units.string.len();
    if count == 0 && row_count > 0 {
        return Ok((None, texts));
    }
    let lengths_agree = [&units.text_index, &units.begin, &units.end].iter().all(|column| column.len() == count);
    let strings_exist = units.string.iter().all(|&index| (index as usize) < units.strings.len());
    if count != row_count || !lengths_agree || !strings_exist || !units.spans_fit(&texts) {
        return Err(damaged(path, "has units that are not one a row, or point outside their strings or texts"));
    }
    Ok((Some(units), texts))
}

fn read_u32(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect()
}

fn read_u64(bytes: &[u8]) -> Vec<usize> {
    bytes.as_chunks::<8>().0.iter().map(|&bytes| u64::from_le_bytes(bytes) as usize).collect()
}
