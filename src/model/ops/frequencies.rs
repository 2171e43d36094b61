//! The frequencies of rotary positions.

use std::f32::consts::PI;

use crate::model::blueprint::{RotaryScaling, RotarySettings};

impl RotarySettings {
    /// A number that tells texts apart whose frequencies differ by their length.
    pub fn regime(&self, length: usize) -> usize {
        match &self.scaling {
            RotaryScaling::Dynamic { positions, .. } => length.max(*positions),
            RotaryScaling::LongRope { positions, .. } => usize::from(length > *positions),
            _ => 0,
        }
    }

    /// The angle by which each pair of columns is rotated from one position to the next, in a text of `length` tokens:
    /// for pair `i` of `rotary_dim` columns `theta^(-2i / rotary_dim)`, changed as the scaling says.
    ///
    /// Rounded where PyTorch rounds, because at position 8000 a last digit of a frequency is visible.
    pub fn frequencies(&self, length: usize) -> Vec<f32> {
        let exponents = (0..self.rotary_dim.div_ceil(2)).map(|index| (index * 2) as f32 / self.rotary_dim as f32);
        let waves = |theta: f64| {
            let theta = f64::from(theta as f32);
            exponents.clone().map(move |exponent| theta.powf(f64::from(exponent)) as f32)
        };
        let plain = || waves(self.theta).map(|wave| 1.0 / wave);
        match &self.scaling {
            RotaryScaling::None => plain().collect(),
            RotaryScaling::Linear { factor } => plain().map(|frequency| frequency / *factor as f32).collect(),
            RotaryScaling::Dynamic { factor, positions } => {
                let (length, positions, width) =
                    (length.max(*positions) as f64, *positions as f64, self.rotary_dim as f64);
                let growth = factor * length / positions - (factor - 1.0);
                waves(self.theta * growth.powf(width / (width - 2.0))).map(|wave| 1.0 / wave).collect()
            }
            RotaryScaling::Llama3 { factor, low, high, positions } => {
                let factor = *factor as f32;
                let change = |frequency: f32| {
                    let wave = 2.0 * PI / frequency;
                    if wave > (positions / low) as f32 {
                        frequency / factor
                    } else if wave < (positions / high) as f32 {
                        frequency
                    } else {
                        let smooth = (*positions as f32 / wave - *low as f32) / (high - low) as f32;
                        (1.0 - smooth) * frequency / factor + smooth * frequency
                    }
                };
                plain().map(change).collect()
            }
            RotaryScaling::Yarn { factor, low, high } => {
                let ramp = |index: usize| ((index as f32 - *low as f32) / (high - low) as f32).clamp(0.0, 1.0);
                let change = |(index, wave): (usize, f32)| {
                    let kept = 1.0 - ramp(index);
                    1.0 / (*factor as f32 * wave) * (1.0 - kept) + 1.0 / wave * kept
                };
                waves(self.theta).enumerate().map(change).collect()
            }
            RotaryScaling::Proportional { pairs, factor } => {
                let change = |(index, frequency)| if index < *pairs { frequency / *factor as f32 } else { 0.0 };
                plain().enumerate().map(change).collect()
            }
            RotaryScaling::LongRope { short, long, positions } => {
                let factors = if length > *positions { long } else { short };
                waves(self.theta).zip(factors).map(|(wave, factor)| 1.0 / (factor * wave)).collect()
            }
        }
    }
}
