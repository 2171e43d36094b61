//! The tokens of a text.

use std::ffi::c_char;
use std::ptr;

use super::call::{call, get};
use super::error::eidos_error;
use super::handle::Handle;
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use super::strings::{array_mut, borrow_string, check_out, text, write_len, write_out};
use crate::error::Result;
use crate::text::StringTable;

/// The tokens of a text as the model reads them: special ones included, cut to what the model can read. `count` receives how
/// many there are, and each array those of the first `capacity`: the ids, and the first byte and one past the last byte of the
/// text that each stands for, on character boundaries. A special token stands for none: both are the same. Ask with a
/// `capacity` of 0 first to know how many places are needed. `ids`, `begins` and `ends` may be NULL.
///
/// # Safety
/// `model` is a live handle; `text` is NUL-terminated; the arrays are NULL or can be written `capacity` times; `count` can be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_tokens(
    model: *const eidos_split_model,
    text: *const c_char,
    ids: *mut u32,
    begins: *mut u32,
    ends: *mut u32,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(count, "count")?;
            let model = &eidos_split_model::borrow(model)?.model;
            let tokens = model.tokenizer()?.tokens(self::text(text, "text")?)?;
            let written = tokens.len().min(capacity);
            let write = |out: *mut u32, name: &str, values: &mut dyn Iterator<Item = u32>| -> Result<()> {
                if !out.is_null() {
                    array_mut(out, written, name)?.iter_mut().zip(values).for_each(|(out, value)| *out = value);
                }
                Ok(())
            };
            write(ids, "ids", &mut tokens.iter().map(|token| token.id))?;
            write(begins, "begins", &mut tokens.iter().map(|token| token.begin as u32))?;
            write(ends, "ends", &mut tokens.iter().map(|token| token.end as u32))?;
            write_out(count, tokens.len(), "count")
        })
    }
}

/// The vocabulary's own string of a token id (`Ġfilm`, `##ing`), empty where the vocabulary has none; NULL beyond the model's
/// last id, and for a model that was loaded without its tokenizer. Borrowed from the model; `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_token_string(
    model: *const eidos_split_model,
    id: u32,
    len: *mut usize,
) -> *const c_char {
    get(ptr::null(), || {
        // SAFETY: promised by the caller.
        unsafe {
            write_len(len, 0);
            let value = eidos_split_model::borrow(model)?;
            let tokenizer = value.model.tokenizer()?;
            let table = || -> StringTable {
                let strings: Vec<String> =
                    (0..value.model.vocabulary_size()).map(|id| tokenizer.token(id as u32)).collect();
                strings.iter().map(String::as_str).collect()
            };
            Ok(borrow_string(value.vocabulary.get_or_init(table).get_with_nul(id as usize), len))
        }
    })
}
