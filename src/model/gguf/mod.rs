//! GGUF files as checkpoints of Hugging Face: the `config.json` and the names of tensors that their models had before
//! llama.cpp converted them, so that the families and the forward pass are the same for both.

mod architectures;
mod config;
mod files;
mod keys;

pub(crate) use architectures::{Architecture, Change};
pub(crate) use config::config;
pub(crate) use files::files;
pub(crate) use keys::Keys;
