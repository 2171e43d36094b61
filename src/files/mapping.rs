//! Files whose bytes are in memory only while they are used.

use std::fs::File;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use memmap2::Mmap;

use super::read::{Access, map_open, open_file};
use crate::error::{Error, ErrorCode, Result};

/// The bytes of a file, mapped or copied into memory. Pages of a mapped file that are no longer needed can be let go.
#[derive(Debug)]
pub struct FileBytes {
    bytes: Mmap,
    /// The file, unless the bytes are a copy of it.
    file: Option<Arc<KeptFile>>,
}

/// A file that stays open, as it was when it was opened.
#[derive(Debug)]
struct KeptFile {
    file: File,
    path: PathBuf,
    state: State,
}

/// What tells that a file was written to: its size, and when it was changed last where the system says so.
#[derive(Debug, PartialEq, Eq)]
struct State {
    size: u64,
    modified: Option<SystemTime>,
}

impl State {
    fn of(file: &File, path: &Path) -> Result<Self> {
        let metadata = file.metadata().map_err(|error| Error::io(path, "read", &error))?;
        Ok(Self { size: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl FileBytes {
    /// Maps or copies the bytes of a file.
    ///
    /// # Errors
    /// Those of [`super::map`].
    pub fn open(path: &Path, access: Access) -> Result<Self> {
        let (file, size) = open_file(path)?;
        let bytes = map_open(&file, size, path, access)?;
        let file = match access {
            Access::Copied => None,
            Access::Mapped => {
                let state = State::of(&file, path)?;
                Some(Arc::new(KeptFile { file, path: path.to_owned(), state }))
            }
        };
        Ok(Self { bytes, file })
    }

    /// Lets go of the pages of some of its bytes, which do not count as memory of the process then. They stay readable: the
    /// system maps a page again when it is used.
    pub fn release(&self, part: &[u8]) {
        let first = part.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr());
        let Some(first) = first.filter(|first| first.saturating_add(part.len()) <= self.bytes.len()) else { return };
        // The pages of a copy are the only ones that have its bytes.
        if self.file.is_none() || part.is_empty() {
            return;
        }
        #[cfg(unix)]
        // SAFETY: the range was checked to lie in the mapping, which `map_file` made shared, read-only and of a file. So a page
        // that is let go has no bytes that the file does not have, and the next access, through any reference, reads the same
        // ones again. It is advice: where the system does not follow it, nothing changes.
        #[allow(unsafe_code)]
        let _ = unsafe { self.bytes.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, first, part.len()) };
    }

    /// Some of its bytes, to be read from the file whenever they are used; nothing where the bytes are a copy, or where there
    /// are none there.
    pub fn part(&self, range: Range<usize>) -> Option<FilePart> {
        let file = self.file.as_ref().filter(|_| CAN_READ_AT && range.end <= self.bytes.len())?;
        Some(FilePart { file: Arc::clone(file), first: range.start, length: range.end.checked_sub(range.start)? })
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A part of a file that stays open, and none of whose bytes are in memory.
#[derive(Debug, Clone)]
pub struct FilePart {
    file: Arc<KeptFile>,
    first: usize,
    length: usize,
}

impl FilePart {
    /// Checks that nobody has written to the file since it was opened.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] with the path; [`ErrorCode::Io`] where the system does not say.
    pub fn check(&self) -> Result<()> {
        let KeptFile { file, path, state } = &*self.file;
        if State::of(file, path)? == *state {
            return Ok(());
        }
        let path = path.display();
        Err(Error::new(ErrorCode::InvalidFile, format!("`{path}` was changed after it was opened"))
            .hint("load the model again; where files of weights change, replace them by renaming, or load with `copy`")
            .detail("path", path))
    }

    /// Fills a buffer with the bytes from `offset` of the part on.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] where the part has no such bytes; [`ErrorCode::Io`] with the path.
    pub fn read(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        if offset.checked_add(buffer.len()).is_none_or(|end| end > self.length) {
            return Err(Error::internal("bytes were asked for that a part of a file does not have"));
        }
        let at = (self.first + offset) as u64;
        read_at(&self.file.file, buffer, at).map_err(|error| Error::io(&self.file.path, "read", &error))
    }
}

/// Whether several threads can read a file at places of their own.
const CAN_READ_AT: bool = cfg!(any(unix, windows));

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    use std::io::ErrorKind;
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(not(any(unix, windows)))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn file_of(count: usize) -> (tempfile::NamedTempFile, Vec<u8>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..count).map(|index| (index / 1000 + index) as u8).collect();
        file.as_file().write_all(&bytes).unwrap();
        (file, bytes)
    }

    #[test]
    fn bytes_that_were_let_go_are_there_again_when_they_are_read() {
        let (file, bytes) = file_of(300_000);
        for access in [Access::Mapped, Access::Copied] {
            let found = FileBytes::open(file.path(), access).unwrap();
            assert!(*found == *bytes);
            for range in [0..300_000, 5..6, 4096..8192, 299_999..300_000, 7..7] {
                found.release(&found[range]);
                assert!(*found == *bytes);
            }
            found.release(&bytes);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn pages_that_were_let_go_are_not_memory_of_the_process() {
        let (file, _) = file_of(32 << 20);
        let found = FileBytes::open(file.path(), Access::Mapped).unwrap();
        let name = file.path().display().to_string();
        let resident = || {
            let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            let mut lines = maps.lines().skip_while(|line| !line.contains(&name));
            let line = lines.find(|line| line.starts_with("Rss:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() >> 10
        };
        let sum = || found.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let before = sum();
        assert_eq!(resident(), 32);
        found.release(&found[8 << 20..]);
        assert_eq!(resident(), 8);
        found.release(&found);
        assert_eq!((resident(), sum()), (0, before));
    }

    #[test]
    fn a_part_is_read_from_the_file_until_that_is_written_to() {
        let (file, bytes) = file_of(10_000);
        let found = FileBytes::open(file.path(), Access::Mapped).unwrap();
        let part = found.part(100..9_000).unwrap();
        assert!(found.part(100..10_001).is_none());
        drop(found);
        let mut read = vec![0; 500];
        part.read(8_400, &mut read).unwrap();
        assert_eq!(read, bytes[8_500..9_000]);
        assert_eq!(part.read(8_401, &mut read).unwrap_err().code(), ErrorCode::Internal);
        part.check().unwrap();
        // The clock of the file may not have moved since; its size says it in any case.
        let mut handle = file.as_file();
        handle.rewind().unwrap();
        handle.write_all(&[1; 10_001]).unwrap();
        let error = part.check().unwrap_err();
        assert!(error.code() == ErrorCode::InvalidFile && error.message().contains("was changed"), "{error}");
        file.as_file().set_len(50).unwrap();
        assert_eq!(part.read(0, &mut read).unwrap_err().code(), ErrorCode::Io);
    }

    #[test]
    fn a_copy_has_no_parts_in_the_file() {
        let (file, _) = file_of(100);
        assert!(FileBytes::open(file.path(), Access::Copied).unwrap().part(0..10).is_none());
    }
}
