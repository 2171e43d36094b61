//! How many threads work, and how one is started without a panic where the system has none left.

use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::error::{Error, ErrorCode, Result};

/// As many threads as asked for; 0 means one per core.
pub(crate) fn thread_count(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) }
}

/// Starts a thread that ends before its scope does.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] when the system has no more threads.
pub(crate) fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().spawn_scoped(scope, work).map_err(|error| no_thread(&error))
}

/// Why a thread could not be started.
pub(crate) fn no_thread(error: &dyn std::error::Error) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("cannot start a thread: {error}")).hint("ask for fewer threads")
}
