//! Texts as a model reads them.

use std::ffi::c_char;
use std::ptr;

use super::call::{call, get, run};
use super::control::{control_or_default, eidos_control};
use super::error::eidos_error;
use super::handle::{Handle, handle};
use super::options::{self, options};
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use super::strings::{
    array, borrow_string, check_out, share_handle, texts_of_lengths, write_handle, write_len, write_out,
};
use super::texts::eidos_texts;
use crate::error::{Error, Result};
use crate::text::Inputs;

/// Texts as a model reads them: the texts and their tokens, made once from the tokenizer of a model. They serve for models with
/// that tokenizer, whatever their split points; other models refuse them with `EIDOS_MISMATCH`. They never change: any number of
/// threads may read them at the same time. In memory they take the bytes of the texts and 16 bytes a token. Freed with
/// `eidos_inputs_free`.
#[allow(non_camel_case_types)]
pub struct eidos_inputs {
    _opaque: [u8; 0],
}

handle!(eidos_inputs, Inputs, 10);

/// How texts become inputs. Fill it with `eidos_inputs_options_init` first. Results do not depend on it.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_inputs_options {
    /// The size of this struct, set by `eidos_inputs_options_init`.
    pub struct_size: u32,
    /// How many threads tokenize; 0, the default, is one per core.
    pub threads: u32,
}

options!(eidos_inputs_options, Self { struct_size: size_of::<Self>() as u32, threads: 0 });

/// Fills options with the defaults. `size` is `sizeof(eidos_inputs_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_options_init(options: *mut eidos_inputs_options, size: usize) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe { call(ptr::null_mut(), || options::init(options, size)) }
}

/// Texts as a model reads them. `lengths` says how many bytes each text has, and a NUL is then a character like others; where it
/// is NULL, each text ends at its first NUL. `text_count` is the length of both arrays. `lengths`, `options`, `control` and `err`
/// may be NULL.
///
/// A text is read as far as the model can read it; what is behind costs nothing. A text with 1 MiB in which nothing shows where
/// words end (no letters beside a space, no line break between letters) is `EIDOS_INVALID_ARGUMENT`.
///
/// # Safety
/// The pointers are valid or NULL as said; each text has the bytes that `lengths` says, or ends in a NUL; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_from_texts(
    model: *const eidos_split_model,
    texts: *const *const c_char,
    lengths: *const usize,
    text_count: usize,
    options: *const eidos_inputs_options,
    control: *const eidos_control,
    out: *mut *mut eidos_inputs,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let model = &eidos_split_model::borrow(model)?.model;
            let texts = texts_of_lengths(texts, lengths, text_count, "texts")?;
            let threads = options::read(options)?.threads as usize;
            write_handle(out, model.inputs(&texts, threads, &control_or_default(control)?)?);
            Ok(())
        })
    }
}

/// Texts that were read from a file, as a model reads them. `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_from_texts_handle(
    model: *const eidos_split_model,
    texts: *const eidos_texts,
    options: *const eidos_inputs_options,
    control: *const eidos_control,
    out: *mut *mut eidos_inputs,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let model = &eidos_split_model::borrow(model)?.model;
            let texts: Vec<&str> = eidos_texts::borrow(texts)?.iter().collect();
            let threads = options::read(options)?.threads as usize;
            write_handle(out, model.inputs(&texts, threads, &control_or_default(control)?)?);
            Ok(())
        })
    }
}

/// Texts that are token ids already. The model reads these ids and no others: no special token is added, and more than it was
/// made for are an error. `ids` are those of all sequences, one after the other, and `lengths` says how many each sequence has:
/// `id_count` in all, or it is an error. Each token is a unit, whatever granularity the options of a call name; its string is
/// the vocabulary's own.
///
/// # Safety
/// `model` is a live handle; `ids` has `id_count` numbers and `lengths` `sequence_count`; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_from_token_ids(
    model: *const eidos_split_model,
    ids: *const u32,
    id_count: usize,
    lengths: *const usize,
    sequence_count: usize,
    out: *mut *mut eidos_inputs,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let model = &eidos_split_model::borrow(model)?.model;
            write_handle(out, model.inputs_from_token_ids(&sequences(ids, id_count, lengths, sequence_count)?)?);
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

/// Each entry of the tokenizer's vocabulary, as a sequence of one token. The units are the vocabulary's own strings, whatever
/// granularity the options of a call name.
///
/// # Safety
/// `model` is a live handle; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_from_vocabulary(
    model: *const eidos_split_model,
    out: *mut *mut eidos_inputs,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            write_handle(out, eidos_split_model::borrow(model)?.model.vocabulary_inputs()?);
            Ok(())
        })
    }
}

/// How many texts there are: sequences where they are token ids, entries where they are a vocabulary.
///
/// # Safety
/// `inputs` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_text_count(inputs: *const eidos_inputs) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_inputs::borrow(inputs) }?.text_count()))
}

/// A text, or the string of an entry of the vocabulary; NULL beyond the last, and where there are only token ids. Borrowed from
/// the inputs; `len`, where not NULL, receives the bytes before the last NUL, and tells of a NUL inside the text.
///
/// # Safety
/// `inputs` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_text(
    inputs: *const eidos_inputs,
    index: usize,
    len: *mut usize,
) -> *const c_char {
    get(ptr::null(), || {
        // SAFETY: promised by the caller.
        unsafe {
            write_len(len, 0);
            let text = eidos_inputs::borrow(inputs)?.text_with_nul(index);
            Ok(text.map_or(ptr::null(), |text| borrow_string(text, len)))
        }
    })
}

/// How many tokens all texts have, special ones included: how many rows they have with `EIDOS_GRANULARITY_ALL_TOKENS`.
///
/// # Safety
/// `inputs` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_token_count(inputs: *const eidos_inputs) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_inputs::borrow(inputs) }?.token_count()))
}

/// The token ids of a text, special ones included, cut to what the model can read: `ids` receives a view of them, valid until
/// the inputs are freed, and `count` how many they are.
///
/// # Safety
/// `inputs` is a live handle; `ids` and `count` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_token_ids(
    inputs: *const eidos_inputs,
    index: usize,
    ids: *mut *const u32,
    count: *mut usize,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(ids, "ids")?;
            check_out(count, "count")?;
            let inputs = eidos_inputs::borrow(inputs)?;
            let texts = inputs.text_count();
            if index >= texts {
                return Err(Error::argument(format!("there is no text {index}: the inputs have {texts}"))
                    .hint("count texts from 0"));
            }
            let found = inputs.token_ids(index);
            write_out(ids, found.as_ptr(), "ids")?;
            write_out(count, found.len(), "count")
        })
    }
}

/// How many texts were longer than the model can read and lost their end.
///
/// # Safety
/// `inputs` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_truncated_count(inputs: *const eidos_inputs) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_inputs::borrow(inputs) }?.truncated_count()))
}

/// One more handle of the same inputs, for another owner, who frees it. What was borrowed from one is valid until the
/// last of them is freed.
///
/// # Safety
/// `inputs` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_retain(
    inputs: *const eidos_inputs,
    out: *mut *mut eidos_inputs,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe { call(err, || share_handle(inputs, out)) }
}

/// Frees inputs; NULL is fine.
///
/// # Safety
/// `inputs` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_free(inputs: *mut eidos_inputs) {
    // SAFETY: promised by the caller.
    run(|| unsafe { eidos_inputs::free(inputs) });
}
