//! The interface of a language model that a chat sends its requests to.

use super::message::{ChatAnswer, ChatRequest};
use crate::control::Control;
use crate::retry::Failure;

/// A language model that answers requests: a server, or a caller's own model.
///
/// ```
/// use eidos::chat::{Chat, ChatAnswer, ChatModel, ChatOptions, ChatRequest, Failure};
/// use eidos::Control;
///
/// struct Parrot;
/// impl ChatModel for Parrot {
///     fn answer(&self, request: &ChatRequest, _: &Control) -> Result<ChatAnswer, Failure> {
///         Ok(ChatAnswer::of(request.user.clone()))
///     }
/// }
/// let chat = Chat::with_model(Parrot, ChatOptions::default())?;
/// let request = chat.request("Repeat.", "a word", None);
/// assert_eq!(chat.ask(&request, |text| Ok(text.len()), &Control::new())?, 6);
/// # Ok::<(), eidos::Error>(())
/// ```
pub trait ChatModel: Send + Sync {
    /// Answers one request, in a single attempt: [`super::Chat`] retries it, counts its cost and caches the answer.
    ///
    /// # Errors
    /// [`Failure::Transient`] when a retry may succeed, otherwise [`Failure::Final`].
    fn answer(&self, request: &ChatRequest, control: &Control) -> Result<ChatAnswer, Failure>;

    /// The address of the model, by which the cache tells answers of different servers apart.
    #[allow(clippy::unnecessary_literal_bound, reason = "other models have an address of their own")]
    fn address(&self) -> &str {
        "own"
    }

    /// How many requests the model takes at the same time. With 1, all requests are made on the thread that labels.
    fn parallel(&self) -> usize {
        1
    }
}
