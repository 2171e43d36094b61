//! Columns of rows.

use std::ops::Range;

use candle_core::Tensor;

use super::with_values;
use crate::error::Result;

/// The columns in `runs` of rows `(rows, columns)`, side by side. The runs must lie within the columns.
pub(crate) fn gather_columns(rows: &Tensor, runs: &[Range<usize>]) -> Result<Tensor> {
    let (count, columns) = rows.dims2()?;
    let width: usize = runs.iter().map(ExactSizeIterator::len).sum();
    let gathered = with_values(rows, |values| {
        let mut gathered = Vec::with_capacity(count * width);
        for row in values.chunks_exact(columns) {
            for run in runs {
                gathered.extend_from_slice(&row[run.clone()]);
            }
        }
        gathered
    });
    if let Some(gathered) = gathered {
        return Ok(Tensor::from_vec(gathered, (count, width), rows.device())?);
    }
    let parts = runs.iter().map(|run| rows.narrow(1, run.start, run.len()));
    Ok(Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 1)?)
}
