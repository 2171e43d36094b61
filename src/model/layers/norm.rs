//! Norms of rows.

use candle_core::{D, Tensor};

use super::{values, vector, with_values};
use crate::error::Result;

/// A norm with learned scale.
#[derive(Debug)]
pub(crate) struct Norm {
    weight: Tensor,
    /// With a bias it is a layer norm, without one a root-mean-square norm.
    bias: Option<Tensor>,
    epsilon: f64,
}

impl Norm {
    /// Division by the root mean square.
    pub fn root_mean_square(weight: Tensor, epsilon: f64) -> Self {
        Self { weight, bias: None, epsilon }
    }

    /// Standardisation.
    pub fn layer(weight: Tensor, bias: Tensor, epsilon: f64) -> Self {
        Self { weight, bias: Some(bias), epsilon }
    }

    /// `(rows, columns)` -> `(rows, columns)`, the columns in groups as long as the weight, each normed for itself.
    pub fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        match with_values(rows, |input| self.on_slices(input)) {
            Some(result) => Ok(Tensor::from_vec(result?, rows.shape(), rows.device())?),
            // A norm of each head is one of many short rows.
            None => self.composed(&rows.reshape(((), self.weight.dim(0)?))?)?.reshape(rows.shape()).map_err(Into::into),
        }
    }

    fn on_slices(&self, input: &[f32]) -> Result<Vec<f32>> {
        let epsilon = self.epsilon as f32;
        values(&self.weight, |weight| match &self.bias {
            None => Ok(vector::rms_norm(input, weight, epsilon)),
            Some(bias) => values(bias, |bias| vector::layer_norm(input, weight, bias, epsilon)),
        })?
    }

    fn composed(&self, rows: &Tensor) -> Result<Tensor> {
        let centred = match &self.bias {
            None => rows.clone(),
            Some(_) => rows.broadcast_sub(&rows.mean_keepdim(D::Minus1)?)?,
        };
        let scale = (centred.sqr()?.mean_keepdim(D::Minus1)? + self.epsilon)?.sqrt()?;
        let scaled = centred.broadcast_div(&scale)?.broadcast_mul(&self.weight)?;
        Ok(match &self.bias {
            None => scaled,
            Some(bias) => scaled.broadcast_add(bias)?,
        })
    }
}
