//! How many threads work, and how one is started without a panic where the system has none left.

use std::thread::{Builder, Scope, ScopedJoinHandle};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, ErrorCode, Result};
use crate::memory::{Claim, threads_that_fit};

/// As many threads as asked for, 0 meaning one per core; fewer where there is no memory for them.
pub(crate) fn thread_count(asked: usize) -> usize {
    let wanted = if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) };
    threads_that_fit(wanted)
}

/// Starts a thread that ends before its scope does.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] when the system has no more threads, or no memory for one.
pub(crate) fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let claim = Claim::of_thread()?;
    let work = move || {
        let _claim = claim;
        work()
    };
    Builder::new().spawn_scoped(scope, work).map_err(|error| no_thread(&error))
}

/// A pool of one thread for the tensors of one worker.
///
/// # Errors
/// As [`start`].
pub(crate) fn pool_of_one() -> Result<(ThreadPool, Claim)> {
    let claim = Claim::of_thread()?;
    let pool = ThreadPoolBuilder::new().num_threads(1).build().map_err(|error| no_thread(&error))?;
    Ok((pool, claim))
}

fn no_thread(error: &dyn std::error::Error) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("cannot start a thread: {error}")).hint("ask for fewer threads")
}
