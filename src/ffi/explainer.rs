//! Explainers: fitted concepts.

use std::ffi::c_char;
use std::path::Path;

use super::activations::{eidos_activations, origin};
use super::arguments::{Array, ArrayMut, Out, Owned, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::handle::handle;
use super::status::eidos_status;
use super::strings::product;
use crate::concepts::{Dictionary, Explainer};
use crate::error::{Error, Result};
use crate::text::StringTable;

/// An explainer holds concepts: it encodes rows of activations into concepts and decodes them back. It never changes:
/// any number of threads may use it at the same time. Made by a fit (`eidos_ica_fit`), by
/// `eidos_explainer_from_dictionary` or `eidos_explainer_open`, freed with `eidos_explainer_free`.
#[allow(non_camel_case_types)]
pub struct eidos_explainer {
    _opaque: [u8; 0],
}

/// An explainer with its strings as C borrows them: the model, the split point, the method, the options, the names of the
/// measures, and the warnings.
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
        explainer.report().warnings.iter().for_each(|warning| strings.push(warning));
        Self { explainer, strings }
    }
}

handle!(eidos_explainer, ExplainerValue, 5);

/// Where the names of the measures begin among the strings.
const FIRST_MEASURE: usize = 4;

/// Counts the concepts of an explainer.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_concept_count(explainer: Ref<eidos_explainer>) -> usize {
    explainer.read(0, |value| value.explainer.concept_count())
}

/// Says how many columns the rows have that an explainer encodes.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_input_width(explainer: Ref<eidos_explainer>) -> usize {
    explainer.read(0, |value| value.explainer.input_width())
}

/// Says how many columns the rows have that an explainer decodes into: those that it encodes, but for a transcoder; 0 where it
/// cannot decode.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_output_width(explainer: Ref<eidos_explainer>) -> usize {
    explainer.read(0, |value| value.explainer.output_width())
}

/// Gives the method that found the concepts of an explainer (`ica`). The string is borrowed from the explainer; `len`
/// may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_method(explainer: Ref<eidos_explainer>, len: Out<usize>) -> *const c_char {
    explainer.string(len, |value| Some(value.strings.get_with_nul(2)))
}

/// Gives the id or folder of the model whose activations an explainer was fitted on; empty for rows that a caller
/// brought. The string is borrowed from the explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_model(explainer: Ref<eidos_explainer>, len: Out<usize>) -> *const c_char {
    explainer.string(len, |value| Some(value.strings.get_with_nul(0)))
}

/// Gives the module path of the split point whose activations an explainer was fitted on; empty for rows that a caller
/// brought. The string is borrowed from the explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_split_point(
    explainer: Ref<eidos_explainer>,
    len: Out<usize>,
) -> *const c_char {
    explainer.string(len, |value| Some(value.strings.get_with_nul(1)))
}

/// Gives the options of the fit of an explainer as a JSON object, with the names that the method's options have in Rust
/// (`{"concept_count": 20, ...}`). The string is borrowed from the explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_options(explainer: Ref<eidos_explainer>, len: Out<usize>) -> *const c_char {
    explainer.string(len, |value| Some(value.strings.get_with_nul(3)))
}

/// Says whether the fit of an explainer ended because nothing changed any more: 0 where the iterations ran out before,
/// 1 for a method that does not iterate.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_converged(explainer: Ref<eidos_explainer>) -> i32 {
    explainer.read(0, |value| i32::from(value.explainer.report().converged.unwrap_or(true)))
}

/// Says how many iterations the fit of an explainer took, the most of any concept where they are found one after the
/// other; 0 for a method that does not iterate.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_step_count(explainer: Ref<eidos_explainer>) -> usize {
    explainer.read(0, |value| value.explainer.report().steps)
}

/// Counts the warnings of the fit of an explainer: that rows were few for the concepts that were asked for, for one. The
/// log has them, too.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_warning_count(explainer: Ref<eidos_explainer>) -> usize {
    explainer.read(0, |value| value.explainer.report().warnings.len())
}

/// Gives a warning of the fit of an explainer by its index, a sentence for people; NULL beyond the last. The string is
/// borrowed from the explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_warning(
    explainer: Ref<eidos_explainer>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    explainer.string(len, |value| {
        let report = value.explainer.report();
        report.warnings.get(index)?;
        Some(value.strings.get_with_nul(FIRST_MEASURE + report.measures.len() + index))
    })
}

