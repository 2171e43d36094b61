//! Asking a language model: the cache first, then the budget, then the model, with patience.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::budget::{Budget, Meter, Tally, Usage};
use super::cache::AnswerCache;
use super::message::{AnswerSchema, ChatAnswer, ChatRequest, Ending};
use super::options::ChatOptions;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown_up_to};
use crate::log::LogLevel;
use crate::retry::{Failure, Patience, wait_until};

/// The pause before the first repetition; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause. A server that wants us to wait longer than that gets no repetition.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// Something that answers questions: a server, or a caller's own model.
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
    /// Answers a question once, without patience: who asks repeats it, counts it and keeps the answer.
    ///
    /// # Errors
    /// [`Failure::Transient`] when asking again may help, else [`Failure::Final`].
    fn answer(&self, request: &ChatRequest, control: &Control) -> Result<ChatAnswer, Failure>;

    /// Where it answers, which tells the answers of two servers apart.
    #[allow(clippy::unnecessary_literal_bound, reason = "others have an address of their own")]
    fn address(&self) -> &str {
        "own"
    }

    /// How many questions it takes at the same time. With 1, every question is asked on the thread that asks for
    /// labels.
    fn parallel(&self) -> usize {
        1
    }
}

/// A language model with its cache, budget and patience, which last as long as it does. Any number of threads may ask
/// at once.
pub struct Chat<'m> {
    model: Box<dyn ChatModel + 'm>,
    options: ChatOptions,
    cache: Option<AnswerCache>,
    meter: Meter,
    /// Until when the server does not want to be asked, by anybody.
    resume_at: Mutex<Option<Instant>>,
    /// The account of those who ask on their own.
    account: Account,
}

/// What one user of a chat has spent, and what ended its questions. The next one, who may have another key or more room
/// on the disk, begins anew.
#[derive(Debug, Default)]
pub(crate) struct Account {
    tally: Tally,
    /// What makes every further request pointless: a refused key, a model that does not exist, a cache on a full disk.
    broken: OnceLock<Error>,
}

impl Account {
    /// What was spent.
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
    /// A model behind an OpenAI-compatible server. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for options that cannot be right, [`ErrorCode::Io`] when the cache folder cannot
    /// be made.
    #[cfg(feature = "chat")]
    pub fn open(options: ChatOptions) -> Result<Self> {
        Self::with_model(super::http::HttpModel::new(&options)?, options)
    }

    /// A model behind an OpenAI-compatible server, which this build cannot ask.
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
    /// A caller's own model, with the cache, the budget and the retries of the options.
    ///
    /// # Errors
    /// As [`Chat::open`].
    pub fn with_model(model: impl ChatModel + 'm, options: ChatOptions) -> Result<Self> {
        if options.max_tokens == 0 {
            return Err(Error::argument("answers of 0 tokens were asked for").hint("allow at least one token"));
        }
        if options.cache_folder.is_some() && options.model.is_empty() {
            return Err(Error::argument(
                "a cache needs the name of the model, to tell its answers from those of others",
            )
            .hint("set the option `model`"));
        }
        let cache = options.cache_folder.as_deref().map(AnswerCache::open).transpose()?;
        let meter = Meter::new(options.budget);
        let (resume_at, account) = (Mutex::default(), Account::default());
        Ok(Self { model: Box::new(model), options, cache, meter, resume_at, account })
    }

    /// A question to this model.
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

    /// What may still be spent; `None` is no limit. What the requests on their way may need at most is not left.
    pub fn budget_left(&self) -> Budget {
        self.meter.left()
    }

    /// The name of the model.
    pub fn model(&self) -> &str {
        &self.options.model
    }

    /// How many questions may be on their way at the same time.
    pub(crate) fn parallel(&self) -> usize {
        self.model.parallel().max(1)
    }

