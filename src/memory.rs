//! Checks that memory is available before it is allocated.
//!
//! Rust aborts the process when an allocation fails. So memory that is large, or whose size comes from outside, is
//! checked first: a single buffer with [`filled`] or [`copied`], and the many allocations of a phase of work with a
//! [`Claim`].

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

use bytemuck::Zeroable;
use bytemuck::allocation::try_zeroed_vec;
use memmap2::MmapMut;

use crate::error::{Error, ErrorCode, Result};

/// Memory that no claim may take, in bytes; it is for everything that is small and not checked.
const RESERVE: usize = 48 << 20;

/// The sum of the claims of all threads of the process, in bytes.
static CLAIMED: Mutex<usize> = Mutex::new(0);

/// A share of the memory that a phase of work may allocate piece by piece. No other claim in this process can take it.
///
/// What was already allocated under a claim counts twice until the claim is dropped. So a claim may be refused that
/// would just fit, but one that is granted holds, whatever other threads claim.
#[derive(Debug)]
pub(crate) struct Claim(usize);

impl Claim {
    /// Claims memory; `what` names it for the error ("the rows of a batch").
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`] naming it.
    pub(crate) fn of(bytes: usize, what: &str) -> Result<Self> {
        // A thread that panicked while it held the lock left a valid number.
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        check(*claimed, bytes, what)?;
        *claimed = claimed.saturating_add(bytes);
        Ok(Self(bytes))
    }
}

/// Runs `allocate`, which allocates `bytes` and keeps them, if they are available besides all claims. `what` names them
/// for the error.
///
/// # Errors
/// [`ErrorCode::OutOfMemory`] naming it.
pub(crate) fn allocate(bytes: usize, what: &str, allocate: impl FnOnce()) -> Result<()> {
    let claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    check(*claimed, bytes, what)?;
    allocate();
    Ok(())
}

fn check(claimed: usize, bytes: usize, what: &str) -> Result<()> {
    // Also as one allocation: a size beyond the memory of the machine is refused only that way.
    if is_available(claimed.saturating_add(bytes).saturating_add(RESERVE)) && is_available_at_once(bytes) {
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

/// Whether so many bytes are available now, besides all claims.
pub(crate) fn fits(bytes: usize) -> bool {
    let claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    is_available(claimed.saturating_add(bytes).saturating_add(RESERVE))
}

/// Asks the system for the memory in pieces and gives it back: a single one can be refused where smaller ones of the same
/// sum are granted. Not by the allocator: a sanitizer's would write on as much as an eighth of it.
fn is_available(bytes: usize) -> bool {
    const PIECE: usize = 1 << 30;
    const MOST: usize = 256;
    if bytes / PIECE > MOST {
        return is_available_at_once(bytes);
    }
    let mut pieces: [Option<MmapMut>; MOST + 1] = std::array::from_fn(|_| None);
    let mut left = bytes;
    pieces.iter_mut().all(|piece| {
        let take = left.min(PIECE);
        left -= take;
        *piece = if take == 0 { None } else { MmapMut::map_anon(take).ok() };
        take == 0 || piece.is_some()
    })
}

/// By the allocator, which learns from a size that is freed to keep such memory for the next buffer.
fn is_available_at_once(bytes: usize) -> bool {
    // Without the black box the compiler removes an allocation that nobody uses.
    black_box(&mut Vec::<u8>::new()).try_reserve_exact(bytes).is_ok()
}

/// A vector of `count` equal values; `None` where there is no memory for it.
pub(crate) fn filled<T: Clone>(value: T, count: usize) -> Option<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).ok()?;
    values.resize(count, value);
    Some(values)
}

/// A vector of `count` zeros; `None` where there is no memory for it. Large ones are pages that the system clears when they are
/// first written, by whoever does.
pub(crate) fn zeroed<T: Zeroable>(count: usize) -> Option<Vec<T>> {
    try_zeroed_vec(count).ok()
}

/// A copy of some values; `None` where there is no memory for it.
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
        assert!(zeroed::<u64>(usize::MAX).is_none());
        assert_eq!(zeroed::<u64>(3), Some(vec![0; 3]));
        assert!(fits(1 << 20) && !fits(usize::MAX / 4));
        assert!(!is_available(1 << 60) && is_available(3 << 30), "of address space there is more than of memory");
    }
}
