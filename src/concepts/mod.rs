//! Concept methods: encoders that are fitted on rows, and explainers that hold them.
//!
//! A [`Method`] fits an [`Encoder`] on rows and does not depend on transformers. An [`Explainer`] is a fitted encoder
//! with the report of its fit. It encodes rows into concepts, decodes them where its model is a [`Decoder`], and is
//! saved as one file. A method is one file or folder in this module and one line in `registry.rs`.

mod backend;
mod codes;
mod convex_nmf;
mod device_codes;
#[cfg(test)]
pub(crate) mod device_tests;
mod dictionary;
mod dictionary_learning;
mod directions;
mod distribution;
mod encode;
mod explainer;
mod factors;
mod farthest;
mod file;
mod ica;
mod kmeans;
mod linear;
mod neurons;
mod nmf;
mod pca;
pub(crate) mod published;
mod random_directions;
mod randomised;
mod registry;
mod report;
mod sae;
mod sample;
mod semi_nmf;
mod sparse_pca;
mod svd;
mod tensors;

use std::fmt;

use serde::Serialize;

pub(crate) use backend::Backend;
pub(crate) use codes::rows_at_a_time;
pub use codes::{Codes, DenseCodes, RowCodes, SparseCodes};
pub use convex_nmf::{ConvexNmf, ConvexNmfOptions};
pub use dictionary::Dictionary;
pub use dictionary_learning::{DictionaryLearning, DictionaryLearningOptions};
pub use distribution::{Bin, Distributions};
pub use encode::{CodesFormat, Encode};
pub use explainer::Explainer;
pub use factors::FactorModel;
pub(crate) use file::attachment;
pub use ica::{Algorithm, Contrast, Ica, IcaOptions, Solver};
pub use kmeans::{KMeans, KMeansCodes, KMeansModel, KMeansOptions};
pub use neurons::{Neurons, NeuronsModel, NeuronsOptions};
pub use nmf::{Nmf, NmfOptions};
pub use pca::{Pca, PcaOptions};
pub use published::{DictionaryFormat, PublishedOptions};
pub use random_directions::{RandomDirections, RandomDirectionsOptions};
pub use report::{FitReport, Measure};
pub use sae::{
    AutoencoderParts, InputNormalisation, Sae, SaeActivation, SaeKind, SaeOptions, SparseAutoencoder, ThresholdKernel,
};
pub use semi_nmf::{SemiNmf, SemiNmfOptions};
pub use sparse_pca::{SparsePca, SparsePcaOptions};
pub use svd::{Svd, SvdOptions};
pub use tensors::NamedTensor;

use crate::control::Control;
use crate::device::DeviceChoice;
use crate::error::Result;
use crate::rows::Rows;

/// A map from rows to concepts.
pub trait Encoder: fmt::Debug + Send + Sync {
    /// The name of the method in files.
    fn method(&self) -> &str;

    /// How many columns the rows have.
    fn input_width(&self) -> usize;

    /// How many concepts there are.
    fn concept_count(&self) -> usize;

    /// Encodes rows, (n, input width), into `out`, (n, concepts). The caller has checked the lengths. The codes of a
    /// row must not depend on the other rows.
    ///
    /// # Errors
    /// Those of the method.
    fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()>;

    /// Encodes rows, (n, input width), into codes: sparse for a method whose codes are mostly zero. The values are
    /// those of [`Encoder::encode`].
    ///
    /// # Errors
    /// Those of the method.
    fn codes(&self, rows: &[f32]) -> Result<Codes> {
        DenseCodes::of(self, rows).map(Codes::Dense)
    }

    /// The tensors from which a file can restore the model.
    fn tensors(&self) -> Vec<NamedTensor<'_>>;

    /// The matrices of the encoder, from which a GPU computes codes too; `None` for one that is not linear.
    fn linear(&self) -> Option<LinearEncoder<'_>> {
        None
    }

    /// The parts of a sparse autoencoder; `None` for any other model.
    fn autoencoder(&self) -> Option<&AutoencoderParts> {
        None
    }

    /// The decoder of the model; `None` for a method that cannot decode, such as a probe.
    fn decoder(&self) -> Option<&dyn Decoder> {
        None
    }
}

/// The matrices of a linear encoder: `codes = (row - offset) weights^T + bias`, as [`Dictionary`] has them.
#[derive(Debug, Clone, Copy)]
pub struct LinearEncoder<'a> {
    /// The offset that is subtracted from a row, in f64.
    pub offset: &'a [f64],
    /// The weights that compute each code, (concepts, columns), row-major.
    pub weights: &'a [f32],
    /// The bias of each code; empty means zero.
    pub bias: &'a [f32],
    /// Whether negative codes become zero (ReLU).
    pub rectified: bool,
}

/// A map from rows to concepts and back.
pub trait Decoder: Encoder {
    /// Decodes concepts, (n, concepts), into `out`, (n, output width). The caller has checked the lengths.
    ///
    /// # Errors
    /// Those of the method; [`crate::ErrorCode::Unsupported`] where only the row tells what its codes mean.
    fn decode(&self, codes: &[f32], out: &mut [f32]) -> Result<()>;

    /// The dictionary, (concepts, output width): what one unit of each concept adds to a row.
    fn dictionary(&self) -> &[f32];

    /// How many columns the rows have that it decodes into: those of its input, but for a transcoder.
    fn output_width(&self) -> usize {
        self.input_width()
    }

    /// Whether it decodes into rows of another split point than it encodes.
    fn is_transcoder(&self) -> bool {
        false
    }

    /// What the dictionary is multiplied by in this row: 1, but for a method that normalises each row.
    fn scale(&self, row: &[f32]) -> f32 {
        let _ = row;
        1.0
    }

    /// Encodes rows, (n, input width), and decodes them into `out`, (n, output width). The caller has checked the lengths.
    ///
    /// # Errors
    /// Those of the method.
    fn reconstruct(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        let (width, output_width) = (self.input_width(), self.output_width());
        let height = rows_at_a_time(self.concept_count());
        for (rows, out) in rows.chunks(height * width).zip(out.chunks_mut(height * output_width)) {
            let codes = DenseCodes::of(self, rows)?;
            self.decode(codes.values(), out)?;
        }
        Ok(())
    }
}

/// A method that finds concepts in rows.
pub trait Method {
    /// The name of the method in files.
    const NAME: &'static str;

    /// The options of the method.
    type Options: Serialize;

    /// The model that the method fits.
    type Model: Encoder + 'static;

    /// The device and the number of threads (0: one per core) that the options ask for.
    fn placement(options: &Self::Options) -> (DeviceChoice, usize) {
        let _ = options;
        (DeviceChoice::Cpu, 0)
    }

    /// Finds concepts in rows. Every sum over rows must go through [`Rows::reduce`], so that rows may be spread over
    /// processes.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for invalid options, [`crate::ErrorCode::InvalidData`],
    /// [`crate::ErrorCode::Cancelled`], and those of the method.
    fn fit(rows: &dyn Rows, options: &Self::Options, control: &Control) -> Result<(Self::Model, FitReport)>;
}
