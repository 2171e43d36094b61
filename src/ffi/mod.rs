//! The C ABI: one file per handle, and the boundary that every call goes through.
//!
//! The contract is in the header's introduction (`include/eidos.h`, generated from this room): a status and an error
//! handle, options with a size, free in any order, nothing printed, nothing thread-local, no panic across the boundary.
//!
//! What a call is given has a type of `arguments.rs`, which is a pointer to C and holds the unsafe code that follows it,
//! so that the bodies of the calls have none.
//!
//! `make header` writes the header and the low layers of all bindings from what is declared here. It reads the docs,
//! too: "one of `EIDOS_HEAD_*`" makes a choice, "1 ..." a flag, "`control` may be NULL" an optional argument, and a
//! section `# ABI` says what does not follow (`tools/abi/src/docs.rs`).

#![allow(dead_code, reason = "constants are for the header")]

mod activations;
mod api;
#[rustfmt::skip]
mod api_functions;
mod arguments;
mod call;
mod chat;
mod chat_model;
mod codes;
mod collect;
mod control;
mod decompositions;
mod devices;
mod dictionaries;
mod dlpack;
mod error;
mod estimate;
mod explain;
mod explainer;
mod factorisations;
mod handle;
mod inputs;
mod interpretation;
mod interventions;
mod llm_labels;
mod log;
mod logits;
mod methods;
mod metrics;
mod options;
mod output;
mod report;
mod sae;
mod split_model;
mod status;
mod strings;
mod texts;
mod tokens;
mod user_data;
mod version;

pub(crate) use version::EIDOS_ABI_VERSION;
