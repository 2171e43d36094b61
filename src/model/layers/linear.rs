//! `x W^T + b`.

use candle_core::Tensor;

use super::{values, vector, with_values};
use crate::error::Result;
use crate::linalg::times_transposed;

/// A projection of rows.
#[derive(Debug)]
pub(crate) struct Linear {
    /// `(outputs, inputs)`, as in the file.
    weight: Tensor,
    /// `(outputs,)`.
    bias: Option<Tensor>,
}

impl Linear {
    /// A projection with the weight `(outputs, inputs)` and perhaps a bias `(outputs,)`.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// `(rows, inputs)` -> `(rows, outputs)`.
    pub fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        if let Some(result) = with_values(rows, |input| self.on_slices(rows, input)) {
            return result;
        }
        let product = rows.matmul(&self.weight.t()?)?;
        Ok(match &self.bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        })
    }

    fn on_slices(&self, rows: &Tensor, input: &[f32]) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        let count = rows.dim(0)?;
        let mut output = vec![0.0; count * outputs];
        values(&self.weight, |weight| times_transposed(&mut output, input, weight, inputs))?;
        if let Some(bias) = &self.bias {
            values(bias, |bias| vector::add_to_rows(&mut output, bias))?;
        }
        Ok(Tensor::from_vec(output, (count, outputs), rows.device())?)
    }
}
