//! One writer at a time: locks that the system releases when the process that holds them ends, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::place::{check_named, check_replaceable, is_at};
use crate::error::{Error, ErrorCode, Result, shown_up_to};

/// The file in a folder that the lock is on. It says who holds it, and is there no longer than that.
const LOCK: &str = ".eidos.lock";

/// How often a lock is tried that others take and give back at the same moment.
const TRIES: usize = 1000;

/// A number of a process and the name of a machine.
const LARGEST_NOTE: u64 = 300;

/// The right to write into a folder, until it is dropped. It holds against other threads as against other processes.
#[derive(Debug)]
pub struct FolderLock {
    path: PathBuf,
    /// `None` where nobody can write, so that there is nothing to guard, and on a file system without locks.
    file: Option<File>,
}

impl FolderLock {
    /// Takes a folder, which is made where it is missing.
    ///
    /// # Errors
    /// [`ErrorCode::Busy`] at once, saying who holds it; [`ErrorCode::Io`] when the folder cannot be made;
    /// [`ErrorCode::InvalidArgument`] for an empty path.
    pub fn take(folder: &Path) -> Result<Self> {
        check_named(folder, "folder")?;
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create the folder", &error))?;
        let path = folder.join(LOCK);
        check_replaceable(&path)?;
        for _ in 0..TRIES {
            let Some(mut file) = open(&path).map_err(|error| Error::io(&path, "lock", &error))? else { break };
            match file.try_lock() {
                // The one who held it has removed it between our opening and our locking.
                Ok(()) if !is_at(&file, &path) => {}
                Ok(()) => {
                    // Only for the error of the next one: a disk without room for it can be locked all the same.
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
        // Only where another one can tell that the file it has opened is not there any more.
        if cfg!(unix) && self.file.as_ref().is_some_and(|file| is_at(file, &self.path)) {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// The file of a lock, made where it is missing; `None` where it can be neither made nor read.
fn open(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path) {
        // It may be that of another user, who holds it.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            Ok(File::open(path).ok())
        }
        opened => opened.map(Some),
    }
}

/// Writes down who holds a lock: `<process> <machine>`.
fn note(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(format!("{} {}", std::process::id(), machine()).as_bytes())
}

/// The name of this machine; empty where the system does not say. A folder may be on a disk of several machines.
fn machine() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

fn busy(folder: &Path, file: File) -> Error {
    let mut note = String::new();
    // Some systems do not let others read what is locked.
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
