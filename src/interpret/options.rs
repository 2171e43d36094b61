//! What a caller may decide about labels by a language model.

use super::detection::Scoring;
use super::sampling::Sampling;

/// Asks a language model for the names of concepts.
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
    /// Which concepts, in the order wanted; `None` means all.
    pub concepts: Option<Vec<usize>>,
    /// Also label what the most negative activations mean.
    pub negative_pole: bool,
    /// How the examples are chosen.
    pub sampling: Sampling,
    /// How many examples the model sees of each concept, at least 1; fewer where there are fewer. A piece of a text is
    /// shown once, around its strongest unit, and so are units that stand alone and look the same.
    pub examples: usize,
    /// How many units of context an example has on each side, as far as its text goes; 0 shows the units alone. Whole
    /// texts, entries of a vocabulary and rows that a caller brought have no context.
    pub context: usize,
    /// Into how many quantiles [`Sampling::Quantile`] cuts.
    pub quantiles: usize,
    /// What [`Sampling::Random`], [`Sampling::Quantile`] and the scoring draw with.
    pub seed: u32,
    /// Instructions to use instead of ours. They should ask for `{"label": "..."}`.
    pub system_prompt: Option<String>,
    /// How labels are scored; `None` leaves it out.
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
