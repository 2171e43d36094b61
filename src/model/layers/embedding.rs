//! A table of rows.

use candle_core::Tensor;

use crate::error::Result;

/// Rows by their number.
#[derive(Debug)]
pub(crate) struct Embedding {
    /// `(count, width)`.
    table: Tensor,
}

impl Embedding {
    /// A table `(count, width)`.
    pub fn new(table: Tensor) -> Self {
        Self { table }
    }

    /// The rows of the numbers, `(numbers, width)`. The caller has checked that every number is in the table.
    pub fn forward(&self, numbers: &[u32]) -> Result<Tensor> {
        let numbers = Tensor::from_slice(numbers, numbers.len(), self.table.device())?;
        Ok(self.table.index_select(&numbers, 0)?)
    }
}
