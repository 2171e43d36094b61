//! A repository of a hub at one commit: its files come from the cache, or are fetched into it.

use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::client::{Client, RemoteFile};
use super::download::download;
use super::id::RepositoryId;
use super::options::HubOptions;
use super::refusal::{Target, one_try, several_tries};
use super::settings::Settings;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::log::LogLevel;

/// What to do about a repository that has not the file that says what the model is.
const NO_MODEL: &str =
    "check that the id is that of a transformers model, or name a GGUF file of it: `owner/name:file.gguf`";

/// A repository whose revision has become a commit.
#[derive(Debug)]
pub(super) struct Repository {
    id: RepositoryId,
    settings: Settings,
    cache: Cache,
    commit: String,
}

impl Repository {
    /// Resolves the revision and fetches the file that says what the model is.
    ///
    /// # Errors
    /// As [`super::locate`].
    pub(super) fn open(id: RepositoryId, options: &HubOptions, control: &Control, first_file: &str) -> Result<Self> {
        control.check()?;
        let settings = Settings::from_environment(options)?;
        let cache = Cache::new(&settings.cache_dir, &id);
        let cached = if is_commit(&settings.revision) {
            Some(settings.revision.clone())
        } else {
            cache.commit_of(&settings.revision)
        };
        let mut repository = Self { id, settings, cache, commit: String::new() };
        let known = is_commit(&repository.settings.revision) || repository.settings.offline;
        match (known, cached) {
            (true, Some(commit)) => repository.commit = commit,
            (true, None) => return Err(repository.not_there("cached commit", "download it once with a network")),
            (false, cached) => repository.resolve(first_file, cached, control)?,
        }
        match repository.file(first_file, control)? {
            Some(_) => Ok(repository),
            None => Err(repository.not_there(&format!("`{first_file}`"), NO_MODEL)),
        }
    }

    /// Requests the commit of the revision by way of a file, and downloads that file on the same connection.
    fn resolve(&mut self, file: &str, cached: Option<String>, control: &Control) -> Result<()> {
        let asked = Client::with(&self.settings, control, |client| {
            let target = Target { id: &self.id, revision: &self.settings.revision, file };
            // With a cached commit there is something better to do than to wait for a hub that is not there.
            let backoff = if cached.is_some() { one_try() } else { several_tries() };
            let remote = client.describe(&target, backoff)?;
            let remote = remote.ok_or_else(|| self.not_there(&format!("`{file}`"), NO_MODEL))?;
            self.cache.remember_commit(&self.settings.revision, &remote.commit);
            if self.cache.find(&remote.commit, file).is_none() {
                control.begin(Stage::Download, remote.size.unwrap_or(0))?;
                download(client, &self.cache, &Target { revision: &remote.commit, ..target }, &remote, control)?;
            }
            Ok(remote.commit)
        });
        self.commit = match (asked, cached) {
            (Ok(commit), _) => commit,
            (Err(error), Some(commit)) if error.code() == ErrorCode::Network => {
                control.log(LogLevel::Warning, c"hub", || {
                    let id = self.id.as_str();
                    format!("using the cached commit {commit} of {id}, since the hub cannot be asked: {error}")
                });
                commit
            }
            (Err(error), _) => return Err(error),
        };
        Ok(())
    }

    /// The commit that all files belong to.
    pub(super) fn commit(&self) -> &str {
        &self.commit
    }

    /// The path of a file, fetched if need be; `None` when the commit does not have it.
    ///
    /// # Errors
    /// As [`super::locate`].
    pub(super) fn file(&self, name: &str, control: &Control) -> Result<Option<PathBuf>> {
        let cached = self.cache.find(&self.commit, name);
        if cached.is_some() || self.settings.offline || self.cache.is_known_missing(&self.commit, name) {
            say_cached(control, cached.as_deref());
            return Ok(cached);
        }
        Client::with(&self.settings, control, |client| {
            let Some(remote) = self.describe(client, name)? else { return Ok(None) };
            control.begin(Stage::Download, remote.size.unwrap_or(0))?;
            download(client, &self.cache, &self.target(name), &remote, control).map(Some)
        })
    }

    /// The paths of files, in their order. What is not cached is fetched, as one download stage, but nothing where one
    /// is missing.
    ///
    /// # Errors
    /// What `missing` makes of the first name that the commit does not have, and as [`super::locate`].
    pub(super) fn files(
        &self,
        names: &[&str],
        missing: &dyn Fn(&str) -> Error,
        control: &Control,
    ) -> Result<Vec<PathBuf>> {
        let cached: Vec<Option<PathBuf>> = names.iter().map(|name| self.cache.find(&self.commit, name)).collect();
        cached.iter().for_each(|path| say_cached(control, path.as_deref()));
        if cached.iter().all(Option::is_some) || self.settings.offline {
            return names.iter().zip(cached).map(|(name, path)| path.ok_or_else(|| missing(name))).collect();
        }
        Client::with(&self.settings, control, |client| {
            let mut found = Vec::with_capacity(names.len());
            for (name, path) in names.iter().zip(&cached) {
                found.push(match path {
                    Some(path) => Ok(path.clone()),
                    None => Err(self.describe(client, name)?.ok_or_else(|| missing(name))?),
                });
            }
            // Sizes come from a server: the sum may be anything.
            let remotes = found.iter().filter_map(|file| file.as_ref().err());
            let total = remotes.fold(0, |sum: u64, remote| sum.saturating_add(remote.size.unwrap_or(0)));
            control.begin(Stage::Download, total)?;
            let fetch = |(name, file): (&&str, Result<PathBuf, RemoteFile>)| match file {
                Ok(path) => Ok(path),
                Err(remote) => download(client, &self.cache, &self.target(name), &remote, control),
            };
            names.iter().zip(found).map(fetch).collect()
        })
    }

    fn describe(&self, client: &Client<'_>, name: &str) -> Result<Option<RemoteFile>> {
        if self.cache.is_known_missing(&self.commit, name) {
            return Ok(None);
        }
        let remote = client.describe(&self.target(name), several_tries())?;
        if remote.is_none() {
            self.cache.remember_missing(&self.commit, name);
        }
        Ok(remote)
    }

    fn target<'a>(&'a self, file: &'a str) -> Target<'a> {
        Target { id: &self.id, revision: &self.commit, file }
    }

    /// The error for something that the repository has not, or that is not cached while the network must not be used.
    pub(super) fn not_there(&self, what: &str, remedy: &str) -> Error {
        let (id, revision) = (self.id.as_str(), &self.settings.revision);
        let error = if self.settings.offline {
            let cache = self.settings.cache_dir.display();
            Error::new(
                ErrorCode::NotFound,
                format!(
                    "the cache `{cache}` has no {what} of model `{id}` at revision `{revision}`, \
                     and HF_HUB_OFFLINE (or the option offline) forbids to download it"
                ),
            )
            .hint("unset HF_HUB_OFFLINE once to download it")
        } else {
            Error::new(ErrorCode::NotFound, format!("model `{id}` has no {what} at revision `{revision}`")).hint(remedy)
        };
        error.detail("id", id).detail("revision", revision)
    }
}

fn say_cached(control: &Control, path: Option<&Path>) {
    if let Some(path) = path {
        control.log(LogLevel::Debug, c"hub", || format!("found in the cache: {}", path.display()));
    }
}

/// Whether a revision is a full commit, which never changes its content.
fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}
