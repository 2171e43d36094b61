//! Language models that label concepts: over HTTP, or the caller's own.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::call::{call, get, run};
use super::error::eidos_error;
use super::handle::{Handle, handle};
use super::options::{self, options};
use super::status::eidos_status;
use super::strings::{array, optional_text, text};
use crate::chat::{Budget, Chat, ChatAnswer, ChatModel, ChatOptions, ChatRequest, Failure, Tokens};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown_up_to};
use crate::text::StringTable;

/// Receives the answer of a caller's own model. It lives as long as the call of the callback.
#[allow(non_camel_case_types)]
pub struct eidos_chat_reply {
    _opaque: [u8; 0],
}

/// What a callback has said so far.
#[derive(Debug, Default)]
pub struct ReplyValue(Mutex<Reply>);

#[derive(Debug, Default)]
struct Reply {
    text: Option<String>,
    tokens: Option<Tokens>,
    error: Option<String>,
}

impl ReplyValue {
    fn lock(&self) -> MutexGuard<'_, Reply> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

handle!(eidos_chat_reply, ReplyValue, 8);

/// A question to a language model. The struct and its strings are valid during the call of the callback only; the strings
/// are UTF-8 and end in a NUL.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_chat_request {
    /// The size of this struct. It may grow at its end.
    pub struct_size: u32,
    /// How many tokens the answer should have at most.
    pub max_tokens: u32,
    /// What the model is to do: its system prompt.
    pub system_prompt: *const c_char,
    /// The length of `system_prompt` in bytes, without the NUL.
    pub system_prompt_len: usize,
    /// What it is to do it with: the message of the user.
    pub user_prompt: *const c_char,
    /// The length of `user_prompt` in bytes, without the NUL.
    pub user_prompt_len: usize,
    /// The JSON schema of the answer, for models that can be held to one. Answers that follow it roughly are read too.
    pub json_schema: *const c_char,
    /// The length of `json_schema` in bytes, without the NUL.
    pub json_schema_len: usize,
}

/// A caller's own language model: it answers `request` by calling `eidos_chat_reply_set_text` on `reply`, and returns
/// `EIDOS_OK`. Any other status makes the concept fail with the message of `eidos_chat_reply_set_error`;
/// `EIDOS_ACCESS_DENIED`, `EIDOS_NOT_FOUND` and `EIDOS_BUDGET_EXHAUSTED` stop asking for further concepts. It runs on the
/// thread that asks for labels, one question after the other, and must not unwind.
#[allow(non_camel_case_types)]
pub type eidos_chat_callback = Option<
    unsafe extern "C" fn(
        request: *const eidos_chat_request,
        reply: *mut eidos_chat_reply,
        user_data: *mut c_void,
    ) -> eidos_status,
>;

/// Which language model is asked, and how. Fill it with `eidos_chat_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_chat_options {
    /// The size of this struct, set by `eidos_chat_options_init`.
    pub struct_size: u32,
    /// How many tokens one answer may have. By default 1024; models that think first need some thousands.
    pub max_tokens: u32,
    /// The name of the model, as its server knows it. A caller's own model needs it for the cache only.
    pub model: *const c_char,
    /// The address that `/chat/completions` is appended to. NULL: `OPENAI_BASE_URL`, else `https://api.openai.com/v1`.
    pub base_url: *const c_char,
    /// The key of the account. NULL: `OPENAI_API_KEY`, which is sent over https and to this very machine only; an empty
    /// string sends none. It appears in no error and in no cache.
    ///
    /// # ABI
    /// none NULL
    pub api_key: *const c_char,
    /// A folder that keeps every answer, so that the same question is paid for once and an interrupted run goes on where it
    /// stopped. It is made if it is not there. NULL: no cache.
    pub cache_folder: *const c_char,
    /// How long one request may take, with its answer. By default 120.
    pub timeout_seconds: u32,
    /// How often a request is repeated that failed for a reason that may pass: no connection, 408, 409, 429 and 5xx.
    /// By default 4.
    pub retries: u32,
    /// How many requests may be on their way at the same time. By default 4; a caller's own model is asked one
    /// question at a time.
    pub parallel_requests: u32,
    /// Always 0.
    pub reserved: u32,
    /// How much chance there is in the answers; negative leaves it to the server. By default 0.
    ///
    /// # ABI
    /// none -1
    pub temperature: f64,
    /// The most requests that may be sent, repetitions counted. By default there is no limit.
    pub request_budget: u64,
    /// The most tokens that may be spent, of questions and answers together. A request that could exceed it is not sent. By
    /// default there is no limit.
    pub token_budget: u64,
    /// The caller's own model, which is asked instead of a server, one question at a time on the thread that makes the call;
    /// NULL for a server.
    ///
    /// # ABI
    /// function answer ChatModel
    pub callback: eidos_chat_callback,
    /// What the callback is called with.
    pub user_data: *mut c_void,
}

options!(
    eidos_chat_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        max_tokens: 1024,
        model: ptr::null(),
        base_url: ptr::null(),
        api_key: ptr::null(),
        cache_folder: ptr::null(),
        timeout_seconds: 120,
        retries: 4,
        parallel_requests: 4,
        reserved: 0,
        temperature: 0.0,
        request_budget: u64::MAX,
        token_budget: u64::MAX,
        callback: None,
        user_data: ptr::null_mut(),
    }
);

