//! Explainers: fitted concepts.

use std::ffi::c_char;
use std::path::Path;
use std::ptr;

use super::activations::origin;
use super::call::{call, get, run};
use super::error::eidos_error;
use super::handle::{Handle, handle};
use super::status::eidos_status;
use super::strings::{
    array, array_mut, borrow_string, check_out, product, share_handle, text, write_handle, write_len,
};
use crate::concepts::{Dictionary, Explainer};
use crate::error::{Error, Result};
use crate::text::StringTable;

/// Concepts that were fitted on activations: it encodes rows into concepts and decodes them back. It never changes: any
/// number of threads may use it at the same time. Freed with `eidos_explainer_free`.
#[allow(non_camel_case_types)]
pub struct eidos_explainer {
    _opaque: [u8; 0],
}

/// An explainer with its strings as C borrows them: the model, the split point, the method, the options, and the names of the
/// measures.
pub struct ExplainerValue {
    pub(super) explainer: Explainer,
    strings: StringTable,
}

impl From<Explainer> for ExplainerValue {
    fn from(explainer: Explainer) -> Self {
        let mut strings = origin(explainer.provenance());
        strings.push(explainer.method());
        strings.push(&explainer.options().to_string());
        explainer.report().measures.iter().for_each(|measure| strings.push(&measure.name));
        Self { explainer, strings }
    }
}

handle!(eidos_explainer, ExplainerValue, 5);

/// Where the names of the measures begin among the strings.
const FIRST_MEASURE: usize = 4;

/// How many concepts there are.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_concept_count(explainer: *const eidos_explainer) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_explainer::borrow(explainer) }?.explainer.concept_count()))
}

/// How many columns the rows have that it encodes.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_input_width(explainer: *const eidos_explainer) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_explainer::borrow(explainer) }?.explainer.input_width()))
}

/// The method that found the concepts (`ica`). Borrowed from the explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_method(explainer: *const eidos_explainer, len: *mut usize) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(explainer, 2, len) }
}

/// The id or folder of the model that the activations came from; empty for rows that a caller brought. Borrowed from the
/// explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_model(explainer: *const eidos_explainer, len: *mut usize) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(explainer, 0, len) }
}

/// The module path of the split point that the activations came from; empty for rows that a caller brought. Borrowed from
/// the explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_split_point(
    explainer: *const eidos_explainer,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(explainer, 1, len) }
}

/// The options of the fit as a JSON object, with the names that the method's options have in Rust (`{"concept_count": 20, ...}`).
/// Borrowed from the explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_options(explainer: *const eidos_explainer, len: *mut usize) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(explainer, 3, len) }
}

/// Whether the fit ended because nothing changed any more: 0 where the iterations ran out before, 1 for a method that does not
/// iterate.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_converged(explainer: *const eidos_explainer) -> i32 {
    get(0, || {
        // SAFETY: promised by the caller.
        let explainer = &unsafe { eidos_explainer::borrow(explainer) }?.explainer;
        Ok(i32::from(explainer.report().converged.unwrap_or(true)))
    })
}

/// How many iterations the fit took, the most of any concept where they are found one after the other; 0 for a method that does
/// not iterate.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_step_count(explainer: *const eidos_explainer) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_explainer::borrow(explainer) }?.explainer.report().steps))
}

/// How many measures the fit has taken: `last_change` of ICA, for one.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_measure_count(explainer: *const eidos_explainer) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_explainer::borrow(explainer) }?.explainer.report().measures.len()))
}

/// The name of a measure of the fit; NULL beyond the last one. Borrowed from the explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_measure_name(
    explainer: *const eidos_explainer,
    index: usize,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: promised by the caller.
    unsafe { string(explainer, FIRST_MEASURE.saturating_add(index), len) }
}

/// The numbers of a measure of the fit: one, or one for each concept; NULL beyond the last measure. Borrowed from the
/// explainer; `len`, where not NULL, receives how many there are.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_measure_values(
    explainer: *const eidos_explainer,
    index: usize,
    len: *mut usize,
) -> *const f64 {
    get(ptr::null(), || {
        // SAFETY: promised by the caller.
        unsafe {
            write_len(len, 0);
            let measures = &eidos_explainer::borrow(explainer)?.explainer.report().measures;
            let values = measures.get(index).map(|measure| measure.values.as_slice()).unwrap_or_default();
            write_len(len, values.len());
            Ok(if values.is_empty() { ptr::null() } else { values.as_ptr() })
        }
    })
}

/// Encodes rows into concepts: `out` receives `row_count * concept_count` values, row-major, and `out_len` is their number.
///
/// # Safety
/// `explainer` is a live handle; `rows` has `row_count * column_count` values; `out` can be written `out_len` times.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_encode(
    explainer: *const eidos_explainer,
    rows: *const f32,
    row_count: usize,
    column_count: usize,
    out: *mut f32,
    out_len: usize,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            let explainer = &eidos_explainer::borrow(explainer)?.explainer;
            check_columns(column_count, explainer.input_width())?;
            let rows = array(rows, product(row_count, column_count)?, "rows")?;
            check_room(out_len, product(row_count, explainer.concept_count())?)?;
            explainer.encode(rows, array_mut(out, out_len, "out")?)
        })
    }
}

