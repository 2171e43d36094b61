//! Structs that the library fills, which grow without breaking anybody: the caller says how large its struct is.

use std::ptr;

use super::options::check_size;
use super::strings::check_out;
use crate::error::Result;

/// A plain C struct that the library fills: its first field is `uint32_t struct_size`.
///
/// # Safety
/// The type is `#[repr(C)]`, and any bytes are a valid value of it.
pub(super) unsafe trait Output: Copy {
    /// What messages call it: `eidos_progress`.
    const NAME: &'static str;
}

/// Fills a caller's struct of `size` bytes with the fields that both know; what the caller alone knows becomes 0, and
/// `struct_size` says how many bytes were filled.
///
/// # Safety
/// `out` is NULL or can be written for `size` bytes.
pub(super) unsafe fn fill<T: Output>(out: *mut T, size: usize, value: T) -> Result<()> {
    check_out(out, "out")?;
    check_size(size, T::NAME, &format!("pass sizeof({})", T::NAME))?;
    let known = size.min(size_of::<T>());
    let bytes = out.cast::<u8>();
    // SAFETY: the caller promises `size` writable bytes; no more than the known ones are read from the value.
    unsafe {
        ptr::write_bytes(bytes, 0, size);
        ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), bytes, known);
        bytes.cast::<u32>().write_unaligned(known as u32);
    }
    Ok(())
}

/// Makes a struct one that [`fill`] writes.
macro_rules! output {
    ($struct:ident) => {
        // SAFETY: plain numbers and pointers in a `#[repr(C)]` struct.
        unsafe impl $crate::ffi::output::Output for $struct {
            const NAME: &'static str = stringify!($struct);
        }
    };
}
pub(super) use output;

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

    output!(Example);

    const VALUE: Example = Example { struct_size: 0, first: 7, second: 9 };

    #[test]
    fn callers_of_every_age_get_the_fields_that_they_know() {
        for (size, expected) in
            [(8, [8, 7, u32::MAX, u32::MAX, u32::MAX]), (16, [16, 7, 9, 0, u32::MAX]), (20, [16, 7, 9, 0, 0])]
        {
            let mut bytes = [u32::MAX; 5];
            // SAFETY: so many bytes can be written.
            unsafe { fill::<Example>(bytes.as_mut_ptr().cast(), size, VALUE) }.unwrap();
            assert_eq!(bytes, expected);
        }
    }

    #[test]
    fn a_struct_that_is_not_there_or_of_no_size_is_an_error() {
        let mut example = VALUE;
        // SAFETY: nothing is written to NULL, nor where the size is wrong.
        unsafe {
            assert!(fill::<Example>(ptr::null_mut(), size_of::<Example>(), VALUE).is_err());
            assert!(fill(&raw mut example, 0, VALUE).is_err() && fill(&raw mut example, 1 << 20, VALUE).is_err());
        }
        assert_eq!((example.struct_size, example.first, example.second), (0, 7, 9));
    }
}
