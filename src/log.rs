//! Messages about long calls, with a level and a target.
//!
//! The process has no log of its own: messages go to the [`Control`](crate::Control) of the call that they are about.
//! So two users of the library in one process do not see each other's messages, and nothing has to be set up or torn
//! down. That is why the crate `log` is not used: its logger is global. A callback may pass messages on to it.

use std::ffi::{CStr, CString};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

/// The importance of a message. A callback for one level also receives the more important ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum LogLevel {
    /// The call continues, but the result may not be the desired one: a text was cut, a fit did not converge.
    Warning = 1,
    /// The inputs of a run: the files that were loaded and their types, what was downloaded.
    Info = 2,
    /// Single steps: a file was found in a cache, an answer was cached.
    Debug = 3,
}

/// A message about a long call.
#[derive(Debug, Clone, PartialEq)]
pub struct LogMessage {
    level: LogLevel,
    target: &'static CStr,
    text: CString,
    elapsed_seconds: f64,
}

impl LogMessage {
    /// The importance of the message.
    pub fn level(&self) -> LogLevel {
        self.level
    }

    /// The part of the library that it comes from: `hub`, `model`, `chat`, ...
    pub fn target(&self) -> &str {
        self.target.to_str().unwrap_or_default()
    }

    /// The text of the message: one line without control characters, of at most about 2,000 bytes.
    pub fn text(&self) -> &str {
        self.text.to_str().unwrap_or_default()
    }

    /// Seconds from the creation of the control to the message.
    pub fn elapsed_seconds(&self) -> f64 {
        self.elapsed_seconds
    }

    /// The target and the text as C strings.
    pub(crate) fn c_strings(&self) -> (&CStr, &CStr) {
        (self.target, &self.text)
    }
}

/// Receives the messages of a long call, one after the other, on the thread that makes the call.
pub type LogCallback = Box<dyn FnMut(&LogMessage) + Send>;

/// The most messages that a control stores, and the most that wait for the callback.
const MOST_MESSAGES: usize = 10_000;

/// The longest message, in bytes; longer ones are cut.
const LONGEST_MESSAGE: usize = 2000;

/// The messages of a control.
#[derive(Default)]
pub(crate) struct Log {
    /// The most detailed level that is wanted; 0 for none. A message that is not wanted costs only this load.
    wanted: AtomicU8,
    /// Whether messages wait for the callback.
    waiting: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    callback: Option<LogCallback>,
    callback_level: u8,
    /// How often the callback was set. A callback is put back after it ran only if it was not replaced meanwhile.
    generation: u64,
    keep_level: u8,
    kept: Vec<Arc<LogMessage>>,
    pending: Vec<Arc<LogMessage>>,
    /// The thread that makes the call. Messages of other threads wait until it delivers them.
    caller: Option<ThreadId>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Log {
    /// Sends messages up to a level to a callback; `None` removes the callback.
    pub(crate) fn set_callback(&self, level: LogLevel, callback: Option<LogCallback>) {
        let mut state = self.state();
        state.callback_level = callback.as_ref().map_or(0, |_| level as u8);
        let replaced = std::mem::replace(&mut state.callback, callback);
        state.generation += 1;
        state.pending.clear();
        self.note_levels(&state);
        // Dropping the old callback may call back into this log, so the lock is released first.
        drop(state);
        drop(replaced);
    }

    /// Stores messages up to a level from now on.
    pub(crate) fn keep(&self, level: LogLevel) {
        let mut state = self.state();
        state.keep_level = level as u8;
        self.note_levels(&state);
    }

    /// How many messages are stored.
    pub(crate) fn kept_count(&self) -> usize {
        self.state().kept.len()
    }

    /// A stored message. Its address stays the same as long as the log lives.
    pub(crate) fn kept(&self, index: usize) -> Option<Arc<LogMessage>> {
        self.state().kept.get(index).cloned()
    }

    /// Records that the current thread makes the call, and delivers waiting messages.
    pub(crate) fn begin(&self) {
        if self.wanted.load(Ordering::Relaxed) != 0 {
            self.state().caller = Some(thread::current().id());
            self.deliver();
        }
    }

    /// Adds a message, from any thread. `text` runs only if the level is wanted. The seconds count from `start`.
    pub(crate) fn add(&self, level: LogLevel, target: &'static CStr, start: Instant, text: impl FnOnce() -> String) {
        if level as u8 > self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let text = CString::new(one_line(text())).unwrap_or_default();
        let is_caller = {
            let mut state = self.state();
            // The clock is read under the lock: so messages stand in the order of their times, whichever thread sent them.
            let elapsed_seconds = start.elapsed().as_secs_f64();
            let message = Arc::new(LogMessage { level, target, text, elapsed_seconds });
            if level as u8 <= state.keep_level && state.kept.len() < MOST_MESSAGES {
                state.kept.push(Arc::clone(&message));
            }
            if level as u8 <= state.callback_level && state.pending.len() < MOST_MESSAGES {
                state.pending.push(message);
                self.waiting.store(true, Ordering::Relaxed);
            }
            state.caller.is_none_or(|caller| caller == thread::current().id())
        };
        if is_caller {
            self.deliver();
        }
    }

    /// Passes waiting messages to the callback. Only for the thread that makes the call.
    pub(crate) fn deliver(&self) {
        if !self.waiting.load(Ordering::Relaxed) {
            return;
        }
        // The callback is taken out while it runs, so that it may replace itself and cannot deadlock.
        let (taken, generation, messages) = {
            let mut state = self.state();
            let Some(callback) = state.callback.take() else { return };
            self.waiting.store(false, Ordering::Relaxed);
            (callback, state.generation, std::mem::take(&mut state.pending))
        };
        let mut callback = taken;
        for message in messages {
            callback(&message);
            if self.state().generation != generation {
                return;
            }
        }
        let mut state = self.state();
        if state.generation == generation {
            state.callback = Some(callback);
        }
    }

    fn note_levels(&self, state: &State) {
        self.wanted.store(state.callback_level.max(state.keep_level), Ordering::Relaxed);
    }

    /// Locks the state. Nothing that can panic runs while it is locked, so a poisoned lock still holds a valid state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text of bounded length without line ends and NULs, which may come from a server or a file name.
fn one_line(mut text: String) -> String {
    if text.len() > LONGEST_MESSAGE {
        text.truncate(text.floor_char_boundary(LONGEST_MESSAGE));
        text.push('…');
    }
    if text.contains(char::is_control) {
        text = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Control, Stage};

    fn heard(control: &Control, level: LogLevel) -> Arc<Mutex<Vec<String>>> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&heard);
        let add = move |message: &LogMessage| list.lock().unwrap().push(message.text().to_owned());
        control.set_log_callback(level, Some(Box::new(add)));
        heard
    }

