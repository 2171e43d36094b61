//! What is asked and what is answered.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a chat template adds to the two messages at most: roles, marks, and with some models a date and a few rules.
const TEMPLATE_TOKENS: u64 = 256;

/// One question to a language model. The whole of it is the key of the cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The name of the model.
    pub model: String,
    /// What the model is to do.
    pub system: String,
    /// What it is to do it with.
    pub user: String,
    /// The form of the answer, for models that can be held to one.
    pub schema: Option<AnswerSchema>,
    /// How many tokens the answer may have.
    pub max_tokens: u32,
    /// How much chance there is in the answer; `None` leaves it to the server.
    pub temperature: Option<f64>,
}

/// The form of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerSchema {
    /// A name for it: letters, digits and `_`.
    pub name: String,
    /// The JSON schema.
    pub schema: Value,
}

impl ChatRequest {
    /// A bound on the tokens of the question: no tokenizer makes more of a text than it has bytes. Some servers write the
    /// schema into the prompt.
    pub(super) fn most_prompt_tokens(&self) -> u64 {
        let schema = self.schema.as_ref().map_or(0, |schema| schema.schema.to_string().len());
        (self.system.len() + self.user.len() + schema) as u64 + TEMPLATE_TOKENS
    }

    /// About how many tokens the question has: English has four characters a token.
    pub fn estimated_prompt_tokens(&self) -> u64 {
        ((self.system.len() + self.user.len()) as u64).div_ceil(4) + 8
    }
}

/// What a language model answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatAnswer {
    /// The text; empty when there was none.
    pub text: String,
    /// Why the answer ends where it does.
    pub ending: Ending,
    /// What it cost, if the server said it.
    pub tokens: Option<Tokens>,
}

impl ChatAnswer {
    /// A complete answer of unknown cost.
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// Why an answer ends where it does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Ending {
    /// The model had said everything.
    #[default]
    Complete,
    /// The answer was longer than it may be.
    Cut,
    /// The model or its provider declined to answer, with its words if there were any.
    Refused(String),
}

/// The tokens of one question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Those of the question.
    pub prompt: u64,
    /// Those of the answer.
    pub completion: u64,
}
