//! The number of worker threads, and threads that start with an error instead of a panic where the system has none
//! left.

use std::fmt::Display;
use std::hint::black_box;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::error::{Error, ErrorCode, Result};
use crate::memory::{Claim, fits};
use crate::workspace;

/// The address space that a thread takes before it does anything, in bytes: its stack, and the arena that the allocator
/// of the C library reserves for it.
const THREAD_BYTES: usize = 72 << 20;

/// The address space that it takes temporarily on top, while the allocator aligns that arena. Where there is no room
/// for it, the allocator maps whole pages for each allocation of the thread, which takes more than was claimed.
const START_BYTES: usize = 64 << 20;

/// The number of threads to use: as many as requested (0: one per core), or fewer where there is no memory for them.
pub(crate) fn thread_count(requested: usize) -> usize {
    let wanted = if requested > 0 { requested } else { std::thread::available_parallelism().map_or(1, usize::from) };
    // The calling thread multiplies matrices as well.
    let each = THREAD_BYTES.saturating_add(workspace::bytes());
    let room =
        |threads: usize| threads.saturating_mul(each).saturating_add(workspace::bytes()).saturating_add(START_BYTES);
    let fewer = std::iter::successors(Some(wanted), |threads| (*threads > 1).then_some(threads / 2));
    fewer.into_iter().find(|&threads| fits(room(threads))).unwrap_or(1)
}

/// Starts a thread that ends before its scope does.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] when the system cannot start a thread, or has no memory for one.
pub(crate) fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let claim = claim()?;
    let work = move || {
        reserve_arena();
        drop(claim);
        work()
    };
    Builder::new().spawn_scoped(scope, work).map_err(|error| no_thread(&error))
}

/// Claims what a thread takes, until it has it.
pub(crate) fn claim() -> Result<Claim> {
    Claim::of(THREAD_BYTES + START_BYTES, "a thread")
}

/// Makes the allocator reserve its arena for this thread, so that the claim for it can be dropped.
pub(crate) fn reserve_arena() {
    drop(black_box(Vec::<u8>::with_capacity(64)));
}

/// The error for a thread that the system cannot start.
pub(crate) fn no_thread(error: &impl Display) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("cannot start a thread: {error}")).hint("ask for fewer threads")
}