    #[test]
    fn a_callback_gets_the_levels_that_it_asked_for() {
        let control = Control::new();
        control.log(LogLevel::Warning, c"test", || unreachable!("nobody wants it"));
        let heard = heard(&control, LogLevel::Info);
        control.log(LogLevel::Warning, c"test", || "a\nb\0c".to_owned());
        control.log(LogLevel::Info, c"test", || "é".repeat(LONGEST_MESSAGE));
        control.log(LogLevel::Debug, c"test", || unreachable!("nobody wants it"));
        let list = heard.lock().unwrap();
        assert_eq!((list.len(), list[0].as_str()), (2, "a b c"));
        assert!(list[1].len() < LONGEST_MESSAGE + 4 && list[1].ends_with("é…"));
    }

    #[test]
    fn messages_of_other_threads_wait_for_the_one_that_makes_the_call() {
        let control = Control::new();
        let threads = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&threads);
        let add = move |_: &LogMessage| list.lock().unwrap().push(thread::current().id());
        control.set_log_callback(LogLevel::Debug, Some(Box::new(add)));
        control.begin(Stage::Label, 1).unwrap();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| control.log(LogLevel::Info, c"test", || "from afar".to_owned()));
            }
        });
        assert!(threads.lock().unwrap().is_empty());
        control.advance(1).unwrap();
        assert_eq!(*threads.lock().unwrap(), [thread::current().id(); 3]);
    }

    #[test]
    fn messages_of_many_threads_stand_in_the_order_of_their_times() {
        const THREADS: usize = 8;
        const EACH: usize = MOST_MESSAGES / THREADS;
        // Threads meet between their clock and the list by chance only.
        for _ in 0..20 {
            let control = Control::new();
            control.keep_log(LogLevel::Info);
            let times = Arc::new(Mutex::new(Vec::new()));
            let list = Arc::clone(&times);
            let add = move |message: &LogMessage| list.lock().unwrap().push(message.elapsed_seconds());
            control.set_log_callback(LogLevel::Info, Some(Box::new(add)));
            control.begin(Stage::Label, 1).unwrap();
            let send = || (0..EACH).for_each(|_| control.log(LogLevel::Info, c"test", || "one of many".to_owned()));
            thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(send))));
            control.advance(1).unwrap();
            let kept = (0..THREADS * EACH).map(|index| control.kept_message(index).unwrap().elapsed_seconds());
            let kept: Vec<f64> = kept.collect();
            assert!(kept.is_sorted());
            assert_eq!(*times.lock().unwrap(), kept);
        }
    }

    #[test]
    fn a_callback_can_remove_itself() {
        let control = Control::new();
        let (clone, calls) = (control.clone(), Arc::new(AtomicU8::new(0)));
        let count = Arc::clone(&calls);
        let callback = move |_: &LogMessage| {
            count.fetch_add(1, Ordering::Relaxed);
            clone.set_log_callback(LogLevel::Info, None);
        };
        control.set_log_callback(LogLevel::Info, Some(Box::new(callback)));
        for _ in 0..3 {
            control.log(LogLevel::Info, c"test", || "once".to_owned());
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn kept_messages_are_bounded_and_stay() {
        let control = Control::new();
        control.keep_log(LogLevel::Info);
        control.log(LogLevel::Debug, c"test", || unreachable!("nobody wants it"));
        for index in 0..MOST_MESSAGES + 5 {
            control.log(LogLevel::Info, c"test", || index.to_string());
        }
        assert_eq!(control.kept_message_count(), MOST_MESSAGES);
        assert_eq!(control.kept_message(7).unwrap().text(), "7");
        assert!(control.kept_message(MOST_MESSAGES).is_none());
    }
}
