//! Tables of which few rows are used, and which stay in their file.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::files::FilePart;
use crate::tensor_files::NumberType;

/// How many bytes of numbers that must be widened are read at a time.
const AT_ONCE: usize = 64 << 10;

/// A matrix whose rows are read from the file whenever they are used: an embedding, of which a text uses a row a token. It
/// takes no memory; the system keeps in its cache what is used often.
#[derive(Debug)]
pub(crate) struct FileTable {
    part: FilePart,
    numbers: NumberType,
    /// The bytes of a row.
    stride: usize,
    /// How many rows it has.
    pub rows: usize,
    /// How many numbers each of them has.
    pub columns: usize,
}

impl FileTable {
    /// A table of that shape, which is a part of a file; nothing where its numbers are not widened row by row.
    pub(super) fn new(part: FilePart, numbers: &NumberType, rows: usize, columns: usize) -> Option<Self> {
        if matches!(numbers, NumberType::F64 | NumberType::Other(_)) {
            return None;
        }
        let stride = numbers.size_of(&[columns])?;
        Some(Self { part, numbers: numbers.clone(), stride, rows, columns })
    }

    /// What the field calls the type of its numbers.
    pub fn name(&self) -> String {
        self.numbers.name()
    }

    /// Checks that its file is as it was when the model was loaded.
    ///
    /// # Errors
    /// Those of [`FilePart::check`].
    pub fn check(&self) -> Result<()> {
        self.part.check()
    }

    /// Writes rows as f32, one after the other, into a panel of their size.
    ///
    /// # Errors
    /// Those of [`FilePart::read`]; [`crate::ErrorCode::Internal`] for rows that it does not have.
    pub fn write(&self, rows: Range<usize>, panel: &mut [f32]) -> Result<()> {
        if rows.end > self.rows || panel.len() != rows.len() * self.columns {
            return Err(Error::internal("a number is beyond the rows of its table"));
        }
        let offset = rows.start * self.stride;
        if self.numbers == NumberType::F32 {
            self.part.read(offset, bytemuck::cast_slice_mut(panel))?;
            panel.iter_mut().for_each(|value| *value = f32::from_bits(u32::from_le(value.to_bits())));
            return Ok(());
        }
        // Some rows at a time: all of a large table would take as much memory again as it has in the file.
        let some = (AT_ONCE / self.stride.max(1)).clamp(1, rows.len().max(1));
        let mut bytes = vec![0; some * self.stride];
        for (part, panel) in panel.chunks_mut((some * self.columns).max(1)).enumerate() {
            let bytes = &mut bytes[..panel.len() / self.columns * self.stride];
            self.part.read(offset + part * some * self.stride, bytes)?;
            self.numbers.widen(bytes, panel)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use candle_core::quantized::GgmlDType;

    use super::*;
    use crate::files::{Access, FileBytes};
    use crate::tensor_files::Stored;

    #[test]
    fn rows_of_every_type_are_those_of_the_whole_tensor() {
        const ROWS: usize = 700;
        const COLUMNS: usize = 256;
        for numbers in [
            NumberType::F32,
            NumberType::F16,
            NumberType::Bf16,
            NumberType::Blocks(GgmlDType::Q8_0),
            NumberType::Blocks(GgmlDType::Q4K),
        ] {
            let size = numbers.size_of(&[ROWS, COLUMNS]).unwrap();
            // Bytes below 124 make numbers that are finite, whichever type they are of.
            let bytes: Vec<u8> = (0..size).map(|index| (index * 31 % 124) as u8).collect();
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().write_all(&[&[7; 13], &*bytes].concat()).unwrap();
            let part = FileBytes::open(file.path(), Access::Mapped).unwrap().part(13..13 + size).unwrap();
            let table = FileTable::new(part, &numbers, ROWS, COLUMNS).unwrap();
            let expected = Stored::of_bytes(&numbers, &bytes).widened().unwrap();
            for rows in [0..ROWS, 0..1, 699..700, 5..400, 3..3] {
                let mut found = vec![f32::NAN; rows.len() * COLUMNS];
                table.write(rows.clone(), &mut found).unwrap();
                assert!(found == expected[rows.start * COLUMNS..rows.end * COLUMNS], "{numbers:?} {rows:?}");
            }
            assert!(table.write(699..701, &mut vec![0.0; 2 * COLUMNS]).is_err());
            assert!(table.write(0..1, &mut vec![0.0; COLUMNS - 1]).is_err());
        }
    }
}
