//! Quantised matrices: small whole numbers in blocks, each block with a scale of its own.
//!
//! candle knows what the blocks mean. Its own product is not used: it rounds the activations, too, and computes in
//! threads that are not the caller's.

use std::borrow::Cow;
use std::ops::Range;

use candle_core::CpuStorage;
use candle_core::quantized::{GgmlDType, QuantizedType};

use crate::error::{Error, Result};

/// A quantised matrix in memory, row after row of whole blocks.
pub(crate) struct Blocks {
    inner: Box<dyn QuantizedType>,
    /// How many rows it has.
    pub rows: usize,
    /// How many numbers each of them has.
    pub columns: usize,
}

impl Blocks {
    /// Copies the bytes of a matrix, which must be a whole number of blocks.
    pub fn new(kind: GgmlDType, bytes: &[u8], rows: usize, columns: usize) -> Self {
        // candle asks that the bytes lie as its own blocks would, whose largest member takes four.
        let mut words: Vec<u32> = Vec::new();
        let bytes = if bytes.as_ptr().align_offset(size_of::<u32>()) == 0 {
            bytes
        } else {
            words.resize(bytes.len().div_ceil(size_of::<u32>()), 0);
            let aligned = &mut bytemuck::cast_slice_mut(&mut words)[..bytes.len()];
            aligned.copy_from_slice(bytes);
            aligned
        };
        Self { inner: kind.from_data(Cow::Borrowed(bytes)), rows, columns }
    }

    /// The type of its numbers.
    pub fn kind(&self) -> GgmlDType {
        self.inner.dtype()
    }

    /// How many bytes its blocks take.
    pub fn bytes(&self) -> usize {
        self.inner.storage_size_in_bytes()
    }

    /// Writes the values of some rows, one after the other, into a panel of their size. A value depends on its block
    /// only.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Internal`] for rows that it does not have.
    pub fn write(&self, rows: Range<usize>, panel: &mut [f32]) -> Result<()> {
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        match self.inner.embedding(&rows, self.rows, self.columns)? {
            CpuStorage::F32(values) if values.len() == panel.len() => panel.copy_from_slice(&values),
            _ => return Err(Error::internal("blocks gave other values than those of their rows")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_may_lie_anywhere_in_memory() {
        let stored: Vec<u8> = (0..2 * 3 * 34).map(|index| (index * 37 % 120) as u8).collect();
        let values_at = |shift: usize| {
            // The buffer begins at a multiple of four whatever the allocator does; the blocks begin `shift` bytes
            // later.
            let mut words = vec![0_u32; stored.len().div_ceil(4) + 1];
            let bytes = &mut bytemuck::cast_slice_mut::<u32, u8>(&mut words)[shift..shift + stored.len()];
            bytes.copy_from_slice(&stored);
            let mut values = vec![0.0; 3 * 32];
            Blocks::new(GgmlDType::Q8_0, bytes, 2, 96).write(1..2, &mut values).unwrap();
            values
        };
        let aligned = values_at(0);
        assert!(aligned.iter().any(|value| *value != 0.0));
        for shift in 1..4 {
            assert_eq!(values_at(shift), aligned);
        }
    }

    #[test]
    fn rows_that_are_not_there_are_an_error() {
        let blocks = Blocks::new(GgmlDType::Q8_0, &[0; 68], 2, 32);
        assert_eq!((blocks.bytes(), blocks.kind()), (68, GgmlDType::Q8_0));
        assert!(blocks.write(1..3, &mut [0.0; 64]).is_err());
        assert!(blocks.write(0..1, &mut [0.0; 64]).is_err());
    }
}
