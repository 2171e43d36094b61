//! Concepts: what activations are made of.
//!
//! A [`Method`] fits an [`Encoder`] on rows and knows nothing of transformers. An [`Explainer`] is a fitted encoder with the
//! report of its fit; it encodes rows into concepts, decodes them back where its model is a [`Decoder`], and is saved and
//! opened as one file. A method is one file or folder here and one line in `registry.rs`.

mod codes;
mod dictionary;
mod directions;
mod explainer;
mod file;
mod ica;
mod linear;
mod pca;
mod registry;
mod report;

use std::fmt;

use serde::Serialize;

pub use codes::{Codes, DenseCodes, RowCodes, SparseCodes};
pub use dictionary::Dictionary;
pub use explainer::Explainer;
pub use file::NamedTensor;
pub use ica::{Algorithm, Contrast, Ica, IcaOptions};
pub use pca::{Pca, PcaOptions};
pub use report::{FitReport, Measure};

use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;

/// A map from rows to concepts.
pub trait Encoder: fmt::Debug + Send + Sync {
    /// The name of the method, as files have it.
    fn method(&self) -> &str;

    /// How many columns the rows have.
    fn input_width(&self) -> usize;

    /// How many concepts there are.
    fn concept_count(&self) -> usize;

    /// Encodes rows, (n, input width), into `out`, (n, concepts). The lengths were checked. The codes of a row must not
    /// depend on the other rows.
    ///
    /// # Errors
    /// Those of the method.
    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()>;

    /// The codes of rows, (n, input width), as the method has them: sparse where most are zero. The same numbers as those of
    /// [`Encoder::encode`].
    ///
    /// # Errors
    /// Those of the method.
    fn codes(&self, rows: &[f32]) -> Result<Codes> {
        DenseCodes::of(self, rows).map(Codes::Dense)
    }

    /// What a file must hold to make the model again.
    fn tensors(&self) -> Vec<NamedTensor<'_>>;

    /// The way back from concepts to rows; `None` where there is none, as for a probe.
    fn decoder(&self) -> Option<&dyn Decoder> {
        None
    }
}

/// A map from rows to concepts and back.
pub trait Decoder: Encoder {
    /// Decodes concepts, (n, concepts), into `out`, (n, input width). The lengths were checked.
    ///
    /// # Errors
    /// Those of the method.
    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()>;

    /// The dictionary, (concepts, input width): what one unit of each concept adds to a row.
    fn dictionary(&self) -> &[f32];
}

/// A way to find concepts in rows.
pub trait Method {
    /// The name that files have.
    const NAME: &'static str;

    /// How the concepts are found.
    type Options: Serialize;

    /// What is found.
    type Model: Encoder + 'static;

    /// Finds concepts in rows. Every sum over rows goes through [`Rows::reduce`], so that rows may be spread over processes.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for options that cannot be, [`crate::ErrorCode::InvalidData`],
    /// [`crate::ErrorCode::Cancelled`], and those of the method.
    fn fit(rows: &dyn Rows, options: &Self::Options, control: &Control) -> Result<(Self::Model, FitReport)>;
}
