//! Something to look at: what was found, as a page.

use std::path::Path;

use super::activations::eidos_activations;
use super::arguments::{In, Out, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explain::{ExplanationValue, eidos_explanation};
use super::explainer::eidos_explainer;
use super::interpretation::{InterpretationValue, eidos_interpretation};
use super::options::options;
use super::status::eidos_status;
use super::texts::eidos_texts;
use crate::error::Result;
use crate::report::{Report, ReportOptions};
use crate::text::StringTable;

/// These options say how much a report says. Fill the struct with `eidos_report_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_report_options {
    /// This is the size of the struct in bytes, set by `eidos_report_options_init`.
    pub struct_size: u32,
    /// This many threads work; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// This is the title. NULL names the model and the module.
    pub title: Text,
    /// This many inputs are listed for each pole of a concept. By default 6.
    pub inputs: u64,
    /// This many passages are shown for each pole of a concept, each from another text. By default 3.
    pub passages: u64,
    /// A passage has this many units on each side of its strongest one, and about 220 bytes of text at most. By default 6.
    pub context: u64,
    /// This many of the nearest concepts are listed for a concept. By default 5.
    pub neighbours: u64,
    /// This many texts are shown with what fires on their units, the first ones. By default 20.
    pub texts: u64,
    /// This many concepts are shown where scripts do not run, and on paper: the strongest ones. By default 20.
    pub concepts_without_scripts: u64,
}

options!(
    eidos_report_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        threads: 0,
        title: Text::NULL,
        inputs: 6,
        passages: 3,
        context: 6,
        neighbours: 5,
        texts: 20,
        concepts_without_scripts: 20,
    }
);

impl eidos_report_options {
    fn to_rust(self) -> Result<ReportOptions> {
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        Ok(ReportOptions {
            title: self.title.optional("title")?.map(str::to_owned),
            inputs: number(self.inputs),
            passages: number(self.passages),
            context: number(self.context),
            neighbours: number(self.neighbours),
            texts: number(self.texts),
            concepts_without_scripts: number(self.concepts_without_scripts),
            threads: self.threads as usize,
        })
    }
}

/// Fills the options of reports with the defaults. `size` is `sizeof(eidos_report_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_report_options_init(options: Out<eidos_report_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// What a report is about, as C gives it.
fn about<'a>(
    explainer: &'a Ref<eidos_explainer>,
    interpretation: &'a Ref<eidos_interpretation>,
    activations: &'a Ref<eidos_activations>,
    explanation: &'a Ref<eidos_explanation>,
) -> Result<Report<'a>> {
    Ok(Report {
        explainer: &explainer.get()?.explainer,
        interpretation: interpretation.optional()?.map(InterpretationValue::interpretation),
        activations: activations.optional()?.map(|value| &value.activations),
        explanation: explanation.optional()?.map(ExplanationValue::explanation),
    })
}

/// What is said of activations, which must be there.
fn on_rows<'a>(
    explainer: &'a Ref<eidos_explainer>,
    interpretation: &'a Ref<eidos_interpretation>,
    activations: &'a Ref<eidos_activations>,
) -> Result<Report<'a>> {
    Ok(Report {
        interpretation: interpretation.optional()?.map(InterpretationValue::interpretation),
        activations: Some(&activations.get()?.activations),
        ..Report::new(&explainer.get()?.explainer)
    })
}

/// Makes a report on the concepts of an explainer: one HTML page that loads nothing and opens in any browser, with a list of concepts to
/// search and sort, and for each its inputs and labels, the passages in which it is strongest with every unit coloured, its histogram
/// and its nearest concepts; with the report of the fit, a map of the concepts, and texts with what fires on their units. What texts,
/// models and labels say is text on it, never markup.
///
/// The report has the concepts of `interpretation`, or all without one; then it finds their inputs among the activations. Passages
/// come from `activations`. The texts are those of `explanation`, or without one the first of the activations, which needs an
/// explainer that was fitted or calibrated. With the default options 1,000 concepts take less than 2 MB. The page is the only text
/// of `out`. `interpretation`, `activations`, `explanation`, `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; the options were filled by their init function; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_report_html(
    explainer: Ref<eidos_explainer>,
    interpretation: Ref<eidos_interpretation>,
    activations: Ref<eidos_activations>,
    explanation: Ref<eidos_explanation>,
    options: In<eidos_report_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_texts>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let report = about(&explainer, &interpretation, &activations, &explanation)?;
        let page = report.html(&options.read()?.to_rust()?, &watched(&control)?)?;
        out.handle(only(&page));
        Ok(())
    })
}

