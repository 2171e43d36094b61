//! What reads files, answers and settings: each parser with the files to begin with, and what a user does with the result.
//!
//! A target gets bytes and a number that says what is around them (which model, which of several files). It opens them as a
//! user would, and uses what opened, so that what is wrong behind the parser shows, too.

mod dictionaries;
mod models;
mod results;
mod tokenizers;
mod words;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use eidos::{Error, ErrorCode};
use tempfile::TempDir;

use crate::mutate::Format;

/// A file to begin with.
pub struct Seed {
    /// What is around the file.
    pub setting: u8,
    pub bytes: Vec<u8>,
}

/// A parser.
pub struct Target {
    pub name: &'static str,
    pub format: Format,
    /// How many of a hundred cases it gets, about.
    pub share: usize,
    pub seeds: fn() -> Vec<Seed>,
    pub run: fn(&mut Place, u8, &[u8]) -> Result<(), Error>,
}

/// All of them.
pub fn all() -> Vec<Target> {
    let all = [models::targets(), tokenizers::targets(), results::targets(), words::targets(), dictionaries::targets()];
    all.into_iter().flatten().collect()
}

impl Target {
    /// Runs one case: whether it was read, or what is wrong with an error that nobody should get.
    pub fn check(&self, place: &mut Place, setting: u8, bytes: &[u8]) -> Result<bool, String> {
        let Err(error) = (self.run)(place, setting, bytes) else { return Ok(true) };
        if error.code() == ErrorCode::Internal || error.message().is_empty() || error.hint_text().is_empty() {
            return Err(format!("{error:?}"));
        }
        Ok(false)
    }
}

/// A folder in memory, where the system has such, for the files around the one that is changed.
pub struct Place {
    folder: TempDir,
    made: HashSet<&'static str>,
}

impl Place {
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let builder = tempfile::Builder::new();
        let folder = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
        Self { folder: folder.unwrap(), made: HashSet::new() }
    }

    /// A folder of that name with what `make` puts there the first time.
    pub fn folder(&mut self, name: &'static str, make: impl FnOnce(&Path)) -> PathBuf {
        let folder = self.folder.path().join(name);
        if self.made.insert(name) {
            std::fs::create_dir_all(&folder).unwrap();
            make(&folder);
        }
        folder
    }

    /// A file of that name with these bytes.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        write(&path, bytes);
        path
    }
}

/// Writes a file anew, so that what still has the old one mapped keeps it.
pub fn write(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).ok();
    std::fs::write(path, bytes).unwrap();
}

/// A file of the golden data.
pub fn golden(path: &str) -> PathBuf {
    // Of this package, or of the one in `fuzz`.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = package.ancestors().map(|folder| folder.join("tests/golden/data")).find(|data| data.is_dir());
    data.unwrap().join(path)
}

pub fn read(path: &str) -> Vec<u8> {
    std::fs::read(golden(path)).unwrap()
}

/// The names in a folder of the golden data, in their order.
pub fn names(path: &str) -> Vec<String> {
    let entries = std::fs::read_dir(golden(path)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Seeds with the settings 0, 1 and so on; a setting is a byte, so that of more files the last ones have no turn.
fn in_order(files: impl IntoIterator<Item = Vec<u8>>) -> Vec<Seed> {
    (0..=u8::MAX).zip(files).map(|(setting, bytes)| Seed { setting, bytes }).collect()
}
