//! Sources of answers to requests: the cache, the language model, or an estimate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::chat::{Chat, ChatRequest, Session, Usage};
use crate::control::Control;
use crate::error::Result;

/// A source of answers to requests.
pub(super) trait AnswerSource {
    /// Returns the parsed answer; `None` when this source has none. `answer_tokens` is the usual length of an answer,
    /// and `placeholder` makes the answer that an estimate assumes.
    fn answer<T>(
        &self,
        request: &ChatRequest,
        answer_tokens: u64,
        parse: impl Fn(&str) -> Result<T>,
        placeholder: impl FnOnce() -> T,
    ) -> Option<Result<T>>;
}

/// Answers from the cache only.
pub(super) struct CacheOnly<'a> {
    chat: &'a Chat<'a>,
    hits: AtomicU64,
}

impl<'a> CacheOnly<'a> {
    pub(super) fn new(chat: &'a Chat<'a>) -> Self {
        Self { chat, hits: AtomicU64::new(0) }
    }

    /// How many requests the cache has answered.
    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }
}

impl AnswerSource for CacheOnly<'_> {
    fn answer<T>(
        &self,
        request: &ChatRequest,
        _: u64,
        parse: impl Fn(&str) -> Result<T>,
        _: impl FnOnce() -> T,
    ) -> Option<Result<T>> {
        let value = self.chat.cached(request, parse)?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(Ok(value))
    }
}

/// Answers from the cache, and on a miss from the model.
pub(super) struct CacheThenModel<'a> {
    pub(super) chat: &'a Chat<'a>,
    pub(super) session: &'a Session,
    pub(super) control: &'a Control,
}

impl AnswerSource for CacheThenModel<'_> {
    fn answer<T>(
        &self,
        request: &ChatRequest,
        _: u64,
        parse: impl Fn(&str) -> Result<T>,
        _: impl FnOnce() -> T,
    ) -> Option<Result<T>> {
        Some(self.chat.ask_in(self.session, request, parse, self.control))
    }
}

/// Estimates what requests would cost; answers from the cache, and placeholders on a miss.
pub(super) struct Estimate<'a> {
    chat: &'a Chat<'a>,
    usage: Mutex<Usage>,
}

impl<'a> Estimate<'a> {
    pub(super) fn new(chat: &'a Chat<'a>) -> Self {
        Self { chat, usage: Mutex::default() }
    }

    /// The estimated usage.
    pub(super) fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AnswerSource for Estimate<'_> {
    fn answer<T>(
        &self,
        request: &ChatRequest,
        answer_tokens: u64,
        parse: impl Fn(&str) -> Result<T>,
        placeholder: impl FnOnce() -> T,
    ) -> Option<Result<T>> {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.chat.cached(request, parse) {
            usage.cached += 1;
            return Some(Ok(value));
        }
        usage.requests += 1;
        usage.prompt_tokens += request.estimated_prompt_tokens();
        usage.completion_tokens += answer_tokens;
        Some(Ok(placeholder()))
    }
}
