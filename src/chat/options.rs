//! The options of a chat.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::budget::Budget;

/// Which language model receives the requests, and how they are sent.
#[derive(Clone)]
pub struct ChatOptions {
    /// The name of the model, as its server knows it. A caller's own model needs one only for the cache, which stores
    /// answers by model.
    pub model: String,
    /// The base URL, to which `/chat/completions` is appended. When `None`: `OPENAI_BASE_URL`, else
    /// `https://api.openai.com/v1`.
    pub base_url: Option<String>,
    /// The API key. When `None`: `OPENAI_API_KEY`, which is sent only over https or to this machine (a loopback
    /// address). An empty text sends no key. The key appears in no error, no debug output and no cache.
    pub api_key: Option<String>,
    /// The timeout of one request, its answer included.
    pub timeout: Duration,
    /// How often a request is retried after a failure that may pass, such as a timeout or status 429.
    pub retries: u32,
    /// How many requests may be in flight at the same time, at least 1.
    pub parallel: usize,
    /// The most tokens that one answer may have. Reasoning models need room for their reasoning as well.
    pub max_tokens: u32,
    /// The sampling temperature; `None` leaves it to the server.
    pub temperature: Option<f64>,
    /// A folder that stores every answer, so that no request is paid for twice. It is created where it is missing.
    pub cache_folder: Option<PathBuf>,
    /// The limits on what may be spent.
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
