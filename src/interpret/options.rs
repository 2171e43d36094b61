//! The options of labels that a language model writes.

use super::detection::Scoring;
use super::sampling::Sampling;

/// Options of labels that a language model writes for concepts.
///
/// ```
/// use eidos::chat::{Chat, ChatAnswer, ChatModel, ChatOptions, ChatRequest, Failure};
/// use eidos::{Activations, Control, Explainer, Ica, IcaOptions, LlmLabels};
///
/// struct MyModel;
/// impl ChatModel for MyModel {
///     fn answer(&self, request: &ChatRequest, _: &Control) -> Result<ChatAnswer, Failure> {
///         assert!(request.user.contains("1. (10) "));
///         Ok(ChatAnswer::of(r#"{"label": "fruit"}"#))
///     }
/// }
/// let rows = vec![3.0, 1.0, 1.0, 3.0, -2.0, 0.5, 0.0, -1.0];
/// let activations = Activations::from_rows(rows, 2, Some(&["pear", "plum", "tree", "bush"]))?;
/// let control = Control::new();
/// let explainer = Explainer::fit::<Ica>(&activations, &IcaOptions::new(2), &control)?;
/// let chat = Chat::with_model(MyModel, ChatOptions::default())?;
/// let meaning = LlmLabels::default().interpret(&explainer, &activations, &chat, &control)?;
/// let label = meaning.concepts()[0].positive_label.as_ref();
/// assert_eq!(label.and_then(|label| label.text.as_deref()), Some("fruit"));
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LlmLabels {
    /// The concepts to label, in that order; `None` means all.
    pub concepts: Option<Vec<usize>>,
    /// Also label the negative pole: the most negative activations.
    pub negative_pole: bool,
    /// How the examples are chosen.
    pub sampling: Sampling,
    /// How many examples of each concept the model sees, at least 1; fewer where the concept has fewer. Each passage of
    /// a text is shown once, around its strongest unit. Units without context that have the same text are shown once.
    pub examples: usize,
    /// How many units of context an example has on each side, within its text; 0 shows the units alone. Whole texts,
    /// entries of a vocabulary and a caller's own rows have no context.
    pub context: usize,
    /// The number of quantiles of [`Sampling::Quantile`].
    pub quantiles: usize,
    /// The seed of [`Sampling::Random`], of [`Sampling::Quantile`] and of the choice of test passages.
    pub seed: u32,
    /// A system message that replaces the built-in one. It should ask for `{"label": "..."}`.
    pub system_prompt: Option<String>,
    /// How labels are scored; `None` does not score them.
    pub scoring: Option<Scoring>,
}

impl Default for LlmLabels {
    fn default() -> Self {
        Self {
            concepts: None,
            negative_pole: false,
            sampling: Sampling::Top,
            examples: 30,
            context: 10,
            quantiles: 5,
            seed: 0,
            system_prompt: None,
            scoring: None,
        }
    }
}
