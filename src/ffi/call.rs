//! The boundary: every fallible call runs in here, so that neither a panic nor a half-written output crosses it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::status::{EIDOS_OK, eidos_status};
use crate::error::{Error, Result};

/// Runs the body of a call, and `tell` with its error, of which the status is the call's; a panic becomes
/// `EIDOS_INTERNAL`.
pub(super) fn outcome(body: impl FnOnce() -> Result<()>, tell: impl FnOnce(Error)) -> eidos_status {
    let Err(error) = with_kept_context(|| guarded(body)) else { return EIDOS_OK };
    let status = error.code() as eidos_status;
    tell(error);
    status
}

/// Runs the body of a call that has no error to give: `fallback` stands for a wrong handle or index, and for a panic.
pub(super) fn get<T>(fallback: T, body: impl FnOnce() -> Result<T>) -> T {
    guarded(body).unwrap_or(fallback)
}

/// Runs the body of a call whose status is its answer: that of the body, or of the error where a handle or index is wrong.
pub(super) fn status(body: impl FnOnce() -> Result<eidos_status>) -> eidos_status {
    guarded(body).unwrap_or_else(|error| error.code() as eidos_status)
}

/// Runs the body of a call that gives nothing back, such as a free.
pub(super) fn run(body: impl FnOnce()) {
    with_kept_context(|| {
        get((), || {
            body();
            Ok(())
        });
    });
}

/// Runs what may work on a GPU, or free something there: the calling thread keeps the context of CUDA that it has.
fn with_kept_context<T>(body: impl FnOnce() -> T) -> T {
    #[cfg(feature = "cuda")]
    let _context = crate::cuda::KeptContext::of_this_thread();
    body()
}

fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    keep_panics_quiet();
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(panicked(payload.as_ref())))
}

fn panicked(payload: &(dyn Any + Send)) -> Error {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    Error::internal(format!("a check failed inside the library: {}", text.unwrap_or("no message")))
}

/// A panic is reported as an error with its message, so nothing is printed. The library has its own copy of the Rust
/// runtime, whose hook this is; Rust programs that use the crate without the C calls never come here.
fn keep_panics_quiet() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_internal_error() {
        let mut message = String::new();
        let status = outcome(|| panic!("boom {}", 1), |error| message = error.message().to_owned());
        assert_eq!(status, super::super::status::EIDOS_INTERNAL);
        assert!(message.contains("boom 1"), "{message}");
    }
}
