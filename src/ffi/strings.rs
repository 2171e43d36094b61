//! Strings and arrays across the boundary.

use std::ffi::{CStr, c_char};

use crate::error::{Error, ErrorCode, Result};

/// A string argument, which must be valid UTF-8.
///
/// # Safety
/// `string` is NULL or NUL-terminated and lives as long as `'a`.
pub(super) unsafe fn text<'a>(string: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: promised by the caller.
    unsafe { optional_text(string, name) }?
        .ok_or_else(|| Error::argument(format!("`{name}` is NULL")).hint("pass a NUL-terminated UTF-8 string"))
}

/// A string argument that may be NULL.
///
/// # Safety
/// As [`text`].
pub(super) unsafe fn optional_text<'a>(string: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if string.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    valid_text(unsafe { CStr::from_ptr(string) }.to_bytes(), name).map(Some)
}

/// A string argument of so many bytes, which must be valid UTF-8 and may have a NUL inside.
///
/// # Safety
/// `string` is NULL or has `length` bytes that live as long as `'a`.
pub(super) unsafe fn text_of_length<'a>(string: *const c_char, length: usize, name: &str) -> Result<&'a str> {
    // SAFETY: promised by the caller.
    valid_text(unsafe { array(string.cast::<u8>(), length, name) }?, name)
}

/// Bytes as text, which must be valid UTF-8.
pub(super) fn valid_text<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        Error::argument(format!("`{name}` is not valid UTF-8: byte {} is wrong", error.valid_up_to()))
            .hint("convert it to UTF-8")
    })
}

/// An array; NULL is fine when the count is 0.
///
/// # Safety
/// `items` is NULL or points to `count` values that live as long as `'a`.
pub(super) unsafe fn array<'a, T>(items: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    check_array(items, count, name)?;
    // SAFETY: promised by the caller; NULL, alignment and an impossible size were checked.
    Ok(unsafe { std::slice::from_raw_parts(items, count) })
}

/// An array that the call fills.
///
/// # Safety
/// As [`array`], and nobody else uses the array during the call.
pub(super) unsafe fn array_mut<'a, T>(items: *mut T, count: usize, name: &str) -> Result<&'a mut [T]> {
    if count == 0 {
        return Ok(&mut []);
    }
    check_array(items, count, name)?;
    // SAFETY: promised by the caller; NULL, alignment and an impossible size were checked.
    Ok(unsafe { std::slice::from_raw_parts_mut(items, count) })
}

/// An error for an array that cannot be one of `count` items, which are more than none.
pub(super) fn check_array<T>(items: *const T, count: usize, name: &str) -> Result<()> {
    if items.is_null() {
        return Err(Error::argument(format!("`{name}` is NULL, but its count is {count}"))
            .hint("pass the array, or a count of 0"));
    }
    if !items.is_aligned() {
        return Err(Error::argument(format!("`{name}` is not aligned to {} bytes", align_of::<T>()))
            .hint("pass an aligned array"));
    }
    let possible = count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if possible {
        Ok(())
    } else {
        Err(Error::argument(format!("`{name}` cannot have {count} items")).hint("check the count"))
    }
}

/// `rows * columns`, which must not overflow.
pub(super) fn product(rows: usize, columns: usize) -> Result<usize> {
    rows.checked_mul(columns).ok_or_else(|| {
        Error::argument(format!("{rows} rows of {columns} columns are more than memory can hold"))
            .hint("check the sizes")
    })
}

/// An error for an output that is NULL; for a check before long work.
pub(super) fn check_out<T>(out: *mut T, name: &str) -> Result<()> {
    if out.is_null() {
        return Err(Error::argument(format!("`{name}` is NULL"))
            .hint("pass the address of a variable that receives the result"));
    }
    Ok(())
}

/// One of the numbers of an enumeration.
pub(super) fn choice<T: Copy>(value: u32, name: &str, choices: &[(u32, T)]) -> Result<T> {
    choices.iter().find(|(number, _)| *number == value).map(|(_, choice)| *choice).ok_or_else(|| {
        Error::new(ErrorCode::InvalidArgument, format!("`{name}` cannot be {value}"))
            .hint("use one of the constants of the header, and fill options with their init function first")
    })
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn a_text_that_is_not_utf_8_is_named_with_its_byte() {
        // SAFETY: the strings end in a NUL and live on.
        unsafe {
            let error = text(c"caf\xe9".as_ptr(), "model").unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            assert!(error.message().contains("`model`") && error.message().contains("byte 3"), "{error}");
            assert_eq!(text(c"film".as_ptr(), "model").unwrap(), "film");
            assert_eq!(text(c"".as_ptr(), "model").unwrap(), "");
        }
    }

    #[test]
    fn a_text_of_a_length_has_a_nul_like_other_characters() {
        // SAFETY: the strings have as many bytes as is said, and live on.
        unsafe {
            assert_eq!(text_of_length("a\0b".as_ptr().cast(), 3, "text").unwrap(), "a\0b");
            let error = text_of_length(c"caf\xe9".as_ptr(), 4, "text").unwrap_err();
            assert!(error.message().contains("`text`") && error.message().contains("byte 3"), "{error}");
        }
    }

    #[test]
    fn an_array_that_cannot_be_is_an_error() {
        let numbers = [1_u32, 2];
        let odd = numbers.as_ptr().wrapping_byte_add(1);
        for (items, count) in [(ptr::null(), 1), (odd, 1), (numbers.as_ptr(), usize::MAX / 4)] {
            // SAFETY: what is no array is not read.
            let error = unsafe { array(items, count, "numbers") }.unwrap_err();
            assert!(error.message().contains("`numbers`"), "{error}");
        }
        // SAFETY: there are two numbers, and of none nothing is read.
        unsafe {
            assert_eq!(array(numbers.as_ptr(), 2, "numbers").unwrap(), [1, 2]);
            assert!(array(ptr::null::<u32>(), 0, "numbers").unwrap().is_empty());
        }
    }
}
