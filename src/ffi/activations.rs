//! Activations.

use std::ffi::c_char;
use std::path::Path;

use super::arguments::{Array, ArrayMut, DlpackTensor, Out, Owned, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::dlpack::{self, DLManagedTensorVersioned};
use super::error::eidos_error;
use super::handle::handle;
use super::status::eidos_status;
use super::strings::product;
use crate::error::{Error, ErrorCode, Result};
use crate::memory::copied;
use crate::rows::{Activations, Provenance, Rows};
use crate::text::StringTable;

/// Activations are a matrix, one row per unit of text, with what each row stands for. They never change: any number of
/// threads may read them at the same time. Made by `eidos_split_model_activations`, `eidos_activations_from_rows` or
/// `eidos_activations_open`, freed with `eidos_activations_free`.
#[allow(non_camel_case_types)]
pub struct eidos_activations {
    _opaque: [u8; 0],
}

/// Activations with their strings as C borrows them.
pub struct ActivationsValue {
    pub(super) activations: Activations,
    /// The model and the split point, empty where there is none, and the filters as JSON.
    origin: StringTable,
}

impl From<Activations> for ActivationsValue {
    fn from(activations: Activations) -> Self {
        let mut origin = origin(activations.provenance());
        // A struct of plain fields is JSON always.
        let filters = serde_json::to_string(&activations.provenance().filters);
        origin.push(&filters.unwrap_or_default());
        Self { activations, origin }
    }
}

/// The model and the split point of a provenance, empty where there is none.
pub(super) fn origin(provenance: &Provenance) -> StringTable {
    let strings = [provenance.model.as_deref(), provenance.split_point.as_deref()];
    strings.into_iter().map(Option::unwrap_or_default).collect()
}

handle!(eidos_activations, ActivationsValue, 4);

/// Makes activations of a caller's own row-major matrix of `row_count * column_count` values, which is copied.
/// `unit_texts` names each row: `unit_text_count` is the row count, or 0 for rows without names. `err` may be NULL.
///
/// # Safety
/// `rows` has `row_count * column_count` values; `unit_texts` is NULL or has `unit_text_count` strings; `out` can be
/// written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_from_rows(
    rows: Array<f32>,
    row_count: usize,
    column_count: usize,
    unit_texts: Array<Text>,
    unit_text_count: usize,
    out: Out<*mut eidos_activations>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let values = rows.of(product(row_count, column_count)?, "rows")?;
        let units = optional_units(&unit_texts, unit_text_count)?;
        let values = copied(values).ok_or_else(|| {
            let message = format!("there is no memory for {row_count} rows of {column_count} columns");
            Error::new(ErrorCode::OutOfMemory, message)
                .hint("give fewer rows, or lend them through DLPack, which copies nothing")
        })?;
        out.handle(Activations::from_rows(values, column_count, units.as_deref())?);
        Ok(())
    })
}

/// The names of rows; `None` where there are none.
fn optional_units(unit_texts: &Array<Text>, count: usize) -> Result<Option<Vec<&str>>> {
    if count == 0 { Ok(None) } else { unit_texts.texts(count, "unit_texts").map(Some) }
}

/// Makes activations of a DLPack tensor, version 1, of shape (rows, columns), 32-bit floats, contiguous, on the CPU
/// (`kDLCPU`) or on an NVIDIA GPU (`kDLCUDA`). Rows on the CPU are not copied; where their memory is a mapped file, a
/// program that cuts that file ends the process. Rows on a GPU are copied within it, where they stay for fits and
/// encoding, and the deleter runs before the call returns; whatever writes them must have ended, so synchronise its
/// stream first. On success the tensor belongs to the activations, which run its deleter in the end; on an error it still
/// belongs to the caller. A GPU that is not there, or a build without CUDA, is `EIDOS_DEVICE`.
///
/// `unit_texts` names each row: `unit_text_count` is the row count, or 0 for rows without names. `err` may be NULL.
///
/// # Safety
/// `tensor` is a valid `DLManagedTensorVersioned` of `dlpack.h`; `unit_texts` is NULL or has `unit_text_count` strings;
/// `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_from_dlpack(
    tensor: DlpackTensor,
    unit_texts: Array<Text>,
    unit_text_count: usize,
    out: Out<*mut eidos_activations>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let checked = tensor.checked()?;
        let units = optional_units(&unit_texts, unit_text_count)?;
        out.handle(checked.take(units.as_deref())?);
        Ok(())
    })
}

