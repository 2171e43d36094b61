//! Sums and products of two tensors, value by value.

use candle_core::Tensor;

use super::{values, vector, with_values};
use crate::error::Result;

/// `left + right`, for tensors of one shape.
pub(crate) fn add(left: &Tensor, right: &Tensor) -> Result<Tensor> {
    pairwise(
        left,
        right,
        #[inline(always)]
        |left, right| left + right,
    )
    .unwrap_or_else(|| Ok((left + right)?))
}

/// `left * right`, for tensors of one shape.
pub(crate) fn multiply(left: &Tensor, right: &Tensor) -> Result<Tensor> {
    pairwise(
        left,
        right,
        #[inline(always)]
        |left, right| left * right,
    )
    .unwrap_or_else(|| Ok((left * right)?))
}

/// `rows * factor`.
pub(crate) fn scaled(rows: &Tensor, factor: f32) -> Result<Tensor> {
    #[allow(clippy::float_cmp, reason = "exactly one is what a model without the scale has")]
    if factor == 1.0 {
        return Ok(rows.clone());
    }
    let product = with_values(rows, |rows| {
        vector::map(
            rows,
            #[inline(always)]
            |value| value * factor,
        )
    });
    match product {
        Some(product) => Ok(Tensor::from_vec(product, rows.shape(), rows.device())?),
        None => Ok((rows * f64::from(factor))?),
    }
}

/// A function of each pair of values, for tensors in main memory; `None` for others. On the calling thread: candle's own
/// operations share one pool of threads, which would make parallel runs of a model wait for each other.
pub(super) fn pairwise(
    left: &Tensor,
    right: &Tensor,
    function: impl Fn(f32, f32) -> f32 + Copy,
) -> Option<Result<Tensor>> {
    let result = with_values(left, |left| values(right, |right| vector::map_pairs(left, right, function)))?;
    Some(result.and_then(|result| Ok(Tensor::from_vec(result, left.shape(), left.device())?)))
}
