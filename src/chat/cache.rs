//! Answers that were paid for, one file each.
//!
//! ```text
//! <folder>/3f/3fa9...e1.json   {"format", "question": {"address", "request"}, "answer"}
//! ```
//!
//! The name is the SHA-256 of the question, which a file repeats so that people can read it and a damaged one is noticed.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::message::ChatRequest;
use crate::error::{Error, Result};
use crate::files::{check_named, read_limited, write_atomically};

const FORMAT: &str = "eidos.answer.1";

/// A question and its answer are some kilobytes.
const LARGEST_FILE: u64 = 64 << 20;

/// A folder of answers.
#[derive(Debug)]
pub(super) struct AnswerCache {
    folder: PathBuf,
}

/// Everything that the answer is a function of. The key of the account is not.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Question {
    address: String,
    request: ChatRequest,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    format: String,
    question: Question,
    answer: String,
}

impl AnswerCache {
    /// Opens a folder, or makes it.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`] when it cannot be made, [`crate::ErrorCode::InvalidArgument`] for an empty path.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        check_named(folder, "cache folder")?;
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", &error))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The answer of an earlier time. A file that cannot be read or is of another question is like none.
    pub(super) fn find(&self, address: &str, request: &ChatRequest) -> Option<String> {
        let question = Question { address: address.to_owned(), request: request.clone() };
        let bytes = read_limited(&self.path(&question)?, LARGEST_FILE).ok()?;
        let entry: Entry = serde_json::from_slice(&bytes).ok()?;
        (entry.format == FORMAT && entry.question == question).then_some(entry.answer)
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`] when the system refuses.
    pub(super) fn keep(&self, address: &str, request: &ChatRequest, answer: &str) -> Result<()> {
        let question = Question { address: address.to_owned(), request: request.clone() };
        let path = self.path(&question).ok_or_else(|| Error::internal("a question that cannot be written as JSON"))?;
        let entry = Entry { format: FORMAT.to_owned(), question, answer: answer.to_owned() };
        let json =
            serde_json::to_vec(&entry).map_err(|error| Error::internal(format!("cannot write JSON: {error}")))?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| Error::io(parent, "create", &error))?;
        }
        write_atomically(&path, |writer| writer.write_all(&json))
    }

    fn path(&self, question: &Question) -> Option<PathBuf> {
        let json = serde_json::to_vec(question).ok()?;
        let digits = |text: String, byte: &u8| text + &format!("{byte:02x}");
        let name = Sha256::digest(json).iter().fold(String::new(), digits);
        Some(self.folder.join(&name[..2]).join(format!("{name}.json")))
    }
}
