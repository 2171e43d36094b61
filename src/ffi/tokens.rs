//! The tokens of a text.

use std::ffi::c_char;

use super::arguments::{Array, ArrayMut, Out, Ref, call};
use super::error::eidos_error;
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use super::strings::valid_text;
use crate::error::Result;
use crate::text::{StringTable, Token};

/// Gives the tokens of a text as a model reads them: special ones included, cut to what the model can read. The text has
/// `length` bytes, and a NUL is a character like others. `count` receives how many tokens there are, and each array those of the first `capacity`: the ids, and the first byte and one
/// past the last byte of the text that each stands for, on character boundaries. A special token stands for none: both
/// are the same. Ask with a `capacity` of 0 first to know how many places are needed. `ids`, `begins`, `ends` and `err`
/// may be NULL.
///
/// # Safety
/// `model` is a live handle; `text` has `length` bytes; the arrays are NULL or can be written `capacity` times; `count`
/// can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_tokens(
    model: Ref<eidos_split_model>,
    text: Array<c_char>,
    length: usize,
    mut ids: ArrayMut<u32>,
    mut begins: ArrayMut<u32>,
    mut ends: ArrayMut<u32>,
    capacity: usize,
    count: Out<usize>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let count = count.place("count")?;
        let model = &model.get()?.model;
        let text = valid_text(text.bytes(length, "text")?, "text")?;
        let tokens = model.tokenizer()?.tokens(text)?;
        let written = tokens.len().min(capacity);
        let write = |out: &mut ArrayMut<u32>, name: &str, value: fn(&Token) -> u32| -> Result<()> {
            let places = out.optional(written, name)?.unwrap_or_default();
            places.iter_mut().zip(&tokens).for_each(|(place, token)| *place = value(token));
            Ok(())
        };
        write(&mut ids, "ids", |token| token.id)?;
        write(&mut begins, "begins", |token| token.begin as u32)?;
        write(&mut ends, "ends", |token| token.end as u32)?;
        count.write(tokens.len());
        Ok(())
    })
}

/// Gives the vocabulary's own string of a token id (`Ġfilm`, `##ing`), empty where the vocabulary has none; NULL beyond
/// the model's last id, and for a model that was loaded without its tokenizer. The string is borrowed from the model;
/// `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_token_string(
    model: Ref<eidos_split_model>,
    id: u32,
    len: Out<usize>,
) -> *const c_char {
    model.string(len, |value| {
        let tokenizer = value.model.tokenizer().ok()?;
        let table = || -> StringTable {
            let strings: Vec<String> =
                (0..value.model.vocabulary_size()).map(|id| tokenizer.token(id as u32)).collect();
            strings.iter().map(String::as_str).collect()
        };
        Some(value.vocabulary.get_or_init(table).get_with_nul(id as usize))
    })
}
