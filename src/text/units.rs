//! What the rows of activations stand for: words, tokens, sentences or whole texts.

use std::io;
use std::ops::Range;
use std::path::Path;

use super::column::{Column, ColumnWriter};
use super::strings::{StringTable, StringTableBuilder};
use crate::error::{Error, Result};

/// Where a unit stands: which text, and which bytes of its UTF-8 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnitSpan {
    /// The index of the text in the caller's list.
    pub text_index: usize,
    /// The first byte of the unit in that text, on a character boundary.
    pub begin: usize,
    /// One past the last byte of the unit in that text, on a character boundary.
    pub end: usize,
}

/// The units of a set of texts, one per row, in the order of the texts: 16 bytes each, and each different
/// string once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Units {
    pub(crate) text_index: Column<u32>,
    pub(crate) begin: Column<u32>,
    pub(crate) end: Column<u32>,
    pub(crate) string: Column<u32>,
    pub(crate) strings: StringTable,
}

impl Units {
    /// The number of units.
    pub fn len(&self) -> usize {
        self.string.len()
    }

    /// Whether there are no units.
    pub fn is_empty(&self) -> bool {
        self.string.is_empty()
    }

    /// The string of a unit (`" film"`), empty beyond the last one.
    pub fn string(&self, unit: usize) -> &str {
        self.string.get(unit).map_or("", |&index| self.strings.get(index as usize))
    }

    /// Which of the different [`Units::strings`] each unit is.
    pub fn string_indices(&self) -> &[u32] {
        &self.string
    }

    /// The different strings, in the order of their first occurrence.
    pub fn strings(&self) -> &StringTable {
        &self.strings
    }

    /// Where a unit stands; `None` beyond the last one.
    pub fn span(&self, unit: usize) -> Option<UnitSpan> {
        let text_index = *self.text_index.get(unit)? as usize;
        Some(UnitSpan { text_index, begin: self.begin[unit] as usize, end: self.end[unit] as usize })
    }

    /// Some of the units, in `runs` of consecutive ones: those that a collection of these units alone gives. They lie in files
    /// where these do.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`].
    pub(crate) fn select(&self, runs: &[Range<usize>]) -> Result<Self> {
        let folder = std::env::temp_dir();
        let mut writer = if self.string.is_mapped() { Some(UnitsWriter::new(&folder)?) } else { None };
        let unwritten = |error: io::Error| Error::io(&folder, "write units into the temporary folder", &error);
        let mut builder = UnitsBuilder::default();
        let mut strings = vec![None; self.strings.len()];
        for run in runs {
            for unit in run.clone() {
                let index = self.string[unit] as usize;
                let string = *strings[index].get_or_insert_with(|| builder.intern(self.strings.get(index)));
                builder.push(self.text_index[unit], self.begin[unit], self.end[unit], string);
            }
            if let Some(writer) = &mut writer {
                builder.write(writer).map_err(unwritten)?;
            }
        }
        match writer {
            Some(writer) => writer.finish(builder).map_err(unwritten),
            None => Ok(builder.finish()),
        }
    }

    /// Whether every span lies within its text, on character boundaries; without texts there are no spans.
    pub(crate) fn spans_fit(&self, texts: &StringTable) -> bool {
        let fits = |unit: usize| {
            let (begin, end) = (self.begin[unit] as usize, self.end[unit] as usize);
            let text = self.text_index[unit] as usize;
            text < texts.len() && texts.get(text).get(begin..end).is_some()
        };
        texts.is_empty() || (0..self.len()).all(fits)
    }
}

/// Collects [`Units`] in the order of the rows.
#[derive(Debug, Default)]
pub struct UnitsBuilder {
    text_index: Vec<u32>,
    begin: Vec<u32>,
    end: Vec<u32>,
    string: Vec<u32>,
    strings: StringTableBuilder,
}

impl UnitsBuilder {
    /// The index of a string, for [`UnitsBuilder::push`].
    pub fn intern(&mut self, string: &str) -> u32 {
        self.strings.intern(string)
    }

    /// Adds a unit whose string was interned before.
    pub fn push(&mut self, text_index: u32, begin: u32, end: u32, string: u32) {
        self.text_index.push(text_index);
        self.begin.push(begin);
        self.end.push(end);
        self.string.push(string);
    }

    /// Adds units of further texts, which have strings of their own.
    pub(crate) fn append(&mut self, more: &Units) {
        let strings: Vec<u32> = more.strings.iter().map(|string| self.strings.intern(string)).collect();
        self.text_index.extend_from_slice(&more.text_index);
        self.begin.extend_from_slice(&more.begin);
        self.end.extend_from_slice(&more.end);
        self.string.extend(more.string.iter().map(|&string| strings[string as usize]));
    }

    /// The finished units.
    pub fn finish(self) -> Units {
        let Self { text_index, begin, end, string, strings } = self;
        Units {
            text_index: text_index.into(),
            begin: begin.into(),
            end: end.into(),
            string: string.into(),
            strings: strings.finish(),
        }
    }

    /// Moves the units that were pushed to the end of a writer; what was interned stays.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn write(&mut self, writer: &mut UnitsWriter) -> io::Result<()> {
        let columns = [&mut self.text_index, &mut self.begin, &mut self.end, &mut self.string];
        for (writer, column) in writer.columns.iter_mut().zip(columns) {
            writer.extend(column)?;
            column.clear();
        }
        Ok(())
    }

    /// Which string each of the last `count` units is, none of which was written yet.
    pub(crate) fn last_strings(&self, count: usize) -> Vec<u32> {
        self.string[self.string.len().saturating_sub(count)..].to_vec()
    }

    /// A string by its index.
    pub(crate) fn interned(&self, index: u32) -> &str {
        self.strings.get(index)
    }
}

/// Units that grow in files without a name; their different strings stay in memory.
#[derive(Debug)]
pub(crate) struct UnitsWriter {
    columns: [ColumnWriter<u32>; 4],
}

impl UnitsWriter {
    /// No units yet, in a folder, where nothing is left of them however the process ends.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`].
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let column = || ColumnWriter::new(folder);
        Ok(Self { columns: [column()?, column()?, column()?, column()?] })
    }

    /// All units, whose strings `builder` interned.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn finish(self, builder: UnitsBuilder) -> io::Result<Units> {
        let [text_index, begin, end, string] = self.columns;
        Ok(Units {
            text_index: text_index.finish()?,
            begin: begin.finish()?,
            end: end.finish()?,
            string: string.finish()?,
            strings: builder.strings.finish(),
        })
    }
}
