//! Memory that may not be there.
//!
//! Rust ends the process where an allocation fails. So what is large, or of a size that comes from outside, is asked for
//! first: one piece of it with [`filled`] or [`copied`], and the many pieces of a phase of work with a [`Claim`].

use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorCode, Result};

/// What is left free beside all claims, in bytes, for everything that is small and is not asked for.
const SLACK: usize = 48 << 20;

/// What a thread takes before it does anything: its stack, and what the C library's allocator reserves for it.
const THREAD: usize = 72 << 20;

/// The claims of all threads of the process, in bytes.
static CLAIMED: Mutex<usize> = Mutex::new(0);

/// Memory that a phase of work may take piece by piece, and that is there as long as nobody else in the process takes it.
///
/// What has been taken of a claim counts twice as long as the claim lives, so a claim may be refused although it would just
/// fit; one that is granted holds, whatever other threads claim.
#[derive(Debug)]
pub(crate) struct Claim(usize);

impl Claim {
    /// Claims memory for `what` ("the rows of a batch").
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`] naming it.
    pub(crate) fn of(bytes: usize, what: &str) -> Result<Self> {
        // A thread that panicked while it held this left a number, which is always whole.
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        let all = claimed.saturating_add(bytes);
        if !is_there(all.saturating_add(SLACK)) {
            return Err(Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {what}: {bytes} bytes"))
                .hint("free some memory, raise the limit of the process, or ask for less at a time and fewer threads")
                .detail("bytes", bytes));
        }
        *claimed = all;
        Ok(Self(bytes))
    }

    /// Claims what a thread takes to start.
    ///
    /// # Errors
    /// As [`Claim::of`].
    pub(crate) fn of_thread() -> Result<Self> {
        Self::of(THREAD, "a thread")
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        *claimed = claimed.saturating_sub(self.0);
    }
}

/// How many of `wanted` threads, each with one more that helps it, there is memory for; at least 1.
pub(crate) fn threads_that_fit(wanted: usize) -> usize {
    let claimed = *CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    let fit =
        |threads: &usize| is_there(claimed.saturating_add(SLACK).saturating_add(threads.saturating_mul(2 * THREAD)));
    std::iter::successors(Some(wanted), |threads| (*threads > 1).then_some(threads / 2)).find(fit).unwrap_or(1)
}

fn is_there(bytes: usize) -> bool {
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

/// So many times the same value, or `None` where there is no memory for it.
pub(crate) fn filled<T: Clone>(value: T, count: usize) -> Option<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).ok()?;
    values.resize(count, value);
    Some(values)
}

/// A copy, or `None` where there is no memory for it.
pub(crate) fn copied<T: Copy>(values: &[T]) -> Option<Vec<T>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(values.len()).ok()?;
    copy.extend_from_slice(values);
    Some(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_there_is_refused_and_claims_nothing() {
        let error = Claim::of(usize::MAX, "everything").unwrap_err();
        assert_eq!(error.code(), ErrorCode::OutOfMemory);
        assert!(error.message().contains("everything"), "{error}");
        drop(Claim::of(1 << 20, "a little").unwrap());
        assert!(filled(0_u64, usize::MAX).is_none());
        assert_eq!(threads_that_fit(usize::MAX).clamp(1, usize::MAX / 2), threads_that_fit(usize::MAX));
    }
}
