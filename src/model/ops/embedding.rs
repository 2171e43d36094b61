//! A table of rows.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::{Implementation, Scale, Weight};
use crate::error::Result;

/// Rows by their number.
#[derive(Debug)]
pub(crate) struct Embedding {
    /// `(count, width)`.
    table: Arc<Weight>,
    /// What each of its values is multiplied by.
    scale: f32,
}

impl Embedding {
    /// A table `(count, width)`, whose values are read times `scale`.
    pub fn new(table: Arc<Weight>, scale: f32) -> Self {
        Self { table, scale }
    }

    /// All rows, `(count, width)`.
    pub fn rows(&self) -> Result<Tensor> {
        self.scaled(self.table.tensor()?)
    }

    /// The rows of the numbers, `(numbers, width)`. The caller has checked that every number is in the table.
    pub fn forward(&self, numbers: &[u32]) -> Result<Tensor> {
        self.scaled(self.look_up(numbers)?)
    }

    fn scaled(&self, rows: Tensor) -> Result<Tensor> {
        Scale::apply(self.scale, rows, Implementation::Kernels)
    }

    fn look_up(&self, numbers: &[u32]) -> Result<Tensor> {
        if let Weight::F32(table) = &*self.table
            && !table.device().is_cpu()
        {
            let numbers = Tensor::from_slice(numbers, numbers.len(), table.device())?;
            return Ok(table.index_select(&numbers, 0)?);
        }
        let (_, width) = self.table.shape()?;
        let mut rows = vec![0.0; numbers.len() * width];
        for (&number, row) in numbers.iter().zip(rows.chunks_exact_mut(width)) {
            self.table.write(number as usize..number as usize + 1, row)?;
        }
        Ok(Tensor::from_vec(rows, (numbers.len(), width), &Device::Cpu)?)
    }
}
