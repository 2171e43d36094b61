//! A table of rows.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

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

    /// All rows as f32, `(count, width)`.
    pub fn rows(&self) -> Result<Tensor> {
        self.scaled(self.table.tensor()?)
    }

    /// The rows of the numbers as f32, `(numbers, width)`. The caller has checked that every number is in the table.
    pub fn forward(&self, numbers: &[u32]) -> Result<Tensor> {
        self.scaled(self.look_up(numbers)?)
    }

    fn scaled(&self, rows: Tensor) -> Result<Tensor> {
        Scale::apply(self.scale, rows, Implementation::Kernels(DType::F32))
    }

    fn look_up(&self, numbers: &[u32]) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if let Weight::Device(table) = &*self.table {
            return table.look_up(numbers);
        }
        self.table.check()?;
        let (_, width) = self.table.shape()?;
        let mut rows = vec![0.0; numbers.len() * width];
        for (&number, row) in numbers.iter().zip(rows.chunks_exact_mut(width)) {
            self.table.write(number as usize..number as usize + 1, row)?;
        }
        Ok(Tensor::from_vec(rows, (numbers.len(), width), &Device::Cpu)?)
    }
}