/// Decodes concepts back into rows: `out` receives `row_count * input_width` values, row-major, and `out_len` is their
/// number.
///
/// # Safety
/// `explainer` is a live handle; `codes` has `row_count * concept_count` values; `out` can be written `out_len` times.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_decode(
    explainer: *const eidos_explainer,
    codes: *const f32,
    row_count: usize,
    concept_count: usize,
    out: *mut f32,
    out_len: usize,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            let explainer = &eidos_explainer::borrow(explainer)?.explainer;
            check_columns(concept_count, explainer.concept_count())?;
            let codes = array(codes, product(row_count, concept_count)?, "codes")?;
            check_room(out_len, product(row_count, explainer.input_width())?)?;
            explainer.decode(codes, array_mut(out, out_len, "out")?)
        })
    }
}

/// The dictionary: one row per concept, `concept_count * input_width` values, row-major. A view without a copy, valid until
/// the explainer is freed. `len`, where not NULL, receives the number of values.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_dictionary(explainer: *const eidos_explainer, len: *mut usize) -> *const f32 {
    get(ptr::null(), || {
        // SAFETY: promised by the caller.
        unsafe {
            write_len(len, 0);
            let dictionary = eidos_explainer::borrow(explainer)?.explainer.dictionary();
            write_len(len, dictionary.len());
            Ok(dictionary.as_ptr())
        }
    })
}

/// An explainer of concepts that somebody else has found, as sparse autoencoders and probes have them:
/// `codes = (row - offset) encoder^T + bias`, and `row = codes dictionary + offset`. `dictionary` and `encoder` have
/// `concept_count` rows of `input_width` values; an `encoder` of NULL is the dictionary itself. `bias` has `concept_count`
/// values and `offset` has `input_width`; NULL is nothing. 1 as `rectified` turns codes below zero into zero (ReLU). The arrays
/// are copied. `encoder`, `bias`, `offset` and `err` may be NULL.
///
/// # Safety
/// The arrays have that many values, or are NULL where they may be; `out` can be written.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "C has no default arguments")]
pub unsafe extern "C" fn eidos_explainer_from_dictionary(
    dictionary: *const f32,
    encoder: *const f32,
    bias: *const f32,
    offset: *const f32,
    concept_count: usize,
    input_width: usize,
    rectified: u32,
    out: *mut *mut eidos_explainer,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let count = product(concept_count, input_width)?;
            let optional = |values: *const f32, count: usize, name: &str| {
                if values.is_null() { Ok(Vec::new()) } else { array(values, count, name).map(<[f32]>::to_vec) }
            };
            let encoder = if encoder.is_null() { dictionary } else { encoder };
            let parts = Dictionary {
                bias: optional(bias, concept_count, "bias")?,
                offset: optional(offset, input_width, "offset")?,
                rectified: rectified != 0,
                ..Dictionary::new(
                    array(dictionary, count, "dictionary")?.to_vec(),
                    array(encoder, count, "encoder")?.to_vec(),
                    input_width,
                )
            };
            write_handle(out, parts.explainer()?.into());
            Ok(())
        })
    }
}

/// Writes the explainer to a file, whole or not at all: of several calls that write one at the same time the last one wins. A
/// link stays one, and what it leads to is written; what is there but is not a file (a folder, a pipe, a device) is an error.
///
/// # Safety
/// `explainer` is a live handle; `path` is NUL-terminated.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_save(
    explainer: *const eidos_explainer,
    path: *const c_char,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe { call(err, || eidos_explainer::borrow(explainer)?.explainer.save(Path::new(text(path, "path")?))) }
}

/// Opens a file that `eidos_explainer_save` wrote.
///
/// # Safety
/// `path` is NUL-terminated; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_open(
    path: *const c_char,
    out: *mut *mut eidos_explainer,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            write_handle(out, Explainer::open(Path::new(text(path, "path")?))?.into());
            Ok(())
        })
    }
}

/// One more handle of the same explainer, for another owner, who frees it. What was borrowed from one is valid until
/// the last of them is freed.
///
/// # Safety
/// `explainer` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_retain(
    explainer: *const eidos_explainer,
    out: *mut *mut eidos_explainer,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe { call(err, || share_handle(explainer, out)) }
}

/// Frees an explainer; NULL is fine.
///
/// # Safety
/// `explainer` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_free(explainer: *mut eidos_explainer) {
    // SAFETY: promised by the caller.
    run(|| unsafe { eidos_explainer::free(explainer) });
}

fn check_columns(found: usize, wanted: usize) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(Error::new(
        crate::ErrorCode::Mismatch,
        format!("the explainer reads rows of {wanted} columns, but these have {found}"),
    )
    .hint("use rows of the model and split point that the explainer was fitted on"))
}

fn check_room(found: usize, wanted: usize) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(Error::argument(format!("`out` has room for {found} values, but the result has {wanted}"))
        .hint("pass an array of exactly that many values"))
}

/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
unsafe fn string(explainer: *const eidos_explainer, index: usize, len: *mut usize) -> *const c_char {
    get(ptr::null(), || {
        // SAFETY: promised by the caller.
        unsafe {
            write_len(len, 0);
            Ok(borrow_string(eidos_explainer::borrow(explainer)?.strings.get_with_nul(index), len))
        }
    })
}
