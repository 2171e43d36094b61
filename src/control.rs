//! Progress, messages and cancellation of long calls.
//!
//! A [`Control`] is shared between the thread that does the work and any thread that watches it. The worker sets the
//! stage and counts its steps; the watcher polls [`Control::progress`] or calls [`Control::cancel`]. Both use atomics,
//! so neither waits for the other. Callbacks run on the calling thread only.

use std::ffi::CStr;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::log::{Log, LogCallback, LogLevel, LogMessage};

/// The stage of a long call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Stage {
    /// Nothing has started.
    Idle = 0,
    /// Fetching files from a hub; counted in bytes.
    Download = 1,
    /// Reading weights; counted in tensors.
    Load = 2,
    /// Turning texts into tokens; counted in texts.
    Tokenize = 3,
    /// Running the model; counted in tokens.
    Forward = 4,
    /// Reading rows once to learn their mean and covariance; counted in rows.
    Covariance = 5,
    /// Iterating to fit the concepts; counted in iterations, the total is the most there can be.
    Fit = 6,
    /// Encoding rows into concepts, to rank inputs or to write the codes; counted in rows.
    Interpret = 7,
    /// Writing a file; counted in bytes.
    Write = 8,
    /// Requesting labels from a language model; counted in concepts.
    Label = 9,
    /// Reading rows once to learn their norms; counted in rows.
    Filter = 10,
}

impl Stage {
    /// All stages, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Idle,
        Self::Download,
        Self::Load,
        Self::Tokenize,
        Self::Forward,
        Self::Covariance,
        Self::Fit,
        Self::Interpret,
        Self::Write,
        Self::Label,
        Self::Filter,
    ];

    /// The name of the stage for a progress bar (`tokenize`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Download => "download",
            Self::Load => "load",
            Self::Tokenize => "tokenize",
            Self::Forward => "forward",
            Self::Covariance => "covariance",
            Self::Fit => "fit",
            Self::Interpret => "interpret",
            Self::Write => "write",
            Self::Label => "label",
            Self::Filter => "filter",
        }
    }
}

/// The progress of a long call at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The stage that is running.
    pub stage: Stage,
    /// How many steps of the stage are done, in its unit.
    pub done: u64,
    /// How many steps the stage has, in the same unit; 0 when unknown.
    pub total: u64,
    /// Seconds since the control was made.
    pub elapsed_seconds: f64,
}

type Callback = Box<dyn FnMut(Progress) + Send>;

/// Watches and cancels a long call. Clones share the same state.
///
/// ```
/// let control = eidos::Control::new();
/// let watcher = control.clone();
/// watcher.cancel();
/// assert!(control.is_cancelled());
/// ```
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
    /// Whether its calls are steps of another, which tells the progress itself.
    within: bool,
}

struct Shared {
    cancelled: AtomicBool,
    stage: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
    start: Instant,
    callback: Mutex<Slot>,
    log: Log,
}

/// A callback, and how often it was set. A callback is put back after it ran only if it was not replaced or removed
/// meanwhile.
#[derive(Default)]
struct Slot {
    callback: Option<Callback>,
    generation: u64,
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("progress", &self.progress()).field("cancelled", &self.is_cancelled()).finish()
    }
}

