//! Positions as rotations (Su et al. 2021, "RoFormer").

use std::ops::Range;

use candle_core::{D, Device, Tensor};

use super::{values, vector, with_values};
use crate::error::Result;
use crate::model::blueprint::{RotaryPairs, RotarySettings};

/// The rotations of the rows of a batch.
#[derive(Debug)]
pub(crate) struct Rotary {
    /// `(rows, turned / 2)`.
    cosines: Tensor,
    sines: Tensor,
    /// The columns of a head that turn, its first ones.
    turned: usize,
    pairs: RotaryPairs,
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
        let (cosines, sines) = (tensor(cosines)?, tensor(sines)?);
        Ok(Self { cosines, sines, turned: settings.width, pairs: settings.pairs })
    }

    /// The cosines as PyTorch has them, `(rows, turned)`: the same for both columns of a pair.
    pub fn cosines(&self) -> Result<Tensor> {
        Ok(match self.pairs {
            RotaryPairs::Halves => Tensor::cat(&[&self.cosines, &self.cosines], 1)?,
            RotaryPairs::Neighbours => Tensor::stack(&[&self.cosines, &self.cosines], 2)?.flatten_from(1)?,
        })
    }

    /// Rotates each head of rows `(rows, heads * head_width)`.
    pub fn forward(&self, rows: &Tensor, head_width: usize) -> Result<Tensor> {
        let width = rows.dim(1)?;
        let rotated = with_values(rows, |input| {
            values(&self.cosines, |cosines| {
                values(&self.sines, |sines| {
                    vector::rotate(input, cosines, sines, width, head_width, self.turned, self.pairs)
                })
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
        let turning = heads.narrow(D::Minus1, 0, self.turned)?;
        let (first, second) = match self.pairs {
            RotaryPairs::Halves => (turning.narrow(D::Minus1, 0, half)?, turning.narrow(D::Minus1, half, half)?),
            RotaryPairs::Neighbours => {
                let pairs = turning.reshape(((), width / head_width, half, 2))?;
                (pairs.narrow(D::Minus1, 0, 1)?.squeeze(3)?, pairs.narrow(D::Minus1, 1, 1)?.squeeze(3)?)
            }
        };
        let rest = heads.narrow(D::Minus1, self.turned, head_width - self.turned)?;
        let (cosines, sines) = (self.cosines.unsqueeze(1)?, self.sines.unsqueeze(1)?);
        let first_turned = (first.broadcast_mul(&cosines)? - second.broadcast_mul(&sines)?)?;
        let second_turned = (second.broadcast_mul(&cosines)? + first.broadcast_mul(&sines)?)?;
        let turned = match self.pairs {
            RotaryPairs::Halves => Tensor::cat(&[first_turned, second_turned], D::Minus1)?,
            RotaryPairs::Neighbours => Tensor::stack(&[first_turned, second_turned], 3)?.flatten_from(2)?,
        };
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Device, Rotary, RotaryPairs, RotarySettings, Tensor};
    use crate::model::blueprint::RotaryScaling;

    const HEAD_WIDTH: usize = 8;

    fn rotary(pairs: RotaryPairs, width: usize) -> Rotary {
        let settings = RotarySettings { width, pairs, theta: 100.0, scaling: RotaryScaling::None, amplitude: 1.0 };
        Rotary::new(&[0..3, 3..5], &settings, &Device::Cpu).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn rows() -> Tensor {
        let values: Vec<f32> = (0_u8..80).map(|number| (f32::from(number) * 0.7).sin()).collect();
        Tensor::from_vec(values, (5, 2 * HEAD_WIDTH), &Device::Cpu).unwrap()
    }

    #[test]
    fn one_loop_and_whole_tensors_turn_alike() {
        for pairs in [RotaryPairs::Halves, RotaryPairs::Neighbours] {
            for width in [HEAD_WIDTH, 4] {
                let rotary = rotary(pairs, width);
                let ours = rotary.forward(&rows(), HEAD_WIDTH).unwrap();
                let theirs = rotary.composed(&rows(), 2 * HEAD_WIDTH, HEAD_WIDTH).unwrap();
                assert_eq!(ours.dims(), theirs.dims());
                let far =
                    values(&ours).iter().zip(&values(&theirs)).fold(0.0_f32, |far, (a, b)| far.max((a - b).abs()));
                assert!(far < 1e-6, "{pairs:?} of {width}: {far:e}");
            }
        }
    }

    #[test]
    fn neighbours_turn_by_the_angle_of_their_pair_and_the_rest_stays() {
        let (before, after) = (rows(), rotary(RotaryPairs::Neighbours, 4).forward(&rows(), HEAD_WIDTH).unwrap());
        let (before, after) = (values(&before), values(&after));
        // Row 2 is at position 2; its second head begins at column 8. The second pair turns by 2 / sqrt(100).
        let (first, second) = (before[2 * 16 + 8 + 2], before[2 * 16 + 8 + 3]);
        let (sine, cosine) = 0.2_f32.sin_cos();
        assert!((after[2 * 16 + 8 + 2] - (first * cosine - second * sine)).abs() < 1e-6);
        assert!((after[2 * 16 + 8 + 3] - (second * cosine + first * sine)).abs() < 1e-6);
        assert_eq!(after[2 * 16 + 12..2 * 16 + 16], before[2 * 16 + 12..2 * 16 + 16]);
        // Row 3 is the first of the second text: nothing turns.
        assert_eq!(after[3 * 16..4 * 16], before[3 * 16..4 * 16]);
    }
}
