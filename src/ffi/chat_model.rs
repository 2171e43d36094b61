//! Language models of the caller's own.

use std::ffi::{c_char, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::arguments::{Array, In, Out, RefMut, Text, call};
use super::call::run;
use super::chat::{eidos_chat, eidos_chat_options};
use super::error::eidos_error;
use super::handle::{Handle, handle};
use super::methods::eidos_destroy_callback;
use super::status::eidos_status;
use super::strings::valid_text;
use super::user_data::UserData;
use crate::chat::{Chat, ChatAnswer, ChatModel, ChatRequest, Failure, Tokens};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown_up_to};
use crate::text::StringTable;

/// A reply receives the answer of a language model of the caller's own. It lives as long as the call of the
/// `eidos_chat_callback`.
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

/// This struct is a question to a language model. The struct and its strings are valid during the call of the callback
/// only; the strings are UTF-8 and end in a NUL.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_chat_request {
    /// This is the size of the struct in bytes. The struct may grow at its end.
    pub struct_size: u32,
    /// The answer should have at most this many tokens.
    pub max_tokens: u32,
    /// The system prompt says what the model is to do.
    pub system_prompt: *const c_char,
    /// This is the length of `system_prompt` in bytes, without the NUL.
    pub system_prompt_len: usize,
    /// The message of the user says what the model is to do it with.
    pub user_prompt: *const c_char,
    /// This is the length of `user_prompt` in bytes, without the NUL.
    pub user_prompt_len: usize,
    /// The answer should follow this JSON schema, to which some models can be held. Answers that follow it roughly are
    /// read too.
    pub json_schema: *const c_char,
    /// This is the length of `json_schema` in bytes, without the NUL.
    pub json_schema_len: usize,
}

/// Answers a request in the place of a server: it calls `eidos_chat_reply_set_text` on `reply` and returns `EIDOS_OK`.
/// Any other status makes the concept fail with the message of `eidos_chat_reply_set_error`; `EIDOS_ACCESS_DENIED`,
/// `EIDOS_NOT_FOUND` and `EIDOS_BUDGET_EXHAUSTED` stop the requests for further concepts. It runs on the thread that
/// labels, for one request after the other; calls on several threads with the same `eidos_chat` run it on each of them
/// at the same time. It must not unwind, nor free the handles of the call.
#[allow(non_camel_case_types)]
pub type eidos_chat_callback = Option<
    unsafe extern "C" fn(
        request: *const eidos_chat_request,
        reply: *mut eidos_chat_reply,
        user_data: *mut c_void,
    ) -> eidos_status,
>;

/// Makes a language model of a function of the caller's, with the cache, the budgets and the longest answer of
/// `options`; what they say of servers is not used, and `model` is needed for a cache only. `callback` runs inside the
/// calls that ask with this handle, never between them. `destroy`, which may be NULL, is called with `user_data` once:
/// when the last handle of this model is freed, or, where this call fails, before it returns. So `user_data` must live
/// until then. `options` and `err` may be NULL. `EIDOS_INVALID_ARGUMENT` when `callback` is NULL or an option cannot be
/// right, `EIDOS_IO` when the cache folder cannot be made.
///
/// # Safety
/// `callback` may be called with `user_data` on any thread that asks with this handle, and `destroy` on the one that
/// frees it; `options` was filled by its init function; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_from_callback(
    callback: eidos_chat_callback,
    user_data: *mut c_void,
    destroy: eidos_destroy_callback,
    options: In<eidos_chat_options>,
    out: Out<*mut eidos_chat>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let user_data = UserData::new(user_data, destroy);
        let out = out.place("out")?;
        let function = callback.ok_or_else(|| {
            Error::argument("`callback` is NULL").hint("pass a function, or use eidos_chat_new for a server")
        })?;
        let options = options.read()?.to_rust()?;
        out.handle(Chat::with_model(Callback { function, user_data }, options)?);
        Ok(())
    })
}

/// Gives the answer of a language model of the caller's own: `length` bytes of UTF-8 at `answer`, which are copied.
/// `EIDOS_INVALID_ARGUMENT` for other bytes. `err` may be NULL.
///
/// # Safety
/// `reply` is the one of the callback that is running; `answer` has `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_reply_set_text(
    reply: RefMut<eidos_chat_reply>,
    answer: Array<c_char>,
    length: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let reply = reply.get()?;
        let bytes = answer.bytes(length, "answer")?;
        let answer = valid_text(bytes, "answer")?;
        reply.lock().text = Some(answer.to_owned());
        Ok(())
    })
}

/// Says how many tokens the answer of a language model of the caller's own cost, for the usage and the token budget. An
/// answer without it counts with the most that it can have cost.
///
/// # Safety
/// `reply` is the one of the callback that is running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_reply_set_usage(
    reply: RefMut<eidos_chat_reply>,
    prompt_tokens: u64,
    completion_tokens: u64,
) {
    reply.read((), |reply| {
        reply.lock().tokens = Some(Tokens { prompt: prompt_tokens, completion: completion_tokens });
    });
}

/// Says why a language model of the caller's own has no answer: `message` is copied. The callback then returns a status
/// other than `EIDOS_OK`. `err` may be NULL.
///
/// # Safety
/// `reply` is the one of the callback that is running; `message` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_chat_reply_set_error(
    reply: RefMut<eidos_chat_reply>,
    message: Text,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let reply = reply.get()?;
        reply.lock().error = Some(message.get("message")?.to_owned());
        Ok(())
    })
}

/// A caller's function as a language model.
struct Callback {
    function: unsafe extern "C" fn(*const eidos_chat_request, *mut eidos_chat_reply, *mut c_void) -> eidos_status,
    user_data: UserData,
}

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
        let status = unsafe { (self.function)(&raw const question, reply, self.user_data.pointer()) };
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
