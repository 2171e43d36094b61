//! Activations.

use std::ffi::c_char;
use std::path::Path;
use std::ptr;

use super::call::{call, get, run};
use super::control::{control_or_default, eidos_control};
use super::dlpack::{self, DLManagedTensorVersioned};
use super::error::eidos_error;
use super::handle::{Handle, handle};
use super::status::eidos_status;
use super::strings::{
    array, array_mut, borrow_string, check_out, product, share_handle, text, texts, write_handle, write_len, write_out,
};
use crate::error::{Error, ErrorCode, Result};
use crate::memory::copied;
use crate::rows::{Activations, Provenance, Rows, check_unit_count};
use crate::text::StringTable;

/// A matrix of activations, one row per unit of text, with what each row stands for. It never changes: any number of
/// threads may read it at the same time. Freed with `eidos_activations_free`.
#[allow(non_camel_case_types)]
pub struct eidos_activations {
    _opaque: [u8; 0],
}

/// Activations with their strings as C borrows them.
pub struct ActivationsValue {
    pub(super) activations: Activations,
    /// The model and the split point; empty where there is none.
    origin: StringTable,
}

impl From<Activations> for ActivationsValue {
    fn from(activations: Activations) -> Self {
        Self { origin: origin(activations.provenance()), activations }
    }
}

/// The model and the split point of a provenance, empty where there is none.
pub(super) fn origin(provenance: &Provenance) -> StringTable {
    let strings = [provenance.model.as_deref(), provenance.split_point.as_deref()];
    strings.into_iter().map(Option::unwrap_or_default).collect()
}

handle!(eidos_activations, ActivationsValue, 4);

/// Activations from a caller's own row-major matrix, which is copied. `unit_texts` names each row: `unit_text_count` is the row
/// count, or 0 for rows without names.
///
/// # Safety
/// `rows` has `row_count * column_count` values; `unit_texts` is NULL or has `unit_text_count` strings; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_from_rows(
    rows: *const f32,
    row_count: usize,
    column_count: usize,
    unit_texts: *const *const c_char,
    unit_text_count: usize,
    out: *mut *mut eidos_activations,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let values = array(rows, product(row_count, column_count)?, "rows")?;
            let units = optional_units(unit_texts, unit_text_count)?;
            let values = copied(values).ok_or_else(|| {
                let message = format!("there is no memory for {row_count} rows of {column_count} columns");
                Error::new(ErrorCode::OutOfMemory, message)
                    .hint("give fewer rows, or lend them through DLPack, which copies nothing")
            })?;
            write_handle(out, Activations::from_rows(values, column_count, units.as_deref())?.into());
            Ok(())
        })
    }
}

/// # Safety
/// `unit_texts` is NULL or has `count` strings.
unsafe fn optional_units<'a>(unit_texts: *const *const c_char, count: usize) -> Result<Option<Vec<&'a str>>> {
    // SAFETY: promised by the caller.
    if count == 0 { Ok(None) } else { unsafe { texts(unit_texts, count, "unit_texts") }.map(Some) }
}

/// Activations from a DLPack tensor, version 1, of shape (rows, columns), 32-bit floats, contiguous, on the CPU: without a
/// copy. Where its memory is a mapped file, a program that cuts that file ends the process. On success the tensor belongs to
/// the activations, which run its deleter in the end; on an error it is still the caller's. `unit_texts` names each row:
/// `unit_text_count` is the row count, or 0 for rows without names.
///
/// # Safety
/// `tensor` is a valid `DLManagedTensorVersioned` of `dlpack.h`; `unit_texts` is NULL or has `unit_text_count` strings; `out`
/// can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_from_dlpack(
    tensor: *mut DLManagedTensorVersioned,
    unit_texts: *const *const c_char,
    unit_text_count: usize,
    out: *mut *mut eidos_activations,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let checked = dlpack::check(tensor)?;
            let units = optional_units(unit_texts, unit_text_count)?;
            // Before the tensor is taken: after an error it is still the caller's.
            check_unit_count(checked.rows, units.as_deref())?;
            write_handle(out, Activations::from_foreign(checked.take(), checked.columns, units.as_deref())?.into());
            Ok(())
        })
    }
}

/// The rows as a read-only DLPack tensor, version 1, without a copy. The caller runs its deleter; the rows stay alive until
/// then, even when the activations are freed before. Rows in several shards on disk cannot be one tensor: an error.
///
/// # Safety
/// `activations` is a live handle; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_to_dlpack(
    activations: *const eidos_activations,
    out: *mut *mut DLManagedTensorVersioned,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            write_out(out, dlpack::export(&eidos_activations::borrow(activations)?.activations)?, "out")
        })
    }
}

/// How many rows there are: one per unit.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_row_count(activations: *const eidos_activations) -> usize {
    // SAFETY: promised by the caller.
    unsafe { number(activations, Activations::row_count) }
}