/// Writes the page of `eidos_report_html` to a file, as `eidos_explainer_save` writes an explainer. `interpretation`,
/// `activations`, `explanation`, `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; the options were filled by their init function; `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_report_save(
    explainer: Ref<eidos_explainer>,
    interpretation: Ref<eidos_interpretation>,
    activations: Ref<eidos_activations>,
    explanation: Ref<eidos_explanation>,
    path: Text,
    options: In<eidos_report_options>,
    control: Ref<eidos_control>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let path = Path::new(path.get("path")?);
        let report = about(&explainer, &interpretation, &activations, &explanation)?;
        report.save_html(path, &options.read()?.to_rust()?, &watched(&control)?)
    })
}

/// Gives the map of `eidos_report_html` as an SVG file: a point for each concept, along the two principal axes of the directions of the
/// dictionary. It is the only text of `out`. An explainer of fewer than three concepts, or without a dictionary, has none: that is an
/// error. `interpretation`, which names the points, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_report_map_svg(
    explainer: Ref<eidos_explainer>,
    interpretation: Ref<eidos_interpretation>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_texts>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let interpretation = interpretation.optional()?.map(InterpretationValue::interpretation);
        let report = Report { interpretation, ..Report::new(&explainer.get()?.explainer) };
        out.handle(only(&report.map_svg(&watched(&control)?)?));
        Ok(())
    })
}

/// Gives a heat map of a text of activations as an SVG file: its units across, at most 200, and down the `concept_count` concepts that
/// fire most in it, with a cell for each, coloured by how many of the concept's standard deviations the unit's activation lies above or
/// below its mean. It is the only text of `out`. `interpretation`, which names the concepts, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_report_heat_map_svg(
    explainer: Ref<eidos_explainer>,
    interpretation: Ref<eidos_interpretation>,
    activations: Ref<eidos_activations>,
    text_index: usize,
    concept_count: usize,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_texts>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let report = on_rows(&explainer, &interpretation, &activations)?;
        out.handle(only(&report.heat_map_svg(text_index, concept_count, &watched(&control)?)?));
        Ok(())
    })
}

/// Writes what Neuronpedia imports of concepts to a JSON file, as `eidos_explainer_save` writes an explainer: a batch as SAEDashboard
/// writes it, with passages of the positive pole of each concept. What an explainer does not know, such as logits, is empty.
/// `interpretation`, whose concepts are written, `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; the options were filled by their init function; `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_report_save_neuronpedia(
    explainer: Ref<eidos_explainer>,
    interpretation: Ref<eidos_interpretation>,
    activations: Ref<eidos_activations>,
    path: Text,
    options: In<eidos_report_options>,
    control: Ref<eidos_control>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let path = Path::new(path.get("path")?);
        let report = on_rows(&explainer, &interpretation, &activations)?;
        report.save_neuronpedia(path, &options.read()?.to_rust()?, &watched(&control)?)
    })
}

/// Writes the activations of concepts to a CSV file, as `eidos_explainer_save` writes an explainer: a line for each unit and each concept
/// that is active there, with the columns `row`, `text`, `begin`, `end`, `unit`, `concept`, `activation` and `deviations`. A concept is
/// active where its activation is not 0 and lies at least `least_deviations` of its standard deviations from its mean; 0 asks for all that
/// are not 0. `interpretation`, whose concepts are written, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live or NULL as said; `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_report_save_codes_csv(
    explainer: Ref<eidos_explainer>,
    interpretation: Ref<eidos_interpretation>,
    activations: Ref<eidos_activations>,
    path: Text,
    least_deviations: f64,
    control: Ref<eidos_control>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let path = Path::new(path.get("path")?);
        let report = on_rows(&explainer, &interpretation, &activations)?;
        report.save_codes_csv(path, least_deviations as f32, &watched(&control)?)
    })
}

/// Writes an interpretation to a CSV file, as `eidos_explainer_save` writes an explainer: a line for each input of each pole, with the
/// columns `concept`, `pole`, `label`, `score`, `rank`, `input`, `activation` and `row`. `err` may be NULL.
///
/// # Safety
/// `interpretation` is a live handle; `path` is NUL-terminated.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_save_csv(
    interpretation: Ref<eidos_interpretation>,
    path: Text,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || interpretation.get()?.interpretation().save_csv(Path::new(path.get("path")?)))
}

/// Writes an interpretation to a Parquet file, as `eidos_explainer_save` writes an explainer: the lines and columns of
/// `eidos_interpretation_save_csv`. `EIDOS_UNSUPPORTED` where the library was built without the feature `parquet`. `err` may be NULL.
///
/// # Safety
/// `interpretation` is a live handle; `path` is NUL-terminated.
///
/// # ABI
/// blocking
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_save_parquet(
    interpretation: Ref<eidos_interpretation>,
    path: Text,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || interpretation.get()?.interpretation().save_parquet(Path::new(path.get("path")?)))
}

/// Texts of which there is one.
fn only(text: &str) -> StringTable {
    let mut texts = StringTable::default();
    texts.push(text);
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_report_options::DEFAULT.to_rust().unwrap(), ReportOptions::default());
    }
}
