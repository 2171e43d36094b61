//! What modules do: small layers over rows `(tokens, columns)`.
//!
//! On the processor, layers work on slices with one thread, and the value of a row never depends on the rows
//! around it: products go through [`crate::linalg`], whose order of summation depends on the inner size only, and row-wise
//! functions through [`vector`]. On another device they are compositions of candle's operations.

mod activation;
mod attention;
mod columns;
mod distance;
mod embedding;
mod frequencies;
mod linear;
mod norm;
mod pairs;
mod rotary;
mod vector;
mod weight;

pub(crate) use activation::{Activation, soft_cap};
pub(crate) use attention::attend;
pub(crate) use columns::gather_columns;
pub(crate) use distance::DistanceScores;
pub(crate) use embedding::Embedding;
pub(crate) use linear::Linear;
pub(crate) use norm::Norm;
pub(crate) use pairs::{add, multiply, scaled};
pub(crate) use rotary::Rotary;
pub(crate) use weight::Weight;

use pairs::pairwise;

use candle_core::{CpuStorage, Storage, Tensor};

use crate::error::{Error, Result};

/// Lends the values of a contiguous f32 tensor in main memory to `work`; `None` for any other tensor.
fn with_values<T>(tensor: &Tensor, work: impl FnOnce(&[f32]) -> T) -> Option<T> {
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        return None;
    };
    values.get(start..end).map(work)
}

/// The values of a tensor that must be contiguous f32 in main memory, because an earlier check said so.
fn values<T>(tensor: &Tensor, work: impl FnOnce(&[f32]) -> T) -> Result<T> {
    with_values(tensor, work).ok_or_else(|| Error::internal("a tensor is not contiguous f32 in main memory"))
}
