//! Retries with exponential backoff, for failures that may pass.

use std::ffi::CStr;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::log::LogLevel;

/// The interval at which a pause checks whether the caller cancelled.
const PAUSE_STEP: Duration = Duration::from_millis(50);

/// How often one request may be changed and sent again without a pause, before that counts as an endless loop.
const MOST_CHANGES: u32 = 64;

/// Why a request failed, and whether a retry can help.
///
/// A caller's own model may say that a retry can help, but not that the request must be sent again at once, since that
/// could loop for ever:
///
/// ```compile_fail
/// let for_ever: eidos::chat::Failure = eidos::chat::Failure::Again;
/// ```
#[derive(Debug)]
pub enum Failure {
    /// A retry would fail in the same way.
    Final(Error),
    /// A retry may succeed, after a pause that the server may have named.
    Transient {
        /// The error to report when no retry succeeds.
        error: Error,
        /// How long the server asks us to wait (`Retry-After`).
        pause: Option<Duration>,
    },
    /// The request must be sent again at once, in another form. Only code in this crate can make this variant.
    Again(Changed),
}

/// Proof that the next request differs from the last one. Only this crate can make it.
#[derive(Debug)]
pub struct Changed(());

impl Failure {
    /// A failure that may pass, with no pause named by the server.
    pub fn transient(error: Error) -> Self {
        Self::Transient { error, pause: None }
    }

    /// A failure whose cause was fixed: the next request is sent at once, in another form.
    #[cfg(any(feature = "chat", test))]
    pub(crate) fn changed() -> Self {
        Self::Again(Changed(()))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// Counts the retries of one request. The pause doubles from one retry to the next, up to the longest.
#[derive(Debug)]
pub(crate) struct Backoff {
    target: &'static CStr,
    left: u32,
    changes_left: u32,
    pause: Duration,
    longest: Duration,
}

impl Backoff {
    /// Allows `retries` retries. The first pause is `first`, and none is longer than `longest`, even if the server asks
    /// for more. Each pause is logged with the target `target`.
    pub(crate) fn new(target: &'static CStr, retries: u32, first: Duration, longest: Duration) -> Self {
        Self { target, left: retries, changes_left: MOST_CHANGES, pause: first, longest }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The error of the failure when it is final or no retries are left; [`crate::ErrorCode::Cancelled`].
    pub(crate) fn wait(&mut self, failure: Failure, control: &Control) -> Result<()> {
        control.check()?;
        let why = match &failure {
            Failure::Transient { error, .. } => Some(error.to_string()),
            _ => None,
        };
        let pause = self.next_pause(failure)?;
        if let Some(why) = why {
            let seconds = pause.as_secs_f64();
            control.log(LogLevel::Warning, self.target, || format!("trying again in {seconds:.1} s: {why}"));
        }
        wait_until(Instant::now() + pause, control)
    }

    /// The pause before the next attempt.
    ///
    /// # Errors
    /// As [`Backoff::wait`].
    fn next_pause(&mut self, failure: Failure) -> Result<Duration> {
        let (error, requested) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Transient { error, pause } => (error, pause.unwrap_or_default()),
            Failure::Again(_) if self.changes_left == 0 => return Err(endless()),
            Failure::Again(_) => {
                self.changes_left -= 1;
                return Ok(Duration::ZERO);
            }
        };
        if self.left == 0 {
            return Err(error);
        }
        self.left -= 1;
        let longest = self.longest;
        // Random jitter, so that clients that failed together do not retry together.
        let pause = self.pause.min(longest).mul_f64(0.75 + jitter() / 4.0);
        self.pause = self.pause.saturating_mul(2).min(longest);
        Ok(requested.max(pause).min(longest))
    }
}

fn endless() -> Error {
    Error::new(ErrorCode::UnusableAnswer, format!("the request was rejected in {MOST_CHANGES} different forms"))
        .hint("use another model or server")
}

/// Sleeps until an instant, or until the caller cancels.
///
/// # Errors
/// [`crate::ErrorCode::Cancelled`].
pub(crate) fn wait_until(until: Instant, control: &Control) -> Result<()> {
    loop {
        control.check()?;
        let remaining = until.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            return Ok(());
        }
        std::thread::sleep(remaining.min(PAUSE_STEP));
    }
}

/// A number from 0 to 1 that differs from call to call; the random seed of the standard library's hash maps is good
/// enough.
fn jitter() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transient(pause: Option<Duration>) -> Failure {
        Failure::Transient { error: Error::argument("busy"), pause }
    }

    #[test]
    fn pauses_double_and_end_with_the_failure() {
        let mut backoff = Backoff::new(c"test", 2, Duration::from_millis(20), Duration::from_secs(9));
        let control = Control::new();
        for least in [15, 30] {
            let start = Instant::now();
            assert!(backoff.wait(transient(None), &control).is_ok());
            assert!(start.elapsed() >= Duration::from_millis(least), "{:?}", start.elapsed());
        }
        assert_eq!(
            backoff.wait(transient(None), &control).map_err(|error| error.message().to_owned()),
            Err("busy".into())
        );
    }

    #[test]
    fn any_number_of_retries_has_pauses_up_to_the_longest() {
        let longest = Duration::from_mins(2);
        for first in [Duration::from_millis(500), Duration::MAX] {
            let mut backoff = Backoff::new(c"test", u32::MAX, first, longest);
            let mut last = Duration::ZERO;
            for _ in 0..1000 {
                let pause = backoff.next_pause(transient(None)).unwrap();
                assert!(pause <= longest && pause >= last.mul_f64(0.5), "{pause:?} after {last:?}");
                last = pause;
            }
            assert!(last >= longest.mul_f64(0.7), "{last:?}");
            assert_eq!(backoff.next_pause(transient(Some(Duration::MAX))).unwrap(), longest);
        }
    }

    #[test]
    fn a_request_is_not_changed_for_ever() {
        let mut backoff = Backoff::new(c"test", 2, Duration::from_millis(1), Duration::from_secs(1));
        let changes = (0..10_000).take_while(|_| backoff.next_pause(Failure::changed()).is_ok()).count();
        assert_eq!(changes, MOST_CHANGES as usize);
        assert_eq!(backoff.next_pause(Failure::changed()).unwrap_err().code(), ErrorCode::UnusableAnswer);
        assert!(backoff.next_pause(transient(None)).is_ok(), "retries are counted apart");
    }

    #[test]
    fn a_pause_that_the_server_names_is_kept_up_to_a_limit() {
        let longest = Duration::from_millis(120);
        for (requested, waited) in [(60, 60), (20_000, 120)] {
            let start = Instant::now();
            let mut backoff = Backoff::new(c"test", 1, Duration::from_millis(1), longest);
            assert!(backoff.wait(transient(Some(Duration::from_millis(requested))), &Control::new()).is_ok());
            let elapsed = start.elapsed().as_millis();
            assert!((waited..15_000).contains(&elapsed), "{elapsed}");
        }
    }

    #[test]
    fn a_pause_can_be_cancelled() {
        let control = Control::new();
        let canceller = control.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            canceller.cancel();
        });
        let start = Instant::now();
        let mut backoff = Backoff::new(c"test", 1, Duration::from_mins(1), Duration::from_mins(1));
        let error = backoff.wait(transient(None), &control).err();
        assert_eq!(error.map(|error| error.code()), Some(ErrorCode::Cancelled));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
