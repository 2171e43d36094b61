//! What rotary positions are made of.

/// Positions as rotations of queries and keys (Su et al. 2021, "RoFormer").
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RotarySettings {
    /// The columns of a head that are rotated, its first ones.
    pub rotary_dim: usize,
    /// Whether a column is rotated with its neighbour (RoFormer, GPT-J); else with the one half of `rotary_dim` further
    /// (GPT-NeoX, Llama).
    pub interleaved: bool,
    /// The base of the wave lengths.
    pub theta: f64,
    /// How wave lengths are changed for texts that are longer than those the model was first trained on.
    pub scaling: RotaryScaling,
    /// What cosines and sines are multiplied by.
    pub amplitude: f32,
}

/// Ways to change the wave lengths of rotary positions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RotaryScaling {
    /// None.
    None,
    /// All of them, by one factor (Chen et al. 2023, "Position Interpolation").
    Linear {
        /// The factor.
        factor: f64,
    },
    /// A larger base for texts that are longer than `positions` ("NTK-aware", growing with the text).
    Dynamic {
        /// How fast the base grows.
        factor: f64,
        /// Texts up to here are left alone.
        positions: usize,
    },
    /// Long waves by a factor, short ones not, those between a bit (Llama 3.1).
    Llama3 {
        /// The factor of long waves.
        factor: f64,
        /// `positions` over the wave length from which waves are long.
        low: f64,
        /// `positions` over the wave length up to which waves are short.
        high: f64,
        /// The length of the first training texts.
        positions: f64,
    },
    /// The same with a ramp over the columns (Peng et al. 2023, "YaRN").
    Yarn {
        /// The factor of long waves.
        factor: f64,
        /// The column where the ramp begins.
        low: f64,
        /// The column where it ends.
        high: f64,
    },
    /// A factor for each wave (Ding et al. 2024, "LongRoPE").
    PerWave {
        /// For texts up to `positions`.
        short: Vec<f32>,
        /// For longer ones.
        long: Vec<f32>,
        /// The length of the first training texts.
        positions: usize,
    },
}
