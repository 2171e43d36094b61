//! The archive that a `pytorch_model.bin` or an `.npz` is: a zip file of entries, those of PyTorch not compressed.
//!
//! What `torch.save` and `numpy.savez` write is read, and no more of the format: one directory, at the end of the file, with
//! nothing behind it. Two entries share no byte, and an entry has the same name in the directory and where it lies: where one
//! place is wrong, the values of another storage would be read as those of this one. The zip crate is not used. It
//! takes memory for as many entries as a file claims to have, which ends the process where a file claims a billion, and
//! looks through a whole damaged file for other directories.

use std::collections::HashMap;

use super::directory::Problem;
use crate::error::shown;

/// What to do about a file of PyTorch that is not read.
pub(super) const CONVERT: &str =
    "convert it in Python, `AutoModel.from_pretrained(id).save_pretrained(folder)`, and give the folder";

/// What is said of an archive that PyTorch did not write.
const PACKED: &str = "is a compressed or encrypted archive, which PyTorch does not write";

/// The number of the method that zip files are compressed by.
const DEFLATE: usize = 8;

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
    /// `pytorch_model/`: the one folder, named after the file that was saved; empty for files without one.
    folder: String,
}

/// What the directory says of an entry.
struct Line {
    /// Where the entry begins in the file.
    start: usize,
    /// Where what follows it begins: another entry, or the directory.
    next: usize,
    size: usize,
    /// How the bytes are made of the file that was put in; nothing where that is not undone here.
    packing: Option<Packing>,
}

/// How the bytes of an entry are made of the file that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// They are that file.
    Stored,
    /// They are compressed by deflate.
    Deflated,
}

/// An entry: its bytes as they are there, and where they begin in the file.
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
        let archive = Self::of_files(bytes, "PyTorch")?;
        let mut folders = archive.entries.keys().filter_map(|name| {
            let folder = std::str::from_utf8(name.strip_suffix(b"data.pkl")?).ok()?;
            (folder.find('/') == folder.len().checked_sub(1)).then_some(folder)
        });
        let folder = folders.next().ok_or_else(|| "is an archive without a checkpoint in it".to_owned())?;
        if folders.next().is_some() {
            return Err("is an archive with several checkpoints in it".to_owned().into());
        }
        Ok(Self { folder: folder.to_owned(), ..archive })
    }

    /// Reads the directory of an archive without a folder of its own. `writer` is who writes such archives, for messages.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn of_files(bytes: &'a [u8], writer: &str) -> Result<Self, Problem> {
        let Directory { lines, start } =
            directory(bytes).ok_or_else(|| format!("is not a whole archive of {writer}"))?;
        Ok(Self { bytes, entries: entries(lines, start)?, folder: String::new() })
    }

    /// The names of the entries that are UTF-8, in no order.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.entries.keys().filter_map(|name| std::str::from_utf8(name).ok())
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
        match self.packed(name)? {
            None => Ok(None),
            Some((Packing::Stored, entry)) => Ok(Some(entry)),
            Some((Packing::Deflated, _)) => Err(Problem::NotRead(PACKED, CONVERT)),
        }
    }

    /// The entry of that name in the folder with how it is packed, if there is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn packed(&self, name: &str) -> Result<Option<(Packing, Plain<'a>)>, Problem> {
        let Some(line) = self.line(name) else { return Ok(None) };
        let packing = line.packing.ok_or(Problem::NotRead(PACKED, CONVERT))?;
        let name = self.full(name);
        let damaged = |what: &str| format!("is a damaged archive: its entry `{}` {what}", shown(&name));
        let there = named(self.bytes, line.start).ok_or_else(|| damaged("does not lie in it"))?;
        if there != name.as_bytes() {
            let there = String::from_utf8_lossy(there);
            return Err(damaged(&format!("lies where `{}` does", shown(&there))).into());
        }
        let plain = plain(self.bytes, line).ok_or_else(|| damaged("does not lie in it"))?;
        if plain.start + plain.bytes.len() > line.next {
            return Err(damaged("reaches into what follows it").into());
        }
        Ok(Some((packing, plain)))
    }

    fn line(&self, name: &str) -> Option<&Line> {
        self.entries.get(self.full(name).as_bytes())
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }
}

