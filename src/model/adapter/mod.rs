//! LoRA (Hu et al. 2021): an adapter changes matrices of a base model by products of two small ones. They are added while the
//! weights are read, matrix by matrix, so that the model is as if the adapter had been merged into it.

mod config;
mod tensors;

pub(crate) use config::{AdapterConfig, FILE as CONFIG_FILE};
pub(crate) use tensors::{Adapter, WEIGHTS};
