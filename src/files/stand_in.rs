//! What lies where a file should be: a pointer to the file, or a page about it.
//!
//! `git clone` without Git LFS leaves a text of three lines in place of each large file, and a browser or `curl` may save
//! a login page under the file's name. No file that is read here begins as these do.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use crate::error::{Error, ErrorCode, Result};

/// Pointers are shorter than this; Git LFS itself allows 1024 bytes.
const LONGEST_POINTER: u64 = 1024;

/// What a hub or a mirror answers in plain text for a file that it does not give.
const REFUSALS: [&str; 5] = [
    "Entry not found",
    "Repository not found",
    "Invalid username or password.",
    "Invalid credentials in Authorization header",
    "Access to model ",
];

const GET_IT: &str =
    "download the file itself; on a hub its address has `/resolve/` where that of its page has `/blob/`";

/// What something else than the file is, and how to get the file.
type StandIn = (&'static str, &'static str);

/// Refuses a file of that size which only points to the one that is meant.
///
/// # Errors
/// [`ErrorCode::InvalidFile`] with the command that gets the file.
pub(super) fn check_pointer(mut file: &File, size: u64, path: &Path) -> Result<()> {
    if size == 0 || size >= LONGEST_POINTER {
        return Ok(());
    }
    let mut bytes = Vec::new();
    let read = file.take(LONGEST_POINTER).read_to_end(&mut bytes).and_then(|_| file.rewind());
    read.map_err(|error| Error::io(path, "read", &error))?;
    pointer(&bytes).map_or(Ok(()), |stand_in| Err(refused(path, stand_in)))
}

/// Refuses what a server sent in place of a file.
///
/// # Errors
/// [`ErrorCode::InvalidFile`] with the remedy.
pub(super) fn check_content(bytes: &[u8], path: &Path) -> Result<()> {
    page(bytes).map_or(Ok(()), |stand_in| Err(refused(path, stand_in)))
}

fn refused(path: &Path, (what, remedy): StandIn) -> Error {
    let path = path.display();
    Error::new(ErrorCode::InvalidFile, format!("`{path}` is {what}, not the file itself"))
        .hint(remedy)
        .detail("path", path)
}

fn pointer(bytes: &[u8]) -> Option<StandIn> {
    let text = std::str::from_utf8(bytes).ok()?;
    // The second address is that of the first versions, when the program had another name.
    let of_lfs = ["version https://git-lfs.github.com/spec/", "version https://hawser.github.com/spec/"];
    let is_link = || {
        let line = text.trim_end();
        line.starts_with("../") && line.contains("/blobs/") && !line.contains(char::is_whitespace)
    };
    if of_lfs.iter().any(|start| text.starts_with(start)) {
        Some((
            "a Git LFS pointer",
            "run `git lfs install` and `git lfs pull` in the folder, or download the file itself",
        ))
    } else if text.starts_with("# xet version ") {
        Some(("a Xet pointer", "get it with `hf download`, or run `git xet install` and `git pull` in the folder"))
    } else if text.starts_with("/annex/objects/") || text.contains("/.git/annex/objects/") {
        Some(("a git-annex pointer", "run `git annex get .` in the folder"))
    } else if is_link() {
        Some((
            "the text of a link into a cache",
            "copy the snapshot with its links followed (`cp -rL`), or give the cache's own folder",
        ))
    } else {
        None
    }
}

fn page(bytes: &[u8]) -> Option<StandIn> {
    // The file may be large and binary; a page says what it is in its first line.
    let start = bytes.get(..512).unwrap_or(bytes);
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let begins = |text: &str| start.get(..text.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(text.as_bytes()));
    if begins("<!doctype html") || begins("<html") || begins("<head") {
        Some(("an HTML page", GET_IT))
    } else if begins("<?xml") || begins("<error>") {
        Some(("an XML message of a server", GET_IT))
    } else if bytes.len() < 1024 && REFUSALS.iter().any(|text| begins(text)) {
        Some(("a message of a server that did not give it", GET_IT))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_of_a_model_is_taken_for_something_else() {
        let header = b"\x40\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\"".to_vec();
        for bytes in
            [&b"{\"model_type\": \"bert\"}"[..], b"GGUF\x03\0\0\0", b"PK\x03\x04", b"\x80\x02\x8a\x0a", b"", &header]
        {
            assert!(pointer(bytes).is_none() && page(bytes).is_none(), "{bytes:?}");
        }
    }
}
