//! What concepts mean: the inputs that excite them most.

use std::ffi::c_char;
use std::path::Path;
use std::ptr;

use super::activations::eidos_activations;
use super::arguments::{Array, In, Out, Owned, Ref, Text, call};
use super::collect::eidos_activations_options;
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::handle::handle;
use super::inputs::eidos_inputs;
use super::options::options;
use super::split_model::{EIDOS_DEVICE_CPU, device_choice, eidos_split_model};
use super::status::eidos_status;
use super::strings::choice;
use crate::concepts::Explainer;
use crate::error::{Error, Result};
use crate::interpret::{ConceptInputs, Input, Interpretation, Label, Labelling, Pole, TopInputs};
use crate::text::StringTable;

/// An interpretation says what concepts mean: it lists the inputs that excite each of them. It never changes: any
/// number of threads may read it at the same time. Freed with `eidos_interpretation_free`.
#[allow(non_camel_case_types)]
pub struct eidos_interpretation {
    _opaque: [u8; 0],
}

/// An interpretation with its strings as C borrows them.
pub struct InterpretationValue {
    interpretation: Interpretation,
    /// For each concept, the index in `strings` of its first positive and its first negative input.
    firsts: Vec<[usize; 2]>,
    /// The texts of all inputs, then the texts, errors and prompts of all labels, then the JSON.
    strings: StringTable,
    /// For each concept, the index in `strings` of what its positive and its negative label say.
    labels: Vec<[LabelStrings; 2]>,
}

impl InterpretationValue {
    pub(super) fn new(interpretation: Interpretation) -> Result<Self> {
        let mut strings = StringTable::default();
        let mut firsts = Vec::new();
        for concept in interpretation.concepts() {
            firsts.push([Pole::Positive, Pole::Negative].map(|pole| {
                let first = strings.len();
                concept.pole(pole).iter().for_each(|input| strings.push(&input.text));
                first
            }));
        }
        let mut add = |text: Option<&str>| {
            text.map(|text| {
                strings.push(text);
                strings.len() - 1
            })
        };
        let mut labels = Vec::new();
        for concept in interpretation.concepts() {
            labels.push([Pole::Positive, Pole::Negative].map(|pole| {
                let label = concept.label(pole);
                LabelStrings {
                    text: add(label.and_then(|label| label.text.as_deref())),
                    error: add(label.and_then(|label| label.error.as_ref()).map(|error| error.message.as_str())),
                    prompt: add(label.and_then(|label| label.prompt.as_deref())),
                }
            }));
        }
        strings.push(&interpretation.to_json()?);
        Ok(Self { interpretation, firsts, strings, labels })
    }

    pub(super) fn interpretation(&self) -> &Interpretation {
        &self.interpretation
    }

    pub(super) fn labelling(&self) -> Option<&Labelling> {
        self.interpretation.labelling()
    }

    pub(super) fn label(&self, index: usize, pole: u32) -> Option<&Label> {
        self.concept(index)?.label(pole_of(pole)?)
    }

    pub(super) fn label_text(&self, index: usize, pole: u32) -> Option<&str> {
        self.label_string(index, pole, |strings| strings.text)
    }

    pub(super) fn label_error(&self, index: usize, pole: u32) -> Option<&str> {
        self.label_string(index, pole, |strings| strings.error)
    }

    pub(super) fn label_prompt(&self, index: usize, pole: u32) -> Option<&str> {
        self.label_string(index, pole, |strings| strings.prompt)
    }

    fn label_string(&self, index: usize, pole: u32, of: impl Fn(&LabelStrings) -> Option<usize>) -> Option<&str> {
        let strings = &self.labels.get(index)?[pole_of(pole)? as usize];
        Some(self.strings.get_with_nul(of(strings)?))
    }

    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] when there is no such entry or pole.
    pub(super) fn check_entry(&self, index: usize, pole: u32) -> Result<()> {
        let count = self.interpretation.concepts().len();
        if index >= count || pole_of(pole).is_none() {
            return Err(Error::argument(format!("there is no entry {index} with the pole {pole}"))
                .hint(format!("the interpretation has {count} entries, each with the poles of EIDOS_POLE_*")));
        }
        Ok(())
    }

    fn concept(&self, index: usize) -> Option<&ConceptInputs> {
        self.interpretation.concepts().get(index)
    }

    fn input(&self, index: usize, pole: u32, rank: usize) -> Option<&Input> {
        self.concept(index)?.pole(pole_of(pole)?).get(rank)
    }

    fn text(&self, index: usize, pole: u32, rank: usize) -> Option<&str> {
        self.input(index, pole, rank)?;
        let first = self.firsts.get(index)?[pole_of(pole)? as usize];
        Some(self.strings.get_with_nul(first + rank))
    }
}

