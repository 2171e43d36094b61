//! How a fit ended, in terms that all methods share.

use serde::{Deserialize, Serialize};

/// How a fit ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct FitReport {
    /// Whether the steps ended because nothing changed any more; `None` for a method that does not iterate.
    pub converged: Option<bool>,
    /// How many steps it took; the most that any concept took where they are found one after the other.
    pub steps: usize,
    /// What the method measured.
    pub measures: Vec<Measure>,
}

/// Something that a fit has measured: one number, or one for each concept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What was measured (`last_change`, `explained_variance`).
    pub name: String,
    /// The numbers.
    pub values: Vec<f64>,
}

impl FitReport {
    /// The numbers of a measure; empty where the method has no measure of that name.
    pub fn measure(&self, name: &str) -> &[f64] {
        let found = self.measures.iter().find(|measure| measure.name == name);
        found.map_or(&[], |measure| &measure.values)
    }

    /// Adds a measure.
    #[must_use]
    pub fn with(mut self, name: &str, values: impl IntoIterator<Item = f64>) -> Self {
        self.measures.push(Measure { name: name.to_owned(), values: values.into_iter().collect() });
        self
    }
}

/// A report as files have it: version 1 has that of ICA.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Ica { converged: bool, iterations: usize, last_change: f64 },
    Any { converged: Option<bool>, steps: usize, measures: Vec<Measure> },
}

impl From<Written> for FitReport {
    fn from(written: Written) -> Self {
        match written {
            Written::Ica { converged, iterations, last_change } => {
                Self { converged: Some(converged), steps: iterations, measures: Vec::new() }
                    .with("last_change", [last_change])
            }
            Written::Any { converged, steps, measures } => Self { converged, steps, measures },
        }
    }
}
