//! Archives of files that are not compressed, written from their beginning to their end: what an `.npz` is.
//!
//! The format is that of PKWARE's APPNOTE 6.3; a length, an offset or a count that is too large for its field has its place in the
//! fields of ZIP64.

use std::io::{self, Write};

use flate2::Crc;

/// From this length or offset on, a field of 32 bits says that a wider one is elsewhere.
const LARGE: u64 = u32::MAX as u64;
/// The version of the format that a reader must know, without and with ZIP64.
const VERSIONS: [u16; 2] = [20, 45];
/// The first of January 1980, the first day that there is: the same input gives the same bytes.
const DATE: u16 = 0x21;

/// An archive that is being written.
pub(super) struct Archive<'a> {
    out: &'a mut dyn Write,
    written: u64,
    entries: Vec<Entry>,
    /// From which length on fields are wide.
    large: u64,
}

/// A file of the archive.
struct Entry {
    name: String,
    checksum: u32,
    length: u64,
    offset: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, written: 0, entries: Vec::new(), large: LARGE }
    }

    /// Writes a file of these pieces.
    pub(super) fn entry(&mut self, name: &str, pieces: &[&[u8]]) -> io::Result<()> {
        self.streamed(name, |each| pieces.iter().try_for_each(|piece| each(piece)))
    }

    /// Writes a file of what `pieces` passes on, twice the same: its checksum stands before it.
    pub(super) fn streamed(
        &mut self,
        name: &str,
        mut pieces: impl FnMut(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut checksum, mut length) = (Crc::new(), 0_u64);
        pieces(&mut |piece| {
            checksum.update(piece);
            length += piece.len() as u64;
            Ok(())
        })?;
        let entry = Entry { name: name.to_owned(), checksum: checksum.sum(), length, offset: self.written };
        let is_large = length >= self.large;
        let mut header = b"PK\x03\x04".to_vec();
        header.extend(VERSIONS[usize::from(is_large)].to_le_bytes());
        entry.common(is_large, &mut header);
        let extra = if is_large { wide(&[length, length]) } else { Vec::new() };
        header.extend((name.len() as u16).to_le_bytes());
        header.extend((extra.len() as u16).to_le_bytes());
        header.extend(name.as_bytes());
        header.extend(extra);
        self.write(&header)?;
        self.entries.push(entry);
        pieces(&mut |piece| self.write(piece))
    }

    /// Writes the directory.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let begin = self.written;
        for entry in std::mem::take(&mut self.entries) {
            let (long, far) = (entry.length >= self.large, entry.offset >= self.large);
            let mut numbers = if long { vec![entry.length; 2] } else { Vec::new() };
            numbers.extend(far.then_some(entry.offset));
            let extra = if numbers.is_empty() { Vec::new() } else { wide(&numbers) };
            let mut header = b"PK\x01\x02".to_vec();
            // By whom, and for whom it is.
            let version = VERSIONS[usize::from(long || far)].to_le_bytes();
            header.extend(version);
            header.extend(version);
            entry.common(long, &mut header);
            header.extend((entry.name.len() as u16).to_le_bytes());
            header.extend((extra.len() as u16).to_le_bytes());
            // No comment, the first disk, no attributes.
            header.extend([0; 10]);
            header.extend((if far { u32::MAX } else { entry.offset as u32 }).to_le_bytes());
            header.extend(entry.name.as_bytes());
            header.extend(extra);
            self.write(&header)?;
            self.entries.push(entry);
        }
        let (count, length) = (self.entries.len() as u16, self.written - begin);
        let is_large = begin >= self.large || length >= self.large;
        if is_large {
            let end = self.written;
            let version = VERSIONS[1].to_le_bytes();
            let mut record = b"PK\x06\x06".to_vec();
            // How long the rest of it is.
            record.extend(44_u64.to_le_bytes());
            record.extend(version);
            record.extend(version);
            record.extend([0; 8]);
            [u64::from(count), u64::from(count), length, begin]
                .iter()
                .for_each(|number| record.extend(number.to_le_bytes()));
            record.extend(b"PK\x06\x07\0\0\0\0");
            record.extend(end.to_le_bytes());
            record.extend(1_u32.to_le_bytes());
            self.write(&record)?;
        }
        let narrow = |number: u64| if is_large { u32::MAX } else { number as u32 };
        let mut record = b"PK\x05\x06\0\0\0\0".to_vec();
        record.extend(count.to_le_bytes());
        record.extend(count.to_le_bytes());
        record.extend(narrow(length).to_le_bytes());
        record.extend(narrow(begin).to_le_bytes());
        record.extend([0; 2]);
        self.write(&record)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

impl Entry {
    /// What both headers say: no flags, not compressed, when, the checksum, the packed and the unpacked length.
    fn common(&self, is_large: bool, header: &mut Vec<u8>) {
        header.extend([0; 6]);
        header.extend(DATE.to_le_bytes());
        header.extend(self.checksum.to_le_bytes());
        let length = if is_large { u32::MAX } else { self.length as u32 };
        header.extend(length.to_le_bytes());
        header.extend(length.to_le_bytes());
    }
}

/// The field of ZIP64 with these numbers.
fn wide(numbers: &[u64]) -> Vec<u8> {
    let mut field = 1_u16.to_le_bytes().to_vec();
    field.extend((numbers.len() as u16 * 8).to_le_bytes());
    numbers.iter().for_each(|number| field.extend(number.to_le_bytes()));
    field
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn another_reader_finds_the_files_with_narrow_and_with_wide_fields() {
        // 20 makes the second file long, and all behind the first one far.
        for large in [LARGE, 20, 0] {
            let mut bytes = Vec::new();
            let mut archive = Archive { large, ..Archive::new(&mut bytes) };
            archive.entry("short", &[b"film"]).unwrap();
            archive.entry("long", &[b"a quiet film ", b"about war"]).unwrap();
            archive.finish().unwrap();
            let mut found = ::zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
            assert_eq!(found.len(), 2);
            for (name, content) in [("short", "film"), ("long", "a quiet film about war")] {
                let mut text = String::new();
                found.by_name(name).unwrap().read_to_string(&mut text).unwrap();
                assert_eq!(text, content, "{large}");
            }
            assert_eq!(bytes.windows(4).filter(|bytes| bytes == b"PK\x06\x06").count(), usize::from(large < LARGE));
        }
    }
}