/// Where the strings of a label are.
struct LabelStrings {
    text: Option<usize>,
    error: Option<usize>,
    prompt: Option<usize>,
}

fn pole_of(pole: u32) -> Option<Pole> {
    let poles = [(EIDOS_POLE_POSITIVE, Pole::Positive), (EIDOS_POLE_NEGATIVE, Pole::Negative)];
    choice(pole, "pole", &poles).ok()
}

handle!(eidos_interpretation, InterpretationValue, 6);

/// The inputs are those with the largest activations.
///
/// # ABI
/// enumeration Pole = EIDOS_POLE_*: The pole says which end of a concept inputs excite.
pub const EIDOS_POLE_POSITIVE: u32 = 0;
/// The inputs are those with the most negative activations, for concepts that have a sign.
pub const EIDOS_POLE_NEGATIVE: u32 = 1;

/// These options say which inputs an interpretation lists. Fill the struct with `eidos_top_inputs_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_top_inputs_options {
    /// This is the size of the struct in bytes, set by `eidos_top_inputs_options_init`.
    pub struct_size: u32,
    /// 1 also lists the inputs with the most negative activations.
    pub negative_pole: u32,
    /// This many inputs are listed for each concept; fewer where there are fewer. By default 5; 0 is an error.
    pub k: u64,
    /// These concepts are interpreted, in the order wanted; NULL means all.
    pub concepts: Array<usize>,
    /// This is the number of concepts in `concepts`; 0 means all.
    pub concept_count: usize,
    /// The activations are encoded into concepts on this device: one of `EIDOS_DEVICE_*`. By default on the CPU.
    /// Activations that are not on that GPU are copied there in tiles.
    pub device: u32,
    /// They are encoded on this one of several GPUs, from 0.
    pub device_index: u32,
    /// Units with these texts are not listed, in any case and with any white space around them; NULL means none.
    pub stop_units: Array<Text>,
    /// This is the number of strings in `stop_units`.
    pub stop_unit_count: usize,
    /// 1 leaves out units that are nothing but punctuation.
    pub stop_punctuation: u32,
    /// 1 takes texts that differ in their case, or in the white space around them, for the same input; the strongest one is listed.
    pub fold_case: u32,
    /// Inputs that occur less often than this are not listed. By default 1.
    pub least_occurrences: u64,
    /// The passage of an input has up to this many units on each side, within its text; with 0, the default, inputs are listed
    /// without one. It is in the JSON: `"passage": {"text", "begin", "end"}`, the last two in bytes.
    pub context: u64,
}

options!(
    eidos_top_inputs_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        negative_pole: 0,
        k: 5,
        concepts: Array::NULL,
        concept_count: 0,
        device: EIDOS_DEVICE_CPU,
        device_index: 0,
        stop_units: Array::NULL,
        stop_unit_count: 0,
        stop_punctuation: 0,
        fold_case: 0,
        least_occurrences: 1,
        context: 0,
    }
);

impl eidos_top_inputs_options {
    fn to_rust(self) -> Result<TopInputs> {
        let concepts = self.concepts.of(self.concept_count, "concepts")?;
        let stop_units = self.stop_units.texts(self.stop_unit_count, "stop_units")?;
        Ok(TopInputs {
            k: usize::try_from(self.k).unwrap_or(usize::MAX),
            concepts: (!concepts.is_empty()).then(|| concepts.to_vec()),
            negative_pole: self.negative_pole != 0,
            stop_units: stop_units.into_iter().map(str::to_owned).collect(),
            stop_punctuation: self.stop_punctuation != 0,
            fold_case: self.fold_case != 0,
            least_occurrences: usize::try_from(self.least_occurrences).unwrap_or(usize::MAX),
            context: usize::try_from(self.context).unwrap_or(usize::MAX),
            threads: 0,
            device: device_choice(self.device, self.device_index)?,
        })
    }
}

