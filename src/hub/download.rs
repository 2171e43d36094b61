//! Downloads a file of the hub into a blob of the cache. What has arrived of an interrupted download is kept, and the
//! next call resumes it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::cache::Cache;
use super::client::{Client, RemoteBytes, RemoteFile, broken};
use super::refusal::{Target, several_tries};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::files::check_replaceable;
use crate::log::LogLevel;
use crate::retry::Failure;

/// Bytes that are read between two checks for a cancel.
const CHUNK: usize = 256 << 10;

/// The number of repetitions starts again after this many new bytes.
const GOOD_RUN: u64 = 16 << 20;

/// Fetches a file into the cache, unless it is there, and gives its path. Progress is counted in bytes; those of a
/// partial blob that is there already count at once.
///
/// # Errors
/// [`crate::ErrorCode::Network`] when the connection breaks four times, [`crate::ErrorCode::Io`] when the cache cannot
/// be written, [`crate::ErrorCode::Cancelled`]; in all cases what has arrived is kept.
/// [`crate::ErrorCode::AccessDenied`] and the other answers of a hub.
pub(super) fn download(
    client: &Client<'_>,
    cache: &Cache,
    target: &Target<'_>,
    remote: &RemoteFile,
    control: &Control,
) -> Result<PathBuf> {
    let lock = cache.lock(&remote.etag, control)?;
    let blob = cache.blob(&remote.etag);
    if !blob.is_file() {
        let partial = cache.partial_blob(&remote.etag, &lock);
        [&partial, &blob].into_iter().try_for_each(|path| check_replaceable(path))?;
        let begun = fs::metadata(&partial).map_or(0, |file| file.len());
        control.log(LogLevel::Info, c"hub", || {
            let (id, file, revision) = (target.id.as_str(), target.file, target.revision);
            let size = remote.size.map_or_else(|| "unknown size".to_owned(), |size| format!("{size} bytes"));
            format!("downloading {file} of {id} at {revision}: {size}, of which {begun} are there")
        });
        let mut unfinished = PartialDownload { client, target, remote, control, path: &partial, counted: 0 };
        unfinished.complete()?;
        fs::rename(&partial, &blob).map_err(|error| Error::io(&blob, "create", &error))?;
    }
    cache.publish(&remote.etag, target.revision, target.file)
}

/// A download that is not finished.
struct PartialDownload<'a> {
    client: &'a Client<'a>,
    target: &'a Target<'a>,
    remote: &'a RemoteFile,
    control: &'a Control,
    path: &'a Path,
    /// Bytes that the control knows of; a repetition does not count them again.
    counted: u64,
}

impl PartialDownload<'_> {
    /// Goes on until all bytes are on the disk and are the right ones.
    fn complete(&mut self) -> Result<()> {
        let mut backoff = several_tries();
        loop {
            let before = self.size_on_disk();
            let failure = match self.grow() {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            if self.size_on_disk() >= before.saturating_add(GOOD_RUN) {
                backoff = several_tries();
            }
            backoff.wait(failure, self.control)?;
        }
    }

    fn size_on_disk(&self) -> u64 {
        fs::metadata(self.path).map_or(0, |metadata| metadata.len())
    }

    /// One connection's worth of bytes; an error unless it was the last.
    fn grow(&mut self) -> Result<(), Failure> {
        let file = OpenOptions::new().create(true).append(true).open(self.path);
        let mut file = file.map_err(|error| self.io("create", &error))?;
        let mut position = file.metadata().map_err(|error| self.io("read", &error))?.len();
        if self.remote.size.is_some_and(|size| position > size) {
            position = self.restart(&file)?;
        }
        if self.remote.size != Some(position) {
            let mut bytes = self.client.open(self.target, position)?;
            if bytes.start < position {
                position = self.restart(&file)?;
            }
            let size = self.agreed_size(&bytes)?;
            self.receive(&mut bytes, &mut file, position, size)?;
        }
        file.sync_all().map_err(|error| self.io("write", &error))?;
        self.verify()
    }

    fn restart(&self, file: &File) -> Result<u64, Failure> {
        file.set_len(0).map_err(|error| self.io("write", &error))?;
        Ok(0)
    }

    /// The size that the hub and the sender of the bytes agree on.
    fn agreed_size(&self, bytes: &RemoteBytes) -> Result<u64, Failure> {
        match (self.remote.size, bytes.total) {
            (Some(size), Some(total)) if size != total => {
                let reason = format!("the hub says that it has {size} bytes, but {total} are offered");
                Err(Failure::Final(broken(&bytes.host, self.target, &reason)))
            }
            (Some(size), _) | (None, Some(size)) => Ok(size),
            (None, None) => Err(Failure::Final(broken(&bytes.host, self.target, "nobody says how many bytes it has"))),
        }
    }

    fn receive(&mut self, bytes: &mut RemoteBytes, file: &mut File, start: u64, size: u64) -> Result<(), Failure> {
        let mut position = start;
        self.count(position)?;
        let mut chunk = vec![0; CHUNK];
        while position < size {
            let room = usize::try_from(size - position).map_or(CHUNK, |rest| rest.min(CHUNK));
            let read = match bytes.reader.read(&mut chunk[..room]) {
                Ok(0) => Err("the connection ended".to_owned()),
                Ok(read) => Ok(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error.to_string()),
            };
            let read = read.map_err(|reason| {
                let reason = format!("{reason} after {position} of {size} bytes");
                Failure::transient(broken(&bytes.host, self.target, &reason))
            })?;
            file.write_all(&chunk[..read]).map_err(|error| self.io("write", &error))?;
            position += read as u64;
            self.count(position)?;
        }
        Ok(())
    }

    /// Tells the control about the bytes that it does not know of; an error when the caller cancelled.
    fn count(&mut self, position: u64) -> Result<(), Failure> {
        let new = position.saturating_sub(self.counted);
        self.counted += new;
        Ok(self.control.advance(new)?)
    }

    /// Compares the content with its SHA-256, where the hub names it. Bytes can go wrong on the way to a disk too, and
    /// a partial file may be another program's.
    fn verify(&self) -> Result<(), Failure> {
        if !self.remote.is_sha256 {
            return Ok(());
        }
        let mut file = File::open(self.path).map_err(|error| self.io("read", &error))?;
        let mut context = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            self.control.check()?;
            match file.read(&mut chunk).map_err(|error| self.io("read", &error))? {
                0 => break,
                read => context.update(&chunk[..read]),
            }
        }
        if format!("{:x}", context.finalize()).eq_ignore_ascii_case(&self.remote.etag) {
            return Ok(());
        }
        // More bytes would not make it right.
        fs::remove_file(self.path).map_err(|error| self.io("remove", &error))?;
        Err(Failure::transient(broken(
            "the hub",
            self.target,
            "what arrived does not have the SHA-256 that the hub names",
        )))
    }

    fn io(&self, doing: &str, error: &std::io::Error) -> Failure {
        Failure::Final(Error::io(self.path, doing, error))
    }
}
