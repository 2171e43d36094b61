//! The registry of methods whose files can be opened.

use std::sync::Arc;

use super::convex_nmf::ConvexNmf;
use super::dictionary::Dictionary;
use super::dictionary_learning::DictionaryLearning;
use super::factors::FactorModel;
use super::ica::Ica;
use super::kmeans::{KMeans, KMeansModel};
use super::linear::LinearModel;
use super::neurons::{Neurons, NeuronsModel};
use super::nmf::Nmf;
use super::pca::Pca;
use super::random_directions::RandomDirections;
use super::sae::{self, SparseAutoencoder};
use super::semi_nmf::SemiNmf;
use super::sparse_pca::SparsePca;
use super::svd::Svd;
use super::tensors::Tensors;
use super::{Encoder, Method};
use crate::error::Result;

/// A function that restores the model of a method from the tensors of a file.
type Reader = fn(&'static str, &Tensors<'_>) -> Result<Arc<dyn Encoder>>;

/// All methods.
const METHODS: &[(&str, Reader)] = &[
    (Ica::NAME, LinearModel::read),
    (Pca::NAME, LinearModel::read),
    (Svd::NAME, LinearModel::read),
    (RandomDirections::NAME, LinearModel::read),
    (Neurons::NAME, NeuronsModel::read),
    (KMeans::NAME, KMeansModel::read),
    (SparsePca::NAME, LinearModel::read),
    (Nmf::NAME, FactorModel::read),
    (SemiNmf::NAME, FactorModel::read),
    (ConvexNmf::NAME, FactorModel::read),
    (DictionaryLearning::NAME, FactorModel::read),
    (Dictionary::NAME, LinearModel::read),
    (sae::NAME, SparseAutoencoder::read),
];

/// Whether a method of Eidos has that name.
pub(super) fn knows(method: &str) -> bool {
    METHODS.iter().any(|(name, _)| *name == method)
}

/// The model of a method from the tensors of a file; `None` for an unknown method.
pub(super) fn read(method: &str, tensors: &Tensors<'_>) -> Option<Result<Arc<dyn Encoder>>> {
    METHODS.iter().find(|(name, _)| *name == method).map(|(name, read)| read(name, tensors))
}
