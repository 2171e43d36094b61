//! Budgets and usage: what a chat may spend, and what it has spent.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::{ChatRequest, Tokens};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};

/// The interval at which a thread that waits for other requests to finish checks whether the caller cancelled.
const WAIT_STEP: Duration = Duration::from_millis(50);

/// The limits on what a chat may spend; `None` means no limit.
///
/// A request is sent only when its worst case fits: one prompt token for each byte of the messages and the schema (no
/// tokenizer makes more), an allowance for the chat template, and `max_tokens` for the answer. The worst case is
/// reserved while the request is in flight and replaced by the reported cost when the answer arrives. When the server
/// reports no cost, the worst case is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// The largest number of requests, retries included.
    pub requests: Option<u64>,
    /// The largest number of tokens, prompts and answers together. What a server charges for an answer that never
    /// arrived is unknown and not counted.
    pub tokens: Option<u64>,
}

/// What the requests have cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Requests that were sent, retries included.
    pub requests: u64,
    /// Requests that the cache answered.
    pub cached: u64,
    /// Prompt tokens, as the server counted them.
    pub prompt_tokens: u64,
    /// Answer tokens, as the server counted them.
    pub completion_tokens: u64,
    /// Answers for which the server reported no token counts.
    pub unreported: u64,
}

impl Usage {
    /// Adds the cost of an answer; `None` when the server reported none.
    fn count(&mut self, cost: Option<Tokens>) {
        let Some(Tokens { prompt, completion }) = cost else {
            self.unreported += 1;
            return;
        };
        self.prompt_tokens = self.prompt_tokens.saturating_add(prompt);
        self.completion_tokens = self.completion_tokens.saturating_add(completion);
    }
}

/// The usage of one user of a chat; others may send requests through the same chat at the same time.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Usage>);

impl Tally {
    pub(super) fn usage(&self) -> Usage {
        *self.lock()
    }

    /// Locks the usage. Nothing that can panic runs while it is locked, so a poisoned lock still holds valid numbers.
    fn lock(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what a chat spends and enforces its budget.
#[derive(Debug)]
pub(super) struct Meter {
    budget: Budget,
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    usage: Usage,
    /// Tokens that were spent.
    spent: u64,
    /// Tokens that are reserved for requests in flight.
    reserved: u64,
}

/// Permission to send one request. It reserves part of the budget until it is dropped.
#[derive(Debug)]
pub(super) struct Reservation<'a> {
    meter: &'a Meter,
    tally: &'a Tally,
    tokens: u64,
}

impl Meter {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, state: Mutex::default(), settled: Condvar::new() }
    }

    pub(super) fn usage(&self) -> Usage {
        self.lock().usage
    }

    /// What is left of the budget. Reservations of requests in flight count as spent.
    pub(super) fn left(&self) -> Budget {
        let state = self.lock();
        let spent = state.spent.saturating_add(state.reserved);
        Budget {
            requests: self.budget.requests.map(|most| most.saturating_sub(state.usage.requests)),
            tokens: self.budget.tokens.map(|most| most.saturating_sub(spent)),
        }
    }

    pub(super) fn count_cached(&self, answers: u64, tally: &Tally) {
        self.lock().usage.cached += answers;
        tally.lock().cached += answers;
    }

    /// Counts a request that is about to be sent and reserves its worst case. Where only the reservations of other
    /// requests stand in the way, it waits until they settle.
    ///
    /// # Errors
    /// [`ErrorCode::BudgetExhausted`] naming the limit, [`ErrorCode::Cancelled`].
    pub(super) fn reserve<'a>(
        &'a self,
        request: &ChatRequest,
        tally: &'a Tally,
        control: &Control,
    ) -> Result<Reservation<'a>> {
        let tokens = request.most_prompt_tokens() + u64::from(request.max_tokens);
        let mut state = self.lock();
        loop {
            control.check()?;
            if self.budget.requests.is_some_and(|most| state.usage.requests >= most) {
                return Err(exhausted(state.usage.requests, "requests", 1, self.budget.requests));
            }
            let needed = state.spent.saturating_add(state.reserved).saturating_add(tokens);
            if self.budget.tokens.is_none_or(|most| needed <= most) {
                state.usage.requests += 1;
                state.reserved += tokens;
                tally.lock().requests += 1;
                return Ok(Reservation { meter: self, tally, tokens });
            }
            if state.reserved == 0 {
                return Err(exhausted(state.spent, "tokens", tokens, self.budget.tokens));
            }
            state = match self.settled.wait_timeout(state, WAIT_STEP) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Locks the state. Nothing that can panic runs while it is locked, so a poisoned lock still holds valid numbers.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation<'_> {
    /// Records what the answer cost; `None`, when the server did not report it, counts the worst case.
    pub(super) fn settle(self, cost: Option<Tokens>) {
        let spent = cost.map_or(self.tokens, |cost| cost.prompt.saturating_add(cost.completion));
        let mut state = self.meter.lock();
        state.usage.count(cost);
        state.spent = state.spent.saturating_add(spent);
        self.tally.lock().count(cost);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.meter.lock().reserved -= self.tokens;
        self.meter.settled.notify_all();
    }
}

fn exhausted(spent: u64, unit: &str, wanted: u64, most: Option<u64>) -> Error {
    let most = most.unwrap_or_default();
    Error::new(
        ErrorCode::BudgetExhausted,
        format!(
            "the budget of {most} {unit} is exhausted: {spent} are spent and the next request may need {wanted} more"
        ),
    )
    .hint("raise the budget and call again; with a cache folder, answers that arrived are not paid for twice")
    .detail("spent", spent)
    .detail("budget", most)
}
