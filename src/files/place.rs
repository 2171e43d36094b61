//! Checks of paths: what is there, and may it be replaced?

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};

/// The most links that are followed one after the other, as in operating systems.
const MOST_LINKS: usize = 40;

/// Refuses an empty path, which would stand for the working directory. `what` names the thing that the path is for.
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

/// Checks that a path is free, or names a file, or is a link to either. Opening a pipe could block for ever, and
/// devices and folders must not be replaced.
///
/// # Errors
/// [`ErrorCode::Io`] with the path when something other than a file is there, [`ErrorCode::InvalidArgument`] for an
/// empty path.
pub fn check_replaceable(path: &Path) -> Result<()> {
    target_of(path).map(drop)
}

/// The file that a write creates or replaces: the path itself, or the target of its links.
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
    // The system is asked first: some links, such as those to open pipes under /proc, lead to something without a path.
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

/// Whether an open file is the one that this path names now.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let (open, named) = (file.metadata().map(place), fs::metadata(path).map(place));
    open.is_ok_and(|open| named.is_ok_and(|named| open == named))
}

/// On other systems nobody removes a file that another process may be about to lock.
#[cfg(not(unix))]
pub(super) fn is_at(_file: &File, _path: &Path) -> bool {
    true
}
