//! Positions as rotations (Su et al. 2021, "RoFormer"), in the half-split layout of Llama.

use std::ops::Range;

use candle_core::{D, Device, Tensor};

use super::{values, vector, with_values};
use crate::error::Result;
use crate::model::blueprint::RotarySettings;

/// The rotations of the rows of a batch.
#[derive(Debug)]
pub(crate) struct Rotary {
    /// `(rows, turned / 2)`.
    cosines: Tensor,
    sines: Tensor,
    /// The columns of a head that turn, its first ones.
    turned: usize,
}

/// The cosines and sines of every position, for texts of one regime.
struct Table {
    regime: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rotary {
    /// The rotations for the rows of `texts`, each of which begins at position 0.
    pub fn new(texts: &[Range<usize>], settings: &RotarySettings, device: &Device) -> Result<Self> {
        let half = settings.width.div_ceil(2);
        let rows = texts.iter().map(ExactSizeIterator::len).sum::<usize>();
        let (mut cosines, mut sines) = (Vec::with_capacity(rows * half), Vec::with_capacity(rows * half));
        let mut tables: Vec<Table> = Vec::new();
        for text in texts {
            let regime = settings.regime(text.len());
            let known = tables.iter().position(|table| table.regime == regime);
            let table = known.unwrap_or_else(|| {
                let same = texts.iter().filter(|other| settings.regime(other.len()) == regime);
                let longest = same.map(ExactSizeIterator::len).max().unwrap_or(0);
                tables.push(Table::new(settings, regime, text.len(), longest));
                tables.len() - 1
            });
            cosines.extend_from_slice(&tables[table].cosines[..text.len() * half]);
            sines.extend_from_slice(&tables[table].sines[..text.len() * half]);
        }
        let tensor = |values| Tensor::from_vec(values, (rows, half), device);
        Ok(Self { cosines: tensor(cosines)?, sines: tensor(sines)?, turned: settings.width })
    }

    /// The cosines as PyTorch has them, `(rows, turned)`: the two halves are the same.
    pub fn cosines(&self) -> Result<Tensor> {
        Ok(Tensor::cat(&[&self.cosines, &self.cosines], 1)?)
    }

    /// Rotates each head of rows `(rows, heads * head_width)`.
    pub fn forward(&self, rows: &Tensor, head_width: usize) -> Result<Tensor> {
        let width = rows.dim(1)?;
        let rotated = with_values(rows, |input| {
            values(&self.cosines, |cosines| {
                values(&self.sines, |sines| vector::rotate(input, cosines, sines, width, head_width, self.turned))
            })?
        });
        match rotated {
            Some(result) => Ok(Tensor::from_vec(result?, rows.shape(), rows.device())?),
            None => self.composed(rows, width, head_width),
        }
    }

    fn composed(&self, rows: &Tensor, width: usize, head_width: usize) -> Result<Tensor> {
        let half = self.turned / 2;
        let heads = rows.reshape(((), width / head_width, head_width))?;
        let (first, second) = (heads.narrow(D::Minus1, 0, half)?, heads.narrow(D::Minus1, half, half)?);
        let rest = heads.narrow(D::Minus1, self.turned, head_width - self.turned)?;
        let (cosines, sines) = (self.cosines.unsqueeze(1)?, self.sines.unsqueeze(1)?);
        let first_turned = (first.broadcast_mul(&cosines)? - second.broadcast_mul(&sines)?)?;
        let second_turned = (second.broadcast_mul(&cosines)? + first.broadcast_mul(&sines)?)?;
        let turned = Tensor::cat(&[first_turned, second_turned], D::Minus1)?;
        let turned = if self.turned == head_width { turned } else { Tensor::cat(&[turned, rest], D::Minus1)? };
        Ok(turned.reshape(((), width))?)
    }
}

impl Table {
    fn new(settings: &RotarySettings, regime: usize, length: usize, positions: usize) -> Self {
        let frequencies = settings.frequencies(length);
        let count = positions * frequencies.len();
        let (mut cosines, mut sines) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for position in 0..positions {
            for frequency in &frequencies {
                let (sine, cosine) = f64::from(position as f32 * frequency).sin_cos();
                cosines.push(cosine as f32 * settings.amplitude);
                sines.push(sine as f32 * settings.amplitude);
            }
        }
        Self { regime, cosines, sines }
    }
}
