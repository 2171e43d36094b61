//! What is a language model thinking about?
//!
//! Eidos opens a Hugging Face model at a named module, reads what flows through it on a set of texts, learns the
//! concepts that those activations are made of, and says in words what each concept means: by the inputs that excite
//! it, and by the label that a language model gives it. What was found can be looked at on a page.
//!
//! ```text
//! texts ──► text ──► inputs ──► model ──► collect ──► rows ──► concepts ──► interpret ──► words
//!           units    tokens     forward   batches     (n, d)   encode       top inputs
//!           tokens   of texts   to the    in, rows    of f32   decode       labels ◄── chat
//!                               split     out                  dictionary
//!                                 ▲                               │                ──► report ──► page
//!                                 └──────── interventions ◄───────┘
//! ```
//!
//! Each room hands a finished value to the next one, and an arrow between rooms goes only downwards in
//! `ffi > report, metrics > interpret > collect > model > text, corpus, hub, chat`, and `collect > concepts > rows > text`: concepts are found
//! in any rows, and `concepts` never knows that a transformer exists. `dictionaries` opens published ones, from `hub` for
//! `concepts`. All of them stand on `device, net, kernels, linalg, parallel, files, gguf, parquet_file, python_json,
//! safetensors_file, tensor_files, retry, threads, workers, workspace, memory, error, control, log`.

pub mod chat;
pub mod collect;
pub mod concepts;
pub mod control;
pub mod corpus;
pub mod device;
pub mod error;
pub mod hub;
pub mod interpret;
pub mod linalg;
pub mod log;
pub mod metrics;
pub mod model;
pub mod report;
pub mod rows;
pub mod text;

#[cfg(feature = "cuda")]
#[allow(unsafe_code, reason = "CUDA is a C interface")]
mod cuda;
mod dictionaries;
mod features;
#[allow(unsafe_code, reason = "pointers come from C")]
mod ffi;
mod files;
mod gguf;
mod kernels;
mod memory;
#[cfg(any(feature = "hub", feature = "chat"))]
mod net;
mod parallel;
#[cfg(feature = "parquet")]
mod parquet_file;
mod python_json;
mod retry;
mod safetensors_file;
mod tensor_files;
mod threads;
mod workers;
mod workspace;

// The helpers of the integration tests are used within the crate as well, where they call it by its name.
#[cfg(test)]
extern crate self as eidos;

pub use chat::{Budget, Chat, ChatModel, ChatOptions, Usage};
pub use collect::{CollectOptions, Estimate, InputSource, Interventions, LogitsOptions, OnLongText, TextRows};
pub use concepts::*;
pub use control::{Control, Progress, Stage};
pub use corpus::{TextFormat, TextReader, TextReaderOptions, read_texts};
pub use device::{DeviceChoice, DeviceInfo, DeviceStatus, LibraryInfo, device_status, devices};
pub use error::{Error, ErrorCode, Result};
pub use features::features;
pub use hub::{HubOptions, ModelSource};
pub use interpret::{
    ConceptInputs, ConceptName, DetectionScore, Explain, ExplainedUnit, Explanation, Firing, Input, Interpretation,
    Label, LabelError, Labelling, LlmLabels, Pole, Sampling, Scoring, TopInputs,
};
pub use log::{LogLevel, LogMessage};
pub use metrics::{Comparison, Metrics, MetricsOptions, ModelMetrics, ModelMetricsOptions, Subject};
pub use model::{HeadChoice, LoadOptions, Module, Precision, SplitModel, SplitPoint, TargetLogit};
pub use report::{Report, ReportOptions};
pub use rows::{Activations, Filters, Provenance, Reduce, RowSlice, Rows};
pub use text::{Aggregation, Granularity, Inputs, LeftOut, WordRule};

/// The version of the binary interface that the C header of this library describes.
pub const ABI_VERSION: u32 = ffi::EIDOS_ABI_VERSION;
