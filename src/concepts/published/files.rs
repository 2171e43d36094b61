//! Where the files of a dictionary lie.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result, shown};

/// How many names an error lists.
const MOST_NAMED: usize = 6;

/// The folder of a dictionary, wherever it is: on this machine, or in a repository from which files are fetched when they are
/// needed.
pub(crate) trait DictionaryFiles {
    /// The folder or id, as the caller wrote it.
    fn name(&self) -> &str;

    /// The names of the folders down to this one, for formats that say there what a dictionary is.
    fn folders(&self) -> String {
        self.name().to_owned()
    }

    /// The path of a file of the folder on this machine; `None` where there is none of that name.
    ///
    /// # Errors
    /// Those of the place.
    fn file(&self, name: &str) -> Result<Option<PathBuf>>;

    /// The file of weights: the one that the caller named, or the first of these.
    ///
    /// # Errors
    /// Those of [`DictionaryFiles::file`].
    fn weights(&self, names: &[&str]) -> Result<Option<PathBuf>> {
        if let Some(path) = self.named() {
            // A file may have been renamed, but not what it is.
            let ending = |path: &Path| path.extension().map(OsStr::to_ascii_lowercase);
            let fits = names.iter().any(|name| ending(Path::new(name)) == ending(path));
            return Ok(fits.then(|| path.to_owned()));
        }
        names.iter().map(|name| self.file(name)).find_map(Result::transpose).transpose()
    }

    /// The file of weights that the caller named, where it was a file.
    fn named(&self) -> Option<&Path> {
        None
    }

    /// Some of the names that are there, for messages; empty where nobody knows them.
    fn listed(&self) -> String {
        String::new()
    }
}

impl dyn DictionaryFiles + '_ {
    /// The file of weights, which must be there.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] naming what is missing; those of [`DictionaryFiles::file`].
    pub(super) fn required(&self, names: &[&str]) -> Result<PathBuf> {
        self.weights(names)?.ok_or_else(|| {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            let what = format!("`{}` has no {}", shown(self.name()), names.join(" or "));
            Error::new(ErrorCode::NotFound, what).hint("get all files of the dictionary into one folder")
        })
    }
}

/// A folder on this machine, or a file of weights there.
pub(super) struct LocalFiles {
    name: String,
    folder: PathBuf,
    /// The file of weights that the caller named.
    weights: Option<PathBuf>,
}

impl LocalFiles {
    pub(super) fn new(path: &Path) -> Result<Self> {
        let absolute = std::path::absolute(path).map_err(|error| Error::io(path, "open", &error))?;
        let name = path.display().to_string();
        if absolute.is_dir() {
            return Ok(Self { name, folder: absolute, weights: None });
        }
        let metadata = absolute.metadata().map_err(|error| Error::io(path, "read", &error))?;
        let folder = absolute.parent().filter(|_| metadata.is_file());
        let folder = folder.ok_or_else(|| {
            Error::new(ErrorCode::InvalidFile, format!("`{name}` is neither a file nor a folder"))
                .hint("give the folder of a dictionary")
        })?;
        let is_config = absolute.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        Ok(Self { name, folder: folder.to_owned(), weights: (!is_config).then(|| absolute.clone()) })
    }
}

impl DictionaryFiles for LocalFiles {
    fn name(&self) -> &str {
        &self.name
    }

    fn folders(&self) -> String {
        self.folder.display().to_string().replace('\\', "/")
    }

    fn file(&self, name: &str) -> Result<Option<PathBuf>> {
        let path = self.folder.join(name);
        Ok(path.is_file().then_some(path))
    }

    fn named(&self) -> Option<&Path> {
        self.weights.as_deref()
    }

    fn listed(&self) -> String {
        let mut names: Vec<String> = self
            .folder
            .read_dir()
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        let more = if names.len() > MOST_NAMED { ", ..." } else { "" };
        let named: Vec<_> = names.iter().take(MOST_NAMED).map(|name| format!("`{}`", shown(name))).collect();
        if named.is_empty() { String::new() } else { format!("{}{more}", named.join(", ")) }
    }
}
