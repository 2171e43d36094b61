//! A model id, a folder or a GGUF file becomes the files of a model.
//!
//! ```text
//! locate ──► a folder or a .gguf file?      ──► ModelSource: the files there; no network, no cache
//!        └─► "owner/name", "…:file.gguf"?   ──► ModelSource: cache, then hub; a file travels when it is asked for
//! ```
//!
//! [`locate`] fetches no more than `config.json` (of a GGUF model, its file or first part), so listing the modules of a model
//! is cheap; [`ModelSource::weight_files`] fetches only the shards that hold the tensors a split needs.
//!
//! The cache is the one of Python's `huggingface_hub` (`models--owner--name/{blobs,refs,snapshots}`), so a model that
//! either of the two has downloaded is there for the other one. The environment variables are theirs too; see
//! [`HubOptions`].
//!
//! # Why a small client of our own
//!
//! A hub is three requests deep (resolve, redirect, range), and a C library must be able to bound, cancel and explain
//! each of them. hf-hub 0.5 is small and synchronous, but it has no time limits, gives a download no way to stop,
//! appends what the server sends to a partial file without looking whether the range was honoured or the size is right,
//! cannot tell a missing repository from a missing file (the header that says so is lost), panics on a redirect without
//! an address, and reads neither `HF_TOKEN` nor `HF_HUB_CACHE` nor `HF_HUB_OFFLINE`. hf-hub 1.0 brings an async runtime
//! and another HTTP stack into a process that belongs to somebody else. What is left to write on top of `ureq`
//! (synchronous, rustls, compiled-in roots) is in this folder, and tested against a server that misbehaves in all those
//! ways.

mod id;
mod index;
mod options;
mod part_name;
mod source;

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
