//! What a caller may decide about a language model.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::budget::Budget;

/// Which language model is asked, and how.
#[derive(Clone)]
pub struct ChatOptions {
    /// The name of the model, as its server knows it. A caller's own model needs one only for the cache, which must tell
    /// it from others.
    pub model: String,
    /// The address that `/chat/completions` is appended to. When `None`: `OPENAI_BASE_URL`, else
    /// `https://api.openai.com/v1`.
    pub base_url: Option<String>,
    /// The key of the account. When `None`: `OPENAI_API_KEY`, which is sent over https and to this very machine only. An
    /// empty text sends no key. It appears in no error, no debug output and no cache.
    pub api_key: Option<String>,
    /// How long one request may take, with its answer.
    pub timeout: Duration,
    /// How often a request is repeated that failed for a reason that may pass.
    pub retries: u32,
    /// How many requests may be on their way at the same time, at least 1.
    pub parallel: usize,
    /// How many tokens one answer may have. Models that think before they answer need room for it.
    pub max_tokens: u32,
    /// How much chance there is in the answers; `None` leaves it to the server.
    pub temperature: Option<f64>,
    /// A folder that keeps every answer, so that the same question is paid for once. It is made if it is not there.
    pub cache_folder: Option<PathBuf>,
    /// What may be spent.
    pub budget: Budget,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self {
            model: String::new(),
            base_url: None,
            api_key: None,
            timeout: Duration::from_mins(2),
            retries: 4,
            parallel: 4,
            max_tokens: 1024,
            temperature: Some(0.0),
            cache_folder: None,
            budget: Budget::default(),
        }
    }
}

/// Shows everything but the key.
impl fmt::Debug for ChatOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatOptions")
            .field("model", &self.model)
            .field("base_url", &self.base_url)
            .field("api_key", &self.api_key.as_ref().map(|_| "(hidden)"))
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .field("parallel", &self.parallel)
            .field("max_tokens", &self.max_tokens)
            .field("temperature", &self.temperature)
            .field("cache_folder", &self.cache_folder)
            .field("budget", &self.budget)
            .finish()
    }
}
