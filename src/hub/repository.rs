//! A repository of a hub at one commit: its files come from the cache, or are fetched into it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::cache::Cache;
use super::client::{Client, RemoteFile};
use super::download::download;
use super::id::RepositoryId;
use super::options::HubOptions;
use super::refusal::{Target, may_do_without, one_try, several_tries};
use super::settings::{DEFAULT_REVISION, Settings};
use super::spelling::instead_of;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result, shown};
use crate::log::LogLevel;

/// What to do about a repository that has not the file that says what the model is.
const NO_MODEL: &str =
    "check that the id is that of a transformers model, or name a GGUF file of it: `owner/name:file.gguf`";

/// What to do where nothing is cached and nothing may be fetched.
const OFFLINE: &str = "give the folder of the model, or a cache that has it (the option cache_dir, or HF_HOME); where there is \
                       a network, unset HF_HUB_OFFLINE once";

/// How many commits an error names.
const MOST_NAMED: usize = 5;

/// A repository whose revision has become a commit.
#[derive(Debug)]
pub(super) struct Repository {
    id: RepositoryId,
    settings: Settings,
    cache: Cache,
    commit: String,
    /// The file that says what the model is.
    first_file: String,
    /// Set when the hub has answered: from then on a failure is an error, since a file that was not fetched would be
    /// taken for one that the model does not have.
    answered: OnceLock<()>,
    /// Why the hub is not asked any more: it failed before it had answered, and the model is cached.
    silent: OnceLock<Error>,
}

impl Repository {
    /// Resolves the revision and fetches the file that says what the model is.
    ///
    /// # Errors
    /// As [`super::locate`].
    pub(super) fn open(id: RepositoryId, options: &HubOptions, control: &Control, first_file: &str) -> Result<Self> {
        Self::open_any(id, options, control, &[first_file])
    }

    /// The same where several files may say what is there: the first of them that the repository has.
    ///
    /// # Errors
    /// As [`super::locate`].
    pub(super) fn open_any(
        id: RepositoryId,
        options: &HubOptions,
        control: &Control,
        first_files: &[&str],
    ) -> Result<Self> {
        control.check()?;
        let settings = Settings::from_environment(options)?;
        let cache = Cache::new(&settings.cache_dir, &id);
        let is_pinned = is_commit(&settings.revision);
        let cached = if is_pinned {
            Some(settings.revision.clone())
        } else {
            let only = || cache.only_commit().filter(|_| settings.revision == DEFAULT_REVISION);
            cache.commit_of(&settings.revision).or_else(only)
        };
        let mut repository = Self {
            id,
            settings,
            cache,
            commit: String::new(),
            first_file: first_files.first().copied().unwrap_or_default().to_owned(),
            answered: OnceLock::new(),
            silent: OnceLock::new(),
        };
        let known = is_pinned || repository.settings.offline;
        match (known, cached) {
            (true, Some(commit)) => repository.commit = commit,
            (true, None) => return Err(repository.nothing_cached()),
            (false, cached) => repository.resolve(first_files, cached, control)?,
        }
        for file in first_files {
            if repository.file(file, control)?.is_some() {
                (*file).clone_into(&mut repository.first_file);
                return Ok(repository);
            }
        }
        Err(repository.no_model(None))
    }

    /// Requests the commit of the revision by way of the first of these files that is there, and downloads that file on the same
    /// connection.
    fn resolve(&mut self, files: &[&str], cached: Option<String>, control: &Control) -> Result<()> {
        let asked = Client::with(&self.settings, control, |client| {
            let of = |file| Target { id: &self.id, revision: &self.settings.revision, file };
            // With a cached commit there is something better to do than to wait for a hub that is not there.
            let backoff = || if cached.is_some() { one_try() } else { several_tries() };
            let mut found = None;
            for file in files {
                if let Some(remote) = client.describe(&of(*file), backoff())? {
                    found = Some((*file, remote));
                    break;
                }
            }
            let (file, remote) = found.ok_or_else(|| self.no_model(Some(client)))?;
            let target = of(file);
            self.answered.set(()).ok();
            self.cache.remember_commit(&self.settings.revision, &remote.commit);
            if self.cache.find(&remote.commit, file).is_none() {
                control.begin(Stage::Download, remote.size.unwrap_or(0))?;
                download(client, &self.cache, &Target { revision: &remote.commit, ..target }, &remote, control)?;
            }
            Ok(remote.commit)
        });
        self.commit = match (asked, cached) {
            (Ok(commit), _) => commit,
            (Err(error), Some(commit))
                if may_do_without(&error) && files.iter().any(|file| self.cache.find(&commit, file).is_some()) =>
            {
                self.do_without(error, &commit, control);
                commit
            }
            (Err(error), _) => return Err(error),
        };
        Ok(())
    }

    /// Asks the hub nothing more: what is cached must do.
    fn do_without(&self, error: Error, commit: &str, control: &Control) {
        control.log(LogLevel::Warning, c"hub", || {
            let id = self.id.as_str();
            format!("using the cached commit {commit} of {id}, since the hub cannot be asked: {error}")
        });
        self.silent.set(error).ok();
    }

