//! Opaque handles: numbers, which a table leads to the values.
//!
//! A handle looks like a pointer to C and is none: it says which place of the table it has, of what type it is, and how
//! many had that place before. So a handle that was freed, that is of another type, or that was never one is recognised
//! without reading what it would point to. Looking one up takes no lock: two loads and a comparison, which a signal
//! handler may do, too.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, ErrorCode, Result};

/// How many handles exist. It only counts: no call depends on it.
static LIVE_HANDLES: AtomicUsize = AtomicUsize::new(0);

/// The places of the table, in pieces that never move and are never given back: each has twice as many as the one
/// before.
static PIECES: [OnceLock<Box<[Place]>>; 27] = [const { OnceLock::new() }; 27];

/// How many places the first piece has.
const FIRST_PIECE: u64 = 64;

/// The places that nobody has.
static UNUSED: Mutex<Unused> = Mutex::new(Unused { freed: Vec::new(), touched: 0 });

/// A place of the table.
#[derive(Default)]
struct Place {
    /// The number of the handle that has it; 0 while nobody has.
    handle: AtomicU64,
    /// What `Arc::into_raw` gave for the value of that handle.
    value: AtomicPtr<()>,
}

struct Unused {
    /// For each place that was given back, the number of its next handle without the type.
    freed: Vec<u64>,
    /// How many places, from the first on, somebody had once.
    touched: u32,
}

/// Bits of a handle's number, from the lowest: the type, the place, and how many had the place before.
const TYPE_BITS: u32 = 6;
const PLACE_BITS: u32 = 32;
const TYPES: u64 = (1 << TYPE_BITS) - 1;
/// What is added for the next that has a place.
const NEXT_USER: u64 = 1 << (TYPE_BITS + PLACE_BITS);

/// The place that a number names, if the table has come so far.
fn place(number: u64) -> Option<&'static Place> {
    let (piece, offset) = position((number >> TYPE_BITS) as u32);
    PIECES.get(piece)?.get()?.get(offset)
}

/// In which piece a place is, and where there.
fn position(index: u32) -> (usize, usize) {
    let index = u64::from(index);
    let piece = (index / FIRST_PIECE + 1).ilog2();
    (piece as usize, (index - FIRST_PIECE * ((1 << piece) - 1)) as usize)
}

/// Takes a place for a value of a type; `None` when all have users, which are more than memory has room for.
fn enter(tag: u64, value: *mut ()) -> Option<u64> {
    let mut unused = UNUSED.lock().unwrap_or_else(PoisonError::into_inner);
    let unnamed = if let Some(number) = unused.freed.pop() {
        number
    } else {
        let index = unused.touched;
        let (piece, _) = position(index);
        PIECES.get(piece)?.get_or_init(|| (0..FIRST_PIECE << piece).map(|_| Place::default()).collect());
        unused.touched = index.checked_add(1)?;
        NEXT_USER | u64::from(index) << TYPE_BITS
    };
    let number = unnamed | tag;
    let place = place(number)?;
    place.value.store(value, Ordering::Relaxed);
    place.handle.store(number, Ordering::Release);
    Some(number)
}

/// Gives a place back, and the value that it led to; `None` when the handle does not have it any more.
fn leave(number: u64) -> Option<*mut ()> {
    let place = place(number)?;
    let value = place.value.load(Ordering::Relaxed);
    // Of two calls that free the same handle at once, one does.
    place.handle.compare_exchange(number, 0, Ordering::AcqRel, Ordering::Relaxed).ok()?;
    let next = (number & !TYPES).checked_add(NEXT_USER);
    // A place whose numbers are used up stays empty.
    next.into_iter().for_each(|next| UNUSED.lock().unwrap_or_else(PoisonError::into_inner).freed.push(next));
    Some(value)
}

/// An opaque C type and the Rust value behind it.
pub(super) trait Handle: Sized {
    /// The value that the handle owns.
    type Value: Send + Sync;
    /// A number that no other type has, from 1 to 63.
    const TAG: u64;
    /// What messages call it: `eidos_activations`.
    const NAME: &'static str;

    /// A new handle that owns `value`.
    fn into_raw(value: Self::Value) -> *mut Self {
        own::<Self>(Arc::new(value))
    }

    /// The value behind a handle; an error for NULL, for a handle that was freed, and for whatever is no handle of this
    /// type.
    ///
    /// # Safety
    /// Nobody frees the handle during `'a`.
    unsafe fn borrow<'a>(handle: *const Self) -> Result<&'a Self::Value> {
        // SAFETY: a value behind a live handle of this type is one of `Self::Value`; the caller keeps the handle alive.
        Ok(unsafe { &*value_of(handle)? })
    }

    /// One more handle of the same value.
    ///
    /// # Safety
    /// As [`Handle::borrow`].
    unsafe fn share(handle: *const Self) -> Result<*mut Self> {
        let value = value_of(handle)?;
        // SAFETY: the value came from `Arc::into_raw`, and the caller keeps the handle alive, which owns a share of it.
        let value = unsafe {
            Arc::increment_strong_count(value);
            Arc::from_raw(value)
        };
        Ok(own::<Self>(value))
    }

