//! Concepts: what activations are made of.
//!
//! A method fits a [`ConceptModel`] on rows and knows nothing of transformers. An [`Explainer`] is a fitted model with the
//! report of its fit; it encodes rows into concepts, decodes them back, and is saved and opened as one file.

mod explainer;
mod ica;

use std::fmt;

pub use explainer::{Explainer, FitReport, NamedTensor};
pub use ica::{Algorithm, Contrast, Ica, IcaOptions};

use crate::error::Result;

/// What a method has found: a map from rows to concepts and back.
pub trait ConceptModel: fmt::Debug + Send + Sync {
    /// The name of the method, as files have it.
    fn method(&self) -> &'static str;

    /// How many concepts there are.
    fn concept_count(&self) -> usize;

    /// How many columns the rows have.
    fn input_width(&self) -> usize;

    /// Encodes rows, (n, input width), into `out`, (n, concepts). The lengths were checked. The codes of a row must not
    /// depend on the other rows.
    ///
    /// # Errors
    /// Those of the method.
    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()>;

    /// Decodes concepts, (n, concepts), into `out`, (n, input width). The lengths were checked.
    ///
    /// # Errors
    /// Those of the method.
    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()>;

    /// The dictionary, (concepts, input width).
    fn dictionary(&self) -> &[f32];

    /// What a file must hold to make the model again.
    fn tensors(&self) -> Vec<NamedTensor<'_>>;
}
