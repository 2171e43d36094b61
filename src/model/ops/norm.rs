//! Norms of rows.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{D, Tensor};

use super::operation::{Operation, Values, lend, like, unrounded};
use super::pairs::Add;
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

    /// Norms rows in place.
    fn apply(&self, rows: &mut [f32]) -> Result<()> {
        let epsilon = self.epsilon as f32;
        lend(&self.weight, |weight| match &self.bias {
            None => {
                kernels::rms_norm(rows, weight, epsilon);
                Ok(())
            }
            Some(bias) => lend(bias, |bias| kernels::layer_norm(rows, weight, bias, epsilon)),
        })?
    }
}

impl Operation<1> for Norm {
    const NAME: &'static str = "norm";
    const BY_ROWS: bool = true;

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let mut values = rows.values.to_vec();
        self.apply(&mut values)?;
        Ok(values)
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

/// The norm of the sum of two tensors: both steps at once, with the bits of one after the other.
#[derive(Debug, Clone)]
pub(crate) struct NormOfSum(pub Norm);

impl Operation<2> for NormOfSum {
    const NAME: &'static str = "norm_of_sum";
    const BY_ROWS: bool = true;

    fn kernel(&self, pair: [Values<'_>; 2]) -> Result<Vec<f32>> {
        let mut sum = Add.kernel(pair)?;
        self.0.apply(&mut sum)?;
        Ok(sum)
    }

    fn reference(&self, pair: [&Tensor; 2]) -> Result<Tensor> {
        self.0.reference([&Add.reference(pair)?])
    }
}
