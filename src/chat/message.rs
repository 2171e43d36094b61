//! Requests to a language model, and its answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most tokens that a chat template adds to the two messages: roles, markers, and with some models a date and a few
/// rules.
const TEMPLATE_TOKENS: u64 = 256;

/// One request to a language model. The whole of it is the key of the cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The name of the model.
    pub model: String,
    /// The system message: the instructions.
    pub system: String,
    /// The user message: what the instructions are about.
    pub user: String,
    /// The JSON schema of the answer, for models that support structured output.
    pub schema: Option<AnswerSchema>,
    /// The most tokens that the answer may have.
    pub max_tokens: u32,
    /// The sampling temperature; `None` leaves it to the server.
    pub temperature: Option<f64>,
}

/// The JSON schema of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerSchema {
    /// A name for it: letters, digits and `_`.
    pub name: String,
    /// The JSON schema.
    pub schema: Value,
}

impl ChatRequest {
    /// An upper bound on the prompt tokens: no tokenizer makes more tokens of a text than it has bytes. The schema
    /// counts too, since some servers write it into the prompt.
    pub(super) fn most_prompt_tokens(&self) -> u64 {
        let schema = self.schema.as_ref().map_or(0, |schema| schema.schema.to_string().len());
        (self.system.len() + self.user.len() + schema) as u64 + TEMPLATE_TOKENS
    }

    /// An estimate of the prompt tokens, at four bytes a token as in English.
    pub fn estimated_prompt_tokens(&self) -> u64 {
        ((self.system.len() + self.user.len()) as u64).div_ceil(4) + 8
    }
}

/// The answer of a language model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatAnswer {
    /// The text; empty when the model gave none.
    pub text: String,
    /// Why the answer ends where it does (`finish_reason`).
    pub ending: Ending,
    /// What the answer cost; `None` when the server did not report it.
    pub tokens: Option<Tokens>,
}

impl ChatAnswer {
    /// A complete answer of unknown cost.
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// Why an answer ends where it does (`finish_reason`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Ending {
    /// The model finished its answer.
    #[default]
    Complete,
    /// The answer was cut off at `max_tokens`.
    Cut,
    /// The model or its provider refused to answer, with its explanation if there was one.
    Refused(String),
}

/// The token counts of one request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Prompt tokens.
    pub prompt: u64,
    /// Answer tokens.
    pub completion: u64,
}
