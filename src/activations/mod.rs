//! The (n, d) matrix of activations: one row per unit of text, with what each row stands for.

mod collect;
mod folder;
mod logits;
mod manifest;
mod matrix;
mod options;
mod provenance;
mod storage;
mod tables;
mod writer;

pub use logits::LogitsOptions;
pub use matrix::Activations;
pub(crate) use matrix::check_unit_count;
pub use options::CollectOptions;
pub use provenance::Provenance;
pub use storage::ForeignRows;
