//! A table of rows.

use candle_core::Tensor;

use super::with_values;
use crate::error::{Error, Result};

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

    /// All rows, `(count, width)`.
    pub fn rows(&self) -> &Tensor {
        &self.table
    }

    /// The rows of the numbers, `(numbers, width)`. The caller has checked that every number is in the table.
    pub fn forward(&self, numbers: &[u32]) -> Result<Tensor> {
        let width = self.table.dim(1)?;
        let rows = with_values(&self.table, |table| {
            let mut rows = Vec::with_capacity(numbers.len() * width);
            for &number in numbers {
                let start = number as usize * width;
                rows.extend_from_slice(table.get(start..start + width)?);
            }
            Some(rows)
        });
        match rows {
            Some(Some(rows)) => Ok(Tensor::from_vec(rows, (numbers.len(), width), self.table.device())?),
            Some(None) => Err(Error::internal("a number is beyond the rows of its table")),
            None => {
                let numbers = Tensor::from_slice(numbers, numbers.len(), self.table.device())?;
                Ok(self.table.index_select(&numbers, 0)?)
            }
        }
    }
}
