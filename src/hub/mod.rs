//! A model id, a folder or a GGUF file becomes the files of a model.
//!
//! ```text
//! locate ──► a folder or a .gguf file?      ──► ModelSource: the files there; no network, no cache
//!        └─► "owner/name", "…:file.gguf"?   ──► ModelSource: cache, then hub; files are downloaded when needed
//! ```
//!
//! [`locate`] fetches no more than `config.json` (of a GGUF model, its file or first part), so listing the modules of a
//! model is cheap; [`ModelSource::weight_files`] fetches only the shards that hold the tensors a split needs.
//!
//! The cache is the one of Python's `huggingface_hub` (`models--owner--name/{blobs,refs,snapshots}`), so a model that
//! either of the two has downloaded is there for the other one. The environment variables are theirs too; see
//! [`HubOptions`].
//!
//! # What is ours and what is not
//!
//! The crate `hf-hub`, without its transport, says what the cache calls the folders of repositories and snapshots. The
//! requests are ours, over `ureq` (synchronous, rustls, the certificate authorities of the system): a hub is three requests
//! deep (resolve, redirect, range), and a C library must be able to limit, cancel and explain each of them. `hf-hub` 0.5 can do
//! none of that with its own requests, and 1.0 has an async runtime and a second HTTP stack even without its features. The
//! environment is read here as well: `hf-hub` knows `HF_HOME` alone of its variables, and panics where there is no home
//! folder.

mod folder;
mod id;
mod index;
mod options;
mod part_name;
mod source;
mod spelling;
mod subfolder;

#[cfg(feature = "hub")]
mod cache;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod download;
#[cfg(feature = "hub")]
mod endpoint;
#[cfg(feature = "hub")]
mod refusal;
#[cfg(feature = "hub")]
mod repository;
#[cfg(feature = "hub")]
mod settings;

pub use options::HubOptions;
pub use source::{ModelSource, locate};
pub(crate) use subfolder::Subfolder;
