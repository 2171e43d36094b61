//! Norms of rows.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{D, Tensor};

use super::operation::{Operation, Values, lend, like, unrounded};
#[cfg(feature = "cuda")]
use crate::cuda::{self, CudaRows};
use crate::error::Result;
use crate::kernels;

/// A norm with learned scale, of the columns in groups as long as the weight, each normed for itself.
#[derive(Debug, Clone)]
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
}

impl Operation<1> for Norm {
    const NAME: &'static str = "norm";
    const BY_ROWS: bool = true;

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let epsilon = self.epsilon as f32;
        lend(&self.weight, |weight| match &self.bias {
            None => Ok(kernels::rms_norm(rows.values, weight, epsilon)),
            Some(bias) => lend(bias, |bias| kernels::layer_norm(rows.values, weight, bias, epsilon)),
        })?
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, [rows]: [CudaRows<'_>; 1]) -> Result<Option<CudaStorage>> {
        cuda::norm(rows, &self.weight, self.bias.as_ref(), self.epsilon)
    }

    fn reference(&self, rows: [&Tensor; 1]) -> Result<Tensor> {
        unrounded(rows, |[rows]| {
            // A norm of each head is one of many short rows.
            let groups = rows.reshape(((), self.weight.dim(0)?))?;
            let centred = match &self.bias {
                None => groups,
                Some(_) => groups.broadcast_sub(&groups.mean_keepdim(D::Minus1)?)?,
            };
            let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + self.epsilon)?.sqrt()?;
            let scaled = centred.broadcast_div(&deviation)?.broadcast_mul(&like(&self.weight, rows)?)?;
            let normed = match &self.bias {
                None => scaled,
                Some(bias) => scaled.broadcast_add(&like(bias, rows)?)?,
            };
            Ok(normed.reshape(rows.shape())?)
        })
    }
}
