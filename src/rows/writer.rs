//! Writers of shards: into a folder whose manifest lists the complete ones, or into temporary files.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::manifest::{MANIFEST, Manifest, ShardEntry, shard_file};
use super::matrix::{About, Activations};
use super::storage::{Shard, Shards, Storage};
use super::tables::{UNITS, is_units, read_units, write_shard, write_units};
use crate::error::{Error, ErrorCode, Result};
use crate::files::Access;

/// A writer of shards.
pub(crate) enum ShardWriter {
    Folder(Box<FolderWriter>),
    Unnamed(UnnamedWriter),
}

impl ShardWriter {
    /// How many rows are complete, counted from the first.
    pub(crate) fn complete_rows(&self) -> usize {
        match self {
            Self::Folder(writer) => writer.manifest.complete_rows(),
            Self::Unnamed(writer) => writer.complete_rows,
        }
    }

    /// Writes the next rows as one shard and counts them as complete.
    pub(crate) fn write_shard(&mut self, values: &[f32]) -> Result<()> {
        match self {
            Self::Folder(writer) => writer.write_shard(values),
            Self::Unnamed(writer) => writer.write_shard(values),
        }
    }

    /// The rows, memory-mapped, after all shards are written.
    pub(crate) fn finish(self, about: About) -> Result<Activations> {
        match self {
            Self::Folder(writer) => writer.finish(about),
            Self::Unnamed(writer) => Ok(writer.finish(about)),
        }
    }
}

/// Writes shards into a folder. The caller holds its [`crate::files::FolderLock`].
pub(crate) struct FolderWriter {
    folder: PathBuf,
    manifest: Manifest,
}

impl FolderWriter {
    /// Opens `folder` for the shards of `manifest`; `shard_rows` are their numbers of rows. Complete shards of the same
    /// run are kept. Shards of another run are an error, since they may still be needed.
    pub(crate) fn open(folder: &Path, manifest: Manifest, about: &About, shard_rows: &[usize]) -> Result<Self> {
        if !folder.join(MANIFEST).exists() {
            return Self::create(folder, manifest, about);
        }
        let mut writer = Self { folder: folder.to_owned(), manifest };
        let found = Manifest::read(&writer.folder)?;
        if !found.continues(&writer.manifest) {
            return Err(of_another_run(folder, &found.difference(&writer.manifest)));
        }
        writer.manifest.shards = writer.whole_shards(&found, shard_rows);
        // A disk that lost shards may have lost the units as well.
        let units = read_units(&writer.folder.join(UNITS), found.row_count);
        if !units.is_ok_and(|(units, texts)| units.as_ref() == about.units.as_deref() && texts == *about.texts) {
            write_units(&writer.folder.join(UNITS), about)?;
        }
        if writer.manifest != found {
            writer.manifest.write(&writer.folder)?;
        }
        Ok(writer)
    }

    /// Starts over in `folder`, where an interrupted run may have left files, and writes the units and an empty
    /// manifest.
    pub(crate) fn create(folder: &Path, manifest: Manifest, about: &About) -> Result<Self> {
        if !folder.join(MANIFEST).exists() {
            check_free(folder)?;
        }
        let writer = Self { folder: folder.to_owned(), manifest };
        write_units(&folder.join(UNITS), about)?;
        writer.manifest.write(folder)?;
        Ok(writer)
    }

    /// The leading shards of `found` that exist, are intact and have the size that this run gives them: a disk may have
    /// lost what it reported as written.
    fn whole_shards(&self, found: &Manifest, shard_rows: &[usize]) -> Vec<ShardEntry> {
        let mut first_row = 0;
        let is_whole = |(entry, rows): &(&ShardEntry, &usize)| {
            let path = self.folder.join(&entry.file);
            let shard = Shard::open(&path, first_row, entry.row_count, self.manifest.column_count, Access::Mapped);
            first_row += entry.row_count;
            entry.row_count == **rows && shard.is_ok()
        };
        found.shards.iter().zip(shard_rows).take_while(is_whole).map(|(entry, _)| entry.clone()).collect()
    }

    /// Writes the next rows as one shard and counts them as complete.
    pub(crate) fn write_shard(&mut self, values: &[f32]) -> Result<()> {
        let columns = self.manifest.column_count;
        let row_count = values.len() / columns;
        let file = shard_file(self.manifest.shards.len());
        write_shard(&self.folder.join(&file), values, columns)?;
        self.manifest.shards.push(ShardEntry { file, row_count, texts: None });
        self.manifest.write(&self.folder)
    }

    fn finish(self, about: About) -> Result<Activations> {
        let (rows, columns) = (self.manifest.row_count, self.manifest.column_count);
        let shards = map_shards(&self.folder, &self.manifest)?;
        let storage = Storage::Shards(Shards::new(Some(self.folder), shards));
        Ok(Activations::from_storage(storage, rows, columns, about))
    }
}

/// The error for a folder where another run has written.
fn of_another_run(folder: &Path, difference: &str) -> Error {
    let folder = folder.display();
    Error::new(ErrorCode::Mismatch, format!("`{folder}` holds activations of another run: {difference}"))
        .hint("choose another folder, or remove that one")
        .detail("path", folder)
}

/// Writes shards of texts that come one after the other into a folder, whose [`crate::files::FolderLock`] the caller holds. The
/// shards that an earlier run left there are passed over as long as the texts are the same.
pub(crate) struct StreamWriter {
    folder: PathBuf,
    manifest: Manifest,
    /// How many shards the texts so far have.
    position: usize,
    /// How many rows these have.
    rows: usize,
}

