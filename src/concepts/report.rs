//! Fit reports, in terms that all methods share.

use serde::{Deserialize, Serialize};

/// How a fit ended, and what it measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct FitReport {
    /// Whether the iterations ended by convergence; `None` for a method that does not iterate.
    pub converged: Option<bool>,
    /// How many iterations the fit took; where concepts are found one after the other, the most of any concept.
    pub steps: usize,
    /// The measures of the method.
    pub measures: Vec<Measure>,
    /// What may be wrong with the result, in sentences for people; the log has them, too.
    pub warnings: Vec<String>,
}

/// A measure of a fit: one number, or one for each concept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The name of the measure (`last_change`, `explained_variance`).
    pub name: String,
    /// The values of the measure.
    pub values: Vec<f64>,
}

impl FitReport {
    /// The values of a measure; empty when the method has no measure of that name.
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

/// The forms of a report in files: version 1 has the one of ICA.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Ica {
        converged: bool,
        iterations: usize,
        last_change: f64,
    },
    Any {
        converged: Option<bool>,
        steps: usize,
        measures: Vec<Measure>,
        #[serde(default)]
        warnings: Vec<String>,
    },
}

impl From<Stored> for FitReport {
    fn from(written: Stored) -> Self {
        match written {
            Stored::Ica { converged, iterations, last_change } => {
                Self { converged: Some(converged), steps: iterations, ..Self::default() }
                    .with("last_change", [last_change])
            }
            Stored::Any { converged, steps, measures, warnings } => Self { converged, steps, measures, warnings },
        }
    }
}
