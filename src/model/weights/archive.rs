//! The archive that a `pytorch_model.bin` is: a zip file of entries that are not compressed.
//!
//! What `torch.save` writes is read, and no more of the format: one directory, at the end of the file, with nothing behind it.
//! The zip crate is not used. It takes memory for as many entries as a file claims to have, which ends the process where a
//! file claims a billion, and looks through a whole damaged file for other directories.

use std::collections::HashMap;

use super::Problem;
use super::torch::CONVERT;

/// What an archive begins with, and each of its entries.
pub(super) const ENTRY: &[u8] = b"PK\x03\x04";
/// What a line of the directory begins with.
const LINE: &[u8] = b"PK\x01\x02";
/// What the record at the end of the file begins with, which says where the directory is.
const END: &[u8] = b"PK\x05\x06";
/// What the record for large archives begins with, and the one that says where that is, before the other end.
const LARGE_END: &[u8] = b"PK\x06\x06";
const LARGE_END_PLACE: &[u8] = b"PK\x06\x07";

/// The sizes of these records, without names and what else is of any length.
const ENTRY_SIZE: usize = 30;
const LINE_SIZE: usize = 46;
const END_SIZE: usize = 22;
const LARGE_END_PLACE_SIZE: usize = 20;
const LARGE_END_SIZE: usize = 56;

/// The kind of extra field that holds the numbers that are too large for their place in a line.
const LARGE_NUMBERS: usize = 1;
/// What stands in their place.
const TOO_LARGE: usize = u32::MAX as usize;

/// An archive whose directory has been read.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    entries: HashMap<&'a [u8], Line>,
    /// `pytorch_model/`: the one folder, named after the file that was saved.
    folder: String,
}

/// What the directory says of an entry.
struct Line {
    /// Where the entry begins in the file.
    start: usize,
    size: usize,
    /// Whether its bytes are the file that was put in, neither compressed nor encrypted.
    plain: bool,
}

/// An entry that is not compressed: its bytes, and where they begin in the file.
pub(super) struct Plain<'a> {
    pub bytes: &'a [u8],
    pub start: usize,
}

impl<'a> Archive<'a> {
    /// Reads the directory. It takes memory in proportion to the bytes that it has in the file.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Problem> {
        let entries = directory(bytes).ok_or_else(|| "is not a whole archive of PyTorch".to_owned())?;
        let folder = entries.keys().find_map(|name| {
            let folder = std::str::from_utf8(name.strip_suffix(b"data.pkl")?).ok()?;
            (folder.find('/') == folder.len().checked_sub(1)).then(|| folder.to_owned())
        });
        let folder = folder.ok_or_else(|| "is an archive without a checkpoint in it".to_owned())?;
        Ok(Self { bytes, entries, folder })
    }

    /// Whether there is an entry of that name in the folder.
    pub fn holds(&self, name: &str) -> bool {
        self.line(name).is_some()
    }

    /// The entry of that name in the folder, if there is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn entry(&self, name: &str) -> Result<Option<Plain<'a>>, Problem> {
        let Some(line) = self.line(name) else { return Ok(None) };
        if !line.plain {
            return Err(Problem::NotRead(
                "is a compressed or encrypted archive, which PyTorch does not write",
                CONVERT,
            ));
        }
        let damaged = || format!("is a damaged archive: its entry `{}{name}` does not lie in it", self.folder);
        Ok(Some(plain(self.bytes, line).ok_or_else(damaged)?))
    }

    fn line(&self, name: &str) -> Option<&Line> {
        self.entries.get(format!("{}{name}", self.folder).as_bytes())
    }
}

/// The bytes of an entry. Its own header has a name and extra fields of other lengths than the directory's.
fn plain<'a>(bytes: &'a [u8], line: &Line) -> Option<Plain<'a>> {
    let header = record(bytes, line.start, ENTRY_SIZE, ENTRY)?;
    let start = line.start.checked_add(ENTRY_SIZE + number(header, 26, 2)? + number(header, 28, 2)?)?;
    Some(Plain { bytes: bytes.get(start..start.checked_add(line.size)?)?, start })
}

/// The lines of the directory by the names of their entries; nothing where it is not whole.
fn directory(bytes: &[u8]) -> Option<HashMap<&[u8], Line>> {
    let (count, mut rest) = lines(bytes)?;
    let mut entries = HashMap::new();
    for _ in 0..count {
        let header = record(rest, 0, LINE_SIZE, LINE)?;
        let name_end = LINE_SIZE + number(header, 28, 2)?;
        let extra_end = name_end + number(header, 30, 2)?;
        let line = line(header, rest.get(name_end..extra_end)?)?;
        entries.insert(rest.get(LINE_SIZE..name_end)?, line);
        rest = rest.get(extra_end + number(header, 32, 2)?..)?;
    }
    Some(entries)
}

fn line(header: &[u8], extra: &[u8]) -> Option<Line> {
    let (flags, method) = (number(header, 8, 2)?, number(header, 10, 2)?);
    // The larger numbers come in this order, only those that are needed.
    let mut large = large_numbers(extra);
    let mut either = |value: usize| if value == TOO_LARGE { large.next() } else { Some(value) };
    let whole = either(number(header, 24, 4)?)?;
    let size = either(number(header, 20, 4)?)?;
    let start = either(number(header, 42, 4)?)?;
    Some(Line { start, size, plain: method == 0 && flags & 1 == 0 && size == whole })
}

/// The numbers of an extra field for large archives, if there is one.
fn large_numbers(mut extra: &[u8]) -> impl Iterator<Item = usize> {
    let mut found: &[u8] = &[];
    while let (Some(kind), Some(size)) = (number(extra, 0, 2), number(extra, 2, 2)) {
        let Some(content) = extra.get(4..4 + size) else { break };
        if kind == LARGE_NUMBERS {
            found = content;
        }
        extra = &extra[4 + size..];
    }
    found.chunks_exact(8).map_while(|bytes| number(bytes, 0, 8))
}

/// How many lines the directory has, and its bytes.
fn lines(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.len().checked_sub(END_SIZE)?;
    let record_at_end = record(bytes, end, END_SIZE, END)?;
    let large = end
        .checked_sub(LARGE_END_PLACE_SIZE)
        .and_then(|place| record(bytes, place, LARGE_END_PLACE_SIZE, LARGE_END_PLACE));
    let (count, size, start) = match large {
        Some(place) => {
            let record = record(bytes, number(place, 8, 8)?, LARGE_END_SIZE, LARGE_END)?;
            (number(record, 32, 8)?, number(record, 40, 8)?, number(record, 48, 8)?)
        }
        None => (number(record_at_end, 10, 2)?, number(record_at_end, 12, 4)?, number(record_at_end, 16, 4)?),
    };
    Some((count, bytes.get(start..start.checked_add(size)?)?))
}

/// The record of that size at a place, if it begins as it should.
fn record<'a>(bytes: &'a [u8], start: usize, size: usize, begins: &[u8]) -> Option<&'a [u8]> {
    bytes.get(start..start.checked_add(size)?).filter(|record| record.starts_with(begins))
}

/// A whole number of up to 8 bytes, the lowest first.
fn number(bytes: &[u8], start: usize, size: usize) -> Option<usize> {
    let mut all = [0; 8];
    all.get_mut(..size)?.copy_from_slice(bytes.get(start..start + size)?);
    usize::try_from(u64::from_le_bytes(all)).ok()
}
