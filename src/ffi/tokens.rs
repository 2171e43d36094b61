//! Token ids.

use std::ffi::c_char;
use std::ptr;

use super::activations::eidos_activations;
use super::call::{call, get};
use super::collect::{checked_outputs, eidos_activations_options, write_all};
use super::control::{control_or_default, eidos_control};
use super::error::eidos_error;
use super::handle::Handle;
use super::logits::eidos_logits_options;
use super::options;
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use super::strings::{array, array_mut, borrow_string, check_out, text, write_handle, write_len, write_out};
use crate::error::{Error, Result};
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

/// The activations of texts that are token ids already, at each split point, as `eidos_split_model_activations` gives them with
/// `EIDOS_GRANULARITY_ALL_TOKENS`, whatever granularity `options` name. The model reads these ids and no others: no special
/// token is added, and more than it was made for are an error. `ids` are those of all sequences, one after the other, and
/// `lengths` says how many each sequence has: `id_count` in all, or it is an error.
///
/// The units are the vocabulary's own strings. `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The pointers are valid or NULL as said; `ids` has `id_count` numbers and `lengths` `sequence_count`; `out` can be
/// written `out_count` times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_activations_of_token_ids(
    model: *const eidos_split_model,
    ids: *const u32,
    id_count: usize,
    lengths: *const usize,
    sequence_count: usize,
    options: *const eidos_activations_options,
    control: *const eidos_control,
    out: *mut *mut eidos_activations,
    out_count: usize,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            let model = &eidos_split_model::borrow(model)?.model;
            let outputs = checked_outputs(model, out, out_count)?;
            let sequences = sequences(ids, id_count, lengths, sequence_count)?;
            let options = options::read(options)?.to_rust()?;
            let control = control_or_default(control)?;
            write_all(outputs, model.activations_of_token_ids(&sequences, &options, &control)?);
            Ok(())
        })
    }
}

/// The logits of texts that are token ids already, as `eidos_split_model_logits` gives them; `ids` and `lengths` as for
/// `eidos_split_model_activations_of_token_ids`. `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The pointers are valid or NULL as said; `ids` has `id_count` numbers and `lengths` `sequence_count`; `out` can be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_logits_of_token_ids(
    model: *const eidos_split_model,
    ids: *const u32,
    id_count: usize,
    lengths: *const usize,
    sequence_count: usize,
    options: *const eidos_logits_options,
    control: *const eidos_control,
    out: *mut *mut eidos_activations,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let model = &eidos_split_model::borrow(model)?.model;
            let sequences = sequences(ids, id_count, lengths, sequence_count)?;
            let options = options::read(options)?.to_rust();
            let control = control_or_default(control)?;
            write_handle(out, model.logits_of_token_ids(&sequences, &options, &control)?.into());
            Ok(())
        })
    }
}

/// # Safety
/// `ids` is NULL or has `id_count` numbers, and `lengths` is NULL or has `sequence_count`; both live as long as `'a`.
unsafe fn sequences<'a>(
    ids: *const u32,
    id_count: usize,
    lengths: *const usize,
    sequence_count: usize,
) -> Result<Vec<&'a [u32]>> {
    // SAFETY: promised by the caller.
    let (mut rest, lengths) = unsafe { (array(ids, id_count, "ids")?, array(lengths, sequence_count, "lengths")?) };
    let total = lengths.iter().try_fold(0_usize, |total, &length| total.checked_add(length));
    if total != Some(id_count) {
        let total = total.map_or("more than memory can hold".to_owned(), |total| total.to_string());
        return Err(Error::argument(format!(
            "the `lengths` of the sequences add up to {total}, but `ids` has {id_count}"
        ))
        .hint("give each sequence the number of its ids"));
    }
    Ok(lengths.iter().filter_map(|&length| rest.split_off(..length)).collect())
}
