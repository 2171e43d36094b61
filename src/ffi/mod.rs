//! The C ABI: one file per handle, and the boundary that every call goes through.
//!
//! The contract is in the header's introduction (`include/eidos.h`, generated from this room): a status and an error
//! handle, options with a size, free in any order, nothing printed, nothing thread-local, no panic across the boundary.

#![allow(dead_code, reason = "constants are for the header")]

mod activations;
mod call;
mod chat;
mod collect;
mod control;
mod dlpack;
mod error;
mod explainer;
mod handle;
mod interpretation;
mod llm_labels;
mod logits;
mod methods;
mod options;
mod split_model;
mod status;
mod strings;
mod texts;
mod tokens;
mod version;
