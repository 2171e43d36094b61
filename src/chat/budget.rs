//! What was spent and what may be spent.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::message::{ChatRequest, Tokens};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};

/// How often somebody who waits for others to settle looks whether the caller cancelled.
const WAIT_STEP: Duration = Duration::from_millis(50);

/// What may be spent; `None` is no limit.
///
/// A request is sent only when it cannot exceed the limit, however its text is cut into tokens: until its answer says
/// what it cost, it counts with one token a byte and the longest answer. A server that does not say it is counted so
/// too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// The most requests; a repetition counts.
    pub requests: Option<u64>,
    /// The most tokens, of questions and answers together. What a server charges for an answer that never arrived is
    /// not known here, and not counted.
    pub tokens: Option<u64>,
}

/// What was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Requests that were sent; a repetition counts.
    pub requests: u64,
    /// Questions that the cache answered.
    pub cached: u64,
    /// Tokens of the questions, as the server counted them.
    pub prompt_tokens: u64,
    /// Tokens of the answers, as the server counted them.
    pub completion_tokens: u64,
    /// Answers whose server did not say what they cost.
    pub unreported: u64,
}

impl Usage {
    /// Counts what an answer cost; `None` when the server did not say it.
    fn count(&mut self, cost: Option<Tokens>) {
        let Some(Tokens { prompt, completion }) = cost else {
            self.unreported += 1;
            return;
        };
        self.prompt_tokens = self.prompt_tokens.saturating_add(prompt);
        self.completion_tokens = self.completion_tokens.saturating_add(completion);
    }
}

/// What one of the users of a chat has spent: others may ask it at the same time.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Usage>);

impl Tally {
    pub(super) fn usage(&self) -> Usage {
        *self.lock()
    }

    /// Nothing that can panic runs while the numbers are locked.
    fn lock(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what is spent and holds it to a budget.
#[derive(Debug)]
pub(super) struct Meter {
    budget: Budget,
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    usage: Usage,
    /// Tokens that are gone from the budget.
    spent: u64,
    /// Tokens that requests on their way may need.
    reserved: u64,
}

/// A request that may be sent. What it holds back of the budget is free again when it is dropped.
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

    /// What is left of the budget. What requests on their way hold back is not left.
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

    /// Counts a request that is about to be sent. Where requests on their way hold back too much, it waits for them.
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

    /// Nothing that can panic runs while the state is locked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation<'_> {
    /// The request was answered at this cost; `None` when the server did not say it.
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
        format!("the budget of {most} {unit} is spent: {spent} are gone and the next request may take {wanted} more"),
    )
    .hint("raise the budget and call again: with a cache folder, what was answered is not asked again")
    .detail("spent", spent)
    .detail("budget", most)
}
