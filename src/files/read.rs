//! Reading of files, whole or memory-mapped, with checks of their size and kind.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use memmap2::{Mmap, MmapMut};

use super::place::check_named;
use super::stand_in::{check_content, check_pointer};
use crate::error::{Error, ErrorCode, Result};

/// How the bytes of a file get into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The file is memory-mapped: the system reads pages when they are used. If another program truncates the file
    /// meanwhile, this process ends.
    Mapped,
    /// The whole file is read at once into memory of its size. Later changes of the file do not matter.
    Copied,
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// [`ErrorCode::NotFound`] or [`ErrorCode::Io`] with the path, [`ErrorCode::InvalidFile`] when the file is larger or is
/// not a regular file (a folder, a pipe, a device), or when a pointer to the file or a page of a server lies in its
/// place; [`ErrorCode::InvalidArgument`] for an empty path.
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
        return Err(no_memory(path, size));
    }
    // The reported size may be too small (files under /proc report 0), and a file may grow, so the limit is enforced
    // here again.
    file.take(limit).read_to_end(&mut bytes).map_err(|error| Error::io(path, "read", &error))?;
    check_content(&bytes, path)?;
    Ok(bytes)
}

fn no_memory(path: &Path, size: u64) -> Error {
    let path = path.display();
    Error::new(ErrorCode::OutOfMemory, format!("there is no memory for the {size} bytes of `{path}`"))
        .hint("free some memory")
        .detail("path", path)
}

/// Opens a file for reading, and returns its size in bytes. The kind of the file is checked before it is opened, since
/// opening a pipe blocks until somebody writes into it.
///
/// # Errors
/// As [`read_limited`], but for pages of a server: a file that is opened may be a page itself.
pub fn open_file(path: &Path) -> Result<(File, u64)> {
    check_named(path, "file")?;
    let metadata = fs::metadata(path).map_err(|error| Error::io(path, "read", &error))?;
    if !metadata.is_file() {
        let path = path.display();
        return Err(Error::new(ErrorCode::InvalidFile, format!("`{path}` is not a file"))
            .hint("check that it is the file it should be")
            .detail("path", path));
    }
    let file = File::open(path).map_err(|error| Error::io(path, "read", &error))?;
    check_pointer(&file, metadata.len(), path)?;
    Ok((file, metadata.len()))
}

/// Maps or copies the bytes of a file into memory; either way they begin on a page boundary.
///
/// # Errors
/// As [`read_limited`], and [`ErrorCode::InvalidFile`] for an empty file or one that is truncated while it is read.
pub fn map(path: &Path, access: Access) -> Result<Mmap> {
    let (file, size) = open_file(path)?;
    map_open(&file, size, path, access)
}

/// The same of a file that is open, with its size.
pub(super) fn map_open(file: &File, size: u64, path: &Path, access: Access) -> Result<Mmap> {
    if size == 0 {
        return Err(invalid(path, "is empty"));
    }
    let bytes = match access {
        Access::Mapped => map_file(file).map_err(|error| Error::io(path, "map", &error)),
        Access::Copied => copy(file, size, path),
    }?;
    check_content(&bytes, path)?;
    Ok(bytes)
}

/// Maps an open file.
///
/// # Errors
/// Those of the system.
pub fn map_file(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the mapping is read-only and private to its value, and is only read as bytes that may have any value.
    // What cannot be ruled out is that another program changes or truncates the file while it is mapped: then the
    // numbers are wrong, or the system ends the process. Programs that write weight files and shards replace them by
    // renaming, which leaves a mapping of the old file intact; a caller that cannot rely on that asks for a copy.
    #[allow(unsafe_code)]
    unsafe {
        Mmap::map(file)
    }
}

fn copy(mut file: &File, size: u64, path: &Path) -> Result<Mmap> {
    // Anonymous memory of the system: it fails with an error where there is none, and is aligned for numbers of every
    // type.
    let memory = usize::try_from(size).ok().and_then(|size| MmapMut::map_anon(size).ok());
    let mut memory = memory.ok_or_else(|| no_memory(path, size))?;
    file.read_exact(&mut memory).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => invalid(path, "was cut while it was read"),
        _ => Error::io(path, "read", &error),
    })?;
    memory.make_read_only().map_err(|error| Error::io(path, "read", &error))
}

fn invalid(path: &Path, what: &str) -> Error {
    let path = path.display();
    Error::new(ErrorCode::InvalidFile, format!("`{path}` {what}")).hint("get the file again").detail("path", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_does_not_care_what_happens_to_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(map(file.path(), Access::Copied).unwrap_err().code(), ErrorCode::InvalidFile);
        fs::write(file.path(), vec![7; 100_000]).unwrap();
        let mapped = map(file.path(), Access::Mapped).unwrap();
        let copied = map(file.path(), Access::Copied).unwrap();
        assert!(*mapped == *copied && copied.as_ptr().addr().is_multiple_of(4096));
        file.as_file().set_len(0).unwrap();
        assert!(copied.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_file_that_was_cut_or_does_not_fit_memory_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(10).unwrap();
        let copied = |size| copy(&File::open(file.path()).unwrap(), size, file.path()).unwrap_err();
        assert_eq!(copied(11).code(), ErrorCode::InvalidFile);
        assert_eq!(copied(u64::MAX).code(), ErrorCode::OutOfMemory);
        assert_eq!(copied(1 << 62).code(), ErrorCode::OutOfMemory);
    }

    #[test]
    fn an_empty_path_is_an_error_of_the_caller() {
        assert_eq!(read_limited(Path::new(""), 1).unwrap_err().code(), ErrorCode::InvalidArgument);
    }
}