/// Gives the rows of activations as a read-only DLPack tensor, version 1, without a copy: on the CPU (`kDLCPU`), or where
/// they stay on an NVIDIA GPU there (`kDLCUDA`). All work on them is done when the call returns, so that any stream may
/// read them. The caller runs its deleter, once its own work on the GPU is done; the rows stay alive until then, even when
/// the activations are freed before. Rows in several shards on disk cannot be one tensor: that is an error. `err` may be
/// NULL.
///
/// # Safety
/// `activations` is a live handle; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_to_dlpack(
    activations: Ref<eidos_activations>,
    out: Out<*mut DLManagedTensorVersioned>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        out.write(dlpack::export(&activations.get()?.activations)?);
        Ok(())
    })
}

/// Counts the rows of activations: one per unit.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_row_count(activations: Ref<eidos_activations>) -> usize {
    activations.read(0, |value| value.activations.row_count())
}

/// Counts the columns of activations: the width of the module's output.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_column_count(activations: Ref<eidos_activations>) -> usize {
    activations.read(0, |value| value.activations.column_count())
}

/// Counts the texts of activations that were longer than the model can read and lost their end.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_truncated_count(activations: Ref<eidos_activations>) -> usize {
    activations.read(0, |value| value.activations.truncated_count())
}

/// `stop_units` of the options named the unit.
///
/// # ABI
/// enumeration Filter = EIDOS_FILTER_*: Why units have no row.
pub const EIDOS_FILTER_STOP_UNITS: u32 = 1;
/// The unit is a piece of a contraction, which `stop_contractions` of the options left out.
pub const EIDOS_FILTER_STOP_CONTRACTIONS: u32 = 2;
/// The unit is nothing but punctuation, which `stop_punctuation` of the options left out.
pub const EIDOS_FILTER_STOP_PUNCTUATION: u32 = 3;
/// The unit is nothing but the first position of its text, which `skip_first_position` of the options left out.
pub const EIDOS_FILTER_FIRST_POSITION: u32 = 4;
/// The row was far longer than others, and `eidos_activations_without_high_norms` left it out.
pub const EIDOS_FILTER_HIGH_NORM: u32 = 5;
/// The unit is an entry of a vocabulary that the model has no embedding for.
pub const EIDOS_FILTER_NO_EMBEDDING: u32 = 6;

/// Counts the units that have no row in activations for one reason: `filter` is one of `EIDOS_FILTER_*`. 0 for another
/// number.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_left_out_by(activations: Ref<eidos_activations>, filter: u32) -> usize {
    activations.read(0, |value| {
        let left_out = value.activations.left_out();
        match filter {
            EIDOS_FILTER_STOP_UNITS => left_out.stop_units,
            EIDOS_FILTER_STOP_CONTRACTIONS => left_out.stop_contractions,
            EIDOS_FILTER_STOP_PUNCTUATION => left_out.stop_punctuation,
            EIDOS_FILTER_FIRST_POSITION => left_out.first_position,
            EIDOS_FILTER_HIGH_NORM => left_out.high_norm,
            EIDOS_FILTER_NO_EMBEDDING => left_out.no_embedding,
            _ => 0,
        }
    })
}

/// Gives the filters that left units of activations without a row, as a JSON object with the names that they have in
/// Rust (`{"stop_punctuation":true,"max_norm_multiple":10.0}`); `{}` for none. The string is borrowed from the
/// activations; `len` may be NULL.
///
/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_filters(
    activations: Ref<eidos_activations>,
    len: Out<usize>,
) -> *const c_char {
    activations.string(len, |value| Some(value.origin.get_with_nul(2)))
}

/// Makes activations of the same rows without those whose norm is more than `max_multiple` times the median of all
/// rows' norms. Some models give one token in hundreds a row of a thousand times the length of others; a fit finds such
/// rows instead of concepts, and they lead every list of inputs. A `max_multiple` of 10 leaves out these and little
/// else. Which rows are left out does not depend on their order, on shards or on threads. Of rows that are spread over
/// processes it is the median of all of them, and each process must make this call.
///
/// Rows on disk are not copied; rows in memory or on a device are, where one of them is left out. The log says how many
/// they are, and so does `eidos_activations_left_out_by`. `EIDOS_INVALID_ARGUMENT` for a multiple below 1;
/// `EIDOS_INVALID_DATA` for a number that is not finite, and where half of the rows are zero. `control` and `err` may be
/// NULL.
///
/// # Safety
/// `activations` is a live handle; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_without_high_norms(
    activations: Ref<eidos_activations>,
    max_multiple: f64,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_activations>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let activations = &activations.get()?.activations;
        out.handle(activations.without_high_norms(max_multiple, 0, &watched(&control)?)?);
        Ok(())
    })
}

