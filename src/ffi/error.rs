//! Errors as handles.

use std::ffi::c_char;

use super::arguments::{Out, Owned, Ref};
use super::handle::handle;
use super::status::{EIDOS_INVALID_HANDLE, eidos_status};
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

impl ErrorValue {
    fn string(&self, index: usize) -> Option<&str> {
        (index < self.strings.len()).then(|| self.strings.get_with_nul(index))
    }
}

handle!(eidos_error, ErrorValue, 1);

/// Gives the status of an error, the same that the call returned; `EIDOS_INVALID_HANDLE` for NULL and what is no error.
///
/// # Safety
/// `error` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_status(error: Ref<eidos_error>) -> eidos_status {
    error.read(EIDOS_INVALID_HANDLE, |value| value.error.code() as eidos_status)
}

/// Gives the message of an error: what is wrong, naming the thing. The string is borrowed from the error; `len`, where
/// not NULL, receives the bytes before the NUL.
///
/// # Safety
/// `error` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_message(error: Ref<eidos_error>, len: Out<usize>) -> *const c_char {
    error.string(len, |value| value.string(0))
}

/// Gives the hint of an error: what to do, as an imperative phrase; empty when there is nothing to say. The string is
/// borrowed from the error; `len` may be NULL.
///
/// # Safety
/// `error` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_hint(error: Ref<eidos_error>, len: Out<usize>) -> *const c_char {
    error.string(len, |value| value.string(1))
}

/// Counts the details of an error.
///
/// # Safety
/// `error` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_detail_count(error: Ref<eidos_error>) -> usize {
    error.read(0, |value| value.error.details().len())
}

/// Gives the name of a detail of an error (`path`, `row`); NULL beyond the last. The string is borrowed from the error;
/// `len` may be NULL.
///
/// # Safety
/// `error` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_detail_key(
    error: Ref<eidos_error>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    error.string(len, |value| value.string(index.saturating_mul(2).saturating_add(2)))
}

/// Gives the value of a detail of an error; NULL beyond the last. The string is borrowed from the error; `len` may be
/// NULL.
///
/// # Safety
/// `error` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_detail_value(
    error: Ref<eidos_error>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    error.string(len, |value| value.string(index.saturating_mul(2).saturating_add(3)))
}

/// Frees an error; NULL is fine.
///
/// # Safety
/// `error` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_error_free(error: Owned<eidos_error>) {
    error.free();
}
