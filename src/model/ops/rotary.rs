//! Positions as rotations (Su et al. 2021, "RoFormer").

use std::ops::Range;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{D, Device, Tensor};

use super::operation::{Operation, Values, lend, like, unrounded};
use super::selection::RowSelection;
#[cfg(feature = "cuda")]
use crate::cuda::{self, CudaRows};
use crate::error::Result;
use crate::kernels::{Rotation, rotate};
use crate::model::blueprint::RotarySettings;

/// The rotations of the rows of a batch, made once for a pass.
#[derive(Debug, Clone)]
#[allow(clippy::struct_field_names, reason = "`rotary_dim` is what everybody calls it")]
pub(crate) struct Rotary {
    /// `(rows, rotary_dim / 2)`.
    cosines: Tensor,
    sines: Tensor,
    rotary_dim: usize,
    interleaved: bool,
    by_pair: bool,
}

/// The cosines and sines of every position, for texts of one regime.
struct Table {
    regime: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rotary {
    /// The rotations for the rows of `texts`, each of which begins at position 0. To a device go those of each position,
    /// which it copies to the rows.
    pub fn new(texts: &[Range<usize>], settings: &RotarySettings, device: &Device) -> Result<Self> {
        let half = settings.rotary_dim.div_ceil(2);
        let mut rows: Vec<(usize, usize)> = Vec::with_capacity(texts.len());
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
            rows.push((table, text.len()));
        }
        let of_rows = |values: fn(&Table) -> &[f32]| -> Result<Tensor> {
            let all = tables.iter().map(values);
            if device.is_cpu() {
                let all: Vec<_> = all.collect();
                let parts: Vec<&[f32]> = rows.iter().map(|&(table, length)| &all[table][..length * half]).collect();
                let count: usize = rows.iter().map(|(_, length)| length).sum();
                return Ok(Tensor::from_vec(parts.concat(), (count, half), device)?);
            }
            let first = |table: usize| tables[..table].iter().map(|table| table.cosines.len() / half).sum::<usize>();
            let places = rows.iter().flat_map(|&(table, length)| (first(table) as u32..).take(length));
            let all = all.collect::<Vec<_>>().concat();
            let all = Tensor::from_slice(&all, (all.len() / half, half), device)?;
            let places: Vec<u32> = places.collect();
            Ok(all.index_select(&Tensor::from_slice(&places, places.len(), device)?, 0)?)
        };
        let (cosines, sines) = (of_rows(|table| &table.cosines)?, of_rows(|table| &table.sines)?);
        let &RotarySettings { rotary_dim, interleaved, by_pair, .. } = settings;
        Ok(Self { cosines, sines, rotary_dim, interleaved, by_pair })
    }

    /// The cosines as PyTorch has them, `(rows, rotary_dim)`: the same for both columns of a pair; or one for each pair.
    pub fn cosines(&self) -> Result<Tensor> {
        if self.by_pair {
            return Ok(self.cosines.clone());
        }
        let twice = [&self.cosines, &self.cosines];
        Ok(if self.interleaved { Tensor::stack(&twice, 2)?.flatten_from(1)? } else { Tensor::cat(&twice, 1)? })
    }

    /// The rotations of some of the rows.
    pub fn select(&self, rows: &RowSelection) -> Result<Self> {
        Ok(Self { cosines: rows.select(&self.cosines)?, sines: rows.select(&self.sines)?, ..self.clone() })
    }

    /// The operation that rotates each head of rows `(rows, heads * head_width)`.
    pub fn heads(&self, head_width: usize) -> RotateHeads {
        RotateHeads { rotary: self.clone(), head_width }
    }
}

/// The rotation of each head of some rows.
#[derive(Debug, Clone)]
pub(crate) struct RotateHeads {
    rotary: Rotary,
    head_width: usize,
}

impl RotateHeads {
    fn rotation(&self) -> Rotation {
        let Rotary { rotary_dim, interleaved, .. } = self.rotary;
        Rotation { head_width: self.head_width, rotary_dim, interleaved }
    }
}

impl Operation<1> for RotateHeads {
    const NAME: &'static str = "rotate";

