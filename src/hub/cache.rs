//! The cache of one repository, laid out as Python's `huggingface_hub` and the crate `hf-hub` lay it out.
//!
//! ```text
//! models--owner--name/refs/main                        the commit that `main` was last seen at
//! models--owner--name/snapshots/<commit>/config.json   a link to a blob
//! models--owner--name/blobs/<etag>                     a whole file; <etag>.incomplete is an unfinished one
//! models--owner--name/.no_exist/<commit>/<file>        an empty file: the commit has no such file
//! .locks/models--owner--name/<etag>.lock               held during the download of a blob, by Eidos and by Python
//! ```
//!
//! `hf-hub` names the folders of repositories and snapshots. References are read and written here: `hf-hub`
//! follows one that leads out of the cache, and writes one in place, so that a reader may see half of it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::{CacheRepo, Repo};

use super::id::RepositoryId;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::files::{check_replaceable, read_limited, write_atomically};

/// The time between two attempts to take a lock that another process holds.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// A reference holds one commit.
const LARGEST_REFERENCE: u64 = 256;

/// The folders of one repository.
#[derive(Debug)]
pub(super) struct Cache {
    layout: CacheRepo,
    folder: PathBuf,
    locks: PathBuf,
}

/// The right to write a blob, until it is dropped.
#[derive(Debug)]
pub(super) struct BlobLock {
    /// `None` on a file system without locks.
    file: Option<File>,
}

impl Cache {
    /// The cache of a repository below an absolute cache folder. Nothing is created yet.
    pub(super) fn new(cache_dir: &Path, id: &RepositoryId) -> Self {
        let repository = Repo::model(id.as_str().to_owned());
        let name = repository.folder_name();
        let layout = hf_hub::Cache::new(cache_dir.to_owned()).repo(repository);
        Self { layout, locks: cache_dir.join(".locks").join(&name), folder: cache_dir.join(name) }
    }

    /// The path of a file of a commit, if it is cached whole.
    pub(super) fn find(&self, commit: &str, file: &str) -> Option<PathBuf> {
        let path = self.snapshot(commit, file);
        path.is_file().then_some(path)
    }

    /// Whether the hub said earlier that this commit has no such file.
    pub(super) fn is_known_missing(&self, commit: &str, file: &str) -> bool {
        self.missing_marker(commit, file).is_file()
    }

    /// Remembers that a commit has no such file. Only saves a request, so a cache that cannot be written is no error.
    pub(super) fn remember_missing(&self, commit: &str, file: &str) {
        let marker = self.missing_marker(commit, file);
        if let Some(parent) = marker.parent() {
            fs::create_dir_all(parent).ok();
            write_atomically(&marker, |_| Ok(())).ok();
        }
    }

    /// The commit that a revision was last seen at.
    pub(super) fn commit_of(&self, revision: &str) -> Option<String> {
        let bytes = read_limited(&self.folder.join("refs").join(revision), LARGEST_REFERENCE).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let commit = text.trim();
        is_safe_name(commit).then(|| commit.to_owned())
    }

