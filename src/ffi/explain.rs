//! Which concepts fire on the units of texts.

use std::ffi::c_char;

use super::activations::eidos_activations;
use super::arguments::{In, Out, Owned, Ref, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::handle::handle;
use super::inputs::eidos_inputs;
use super::interpretation::{EIDOS_POLE_NEGATIVE, EIDOS_POLE_POSITIVE, InterpretationValue, eidos_interpretation};
use super::options::options;
use super::output::output;
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use crate::error::{Error, Result};
use crate::interpret::{Explain, Explanation, Firing, Pole};
use crate::text::StringTable;

/// An explanation says which concepts fire on each unit of some texts. It never changes: any number of threads may read it at the
/// same time. Freed with `eidos_explanation_free`.
#[allow(non_camel_case_types)]
pub struct eidos_explanation {
    _opaque: [u8; 0],
}

/// An explanation with its strings as C borrows them: the texts, those of the units, the names of the poles of the concepts that
/// fire, and the JSON.
pub struct ExplanationValue {
    explanation: Explanation,
    strings: StringTable,
    /// The concepts that fire, ascending, and where the names of their poles are.
    names: Vec<(usize, [Option<usize>; 2])>,
}

impl ExplanationValue {
    fn new(explanation: Explanation) -> Result<Self> {
        let mut strings = StringTable::default();
        let texts = explanation.texts();
        (0..texts.len()).for_each(|text| strings.push(texts.get(text)));
        explanation.units().iter().for_each(|unit| strings.push(&unit.text));
        let mut name = |concept, pole| {
            let name = explanation.name(concept, pole)?;
            strings.push(&name.to_string());
            Some(strings.len() - 1)
        };
        let poles = [Pole::Positive, Pole::Negative];
        let names = explanation.concepts().map(|concept| (concept, poles.map(|pole| name(concept, pole)))).collect();
        strings.push(&explanation.to_json()?);
        Ok(Self { explanation, strings, names })
    }

    pub(super) fn explanation(&self) -> &Explanation {
        &self.explanation
    }

    fn name(&self, concept: usize, pole: u32) -> Option<&str> {
        let place = self.names.binary_search_by_key(&concept, |(concept, _)| *concept).ok()?;
        let pole = [EIDOS_POLE_POSITIVE, EIDOS_POLE_NEGATIVE].iter().position(|known| *known == pole)?;
        Some(self.strings.get_with_nul(self.names[place].1[pole]?))
    }
}

handle!(eidos_explanation, ExplanationValue, 14);

/// These options say which concepts fire. Fill the struct with `eidos_explain_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_explain_options {
    /// This is the size of the struct in bytes, set by `eidos_explain_options_init`.
    pub struct_size: u32,
    /// 1 lets concepts fire at their negative pole, too: with activations that far below the mean.
    pub negative_pole: u32,
    /// This many concepts are listed for each unit; fewer where fewer fire. By default 5; 0 is an error.
    pub k: u64,
    /// An activation fires from this many of the concept's standard deviations on, counted from its mean over the rows of the
    /// fit. By default 2.
    pub least_deviations: f64,
    /// This many threads run the model and encode; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// This must be 0.
    pub reserved: u32,
}

options!(
    eidos_explain_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        negative_pole: 0,
        k: 5,
        least_deviations: 2.0,
        threads: 0,
        reserved: 0
    }
);

impl eidos_explain_options {
    fn to_rust(self) -> Explain {
        Explain {
            k: usize::try_from(self.k).unwrap_or(usize::MAX),
            least_deviations: self.least_deviations as f32,
            negative_pole: self.negative_pole != 0,
            threads: self.threads as usize,
        }
    }
}

