//! The boundary: every fallible call runs in here, so that neither a panic nor a half-written output crosses it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::error::eidos_error;
use super::handle::Handle;
use super::status::{EIDOS_OK, eidos_status};
use crate::error::{Error, Result};

/// Runs the body of a call: its error goes to `*err` where the caller wants it, a panic becomes `EIDOS_INTERNAL`.
///
/// # Safety
/// `err` is NULL or valid for a write.
pub(super) unsafe fn call(err: *mut *mut eidos_error, body: impl FnOnce() -> Result<()>) -> eidos_status {
    outcome(body, |error| {
        if !err.is_null() {
            // SAFETY: the caller of the C function promises that a pointer that is not NULL can be written.
            unsafe { err.write(eidos_error::into_raw(error.into())) };
        }
    })
}

/// Runs the body of a call, and `tell` with its error, of which the status is the call's.
pub(super) fn outcome(body: impl FnOnce() -> Result<()>, tell: impl FnOnce(Error)) -> eidos_status {
    let Err(error) = guarded(body) else { return EIDOS_OK };
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
    get((), || {
        body();
        Ok(())
    });
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
        let mut error = std::ptr::null_mut();
        // SAFETY: `error` can be written.
        let status = unsafe { call(&raw mut error, || panic!("boom {}", 1)) };
        assert_eq!(status, super::super::status::EIDOS_INTERNAL);
        // SAFETY: the call has just written a handle.
        let value = unsafe { eidos_error::borrow(error) }.unwrap();
        assert!(value.error.message().contains("boom 1"));
        // SAFETY: nobody else has it.
        unsafe { eidos_error::free(error) };
    }
}