/// Fills the options of top inputs with the defaults. `size` is `sizeof(eidos_top_inputs_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_top_inputs_options_init(
    options: Out<eidos_top_inputs_options>,
    size: usize,
) -> eidos_status {
    options.init(size)
}

/// Lists the inputs that excite each concept of an explainer most, among activations that are there already.
/// Occurrences of the same text count once, with their strongest activation; a list ends before the first activation
/// that is exactly zero, so a dead concept has none. `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_top_inputs_interpret(
    explainer: Ref<eidos_explainer>,
    activations: Ref<eidos_activations>,
    options: In<eidos_top_inputs_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_interpretation>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let explainer = &explainer.get()?.explainer;
        let activations = &activations.get()?.activations;
        let top_inputs = options.read()?.to_rust()?;
        let interpretation = top_inputs.interpret(explainer, activations, &watched(&control)?)?;
        out.handle(InterpretationValue::new(interpretation)?);
        Ok(())
    })
}

/// Lists the inputs that excite each concept of an explainer most, among the units of new texts, of token ids, or of
/// the vocabulary. The model must have the explainer's split point. `options`, `activations_options`, `control` and
/// `err` may be NULL.
///
/// # Safety
/// The handles are live; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_top_inputs_interpret_inputs(
    explainer: Ref<eidos_explainer>,
    model: Ref<eidos_split_model>,
    inputs: Ref<eidos_inputs>,
    options: In<eidos_top_inputs_options>,
    activations_options: In<eidos_activations_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_interpretation>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let explainer = &explainer.get()?.explainer;
        let model = &model.get()?.model;
        let inputs = inputs.get()?;
        let top_inputs = options.read()?.to_rust()?;
        let collect = activations_options.read()?.to_rust()?;
        let control = watched(&control)?;
        let interpretation = top_inputs.interpret_inputs(explainer, model, inputs, &collect, &control)?;
        out.handle(InterpretationValue::new(interpretation)?);
        Ok(())
    })
}

/// Counts the entries of an interpretation: one for each concept that was interpreted.
///
/// # Safety
/// `interpretation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_concept_count(interpretation: Ref<eidos_interpretation>) -> usize {
    interpretation.read(0, |value| value.interpretation.concepts().len())
}

/// Says which concept of the explainer the entry `index` of an interpretation is; `SIZE_MAX` beyond the last.
///
/// # Safety
/// `interpretation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_concept(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
) -> usize {
    interpretation.read(usize::MAX, |value| value.concept(index).map_or(usize::MAX, |concept| concept.concept))
}

/// Counts the inputs that an interpretation lists for its entry `index` at a pole (`EIDOS_POLE_*`); 0 for a dead
/// concept.
///
/// # Safety
/// `interpretation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_size(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
    pole: u32,
) -> usize {
    interpretation
        .read(0, |value| value.concept(index).zip(pole_of(pole)).map_or(0, |(concept, pole)| concept.pole(pole).len()))
}

/// Gives the text of the input of a rank, from 0, of the entry `index` of an interpretation at a pole; NULL beyond the
/// last. The string is borrowed from the interpretation; `len` may be NULL.
///
/// # Safety
/// `interpretation` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_input(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
    pole: u32,
    rank: usize,
    len: Out<usize>,
) -> *const c_char {
    interpretation.string(len, |value| value.text(index, pole, rank))
}

/// Gives the activation of the input of a rank of the entry `index` of an interpretation at a pole; NaN beyond the
/// last.
///
/// # Safety
/// `interpretation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_activation(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
    pole: u32,
    rank: usize,
) -> f32 {
    interpretation.read(f32::NAN, |value| value.input(index, pole, rank).map_or(f32::NAN, |input| input.activation))
}

