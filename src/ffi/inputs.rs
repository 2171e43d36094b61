//! Texts as a model reads them.

use std::ffi::c_char;

use super::arguments::{Array, In, Out, Owned, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::handle::handle;
use super::options::options;
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use super::texts::eidos_texts;
use crate::error::{Error, Result};
use crate::text::Inputs;

/// Inputs are texts as a model reads them: the texts and their tokens, made once from the tokenizer of a model. They
/// serve for models with that tokenizer, whatever their split points; other models refuse them with `EIDOS_MISMATCH`.
/// They never change: any number of threads may read them at the same time. In memory they take the bytes of the texts
/// and 16 bytes a token. Made by `eidos_inputs_from_texts` and the other `eidos_inputs_from_*`, freed with
/// `eidos_inputs_free`.
#[allow(non_camel_case_types)]
pub struct eidos_inputs {
    _opaque: [u8; 0],
}

handle!(eidos_inputs, Inputs, 10);

/// These options say how texts become inputs; results do not depend on them. Fill the struct with
/// `eidos_inputs_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_inputs_options {
    /// This is the size of the struct in bytes, set by `eidos_inputs_options_init`.
    pub struct_size: u32,
    /// This many threads tokenize; 0, the default, is one per core.
    pub threads: u32,
}

options!(eidos_inputs_options, Self { struct_size: size_of::<Self>() as u32, threads: 0 });

/// Fills the options of inputs with the defaults. `size` is `sizeof(eidos_inputs_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_options_init(options: Out<eidos_inputs_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Makes inputs of texts. `lengths` says how many bytes each text has, and a NUL is then a character like others; where
/// it is NULL, each text ends at its first NUL. `text_count` is the length of both arrays. `lengths`, `options`,
/// `control` and `err` may be NULL.
///
/// A text is read as far as the model can read it; what is behind that costs nothing. A text with 1 MiB in which
/// nothing shows where words end (no letters beside a space, no line break between letters) is
/// `EIDOS_INVALID_ARGUMENT`.
///
/// # Safety
/// The pointers are valid or NULL as said; each text has the bytes that `lengths` says, or ends in a NUL; `out` can be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_from_texts(
    model: Ref<eidos_split_model>,
    texts: Array<Text>,
    lengths: Array<usize>,
    text_count: usize,
    options: In<eidos_inputs_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_inputs>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let model = &model.get()?.model;
        let texts = texts.texts_of_lengths(lengths, text_count, "texts")?;
        let threads = options.read()?.threads as usize;
        out.handle(model.inputs(&texts, threads, &watched(&control)?)?);
        Ok(())
    })
}

/// Makes inputs of texts that were read from a file, as `eidos_inputs_from_texts` does of texts in memory. `options`,
/// `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_from_texts_handle(
    model: Ref<eidos_split_model>,
    texts: Ref<eidos_texts>,
    options: In<eidos_inputs_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_inputs>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let model = &model.get()?.model;
        let texts: Vec<&str> = texts.get()?.iter().collect();
        let threads = options.read()?.threads as usize;
        out.handle(model.inputs(&texts, threads, &watched(&control)?)?);
        Ok(())
    })
}

/// Makes inputs of texts that are token ids already. The model reads these ids and no others: no special token is
/// added, and more ids in a sequence than the model was made for are an error. `ids` has the ids of all sequences, one
/// after the other, and `lengths` says how many each of the `sequence_count` sequences has: `id_count` in all, or the
/// call is `EIDOS_INVALID_ARGUMENT`. Each token is a unit, whatever granularity the options of a call name; its string
/// is the vocabulary's own. `err` may be NULL.
///
/// # Safety
/// `model` is a live handle; `ids` has `id_count` numbers and `lengths` `sequence_count`; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_from_token_ids(
    model: Ref<eidos_split_model>,
    ids: Array<u32>,
    id_count: usize,
    lengths: Array<usize>,
    sequence_count: usize,
    out: Out<*mut eidos_inputs>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let model = &model.get()?.model;
        let (ids, lengths) = (ids.of(id_count, "ids")?, lengths.of(sequence_count, "lengths")?);
        out.handle(model.inputs_from_token_ids(&sequences(ids, lengths)?)?);
        Ok(())
    })
}

