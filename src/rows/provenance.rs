//! Where activations come from: enough to know what belongs together.

use serde::{Deserialize, Serialize};

use crate::text::{Aggregation, Granularity, WordRule};

/// Which model, module and units a matrix of activations was made with. All of it is empty for rows that a
/// caller brought.
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
    /// How the tokens of a unit became one row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation: Option<Aggregation>,
    /// Where a word ended, where rows stand for words: never [`WordRule::Auto`]. Files from before there was a choice do
    /// not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_rule: Option<WordRule>,
}
