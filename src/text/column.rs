//! Numbers and strings that lie in memory, or in a file without a name where there may be more of them than memory holds.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use bytemuck::Pod;
use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::files::map_file;

/// Numbers one after the other, which are read as a slice.
#[derive(Debug, Clone)]
pub(crate) enum Column<T> {
    /// In memory.
    Owned(Vec<T>),
    /// In a file without a name, which only this process can open.
    Mapped(Arc<Mmap>),
}

impl<T> Column<T> {
    /// Whether the numbers lie in a file.
    pub(super) fn is_mapped(&self) -> bool {
        matches!(self, Self::Mapped(_))
    }
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

impl<T> From<Vec<T>> for Column<T> {
    fn from(values: Vec<T>) -> Self {
        Self::Owned(values)
    }
}

impl<T: Pod> Deref for Column<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(values) => values,
            // A map begins on a page, and its length was counted in whole numbers.
            Self::Mapped(map) => bytemuck::try_cast_slice(map).unwrap_or_default(),
        }
    }
}

impl<T: Pod + PartialEq> PartialEq for Column<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Pod + Eq> Eq for Column<T> {}

/// A column that grows in a file without a name.
#[derive(Debug)]
pub(crate) struct ColumnWriter<T> {
    file: BufWriter<File>,
    len: usize,
    kind: PhantomData<T>,
}

impl<T: Pod> ColumnWriter<T> {
    /// An empty column in a folder. Nothing is left there however the process ends.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Io`].
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(|error| Error::io(folder, "write a file into", &error))?;
        Ok(Self { file: BufWriter::new(file), len: 0, kind: PhantomData })
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds numbers.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn extend(&mut self, values: &[T]) -> std::io::Result<()> {
        self.file.write_all(bytemuck::cast_slice(values))?;
        self.len += values.len();
        Ok(())
    }

    /// The whole column.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn finish(mut self) -> std::io::Result<Column<T>> {
        self.file.flush()?;
        if self.len == 0 {
            return Ok(Column::default());
        }
        Ok(Column::Mapped(Arc::new(map_file(self.file.get_ref())?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_in_a_file_reads_as_one_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ColumnWriter::<u32>::new(folder.path()).unwrap();
        writer.extend(&[1, 2]).unwrap();
        writer.extend(&[3]).unwrap();
        assert_eq!(writer.len(), 3);
        assert_eq!(writer.finish().unwrap(), Column::from(vec![1, 2, 3]));
        assert!(ColumnWriter::<u8>::new(folder.path()).unwrap().finish().unwrap().is_empty());
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing is left in the folder");
    }
}
