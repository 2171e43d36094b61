//! Columns of rows.

use std::ops::Range;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::Tensor;

use super::operation::{Operation, Values};
#[cfg(feature = "cuda")]
use crate::cuda::{self, CudaRows};
use crate::error::Result;

/// The columns in some runs, side by side. The runs must lie within the columns.
#[derive(Debug, Clone)]
pub(crate) struct GatherColumns(pub Vec<Range<usize>>);

impl Operation<1> for GatherColumns {
    const NAME: &'static str = "gather_columns";
    const BY_ROWS: bool = true;

    fn columns(&self, _: usize) -> Result<usize> {
        Ok(self.0.iter().map(ExactSizeIterator::len).sum())
    }

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let mut gathered = Vec::with_capacity(rows.values.len() / rows.columns * self.columns(rows.columns)?);
        for row in rows.values.chunks_exact(rows.columns) {
            for run in &self.0 {
                gathered.extend_from_slice(&row[run.clone()]);
            }
        }
        Ok(gathered)
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, [rows]: [CudaRows<'_>; 1]) -> Result<Option<CudaStorage>> {
        cuda::gather_columns(rows, &self.0)
    }

    fn reference(&self, [rows]: [&Tensor; 1]) -> Result<Tensor> {
        let parts = self.0.iter().map(|run| rows.narrow(1, run.start, run.len()));
        Ok(Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 1)?)
    }
}