/// Gives the row of the activations where the input of a rank of the entry `index` of an interpretation has its
/// activation; `SIZE_MAX` beyond the last.
///
/// # Safety
/// `interpretation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_row(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
    pole: u32,
    rank: usize,
) -> usize {
    interpretation.read(usize::MAX, |value| value.input(index, pole, rank).map_or(usize::MAX, |input| input.row))
}

/// Gives a whole interpretation as JSON: `{"format", "version", "model", "split_point", "granularity", "aggregation",
/// "concepts": [{"concept", "positive": [{"text", "activation", "row"}], "negative": [...]}]}`; with labels also
/// `"labelling": {"model", "usage"}` and, in each concept, `"positive_label": {"text", "score", "error"}`. The string
/// is borrowed from the interpretation; `len` may be NULL.
///
/// # Safety
/// `interpretation` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_json(
    interpretation: Ref<eidos_interpretation>,
    len: Out<usize>,
) -> *const c_char {
    interpretation.string(len, |value| Some(value.strings.get_with_nul(value.strings.len() - 1)))
}

/// Writes an interpretation to a JSON file, as `eidos_explainer_save` writes an explainer. `err` may be NULL.
///
/// # Safety
/// `interpretation` is a live handle; `path` is NUL-terminated.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_save(
    interpretation: Ref<eidos_interpretation>,
    path: Text,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || interpretation.get()?.interpretation.save(Path::new(path.get("path")?)))
}

/// Opens an interpretation that `eidos_interpretation_save` wrote to a file, or that of an explainer which
/// `eidos_explainer_save_interpreted` wrote with it. `err` may be NULL.
///
/// # Safety
/// `path` is NUL-terminated; `out` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_open(
    path: Text,
    out: Out<*mut eidos_interpretation>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let interpretation = Interpretation::open(Path::new(path.get("path")?))?;
        out.handle(InterpretationValue::new(interpretation)?);
        Ok(())
    })
}

/// Writes an explainer and what its concepts mean, labels and all, to one file, as `eidos_explainer_save` writes an explainer alone.
/// `eidos_explainer_open_interpreted` opens both, `eidos_explainer_open` and `eidos_interpretation_open` one of them.
/// `EIDOS_MISMATCH` for an interpretation with a concept that the explainer does not have. `interpretation`, where there is none,
/// and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `path` is NUL-terminated.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_save_interpreted(
    explainer: Ref<eidos_explainer>,
    interpretation: Ref<eidos_interpretation>,
    path: Text,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let interpretation = interpretation.optional()?.map(InterpretationValue::interpretation);
        explainer.get()?.explainer.save_with(interpretation, Path::new(path.get("path")?))
    })
}

/// Opens an explainer as `eidos_explainer_open` does, and what its concepts mean where its file says it: otherwise `interpretation`
/// becomes NULL. Where that part of a file is damaged, `eidos_explainer_open` still opens the explainer. `err` may be NULL.
///
/// # Safety
/// `path` is NUL-terminated; `out` and `interpretation` can be written.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explainer_open_interpreted(
    path: Text,
    out: Out<*mut eidos_explainer>,
    interpretation: Out<*mut eidos_interpretation>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let (out, place) = (out.place("out")?, interpretation.place("interpretation")?);
        let (explainer, interpretation) = Explainer::open_with(Path::new(path.get("path")?))?;
        match interpretation.map(InterpretationValue::new).transpose()? {
            Some(interpretation) => place.handle(interpretation),
            None => place.write(ptr::null_mut()),
        }
        out.handle(explainer);
        Ok(())
    })
}

/// Makes one more handle of the same interpretation, for another owner, who frees it. What was borrowed from one is
/// valid until the last of them is freed. `err` may be NULL.
///
/// # Safety
/// `interpretation` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_retain(
    interpretation: Ref<eidos_interpretation>,
    out: Out<*mut eidos_interpretation>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || interpretation.share(out))
}

/// Frees an interpretation; NULL is fine.
///
/// # Safety
/// `interpretation` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_free(interpretation: Owned<eidos_interpretation>) {
    interpretation.free();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_top_inputs_options::DEFAULT.to_rust().unwrap(), TopInputs::default());
    }
}