/// How many columns there are: the width of the module's output.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_column_count(activations: *const eidos_activations) -> usize {
    // SAFETY: promised by the caller.
    unsafe { number(activations, Activations::column_count) }
}

/// How many texts were longer than the model can read and lost their end.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_truncated_count(activations: *const eidos_activations) -> usize {
    // SAFETY: promised by the caller.
    unsafe { number(activations, Activations::truncated_count) }
}

/// How many units got no row because `stop_units` or `stop_contractions` of the options name them.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_left_out_count(activations: *const eidos_activations) -> usize {
    // SAFETY: promised by the caller.
    unsafe { number(activations, Activations::left_out_count) }
}

/// How many texts the activations were collected from; 0 for rows that a caller brought.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_text_count(activations: *const eidos_activations) -> usize {
    // SAFETY: promised by the caller.
    unsafe { number(activations, |activations| activations.texts().len()) }
}

/// 1 when the rows are memory-mapped from shards on disk, 0 when they are in memory.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_is_on_disk(activations: *const eidos_activations) -> i32 {
    // SAFETY: promised by the caller.
    i32::from(unsafe { number(activations, |activations| usize::from(activations.is_on_disk())) } == 1)
}

/// What one row stands for: one of `EIDOS_GRANULARITY_*`, or 0 for rows that a caller brought.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_granularity(activations: *const eidos_activations) -> u32 {
    let code =
        |activations: &Activations| activations.provenance().granularity.map_or(0, |granularity| granularity as usize);
    // SAFETY: promised by the caller.
    unsafe { number(activations, code) as u32 }
}

/// Where a word ended: `EIDOS_WORD_RULE_TOKENIZER` or `EIDOS_WORD_RULE_UNICODE`, or 0 where rows do not stand for words or come
/// from before there was a choice.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_word_rule(activations: *const eidos_activations) -> u32 {
    let code = |activations: &Activations| activations.provenance().word_rule.map_or(0, |rule| rule as usize);
    // SAFETY: promised by the caller.
    unsafe { number(activations, code) as u32 }
}

/// How the tokens of a unit became one row: one of `EIDOS_AGGREGATION_*`, or 0 for rows that a caller brought.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_aggregation(activations: *const eidos_activations) -> u32 {
    let code =
        |activations: &Activations| activations.provenance().aggregation.map_or(0, |aggregation| aggregation as usize);
    // SAFETY: promised by the caller.
    unsafe { number(activations, code) as u32 }
}

/// The id or folder of the model; empty for rows that a caller brought. Borrowed from the activations; `len` may be NULL.
///
/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_model(
    activations: *const eidos_activations,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(activations, len, |value| Some(value.origin.get_with_nul(0))) }
}

/// The module path of the split point; empty for rows that a caller brought. Borrowed from the activations; `len` may be
/// NULL.
///
/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_split_point(
    activations: *const eidos_activations,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(activations, len, |value| Some(value.origin.get_with_nul(1))) }
}

/// A view of `count` rows from row `first`, row-major, without a copy, valid until the activations are freed. Rows that lie
/// in two shards on disk cannot be one view: see `eidos_activations_run`.
///
/// # Safety
/// `activations` is a live handle; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_rows(
    activations: *const eidos_activations,
    first: usize,
    count: usize,
    out: *mut *const f32,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let rows = eidos_activations::borrow(activations)?.activations.rows(first, count)?;
            write_out(out, rows.as_ptr(), "out")
        })
    }
}

/// The rows from row `first` on that lie in one piece of memory, at least one: `rows` receives a view of them, row-major, without
/// a copy, valid until the activations are freed, and `count` how many they are. In memory these are all rows from `first` on; on
/// disk, those up to the end of a shard. To see all rows, go on at `first + count` until that is the row count. A row that is not
/// there is an error.
///
/// # Safety
/// `activations` is a live handle; `rows` and `count` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_run(
    activations: *const eidos_activations,
    first: usize,
    rows: *mut *const f32,
    count: *mut usize,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(rows, "rows")?;
            check_out(count, "count")?;
            let activations = &eidos_activations::borrow(activations)?.activations;
            // The message that every reader of rows gives.
            activations.rows(first, 1)?;
            let run = activations.run(first);
            write_out(rows, run.as_ptr(), "rows")?;
            write_out(count, run.len() / activations.column_count(), "count")
        })
    }
}

/// Copies `count` rows from row `first` to `out`, row-major, wherever they lie. `out_len` is the number of values that `out`
/// has room for: `count * column_count`.
///
/// # Safety
/// `activations` is a live handle; `out` can be written `out_len` times.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_copy_rows(
    activations: *const eidos_activations,
    first: usize,
    count: usize,
    out: *mut f32,
    out_len: usize,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            let activations = &eidos_activations::borrow(activations)?.activations;
            let out = array_mut(out, out_len, "out")?;
            let columns = activations.column_count();
            let wanted = product(count, columns)?;
            if out_len != wanted {
                return Err(Error::argument(format!(
                    "`out` has room for {out_len} values, but {count} rows have {wanted}"
                ))
                .hint("pass count * column_count values"));
            }
            let in_range = first.checked_add(count).is_some_and(|end| end <= activations.row_count());
            if !in_range {
                // The message that every reader of rows gives.
                return activations.rows(first, count).map(|_| ());
            }
            let mut done = 0;
            while done < wanted {
                let run = activations.run(first + done / columns);
                let take = run.len().min(wanted - done);
                out[done..done + take].copy_from_slice(&run[..take]);
                done += take;
            }
            Ok(())
        })
    }
}