    /// The commits of which there are files, in the order of their names.
    pub(super) fn commits(&self) -> Vec<String> {
        let entries = self.folder.join("snapshots").read_dir().into_iter().flatten().flatten();
        let names =
            entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| is_safe_name(name)).collect();
        names.sort();
        names
    }

    /// The only commit of which there are files, where the cache does not say at which commit any revision is: a copy of
    /// a cache without its `refs`.
    pub(super) fn only_commit(&self) -> Option<String> {
        let has_references = self.folder.join("refs").read_dir().is_ok_and(|mut entries| entries.next().is_some());
        let mut commits = self.commits();
        if has_references || commits.len() != 1 { None } else { commits.pop() }
    }

    /// The names of the files of a commit that lie in its first folder.
    pub(super) fn files_of(&self, commit: &str) -> Vec<String> {
        let entries = self.layout.pointer_path(commit).read_dir().into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Remembers the commit of a revision for times without a network. A cache that cannot be written is no error here:
    /// what is cached can still be read, and a download reports it.
    pub(super) fn remember_commit(&self, revision: &str, commit: &str) {
        if revision == commit || self.commit_of(revision).as_deref() == Some(commit) {
            return;
        }
        let path = self.folder.join("refs").join(revision);
        if path.parent().is_some_and(|parent| fs::create_dir_all(parent).is_ok()) {
            write_atomically(&path, |writer| writer.write_all(commit.as_bytes())).ok();
        }
    }

    /// Waits until no other thread or process fetches this blob.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`] when the folders cannot be made, [`crate::ErrorCode::Cancelled`].
    pub(super) fn lock(&self, etag: &str, control: &Control) -> Result<BlobLock> {
        let blobs = self.folder.join("blobs");
        for folder in [&blobs, &self.locks] {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", &error))?;
        }
        let path = self.locks.join(format!("{etag}.lock"));
        check_replaceable(&path)?;
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|error| Error::io(&path, "create", &error))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(BlobLock { file: Some(file) }),
                Err(TryLockError::WouldBlock) => {
                    control.check()?;
                    std::thread::sleep(LOCK_POLL);
                }
                Err(TryLockError::Error(_)) => return Ok(BlobLock { file: None }),
            }
        }
    }

    /// Where a whole blob is.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// The path of an unfinished download. Without a lock the name has the process id in it, so that two processes
    /// never write one file.
    pub(super) fn partial_blob(&self, etag: &str, lock: &BlobLock) -> PathBuf {
        let name = match lock.file {
            Some(_) => format!("{etag}.incomplete"),
            None => format!("{etag}.{}.incomplete", std::process::id()),
        };
        self.folder.join("blobs").join(name)
    }

    /// Makes a whole blob appear as a file of a commit.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`] naming the file.
    pub(super) fn publish(&self, etag: &str, commit: &str, file: &str) -> Result<PathBuf> {
        let path = self.snapshot(commit, file);
        if path.is_file() {
            return Ok(path);
        }
        self.link(etag, file, &path)?;
        Ok(path)
    }

    fn link(&self, etag: &str, file: &str, path: &Path) -> Result<()> {
        let failed = |error: &io::Error| Error::io(path, "create", error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| failed(&error))?;
        }
        let climb = "../".repeat(2 + file.matches('/').count());
        let target = PathBuf::from(format!("{climb}blobs/{etag}"));
        let made = match symlink(&target, path) {
            // Another thread was faster, or the link led to a blob that was deleted.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_symlink() && !path.is_file() => {
                fs::remove_file(path).map_err(|error| failed(&error))?;
                symlink(&target, path)
            }
            made => made,
        };
        match made {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => self.copy(etag, path),
            _ => Ok(()),
        }
    }

    /// For file systems without symbolic links.
    fn copy(&self, etag: &str, path: &Path) -> Result<()> {
        let blob = self.blob(etag);
        if fs::hard_link(&blob, path).is_ok() {
            return Ok(());
        }
        write_atomically(path, |writer| io::copy(&mut File::open(&blob)?, writer).map(drop))
    }

    fn snapshot(&self, commit: &str, file: &str) -> PathBuf {
        self.layout.pointer_path(commit).join(file)
    }

    fn missing_marker(&self, commit: &str, file: &str) -> PathBuf {
        self.folder.join(".no_exist").join(commit).join(file)
    }
}

/// Whether a commit or entity tag that a server sent may become the name of a file.
pub(super) fn is_safe_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 128 && name.bytes().all(allowed) && !name.starts_with('.')
}

#[cfg(unix)]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_target: &Path, _path: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &Path) -> Cache {
        Cache::new(folder, &RepositoryId::parse("owner/name").expect("an id"))
    }

    #[test]
    fn a_published_blob_is_a_file_of_its_commit_even_in_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path());
        drop(cache.lock("e1", &Control::new()).expect("a lock"));
        fs::write(cache.blob("e1"), "text").expect("written");
        for file in ["config.json", "1_Pooling/config.json"] {
            assert_eq!(cache.find("c1", file), None);
            let path = cache.publish("e1", "c1", file).expect("published");
            assert_eq!(fs::read_to_string(&path).expect("read"), "text");
            assert_eq!(cache.find("c1", file), Some(path));
        }
    }

    #[test]
    fn a_link_to_a_deleted_blob_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path());
        drop(cache.lock("e1", &Control::new()).expect("a lock"));
        fs::write(cache.blob("e1"), "old").expect("written");
        cache.publish("e1", "c1", "a").expect("published");
        fs::remove_file(cache.blob("e1")).expect("removed");
        assert_eq!(cache.find("c1", "a"), None);
        fs::write(cache.blob("e2"), "new").expect("written");
        let path = cache.publish("e2", "c1", "a").expect("published");
        assert_eq!(fs::read_to_string(path).expect("read"), "new");
    }

    #[test]
    fn waiting_for_another_process_can_be_cancelled() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path());
        let control = Control::new();
        let held = cache.lock("e1", &control).expect("a lock");
        control.cancel();
        let error = cache.lock("e1", &control).expect_err("held");
        assert_eq!(error.code(), crate::ErrorCode::Cancelled);
        drop(held);
        assert!(cache.lock("e1", &control).is_ok());
    }

    #[test]
    fn references_are_remembered_and_hostile_ones_ignored() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path());
        assert_eq!(cache.commit_of("refs/pr/1"), None);
        cache.remember_commit("refs/pr/1", "abc");
        assert_eq!(cache.commit_of("refs/pr/1").as_deref(), Some("abc"));
        fs::write(cache.folder.join("refs/main"), "../../elsewhere").expect("written");
        assert_eq!(cache.commit_of("main"), None);
    }

    #[test]
    fn names_from_a_server_cannot_leave_the_folder() {
        for bad in ["", "..", ".hidden", "a/b", "a\\b", "a b", &"a".repeat(129)] {
            assert!(!is_safe_name(bad), "{bad}");
        }
        assert!(is_safe_name("0123abcdef-2"));
    }
}
