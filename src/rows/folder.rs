//! Activations in a folder: `manifest.json`, `units.safetensors` and shards `rows-00000.safetensors`.
//!
//! The manifest lists the complete shards and is replaced atomically after each one. So whatever interrupts the writer,
//! the folder holds complete shards and names them. Shard `i` is always called `rows-{i:05}.safetensors`. A writer
//! holds the lock of the folder, `.eidos.lock`; readers need no lock.

use std::path::Path;
use std::sync::Arc;

use super::manifest::{MANIFEST, Manifest, SAVED};
use super::matrix::{About, Activations};
use super::source::Rows;
use super::storage::{Shard, Shards, Storage};
use super::tables::{UNITS, read_units};
use super::writer::{FolderWriter, map_shards};
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::files::{Access, FolderLock, check_named, open_file};

/// The largest shard, in bytes; one shard is in memory while it is written.
pub(crate) const SHARD_BYTES: usize = 256 << 20;

impl Activations {
    /// Writes the activations to `folder` (created if missing): the units and the texts, shards of at most 256 MiB, and
    /// after each shard a manifest. Nothing is written when the activations are stored in that folder already; what an
    /// interrupted save left there is overwritten. A folder with files of these names but without a manifest is
    /// refused, since something else wrote them.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] when the disk is full or not writable; [`ErrorCode::Mismatch`] when that folder holds other
    /// activations or files; [`ErrorCode::Busy`] when another call writes into it; [`ErrorCode::InvalidArgument`] for
    /// an empty path; [`ErrorCode::Cancelled`].
    pub fn save(&self, folder: &Path, control: &Control) -> Result<()> {
        check_named(folder, "folder")?;
        if let Storage::Shards(shards) = &**self.storage() {
            let ours = shards.folder().and_then(|ours| ours.canonicalize().ok());
            if ours.is_some_and(|ours| folder.canonicalize().is_ok_and(|other| ours == other)) {
                return Ok(());
            }
        }
        let columns = self.column_count();
        let rows_per_shard = (SHARD_BYTES / (columns * size_of::<f32>())).max(1);
        let manifest = Manifest::new(self.row_count(), columns, self.about(), SAVED.to_owned());
        control.begin(Stage::Write, (self.row_count() * columns * size_of::<f32>()) as u64)?;
        let _lock = FolderLock::take(folder)?;
        if folder.join(MANIFEST).exists() && !Manifest::read(folder).is_ok_and(|found| found.is_half_saved()) {
            return Err(Error::new(ErrorCode::Mismatch, format!("`{}` holds activations already", folder.display()))
                .hint("choose another folder, or remove that one")
                .detail("path", folder.display()));
        }
        let mut writer = FolderWriter::create(folder, manifest, self.about())?;
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

    /// Opens a folder that [`Activations::save`] or a collection has written, even while a collection still writes into
    /// another folder. Rows are memory-mapped, so opening takes no memory for them. But when another program truncates
    /// one of the files while they are in use, this process ends ([`Activations::open_copy`] avoids that).
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] when the folder holds no activations; [`ErrorCode::InvalidFile`] when a file is missing,
    /// truncated or damaged, or the collection was interrupted (collect into the same folder again to continue);
    /// [`ErrorCode::Unsupported`] when a newer version of Eidos wrote them.
    pub fn open(folder: &Path) -> Result<Self> {
        let (manifest, about) = read_complete(folder)?;
        let shards = map_shards(folder, &manifest)?;
        let storage = Storage::Shards(Shards::new(Some(folder.to_owned()), shards));
        Ok(Self::from_storage(storage, manifest.row_count, manifest.column_count, about))
    }

    /// Opens a folder as [`Activations::open`] does, but reads the rows into memory instead of mapping them. Later
    /// changes of the files do not matter, and all rows are contiguous.
    ///
    /// Memory: 4 bytes for each value, and one more shard while reading.
    ///
    /// # Errors
    /// As [`Activations::open`], and [`ErrorCode::OutOfMemory`].
    pub fn open_copy(folder: &Path) -> Result<Self> {
        let (manifest, about) = read_complete(folder)?;
        let storage = Storage::Memory(copy_shards(folder, &manifest)?);
        Ok(Self::from_storage(storage, manifest.row_count, manifest.column_count, about))
    }
}

/// Reads the manifest, the units and the texts of a folder, whose rows must be complete.
fn read_complete(folder: &Path) -> Result<(Manifest, About)> {
    check_named(folder, "folder")?;
    let manifest = Manifest::read(folder)?;
    let complete = manifest.complete_rows();
    if manifest.unfinished {
        let folder = folder.display();
        return Err(Error::new(
            ErrorCode::InvalidFile,
            format!("`{folder}` holds {complete} rows of texts that were not read to their end"),
        )
        .hint("collect the same texts into the same folder again to go on from there")
        .detail("complete_rows", complete));
    }
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
    let about = About {
        units: units.map(Arc::new),
        texts: Arc::new(texts),
        provenance: manifest.provenance.clone(),
        truncated_count: manifest.truncated_count,
        left_out: manifest.left_out,
    };
    Ok((manifest, about))
}

fn copy_shards(folder: &Path, manifest: &Manifest) -> Result<Vec<f32>> {
    let paths: Vec<_> = manifest.shards.iter().map(|entry| folder.join(&entry.file)).collect();
    // Reserves no more than the files can hold, whatever the manifest says.
    let sizes = paths.iter().map(|path| open_file(path).map(|(_, size)| size)).collect::<Result<Vec<_>>>()?;
    let most = sizes.into_iter().fold(0, u64::saturating_add) / size_of::<f32>() as u64;
    let wanted = (manifest.row_count * manifest.column_count).min(usize::try_from(most).unwrap_or(usize::MAX));
    let mut values = Vec::new();
    values.try_reserve_exact(wanted).map_err(|_| {
        let (folder, rows, columns) = (folder.display(), manifest.row_count, manifest.column_count);
        Error::new(
            ErrorCode::OutOfMemory,
            format!("there is no memory for the {rows} rows of {columns} columns of `{folder}`"),
        )
        .hint("open the folder without a copy")
        .detail("path", folder)
    })?;
    for (path, entry) in paths.iter().zip(&manifest.shards) {
        values
            .extend_from_slice(Shard::open(path, 0, entry.row_count, manifest.column_count, Access::Copied)?.values());
    }
    Ok(values)
}
