//! What a language model calls a concept, and how far that name can be trusted.

use serde::{Deserialize, Serialize};

use crate::chat::Usage;
use crate::error::Error;

/// The name of one pole of a concept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The label; `None` when there is none, and then `error` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How well the label tells unseen passages apart; `None` when that was not asked for or not possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<DetectionScore>,
    /// Why there is no label, or why it has no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<LabelError>,
    /// What the language model would be asked; of a dry run only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

/// How well a label tells passages that excite the concept from those that do not (detection scoring as in EleutherAI's
/// delphi: Paulo et al., "Automatically Interpreting Millions of Features in Large Language Models", 2024).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectionScore {
    /// The mean of the two shares of passages that were told right, of the exciting and of the quiet ones: 1 is perfect,
    /// 0.5 is chance.
    pub balanced_accuracy: f64,
    /// Exciting passages that were asked about and judged.
    pub exciting: usize,
    /// How many of them were found.
    pub exciting_right: usize,
    /// Quiet passages that were asked about and judged.
    pub quiet: usize,
    /// How many of them were left alone.
    pub quiet_right: usize,
    /// Passages without a usable answer; they do not count.
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

/// Who labelled, and what it cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labelling {
    /// The name of the language model.
    pub model: String,
    /// What was spent; an estimate where `dry_run`.
    pub usage: Usage,
    /// Whether nothing was asked.
    #[serde(default)]
    pub dry_run: bool,
}