/// The bytes of an entry. Its own header has extra fields of another length than the directory's.
fn plain<'a>(bytes: &'a [u8], line: &Line) -> Option<Plain<'a>> {
    let header = record(bytes, line.start, ENTRY_SIZE, ENTRY)?;
    let start = line.start.checked_add(ENTRY_SIZE + number(header, 26, 2)? + number(header, 28, 2)?)?;
    Some(Plain { bytes: bytes.get(start..start.checked_add(line.size)?)?, start })
}

/// The name that an entry has where it lies.
fn named(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let header = record(bytes, start, ENTRY_SIZE, ENTRY)?;
    let start = start.checked_add(ENTRY_SIZE)?;
    bytes.get(start..start.checked_add(number(header, 26, 2)?)?)
}

/// The lines of the directory by the names of their entries, each of which is there once, at a place of its own.
fn entries(mut lines: Vec<(&[u8], Line)>, directory: usize) -> Result<HashMap<&[u8], Line>, String> {
    let damaged = |name: &[u8], what: &str| {
        format!("is a damaged archive: its entry `{}` {what}", shown(&String::from_utf8_lossy(name)))
    };
    lines.sort_by_key(|(_, line)| line.start);
    let mut next = directory;
    for (name, line) in lines.iter_mut().rev() {
        if line.start >= next {
            return Err(damaged(name, "begins where another one or the directory does"));
        }
        line.next = next;
        next = line.start;
    }
    let mut entries = HashMap::new();
    for (name, line) in lines {
        if entries.insert(name, line).is_some() {
            return Err(damaged(name, "is there twice"));
        }
    }
    Ok(entries)
}

/// The directory as it is written.
struct Directory<'a> {
    /// Names of entries, and what is said of each.
    lines: Vec<(&'a [u8], Line)>,
    /// Where it begins in the file.
    start: usize,
}

/// Reads the directory; nothing where it is not whole.
fn directory(bytes: &[u8]) -> Option<Directory<'_>> {
    let (count, start, mut rest) = lines(bytes)?;
    // Not reserved: the number is the file's word, and each line that is there has taken bytes.
    let mut lines = Vec::new();
    for _ in 0..count {
        let header = record(rest, 0, LINE_SIZE, LINE)?;
        let name_end = LINE_SIZE + number(header, 28, 2)?;
        let extra_end = name_end + number(header, 30, 2)?;
        let line = line(header, rest.get(name_end..extra_end)?)?;
        lines.push((rest.get(LINE_SIZE..name_end)?, line));
        rest = rest.get(extra_end + number(header, 32, 2)?..)?;
    }
    Some(Directory { lines, start })
}

fn line(header: &[u8], extra: &[u8]) -> Option<Line> {
    let (flags, method) = (number(header, 8, 2)?, number(header, 10, 2)?);
    // The larger numbers come in this order, only those that are needed.
    let mut large = large_numbers(extra);
    let mut either = |value: usize| if value == TOO_LARGE { large.next() } else { Some(value) };
    let whole = either(number(header, 24, 4)?)?;
    let size = either(number(header, 20, 4)?)?;
    let start = either(number(header, 42, 4)?)?;
    let packing = match method {
        0 if size == whole => Some(Packing::Stored),
        DEFLATE => Some(Packing::Deflated),
        _ => None,
    };
    Some(Line { start, next: start, size, packing: packing.filter(|_| flags & 1 == 0) })
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

/// How many lines the directory has, where it begins, and its bytes.
fn lines(bytes: &[u8]) -> Option<(usize, usize, &[u8])> {
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
    Some((count, start, bytes.get(start..start.checked_add(size)?)?))
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
