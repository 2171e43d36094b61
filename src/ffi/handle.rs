//! Opaque handles: a boxed value behind a tag that says its type.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, ErrorCode, Result};

/// How many handles exist. It only counts: no call depends on it.
static LIVE_HANDLES: AtomicUsize = AtomicUsize::new(0);

/// What lies behind an opaque pointer. The tag comes first, so that it can be read whatever the type is.
#[repr(C)]
struct Tagged<T> {
    tag: u64,
    value: T,
}

/// The tag of a handle that was freed, where its memory has not been used again.
const FREED: u64 = 0xDEAD_E1D0_5DEA_D000;

/// An opaque C type and the Rust value behind it.
pub(super) trait Handle: Sized {
    /// The value that the handle owns.
    type Value: Send + Sync;
    /// A number that no other type has.
    const TAG: u64;
    /// What messages call it: `eidos_activations`.
    const NAME: &'static str;

    /// A new handle that owns `value`.
    fn into_raw(value: Self::Value) -> *mut Self {
        LIVE_HANDLES.fetch_add(1, Ordering::Relaxed);
        Box::into_raw(Box::new(Tagged { tag: Self::TAG, value })).cast()
    }

    /// The value behind a handle.
    ///
    /// # Safety
    /// `handle` is NULL or points to at least 8 readable bytes; a handle of this type lives as long as `'a`.
    unsafe fn borrow<'a>(handle: *const Self) -> Result<&'a Self::Value> {
        if handle.is_null() {
            return Err(
                Error::argument(format!("the {} is NULL", Self::NAME)).hint("pass a handle that a call returned")
            );
        }
        if !handle.cast::<u64>().is_aligned() {
            return Err(invalid::<Self>());
        }
        // SAFETY: the caller promises that the first 8 bytes are readable, and the alignment was checked.
        if unsafe { handle.cast::<u64>().read() } != Self::TAG {
            return Err(invalid::<Self>());
        }
        // SAFETY: the tag is only ever written by `into_raw` of this type, and the caller keeps the handle alive.
        Ok(unsafe { &(*handle.cast::<Tagged<Self::Value>>()).value })
    }

    /// Frees a handle; NULL and handles of another type are left alone.
    ///
    /// # Safety
    /// As [`Handle::borrow`], and nobody uses the handle any more.
    unsafe fn free(handle: *mut Self) {
        // SAFETY: promised by the caller.
        if unsafe { Self::borrow(handle) }.is_err() {
            return;
        }
        let tagged = handle.cast::<Tagged<Self::Value>>();
        // SAFETY: the tag says that `into_raw` made this box, and the caller gives it up. The tag is overwritten with a
        // volatile write so that a second free most likely finds it.
        unsafe {
            (&raw mut (*tagged).tag).write_volatile(FREED);
            drop(Box::from_raw(tagged));
        }
        LIVE_HANDLES.fetch_sub(1, Ordering::Relaxed);
    }
}

fn invalid<T: Handle>() -> Error {
    Error::new(ErrorCode::InvalidHandle, format!("this is not a live {} handle", T::NAME))
        .hint("it was freed before, or it is a handle of another type")
}

/// Ties an opaque C type to the value behind it.
macro_rules! handle {
    ($opaque:ident, $value:ty, $tag:literal) => {
        impl $crate::ffi::handle::Handle for $opaque {
            type Value = $value;
            const TAG: u64 = 0xE1D0_5000_0000_0000 | $tag;
            const NAME: &'static str = stringify!($opaque);
        }
    };
}
pub(super) use handle;

/// The number of handles that were made and not yet freed, of all types, in this process. For leak checks: it is 0 at
/// the end of a program that frees what it was given.
#[unsafe(no_mangle)]
pub extern "C" fn eidos_debug_live_handles() -> usize {
    LIVE_HANDLES.load(Ordering::Relaxed)
}
