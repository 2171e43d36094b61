//! What concepts mean: for each concept the inputs that excite it, as values, as JSON and as a file.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::label::{Label, Labelling};
use crate::error::{Error, ErrorCode, Result};
use crate::files::{read_limited, write_atomically};
use crate::rows::Provenance;

const FORMAT: &str = "eidos.interpretation";
const VERSION: u32 = 1;
/// The largest file that is read. An interpretation takes a few kilobytes a concept.
pub(super) const FILE_LIMIT: u64 = 1 << 30;

/// An end of a concept's axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u32)]
pub enum Pole {
    /// The largest activations.
    #[default]
    Positive = 0,
    /// The most negative activations, for concepts that have a sign.
    Negative = 1,
}

/// The text around an input, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputPassage {
    /// The text: the unit and its neighbours.
    pub text: String,
    /// Where the unit begins in it, in bytes.
    pub begin: usize,
    /// Where the unit ends.
    pub end: usize,
}

/// One input that excites a concept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The text of the unit (`" film"`).
    pub text: String,
    /// The concept's strongest activation over all occurrences of that text.
    pub activation: f32,
    /// The row of the activations in which it is that strong (the first such row).
    pub row: usize,
    /// The text around it; `None` unless the options asked for passages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passage: Option<InputPassage>,
}

/// The inputs that excite one concept, strongest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConceptInputs {
    /// The index of the concept in its explainer.
    pub concept: usize,
    /// The inputs with the largest activations; empty when the concept is dead.
    pub positive: Vec<Input>,
    /// The inputs with the most negative activations; empty unless the options asked for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub negative: Vec<Input>,
    /// The label of the positive pole; `None` unless labels were requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_label: Option<Label>,
    /// The label of the negative pole; `None` unless labels were requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_label: Option<Label>,
}

impl ConceptInputs {
    /// The inputs of one pole.
    pub fn pole(&self, pole: Pole) -> &[Input] {
        match pole {
            Pole::Positive => &self.positive,
            Pole::Negative => &self.negative,
        }
    }

    /// The label of one pole.
    pub fn label(&self, pole: Pole) -> Option<&Label> {
        match pole {
            Pole::Positive => self.positive_label.as_ref(),
            Pole::Negative => self.negative_label.as_ref(),
        }
    }
}

/// Formats a concept for people: `Concept 0: [' all', ' everything']`, with labels `Concept 0: universal words (0.95)
/// [' all', ' everything']`.
impl fmt::Display for ConceptInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Concept {}: {}{}", self.concept, Named(self.label(Pole::Positive)), Quoted(&self.positive))?;
        if self.negative.is_empty() {
            return Ok(());
        }
        write!(f, " against {}{}", Named(self.label(Pole::Negative)), Quoted(&self.negative))
    }
}

struct Named<'a>(Option<&'a Label>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(label) = self.0 else { return Ok(()) };
        let text = label.text.as_deref().unwrap_or("(no label)");
        match label.score {
            Some(score) => write!(f, "{text} ({:.2}) ", score.balanced_accuracy),
            None => write!(f, "{text} "),
        }
    }
}

struct Quoted<'a>(&'a [Input]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, input) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}'{}'", input.text)?;
        }
        f.write_str("]")
    }
}

/// The meaning of concepts in words: their inputs, and their labels where they were requested.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Interpretation {
    format: String,
    version: u32,
    /// Where the activations came from.
    #[serde(flatten)]
    provenance: Provenance,
    /// The language model that labelled the concepts and what it cost; `None` without labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labelling: Option<Labelling>,
    concepts: Vec<ConceptInputs>,
}

impl Interpretation {
    pub(super) fn new(provenance: Provenance, concepts: Vec<ConceptInputs>) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, provenance, labelling: None, concepts }
    }

    pub(super) fn with_labelling(mut self, labelling: Labelling) -> Self {
        self.labelling = Some(labelling);
        self
    }

    /// The interpreted concepts, in the order of the request.
    pub fn concepts(&self) -> &[ConceptInputs] {
        &self.concepts
    }

    /// Which model, module and units the inputs belong to.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The language model that labelled the concepts and what it cost; `None` without labels.
    pub fn labelling(&self) -> Option<&Labelling> {
        self.labelling.as_ref()
    }

    /// The interpretation as JSON:
    /// `{"format", "version", "model", ..., "concepts": [{"concept", "positive": [{"text", "activation", "row"}]}]}`,
    /// in each input `"passage": {"text", "begin", "end"}` where passages were asked for, and with labels `"labelling": {"model", "usage"}` and, in each concept, `"positive_label": {"text", "score",
    /// "error"}`.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] only.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::internal(format!("cannot write JSON: {error}")))
    }

    /// An interpretation from its JSON.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] when it is not one, [`ErrorCode::Unsupported`] when a newer version wrote it.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let invalid = |what: String| Error::new(ErrorCode::InvalidFile, what).hint("interpret the explainer again");
        let found: Self =
            serde_json::from_slice(json).map_err(|error| invalid(format!("this is not an interpretation: {error}")))?;
        if found.format != FORMAT {
            return Err(invalid(format!("this is of format `{}`, not `{FORMAT}`", found.format)));
        }
        if found.version > VERSION {
            let version = found.version;
            return Err(Error::new(
                ErrorCode::Unsupported,
                format!("the interpretation is of version {version}; this Eidos reads version {VERSION}"),
            )
            .hint("update Eidos"));
        }
        Ok(found)
    }

    /// Writes the interpretation to a JSON file, whole or not at all.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] when the system refuses.
    pub fn save(&self, path: &Path) -> Result<()> {
        let json = self.to_json()?;
        write_atomically(path, |writer| writer.write_all(json.as_bytes()))
    }

    /// Opens a file that [`Interpretation::save`] wrote, or the interpretation in the file of an explainer
    /// ([`crate::Explainer::save_with`]), of which nothing else is read.
    ///
    /// # Errors
    /// As [`Interpretation::from_json`], and [`ErrorCode::NotFound`].
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(found) = super::file::in_explainer(path)? {
            return Ok(found);
        }
        Self::from_json(&read_limited(path, FILE_LIMIT)?).map_err(|error| error.within(path.display()))
    }
}

impl fmt::Display for Interpretation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.concepts.iter().try_for_each(|concept| writeln!(f, "{concept}"))
    }
}
