//! `x W^T + b`.

use std::ops::Range;
use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{DType, Tensor};

use super::Weight;
use super::host::PackedProducts;
use super::operation::{Operation, Values, lend, lend_optional, like};
#[cfg(feature = "cuda")]
use crate::cuda::CudaRows;
use crate::error::Result;
use crate::kernels;
use crate::linalg::{times_panels, times_transposed};
use crate::model::blueprint::Activation;

/// How many rows of a weight are f32 at a time in the backward pass.
const PANEL: usize = 256;

/// A projection of rows.
#[derive(Debug, Clone)]
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

    /// Whether its products are faer's, whose threads need a buffer each.
    pub fn is_multiplied_by_faer(&self) -> bool {
        self.weight.is_multiplied_by_faer()
    }

    /// How its products are computed; nothing on a device.
    pub fn products(&self) -> Option<String> {
        self.weight.products()
    }

    /// How many values it gives for a row.
    pub fn outputs(&self) -> Result<usize> {
        Ok(self.weight.shape()?.0)
    }

    /// What multiplies, where a product with a few rows costs as much for each as one with many.
    pub(super) fn packed(&self) -> Option<&PackedProducts> {
        self.weight.packed()
    }

    /// Writes what it gives for rows `(rows, inputs)`, or a function of that, as `(rows, outputs)`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub(super) fn project(
        &self,
        output: &mut [f32],
        rows: &[f32],
        threads: usize,
        function: Option<Activation>,
    ) -> Result<()> {
        let (outputs, inputs) = self.weight.shape()?;
        lend_optional(self.bias.as_ref(), |bias| {
            let finish = |values: &mut [f32], outputs: Range<usize>| {
                let bias = bias.map(|bias| &bias[outputs]);
                match (function, bias) {
                    (Some(function), _) => function.apply(values, bias),
                    (None, Some(bias)) => kernels::add_to_rows(values, bias),
                    (None, None) => {}
                }
            };
            if self.weight.times(output, rows, threads, &finish)? {
                return Ok(());
            }
            let write = |rows, panel: &mut [f32]| self.weight.write(rows, panel);
            match &*self.weight {
                _ if outputs == 1 => self.one_output(output, rows, inputs)?,
                Weight::F32(weight) => lend(weight, |weight| times_transposed(output, rows, weight, inputs))??,
                Weight::Rounded(_) => {
                    let rounded = kernels::map(rows, kernels::product::rounded);
                    times_panels(output, &rounded, outputs, inputs, write)?;
                }
                _ => times_panels(output, rows, outputs, inputs, write)?,
            }
            finish(output, 0..outputs);
            Ok(())
        })?
    }

    /// The product of `(rows, outputs)` with the weight, `(rows, inputs)`, panel by panel: the weight is never f32 as a
    /// whole. A row of the result is the same bits for every number of rows.
    fn product(&self, gradient: &[f32]) -> Result<Vec<f32>> {
        let (outputs, inputs) = self.weight.shape()?;
        let rows = gradient.len() / outputs;
        let mut result = vec![0.0; rows * inputs];
        let mut product = vec![0.0; rows * inputs];
        let mut panel = vec![0.0; PANEL.min(outputs) * inputs];
        for first in (0..outputs).step_by(PANEL) {
            let part = first..outputs.min(first + PANEL);
            let panel = &mut panel[..part.len() * inputs];
            self.weight.write(part.clone(), panel)?;
            let transposed: Vec<f32> =
                (0..inputs).flat_map(|column| panel.iter().skip(column).step_by(inputs).copied()).collect();
            let left: Vec<f32> =
                gradient.chunks_exact(outputs).flat_map(|row| row[part.clone()].iter().copied()).collect();
            times_transposed(&mut product, &left, &transposed, part.len())?;
            result.iter_mut().zip(&product).for_each(|(sum, term)| *sum += term);
        }
        Ok(result)
    }

    /// A projection to one column: as one of several, which are added up in another order than a single one.
    fn one_output(&self, output: &mut [f32], rows: &[f32], inputs: usize) -> Result<()> {
        const SEVERAL: usize = 8;
        let mut weight = vec![0.0; inputs];
        self.weight.write(0..1, &mut weight)?;
        let mut all = vec![0.0; output.len() * SEVERAL];
        let rounded;
        let rows = if let Weight::Rounded(_) = &*self.weight {
            rounded = kernels::map(rows, kernels::product::rounded);
            &rounded
        } else {
            rows
        };
        times_transposed(&mut all, rows, &weight.repeat(SEVERAL), inputs)?;
        output.iter_mut().zip(all.chunks_exact(SEVERAL)).for_each(|(value, all)| *value = all[0]);
        Ok(())
    }
}

impl Operation<1> for Linear {
    const NAME: &'static str = "linear";
    const BY_ROWS: bool = true;

    fn columns(&self, _: usize) -> Result<usize> {
        Ok(self.weight.shape()?.0)
    }

    fn kernel(&self, rows: [Values<'_>; 1]) -> Result<Vec<f32>> {
        self.kernel_on(1, rows)
    }

    /// `(rows, inputs)` -> `(rows, outputs)`.
    fn kernel_on(&self, threads: usize, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let mut output = vec![0.0; rows.values.len() / rows.columns * self.weight.shape()?.0];
        self.project(&mut output, rows.values, threads, None)?;
        Ok(output)
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, [rows]: [CudaRows<'_>; 1]) -> Result<Option<CudaStorage>> {
        let Weight::Device(weight) = &*self.weight else { return Ok(None) };
        // A bias is the type of the rows already where the model computes in it.
        let bias = self.bias.as_ref().map(|bias| bias.to_dtype(rows.numbers())).transpose()?;
        weight.project(rows, bias.as_ref())
    }

    fn reference(&self, [rows]: [&Tensor; 1]) -> Result<Tensor> {
        let product = rows.matmul(&like(&self.weight.tensor()?, rows)?.t()?)?;
        Ok(match &self.bias {
            Some(bias) => product.broadcast_add(&like(bias, rows)?)?,
            None => product,
        })
    }

    fn backward(&self, [_]: [&Tensor; 1], gradient: &Tensor) -> Result<[Tensor; 1]> {
        #[cfg(feature = "cuda")]
        if let Weight::Device(weight) = &*self.weight
            && let Some(product) = weight.project_back(gradient)?
        {
            return Ok([product]);
        }
        if !gradient.device().is_cpu() || gradient.dtype() != DType::F32 {
            return Ok([gradient.matmul(&like(&self.weight.tensor()?, gradient)?)?]);
        }
        let product = lend(&gradient.contiguous()?, |gradient| self.product(gradient))??;
        Ok([Tensor::from_vec(product, (gradient.dim(0)?, self.weight.shape()?.1), gradient.device())?])
    }
}
