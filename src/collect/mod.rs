//! From texts to rows: the model runs over texts, and what its modules or its head give becomes the rows of a matrix.

mod activations;
mod logits;
mod options;

pub use logits::LogitsOptions;
pub use options::CollectOptions;