/// The text of a row's unit (`" film"`); NULL beyond the last row and for rows without unit texts. Borrowed from the
/// activations; `len`, where not NULL, receives the bytes before the NUL, and tells of a NUL inside the text.
///
/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_unit(
    activations: *const eidos_activations,
    row: usize,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe {
        string(activations, len, |value| {
            let units = value.activations.units()?;
            let index = *units.string_indices().get(row)?;
            Some(units.strings().get_with_nul(index as usize))
        })
    }
}

/// Where a row's unit stands: the index of its text, and the first byte and one past the last byte of the unit in that
/// text's UTF-8, both on character boundaries. `text_index`, `begin` and `end` may be NULL. Rows that a caller brought have
/// no spans: an error.
///
/// # Safety
/// `activations` is a live handle; the outputs are NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_unit_span(
    activations: *const eidos_activations,
    row: usize,
    text_index: *mut usize,
    begin: *mut usize,
    end: *mut usize,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            let activations = &eidos_activations::borrow(activations)?.activations;
            let span = activations.unit_span(row).ok_or_else(|| {
                Error::argument(format!("row {row} has no span in a text"))
                    .hint("ask for a row below the row count, of activations that were collected from texts")
            })?;
            for (out, value) in [(text_index, span.text_index), (begin, span.begin), (end, span.end)] {
                write_len(out, value);
            }
            Ok(())
        })
    }
}

/// A text that the activations were collected from; NULL beyond the last. Borrowed from the activations; `len` may be NULL.
///
/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_text(
    activations: *const eidos_activations,
    index: usize,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(activations, len, |value| Some(value.activations.texts().get_with_nul(index))) }
}

/// Writes the activations to a folder, which is made where missing: shards, units and texts, and a manifest last. While
/// another call writes into it, of this process or another one, this is `EIDOS_BUSY`; a folder of somebody else's files is
/// `EIDOS_MISMATCH`. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `folder` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_save(
    activations: *const eidos_activations,
    folder: *const c_char,
    control: *const eidos_control,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            let activations = &eidos_activations::borrow(activations)?.activations;
            activations.save(Path::new(text(folder, "folder")?), &control_or_default(control)?)
        })
    }
}

/// Opens a folder that `eidos_activations_save` or a collection into a folder wrote. Rows are memory-mapped: a program that
/// cuts one of the files while they are in use ends the process, by SIGBUS where there are signals.
///
/// # Safety
/// `folder` is NUL-terminated; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_open(
    folder: *const c_char,
    out: *mut *mut eidos_activations,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            write_handle(out, Activations::open(Path::new(text(folder, "folder")?))?.into());
            Ok(())
        })
    }
}

/// Opens a folder as `eidos_activations_open` does, with the rows read into memory (4 bytes a value) instead of mapped: what
/// happens to the files afterwards does not matter, and all rows are one view.
///
/// # Safety
/// `folder` is NUL-terminated; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_open_copy(
    folder: *const c_char,
    out: *mut *mut eidos_activations,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            write_handle(out, Activations::open_copy(Path::new(text(folder, "folder")?))?.into());
            Ok(())
        })
    }
}

/// One more handle of the same activations, for another owner, who frees it. What was borrowed from one is valid until
/// the last of them is freed.
///
/// # Safety
/// `activations` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_retain(
    activations: *const eidos_activations,
    out: *mut *mut eidos_activations,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe { call(err, || share_handle(activations, out)) }
}

/// Frees activations; NULL is fine. Views of their rows and borrowed strings end here; DLPack tensors live on.
///
/// # Safety
/// `activations` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_free(activations: *mut eidos_activations) {
    // SAFETY: promised by the caller.
    run(|| unsafe { eidos_activations::free(activations) });
}

/// # Safety
/// `activations` is NULL or a live handle.
unsafe fn number(activations: *const eidos_activations, read: impl FnOnce(&Activations) -> usize) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(read(&unsafe { eidos_activations::borrow(activations) }?.activations)))
}

/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
unsafe fn string<'a>(
    activations: *const eidos_activations,
    len: *mut usize,
    find: impl FnOnce(&'a ActivationsValue) -> Option<&'a str>,
) -> *const c_char {
    get(ptr::null(), || {
        // SAFETY: promised by the caller.
        unsafe {
            write_len(len, 0);
            let value = eidos_activations::borrow(activations)?;
            Ok(find(value).map_or(ptr::null(), |string| borrow_string(string, len)))
        }
    })
}
