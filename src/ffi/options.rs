//! Options structs that grow without breaking anybody: the caller says how large its struct is.
//!
//! Init writes the defaults, and every value means itself. The default of a field that is appended later is 0, for what
//! was done before there was the field: an older library takes that from a newer caller.

use std::ptr;

use crate::error::{Error, ErrorCode, Result};

/// A plain C struct of options: its first field is `uint32_t struct_size`, and any bytes are a value of every field.
///
/// # Safety
/// The type is `#[repr(C)]`, any bytes are a valid value of it, and it has no padding that matters.
pub(super) unsafe trait Options: Copy {
    /// What messages call it: `eidos_load_options`.
    const NAME: &'static str;
    /// The default values, with `struct_size` set.
    const DEFAULT: Self;
}

/// Fills the first `size` bytes of a caller's struct with the defaults.
///
/// # Safety
/// `options` is NULL or can be written for `size` bytes.
pub(super) unsafe fn init<T: Options>(options: *mut T, size: usize) -> Result<()> {
    if options.is_null() {
        return Err(Error::argument(format!("the {} is NULL", T::NAME)).hint("pass the address of a struct"));
    }
    check_filled::<T>(size)?;
    let bytes = options.cast::<u8>();
    let default = T::DEFAULT;
    let known = size.min(size_of::<T>());
    // SAFETY: the caller promises `size` writable bytes; no more than the known ones are read from the default.
    unsafe {
        ptr::write_bytes(bytes, 0, size);
        ptr::copy_nonoverlapping((&raw const default).cast::<u8>(), bytes, known);
        // The struct says the caller's size, which may be that of another version.
        bytes.cast::<u32>().write_unaligned(size as u32);
    }
    Ok(())
}

/// The caller's options; NULL means the defaults. Fields that an older caller does not know have their defaults; fields
/// that this library does not know must be zero.
///
/// # Safety
/// `options` is NULL or points to a struct whose `struct_size` is its size in bytes.
pub(super) unsafe fn read<T: Options>(options: *const T) -> Result<T> {
    if options.is_null() {
        return Ok(T::DEFAULT);
    }
    let bytes = options.cast::<u8>();
    // SAFETY: promised by the caller.
    let size = unsafe { bytes.cast::<u32>().read_unaligned() } as usize;
    check_filled::<T>(size)?;
    let mut result = T::DEFAULT;
    let known = size.min(size_of::<T>());
    // SAFETY: the caller promises `size` readable bytes; `result` has at least `known`, and any bytes are a valid
    // value.
    unsafe { ptr::copy_nonoverlapping(bytes, (&raw mut result).cast::<u8>(), known) };
    for offset in known..size {
        // SAFETY: below the size that the caller promises.
        if unsafe { bytes.add(offset).read() } != 0 {
            return Err(Error::new(
                ErrorCode::Unsupported,
                format!("the {} sets a field that this library does not know", T::NAME),
            )
            .hint("update the Eidos library, or leave the newer fields zero"));
        }
    }
    Ok(result)
}

/// Larger than any struct will be.
const MOST_BYTES: usize = 4096;

fn check_filled<T: Options>(size: usize) -> Result<()> {
    let name = T::NAME;
    check_size(size, name, &format!("fill it with {name}_init(&options, sizeof options) first"))
}

/// An error for a size that no struct has.
pub(super) fn check_size(size: usize, name: &str, remedy: &str) -> Result<()> {
    if (size_of::<u32>()..=MOST_BYTES).contains(&size) {
        return Ok(());
    }
    Err(Error::argument(format!("the struct_size of the {name} is {size}")).hint(remedy))
}

/// The init function of an options struct.
macro_rules! options {
    ($struct:ident, $default:expr) => {
        // SAFETY: plain numbers and pointers in a `#[repr(C)]` struct.
        unsafe impl $crate::ffi::options::Options for $struct {
            const NAME: &'static str = stringify!($struct);
            const DEFAULT: Self = $default;
        }
    };
}
pub(super) use options;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Example {
        struct_size: u32,
        first: u32,
        second: u64,
    }

    options!(Example, Example { struct_size: size_of::<Example>() as u32, first: 7, second: 9 });

    #[test]
    fn an_older_caller_gets_defaults_for_the_fields_it_does_not_know() {
        let mut older = [0_u32; 4];
        // SAFETY: 8 bytes can be written.
        unsafe { init::<Example>(older.as_mut_ptr().cast(), 8) }.unwrap();
        assert_eq!(older, [8, 7, 0, 0]);
        older[1] = 3;
        older[2] = 0xFFFF;
        // SAFETY: the struct says that it has 8 bytes.
        let read = unsafe { read::<Example>(older.as_ptr().cast()) }.unwrap();
        assert_eq!((read.first, read.second), (3, 9));
    }

    #[test]
    fn a_newer_caller_may_not_use_fields_that_do_not_exist_here() {
        let mut newer = [0_u32; 6];
        // SAFETY: 24 bytes can be written.
        unsafe { init::<Example>(newer.as_mut_ptr().cast(), 24) }.unwrap();
        // SAFETY: the struct says that it has 24 bytes.
        assert!(unsafe { read::<Example>(newer.as_ptr().cast()) }.is_ok());
        newer[5] = 1;
        // SAFETY: as above.
        let error = unsafe { read::<Example>(newer.as_ptr().cast()) }.err().unwrap();
        assert_eq!(error.code(), ErrorCode::Unsupported);
    }

    #[test]
    fn a_struct_that_was_never_filled_is_an_error() {
        let zero = [0_u32; 4];
        // SAFETY: the size field can be read.
        assert!(unsafe { read::<Example>(zero.as_ptr().cast()) }.is_err());
    }
}
