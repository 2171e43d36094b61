//! Sparse autoencoders: many concepts, of which a row has few.
//!
//! An autoencoder encodes `codes = activation(encoder (normalised row - offset) + bias)` and reconstructs the row from
//! `codes dictionary + output offset`. A transcoder does so with rows of another split point as its output. The kinds differ in
//! their activation ([`SaeActivation`]); a trained one, and one that somebody published, are the same [`SparseAutoencoder`].

mod activation;
mod model;
mod normalisation;
mod parts;
mod stored;
#[cfg(test)]
mod tests;
mod train;

pub use activation::SaeActivation;
pub use model::SparseAutoencoder;
pub use normalisation::InputNormalisation;
pub use parts::AutoencoderParts;
pub use train::{Sae, SaeKind, SaeOptions, ThresholdKernel};

/// The name of the method in files.
pub(super) const NAME: &str = "sae";
