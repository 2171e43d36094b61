//! The provenance of activations, by which Eidos checks what belongs together.

use serde::{Deserialize, Serialize};

use crate::text::{Aggregation, Granularity, WordRule};

/// The model, module and units that a matrix of activations was made with. All fields are empty for a caller's own
/// rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The id or folder of the model, as the user gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The path of the module whose output the rows are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_point: Option<String>,
    /// What one row stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<Granularity>,
    /// How the tokens of a unit were aggregated into one row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<Aggregation>,
    /// The rule that ended a word, when rows stand for words; never [`WordRule::Auto`]. Files from before this option
    /// existed do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_rule: Option<WordRule>,
}
