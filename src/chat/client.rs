//! Requests to a language model: the cache first, then the budget, then the model, with retries and backoff.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::budget::{Budget, Meter, Tally, Usage};
use super::cache::AnswerCache;
use super::message::{AnswerSchema, ChatAnswer, ChatRequest, Ending};
use super::model::ChatModel;
use super::options::ChatOptions;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown_up_to};
use crate::log::LogLevel;
use crate::retry::{Backoff, Failure, wait_until};

/// The pause before the first retry; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause. A server that asks for a longer one gets no retry.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// A language model with its cache, budget and retries, which live as long as this object. Any number of threads may
/// send requests at once.
pub struct Chat<'m> {
    model: Box<dyn ChatModel + 'm>,
    options: ChatOptions,
    cache: Option<AnswerCache>,
    meter: Meter,
    /// The server asked all clients to wait until then (`Retry-After`).
    resume_at: Mutex<Option<Instant>>,
    /// The session of callers that do not bring their own.
    session: Session,
}

/// What one call has spent through a chat, and the error that ended its requests. The next call starts a new session:
/// it may have another key or more room on the disk.
#[derive(Debug, Default)]
pub(crate) struct Session {
    tally: Tally,
    /// The error after which every further request is pointless: a refused key, a model that does not exist, a cache on
    /// a full disk.
    fatal: OnceLock<Error>,
}

impl Session {
    /// What was spent in this session.
    pub(crate) fn usage(&self) -> Usage {
        self.tally.usage()
    }
}

impl fmt::Debug for Chat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat").field("options", &self.options).field("usage", &self.usage()).finish_non_exhaustive()
    }
}

impl Chat<'static> {
    /// Connects to a model behind an OpenAI-compatible server. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for options that cannot be right, [`ErrorCode::Io`] when the cache folder cannot
    /// be made.
    #[cfg(feature = "chat")]
    pub fn open(options: ChatOptions) -> Result<Self> {
        Self::with_model(super::http::HttpModel::new(&options)?, options)
    }

    /// Fails: this build has no HTTP client for language models.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`].
    #[cfg(not(feature = "chat"))]
    pub fn open(_: ChatOptions) -> Result<Self> {
        Err(Error::new(ErrorCode::Unsupported, "this build of Eidos has no client for language models")
            .hint("build it with the feature `chat`, or pass a model of your own"))
    }
}

impl<'m> Chat<'m> {
    /// Wraps a caller's own model, with the cache, the budget and the retries of the options.
    ///
    /// # Errors
    /// As [`Chat::open`].
    pub fn with_model(model: impl ChatModel + 'm, options: ChatOptions) -> Result<Self> {
        if options.max_tokens == 0 {
            return Err(Error::argument("`max_tokens` is 0").hint("allow at least one token in an answer"));
        }
        if options.cache_folder.is_some() && options.model.is_empty() {
            return Err(Error::argument(
                "a cache folder needs the name of the model, since answers are stored by model",
            )
            .hint("set the option `model`"));
        }
        let cache = options.cache_folder.as_deref().map(AnswerCache::open).transpose()?;
        let meter = Meter::new(options.budget);
        let (resume_at, session) = (Mutex::default(), Session::default());
        Ok(Self { model: Box::new(model), options, cache, meter, resume_at, session })
    }

    /// Makes a request to this model, with the token limit and the temperature of the options.
    pub fn request(&self, system: &str, user: &str, schema: Option<AnswerSchema>) -> ChatRequest {
        ChatRequest {
            model: self.options.model.clone(),
            system: system.to_owned(),
            user: user.to_owned(),
            schema,
            max_tokens: self.options.max_tokens,
            temperature: self.options.temperature,
        }
    }

    /// What was spent since the chat was opened.
    pub fn usage(&self) -> Usage {
        self.meter.usage()
    }

    /// What may still be spent; `None` means no limit. What requests in flight may need at most counts as spent.
    pub fn budget_left(&self) -> Budget {
        self.meter.left()
    }

    /// The name of the model.
    pub fn model(&self) -> &str {
        &self.options.model
    }

    /// How many requests may be in flight at the same time.
    pub(crate) fn parallel(&self) -> usize {
        self.model.parallel().max(1)
    }

    /// Sends a request and parses the answer with `read`. An answer that `read` accepts is stored in the cache and
    /// never paid for again.
    ///
    /// # Errors
    /// * [`ErrorCode::UnusableAnswer`]: the answer is empty, refused or cut off, or `read` rejects it.
    /// * [`ErrorCode::BudgetExhausted`]: the request could exceed the budget, or the provider's account has no credit.
    /// * [`ErrorCode::AccessDenied`]: the key was refused. [`ErrorCode::NotFound`]: no such model or address.
    /// * [`ErrorCode::InvalidArgument`]: the server rejects the request as invalid.
    /// * [`ErrorCode::Network`]: the server cannot be reached or fails, after the retries of the options.
    /// * [`ErrorCode::Io`]: an earlier answer could not be stored. [`ErrorCode::Cancelled`].
    pub fn ask<T>(&self, request: &ChatRequest, read: impl Fn(&str) -> Result<T>, control: &Control) -> Result<T> {
        self.ask_in(&self.session, request, read, control)
    }