/// Fills the options of explanations with the defaults. `size` is `sizeof(eidos_explain_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explain_options_init(options: Out<eidos_explain_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Says which concepts of an explainer fire on each unit of new inputs, strongest first. The rows of the units are collected at the
/// explainer's split point, with the granularity and the other options of the rows that it was fitted on; the model must have that
/// split point. Concepts are named by `interpretation`: by their label, or else by the first three of their inputs.
///
/// A concept fires where its activation lies far from the mean that it has over the rows of the fit, in its own standard deviations.
/// An explainer that was not fitted (`eidos_explainer_from_dictionary`) needs `eidos_explainer_calibrate` first.
/// `interpretation`, `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explain_inputs(
    explainer: Ref<eidos_explainer>,
    interpretation: Ref<eidos_interpretation>,
    model: Ref<eidos_split_model>,
    inputs: Ref<eidos_inputs>,
    options: In<eidos_explain_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explanation>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let explainer = &explainer.get()?.explainer;
        let interpretation = interpretation.optional()?.map(InterpretationValue::interpretation);
        let (model, inputs) = (&model.get()?.model, inputs.get()?);
        let explain = options.read()?.to_rust();
        let explanation = explain.explain_inputs(explainer, interpretation, model, inputs, &watched(&control)?)?;
        out.handle(ExplanationValue::new(explanation)?);
        Ok(())
    })
}

/// Says which concepts of an explainer fire on each unit of activations that are there already, in memory or in shards, as
/// `eidos_explain_inputs` does. `interpretation`, `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explain_activations(
    explainer: Ref<eidos_explainer>,
    interpretation: Ref<eidos_interpretation>,
    activations: Ref<eidos_activations>,
    options: In<eidos_explain_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explanation>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let explainer = &explainer.get()?.explainer;
        let interpretation = interpretation.optional()?.map(InterpretationValue::interpretation);
        let activations = &activations.get()?.activations;
        let explain = options.read()?.to_rust();
        let explanation = explain.explain(explainer, interpretation, activations, &watched(&control)?)?;
        out.handle(ExplanationValue::new(explanation)?);
        Ok(())
    })
}

/// A concept that fires on a unit.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_firing {
    /// This is the size of the struct in bytes, as far as the library filled it.
    pub struct_size: u32,
    /// The concept fires at this pole: one of `EIDOS_POLE_*`.
    pub pole: u32,
    /// This is the index of the concept in its explainer.
    pub concept_index: u64,
    /// This is the concept's activation.
    pub activation: f32,
    /// The activation lies this many of the concept's standard deviations above its mean over the rows of the fit; negative below it.
    pub deviations: f32,
    /// This share of the rows of the fit has a smaller activation, in percent.
    pub percentile: f32,
    /// This is 0.
    pub reserved: u32,
}

output!(eidos_firing);

impl From<&Firing> for eidos_firing {
    fn from(firing: &Firing) -> Self {
        let pole = match firing.pole {
            Pole::Positive => EIDOS_POLE_POSITIVE,
            Pole::Negative => EIDOS_POLE_NEGATIVE,
        };
        let Firing { concept, activation, deviations, percentile, .. } = *firing;
        let struct_size = size_of::<Self>() as u32;
        Self { struct_size, pole, concept_index: concept as u64, activation, deviations, percentile, reserved: 0 }
    }
}

/// Counts the units of an explanation.
///
/// # Safety
/// `explanation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_unit_count(explanation: Ref<eidos_explanation>) -> usize {
    explanation.read(0, |value| value.explanation.units().len())
}

/// Gives the text of a unit of an explanation (`" film"`), by its index; NULL beyond the last. The string is borrowed from the
/// explanation; `len` may be NULL.
///
/// # Safety
/// `explanation` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_unit(
    explanation: Ref<eidos_explanation>,
    unit: usize,
    len: Out<usize>,
) -> *const c_char {
    explanation.string(len, |value| {
        value.explanation.units().get(unit)?;
        Some(value.strings.get_with_nul(value.explanation.texts().len() + unit))
    })
}

