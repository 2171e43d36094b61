//! Errors as handles.

use std::ffi::c_char;
use std::ptr;

use super::call::{get, run};
use super::handle::{Handle, handle};
use super::status::{EIDOS_INVALID_HANDLE, eidos_status};
use super::strings::{borrow_string, write_len};
use crate::error::Error;
use crate::text::StringTable;

/// An error says why a call failed: a code, a message that names the thing, a hint that names the remedy, and the facts
/// as details. The caller owns it and frees it with `eidos_error_free`.
#[allow(non_camel_case_types)]
pub struct eidos_error {
    _opaque: [u8; 0],
}

/// An error with its strings as C borrows them: the message, the hint, then key and value of each detail.
pub struct ErrorValue {
    pub(super) error: Error,
    strings: StringTable,
}

impl From<Error> for ErrorValue {
    fn from(error: Error) -> Self {
        let mut strings = StringTable::default();
        strings.push(error.message());
        strings.push(error.hint_text());
        for (key, value) in error.details() {
            strings.push(key);
            strings.push(value);
        }
        Self { error, strings }
    }
}

handle!(eidos_error, ErrorValue, 1);

/// Gives the status of an error, the same that the call returned; `EIDOS_INVALID_HANDLE` for NULL and what is no error.
///
/// # Safety
/// `error` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_status(error: *const eidos_error) -> eidos_status {
    // SAFETY: promised by the caller.
    get(EIDOS_INVALID_HANDLE, || Ok(unsafe { eidos_error::borrow(error) }?.error.code() as eidos_status))
}

/// Gives the message of an error: what is wrong, naming the thing. The string is borrowed from the error; `len`, where
/// not NULL, receives the bytes before the NUL.
///
/// # Safety
/// `error` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_message(error: *const eidos_error, len: *mut usize) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(error, 0, len) }
}

/// Gives the hint of an error: what to do, as an imperative phrase; empty when there is nothing to say. The string is
/// borrowed from the error; `len` may be NULL.
///
/// # Safety
/// `error` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_hint(error: *const eidos_error, len: *mut usize) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(error, 1, len) }
}

/// Counts the details of an error.
///
/// # Safety
/// `error` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_detail_count(error: *const eidos_error) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_error::borrow(error) }?.error.details().len()))
}

/// Gives the name of a detail of an error (`path`, `row`); NULL beyond the last. The string is borrowed from the error;
/// `len` may be NULL.
///
/// # Safety
/// `error` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_detail_key(
    error: *const eidos_error,
    index: usize,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(error, index.saturating_mul(2).saturating_add(2), len) }
}

/// Gives the value of a detail of an error; NULL beyond the last. The string is borrowed from the error; `len` may be
/// NULL.
///
/// # Safety
/// `error` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_detail_value(
    error: *const eidos_error,
    index: usize,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(error, index.saturating_mul(2).saturating_add(3), len) }
}

/// Frees an error; NULL is fine.
///
/// # Safety
/// `error` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_free(error: *mut eidos_error) {
    // SAFETY: promised by the caller.
    run(|| unsafe { eidos_error::free(error) });
}

/// # Safety
/// As the functions above.
unsafe fn string(error: *const eidos_error, index: usize, len: *mut usize) -> *const c_char {
    get(ptr::null(), || {
        // SAFETY: promised by the caller.
        let value = unsafe { eidos_error::borrow(error) }?;
        if index >= value.strings.len() {
            // SAFETY: promised by the caller.
            unsafe { write_len(len, 0) };
            return Ok(ptr::null());
        }
        // SAFETY: promised by the caller.
        Ok(unsafe { borrow_string(value.strings.get_with_nul(index), len) })
    })
}