    /// Frees a handle; whatever is no live handle of this type is left alone.
    ///
    /// # Safety
    /// Nobody uses the handle any more.
    unsafe fn free(handle: *mut Self) {
        if value_of(handle).is_err() {
            return;
        }
        if let Some(value) = leave(handle.addr() as u64) {
            // SAFETY: `own` of this type made the handle of what `Arc::into_raw` gave, and `leave` gives it to one call
            // only.
            drop(unsafe { Arc::from_raw(value.cast::<Self::Value>()) });
            LIVE_HANDLES.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A new handle with a share of a value; NULL where the table is full.
fn own<T: Handle>(value: Arc<T::Value>) -> *mut T {
    let value = Arc::into_raw(value).cast_mut();
    if let Some(number) = enter(T::TAG, value.cast()) {
        LIVE_HANDLES.fetch_add(1, Ordering::Relaxed);
        return ptr::without_provenance_mut(number as usize);
    }
    // SAFETY: it was made above, and nobody has got it.
    drop(unsafe { Arc::from_raw(value) });
    ptr::null_mut()
}

fn value_of<T: Handle>(handle: *const T) -> Result<*const T::Value> {
    let number = handle.addr() as u64;
    if number == 0 {
        return Err(Error::argument(format!("the {} is NULL", T::NAME)).hint("pass a handle that a call returned"));
    }
    let place = place(number).filter(|place| place.handle.load(Ordering::Acquire) == number);
    let place = place.filter(|_| number & TYPES == T::TAG).ok_or_else(|| {
        Error::new(ErrorCode::InvalidHandle, format!("this is not a live {} handle", T::NAME))
            .hint("it was freed before, or it is a handle of another type")
    })?;
    Ok(place.value.load(Ordering::Relaxed).cast_const().cast())
}

/// Ties an opaque C type to the value behind it.
macro_rules! handle {
    ($opaque:ident, $value:ty, $tag:literal) => {
        impl $crate::ffi::handle::Handle for $opaque {
            type Value = $value;
            const TAG: u64 = $tag;
            const NAME: &'static str = stringify!($opaque);
        }
    };
}
pub(super) use handle;

/// Counts the handles that were made and not yet freed, of all types, in this process. It is for leak checks: the count
/// is 0 at the end of a program that frees what it was given.
#[unsafe(no_mangle)]
pub extern "C" fn eidos_debug_live_handles() -> usize {
    LIVE_HANDLES.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;
    struct Other;
    handle!(One, Arc<str>, 7);
    handle!(Other, Arc<str>, 63);

    fn code<T: Handle>(handle: *const T) -> Option<ErrorCode> {
        // SAFETY: nobody frees a handle meanwhile.
        unsafe { T::borrow(handle) }.err().map(|error| error.code())
    }

    #[test]
    fn a_freed_handle_is_recognised_when_others_have_its_place() {
        let value: Arc<str> = Arc::from("value");
        let mut freed: Vec<*mut One> = Vec::new();
        for _ in 0..3 {
            let handles: Vec<*mut One> = (0..200).map(|_| One::into_raw(value.clone())).collect();
            for &old in &freed {
                assert_eq!(code(old), Some(ErrorCode::InvalidHandle));
                // SAFETY: a handle that was freed is left alone.
                unsafe { One::free(old) };
            }
            assert!(handles.iter().all(|&handle| code(handle).is_none()));
            for &handle in &handles {
                // SAFETY: nobody uses it any more.
                unsafe { One::free(handle) };
            }
            freed.extend(handles);
        }
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn what_is_no_handle_of_the_type_is_an_error() {
        let handle = One::into_raw(Arc::from("value"));
        assert_eq!(code::<Other>(handle.cast()), Some(ErrorCode::InvalidHandle));
        assert_eq!(code::<One>(ptr::null()), Some(ErrorCode::InvalidArgument));
        for address in [1, 62, 63, 64, handle.addr() ^ 1, handle.addr() + (1 << 38), usize::MAX, usize::MAX - 1] {
            assert_eq!(code::<One>(ptr::without_provenance(address)), Some(ErrorCode::InvalidHandle), "{address}");
        }
        let on_the_stack = 7_u64;
        assert_eq!(code::<One>((&raw const on_the_stack).cast()), Some(ErrorCode::InvalidHandle));
        // SAFETY: what is no handle of the type is left alone; nobody uses the handle any more.
        unsafe {
            Other::free(handle.cast());
            assert_eq!(&**One::borrow(handle).unwrap(), "value");
            One::free(handle);
        }
    }

    #[test]
    fn a_shared_value_lives_as_long_as_one_of_its_handles() {
        let value: Arc<str> = Arc::from("value");
        let first = One::into_raw(value.clone());
        // SAFETY: each handle is freed once, after its last use.
        unsafe {
            let second = One::share(first).unwrap();
            assert_ne!(first, second);
            One::free(first);
            assert!(One::share(first).is_err());
            assert_eq!((&**One::borrow(second).unwrap(), Arc::strong_count(&value)), ("value", 2));
            One::free(second);
        }
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn many_threads_make_use_and_free_handles() {
        std::thread::scope(|scope| {
            for thread in 0..4_u32 {
                scope.spawn(move || {
                    for round in 0..500_u32 {
                        let text = format!("{thread} {round}");
                        let handles: Vec<*mut One> = (0..5).map(|_| One::into_raw(Arc::from(text.as_str()))).collect();
                        for handle in handles {
                            // SAFETY: this thread alone has it, and frees it once.
                            unsafe {
                                assert_eq!(**One::borrow(handle).unwrap(), *text);
                                One::free(handle);
                            }
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn places_follow_each_other_through_the_pieces() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            assert_eq!(position(index), expected);
            expected.1 += 1;
            if expected.1 as u64 == FIRST_PIECE << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert!(position(u32::MAX).0 < PIECES.len());
    }
}
