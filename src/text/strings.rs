//! Unique strings in one block of memory.

use std::collections::{HashMap, TryReserveError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;

use super::column::{Column, ColumnWriter};

/// Unique strings in the order of their first occurrence. Each is followed by a NUL byte, so that C can borrow
/// them as they are.
#[derive(Debug, Clone, Default)]
pub struct StringTable {
    storage: Storage,
}

/// Where the strings lie: one block of them, and where each ends in it (its NUL), in bytes.
#[derive(Debug, Clone)]
enum Storage {
    Memory {
        bytes: String,
        ends: Vec<usize>,
    },
    /// In files without a name. What they say is looked at each time: a disk may have lost it.
    Files {
        bytes: Column<u8>,
        ends: Column<usize>,
    },
}

impl Default for Storage {
    fn default() -> Self {
        Self::Memory { bytes: String::new(), ends: Vec::new() }
    }
}

impl PartialEq for StringTable {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for StringTable {}

impl StringTable {
    /// The number of strings.
    pub fn len(&self) -> usize {
        self.parts().1.len()
    }

    /// Whether there are no strings.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The string of an index below [`StringTable::len`]; empty beyond it.
    pub fn get(&self, index: usize) -> &str {
        self.get_with_nul(index).strip_suffix('\0').unwrap_or_default()
    }

    /// The string with the NUL byte that follows it; empty beyond the last one.
    pub fn get_with_nul(&self, index: usize) -> &str {
        let ends = self.parts().1;
        let Some(&end) = ends.get(index) else { return "" };
        let begin = if index == 0 { 0 } else { ends[index - 1] + 1 };
        match &self.storage {
            Storage::Memory { bytes, .. } => &bytes[begin..=end],
            Storage::Files { bytes, .. } => {
                let bytes = bytes.get(begin..=end).unwrap_or_default();
                std::str::from_utf8(bytes).unwrap_or_default()
            }
        }
    }

    /// The strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// All strings with their NUL bytes as one block, and where each string ends in it.
    pub(crate) fn parts(&self) -> (&[u8], &[usize]) {
        match &self.storage {
            Storage::Memory { bytes, ends } => (bytes.as_bytes(), ends),
            Storage::Files { bytes, ends } => (bytes, ends),
        }
    }

    /// A table from what [`StringTable::parts`] gave; `None` when the parts do not fit each other.
    pub(crate) fn from_parts(bytes: Vec<u8>, ends: Vec<usize>) -> Option<Self> {
        let bytes = String::from_utf8(bytes).ok()?;
        let ascending = ends.is_sorted_by(|left, right| left < right);
        let all_end_in_nul = ends.iter().all(|&end| bytes.as_bytes().get(end) == Some(&0));
        let last_is_the_end = ends.last().map_or(0, |&end| end + 1) == bytes.len();
        (ascending && all_end_in_nul && last_is_the_end).then_some(Self { storage: Storage::Memory { bytes, ends } })
    }

    /// A table that a [`StringTableWriter`] wrote.
    fn from_files(bytes: Column<u8>, ends: Column<usize>) -> Self {
        Self { storage: Storage::Files { bytes, ends } }
    }

    /// As [`StringTable::push`], for strings that may be more than fit in memory.
    ///
    /// # Errors
    /// When there is no memory for the string; the table is as before.
    pub fn try_push(&mut self, string: &str) -> Result<(), TryReserveError> {
        if let Storage::Memory { bytes, ends } = &mut self.storage {
            bytes.try_reserve(string.len().saturating_add(1))?;
            ends.try_reserve(1)?;
        }
        self.push(string);
        Ok(())
    }

    /// Adds a string at the end without looking whether it is there already.
    pub fn push(&mut self, string: &str) {
        match &mut self.storage {
            Storage::Memory { bytes, ends } => {
                bytes.push_str(string);
                ends.push(bytes.len());
                bytes.push('\0');
            }
            Storage::Files { .. } => {
                let mut copy: Self = self.iter().collect();
                copy.push(string);
                *self = copy;
            }
        }
    }
}

/// A table that grows in files without a name.
#[derive(Debug)]
pub(crate) struct StringTableWriter {
    bytes: ColumnWriter<u8>,
    ends: ColumnWriter<usize>,
}

impl StringTableWriter {
    /// An empty table in a folder, where nothing is left of it however the process ends.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`].
    pub(crate) fn new(folder: &Path) -> crate::Result<Self> {
        Ok(Self { bytes: ColumnWriter::new(folder)?, ends: ColumnWriter::new(folder)? })
    }

    /// Adds a string at the end.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn push(&mut self, string: &str) -> io::Result<()> {
        self.bytes.extend(string.as_bytes())?;
        self.ends.extend(&[self.bytes.len()])?;
        self.bytes.extend(&[0])
    }

    /// The whole table.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn finish(self) -> io::Result<StringTable> {
        Ok(StringTable::from_files(self.bytes.finish()?, self.ends.finish()?))
    }
}

/// Collects strings as they come, repeated ones too.
impl<'a> FromIterator<&'a str> for StringTable {
    fn from_iter<I: IntoIterator<Item = &'a str>>(strings: I) -> Self {
        let mut table = Self::default();
        strings.into_iter().for_each(|string| table.push(string));
        table
    }
}

/// Fills a [`StringTable`]: a string that is there already keeps its index.
#[derive(Debug, Default)]
pub struct StringTableBuilder {
    table: StringTable,
    by_hash: HashMap<u64, Vec<u32>>,
    hasher: RandomState,
}

impl StringTableBuilder {
    /// The index of `string`, adding it if it is new.
    pub fn intern(&mut self, string: &str) -> u32 {
        let candidates = self.by_hash.entry(self.hasher.hash_one(string)).or_default();
        if let Some(&index) = candidates.iter().find(|&&index| self.table.get(index as usize) == string) {
            return index;
        }
        let index = self.table.len() as u32;
        candidates.push(index);
        self.table.push(string);
        index
    }

    /// The string of an index that [`StringTableBuilder::intern`] gave.
    pub(super) fn get(&self, index: u32) -> &str {
        self.table.get(index as usize)
    }

    /// The finished table.
    pub fn finish(self) -> StringTable {
        self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_files_reads_as_one_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let strings = ["b", "", "a\0c", "\u{e9}"];
        let mut writer = StringTableWriter::new(folder.path()).unwrap();
        strings.iter().try_for_each(|string| writer.push(string)).unwrap();
        let mut table = writer.finish().unwrap();
        assert_eq!(table, strings.iter().copied().collect());
        assert_eq!((table.get_with_nul(2), table.get(4)), ("a\0c\0", ""));
        table.push("more");
        assert_eq!(table.iter().collect::<Vec<_>>(), ["b", "", "a\0c", "\u{e9}", "more"]);
    }

    #[test]
    fn a_string_is_kept_once_and_in_order_of_first_occurrence() {
        let mut builder = StringTableBuilder::default();
        let indices: Vec<u32> = ["b", "", "a\0c", "b", ""].iter().map(|string| builder.intern(string)).collect();
        let table = builder.finish();
        assert_eq!(indices, [0, 1, 2, 0, 1]);
        assert_eq!(table.iter().collect::<Vec<_>>(), ["b", "", "a\0c"]);
        assert_eq!(table.get_with_nul(0), "b\0");
        assert_eq!(table.get(3), "");
    }
}
