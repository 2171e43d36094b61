//! A cache of answers on disk, one file for each request.
//!
//! ```text
//! <folder>/3f/3fa9...e1.json   {"format", "question": {"address", "request"}, "answer"}
//! ```
//!
//! The name is the SHA-256 of the `question` object. The file repeats that object, so that people can read it and a
//! damaged file is detected.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::message::ChatRequest;
use crate::error::{Error, Result};
use crate::files::{check_named, read_limited, write_atomically};

const FORMAT: &str = "eidos.answer.1";

/// An entry is a few kilobytes; a larger file than this is not one of ours.
const LARGEST_FILE: u64 = 64 << 20;

/// A folder of cached answers.
#[derive(Debug)]
pub(super) struct AnswerCache {
    folder: PathBuf,
}

/// Everything that the answer depends on. The API key is left out: it does not change the answer.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Key {
    address: String,
    request: ChatRequest,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    format: String,
    question: Key,
    answer: String,
}

impl AnswerCache {
    /// Opens the cache folder, and creates it where it is missing.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`] when it cannot be made, [`crate::ErrorCode::InvalidArgument`] for an empty path.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        check_named(folder, "cache folder")?;
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", &error))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The cached answer to a request. A file that cannot be read, or that holds another request, counts as a miss.
    pub(super) fn find(&self, address: &str, request: &ChatRequest) -> Option<String> {
        let key = Key { address: address.to_owned(), request: request.clone() };
        let bytes = read_limited(&self.path(&key)?, LARGEST_FILE).ok()?;
        let entry: Entry = serde_json::from_slice(&bytes).ok()?;
        (entry.format == FORMAT && entry.question == key).then_some(entry.answer)
    }

    /// Stores an answer.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`] when the system refuses.
    pub(super) fn store(&self, address: &str, request: &ChatRequest, answer: &str) -> Result<()> {
        let key = Key { address: address.to_owned(), request: request.clone() };
        let path = self.path(&key).ok_or_else(|| Error::internal("a request that cannot be written as JSON"))?;
        let entry = Entry { format: FORMAT.to_owned(), question: key, answer: answer.to_owned() };
        let json =
            serde_json::to_vec(&entry).map_err(|error| Error::internal(format!("cannot write JSON: {error}")))?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| Error::io(parent, "create", &error))?;
        }
        write_atomically(&path, |writer| writer.write_all(&json))
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        let json = serde_json::to_vec(key).ok()?;
        let digits = |text: String, byte: &u8| text + &format!("{byte:02x}");
        let name = Sha256::digest(json).iter().fold(String::new(), digits);
        Some(self.folder.join(&name[..2]).join(format!("{name}.json")))
    }
}
