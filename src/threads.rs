//! How many threads work, and how one is started without a panic where the system has none left.

use std::hint::black_box;
use std::sync::mpsc::channel;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::error::{Error, ErrorCode, Result};
use crate::memory::{Claim, fits};
use crate::workspace;

/// What a thread takes before it does anything, in bytes: its stack, and what the C library's allocator reserves for it.
const THREAD: usize = 72 << 20;

/// What it takes beside, while that allocator looks for a place that is aligned. Where it finds none, each allocation of the
/// thread takes whole pages, and what was claimed does not suffice.
const START: usize = 64 << 20;

/// As many threads as asked for, 0 meaning one per core; fewer where there is no memory for them.
pub(crate) fn thread_count(asked: usize) -> usize {
    let wanted = if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) };
    // The calling thread multiplies as well.
    let each = THREAD.saturating_add(workspace::bytes());
    let room = |threads: usize| threads.saturating_mul(each).saturating_add(workspace::bytes()).saturating_add(START);
    let fewer = std::iter::successors(Some(wanted), |threads| (*threads > 1).then_some(threads / 2));
    fewer.into_iter().find(|&threads| fits(room(threads))).unwrap_or(1)
}

/// Starts a thread that ends before its scope does.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] when the system has no more threads, or no memory for one.
pub(crate) fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let claim = claim()?;
    let work = move || {
        settle();
        drop(claim);
        work()
    };
    Builder::new().spawn_scoped(scope, work).map_err(|error| no_thread(&error))
}

/// Starts a thread that multiplies matrices. It has the workspace of its products when this returns.
///
/// # Errors
/// As [`start`], and [`ErrorCode::OutOfMemory`] where there is no memory for that workspace.
pub(crate) fn start_multiplying<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() + Send + 'scope,
) -> Result<()> {
    let (sender, receiver) = channel();
    start(scope, move || {
        let prepared = workspace::prepare();
        let is_prepared = prepared.is_ok();
        if sender.send(prepared).is_ok() && is_prepared {
            work();
        }
    })?;
    receiver.recv().unwrap_or_else(|_| Err(Error::internal("a thread ended before it began")))
}

fn claim() -> Result<Claim> {
    Claim::of(THREAD + START, "a thread")
}

/// Lets the allocator reserve what it reserves for a new thread, so that its claim is not needed any more.
fn settle() {
    drop(black_box(Vec::<u8>::with_capacity(64)));
}

fn no_thread(error: &std::io::Error) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("cannot start a thread: {error}")).hint("ask for fewer threads")
}
