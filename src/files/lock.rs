//! Locks for one writer at a time. The system releases them when the process that holds them ends, for whatever reason.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::place::{check_named, check_replaceable, is_at};
use crate::error::{Error, ErrorCode, Result, shown_up_to};

/// The lock file in a folder. It names the holder, and exists only while the lock is held.
const LOCK: &str = ".eidos.lock";

/// How often locking is tried again, when other processes take and release the lock at the same moment.
const TRIES: usize = 1000;

/// The longest content of a lock file: a process id and a host name.
const LARGEST_NOTE: u64 = 300;

/// The exclusive right to write into a folder, until it is dropped. It excludes other threads and other processes.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    /// `None` where nobody can write, so that there is nothing to protect, and on file systems without locks.
    file: Option<File>,
}

impl FolderLock {
    /// Locks a folder, which is created where it is missing.
    ///
    /// # Errors
    /// [`ErrorCode::Busy`] at once, naming the holder; [`ErrorCode::Io`] when the folder cannot be created;
    /// [`ErrorCode::InvalidArgument`] for an empty path.
    pub fn take(folder: &Path) -> Result<Self> {
        check_named(folder, "folder")?;
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create the folder", &error))?;
        let path = folder.join(LOCK);
        check_replaceable(&path)?;
        for _ in 0..TRIES {
            let Some(mut file) = open(&path).map_err(|error| Error::io(&path, "lock", &error))? else { break };
            match file.try_lock() {
                // The previous holder removed the file after we opened it and before we locked it.
                Ok(()) if !is_at(&file, &path) => {}
                Ok(()) => {
                    // The note is only for the error of the next process; a lock works on a full disk as well.
                    note(&mut file).ok();
                    return Ok(Self { path, file: Some(file) });
                }
                Err(TryLockError::WouldBlock) => return Err(busy(folder, file)),
                Err(TryLockError::Error(_)) => break,
            }
        }
        Ok(Self { path, file: None })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Only where another process can detect that the file which it opened was removed.
        if cfg!(unix) && self.file.as_ref().is_some_and(|file| is_at(file, &self.path)) {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Opens the lock file, and creates it where it is missing; `None` where it can be neither created nor read.
fn open(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path) {
        // The file may belong to another user, who holds the lock.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            Ok(File::open(path).ok())
        }
        opened => opened.map(Some),
    }
}

/// Writes the holder into the lock file: `<process> <host>`.
fn note(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(format!("{} {}", std::process::id(), machine()).as_bytes())
}

/// The host name; empty where the system does not give it. A folder may be on a disk that several machines share.
fn machine() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

fn busy(folder: &Path, file: File) -> Error {
    let mut note = String::new();
    // Some systems do not let others read a locked file.
    file.take(LARGEST_NOTE).read_to_string(&mut note).ok();
    let (process, on) = note.split_once(' ').unwrap_or((note.as_str(), ""));
    let holder = match process.parse::<u32>() {
        Ok(process) if process == std::process::id() && on == machine() => "another call of this process".to_owned(),
        Ok(process) if on.is_empty() => format!("process {process}"),
        Ok(process) => format!("process {process} on `{}`", shown_up_to(100, on)),
        Err(_) => "another call".to_owned(),
    };
    let folder = folder.display();
    let error = Error::new(ErrorCode::Busy, format!("{holder} is writing into `{folder}`"))
        .hint("wait until it has finished, or choose another folder")
        .detail("path", folder);
    if process.parse::<u32>().is_ok() { error.detail("process", process) } else { error }
}
