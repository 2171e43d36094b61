//! Memory that may not be there.
//!
//! Rust ends the process where an allocation fails. So what is large, or of a size that comes from outside, is asked for
//! first: one piece of it with [`filled`] or [`copied`], and the many pieces of a phase of work with a [`Claim`].

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorCode, Result};

/// What is left free beside all claims, in bytes, for everything that is small and is not asked for.
const RESERVE: usize = 48 << 20;

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
        check(*claimed, bytes, what)?;
        *claimed = claimed.saturating_add(bytes);
        Ok(Self(bytes))
    }
}

/// Runs `taking`, which takes `bytes` for `what` and keeps them, where they are there beside all claims.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] naming it.
pub(crate) fn take(bytes: usize, what: &str, taking: impl FnOnce()) -> Result<()> {
    let claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    check(*claimed, bytes, what)?;
    taking();
    Ok(())
}

fn check(claimed: usize, bytes: usize, what: &str) -> Result<()> {
    // In one piece as well: what is more than the machine has is refused only so.
    if is_there(claimed.saturating_add(bytes).saturating_add(RESERVE)) && is_there_at_once(bytes) {
        return Ok(());
    }
    Err(Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {what}: {bytes} bytes"))
        .hint("free some memory, raise the limit of the process, or ask for less at a time and fewer threads")
        .detail("bytes", bytes))
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        *claimed = claimed.saturating_sub(self.0);
    }
}

/// Whether so many bytes are there now, beside all claims.
pub(crate) fn fits(bytes: usize) -> bool {
    let claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    is_there(claimed.saturating_add(bytes).saturating_add(RESERVE))
}

/// Asks the system, in pieces: it refuses one piece that is larger than its memory where it grants the sum.
fn is_there(bytes: usize) -> bool {
    const PIECE: usize = 1 << 30;
    const MOST: usize = 256;
    if bytes / PIECE > MOST {
        return is_there_at_once(bytes);
    }
    let mut pieces: [Vec<u8>; MOST + 1] = std::array::from_fn(|_| Vec::new());
    let mut left = bytes;
    pieces.iter_mut().all(|piece| {
        let take = left.min(PIECE);
        left -= take;
        take == 0 || black_box(piece).try_reserve_exact(take).is_ok()
    })
}

fn is_there_at_once(bytes: usize) -> bool {
    // Without the black box the compiler takes what is not used for granted.
    black_box(&mut Vec::<u8>::new()).try_reserve_exact(bytes).is_ok()
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
        assert!(fits(1 << 20) && !fits(usize::MAX / 4));
        assert!(!is_there(1 << 60) && is_there(3 << 30), "of address space there is more than of memory");
    }
}
