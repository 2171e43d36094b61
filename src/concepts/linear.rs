//! Linear concepts: `codes = (row - mean) components^T + bias`, `row = codes mixing + mean`.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use std::sync::Arc;

use safetensors::Dtype;

use super::tensors::{NamedTensor, Tensors};
use super::{Codes, Decoder, DenseCodes, Encoder, LinearEncoder, SparseCodes};
use crate::error::{Error, ErrorCode, Result};
use crate::linalg::{times_transposed, vectorised};
use crate::memory::filled;

/// The parameters of linear concepts.
#[derive(Debug)]
pub(super) struct Parts {
    /// The mean of each column, in f64, so that large means do not cost precision.
    pub(super) mean: Vec<f64>,
    /// The weights that compute each code from a centred row, (concepts, columns).
    pub(super) components: Vec<f32>,
    /// The bias of each code; empty means zero.
    pub(super) bias: Vec<f32>,
    /// Whether negative codes become zero (ReLU).
    pub(super) rectified: bool,
    /// The dictionary, (concepts, columns): what one unit of each concept adds to a row.
    pub(super) mixing: Vec<f32>,
}

/// A model of linear concepts; several methods give one.
#[derive(Debug)]
pub struct LinearModel {
    method: &'static str,
    parts: Parts,
    /// The transpose of `mixing`, (columns, concepts), for the matrix product that decodes.
    mixing_transposed: Vec<f32>,
}

/// How many rows are encoded at a time: centred, they fit in the cache of a core. Their number does not change the codes.
const TILE: usize = 256;
/// How many rows are dense at a time, before their codes become sparse.
const SPARSE_TILE: usize = 64;

impl LinearModel {
    pub(super) fn new(method: &'static str, parts: Parts) -> Self {
        let columns = parts.mean.len();
        let concepts = parts.mixing.len() / columns;
        let transposed =
            (0..columns * concepts).map(|index| parts.mixing[index % concepts * columns + index / concepts]).collect();
        Self { method, parts, mixing_transposed: transposed }
    }

    /// Reads the model from the tensors of a file.
    pub(super) fn read(method: &'static str, tensors: &Tensors<'_>) -> Result<Arc<dyn Encoder>> {
        let shape = tensors.matrix_shape("components")?;
        let parts = Parts {
            components: tensors.f32("components", &shape)?,
            mixing: tensors.f32("mixing", &shape)?,
            mean: tensors.f64("mean", &shape[1..])?,
            bias: if tensors.has("bias") { tensors.f32("bias", &shape[..1])? } else { Vec::new() },
            rectified: tensors.has("rectified"),
        };
        Ok(Arc::new(Self::new(method, parts)))
    }
}

/// Subtracts the means in f64, so that large means do not cost precision, and stores the difference in f32.
pub(super) fn centre(rows: &[f32], mean: &[f64], centred: &mut Vec<f32>) {
    centred.resize(rows.len(), 0.0);
    vectorised(
        #[inline(always)]
        || {
            for (row, centred) in rows.chunks_exact(mean.len()).zip(centred.chunks_exact_mut(mean.len())) {
                for ((centred, &value), mean) in centred.iter_mut().zip(row).zip(mean) {
                    *centred = (f64::from(value) - mean) as f32;
                }
            }
        },
    );
}

impl Encoder for LinearModel {
    fn method(&self) -> &str {
        self.method
    }

    fn concept_count(&self) -> usize {
        self.parts.components.len() / self.parts.mean.len()
    }

    fn input_width(&self) -> usize {
        self.parts.mean.len()
    }

    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let (columns, concepts) = (self.input_width(), self.concept_count());
        let mut centred = filled(0.0, rows.len().min(TILE * columns)).ok_or_else(|| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory to encode rows of {columns} columns"))
                .hint("free some memory")
        })?;
        for (rows, out) in rows.chunks(TILE * columns).zip(out.chunks_mut(TILE * concepts)) {
            centre(rows, &self.parts.mean, &mut centred);
            times_transposed(out, &centred, &self.parts.components, columns)?;
            if !self.parts.bias.is_empty() {
                for codes in out.chunks_exact_mut(concepts) {
                    codes.iter_mut().zip(&self.parts.bias).for_each(|(code, bias)| *code += bias);
                }
            }
            if self.parts.rectified {
                // NaN stays NaN: it is reported later as an error, and must not become a zero.
                out.iter_mut().filter(|code| **code < 0.0).for_each(|code| *code = 0.0);
            }
        }
        Ok(())
    }

    fn codes(&self, rows: &[f32]) -> Result<Codes> {
        let (columns, concepts) = (self.input_width(), self.concept_count());
        if !self.parts.rectified {
            return DenseCodes::of(self, rows).map(Codes::Dense);
        }
        // Most codes after a ReLU are zero.
        let mut sparse = SparseCodes::new(concepts)?;
        let mut codes = vec![0.0; SPARSE_TILE.min(rows.len() / columns) * concepts];
        for rows in rows.chunks(SPARSE_TILE * columns) {
            let codes = &mut codes[..rows.len() / columns * concepts];
            self.encode(rows, codes)?;
            for codes in codes.chunks_exact(concepts) {
                sparse.push_row((0..).zip(codes.iter().copied()).filter(|(_, code)| *code != 0.0))?;
            }
        }
        Ok(Codes::Sparse(sparse))
    }

    fn tensors(&self) -> Vec<NamedTensor<'_>> {
        let shape = vec![self.concept_count(), self.input_width()];
        let f32s =
            |name, shape, values| NamedTensor { name, dtype: Dtype::F32, shape, bytes: bytemuck::cast_slice(values) };
        let mut tensors = vec![
            f32s("components", shape.clone(), &self.parts.components),
            f32s("mixing", shape, &self.parts.mixing),
            NamedTensor {
                name: "mean",
                dtype: Dtype::F64,
                shape: vec![self.parts.mean.len()],
                bytes: bytemuck::cast_slice(&self.parts.mean),
            },
        ];
        if !self.parts.bias.is_empty() {
            tensors.push(f32s("bias", vec![self.parts.bias.len()], &self.parts.bias));
        }
        if self.parts.rectified {
            // The presence of the tensor is the flag; its value does not matter.
            tensors.push(NamedTensor { name: "rectified", dtype: Dtype::U8, shape: vec![1], bytes: &[1] });
        }
        tensors
    }

    fn linear(&self) -> Option<LinearEncoder<'_>> {
        let Parts { mean, components, bias, rectified, .. } = &self.parts;
        Some(LinearEncoder { offset: mean, weights: components, bias, rectified: *rectified })
    }

    fn decoder(&self) -> Option<&dyn Decoder> {
        Some(self)
    }
}

impl Decoder for LinearModel {
    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()> {
        let (columns, concepts) = (self.input_width(), self.concept_count());
        for (codes, out) in codes.chunks(TILE * concepts).zip(out.chunks_mut(TILE * columns)) {
            times_transposed(out, codes, &self.mixing_transposed, concepts)?;
            for row in out.chunks_exact_mut(columns) {
                row.iter_mut()
                    .zip(&self.parts.mean)
                    .for_each(|(value, mean)| *value = (f64::from(*value) + mean) as f32);
            }
        }
        Ok(())
    }

    fn dictionary(&self) -> &[f32] {
        &self.parts.mixing
    }
}