    /// Asks, and reads the answer with `read`. An answer that `read` accepts is kept in the cache, and asked for once.
    ///
    /// # Errors
    /// * [`ErrorCode::UnusableAnswer`]: empty, refused, cut, or what `read` says of it.
    /// * [`ErrorCode::BudgetExhausted`]: the request could exceed the budget, or the account is empty.
    /// * [`ErrorCode::AccessDenied`]: the key was refused. [`ErrorCode::NotFound`]: no such model or address.
    /// * [`ErrorCode::InvalidArgument`]: the server calls the request wrong.
    /// * [`ErrorCode::Network`]: the server cannot be reached or fails, after the retries of the options.
    /// * [`ErrorCode::Io`]: an earlier answer could not be kept. [`ErrorCode::Cancelled`].
    pub fn ask<T>(&self, request: &ChatRequest, read: impl Fn(&str) -> Result<T>, control: &Control) -> Result<T> {
        self.ask_on(&self.account, request, read, control)
    }

    /// [`Chat::ask`] on an account of its own.
    ///
    /// # Errors
    /// As [`Chat::ask`].
    pub(crate) fn ask_on<T>(
        &self,
        account: &Account,
        request: &ChatRequest,
        read: impl Fn(&str) -> Result<T>,
        control: &Control,
    ) -> Result<T> {
        if let Some(value) = self.recall(request, &read) {
            self.count_recalled(1, account);
            return Ok(value);
        }
        let text = self.answer(account, request, control)?;
        let value = read(&text)?;
        let kept = self.cache.as_ref().map_or(Ok(()), |cache| cache.keep(self.model.address(), request, &text));
        if let Err(error) = kept {
            // This answer is good; those that follow would be paid for and lost.
            let error = error.within("answers cannot be kept");
            control.log(LogLevel::Warning, c"chat", || error.to_string());
            account.broken.set(error).ok();
        }
        Ok(value)
    }

    /// What the cache knows, without asking anybody.
    pub(crate) fn recall<T>(&self, request: &ChatRequest, read: impl Fn(&str) -> Result<T>) -> Option<T> {
        self.cache.as_ref()?.find(self.model.address(), request).and_then(|text| read(&text).ok())
    }

    /// Counts answers that came from [`Chat::recall`].
    pub(crate) fn count_recalled(&self, answers: u64, account: &Account) {
        self.meter.count_cached(answers, &account.tally);
    }

    fn answer(&self, account: &Account, request: &ChatRequest, control: &Control) -> Result<String> {
        let mut patience = Patience::new(c"chat", self.options.retries, FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            if let Some(error) = account.broken.get() {
                return Err(error.clone());
            }
            self.wait_for_server(control)?;
            let reservation = self.meter.reserve(request, &account.tally, control)?;
            let failure = match self.model.answer(request, control) {
                Ok(answer) => {
                    reservation.settle(answer.tokens);
                    return usable(answer, self.options.max_tokens);
                }
                Err(failure) => failure,
            };
            drop(reservation);
            patience.wait(self.noted(failure, account), control)?;
        }
    }

    /// What a failure means for the others that ask.
    fn noted(&self, failure: Failure, account: &Account) -> Failure {
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
                let concerns_all =
                    matches!(error.code(), ErrorCode::AccessDenied | ErrorCode::NotFound | ErrorCode::BudgetExhausted);
                if concerns_all {
                    account.broken.set(error.clone()).ok();
                }
                Failure::Final(error)
            }
            other => other,
        }
    }

    /// Waits until the server wants to be asked again.
    fn wait_for_server(&self, control: &Control) -> Result<()> {
        let resume_at = *self.resume_at.lock().unwrap_or_else(PoisonError::into_inner);
        resume_at.map_or(Ok(()), |until| wait_until(until, control))
    }
}

/// The text of an answer that is one.
fn usable(answer: ChatAnswer, max_tokens: u32) -> Result<String> {
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
        Ending::Cut => Err(unusable(format!("the answer is longer than {max_tokens} tokens and was cut"))
            .hint("allow more tokens in an answer; models that think first need some thousands")),
        Ending::Complete if answer.text.trim().is_empty() => {
            Err(unusable("the model answered nothing".to_owned()).hint("try again, or use another model"))
        }
        Ending::Complete => Ok(answer.text),
    }
}