/// Counts the measures that the fit of an explainer took: `last_change` of ICA, for one.
///
/// # Safety
/// `explainer` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_measure_count(explainer: Ref<eidos_explainer>) -> usize {
    explainer.read(0, |value| value.explainer.report().measures.len())
}

/// Gives the name of a measure of the fit of an explainer by its index; NULL beyond the last. The string is borrowed
/// from the explainer; `len` may be NULL.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_measure_name(
    explainer: Ref<eidos_explainer>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    explainer.string(len, |value| {
        // Behind the names come the warnings.
        value.explainer.report().measures.get(index)?;
        Some(value.strings.get_with_nul(FIRST_MEASURE + index))
    })
}

/// Gives the numbers of a measure of the fit of an explainer by its index: one, or one for each concept; NULL beyond
/// the last measure. The numbers are borrowed from the explainer; `len`, where not NULL, receives how many there are.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_measure_values(
    explainer: Ref<eidos_explainer>,
    index: usize,
    len: Out<usize>,
) -> *const f64 {
    explainer.numbers(len, |value| {
        let measure = value.explainer.report().measures.get(index);
        measure.map(|measure| measure.values.as_slice()).unwrap_or_default()
    })
}

/// Encodes rows into concepts: `out` receives `row_count * concept_count` values, row-major, and `out_len` is their
/// number. `EIDOS_MISMATCH` for rows of another width than the explainer encodes. `err` may be NULL.
///
/// # Safety
/// `explainer` is a live handle; `rows` has `row_count * column_count` values; `out` can be written `out_len` times.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_encode(
    explainer: Ref<eidos_explainer>,
    rows: Array<f32>,
    row_count: usize,
    column_count: usize,
    mut out: ArrayMut<f32>,
    out_len: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let explainer = &explainer.get()?.explainer;
        check_columns(column_count, explainer.input_width())?;
        let rows = rows.of(product(row_count, column_count)?, "rows")?;
        check_room(out_len, product(row_count, explainer.concept_count())?)?;
        explainer.encode(rows, out.of(out_len, "out")?)
    })
}

/// How many columns rows have that are decoded; where an explainer cannot decode, an error says so after this.
fn output_width(explainer: &Explainer) -> usize {
    if explainer.dictionary().is_empty() { explainer.input_width() } else { explainer.output_width() }
}

/// Decodes concepts back into rows: `out` receives `row_count * output_width` values, row-major, and `out_len` is their
/// number. `EIDOS_MISMATCH` for codes of another number of concepts than the explainer has. `err` may be NULL.
///
/// # Safety
/// `explainer` is a live handle; `codes` has `row_count * concept_count` values; `out` can be written `out_len` times.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_decode(
    explainer: Ref<eidos_explainer>,
    codes: Array<f32>,
    row_count: usize,
    concept_count: usize,
    mut out: ArrayMut<f32>,
    out_len: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let explainer = &explainer.get()?.explainer;
        check_columns(concept_count, explainer.concept_count())?;
        let codes = codes.of(product(row_count, concept_count)?, "codes")?;
        check_room(out_len, product(row_count, output_width(explainer))?)?;
        explainer.decode(codes, out.of(out_len, "out")?)
    })
}

/// Encodes rows and decodes their codes: `out` receives `row_count * output_width` values, row-major, and `out_len` is their
/// number. An explainer that normalises each row reconstructs only so: codes alone do not say how to bring a row back.
/// `EIDOS_MISMATCH` for rows of another width than the explainer encodes. `err` may be NULL.
///
/// # Safety
/// `explainer` is a live handle; `rows` has `row_count * column_count` values; `out` can be written `out_len` times.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_reconstruct(
    explainer: Ref<eidos_explainer>,
    rows: Array<f32>,
    row_count: usize,
    column_count: usize,
    mut out: ArrayMut<f32>,
    out_len: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let explainer = &explainer.get()?.explainer;
        check_columns(column_count, explainer.input_width())?;
        let rows = rows.of(product(row_count, column_count)?, "rows")?;
        check_room(out_len, product(row_count, output_width(explainer))?)?;
        explainer.reconstruct(rows, out.of(out_len, "out")?)
    })
}

/// Gives the dictionary of an explainer: one row per concept, `concept_count * output_width` values, row-major. It is a
/// view without a copy, valid until the explainer is freed. `len`, where not NULL, receives the number of values.
///
/// # Safety
/// `explainer` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_dictionary(explainer: Ref<eidos_explainer>, len: Out<usize>) -> *const f32 {
    explainer.numbers(len, |value| value.explainer.dictionary())
}

