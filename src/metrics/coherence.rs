//! Whether the inputs that excite a concept belong together.

use serde::Serialize;

use crate::concepts::Explainer;
use crate::error::{Error, ErrorCode, Result};
use crate::interpret::Interpretation;
use crate::rows::{Activations, Rows};

/// How alike the rows of a concept's inputs are, by the cosine between them when the mean of all rows is subtracted: rows that are drawn by
/// chance have 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coherence {
    /// The mean over the concepts that have at least two inputs.
    pub mean: f64,
    /// The mean cosine between each two inputs of the positive pole, of each interpreted concept; NaN for fewer than two.
    pub concepts: Vec<f64>,
}

pub(super) fn measure(
    meaning: &Interpretation,
    explainer: &Explainer,
    rows: &Activations,
    means: &[f64],
) -> Result<Coherence> {
    let mut found = Vec::new();
    for inputs in meaning.concepts() {
        if inputs.concept >= explainer.concept_count() {
            return Err(mismatch(format!(
                "the interpretation has a concept {}, the explainer has none",
                inputs.concept
            )));
        }
        let (mut scratch, mut sum, mut count) = (Vec::new(), vec![0.0; means.len()], 0.0);
        for input in &inputs.positive {
            if input.row >= rows.row_count() {
                return Err(mismatch(format!("the interpretation names row {}, the activations have none", input.row)));
            }
            let row = Rows::tile(rows, input.row, 1, &mut scratch)?;
            let centred: Vec<f64> = row.iter().zip(means).map(|(value, mean)| f64::from(*value) - mean).collect();
            let norm = centred.iter().map(|value| value * value).sum::<f64>().sqrt();
            if norm > 0.0 {
                sum.iter_mut().zip(&centred).for_each(|(sum, value)| *sum += value / norm);
                count += 1.0;
            }
        }
        // The squared norm of a sum of unit vectors is their number and twice the sum of the cosines between them.
        let square: f64 = sum.iter().map(|value| value * value).sum();
        found.push(if count < 2.0 { f64::NAN } else { (square - count) / (count * (count - 1.0)) });
    }
    let known: Vec<f64> = found.iter().copied().filter(|cosine| !cosine.is_nan()).collect();
    Ok(Coherence { mean: known.iter().sum::<f64>() / known.len() as f64, concepts: found })
}

fn mismatch(message: String) -> Error {
    Error::new(ErrorCode::Mismatch, message)
        .hint("give the interpretation that was made with this explainer and these activations")
}
