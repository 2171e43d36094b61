//! Unique strings in one block of memory.

use std::collections::{HashMap, TryReserveError};
use std::hash::{BuildHasher, RandomState};

/// Unique strings in the order of their first occurrence. Each is followed by a NUL byte, so that C can borrow
/// them as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StringTable {
    bytes: String,
    /// Where each string ends (its NUL), in bytes.
    ends: Vec<usize>,
}

impl StringTable {
    /// The number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no strings.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The string of an index below [`StringTable::len`]; empty beyond it.
    pub fn get(&self, index: usize) -> &str {
        self.get_with_nul(index).strip_suffix('\0').unwrap_or_default()
    }

    /// The string with the NUL byte that follows it; empty beyond the last one.
    pub fn get_with_nul(&self, index: usize) -> &str {
        let Some(&end) = self.ends.get(index) else { return "" };
        let begin = if index == 0 { 0 } else { self.ends[index - 1] + 1 };
        &self.bytes[begin..=end]
    }

    /// The strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// All strings with their NUL bytes as one block, and where each string ends in it.
    pub(crate) fn parts(&self) -> (&str, &[usize]) {
        (&self.bytes, &self.ends)
    }

    /// A table from what [`StringTable::parts`] gave; `None` when the parts do not fit each other.
    pub(crate) fn from_parts(bytes: Vec<u8>, ends: Vec<usize>) -> Option<Self> {
        let bytes = String::from_utf8(bytes).ok()?;
        let ascending = ends.is_sorted_by(|left, right| left < right);
        let all_end_in_nul = ends.iter().all(|&end| bytes.as_bytes().get(end) == Some(&0));
        let last_is_the_end = ends.last().map_or(0, |&end| end + 1) == bytes.len();
        (ascending && all_end_in_nul && last_is_the_end).then_some(Self { bytes, ends })
    }

    /// As [`StringTable::push`], for strings that may be more than fit in memory.
    ///
    /// # Errors
    /// When there is no memory for the string; the table is as before.
    pub fn try_push(&mut self, string: &str) -> Result<(), TryReserveError> {
        self.bytes.try_reserve(string.len().saturating_add(1))?;
        self.ends.try_reserve(1)?;
        self.push(string);
        Ok(())
    }

    /// Adds a string at the end without looking whether it is there already.
    pub fn push(&mut self, string: &str) {
        self.bytes.push_str(string);
        self.ends.push(self.bytes.len());
        self.bytes.push('\0');
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

    /// The finished table.
    pub fn finish(self) -> StringTable {
        self.table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