/// The ids of each sequence, cut from those of all sequences.
fn sequences<'a>(ids: &'a [u32], lengths: &[usize]) -> Result<Vec<&'a [u32]>> {
    let total = lengths.iter().try_fold(0_usize, |total, &length| total.checked_add(length));
    if total != Some(ids.len()) {
        let total = total.map_or("more than memory can hold".to_owned(), |total| total.to_string());
        return Err(Error::argument(format!(
            "the `lengths` of the sequences add up to {total}, but `ids` has {}",
            ids.len()
        ))
        .hint("give each sequence the number of its ids"));
    }
    let mut rest = ids;
    Ok(lengths.iter().filter_map(|&length| rest.split_off(..length)).collect())
}

/// Makes inputs of the vocabulary of a model's tokenizer: each entry is a sequence of one token. The units are the
/// vocabulary's own strings, whatever granularity the options of a call name. Tokens that were added to the tokenizer and
/// for which the model has no embedding are left out: `eidos_activations_left_out_count` says how many. `err` may be NULL.
///
/// # Safety
/// `model` is a live handle; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_from_vocabulary(
    model: Ref<eidos_split_model>,
    out: Out<*mut eidos_inputs>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        out.handle(model.get()?.model.vocabulary_inputs()?);
        Ok(())
    })
}

/// Counts the texts of inputs: sequences where they are token ids, entries where they are a vocabulary.
///
/// # Safety
/// `inputs` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_text_count(inputs: Ref<eidos_inputs>) -> usize {
    inputs.read(0, Inputs::text_count)
}

/// Gives a text of inputs by its index, or the string of an entry of the vocabulary; NULL beyond the last, and where
/// there are only token ids. The string is borrowed from the inputs; `len`, where not NULL, receives the bytes before
/// the last NUL, and tells of a NUL inside the text.
///
/// # Safety
/// `inputs` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_text(inputs: Ref<eidos_inputs>, index: usize, len: Out<usize>) -> *const c_char {
    inputs.string(len, |value| value.text_with_nul(index))
}

/// Counts the tokens of all texts of inputs, special ones included: the rows that they have with
/// `EIDOS_GRANULARITY_ALL_TOKENS`.
///
/// # Safety
/// `inputs` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_token_count(inputs: Ref<eidos_inputs>) -> usize {
    inputs.read(0, Inputs::token_count)
}

/// Gives the token ids of a text of inputs by its index, special ones included, cut to what the model can read: `ids`
/// receives a view of them, valid until the inputs are freed, and `count` how many they are. `EIDOS_INVALID_ARGUMENT`
/// for a text that is not there. `err` may be NULL.
///
/// # Safety
/// `inputs` is a live handle; `ids` and `count` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_token_ids(
    inputs: Ref<eidos_inputs>,
    index: usize,
    ids: Out<*const u32>,
    count: Out<usize>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let ids = ids.place("ids")?;
        let count = count.place("count")?;
        let inputs = inputs.get()?;
        let texts = inputs.text_count();
        if index >= texts {
            return Err(Error::argument(format!("there is no text {index}: the inputs have {texts}"))
                .hint("count texts from 0"));
        }
        let found = inputs.token_ids(index);
        ids.write(found.as_ptr());
        count.write(found.len());
        Ok(())
    })
}

/// Counts the texts of inputs that were longer than the model can read and lost their end.
///
/// # Safety
/// `inputs` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_truncated_count(inputs: Ref<eidos_inputs>) -> usize {
    inputs.read(0, Inputs::truncated_count)
}

/// Makes one more handle of the same inputs, for another owner, who frees it. What was borrowed from one is valid until
/// the last of them is freed. `err` may be NULL.
///
/// # Safety
/// `inputs` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_retain(
    inputs: Ref<eidos_inputs>,
    out: Out<*mut eidos_inputs>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || inputs.share(out))
}

/// Frees inputs; NULL is fine.
///
/// # Safety
/// `inputs` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_inputs_free(inputs: Owned<eidos_inputs>) {
    inputs.free();
}
