//! The provenance of activations, by which Eidos checks what belongs together.

use serde::{Deserialize, Serialize};

use crate::text::{Aggregation, Granularity, WordRule};

/// The model, module and units that a matrix of activations was made with. All fields are empty for a caller's own
/// rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
    /// Which units have no row on purpose.
    #[serde(default, skip_serializing_if = "Filters::are_none")]
    pub filters: Filters,
}

/// The filters that left units without a row. How many they were is told by [`crate::Activations::left_out`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filters {
    /// The units that the options named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_units: Vec<String>,
    /// Whether pieces of contractions were left out.
    #[serde(skip_serializing_if = "is_off")]
    pub stop_contractions: bool,
    /// Whether units that are nothing but punctuation were left out.
    #[serde(skip_serializing_if = "is_off")]
    pub stop_punctuation: bool,
    /// Whether the first position of each text is in no unit.
    #[serde(skip_serializing_if = "is_off")]
    pub skip_first_position: bool,
    /// The multiple of the median norm beyond which rows were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_norm_multiple: Option<f64>,
}

impl Filters {
    /// Whether there are none.
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_off(filter: &bool) -> bool {
    !filter
}
