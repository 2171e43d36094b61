//! Files that are either whole or not there, and folders that one call writes into at a time.

mod lock;
mod read;
mod write;

use std::path::Path;

pub use lock::FolderLock;
pub use read::{Access, map, map_file, open_file, read_limited};
#[cfg(feature = "hub")]
pub use write::check_replaceable;
pub use write::write_atomically;

use crate::error::{Error, Result};

/// An error for a path of no characters, which would stand for the working directory; `what` it is the path of.
///
/// # Errors
/// [`crate::ErrorCode::InvalidArgument`].
pub fn check_named(path: &Path, what: &str) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Err(Error::argument(format!("the path of the {what} is empty"))
            .hint("give a path; `.` is the working directory"));
    }
    Ok(())
}
