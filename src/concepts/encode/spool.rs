//! Arrays whose length is known only at their end: they are written to a file without a name, and read again from its beginning.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How many bytes are read at a time, a multiple of every number's size.
const CHUNK: usize = 1 << 18;

/// A file without a name, which the system removes when it is closed, whatever happens.
pub(super) struct Spool {
    file: BufWriter<File>,
    length: u64,
}

impl Spool {
    /// Makes one in the folder of `path`: on the disk that the result goes to, not on one of temporary files, which may be memory.
    pub(super) fn beside(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { file: BufWriter::with_capacity(CHUNK, tempfile::tempfile_in(folder)?), length: 0 })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Reads all of it, in pieces of whole numbers.
    pub(super) fn read(&mut self, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.file.flush()?;
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(0))?;
        let mut left = self.length;
        let mut buffer = vec![0; CHUNK];
        while left > 0 {
            let piece = &mut buffer[..usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
            file.read_exact(piece)?;
            each(piece)?;
            left -= piece.len() as u64;
        }
        Ok(())
    }
}
