//! The meaning of concepts: the inputs that excite them most, and labels by a language model.

mod codes;
mod detection;
mod examples;
mod explain;
mod file;
mod interpretation;
mod label;
mod llm_labels;
mod names;
mod options;
mod passages;
mod prompts;
mod requests;
mod sampling;
mod selection;
mod strongest;
mod top_inputs;

pub(crate) use codes::for_each_code;
pub use detection::Scoring;
pub use explain::{ConceptName, Explain, ExplainedUnit, Explanation, Firing};
pub use interpretation::{ConceptInputs, Input, InputPassage, Interpretation, Pole};
pub use label::{DetectionScore, Label, LabelError, Labelling};
pub use options::LlmLabels;
pub(crate) use passages::Passages;
pub use sampling::Sampling;
pub(crate) use strongest::{ENTRY_BYTES, Strongest};
pub use top_inputs::TopInputs;
