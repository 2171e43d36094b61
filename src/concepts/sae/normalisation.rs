//! The normalisation of a row before it is encoded, and back after it is decoded.

/// How a sparse autoencoder normalises a row before anything else. What it reconstructs is brought back to the scale of the row,
/// unless it is a transcoder. A factor that is the same for all rows is not here: it is folded into the weights
/// ([`crate::AutoencoderParts::fold_factors`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InputNormalisation {
    /// A row stays as it is.
    #[default]
    None,
    /// A row is scaled to the norm `sqrt(columns)` (`constant_norm_rescale` of SAELens).
    ConstantNorm,
    /// The mean of a row is subtracted, and it is divided by its standard deviation, that of a sample, and 1e-5
    /// (`layer_norm` of SAELens).
    LayerNorm,
}

/// What is added to the standard deviation that a row is divided by.
const EPSILON: f64 = 1e-5;

/// What brings a normalised row back: `row = normalised * scale + mean`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) mean: f64,
    pub(super) scale: f64,
}

impl InputNormalisation {
    /// Normalises a row, and says what brings it back. A row of zeros stays one.
    pub(super) fn apply(self, row: &mut [f32]) -> Scale {
        let columns = row.len() as f64;
        match self {
            Self::None => Scale { mean: 0.0, scale: 1.0 },
            Self::ConstantNorm => {
                let squares: f64 = row.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
                let scale = (squares / columns).sqrt();
                if scale > 0.0 {
                    row.iter_mut().for_each(|value| *value = (f64::from(*value) / scale) as f32);
                }
                Scale { mean: 0.0, scale }
            }
            Self::LayerNorm => {
                let mean = row.iter().copied().map(f64::from).sum::<f64>() / columns;
                let squares: f64 = row.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum();
                let scale = (squares / (columns - 1.0)).sqrt();
                row.iter_mut().for_each(|value| *value = ((f64::from(*value) - mean) / (scale + EPSILON)) as f32);
                Scale { mean, scale }
            }
        }
    }
}

impl Scale {
    /// Brings a normalised row back.
    pub(super) fn undo(self, row: &mut [f32]) {
        row.iter_mut().for_each(|value| *value = (f64::from(*value) * self.scale + self.mean) as f32);
    }
}
