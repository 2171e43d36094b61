//! Ctrl-C: the first one cancels the call of the library, which keeps what is complete; the second one ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use eidos::Control;
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::failure::INTERRUPTED;
use crate::progress::Progress;

/// How long a Ctrl-C may wait until the call is cancelled.
const STEP: Duration = Duration::from_millis(20);

/// Listens to Ctrl-C.
pub struct Interrupts {
    came: Arc<AtomicBool>,
    /// Whether the next Ctrl-C ends the process.
    ends: Arc<AtomicBool>,
}

impl Interrupts {
    /// Listens from now on, and cancels the calls of that control. A system that does not let anybody listen ends the process at the
    /// first Ctrl-C, as without this.
    pub fn listen(control: &Control, progress: &Progress) -> Self {
        let (came, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        // In this order: what ends the process looks at the flag before the other two set it.
        let listening = flag::register_conditional_shutdown(SIGINT, INTERRUPTED.into(), Arc::clone(&ends))
            .and_then(|_| flag::register(SIGINT, Arc::clone(&ends)))
            .and_then(|_| flag::register(SIGINT, Arc::clone(&came)));
        if listening.is_ok() {
            let (control, progress, came) = (control.clone(), progress.clone(), Arc::clone(&came));
            // Ends with the process. A handler of signals may not do more than set flags.
            thread::spawn(move || {
                while !came.load(Ordering::Relaxed) {
                    thread::sleep(STEP);
                }
                control.cancel();
                if progress.is_visible() {
                    progress.say("stopping", "Ctrl-C again ends at once");
                }
            });
        }
        Self { came, ends }
    }

    /// Whether there was a Ctrl-C.
    pub fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }

    /// Waits for somebody else, such as a person who types: meanwhile the first Ctrl-C ends the process.
    pub fn while_waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.ends.store(true, Ordering::Relaxed);
        let result = wait();
        self.ends.store(self.came(), Ordering::Relaxed);
        result
    }
}
