//! Language models that label concepts.

use std::path::PathBuf;
use std::time::Duration;

use super::arguments::{In, Out, Owned, Ref, Text, call};
use super::error::eidos_error;
use super::handle::handle;
use super::options::options;
use super::output::output;
use super::status::eidos_status;
use crate::chat::{Budget, Chat, ChatOptions};
use crate::error::{Error, Result};

/// A chat is a language model that is asked for labels: one behind a server, or the caller's own. The handle holds the
/// budget and what was spent of it, the connections, the cache of answers and what was learned about the server, from
/// one call to the next. Any number of threads may ask with it at the same time; they share the budget. Made by
/// `eidos_chat_new` or `eidos_chat_from_callback`, freed with `eidos_chat_free`.
#[allow(non_camel_case_types)]
pub struct eidos_chat {
    _opaque: [u8; 0],
}

handle!(eidos_chat, Chat<'static>, 12);

/// These options say which language model is asked, and how. Fill the struct with `eidos_chat_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_chat_options {
    /// This is the size of the struct in bytes, set by `eidos_chat_options_init`.
    pub struct_size: u32,
    /// One answer may have this many tokens. By default 1024; models that think first need some thousands.
    pub max_tokens: u32,
    /// The server knows the model by this name. A caller's own model needs it for the cache only.
    pub model: Text,
    /// Requests go to this address with `/chat/completions` appended. NULL: `OPENAI_BASE_URL`, else
    /// `https://api.openai.com/v1`.
    pub base_url: Text,
    /// Requests are sent with this key of the account. NULL: `OPENAI_API_KEY`, which is sent over https and to this
    /// very machine only; an empty string sends none. It appears in no error and in no cache.
    ///
    /// # ABI
    /// none NULL
    pub api_key: Text,
    /// This folder keeps every answer, so that the same question is paid for once and an interrupted run goes on where
    /// it stopped. It is made if it is not there. NULL: no cache.
    pub cache_folder: Text,
    /// One request may take this many seconds, with its answer. By default 120.
    pub timeout_seconds: u32,
    /// A request that failed for a reason that may pass (no connection, 408, 409, 429, 5xx) is repeated this many
    /// times. By default 4.
    pub retries: u32,
    /// This many requests of one call may be on their way at the same time. By default 4; a call asks the caller's own
    /// model one question at a time.
    pub parallel_requests: u32,
    /// This field is always 0.
    pub reserved: u32,
    /// The temperature says how much chance there is in the answers; negative leaves it to the server. By default 0.
    ///
    /// # ABI
    /// none -1
    pub temperature: f64,
    /// At most this many requests may be sent with the handle, repetitions counted. By default there is no limit.
    pub request_budget: u64,
    /// At most this many tokens may be spent with the handle, of questions and answers together. A request that could
    /// exceed the budget is not sent. By default there is no limit.
    pub token_budget: u64,
}

options!(
    eidos_chat_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        max_tokens: 1024,
        model: Text::NULL,
        base_url: Text::NULL,
        api_key: Text::NULL,
        cache_folder: Text::NULL,
        timeout_seconds: 120,
        retries: 4,
        parallel_requests: 4,
        reserved: 0,
        temperature: 0.0,
        request_budget: u64::MAX,
        token_budget: u64::MAX,
    }
);

impl eidos_chat_options {
    pub(super) fn to_rust(self) -> Result<ChatOptions> {
        let owned = |string: Text, name: &str| Ok::<_, Error>(string.optional(name)?.map(str::to_owned));
        let limit = |value: u64| (value < u64::MAX).then_some(value);
        Ok(ChatOptions {
            model: owned(self.model, "model")?.unwrap_or_default(),
            base_url: owned(self.base_url, "base_url")?,
            api_key: owned(self.api_key, "api_key")?,
            timeout: Duration::from_secs(u64::from(self.timeout_seconds)),
            retries: self.retries,
            parallel: self.parallel_requests as usize,
            max_tokens: self.max_tokens,
            temperature: (self.temperature.is_nan() || self.temperature >= 0.0).then_some(self.temperature),
            cache_folder: owned(self.cache_folder, "cache_folder")?.map(PathBuf::from),
            budget: Budget { requests: limit(self.request_budget), tokens: limit(self.token_budget) },
        })
    }
}

/// Fills the options of a language model with the defaults. `size` is `sizeof(eidos_chat_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_options_init(options: Out<eidos_chat_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Makes a language model behind an OpenAI-compatible server. Nothing is sent yet, and `options` are copied: `model`
/// must be set. `EIDOS_INVALID_ARGUMENT` for options that cannot be right, `EIDOS_IO` when the cache folder cannot be
/// made, `EIDOS_UNSUPPORTED` from a library that was built without a client.
///
/// # Safety
/// `options` was filled by its init function; its strings are NULL or NUL-terminated; `out` can be written; `err` is
/// NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_new(
    options: In<eidos_chat_options>,
    out: Out<*mut eidos_chat>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        out.handle(Chat::open(options.read()?.to_rust()?)?);
        Ok(())
    })
}

/// This struct says what was spent with a language model since its handle was made, by all calls together.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_chat_spending {
    /// This is the size of the struct in bytes, as far as the library filled it.
    pub struct_size: u32,
    /// This field is always 0.
    pub reserved: u32,
    /// This many requests were sent; a repetition counts.
    pub requests: u64,
    /// The cache answered this many questions.
    pub cached: u64,
    /// The questions had this many tokens, as the server counted them.
    pub prompt_tokens: u64,
    /// The answers had this many tokens, as the server counted them.
    pub completion_tokens: u64,
    /// The server did not say of this many answers what they cost.
    pub unreported: u64,
    /// This many requests may still be sent; `UINT64_MAX` where there is no limit.
    pub requests_left: u64,
    /// This many tokens may still be spent; `UINT64_MAX` where there is no limit. What the requests on their way may
    /// need at most is not left.
    pub tokens_left: u64,
}

output!(eidos_chat_spending);

/// Writes what was spent with a language model and what is left of its budget. `size` is `sizeof(eidos_chat_spending)`.
/// It does not wait for calls in progress; `err` may be NULL.
///
/// # Safety
/// `chat` is a live handle; `out` can be written for `size` bytes; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_spent(
    chat: Ref<eidos_chat>,
    out: Out<eidos_chat_spending>,
    size: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let chat = chat.get()?;
        let (usage, left) = (chat.usage(), chat.budget_left());
        let result = eidos_chat_spending {
            struct_size: 0,
            reserved: 0,
            requests: usage.requests,
            cached: usage.cached,
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            unreported: usage.unreported,
            requests_left: left.requests.unwrap_or(u64::MAX),
            tokens_left: left.tokens.unwrap_or(u64::MAX),
        };
        out.fill(size, result)
    })
}

/// Makes one more handle of the same language model, for another owner, who frees it: budget, connections and cache are
/// shared.
///
/// # Safety
/// `chat` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_retain(
    chat: Ref<eidos_chat>,
    out: Out<*mut eidos_chat>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || chat.share(out))
}

/// Frees a language model; NULL is fine. The last handle of it closes the connections and calls the `destroy` of
/// `eidos_chat_from_callback`.
///
/// # Safety
/// `chat` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_free(chat: Owned<eidos_chat>) {
    chat.free();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        let options = eidos_chat_options::DEFAULT.to_rust().unwrap();
        assert_eq!(format!("{options:?}"), format!("{:?}", ChatOptions::default()));
    }
}
