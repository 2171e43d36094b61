//! What rotary positions are made of.

/// Positions as rotations of queries and keys (Su et al. 2021, "RoFormer").
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RotarySettings {
    /// The columns of a head that are rotated, its first ones.
    pub rotary_dim: usize,
    /// Whether adjacent columns are rotated together (RoFormer, GPT-J); else columns that are half of `rotary_dim`
    /// apart (GPT-NeoX, Llama).
    pub interleaved: bool,
    /// The base of the frequencies: pair `i` has the frequency `theta^(-2i / rotary_dim)`.
    pub theta: f64,
    /// How frequencies are changed for texts that are longer than those the model was first trained on.
    pub scaling: RotaryScaling,
    /// What cosines and sines are multiplied by.
    pub amplitude: f32,
    /// Whether the module that gives the cosines has one for each pair of columns; else it has the same one for both.
    pub by_pair: bool,
}

/// Ways to change the frequencies of rotary positions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RotaryScaling {
    /// None.
    None,
    /// All of them are divided by one factor (Chen et al. 2023, "Position Interpolation").
    Linear {
        /// The factor.
        factor: f64,
    },
    /// A larger base for texts that are longer than `positions` ("NTK-aware", growing with the text).
    Dynamic {
        /// How fast the base grows with the length.
        factor: f64,
        /// The length up to which nothing changes.
        positions: usize,
    },
    /// Low frequencies are divided by a factor, high ones are not, and those between are interpolated (Llama 3.1).
    Llama3 {
        /// The factor of low frequencies.
        factor: f64,
        /// A frequency is low where `positions` over its wavelength is less than this.
        low: f64,
        /// A frequency is high where `positions` over its wavelength is more than this.
        high: f64,
        /// The length that the model was first trained on.
        positions: f64,
    },
    /// The same with a linear ramp over the pairs of columns (Peng et al. 2023, "YaRN").
    Yarn {
        /// The factor of low frequencies.
        factor: f64,
        /// The pair where the ramp begins.
        low: f64,
        /// The pair where it ends.
        high: f64,
    },
    /// Only the first pairs turn, with the frequencies that they have among all; those are divided by a factor (Gemma 4).
    Proportional {
        /// How many pairs turn.
        pairs: usize,
        /// The factor.
        factor: f64,
    },
    /// A factor for each frequency (Ding et al. 2024, "LongRoPE").
    LongRope {
        /// For texts up to `positions`.
        short: Vec<f32>,
        /// For longer ones.
        long: Vec<f32>,
        /// The length that the model was first trained on.
        positions: usize,
    },
}
