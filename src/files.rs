//! Files that are either whole or not there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file so that a reader sees either the old one or the whole new one, even after a crash: the bytes
/// go to a neighbour with a name of its own, reach the disk, and then take the place of the file.
///
/// # Errors
/// [`crate::ErrorCode::Io`] with the path when the system refuses (disk full, no permission); the neighbour is removed.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut name = path.file_name().map_or_else(|| OsString::from("file"), OsString::from);
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let result = write_synced(&part, write).and_then(|()| fs::rename(&part, path));
    result.map_err(|error| {
        // Only a leftover: the error that matters is the one that is returned.
        fs::remove_file(&part).ok();
        Error::io(path, "write", &error)
    })
}

fn write_synced(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 20, File::create(path)?);
    write(&mut writer)?;
    writer.flush()?;
    writer.get_ref().sync_all()
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// [`crate::ErrorCode::NotFound`] or [`crate::ErrorCode::Io`] with the path, [`crate::ErrorCode::InvalidFile`] when it is larger.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let size = fs::metadata(path).map_err(|error| Error::io(path, "read", &error))?.len();
    if size > limit {
        let path = path.display();
        return Err(Error::new(
            crate::ErrorCode::InvalidFile,
            format!("`{path}` has {size} bytes, more than the {limit} that such a file may have"),
        )
        .hint("check that it is the file it should be"));
    }
    fs::read(path).map_err(|error| Error::io(path, "read", &error))
}