/// Counts the units that have no row in activations, for whatever reason: `eidos_activations_left_out_by` says for which.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_left_out_count(activations: Ref<eidos_activations>) -> usize {
    activations.read(0, |value| value.activations.left_out_count())
}

/// Counts the texts that activations were collected from; 0 for rows that a caller brought.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_text_count(activations: Ref<eidos_activations>) -> usize {
    activations.read(0, |value| value.activations.texts().len())
}

/// Says whether the rows of activations are memory-mapped from shards on disk: 1 when they are, 0 when they are in
/// memory.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_is_on_disk(activations: Ref<eidos_activations>) -> i32 {
    activations.read(0, |value| i32::from(value.activations.is_on_disk()))
}

/// Says whether the rows of activations are in the memory of a device: 1 when they are, 0 when they are on the host or on
/// disk. The first view of such rows (`eidos_activations_rows`, `eidos_activations_run`) copies all of them to the host,
/// where they stay until the activations are freed; `eidos_activations_copy_rows` brings only those that are asked for.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_is_on_device(activations: Ref<eidos_activations>) -> i32 {
    activations.read(0, |value| i32::from(value.activations.is_on_device()))
}

/// Says what one row of activations stands for: one of `EIDOS_GRANULARITY_*`, or 0 for rows that a caller brought.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_granularity(activations: Ref<eidos_activations>) -> u32 {
    activations.read(0, |value| value.activations.provenance().granularity.map_or(0, |granularity| granularity as u32))
}

/// Says where a word ended when activations were collected: `EIDOS_WORD_RULE_TOKENIZER` or `EIDOS_WORD_RULE_UNICODE`,
/// or 0 where rows do not stand for words or come from before there was a choice.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_word_rule(activations: Ref<eidos_activations>) -> u32 {
    activations.read(0, |value| value.activations.provenance().word_rule.map_or(0, |rule| rule as u32))
}

/// Says how the tokens of a unit became one row of activations: one of `EIDOS_AGGREGATION_*`, or 0 for rows that a
/// caller brought.
///
/// # Safety
/// `activations` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_aggregation(activations: Ref<eidos_activations>) -> u32 {
    activations.read(0, |value| value.activations.provenance().aggregation.map_or(0, |aggregation| aggregation as u32))
}

/// Gives the id or folder of the model that activations were collected from; empty for rows that a caller brought. The
/// string is borrowed from the activations; `len` may be NULL.
///
/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_model(
    activations: Ref<eidos_activations>,
    len: Out<usize>,
) -> *const c_char {
    activations.string(len, |value| Some(value.origin.get_with_nul(0)))
}

/// Gives the module path of the split point that activations were collected at; empty for rows that a caller brought.
/// The string is borrowed from the activations; `len` may be NULL.
///
/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_split_point(
    activations: Ref<eidos_activations>,
    len: Out<usize>,
) -> *const c_char {
    activations.string(len, |value| Some(value.origin.get_with_nul(1)))
}

/// Gives a view of `count` rows of activations from row `first`, row-major, without a copy, valid until the activations
/// are freed. Rows that lie in two shards on disk cannot be one view, which is an error: see `eidos_activations_run`.
/// `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_rows(
    activations: Ref<eidos_activations>,
    first: usize,
    count: usize,
    out: Out<*const f32>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let rows = activations.get()?.activations.rows(first, count)?;
        out.write(rows.as_ptr());
        Ok(())
    })
}

/// Gives the rows of activations from row `first` on that lie in one piece of memory, at least one: `rows` receives a
/// view of them, row-major, without a copy, valid until the activations are freed, and `count` how many they are. In
/// memory these are all rows from `first` on; on disk, those up to the end of a shard. To see all rows, go on behind
/// them until `first + count` is the row count. A row that is not there is an error. `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `rows` and `count` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_run(
    activations: Ref<eidos_activations>,
    first: usize,
    rows: Out<*const f32>,
    count: Out<usize>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let rows = rows.place("rows")?;
        let count = count.place("count")?;
        let activations = &activations.get()?.activations;
        // The message that every reader of rows gives.
        activations.rows(first, 1)?;
        let run = activations.run(first);
        rows.write(run.as_ptr());
        count.write(run.len() / activations.column_count());
        Ok(())
    })
}

