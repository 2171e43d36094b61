//! The label of a concept by a language model, and how far it can be trusted.

use serde::{Deserialize, Serialize};

use crate::chat::Usage;
use crate::error::Error;

/// The label of one pole of a concept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The label; `None` when there is none, and then `error` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How well the label tells unseen passages apart; `None` when it was not scored, or could not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<DetectionScore>,
    /// Why there is no label, or why it has no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<LabelError>,
    /// The prompt that would be sent; only in a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

/// How well a label tells passages that excite the concept from those that do not (detection scoring as in EleutherAI's
/// delphi: Paulo et al., "Automatically Interpreting Millions of Features in Large Language Models", 2024).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionScore {
    /// The mean of two rates, the share of exciting passages and the share of quiet passages that were judged
    /// correctly: 1 is perfect, 0.5 is chance.
    pub balanced_accuracy: f64,
    /// How many exciting passages were judged.
    pub exciting: usize,
    /// How many of them were judged to fit the label, which is correct.
    pub exciting_right: usize,
    /// How many quiet passages were judged.
    pub quiet: usize,
    /// How many of them were judged not to fit the label, which is correct.
    pub quiet_right: usize,
    /// How many passages got no usable answer; they are not part of the score.
    pub unanswered: usize,
}

/// Why a concept has no label or no score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelError {
    /// The name of the [`crate::ErrorCode`].
    pub code: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl From<&Error> for LabelError {
    fn from(error: &Error) -> Self {
        Self { code: error.code().name().to_owned(), message: error.to_string() }
    }
}

/// Which model wrote the labels, and what that cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labelling {
    /// The name of the language model.
    pub model: String,
    /// What was spent; an estimate when `dry_run` is true.
    pub usage: Usage,
    /// Whether this was a dry run, in which nothing is sent.
    #[serde(default)]
    pub dry_run: bool,
}
