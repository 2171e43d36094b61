//! The gate of a gated MLP (Shazeer 2020, "GLU Variants").

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::Tensor;

use super::operation::{Operation, Values, unrounded};
#[cfg(feature = "cuda")]
use crate::cuda::{self, Argument, CudaRows};
use crate::error::Result;
use crate::kernels;
use crate::model::blueprint::Activation;

/// A function of each value of the first tensor, times the value of the second: both steps of a gated MLP at once, with
/// the bits of one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate(pub Activation);

impl Gate {
    /// Puts the products in the place of the gate's values.
    pub(super) fn apply(self, gate: &mut [f32], up: &[f32]) {
        if self.0 == Activation::Silu {
            kernels::apply_pairs(
                gate,
                up,
                #[inline(always)]
                |gate, up| kernels::silu(gate) * up,
            );
            return;
        }
        self.0.apply(gate, None);
        kernels::apply_pairs(
            gate,
            up,
            #[inline(always)]
            |value, up| value * up,
        );
    }
}

impl Operation<2> for Gate {
    const NAME: &'static str = "gate";
    const BY_ROWS: bool = true;

    fn kernel(&self, [gate, up]: [Values<'_>; 2]) -> Result<Vec<f32>> {
        let mut product = gate.values.to_vec();
        self.apply(&mut product, up.values);
        Ok(product)
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, pair: [CudaRows<'_>; 2]) -> Result<Option<CudaStorage>> {
        cuda::map_pairs("gate", pair, Some(Argument::Int(self.0.number())))
    }

    fn reference(&self, [gate, up]: [&Tensor; 2]) -> Result<Tensor> {
        Ok((self.0.reference([gate])? * up)?)
    }

    fn backward(&self, [gate, up]: [&Tensor; 2], gradient: &Tensor) -> Result<[Tensor; 2]> {
        let [of_gate] = self.0.backward([gate], &(gradient * up)?)?;
        Ok([of_gate, (gradient * self.0.reference([gate])?)?])
    }
}

/// The gate of gpt-oss: `g sigmoid(alpha g) (f + 1)` for a gate `g` that is cut off above a limit and a factor `f` that is cut
/// off on both sides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClampedGate {
    /// How steep the sigmoid is.
    pub alpha: f32,
    /// Where both are cut off.
    pub limit: f32,
}

impl Operation<2> for ClampedGate {
    const NAME: &'static str = "clamped_gate";
    const BY_ROWS: bool = true;

    fn kernel(&self, [gate, up]: [Values<'_>; 2]) -> Result<Vec<f32>> {
        let Self { alpha, limit } = *self;
        Ok(kernels::map_pairs(
            gate.values,
            up.values,
            #[inline(always)]
            move |gate, up| kernels::clamped_gate(gate, up, alpha, limit),
        ))
    }

    fn reference(&self, pair: [&Tensor; 2]) -> Result<Tensor> {
        let (alpha, limit) = (f64::from(self.alpha), f64::from(self.limit));
        unrounded(pair, |[gate, up]| {
            let gate = gate.minimum(limit)?;
            let sigmoid = candle_nn::ops::sigmoid(&(&gate * alpha)?)?;
            Ok(((gate * sigmoid)? * (up.clamp(-limit, limit)? + 1.0)?)?)
        })
    }
}
