//! Positions as rotations (Su et al. 2021, "RoFormer"), in the half-split layout of Llama.

use candle_core::{D, Device, Tensor};

use super::{values, vector, with_values};
use crate::error::Result;

/// The rotations of the rows of a batch.
#[derive(Debug)]
pub(crate) struct Rotary {
    /// `(rows, head_width / 2)`.
    cosines: Tensor,
    sines: Tensor,
    head_width: usize,
}

impl Rotary {
    /// The rotations for rows at these positions of their texts: pair `i` of a head of `head_width` columns turns
    /// by `position * theta^(-2i / head_width)`.
    pub fn new(positions: &[u32], theta: f32, head_width: usize, device: &Device) -> Result<Self> {
        let half = head_width / 2;
        // Rounded where PyTorch rounds, because at position 8000 a last digit of a frequency is visible.
        let frequencies: Vec<f32> = (0..half)
            .map(|index| (index * 2) as f32 / head_width as f32)
            .map(|exponent| f64::from(theta).powf(f64::from(exponent)) as f32)
            .map(|wave| 1.0 / wave)
            .collect();
        let count = positions.iter().max().map_or(0, |last| *last as usize + 1);
        let angles =
            (0..count).flat_map(|position| frequencies.iter().map(move |frequency| position as f32 * frequency));
        let (mut cosine_table, mut sine_table) = (Vec::with_capacity(count * half), Vec::with_capacity(count * half));
        for angle in angles {
            let (sine, cosine) = f64::from(angle).sin_cos();
            cosine_table.push(cosine as f32);
            sine_table.push(sine as f32);
        }
        let rows = |table: &[f32]| -> Result<Tensor> {
            let mut rows = Vec::with_capacity(positions.len() * half);
            for position in positions {
                let start = *position as usize * half;
                rows.extend_from_slice(&table[start..start + half]);
            }
            Ok(Tensor::from_vec(rows, (positions.len(), half), device)?)
        };
        Ok(Self { cosines: rows(&cosine_table)?, sines: rows(&sine_table)?, head_width })
    }

    /// The cosines as PyTorch has them, `(rows, head_width)`: the two halves are the same.
    pub fn cosines(&self) -> Result<Tensor> {
        Ok(Tensor::cat(&[&self.cosines, &self.cosines], 1)?)
    }

    /// Rotates each head of rows `(rows, heads * head_width)`.
    pub fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let width = rows.dim(1)?;
        let rotated = with_values(rows, |input| {
            values(&self.cosines, |cosines| {
                values(&self.sines, |sines| vector::rotate(input, cosines, sines, width, self.head_width))
            })?
        });
        match rotated {
            Some(result) => Ok(Tensor::from_vec(result?, rows.shape(), rows.device())?),
            None => self.composed(rows, width),
        }
    }

    fn composed(&self, rows: &Tensor, width: usize) -> Result<Tensor> {
        let half = self.head_width / 2;
        let heads = rows.reshape(((), width / self.head_width, self.head_width))?;
        let (first, second) = (heads.narrow(D::Minus1, 0, half)?, heads.narrow(D::Minus1, half, half)?);
        let (cosines, sines) = (self.cosines.unsqueeze(1)?, self.sines.unsqueeze(1)?);
        let first_turned = (first.broadcast_mul(&cosines)? - second.broadcast_mul(&sines)?)?;
        let second_turned = (second.broadcast_mul(&cosines)? + first.broadcast_mul(&sines)?)?;
        Ok(Tensor::cat(&[first_turned, second_turned], D::Minus1)?.reshape(((), width))?)
    }
}
