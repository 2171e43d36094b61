//! Short causal convolutions of each column, along the rows of each text.

use std::ops::Range;
use std::sync::Arc;

use candle_core::Tensor;

use super::operation::{Operation, Values, lend, like, unrounded};
use crate::error::Result;
use crate::kernels::short_convolution;

/// For each column the sum of its last values in the text, as many as there are taps, each times a weight.
#[derive(Debug, Clone)]
pub(crate) struct ShortConvolution {
    /// `(taps, columns)`, that of the latest value last.
    weight: Tensor,
    texts: Arc<[Range<usize>]>,
}

impl ShortConvolution {
    /// With the weight `(taps, columns)`, for texts that are ranges of rows.
    pub fn new(weight: &Tensor, texts: &Arc<[Range<usize>]>) -> Self {
        Self { weight: weight.clone(), texts: Arc::clone(texts) }
    }
}

impl Operation<1> for ShortConvolution {
    const NAME: &'static str = "short_convolution";

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        lend(&self.weight, |weight| short_convolution(rows.values, weight, rows.columns, &self.texts))
    }

    fn reference(&self, rows: [&Tensor; 1]) -> Result<Tensor> {
        unrounded(rows, |[rows]| {
            let (count, taps) = (rows.dim(0)?, self.weight.dim(0)?);
            let weight = like(&self.weight, rows)?;
            // A row of zeros stands for those before a text.
            let padded = rows.pad_with_zeros(0, 0, 1)?;
            let mut sum = rows.broadcast_mul(&weight.get(taps - 1)?)?;
            for back in 1..taps {
                let places = self.texts.iter().flat_map(|text| {
                    let earlier = move |row: usize| if row >= text.start + back { row - back } else { count };
                    text.clone().map(move |row| earlier(row) as u32)
                });
                let places = Tensor::from_iter(places, rows.device())?;
                let earlier = padded.index_select(&places, 0)?;
                sum = (sum + earlier.broadcast_mul(&weight.get(taps - 1 - back)?)?)?;
            }
            Ok(sum)
        })
    }
}