    /// Whether only what is cached is used.
    fn is_offline(&self) -> bool {
        self.settings.offline || self.silent.get().is_some()
    }

    /// The file that says what the model is.
    pub(super) fn first_file(&self) -> &str {
        &self.first_file
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
        if cached.is_some() || self.is_offline() || self.cache.is_known_missing(&self.commit, name) {
            say_cached(control, cached.as_deref());
            return Ok(cached);
        }
        let fetched = Client::with(&self.settings, control, |client| {
            let Some(remote) = self.describe(client, name)? else { return Ok(None) };
            control.begin(Stage::Download, remote.size.unwrap_or(0))?;
            download(client, &self.cache, &self.target(name), &remote, control).map(Some)
        });
        match fetched {
            Err(error) if self.can_do_without_hub() && may_do_without(&error) => {
                self.do_without(error, &self.commit, control);
                Ok(None)
            }
            fetched => fetched,
        }
    }

    /// Whether the hub has not said anything yet, and the model is cached.
    fn can_do_without_hub(&self) -> bool {
        self.answered.get().is_none() && self.cache.find(&self.commit, &self.first_file).is_some()
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
        if cached.iter().all(Option::is_some) || self.is_offline() {
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
        let backoff = if self.can_do_without_hub() { one_try() } else { several_tries() };
        let remote = client.describe(&self.target(name), backoff)?;
        self.answered.set(()).ok();
        if remote.is_none() {
            self.cache.remember_missing(&self.commit, name);
        }
        Ok(remote)
    }

    fn target<'a>(&'a self, file: &'a str) -> Target<'a> {
        Target { id: &self.id, revision: &self.commit, file }
    }

    /// The names of the files of a repository at the revision of the options, for hints; none where nobody says them.
    pub(super) fn listed(id: &RepositoryId, options: &HubOptions) -> Vec<String> {
        let Ok(settings) = Settings::from_environment(options) else { return Vec::new() };
        let cache = Cache::new(&settings.cache_dir, id);
        let commit = cache.commit_of(&settings.revision).or_else(|| cache.only_commit());
        let cached = commit.map_or_else(Vec::new, |commit| cache.files_of(&commit));
        if settings.offline {
            return cached;
        }
        let revision = &settings.revision;
        let names = Client::with(&settings, &Control::new(), |client| Ok(client.list(id, revision)));
        names.ok().filter(|names| !names.is_empty()).unwrap_or(cached)
    }

    /// The names of the files that the repository has, as far as that is known. `client` is a connection that is open.
    pub(super) fn names(&self, client: Option<&Client<'_>>) -> Vec<String> {
        if self.is_offline() {
            return self.cache.files_of(&self.commit);
        }
        let revision = if self.commit.is_empty() { &self.settings.revision } else { &self.commit };
        match client {
            Some(client) => client.list(&self.id, revision),
            None => Client::with(&self.settings, &Control::new(), |client| Ok(client.list(&self.id, revision)))
                .unwrap_or_default(),
        }
    }

    /// The error for a repository without the file that says what the model is. It says what there is instead.
    fn no_model(&self, client: Option<&Client<'_>>) -> Error {
        let names = self.names(client);
        let error = self.not_there(&format!("`{}`", self.first_file), NO_MODEL);
        match instead_of(&self.first_file, self.id.as_str(), &names) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// The error for a model of which the cache has not the revision, while the network must not be used.
    fn nothing_cached(&self) -> Error {
        let (id, revision, cache) = (self.id.as_str(), &self.settings.revision, self.settings.cache_dir.display());
        let commits = self.cache.commits();
        if commits.is_empty() {
            return self.not_there("files", OFFLINE);
        }
        let shown: Vec<String> = commits.iter().take(MOST_NAMED).map(|commit| format!("`{}`", shown(commit))).collect();
        let more = if commits.len() > shown.len() { ", ..." } else { "" };
        let message = format!(
            "the cache `{cache}` does not say which commit of model `{id}` is `{revision}`; it has {}{more}",
            shown.join(", ")
        );
        Error::new(ErrorCode::NotFound, message)
            .hint("give one of these commits as the revision")
            .detail("id", id)
            .detail("revision", revision)
    }

    /// The error for something that the repository has not, or that is not cached while the hub is not asked.
    pub(super) fn not_there(&self, what: &str, remedy: &str) -> Error {
        let (id, revision) = (self.id.as_str(), &self.settings.revision);
        let cache = self.settings.cache_dir.display();
        let error = if self.settings.offline {
            let message = format!(
                "the cache `{cache}` has no {what} of model `{id}` at revision `{revision}`, \
                 and HF_HUB_OFFLINE (or the option offline) forbids to download it"
            );
            Error::new(ErrorCode::NotFound, message).hint(OFFLINE)
        } else if let Some(error) = self.silent.get() {
            let message = format!(
                "the cache `{cache}` has no {what} of model `{id}` at revision `{revision}`, and the hub could not be asked: {}",
                error.message()
            );
            // What keeps the hub from answering is what can be changed.
            Error::new(error.code(), message).hint(error.hint_text())
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
