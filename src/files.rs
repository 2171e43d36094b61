//! Files that are either whole or not there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use crate::error::{Error, ErrorCode, Result};

/// Writes a file so that a reader sees either the old one or the whole new one, even after a crash: the bytes
/// go to a neighbour with a name of its own, reach the disk, and then take the place of the file.
///
/// # Errors
/// [`ErrorCode::NotFound`] when there is no such folder, [`ErrorCode::Io`] with the path when the system refuses (disk
/// full, no permission); the neighbour is removed.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let (part, file) = create_part(path).map_err(|error| Error::io(path, "write", &error))?;
    let result = write_synced(file, write).and_then(|()| fs::rename(&part, path));
    result.map_err(|error| {
        // Only a leftover: the error that matters is the one that is returned.
        fs::remove_file(&part).ok();
        Error::io(path, "write", &error)
    })
}

/// A new file beside `path`, under a name that no other call uses, of this process or another one. The name is short
/// and not made from that of `path`, which may be as long as the system allows.
fn create_part(path: &Path) -> io::Result<(PathBuf, File)> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    loop {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let part = path.with_file_name(format!(".eidos-{}-{call}.part", std::process::id()));
        match File::create_new(&part) {
            // What a process of the same number left behind when it was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (part, file)),
        }
    }
}

fn write_synced(file: File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    write(&mut writer)?;
    writer.flush()?;
    writer.get_ref().sync_all()
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// [`ErrorCode::NotFound`] or [`ErrorCode::Io`] with the path, [`ErrorCode::InvalidFile`] when it is larger, or is not
/// a file (a folder, a pipe, a device).
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let (file, size) = open_file(path)?;
    if size > limit {
        let path = path.display();
        return Err(Error::new(
            ErrorCode::InvalidFile,
            format!("`{path}` has {size} bytes, more than the {limit} that such a file may have"),
        )
        .hint("check that it is the file it should be")
        .detail("path", path));
    }
    let mut bytes = Vec::new();
    let reserved = usize::try_from(size).is_ok_and(|size| bytes.try_reserve_exact(size).is_ok());
    if !reserved {
        let path = path.display();
        return Err(Error::new(ErrorCode::OutOfMemory, format!("there is no memory for the {size} bytes of `{path}`"))
            .hint("free some memory")
            .detail("path", path));
    }
    // The system may understate a size (files under /proc have none), and a file may grow: the limit holds all the
    // same.
    file.take(limit).read_to_end(&mut bytes).map_err(|error| Error::io(path, "read", &error))?;
    Ok(bytes)
}

/// Opens a file for reading, and says how many bytes it has. What is not a file is refused before it is opened:
/// opening a pipe waits for somebody to write into it.
///
/// # Errors
/// As [`read_limited`].
pub fn open_file(path: &Path) -> Result<(File, u64)> {
    let metadata = fs::metadata(path).map_err(|error| Error::io(path, "read", &error))?;
    if !metadata.is_file() {
        let path = path.display();
        return Err(Error::new(ErrorCode::InvalidFile, format!("`{path}` is not a file"))
            .hint("check that it is the file it should be")
            .detail("path", path));
    }
    let file = File::open(path).map_err(|error| Error::io(path, "read", &error))?;
    Ok((file, metadata.len()))
}

/// Maps a file into memory, so that only what is used is read.
///
/// # Errors
/// As [`read_limited`], and [`ErrorCode::InvalidFile`] for an empty file.
pub fn map(path: &Path) -> Result<Mmap> {
    let (file, size) = open_file(path)?;
    if size == 0 {
        let path = path.display();
        return Err(Error::new(ErrorCode::InvalidFile, format!("`{path}` is empty"))
            .hint("get the file again")
            .detail("path", path));
    }
    // SAFETY: the mapping is read-only and private to this value, and is only read as bytes that may have any
    // value. What cannot be ruled out is that somebody changes or truncates the file while it is mapped: then the
    // weights are wrong, or the system ends the process. Weight files are replaced as a whole, by renaming, by
    // every tool that writes them, which leaves a mapping of the old file intact.
    #[allow(unsafe_code)]
    let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, "map", &error))?;
    Ok(map)
}