    fn kernel(&self, [rows]: [Values<'_>; 1]) -> Result<Vec<f32>> {
        let Rotary { cosines, sines, .. } = &self.rotary;
        let rotation = self.rotation();
        lend(cosines, |cosines| lend(sines, |sines| rotate(rows.values, cosines, sines, rows.columns, rotation)))?
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, [rows]: [CudaRows<'_>; 1]) -> Result<Option<CudaStorage>> {
        let Rotary { cosines, sines, .. } = &self.rotary;
        cuda::rotate(rows, cosines, sines, self.rotation())
    }

    fn reference(&self, rows: [&Tensor; 1]) -> Result<Tensor> {
        unrounded(rows, |[rows]| self.rotated(rows))
    }

    /// The gradient is rotated back.
    fn backward(&self, _: [&Tensor; 1], gradient: &Tensor) -> Result<[Tensor; 1]> {
        let back = Rotary { sines: self.rotary.sines.neg()?, ..self.rotary.clone() };
        Ok([back.heads(self.head_width).reference([gradient])?])
    }
}

impl RotateHeads {
    fn rotated(&self, rows: &Tensor) -> Result<Tensor> {
        let Rotary { cosines, sines, rotary_dim, interleaved, .. } = &self.rotary;
        let (count, width) = rows.dims2()?;
        let (heads, half) = (width / self.head_width, rotary_dim / 2);
        let all = rows.reshape((count, heads, self.head_width))?;
        let rotated = all.narrow(D::Minus1, 0, *rotary_dim)?;
        let (first, second) = if *interleaved {
            let pairs = rotated.reshape((count, heads, half, 2))?;
            (pairs.narrow(D::Minus1, 0, 1)?.squeeze(3)?, pairs.narrow(D::Minus1, 1, 1)?.squeeze(3)?)
        } else {
            (rotated.narrow(D::Minus1, 0, half)?, rotated.narrow(D::Minus1, half, half)?)
        };
        let (cosines, sines) = (like(cosines, rows)?.unsqueeze(1)?, like(sines, rows)?.unsqueeze(1)?);
        let first_rotated = (first.broadcast_mul(&cosines)? - second.broadcast_mul(&sines)?)?;
        let second_rotated = (second.broadcast_mul(&cosines)? + first.broadcast_mul(&sines)?)?;
        let rotated = if *interleaved {
            Tensor::stack(&[first_rotated, second_rotated], 3)?.flatten_from(2)?
        } else {
            Tensor::cat(&[first_rotated, second_rotated], D::Minus1)?
        };
        let rest = all.narrow(D::Minus1, *rotary_dim, self.head_width - rotary_dim)?;
        let all = if *rotary_dim == self.head_width { rotated } else { Tensor::cat(&[rotated, rest], D::Minus1)? };
        Ok(all.reshape((count, width))?)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::model::blueprint::RotaryScaling;
    use crate::model::ops::Implementation;

    const HEAD_WIDTH: usize = 8;

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn neighbours_are_rotated_by_the_angle_of_their_pair_and_the_rest_stays() {
        let before: Vec<f32> = (0_u8..80).map(|number| (f32::from(number) * 0.7).sin()).collect();
        let rows = Tensor::from_slice(&before, (5, 2 * HEAD_WIDTH), &Device::Cpu).unwrap();
        let (rotary_dim, scaling) = (4, RotaryScaling::None);
        let settings =
            RotarySettings { rotary_dim, interleaved: true, theta: 100.0, scaling, amplitude: 1.0, by_pair: false };
        let rotary = Rotary::new(&[0..3, 3..5], &settings, &Device::Cpu).unwrap();
        let after = values(&Implementation::Kernels(DType::F32).unary(&rotary.heads(HEAD_WIDTH), &rows).unwrap());
        // Row 2 is at position 2; its second head begins at column 8. The second pair is rotated by 2 / sqrt(100).
        let (first, second) = (before[2 * 16 + 8 + 2], before[2 * 16 + 8 + 3]);
        let (sine, cosine) = 0.2_f32.sin_cos();
        assert!((after[2 * 16 + 8 + 2] - (first * cosine - second * sine)).abs() < 1e-6);
        assert!((after[2 * 16 + 8 + 3] - (second * cosine + first * sine)).abs() < 1e-6);
        assert_eq!(after[2 * 16 + 12..2 * 16 + 16], before[2 * 16 + 12..2 * 16 + 16]);
        // Row 3 is the first of the second text: nothing is rotated.
        assert_eq!(after[3 * 16..4 * 16], before[3 * 16..4 * 16]);
    }
}
