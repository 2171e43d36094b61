//! Strings and arrays across the boundary.

use std::ffi::{CStr, c_char};
use std::ptr;

use super::handle::Handle;
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
    valid(unsafe { CStr::from_ptr(string) }.to_bytes(), name).map(Some)
}

/// An array of strings; NULL is fine when the count is 0.
///
/// # Safety
/// `strings` is NULL or points to `count` pointers as [`text`] wants them.
pub(super) unsafe fn texts<'a>(strings: *const *const c_char, count: usize, name: &str) -> Result<Vec<&'a str>> {
    // SAFETY: promised by the caller.
    let pointers = unsafe { array(strings, count, name) }?;
    let item = |(index, &string): (usize, &*const c_char)| {
        // SAFETY: promised by the caller.
        unsafe { text(string, &format!("{name}[{index}]")) }
    };
    pointers.iter().enumerate().map(item).collect()
}

/// An array of strings that may have a length each: as [`texts`] where `lengths` is NULL.
///
/// # Safety
/// `strings` is NULL or points to `count` pointers, which are as [`text`] wants them or have the bytes that `lengths` says;
/// `lengths` is NULL or has `count` values.
pub(super) unsafe fn texts_of_lengths<'a>(
    strings: *const *const c_char,
    lengths: *const usize,
    count: usize,
    name: &str,
) -> Result<Vec<&'a str>> {
    if lengths.is_null() {
        // SAFETY: promised by the caller.
        return unsafe { texts(strings, count, name) };
    }
    // SAFETY: promised by the caller.
    let (pointers, lengths) = unsafe { (array(strings, count, name)?, array(lengths, count, "lengths")?) };
    let item = |(index, (&string, &length)): (usize, (&*const c_char, &usize))| {
        // SAFETY: promised by the caller.
        unsafe { text_of_length(string, length, &format!("{name}[{index}]")) }
    };
    pointers.iter().zip(lengths).enumerate().map(item).collect()
}

/// A string argument of so many bytes, which must be valid UTF-8 and may have a NUL inside.
///
/// # Safety
/// `string` is NULL or has `length` bytes that live as long as `'a`.
pub(super) unsafe fn text_of_length<'a>(string: *const c_char, length: usize, name: &str) -> Result<&'a str> {
    // SAFETY: promised by the caller.
    valid(unsafe { array(string.cast::<u8>(), length, name) }?, name)
}

fn valid<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str> {
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

/// Writes an output, which must not be NULL.
///
/// # Safety
/// `out` is NULL or can be written.
pub(super) unsafe fn write_out<T>(out: *mut T, value: T, name: &str) -> Result<()> {
    check_out(out, name)?;
    // SAFETY: promised by the caller.
    unsafe { out.write(value) };
    Ok(())
}

/// An error for an output that is NULL; for a check before long work.
pub(super) fn check_out<T>(out: *mut T, name: &str) -> Result<()> {
    if out.is_null() {
        return Err(Error::argument(format!("`{name}` is NULL"))
            .hint("pass the address of a variable that receives the result"));
    }
    Ok(())
}

/// Makes a handle of `value` and writes it; the output was checked before.
///
/// # Safety
/// `out` can be written.
pub(super) unsafe fn write_handle<H: Handle>(out: *mut *mut H, value: H::Value) {
    // SAFETY: promised by the caller.
    unsafe { out.write(H::into_raw(value)) };
}

/// Writes one more handle of the same value.
///
/// # Safety
/// `handle` is a live handle; `out` is NULL or can be written.
pub(super) unsafe fn share_handle<H: Handle>(handle: *const H, out: *mut *mut H) -> Result<()> {
    // SAFETY: promised by the caller.
    unsafe {
        check_out(out, "out")?;
        out.write(H::share(handle)?);
    }
    Ok(())
}

/// A string that ends in a NUL, as a borrowed pointer and its length without the NUL.
///
/// # Safety
/// `len` is NULL or can be written.
pub(super) unsafe fn borrow_string(with_nul: &str, len: *mut usize) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { write_len(len, with_nul.len().saturating_sub(1)) };
    if with_nul.is_empty() { ptr::null() } else { with_nul.as_ptr().cast() }
}

/// # Safety
/// `len` is NULL or can be written.
pub(super) unsafe fn write_len(len: *mut usize, value: usize) {
    if !len.is_null() {
        // SAFETY: promised by the caller.
        unsafe { len.write(value) };
    }
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
    use super::*;

    #[test]
    fn a_text_that_is_not_utf_8_is_named_with_its_byte() {
        let wrong = c"caf\xe9";
        // SAFETY: the array has two strings, which live on.
        let error = unsafe { texts([c"film".as_ptr(), wrong.as_ptr()].as_ptr(), 2, "texts") }.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().contains("`texts[1]`") && error.message().contains("byte 3"), "{error}");
        // SAFETY: as above.
        let read = unsafe { texts([c"film".as_ptr(), c"".as_ptr()].as_ptr(), 2, "texts") }.unwrap();
        assert_eq!(read, ["film", ""]);
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

    #[test]
    fn a_borrowed_string_has_its_length_without_the_nul() {
        let mut length = 7;
        // SAFETY: the length can be written, and the string is read while it lives.
        unsafe {
            let text = borrow_string("film\0", &raw mut length);
            assert_eq!((CStr::from_ptr(text), length), (c"film", 4));
            assert!(borrow_string("", &raw mut length).is_null());
        }
        assert_eq!(length, 0);
    }
}
