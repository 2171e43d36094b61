//! Language models that answer requests: over HTTP, or a caller's own.
//!
//! ```text
//! request ──► cache ──► budget ──► retries ──► ChatModel: HTTP, or a callback
//!               │ an answer that was paid for is found here, before any limit
//! ```
//!
//! A [`Chat`] is one language model with its cache, budget, connections and retries, which last from one call to the
//! next; it sends its requests to a [`ChatModel`]. The HTTP client speaks the part of OpenAI's `/chat/completions` that
//! all servers share (OpenAI, Azure, Mistral, vLLM, llama.cpp, Ollama, `transformers serve`), and leaves out fields
//! that a server rejects.

mod budget;
mod cache;
mod client;
mod message;
mod model;
mod options;

#[cfg(feature = "chat")]
mod http;
#[cfg(feature = "chat")]
mod refusal;
#[cfg(feature = "chat")]
mod settings;
#[cfg(feature = "chat")]
mod wire;

pub use budget::{Budget, Usage};
pub use client::Chat;
pub(crate) use client::Session;
pub use message::{AnswerSchema, ChatAnswer, ChatRequest, Ending, Tokens};
pub use model::ChatModel;
pub use options::ChatOptions;

pub use crate::retry::Failure;