/// Makes an explainer of concepts that somebody else has found, as sparse autoencoders and probes have them:
/// `codes = (row - offset) encoder^T + bias`, and `row = codes dictionary + offset`. `dictionary` and `encoder` have
/// `concept_count` rows of `input_width` values; an `encoder` of NULL is the dictionary itself. `bias` has
/// `concept_count` values and `offset` has `input_width`; NULL is nothing. 1 as `rectified` turns codes below zero into
/// zero (ReLU). The arrays are copied. `encoder`, `bias`, `offset` and `err` may be NULL.
///
/// # Safety
/// The arrays have that many values, or are NULL where they may be; `out` can be written.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments, reason = "C has no default arguments")]
pub unsafe extern "C" fn eidos_explainer_from_dictionary(
    dictionary: Array<f32>,
    encoder: Array<f32>,
    bias: Array<f32>,
    offset: Array<f32>,
    concept_count: usize,
    input_width: usize,
    rectified: u32,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let count = product(concept_count, input_width)?;
        let bias = bias.optional(concept_count, "bias")?.unwrap_or_default();
        let offset = offset.optional(input_width, "offset")?.unwrap_or_default();
        let dictionary = dictionary.of(count, "dictionary")?;
        let encoder = encoder.optional(count, "encoder")?.unwrap_or(dictionary);
        let parts = Dictionary {
            bias: bias.to_vec(),
            offset: offset.to_vec(),
            rectified: rectified != 0,
            ..Dictionary::new(dictionary.to_vec(), encoder.to_vec(), input_width)
        };
        out.handle(parts.explainer()?);
        Ok(())
    })
}

/// Writes an explainer to a file, whole or not at all: of several calls that write one at the same time the last one
/// wins. A link stays one, and what it leads to is written; what is there but is not a file (a folder, a pipe, a
/// device) is an error. `err` may be NULL.
///
/// # Safety
/// `explainer` is a live handle; `path` is NUL-terminated.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_save(
    explainer: Ref<eidos_explainer>,
    path: Text,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || explainer.get()?.explainer.save(Path::new(path.get("path")?)))
}

/// Opens an explainer that `eidos_explainer_save` wrote to a file, or a published dictionary by its folder or a file of it, which
/// `eidos_explainer_open_published` opens from a hub as well. `err` may be NULL.
///
/// # Safety
/// `path` is NUL-terminated; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_open(
    path: Text,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        out.handle(Explainer::open(Path::new(path.get("path")?))?);
        Ok(())
    })
}

/// Gives an explainer a scale: makes one with the same concepts that knows how its activations are distributed over these rows, by
/// which `eidos_explain_inputs` judges new ones. A fit does so with its own rows; a caller's dictionary and an explainer from before
/// Eidos kept them have none. `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_calibrate(
    explainer: Ref<eidos_explainer>,
    activations: Ref<eidos_activations>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let (explainer, activations) = (&explainer.get()?.explainer, &activations.get()?.activations);
        out.handle(ExplainerValue::from(explainer.calibrate(activations, &watched(&control)?)?));
        Ok(())
    })
}

/// Says the mean and the standard deviation of a concept's activations over the rows of the fit, or of `eidos_explainer_calibrate`:
/// an error for an explainer that does not know them. `mean`, `deviation` and `err` may be NULL.
///
/// # Safety
/// `explainer` is a live handle; the outputs are NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_moments(
    explainer: Ref<eidos_explainer>,
    concept_index: usize,
    mean: Out<f64>,
    deviation: Out<f64>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let explainer = &explainer.get()?.explainer;
        let distributions =
            explainer.distributions().filter(|known| concept_index < known.concept_count()).ok_or_else(|| {
                Error::argument(format!("how concept {concept_index} is distributed is not known"))
                    .hint("ask for a concept below the concept count, of a fitted or calibrated explainer")
            })?;
        mean.offer(distributions.mean(concept_index));
        deviation.offer(distributions.deviation(concept_index));
        Ok(())
    })
}

/// Makes one more handle of the same explainer, for another owner, who frees it. What was borrowed from one is valid
/// until the last of them is freed. `err` may be NULL.
///
/// # Safety
/// `explainer` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_retain(
    explainer: Ref<eidos_explainer>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || explainer.share(out))
}

/// Frees an explainer; NULL is fine.
///
/// # Safety
/// `explainer` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_free(explainer: Owned<eidos_explainer>) {
    explainer.free();
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
