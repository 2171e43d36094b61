//! `x W^T + b`.

use std::sync::Arc;

use candle_core::Tensor;

use super::{Weight, values, vector, with_values};
use crate::error::{Error, Result};
use crate::linalg::{times_panels, times_transposed};

/// A projection of rows.
#[derive(Debug)]
pub(crate) struct Linear {
    /// `(outputs, inputs)`.
    weight: Arc<Weight>,
    /// `(outputs,)`.
    bias: Option<Tensor>,
}

impl Linear {
    /// A projection with the weight `(outputs, inputs)` and perhaps a bias `(outputs,)`.
    pub fn new(weight: Arc<Weight>, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// `(rows, inputs)` -> `(rows, outputs)`.
    pub fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        if let Some(result) = with_values(rows, |input| self.on_slices(rows, input)) {
            return result;
        }
        let Weight::F32(weight) = &*self.weight else {
            return Err(Error::internal("rows and their weight are on different devices"));
        };
        let product = rows.matmul(&weight.t()?)?;
        Ok(match &self.bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        })
    }

    fn on_slices(&self, rows: &Tensor, input: &[f32]) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.shape()?;
        let count = rows.dim(0)?;
        let mut output = vec![0.0; count * outputs];
        match &*self.weight {
            Weight::F32(weight) => values(weight, |weight| times_transposed(&mut output, input, weight, inputs))??,
            weight => times_panels(&mut output, input, outputs, inputs, |rows, panel| weight.write(rows, panel))?,
        }
        if let Some(bias) = &self.bias {
            values(bias, |bias| vector::add_to_rows(&mut output, bias))?;
        }
        Ok(Tensor::from_vec(output, (count, outputs), rows.device())?)
    }
}
