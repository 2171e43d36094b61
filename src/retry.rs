//! Failures that may pass, and the pauses before another try.

use std::ffi::CStr;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::log::LogLevel;

/// How often a pause looks whether the caller cancelled.
const PAUSE_STEP: Duration = Duration::from_millis(50);

/// How often one request may be asked again at once, each time changed, before that is taken for a circle.
const MOST_CHANGES: u32 = 64;

/// Why something outside this process did not succeed.
///
/// A model of a caller's own says that asking again may help, never that it should be asked again at once:
///
/// ```compile_fail
/// let for_ever: eidos::chat::Failure = eidos::chat::Failure::Again;
/// ```
#[derive(Debug)]
pub enum Failure {
    /// Asking again gives the same answer.
    Final(Error),
    /// Asking again may help, after a pause that the other side may have named.
    Transient {
        /// What a caller sees when nothing helps.
        error: Error,
        /// How long the other side wants us to wait.
        pause: Option<Duration>,
    },
    /// Ask again at once: what was wrong is known and was changed. Only what is in this crate can say so.
    Again(Changed),
}

/// Says that the next question is another one, so that asking does not go on for ever.
#[derive(Debug)]
pub struct Changed(());

impl Failure {
    /// A failure that may pass.
    pub fn transient(error: Error) -> Self {
        Self::Transient { error, pause: None }
    }

    /// A failure whose reason was changed: ask again at once.
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

/// Counts the repetitions of one request, and doubles the pause before each, up to the longest one.
#[derive(Debug)]
pub(crate) struct Patience {
    target: &'static CStr,
    left: u32,
    changes_left: u32,
    pause: Duration,
    longest: Duration,
}

impl Patience {
    /// So many repetitions; the pauses begin with `first` and are never longer than `longest`, also when the other side
    /// asks for more. Each is told to the log of the call, as a message of `target`.
    pub(crate) fn new(target: &'static CStr, repetitions: u32, first: Duration, longest: Duration) -> Self {
        Self { target, left: repetitions, changes_left: MOST_CHANGES, pause: first, longest }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The failure itself when it is final or was repeated often enough, [`crate::ErrorCode::Cancelled`].
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

    /// How long to wait before the next attempt.
    ///
    /// # Errors
    /// As [`Patience::wait`].
    fn next_pause(&mut self, failure: Failure) -> Result<Duration> {
        let (error, asked) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Transient { error, pause } => (error, pause.unwrap_or_default()),
            Failure::Again(_) if self.changes_left == 0 => return Err(in_a_circle()),
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
        // A little by chance, so that many who failed together do not come back together.
        let pause = self.pause.min(longest).mul_f64(0.75 + chance() / 4.0);
        self.pause = self.pause.saturating_mul(2).min(longest);
        Ok(asked.max(pause).min(longest))
    }
}

fn in_a_circle() -> Error {
    Error::new(ErrorCode::UnusableAnswer, format!("the question was changed {MOST_CHANGES} times and none was taken"))
        .hint("use another model or server")
}

/// Sleeps, unless somebody cancels.
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

/// A number from 0 to 1 that differs from call to call. The standard library seeds its hash maps well enough for that.
fn chance() -> f64 {
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
        let mut patience = Patience::new(c"test", 2, Duration::from_millis(20), Duration::from_secs(9));
        let control = Control::new();
        for least in [15, 30] {
            let start = Instant::now();
            assert!(patience.wait(transient(None), &control).is_ok());
            assert!(start.elapsed() >= Duration::from_millis(least), "{:?}", start.elapsed());
        }
        assert_eq!(
            patience.wait(transient(None), &control).map_err(|error| error.message().to_owned()),
            Err("busy".into())
        );
    }

    #[test]
    fn any_number_of_repetitions_has_pauses_up_to_the_longest() {
        let longest = Duration::from_mins(2);
        for first in [Duration::from_millis(500), Duration::MAX] {
            let mut patience = Patience::new(c"test", u32::MAX, first, longest);
            let mut last = Duration::ZERO;
            for _ in 0..1000 {
                let pause = patience.next_pause(transient(None)).unwrap();
                assert!(pause <= longest && pause >= last.mul_f64(0.5), "{pause:?} after {last:?}");
                last = pause;
            }
            assert!(last >= longest.mul_f64(0.7), "{last:?}");
            assert_eq!(patience.next_pause(transient(Some(Duration::MAX))).unwrap(), longest);
        }
    }

    #[test]
    fn a_question_is_not_changed_for_ever() {
        let mut patience = Patience::new(c"test", 2, Duration::from_millis(1), Duration::from_secs(1));
        let changes = (0..10_000).take_while(|_| patience.next_pause(Failure::changed()).is_ok()).count();
        assert_eq!(changes, MOST_CHANGES as usize);
        assert_eq!(patience.next_pause(Failure::changed()).unwrap_err().code(), ErrorCode::UnusableAnswer);
        assert!(patience.next_pause(transient(None)).is_ok(), "repetitions are counted apart");
    }

    #[test]
    fn a_wish_of_the_other_side_is_honoured_up_to_a_limit() {
        let longest = Duration::from_millis(120);
        for (asked, waited) in [(60, 60), (5000, 120)] {
            let start = Instant::now();
            let mut patience = Patience::new(c"test", 1, Duration::from_millis(1), longest);
            assert!(patience.wait(transient(Some(Duration::from_millis(asked))), &Control::new()).is_ok());
            let elapsed = start.elapsed().as_millis();
            assert!((waited..waited + 1000).contains(&elapsed), "{elapsed}");
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
        let mut patience = Patience::new(c"test", 1, Duration::from_mins(1), Duration::from_mins(1));
        let error = patience.wait(transient(None), &control).err();
        assert_eq!(error.map(|error| error.code()), Some(ErrorCode::Cancelled));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
