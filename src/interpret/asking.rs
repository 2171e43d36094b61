//! Who answers: the cache, the language model, or nobody; and how many are asked at a time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::chat::{Account, Chat, ChatRequest, Usage};
use crate::control::Control;
use crate::error::Result;
use crate::threads::start;

/// How often the thread that waits for answers hands on what was said meanwhile.
const WAIT_STEP: Duration = Duration::from_millis(100);

/// Where answers come from: the cache alone, the model, or nowhere.
pub(super) trait Source {
    /// `None` when there is no answer and it may not be asked for. `answer_tokens` is about how long an answer is, and
    /// `stand_in` what may be thought to be answered where nobody is asked.
    fn ask<T>(
        &self,
        request: &ChatRequest,
        answer_tokens: u64,
        read: impl Fn(&str) -> Result<T>,
        stand_in: impl FnOnce() -> T,
    ) -> Option<Result<T>>;
}

/// The cache alone.
pub(super) struct Cached<'a> {
    chat: &'a Chat<'a>,
    found: AtomicU64,
}

impl<'a> Cached<'a> {
    pub(super) fn new(chat: &'a Chat<'a>) -> Self {
        Self { chat, found: AtomicU64::new(0) }
    }

    /// How many answers there were.
    pub(super) fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }
}

impl Source for Cached<'_> {
    fn ask<T>(
        &self,
        request: &ChatRequest,
        _: u64,
        read: impl Fn(&str) -> Result<T>,
        _: impl FnOnce() -> T,
    ) -> Option<Result<T>> {
        let value = self.chat.recall(request, read)?;
        self.found.fetch_add(1, Ordering::Relaxed);
        Some(Ok(value))
    }
}

/// The cache, and else the model.
pub(super) struct Live<'a> {
    pub(super) chat: &'a Chat<'a>,
    pub(super) account: &'a Account,
    pub(super) control: &'a Control,
}

impl Source for Live<'_> {
    fn ask<T>(
        &self,
        request: &ChatRequest,
        _: u64,
        read: impl Fn(&str) -> Result<T>,
        _: impl FnOnce() -> T,
    ) -> Option<Result<T>> {
        Some(self.chat.ask_on(self.account, request, read, self.control))
    }
}

/// Nobody: what would be asked is counted.
pub(super) struct Estimate<'a> {
    chat: &'a Chat<'a>,
    usage: Mutex<Usage>,
}

impl<'a> Estimate<'a> {
    pub(super) fn new(chat: &'a Chat<'a>) -> Self {
        Self { chat, usage: Mutex::default() }
    }

    /// What would be spent.
    pub(super) fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Estimate<'_> {
    fn ask<T>(
        &self,
        request: &ChatRequest,
        answer_tokens: u64,
        read: impl Fn(&str) -> Result<T>,
        stand_in: impl FnOnce() -> T,
    ) -> Option<Result<T>> {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = self.chat.recall(request, read) {
            usage.cached += 1;
            return Some(Ok(value));
        }
        usage.requests += 1;
        usage.prompt_tokens += request.estimated_prompt_tokens();
        usage.completion_tokens += answer_tokens;
        Some(Ok(stand_in()))
    }
}

/// Does `work` for each of the jobs on up to `parallel` threads, and hands the results to `absorb` on this thread. With
/// one at a time, the work is done on this thread too. While this thread waits, it hands on what the others say.
pub(super) fn side_by_side<T: Send>(
    jobs: &[usize],
    parallel: usize,
    control: &Control,
    work: impl Fn(usize) -> T + Sync,
    mut absorb: impl FnMut(usize, T),
) {
    let next = AtomicUsize::new(0);
    let take = || jobs.get(next.fetch_add(1, Ordering::Relaxed)).copied();
    let threads = parallel.min(jobs.len());
    if threads > 1 {
        std::thread::scope(|scope| {
            let (sender, receiver) = channel();
            for _ in 0..threads {
                let (sender, take, work) = (sender.clone(), &take, &work);
                let worker = move || {
                    while let Some(job) = take() {
                        // This thread listens until the last worker is done.
                        sender.send((job, work(job))).ok();
                    }
                };
                // Where there are no more threads, fewer work.
                start(scope, worker).ok();
            }
            drop(sender);
            loop {
                match receiver.recv_timeout(WAIT_STEP) {
                    Ok((job, result)) => absorb(job, result),
                    Err(RecvTimeoutError::Timeout) => control.deliver_log(),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        });
    }
    while let Some(job) = take() {
        absorb(job, work(job));
    }
}
