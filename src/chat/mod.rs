//! Language models that answer: over HTTP, or a caller's own.
//!
//! ```text
//! request ──► cache ──► budget ──► retries ──► ChatModel: HTTP, or a callback
//!               │ an answer that was paid for is found here, before any limit
//! ```
//!
//! A [`Chat`] is one conversation partner with its cache, budget, connections and patience, which last from one call to
//! the next; [`ChatModel`] is what it asks. The model over HTTP speaks the part of OpenAI's `/chat/completions` that
//! all servers share (OpenAI, Azure, Mistral, vLLM, llama.cpp, Ollama, `transformers serve`), and adapts to a server
//! that does not know a field.

mod budget;
mod cache;
mod client;
mod message;
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
pub(crate) use client::Account;
pub use client::{Chat, ChatModel};
pub use message::{AnswerSchema, ChatAnswer, ChatRequest, Ending, Tokens};
pub use options::ChatOptions;

pub use crate::retry::Failure;