/// Copies `count` rows of activations from row `first` to `out`, row-major, wherever they lie. `out_len` is the number
/// of values that `out` has room for: `count * column_count`. `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `out` can be written `out_len` times.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_copy_rows(
    activations: Ref<eidos_activations>,
    first: usize,
    count: usize,
    mut out: ArrayMut<f32>,
    out_len: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let activations = &activations.get()?.activations;
        let out = out.of(out_len, "out")?;
        let columns = activations.column_count();
        let wanted = product(count, columns)?;
        if out_len != wanted {
            return Err(Error::argument(format!(
                "`out` has room for {out_len} values, but {count} rows have {wanted}"
            ))
            .hint("pass count * column_count values"));
        }
        activations.copy_rows(first, out)
    })
}

/// Gives the text of the unit of a row of activations (`" film"`); NULL beyond the last row and for rows without unit
/// texts. The string is borrowed from the activations; `len`, where not NULL, receives the bytes before the NUL, and
/// tells of a NUL inside the text.
///
/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_unit(
    activations: Ref<eidos_activations>,
    row: usize,
    len: Out<usize>,
) -> *const c_char {
    activations.string(len, |value| {
        let units = value.activations.units()?;
        let index = *units.string_indices().get(row)?;
        Some(units.strings().get_with_nul(index as usize))
    })
}

/// Says where the unit of a row of activations stands: the index of its text, and the first byte and one past the last
/// byte of the unit in that text's UTF-8, both on character boundaries. Rows that a caller brought have no spans: that
/// is an error. `text_index`, `begin`, `end` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; the outputs are NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_unit_span(
    activations: Ref<eidos_activations>,
    row: usize,
    text_index: Out<usize>,
    begin: Out<usize>,
    end: Out<usize>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let activations = &activations.get()?.activations;
        let span = activations.unit_span(row).ok_or_else(|| {
            Error::argument(format!("row {row} has no span in a text"))
                .hint("ask for a row below the row count, of activations that were collected from texts")
        })?;
        for (out, value) in [(text_index, span.text_index), (begin, span.begin), (end, span.end)] {
            out.offer(value);
        }
        Ok(())
    })
}

/// Gives a text that activations were collected from, by its index; NULL beyond the last. The string is borrowed from
/// the activations; `len` may be NULL.
///
/// # Safety
/// `activations` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_text(
    activations: Ref<eidos_activations>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    activations.string(len, |value| Some(value.activations.texts().get_with_nul(index)))
}

/// Writes activations to a folder, which is made where missing: shards, units and texts, and a manifest last. While
/// another call writes into the folder, of this process or another one, the call is `EIDOS_BUSY`; a folder of somebody
/// else's files is `EIDOS_MISMATCH`. `control` and `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `folder` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_save(
    activations: Ref<eidos_activations>,
    folder: Text,
    control: Ref<eidos_control>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let activations = &activations.get()?.activations;
        activations.save(Path::new(folder.get("folder")?), &watched(&control)?)
    })
}

/// Opens activations in a folder that `eidos_activations_save` or a collection into a folder wrote. Rows are
/// memory-mapped: a program that cuts one of the files while they are in use ends the process, by SIGBUS where there
/// are signals. `err` may be NULL.
///
/// # Safety
/// `folder` is NUL-terminated; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_open(
    folder: Text,
    out: Out<*mut eidos_activations>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        out.handle(Activations::open(Path::new(folder.get("folder")?))?);
        Ok(())
    })
}

/// Opens activations as `eidos_activations_open` does, with the rows read into memory (4 bytes a value) instead of
/// mapped: what happens to the files afterwards does not matter, and all rows are one view. `err` may be NULL.
///
/// # Safety
/// `folder` is NUL-terminated; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_open_copy(
    folder: Text,
    out: Out<*mut eidos_activations>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        out.handle(Activations::open_copy(Path::new(folder.get("folder")?))?);
        Ok(())
    })
}

/// Makes one more handle of the same activations, for another owner, who frees it. What was borrowed from one is valid
/// until the last of them is freed. `err` may be NULL.
///
/// # Safety
/// `activations` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_retain(
    activations: Ref<eidos_activations>,
    out: Out<*mut eidos_activations>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || activations.share(out))
}

/// Frees activations; NULL is fine. Views of their rows and borrowed strings end here; DLPack tensors live on.
///
/// # Safety
/// `activations` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_activations_free(activations: Owned<eidos_activations>) {
    activations.free();
}
