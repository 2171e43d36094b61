//! From texts to rows: the model runs over inputs, and what its modules or its head give becomes the rows of a matrix.

mod activations;
mod ahead;
mod device;
mod estimate;
mod interventions;
mod logits;
mod options;
mod read_rows;
mod run;
mod stream;
mod text_rows;
mod transfer;
mod twins;

pub use activations::InputSource;
pub use estimate::Estimate;
pub use interventions::Interventions;
pub use logits::LogitsOptions;
pub use options::{CollectOptions, OnLongText};
pub use text_rows::TextRows;
