//! What concepts mean, in words.

mod interpretation;
mod top_inputs;

pub use interpretation::{ConceptInputs, Input, Interpretation, Pole};
pub use top_inputs::TopInputs;
