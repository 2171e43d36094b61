//! Element-wise functions between projections.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::Tensor;

use super::operation::{Operation, Values, unrounded};
#[cfg(feature = "cuda")]
use crate::cuda::{self, Argument, CudaRows};
use crate::error::Result;
use crate::kernels;
use crate::model::blueprint::Activation;

impl Activation {
    /// Its number in the kernels' list of functions.
    #[cfg(feature = "cuda")]
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Gelu => 0,
            Self::GeluTanh => 1,
            Self::GeluQuick => 2,
            Self::Silu => 3,
            Self::Relu => 4,
            Self::Tanh => 5,
            Self::Logistic => 6,
        }
    }

    /// Applies the function in place to each value; with a `bias`, to the sum of each value of a row and that of the bias.
    pub(super) fn apply(self, values: &mut [f32], bias: Option<&[f32]>) {
        match self {
            Self::Gelu => kernels::apply(values, bias, kernels::gelu),
            Self::GeluTanh => kernels::apply(values, bias, kernels::gelu_tanh),
            Self::GeluQuick => kernels::apply(values, bias, kernels::gelu_quick),
            Self::Silu => kernels::apply(values, bias, kernels::silu),
            Self::Relu => kernels::apply(
                values,
                bias,
                #[inline(always)]
                |x| x.max(0.0),
            ),
            Self::Tanh => kernels::apply(values, bias, f32::tanh),
            Self::Logistic => kernels::apply(values, bias, kernels::logistic),
        }
    }

    /// The derivative at each value; that of a kink is 0, as in PyTorch.
    fn derivative(self, rows: &Tensor) -> Result<Tensor> {
        // x sigmoid(factor x)
        let swish = |factor: f64| -> Result<Tensor> {
            let sigmoid = candle_nn::ops::sigmoid(&(rows * factor)?)?;
            Ok(((&sigmoid * (1.0 - &sigmoid)?)? * rows)?.affine(factor, 0.0)?.add(&sigmoid)?)
        };
        Ok(match self {
            Self::Gelu => {
                let density = ((rows.sqr()? * -0.5)?.exp()? * (0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2))?;
                (((rows * FRAC_1_SQRT_2)?.erf()? + 1.0)? * 0.5)?.add(&(density * rows)?)?
            }
            Self::GeluTanh => {
                let (factor, cubic) = (FRAC_2_SQRT_PI * FRAC_1_SQRT_2, 0.044_715);
                let square = rows.sqr()?;
                let tanh = ((((&square * cubic)? + 1.0)? * rows)? * factor)?.tanh()?;
                let inner = ((&square * (3.0 * cubic))? + 1.0)?.affine(0.5 * factor, 0.0)?;
                let slope = ((1.0 - tanh.sqr()?)? * (inner * rows)?)?;
                (((tanh + 1.0)? * 0.5)? + slope)?
            }
            Self::GeluQuick => swish(1.702)?,
            Self::Silu => swish(1.0)?,
            Self::Relu => rows.gt(0.0)?.to_dtype(rows.dtype())?,
            Self::Tanh => (1.0 - rows.tanh()?.sqr()?)?,
            Self::Logistic => {
                let logistic = candle_nn::ops::sigmoid(rows)?;
                (&logistic * (1.0 - &logistic)?)?
            }
        })
    }
}

impl Operation<1> for Activation {
    const NAME: &'static str = "activation";
    const BY_ROWS: bool = true;

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let mut values = rows.values.to_vec();
        self.apply(&mut values, None);
        Ok(values)
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, [rows]: [CudaRows<'_>; 1]) -> Result<Option<CudaStorage>> {
        cuda::map("activation", rows, Argument::Int(self.number()))
    }

    fn reference(&self, rows: [&Tensor; 1]) -> Result<Tensor> {
        unrounded(rows, |[rows]| {
            Ok(match self {
                Self::Gelu => rows.gelu_erf()?,
                Self::GeluTanh => rows.gelu()?,
                Self::GeluQuick => (rows * candle_nn::ops::sigmoid(&(rows * 1.702)?)?)?,
                Self::Silu => rows.silu()?,
                Self::Relu => rows.relu()?,
                Self::Tanh => rows.tanh()?,
                Self::Logistic => candle_nn::ops::sigmoid(rows)?,
            })
        })
    }

    /// In closed form: candle's own derivatives of gelu have constants of six digits.
    fn backward(&self, [rows]: [&Tensor; 1], gradient: &Tensor) -> Result<[Tensor; 1]> {
        Ok([unrounded([gradient, rows], |[gradient, rows]| Ok((gradient * self.derivative(rows)?)?))?])
    }
}

/// `cap tanh(x / cap)`: values that cannot grow beyond `cap`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoftCap(pub f32);

impl Operation<1> for SoftCap {
    const NAME: &'static str = "soft_cap";
    const BY_ROWS: bool = true;

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let cap = self.0;
        Ok(kernels::map(
            rows.values,
            #[inline(always)]
            move |value| kernels::soft_cap(value, cap),
        ))
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, [rows]: [CudaRows<'_>; 1]) -> Result<Option<CudaStorage>> {
        cuda::map("soft_cap", rows, Argument::Float(self.0))
    }

    fn reference(&self, rows: [&Tensor; 1]) -> Result<Tensor> {
        let cap = f64::from(self.0);
        unrounded(rows, |[rows]| Ok(((rows / cap)?.tanh()? * cap)?))
    }
}
