//! Sums and products, value by value.
//!
//! On the calling thread: candle's own operations share one pool of threads, which would make parallel runs of a model
//! wait for each other.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::Tensor;

use super::implementation::Implementation;
use super::operation::{Operation, Values, lend, like};
#[cfg(feature = "cuda")]
use crate::cuda::{self, Argument, CudaRows};
use crate::error::Result;
use crate::kernels;

/// `left + right`, for tensors of one shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Add;

impl Operation<2> for Add {
    const NAME: &'static str = "add";
    const BY_ROWS: bool = true;

    fn kernel(&self, [left, right]: [Values<'_>; 2]) -> Result<Vec<f32>> {
        Ok(kernels::map_pairs(
            left.values,
            right.values,
            #[inline(always)]
            |left, right| left + right,
        ))
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, pair: [CudaRows<'_>; 2]) -> Result<Option<CudaStorage>> {
        cuda::map_pairs("add", pair, None)
    }

    fn reference(&self, [left, right]: [&Tensor; 2]) -> Result<Tensor> {
        Ok((left + right)?)
    }

    fn backward(&self, _: [&Tensor; 2], gradient: &Tensor) -> Result<[Tensor; 2]> {
        Ok([gradient.clone(), gradient.clone()])
    }
}

/// `left * right`, for tensors of one shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Multiply;

impl Operation<2> for Multiply {
    const NAME: &'static str = "multiply";
    const BY_ROWS: bool = true;

    fn kernel(&self, [left, right]: [Values<'_>; 2]) -> Result<Vec<f32>> {
        Ok(kernels::map_pairs(
            left.values,
            right.values,
            #[inline(always)]
            |left, right| left * right,
        ))
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, pair: [CudaRows<'_>; 2]) -> Result<Option<CudaStorage>> {
        cuda::map_pairs("multiply", pair, None)
    }

    fn reference(&self, [left, right]: [&Tensor; 2]) -> Result<Tensor> {
        Ok((left * right)?)
    }

    fn backward(&self, [left, right]: [&Tensor; 2], gradient: &Tensor) -> Result<[Tensor; 2]> {
        Ok([(gradient * right)?, (gradient * left)?])
    }
}

/// Rows times a factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale(pub f32);

impl Scale {
    /// Rows times a factor, which most models do not have: by 1 they are the rows themselves.
    pub fn apply(factor: f32, rows: Tensor, implementation: Implementation) -> Result<Tensor> {
        #[allow(clippy::float_cmp, reason = "exactly one is what a model without the scale has")]
        if factor == 1.0 {
            return Ok(rows);
        }
        implementation.unary(&Self(factor), &rows)
    }
}

impl Operation<1> for Scale {
    const NAME: &'static str = "scale";
    const BY_ROWS: bool = true;

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let factor = self.0;
        Ok(kernels::map(
            rows.values,
            #[inline(always)]
            move |value| value * factor,
        ))
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, [rows]: [CudaRows<'_>; 1]) -> Result<Option<CudaStorage>> {
        cuda::map("scale", rows, Argument::Float(self.0))
    }

    fn reference(&self, [rows]: [&Tensor; 1]) -> Result<Tensor> {
        Ok((rows * f64::from(self.0))?)
    }

    fn backward(&self, _: [&Tensor; 1], gradient: &Tensor) -> Result<[Tensor; 1]> {
        Ok([self.reference([gradient])?])
    }
}

/// A row that is added to every row.
#[derive(Debug, Clone)]
pub(crate) struct Shift(pub Tensor);

impl Operation<1> for Shift {
    const NAME: &'static str = "shift";
    const BY_ROWS: bool = true;

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let mut shifted = rows.values.to_vec();
        lend(&self.0, |row| kernels::add_to_rows(&mut shifted, row))?;
        Ok(shifted)
    }

    fn reference(&self, [rows]: [&Tensor; 1]) -> Result<Tensor> {
        Ok(rows.broadcast_add(&like(&self.0, rows)?)?)
    }

    fn backward(&self, _: [&Tensor; 1], gradient: &Tensor) -> Result<[Tensor; 1]> {
        Ok([gradient.clone()])
    }
}
