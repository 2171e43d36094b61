//! The provenance of activations, by which Eidos checks what belongs together.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::text::{Aggregation, Granularity, WordRule};

/// The model, module and units that a matrix of activations was made with. All fields are empty for a caller's own
/// rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The id or folder of the model, as the user gave it; of an absolute path its last part, `./name`, since files are for other
    /// machines as well. A path into a cache of a hub is the id that it is of.
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

/// What activations, and all that is made of them, call a model which the user opened by that name: an absolute path would be of one
/// machine, and perhaps say whose. `./name` is no id of a hub, so that nothing else is opened in its place.
pub(crate) fn recorded_name(given: &str) -> String {
    let path = Path::new(given);
    if !path.is_absolute() {
        return given.to_owned();
    }
    let parts: Vec<&str> = path.components().filter_map(|part| part.as_os_str().to_str()).collect();
    let repository = parts.iter().rposition(|part| part.starts_with("models--"));
    let id = repository.map(|at| (parts[at].trim_start_matches("models--").replacen("--", "/", 1), &parts[at + 1..]));
    match id {
        Some((id, [] | ["snapshots", _])) => id,
        Some((id, ["snapshots", _, file])) if Path::new(file).extension().is_some_and(|it| it == "gguf") => {
            format!("{id}:{file}")
        }
        _ => parts.last().filter(|_| parts.len() > 1).map_or_else(|| given.to_owned(), |name| format!("./{name}")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_path_of_a_machine_is_not_recorded() {
        for (given, recorded) in [
            ("google/gemma-2b", "google/gemma-2b"),
            ("eidos:demo", "eidos:demo"),
            ("models/mine", "models/mine"),
            ("../mine", "../mine"),
            ("/home/ann/models/gpt2", "./gpt2"),
            ("/home/ann/models/gpt2/", "./gpt2"),
            ("/data/gpt2-Q8_0.gguf", "./gpt2-Q8_0.gguf"),
            ("/home/ann/.cache/huggingface/hub/models--google--gemma-2b", "google/gemma-2b"),
            ("/hub/models--gpt2/snapshots/607a30d", "gpt2"),
            ("/hub/models--o--n/snapshots/607a30d/n-Q8_0.gguf", "o/n:n-Q8_0.gguf"),
            ("/hub/models--o--n/snapshots/607a30d/0_Transformer", "./0_Transformer"),
            ("/", "/"),
        ] {
            assert_eq!(recorded_name(given), recorded, "{given}");
        }
    }
}