impl StreamWriter {
    /// Opens `folder` for the stream whose beginning `manifest` describes.
    pub(crate) fn open(folder: &Path, manifest: Manifest) -> Result<Self> {
        let mut writer = Self { folder: folder.to_owned(), manifest, position: 0, rows: 0 };
        if !folder.join(MANIFEST).exists() {
            check_free(folder)?;
            writer.manifest.write(folder)?;
            return Ok(writer);
        }
        let mut found = Manifest::read(folder)?;
        if !found.continues_stream(&writer.manifest) {
            return Err(of_another_run(folder, &found.difference(&writer.manifest)));
        }
        let mut first_row = 0;
        // A disk may have lost what it promised.
        let is_whole = |entry: &&ShardEntry| {
            let path = folder.join(&entry.file);
            let shard = Shard::open(&path, first_row, entry.row_count, found.column_count, Access::Mapped);
            first_row += entry.row_count;
            shard.is_ok()
        };
        let whole = found.shards.iter().take_while(is_whole).count();
        if whole < found.shards.len() {
            found.shards.truncate(whole);
            found.row_count = found.complete_rows();
            found.unfinished = true;
            found.write(folder)?;
        }
        writer.manifest = found;
        Ok(writer)
    }

    /// Whether the next shard, of so many rows and of texts with that hash, is there already.
    ///
    /// # Errors
    /// [`ErrorCode::Mismatch`] where another one is there.
    pub(crate) fn has_next(&self, rows: usize, texts: &str) -> Result<bool> {
        let Some(entry) = self.manifest.shards.get(self.position) else { return Ok(false) };
        if entry.row_count == rows && entry.texts.as_deref() == Some(texts) {
            return Ok(true);
        }
        let what = format!("`{}`, from row {} on, is of other texts", entry.file, self.rows);
        Err(of_another_run(&self.folder, &what))
    }

    /// Passes over the next shard, which is there.
    pub(crate) fn pass(&mut self, rows: usize) {
        self.position += 1;
        self.rows += rows;
    }

    /// Writes the next rows as one shard and counts it as complete.
    pub(crate) fn write_shard(&mut self, values: &[f32], texts: &str) -> Result<()> {
        let columns = self.manifest.column_count;
        write_shard(&self.folder.join(shard_file(self.position)), values, columns)?;
        self.manifest.push_streamed(values.len() / columns, texts.to_owned());
        self.position += 1;
        self.rows += values.len() / columns;
        self.manifest.write(&self.folder)
    }

    /// The rows, memory-mapped, once there are no more texts.
    ///
    /// # Errors
    /// [`ErrorCode::Mismatch`] when an earlier run had more texts.
    pub(crate) fn finish(mut self, about: About) -> Result<Activations> {
        if let Some(entry) = self.manifest.shards.get(self.position) {
            let what = format!("it has more texts, in `{}` and after it", entry.file);
            return Err(of_another_run(&self.folder, &what));
        }
        if self.manifest.unfinished || !is_units(&self.folder.join(UNITS)) {
            write_units(&self.folder.join(UNITS), &about)?;
            self.manifest.truncated_count = about.truncated_count;
            self.manifest.left_out = about.left_out;
            self.manifest.unfinished = false;
            self.manifest.write(&self.folder)?;
        }
        let shards = map_shards(&self.folder, &self.manifest)?;
        let storage = Storage::Shards(Shards::new(Some(self.folder), shards));
        Ok(Activations::from_storage(storage, self.rows, self.manifest.column_count, about))
    }
}

/// Refuses a folder without a manifest that holds files of the names that ours have: somebody else wrote them.
fn check_free(folder: &Path) -> Result<()> {
    let entries = folder.read_dir().map_err(|error| Error::io(folder, "list", &error))?;
    // The units are written before the manifest, so an interrupted run may have left them alone.
    let foreign = |name: &OsStr| is_shard_file(name) || (name == UNITS && !is_units(&folder.join(UNITS)));
    let Some(name) = entries.flatten().map(|entry| entry.file_name()).find(|name| foreign(name)) else { return Ok(()) };
    let (folder, name) = (folder.display(), name.display());
    Err(Error::new(
        ErrorCode::Mismatch,
        format!("`{folder}` holds a file `{name}`, but no `{MANIFEST}` that says what it is: it would be overwritten"),
    )
    .hint("choose another folder, or remove that file")
    .detail("path", folder)
    .detail("file", name))
}

fn is_shard_file(name: &OsStr) -> bool {
    let number = name.to_str().and_then(|name| name.strip_prefix("rows-")?.strip_suffix(".safetensors"));
    number.is_some_and(|number| number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Maps the complete shards that a manifest lists.
pub(crate) fn map_shards(folder: &Path, manifest: &Manifest) -> Result<Vec<Shard>> {
    let mut first_row = 0;
    let shards = manifest.shards.iter().map(|entry| {
        let path = folder.join(&entry.file);
        let shard = Shard::open(&path, first_row, entry.row_count, manifest.column_count, Access::Mapped);
        first_row += entry.row_count;
        shard
    });
    shards.collect()
}

/// Writes shards into temporary files without a name, in the system's temporary folder. They disappear when the rows
/// are freed or the process ends, even by a crash.
pub(crate) struct UnnamedWriter {
    columns: usize,
    complete_rows: usize,
    shards: Vec<Shard>,
}

impl UnnamedWriter {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, complete_rows: 0, shards: Vec::new() }
    }

    pub(crate) fn write_shard(&mut self, values: &[f32]) -> Result<()> {
        self.shards.push(Shard::unnamed(self.complete_rows, values)?);
        self.complete_rows += values.len() / self.columns;
        Ok(())
    }

    pub(crate) fn finish(self, about: About) -> Activations {
        let storage = Storage::Shards(Shards::new(None, self.shards));
        Activations::from_storage(storage, self.complete_rows, self.columns, about)
    }
}
