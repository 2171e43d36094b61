//! What requests ask for, and sources of answers to them: the cache, the language model, or an estimate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::prompts::{read_answers, read_label};
use crate::chat::{Chat, ChatRequest, Session, Usage};
use crate::control::Control;
use crate::error::Result;

/// What a request asks for.
pub(super) trait Question {
    type Answer;

    /// Reads the answer from what the model wrote.
    fn read(&self, text: &str) -> Result<Self::Answer>;
    /// How many tokens an answer usually has.
    fn usual_tokens(&self) -> u64;
    /// The answer that an estimate assumes.
    fn placeholder(&self) -> Self::Answer;
}

/// Asks for a label.
pub(super) struct ForLabel;

impl Question for ForLabel {
    type Answer = String;

    fn read(&self, text: &str) -> Result<String> {
        read_label(text)
    }

    fn usual_tokens(&self) -> u64 {
        16
    }

    fn placeholder(&self) -> String {
        "a label of some words".to_owned()
    }
}

/// Asks for a judgement on each of so many passages.
pub(super) struct ForJudgements(pub(super) usize);

impl Question for ForJudgements {
    type Answer = Vec<bool>;

    fn read(&self, text: &str) -> Result<Vec<bool>> {
        read_answers(text, self.0)
    }

    fn usual_tokens(&self) -> u64 {
        3 * self.0 as u64 + 8
    }

    fn placeholder(&self) -> Vec<bool> {
        vec![true; self.0]
    }
}

/// A source of answers to requests.
pub(super) trait AnswerSource {
    /// Returns the answer to a question; `None` when this source has none.
    fn answer<Q: Question>(&self, request: &ChatRequest, question: &Q) -> Option<Result<Q::Answer>>;
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
    fn answer<Q: Question>(&self, request: &ChatRequest, question: &Q) -> Option<Result<Q::Answer>> {
        let value = self.chat.cached(request, |text| question.read(text))?;
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
    fn answer<Q: Question>(&self, request: &ChatRequest, question: &Q) -> Option<Result<Q::Answer>> {
        Some(self.chat.ask_in(self.session, request, |text| question.read(text), self.control))
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
    fn answer<Q: Question>(&self, request: &ChatRequest, question: &Q) -> Option<Result<Q::Answer>> {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.chat.cached(request, |text| question.read(text)) {
            usage.cached += 1;
            return Some(Ok(value));
        }
        usage.requests += 1;
        usage.prompt_tokens += request.estimated_prompt_tokens();
        usage.completion_tokens += question.usual_tokens();
        Some(Ok(question.placeholder()))
    }
}