    /// Sends a request as [`Chat::ask`] does, and counts its cost in a session of the caller's.
    ///
    /// # Errors
    /// As [`Chat::ask`].
    pub(crate) fn ask_in<T>(
        &self,
        session: &Session,
        request: &ChatRequest,
        read: impl Fn(&str) -> Result<T>,
        control: &Control,
    ) -> Result<T> {
        if let Some(value) = self.cached(request, &read) {
            self.count_cached(1, session);
            return Ok(value);
        }
        let text = self.answer(session, request, control)?;
        let value = read(&text)?;
        let stored = self.cache.as_ref().map_or(Ok(()), |cache| cache.store(self.model.address(), request, &text));
        if let Err(error) = stored {
            // This answer is valid. Later ones would be paid for and lost, so no further request is sent.
            let error = error.within("answers cannot be cached");
            control.log(LogLevel::Warning, c"chat", || error.to_string());
            session.fatal.set(error).ok();
        }
        Ok(value)
    }

    /// The parsed answer of the cache; `None` on a miss. No request is sent.
    pub(crate) fn cached<T>(&self, request: &ChatRequest, read: impl Fn(&str) -> Result<T>) -> Option<T> {
        self.cache.as_ref()?.find(self.model.address(), request).and_then(|text| read(&text).ok())
    }

    /// Counts answers that came from [`Chat::cached`].
    pub(crate) fn count_cached(&self, answers: u64, session: &Session) {
        self.meter.count_cached(answers, &session.tally);
    }

    fn answer(&self, session: &Session, request: &ChatRequest, control: &Control) -> Result<String> {
        let mut backoff = Backoff::new(c"chat", self.options.retries, FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            if let Some(error) = session.fatal.get() {
                return Err(error.clone());
            }
            self.wait_for_server(control)?;
            let reservation = self.meter.reserve(request, &session.tally, control)?;
            let failure = match self.model.answer(request, control) {
                Ok(answer) => {
                    reservation.settle(answer.tokens);
                    return complete_text(answer, self.options.max_tokens);
                }
                Err(failure) => failure,
            };
            drop(reservation);
            backoff.wait(self.record(failure, session), control)?;
        }
    }

    /// Records what a failure means for the other requests of the session and of the chat.
    fn record(&self, failure: Failure, session: &Session) -> Failure {
        match failure {
            Failure::Transient { error, pause: Some(pause) } if pause > LONGEST_PAUSE => {
                Failure::Final(error.detail("retry_after_seconds", pause.as_secs()))
            }
            Failure::Transient { error, pause: Some(pause) } => {
                let until = Instant::now() + pause;
                let mut resume_at = self.resume_at.lock().unwrap_or_else(PoisonError::into_inner);
                *resume_at = Some(resume_at.map_or(until, |known| known.max(until)));
                Failure::Transient { error, pause: Some(pause) }
            }
            Failure::Final(error) => {
                let ends_session =
                    matches!(error.code(), ErrorCode::AccessDenied | ErrorCode::NotFound | ErrorCode::BudgetExhausted);
                if ends_session {
                    session.fatal.set(error.clone()).ok();
                }
                Failure::Final(error)
            }
            other => other,
        }
    }

    /// Waits until the time that the server named in its last `Retry-After`.
    fn wait_for_server(&self, control: &Control) -> Result<()> {
        let resume_at = *self.resume_at.lock().unwrap_or_else(PoisonError::into_inner);
        resume_at.map_or(Ok(()), |until| wait_until(until, control))
    }
}

/// The text of a complete answer; an error for one that is empty, refused or cut off.
fn complete_text(answer: ChatAnswer, max_tokens: u32) -> Result<String> {
    let unusable = |message: String| Error::new(ErrorCode::UnusableAnswer, message);
    match answer.ending {
        Ending::Refused(words) if words.trim().is_empty() => {
            Err(unusable("the model or its provider refused to answer".to_owned())
                .hint("use another model, or look at the texts"))
        }
        Ending::Refused(words) => {
            Err(unusable(format!("the model refused to answer: {}", shown_up_to(200, words.trim())))
                .hint("use another model, or look at the texts"))
        }
        Ending::Cut => Err(unusable(format!("the answer is longer than {max_tokens} tokens and was cut off"))
            .hint("allow more tokens in an answer; reasoning models need several thousand")),
        Ending::Complete if answer.text.trim().is_empty() => {
            Err(unusable("the answer of the model is empty".to_owned()).hint("try again, or use another model"))
        }
        Ending::Complete => Ok(answer.text),
    }
}