impl eidos_chat_options {
    /// # Safety
    /// The strings are NULL or NUL-terminated.
    unsafe fn to_rust(self) -> Result<ChatOptions> {
        // SAFETY: promised by the caller.
        let string = |string: *const c_char, name: &str| unsafe { optional_text(string, name) };
        let owned = |pointer: *const c_char, name: &str| Ok::<_, Error>(string(pointer, name)?.map(str::to_owned));
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
            cache_folder: string(self.cache_folder, "cache_folder")?.map(PathBuf::from),
            budget: Budget { requests: limit(self.request_budget), tokens: limit(self.token_budget) },
        })
    }

    /// The language model that the options describe.
    ///
    /// # Safety
    /// The strings are NULL or NUL-terminated; the callback may be called with `user_data` on this thread.
    pub(super) unsafe fn open(self) -> Result<Chat<'static>> {
        // SAFETY: promised by the caller.
        let options = unsafe { self.to_rust() }?;
        match self.callback {
            Some(function) => Chat::with_model(Callback { function, user_data: self.user_data }, options),
            None => Chat::open(options),
        }
    }
}

/// Fills options with the defaults. `size` is `sizeof(eidos_chat_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_options_init(options: *mut eidos_chat_options, size: usize) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe { call(ptr::null_mut(), || options::init(options, size)) }
}

/// The answer of a caller's own model, `length` bytes of UTF-8, which are copied.
///
/// # Safety
/// `reply` is the one of the callback that is running; `answer` has `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_reply_set_text(
    reply: *mut eidos_chat_reply,
    answer: *const c_char,
    length: usize,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            let reply = eidos_chat_reply::borrow(reply)?;
            let bytes = array(answer.cast::<u8>(), length, "answer")?;
            let answer = std::str::from_utf8(bytes)
                .map_err(|_| Error::argument("`answer` is not valid UTF-8").hint("convert it to UTF-8"))?;
            reply.lock().text = Some(answer.to_owned());
            Ok(())
        })
    }
}

/// What the answer of a caller's own model cost, for the usage and the token budget. An answer without it counts with the
/// most that it can have cost.
///
/// # Safety
/// `reply` is the one of the callback that is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_reply_set_usage(
    reply: *mut eidos_chat_reply,
    prompt_tokens: u64,
    completion_tokens: u64,
) {
    get((), || {
        // SAFETY: promised by the caller.
        let reply = unsafe { eidos_chat_reply::borrow(reply) }?;
        reply.lock().tokens = Some(Tokens { prompt: prompt_tokens, completion: completion_tokens });
        Ok(())
    });
}

/// Why a caller's own model has no answer. The callback then returns a status other than `EIDOS_OK`.
///
/// # Safety
/// `reply` is the one of the callback that is running; `message` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_reply_set_error(
    reply: *mut eidos_chat_reply,
    message: *const c_char,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            let reply = eidos_chat_reply::borrow(reply)?;
            reply.lock().error = Some(text(message, "message")?.to_owned());
            Ok(())
        })
    }
}

/// A caller's function as a language model.
struct Callback {
    function: unsafe extern "C" fn(*const eidos_chat_request, *mut eidos_chat_reply, *mut c_void) -> eidos_status,
    user_data: *mut c_void,
}

// SAFETY: the pointer is only handed back to the callback, which runs on the thread that asks for labels: a model that
// takes one question at a time (the default of `ChatModel::parallel`) is never asked on another one.
unsafe impl Sync for Callback {}

impl ChatModel for Callback {
    fn answer(&self, request: &ChatRequest, _: &Control) -> Result<ChatAnswer, Failure> {
        let schema = request.schema.as_ref().map_or_else(|| "{}".to_owned(), |schema| schema.schema.to_string());
        let strings: StringTable = [request.system.as_str(), &request.user, &schema].into_iter().collect();
        let pointer = |index: usize| strings.get_with_nul(index).as_ptr().cast::<c_char>();
        let length = |index: usize| strings.get(index).len();
        let question = eidos_chat_request {
            struct_size: size_of::<eidos_chat_request>() as u32,
            max_tokens: request.max_tokens,
            system_prompt: pointer(0),
            system_prompt_len: length(0),
            user_prompt: pointer(1),
            user_prompt_len: length(1),
            json_schema: pointer(2),
            json_schema_len: length(2),
        };
        let reply = eidos_chat_reply::into_raw(ReplyValue::default());
        // SAFETY: the caller promises that the callback may be called with its data; the rest lives during the call.
        let status = unsafe { (self.function)(&raw const question, reply, self.user_data) };
        // SAFETY: the handle was made above, and only this function frees it.
        let said = unsafe { eidos_chat_reply::borrow(reply) }.map(|reply| std::mem::take(&mut *reply.lock()));
        // SAFETY: as above; the callback has returned.
        run(|| unsafe { eidos_chat_reply::free(reply) });
        answer_of(status, said?)
    }
}

fn answer_of(status: eidos_status, said: Reply) -> Result<ChatAnswer, Failure> {
    if status == super::status::EIDOS_OK {
        let text = said.text.ok_or_else(|| {
            Error::new(ErrorCode::UnusableAnswer, "the callback returned without an answer")
                .hint("call eidos_chat_reply_set_text, or return a status other than EIDOS_OK")
        })?;
        return Ok(ChatAnswer { tokens: said.tokens, ..ChatAnswer::of(text) });
    }
    let code = super::status::error_code(status).unwrap_or(ErrorCode::UnusableAnswer);
    let message = said.error.map(|message| shown_up_to(300, &message));
    let message = message.unwrap_or_else(|| format!("it returned the status {status}"));
    Err(Error::new(code, format!("the model of the callback failed: {message}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        // SAFETY: the defaults have no strings.
        let options = unsafe { eidos_chat_options::DEFAULT.to_rust() }.unwrap();
        assert_eq!(format!("{options:?}"), format!("{:?}", ChatOptions::default()));
    }
}
