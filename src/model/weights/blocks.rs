//! Quantised matrices: small whole numbers in blocks, each block with a scale of its own.
//!
//! candle knows what the blocks mean. Its own product is not used: it rounds the activations, too, and computes in threads that
//! are not the caller's.

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

    /// Writes the values of some rows, one after the other, into a panel of their size. A value depends on its block only.
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