impl Control {
    /// Makes a control that is not cancelled.
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                cancelled: AtomicBool::new(false),
                stage: AtomicU8::new(0),
                done: AtomicU64::new(0),
                total: AtomicU64::new(0),
                start: Instant::now(),
                callback: Mutex::default(),
                log: Log::default(),
            }),
            within: false,
        }
    }

    /// A control for calls that are steps of the one with this control: they can be cancelled with it and log as it does, and leave the
    /// progress to it.
    pub(crate) fn within(&self) -> Self {
        Self { within: true, ..self.clone() }
    }

    /// Makes a control that calls `callback` after each step, on the thread that makes the long call. The callback may
    /// call [`Control::cancel`] on a clone; it must not start another call with this control.
    pub fn with_callback(callback: impl FnMut(Progress) + Send + 'static) -> Self {
        let control = Self::new();
        control.set_callback(Some(Box::new(callback)));
        control
    }

    /// Replaces the callback; `None` removes it. A callback may replace or remove itself.
    pub fn set_callback(&self, callback: Option<Callback>) {
        let mut slot = self.slot();
        let replaced = std::mem::replace(&mut slot.callback, callback);
        slot.generation += 1;
        // Dropping the old callback may call back into this control, so the lock is released first.
        drop(slot);
        drop(replaced);
    }

    /// Sets a callback for the messages of the calls that use this control, those of `level` and more important ones;
    /// `None` removes it. It runs on the thread that makes the call, for one message at a time; messages of other
    /// threads wait until that thread delivers them. It may cancel the call and replace itself; it must not start
    /// another call with this control. Set it while no call uses the control.
    pub fn set_log_callback(&self, level: LogLevel, callback: Option<LogCallback>) {
        self.shared.log.set_callback(level, callback);
    }

    /// Stores the messages of the calls that use this control from now on, those of `level` and more important ones;
    /// they can be read from any thread. The first 10,000 are stored, each cut at 2,000 bytes.
    pub fn keep_log(&self, level: LogLevel) {
        self.shared.log.keep(level);
    }

    /// How many messages are stored, see [`Control::keep_log`]. The number only grows.
    pub fn kept_message_count(&self) -> usize {
        self.shared.log.kept_count()
    }

    /// One of the stored messages, in the order in which they came; `None` beyond the last.
    pub fn kept_message(&self, index: usize) -> Option<Arc<LogMessage>> {
        self.shared.log.kept(index)
    }

    /// Logs a message about this call, from any of its threads. `message` runs only if the level is wanted.
    pub(crate) fn log(&self, level: LogLevel, target: &'static CStr, message: impl FnOnce() -> String) {
        self.shared.log.add(level, target, self.shared.start, message);
    }

    /// Passes the messages of other threads to the callback. Only for the calling thread, while it waits for other
    /// threads.
    pub(crate) fn deliver_log(&self) {
        self.shared.log.deliver();
    }

    /// Locks the slot. Nothing that can panic runs while it is locked, so a poisoned lock still holds a valid slot.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.shared.callback.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the call to stop. It returns [`crate::ErrorCode::Cancelled`] within one batch or iteration. A cancelled
    /// control stays cancelled: the next call with it stops at once. A call whose work is complete when it is cancelled
    /// succeeds nevertheless. Safe in a signal handler: it only stores a flag.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether [`Control::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Relaxed)
    }

    /// The progress of the call, readable from any thread. The counts belong to the stage, unless the stage is changing
    /// at this moment.
    pub fn progress(&self) -> Progress {
        let stage = usize::from(self.shared.stage.load(Ordering::Acquire));
        Progress {
            stage: Stage::ALL.get(stage).copied().unwrap_or(Stage::Idle),
            done: self.shared.done.load(Ordering::Relaxed),
            total: self.shared.total.load(Ordering::Relaxed),
            elapsed_seconds: self.shared.start.elapsed().as_secs_f64(),
        }
    }

    /// An error if the caller cancelled. Workers on any thread call this between steps.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
    }

    /// Starts a stage of `total` steps (0: unknown). Only for the calling thread.
    pub(crate) fn begin(&self, stage: Stage, total: u64) -> Result<()> {
        if self.within {
            return self.check();
        }
        self.shared.done.store(0, Ordering::Relaxed);
        self.shared.total.store(total, Ordering::Relaxed);
        self.shared.stage.store(stage as u8, Ordering::Release);
        self.shared.log.begin();
        self.call_back();
        self.check()
    }

    /// Says how many steps the stage has, once that is known. Only for the calling thread.
    pub(crate) fn expect(&self, total: u64) {
        if self.within {
            return;
        }
        self.shared.total.store(total, Ordering::Relaxed);
    }

    /// Counts `steps` more steps as done. Only for the calling thread, since it runs the callback.
    ///
    /// A cancel after the last step of a stage does not end that stage: its work is complete. If it is the last stage,
    /// the call returns its result; otherwise the next stage stops at its beginning.
    pub(crate) fn advance(&self, steps: u64) -> Result<()> {
        if self.within {
            return self.check();
        }
        let done = self.shared.done.fetch_add(steps, Ordering::Relaxed).saturating_add(steps);
        self.call_back();
        let total = self.shared.total.load(Ordering::Relaxed);
        if total > 0 && done >= total { Ok(()) } else { self.check() }
    }

    fn call_back(&self) {
        self.deliver_log();
        // The callback is taken out of its slot while it runs, so that it may replace itself and cannot deadlock.
        let (taken, generation) = {
            let mut slot = self.slot();
            (slot.callback.take(), slot.generation)
        };
        let Some(mut callback) = taken else { return };
        callback(self.progress());
        let mut slot = self.slot();
        if slot.generation == generation {
            slot.callback = Some(callback);
        }
    }
}

#[cfg(test)]
impl Control {
    /// Makes a control that cancels its call when so many steps of a stage are done.
    pub(crate) fn cancelled_at(stage: Stage, done: u64) -> Self {
        let control = Self::new();
        let clone = control.clone();
        control.set_callback(Some(Box::new(move |progress| {
            if progress.stage == stage && progress.done >= done {
                clone.cancel();
            }
        })));
        control
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_sees_each_step_and_can_cancel() {
        let control = Control::new();
        let clone = control.clone();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        control.set_callback(Some(Box::new(move |progress| {
            log.lock().map(|mut log| log.push((progress.stage, progress.done, progress.total))).ok();
            if progress.done == 2 {
                clone.cancel();
            }
        })));
        assert!(control.begin(Stage::Fit, 3).is_ok());
        assert!(control.advance(1).is_ok());
        let stopped = control.advance(1);
        assert!(stopped.is_err_and(|error| error.code() == crate::ErrorCode::Cancelled));
        // What is complete is given back, and what follows does not begin.
        assert!(control.advance(1).is_ok());
        assert!(control.begin(Stage::Write, 1).is_err());
        let expected =
            vec![(Stage::Fit, 0, 3), (Stage::Fit, 1, 3), (Stage::Fit, 2, 3), (Stage::Fit, 3, 3), (Stage::Write, 0, 1)];
        assert_eq!(seen.lock().map(|log| log.clone()).unwrap_or_default(), expected);
    }

    #[test]
    fn a_callback_can_remove_and_replace_itself() {
        let control = Control::new();
        let calls = Arc::new(AtomicU64::new(0));
        let count = |by: u64| {
            let calls = Arc::clone(&calls);
            move || calls.fetch_add(by, Ordering::Relaxed)
        };
        let (clone, one, ten) = (control.clone(), count(1), count(10));
        control.set_callback(Some(Box::new(move |_| {
            one();
            let (again, ten) = (clone.clone(), ten.clone());
            clone.set_callback(Some(Box::new(move |_| {
                ten();
                again.set_callback(None);
            })));
        })));
        for expected in [1, 11, 11] {
            assert!(control.advance(1).is_ok());
            assert_eq!(calls.load(Ordering::Relaxed), expected);
        }
    }
}
