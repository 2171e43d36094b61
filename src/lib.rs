//! What is a language model thinking about?
//!
//! Eidos opens a Hugging Face model at a named module, reads what flows through it on a set of texts, learns the
//! concepts that those activations are made of, and says in words what each concept means: by the inputs that excite
//! it, and by the label that a language model gives it.
//!
//! ```text
//! texts ──► text ──► model ──► activations ──► concepts ──► interpret ──► words
//!           units     forward     rows (n, d)     encode       top inputs
//!           tokens    to the      of f32, one     decode       labels ◄── chat
//!           batches   split       per unit        dictionary
//! ```
//!
//! Each room hands a finished value to the next one, and an arrow between rooms goes only downwards in
//! `ffi > interpret > concepts > activations > model > text, corpus, hub, chat > net, kernels, linalg, files, gguf,
//! safetensors_file, retry, threads, workspace, memory, error, control, log`.

pub mod activations;
pub mod chat;
pub mod concepts;
pub mod control;
pub mod corpus;
pub mod error;
pub mod hub;
pub mod interpret;
pub mod linalg;
pub mod log;
pub mod model;
pub mod text;

mod ffi;
mod files;
mod gguf;
mod kernels;
mod memory;
#[cfg(any(feature = "hub", feature = "chat"))]
mod net;
mod retry;
mod safetensors_file;
mod threads;
mod workspace;

// The helpers of the integration tests are used within the crate as well, where they call it by its name.
#[cfg(test)]
extern crate self as eidos;

pub use activations::{Activations, CollectOptions, LogitsOptions, Provenance};
pub use chat::{Budget, Chat, ChatModel, ChatOptions, Usage};
pub use concepts::{Algorithm, ConceptModel, Contrast, Explainer, FitReport, Ica, IcaOptions};
pub use control::{Control, Progress, Stage};
pub use corpus::{TextFormat, TextReader, TextReaderOptions, read_texts};
pub use error::{Error, ErrorCode, Result};
pub use hub::{HubOptions, ModelSource};
pub use interpret::{
    ConceptInputs, DetectionScore, Input, Interpretation, Label, LabelError, Labelling, LlmLabels, Pole, Sampling,
    Scoring, TopInputs,
};
pub use log::{LogLevel, LogMessage};
pub use model::{DeviceChoice, HeadChoice, LoadOptions, Module, SplitModel, SplitPoint, TargetLogit};
pub use text::{Aggregation, Granularity, WordRule};