/// Says where a unit of an explanation stands: the index of its text, and the first byte and one past the last byte of the unit in
/// that text's UTF-8. Rows that a caller brought have no spans: that is an error. `text_index`, `begin`, `end` and `err` may be NULL.
///
/// # Safety
/// `explanation` is a live handle; the outputs are NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_unit_span(
    explanation: Ref<eidos_explanation>,
    unit: usize,
    text_index: Out<usize>,
    begin: Out<usize>,
    end: Out<usize>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let units = explanation.get()?.explanation.units();
        let span = units.get(unit).and_then(|unit| unit.span).ok_or_else(|| {
            Error::argument(format!("unit {unit} has no span in a text"))
                .hint("ask for a unit below the unit count, of texts that were explained")
        })?;
        for (out, value) in [(text_index, span.text_index), (begin, span.begin), (end, span.end)] {
            out.offer(value);
        }
        Ok(())
    })
}

/// Counts the texts of an explanation; 0 for rows that a caller brought.
///
/// # Safety
/// `explanation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_text_count(explanation: Ref<eidos_explanation>) -> usize {
    explanation.read(0, |value| value.explanation.texts().len())
}

/// Gives a text of an explanation, by its index; NULL beyond the last. The string is borrowed from the explanation; `len` may be
/// NULL.
///
/// # Safety
/// `explanation` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_text(
    explanation: Ref<eidos_explanation>,
    index: usize,
    len: Out<usize>,
) -> *const c_char {
    explanation
        .string(len, |value| (index < value.explanation.texts().len()).then(|| value.strings.get_with_nul(index)))
}

/// Counts the concepts that fire on a unit of an explanation; 0 beyond the last unit.
///
/// # Safety
/// `explanation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_firing_count(explanation: Ref<eidos_explanation>, unit: usize) -> usize {
    explanation.read(0, |value| value.explanation.firings(unit).len())
}

/// Writes the concept that fires on a unit of an explanation with a rank, from 0, the strongest first. `size` is
/// `sizeof(eidos_firing)`; `err` may be NULL.
///
/// # Safety
/// `explanation` is a live handle; `out` can be written for `size` bytes; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_firing(
    explanation: Ref<eidos_explanation>,
    unit: usize,
    rank: usize,
    out: Out<eidos_firing>,
    size: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let firings = explanation.get()?.explanation.firings(unit);
        let firing = firings.get(rank).ok_or_else(|| {
            let count = firings.len();
            Error::argument(format!("unit {unit} has no concept of rank {rank}: {count} fire"))
                .hint("ask for a rank below eidos_explanation_firing_count")
        })?;
        out.fill(size, firing.into())
    })
}

/// Gives what a pole (`EIDOS_POLE_*`) of a concept is called: its label, or else its first inputs (`' film', ' movie'`). NULL for a
/// concept that fires nowhere in the explanation, and for one that no interpretation names. The string is borrowed from the
/// explanation; `len` may be NULL.
///
/// # Safety
/// `explanation` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_name(
    explanation: Ref<eidos_explanation>,
    concept_index: usize,
    pole: u32,
    len: Out<usize>,
) -> *const c_char {
    explanation.string(len, |value| value.name(concept_index, pole))
}

/// Gives a whole explanation as JSON: `{"format", "version", "model", "split_point", "granularity", "aggregation", "concepts":
/// [{"concept", "positive": {"label", "inputs"}, "negative"}], "texts": [...], "units": [{"text", "text_index", "begin", "end",
/// "firings": [{"concept", "pole", "activation", "deviations", "percentile"}]}]}`. The string is borrowed from the explanation;
/// `len` may be NULL.
///
/// # Safety
/// `explanation` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_json(explanation: Ref<eidos_explanation>, len: Out<usize>) -> *const c_char {
    explanation.string(len, |value| Some(value.strings.get_with_nul(value.strings.len() - 1)))
}

/// Makes one more handle of the same explanation, for another owner, who frees it. What was borrowed from one is valid until the
/// last of them is freed. `err` may be NULL.
///
/// # Safety
/// `explanation` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_retain(
    explanation: Ref<eidos_explanation>,
    out: Out<*mut eidos_explanation>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || explanation.share(out))
}

/// Frees an explanation; NULL is fine.
///
/// # Safety
/// `explanation` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_explanation_free(explanation: Owned<eidos_explanation>) {
    explanation.free();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_explain_options::DEFAULT.to_rust(), Explain::default());
    }
}
