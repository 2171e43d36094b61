//! What is at a path: nothing yet, a file, or something that is not to be replaced.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};

/// As many links as systems follow, one after the other.
const MOST_LINKS: usize = 40;

/// An error for a path of no characters, which would stand for the working directory; `what` it is the path of.
///
/// # Errors
/// [`ErrorCode::InvalidArgument`].
pub fn check_named(path: &Path, what: &str) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Err(Error::argument(format!("the path of the {what} is empty"))
            .hint("give a path; `.` is the working directory"));
    }
    Ok(())
}

/// An error unless a path is free, or that of a file, or of a link to either: opening a pipe waits for ever, and nobody
/// wants a device or a folder replaced.
///
/// # Errors
/// [`ErrorCode::Io`] with the path when what is there is not a file, [`ErrorCode::InvalidArgument`] for an empty path.
pub fn check_replaceable(path: &Path) -> Result<()> {
    target_of(path).map(drop)
}

/// The file that a write replaces or makes: the path itself, or where its links lead.
///
/// # Errors
/// As [`check_replaceable`].
pub(super) fn target_of(path: &Path) -> Result<PathBuf> {
    check_named(path, "file")?;
    let refused = |what: &str| {
        Error::new(ErrorCode::Io, format!("cannot write `{}`: it {what}", path.display()))
            .hint("choose another path, or remove what is there")
            .detail("path", path.display())
    };
    // Asked of the system first: some links, like those to open pipes under /proc, lead to what has no path.
    let not_a_file = "is not a file, and is not replaced by one";
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(refused(not_a_file));
    }
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_symlink() => {
                let link = fs::read_link(&target).map_err(|error| Error::io(path, "write", &error))?;
                target = target.parent().unwrap_or(Path::new("")).join(link);
            }
            Ok(found) if found.is_file() => return Ok(target),
            Ok(_) => return Err(refused(not_a_file)),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(target),
            Err(error) => return Err(Error::io(path, "write", &error)),
        }
    }
    Err(refused("is a link that leads back to itself"))
}

/// Whether an open file is the one that has this name now.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (open, named) = (file.metadata().map(place), fs::metadata(path).map(place));
    open.is_ok_and(|open| named.is_ok_and(|named| open == named))
}

/// Elsewhere nobody removes a file that another one may be about to lock.
#[cfg(not(unix))]
pub(super) fn is_at(_file: &File, _path: &Path) -> bool {
    true
}
