//! A folder inside a repository that is no model: a published dictionary, of which a repository may have hundreds.

use std::path::PathBuf;

#[cfg(feature = "hub")]
use super::id::check_file_name;
use super::id::{RepositoryId, looks_like_a_path};
use super::options::HubOptions;
#[cfg(feature = "hub")]
use super::repository::Repository;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown};

/// How many of the folders of a repository an error names.
#[cfg(feature = "hub")]
const MOST_NAMED: usize = 3;

/// The files of a folder in a repository, at one commit. They are fetched when they are needed.
#[derive(Debug)]
#[cfg_attr(not(feature = "hub"), allow(dead_code, reason = "there is none without a hub"))]
pub(crate) struct Subfolder {
    name: String,
    folder: String,
    #[cfg(feature = "hub")]
    repository: Repository,
}

impl Subfolder {
    /// Finds `owner/name/folder`, the folder of any depth or none, by the first of these files that is there.
    ///
    /// # Errors
    /// Those of [`super::locate`], and [`ErrorCode::NotFound`] where none of the files is in the folder, with folders where one
    /// is.
    pub(crate) fn locate(name: &str, first_files: &[&str], options: &HubOptions, control: &Control) -> Result<Self> {
        let (id, folder) = split(name)?;
        Self::open(name, &id, folder, first_files, options, control)
    }

    #[cfg(feature = "hub")]
    fn open(
        name: &str,
        id: &RepositoryId,
        folder: String,
        first_files: &[&str],
        options: &HubOptions,
        control: &Control,
    ) -> Result<Self> {
        let files: Vec<String> = first_files.iter().map(|file| within(&folder, file)).collect();
        files.iter().try_for_each(|file| check_file_name(file))?;
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let repository = Repository::open_any(id.clone(), options, control, &files).map_err(|error| {
            let has_others =
                error.code() == ErrorCode::NotFound && !error.details().iter().any(|(key, _)| key == "status");
            match where_they_are(id, first_files, options).filter(|_| has_others) {
                Some(hint) => error.hint(hint),
                // What is said of models does not help here.
                None if error.hint_text().contains("transformers") => {
                    error.hint("give the folder of one dictionary in its repository: `owner/name/folder`")
                }
                None => error,
            }
        })?;
        Ok(Self { name: name.to_owned(), folder, repository })
    }

    #[cfg(not(feature = "hub"))]
    fn open(
        name: &str,
        id: &RepositoryId,
        _folder: String,
        _first_files: &[&str],
        _options: &HubOptions,
        _control: &Control,
    ) -> Result<Self> {
        let id = id.as_str();
        Err(Error::new(
            ErrorCode::Unsupported,
            format!(
                "`{}` is no file or folder here, and this build of Eidos cannot download: it has no feature `hub`",
                shown(name)
            ),
        )
        .hint("download the files with another program and give their folder, or build Eidos with the feature `hub`")
        .detail("id", id))
    }

    /// The id with the folder, as the caller wrote it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The path of a file of the folder on this machine, fetched if need be; `None` where there is none of that name.
    ///
    /// # Errors
    /// As [`super::ModelSource::file`].
    pub(crate) fn file(&self, name: &str, control: &Control) -> Result<Option<PathBuf>> {
        control.check()?;
        let file = within(&self.folder, name);
        #[cfg(feature = "hub")]
        return self.repository.file(&file, control);
        #[cfg(not(feature = "hub"))]
        {
            drop(file);
            Ok(None)
        }
    }
}

/// A name as an id and a folder of its repository.
fn split(name: &str) -> Result<(RepositoryId, String)> {
    let is_path = name.starts_with(['.', '/', '~']) || (looks_like_a_path(name) && name.contains('\\'));
    if is_path || name.is_empty() {
        return Err(Error::new(ErrorCode::NotFound, format!("there is no file or folder `{}`", shown(name)))
            .hint("check the path; a dictionary on a hub has the form `owner/name/folder`")
            .detail("path", shown(name)));
    }
    let mut parts = name.trim_end_matches('/').splitn(3, '/');
    let id = [parts.next(), parts.next()].into_iter().flatten().collect::<Vec<_>>().join("/");
    let id = RepositoryId::parse(&id).map_err(|error| {
        error.hint("give a folder or file, or an id with the folder in its repository: `owner/name/folder`")
    })?;
    Ok((id, parts.next().unwrap_or_default().to_owned()))
}

fn within(folder: &str, file: &str) -> String {
    if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") }
}

/// Which folders of a repository have one of the files; `None` where none has, or nobody says it.
#[cfg(feature = "hub")]
fn where_they_are(id: &RepositoryId, first_files: &[&str], options: &HubOptions) -> Option<String> {
    let names = Repository::listed(id, options);
    let folder_of = |name: &String| {
        let (folder, file) = name.rsplit_once('/')?;
        first_files.contains(&file).then(|| folder.to_owned())
    };
    let mut folders: Vec<String> = names.iter().filter_map(folder_of).collect();
    folders.dedup();
    let named = folders.iter().take(MOST_NAMED).map(|folder| format!("`{}/{}`", id.as_str(), shown(folder)));
    let named = named.collect::<Vec<_>>().join(", ");
    match folders.len() {
        0 => None,
        all if all > MOST_NAMED => Some(format!("give the folder of one dictionary, of {all}: {named} ...")),
        _ => Some(format!("give the folder of one dictionary: {named}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_id_and_a_folder() {
        let parts = |name: &str| split(name).map(|(id, folder)| (id.as_str().to_owned(), folder));
        let scope = parts("google/gemma-scope-2b-pt-res/layer_20/width_16k").unwrap();
        assert_eq!(scope, ("google/gemma-scope-2b-pt-res".to_owned(), "layer_20/width_16k".to_owned()));
        assert_eq!(parts("owner/name/").unwrap(), ("owner/name".to_owned(), String::new()));
        for path in ["/no/such/folder", "./x", "~/x", ""] {
            assert_eq!(parts(path).unwrap_err().code(), ErrorCode::NotFound, "{path}");
        }
        assert_eq!(parts("a b/c/d").unwrap_err().code(), ErrorCode::InvalidArgument);
    }
}
