//! How good concepts are.

use super::activations::eidos_activations;
use super::arguments::{Array, In, Out, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::inputs::eidos_inputs;
use super::interpretation::{InterpretationValue, eidos_interpretation};
use super::logits::eidos_logits_options;
use super::options::options;
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use super::texts::eidos_texts;
use crate::error::Result;
use crate::metrics::{MetricsOptions, ModelMetricsOptions, Subject, compare, compare_through_model};
use crate::text::StringTable;

/// These options say how concepts are measured. Fill the struct with `eidos_metrics_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_metrics_options {
    /// This is the size of the struct in bytes, set by `eidos_metrics_options_init`.
    pub struct_size: u32,
    /// The measuring uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// A concept that is active on more than this share of the rows counts as dense. By default 0.1.
    pub dense_share: f64,
    /// Two concepts of a dictionary whose cosine is at least this count as the same. By default 0.9.
    pub redundant_cosine: f64,
    /// 1 also gives what there is for each column and concept: the explained variance of each column, the density of each concept and their
    /// histogram, the coherence of each.
    pub details: u32,
    /// This field is always 0.
    pub reserved: u32,
}

options!(
    eidos_metrics_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        threads: 0,
        dense_share: 0.1,
        redundant_cosine: 0.9,
        details: 0,
        reserved: 0,
    }
);

impl eidos_metrics_options {
    fn to_rust(self) -> MetricsOptions {
        MetricsOptions {
            dense_share: self.dense_share,
            redundant_cosine: self.redundant_cosine,
            threads: self.threads as usize,
        }
    }
}

/// Fills the options of metrics with the defaults. `size` is `sizeof(eidos_metrics_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_metrics_options_init(options: Out<eidos_metrics_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Measures how good the concepts of one explainer are, or of several on the same rows: what decoding gives back of the rows, how many
/// concepts are active, dead or dense, how much they repeat one another, whether the inputs of a concept belong together, and for each
/// two explainers how much of what one found the other found, too. The rows should not be those of the fit, where others can be had.
///
/// The only text of `out` is JSON: `{"format", "version", "row_count", "explainers": [{"method", "concept_count", "input_width",
/// "reconstruction": {"mean_squared_error", "relative_error", "fraction_of_variance_unexplained", "cosine"}, "sparsity": {"l0", "l1",
/// "dead", "dense", "has_negative"}, "redundancy": {"mean_largest_cosine", "largest_cosine", "redundant"}, "coherence": {"mean"}}],
/// "stability": [{"first", "second", "assigned_cosine", "largest_cosine_of_first", "largest_cosine_of_second"}]}`. What does not exist
/// is null. With `details`, "reconstruction" has "explained_variance": [...], "sparsity" "density_histogram": [{"from", "to", "count"}]
/// and "densities": [...], and "coherence" "concepts": [...].
///
/// `interpretations` has one for each explainer, NULL where there is none, and may be NULL. `options`, `control` and `err` may be NULL.
///
/// # Safety
/// `explainers` has `count` live handles, and `interpretations` as many that are live or NULL, or is NULL; the options were filled by
/// their init function; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_metrics_compare(
    explainers: Array<Ref<eidos_explainer>>,
    interpretations: Array<Ref<eidos_interpretation>>,
    count: usize,
    activations: Ref<eidos_activations>,
    options: In<eidos_metrics_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_texts>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let explainers = explainers.of(count, "explainers")?;
        let meanings = interpretations.optional(count, "interpretations")?;
        let mut subjects = Vec::with_capacity(explainers.len());
        for (index, explainer) in explainers.iter().enumerate() {
            let meaning = meanings.map_or(Ok(None), |meanings| meanings[index].optional())?;
            let interpretation = meaning.map(InterpretationValue::interpretation);
            subjects.push(Subject { explainer: &explainer.get()?.explainer, interpretation });
        }
        let options = options.read()?;
        let found = compare(&subjects, &activations.get()?.activations, &options.to_rust(), &watched(&control)?)?;
        let mut texts = StringTable::default();
        texts.push(&found.to_json(options.details != 0)?);
        out.handle(texts);
        Ok(())
    })
}

/// Measures what a model loses when the rows of the module `split_point`, one of its split points, are what explainers reconstruct of them:
/// how much worse it predicts, beside what zeros and the mean row in their place cost it (loss recovered), and how far its
/// distributions move. A causal language model predicts the next token, any other language model the token of the row itself. A
/// classifier of texts predicts `labels`, one for each text, and any classifier without them what it says as it is. The model must have
/// been loaded as a `whole`.
///
/// The only text of `out` is JSON: `{"format", "version", "split_point", "text_count", "prediction_count", "predicted": "next_token" |
/// "token" | "label" | "own_prediction", "loss": {"original", "mean", "zero"}, "divergence": {"original", "mean", "zero"}, "explainers":
/// [{"method", "concept_count", "loss", "loss_recovered", "loss_recovered_from_mean", "divergence", "divergence_recovered",
/// "same_prediction", "logit_error"}]}`. Losses are cross-entropies and divergences those of Kullback and Leibler, in nats. What does not
/// exist is null.
///
/// `labels` may be NULL with a `label_count` of 0. `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The handles are live; `explainers` has `explainer_count` of them and `labels` `label_count` numbers; `split_point` is
/// NUL-terminated; the options were filled by their init function; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_metrics_compare_through_model(
    model: Ref<eidos_split_model>,
    inputs: Ref<eidos_inputs>,
    split_point: Text,
    explainers: Array<Ref<eidos_explainer>>,
    explainer_count: usize,
    labels: Array<u32>,
    label_count: usize,
    options: In<eidos_logits_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_texts>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let model = &model.get()?.model;
        let inputs = inputs.get()?;
        let path = split_point.get("split_point")?;
        let handles = explainers.of(explainer_count, "explainers")?;
        let handles = handles.iter().map(|explainer| explainer.get()).collect::<Result<Vec<_>>>()?;
        let explainers: Vec<_> = handles.iter().map(|value| &value.explainer).collect();
        let options = ModelMetricsOptions {
            labels: labels.of(label_count, "labels")?.to_vec(),
            logits: options.read()?.to_rust()?,
        };
        let found = compare_through_model(model, inputs, path, &explainers, &options, &watched(&control)?)?;
        let mut texts = StringTable::default();
        texts.push(&found.to_json()?);
        out.handle(texts);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_metrics_options::DEFAULT.to_rust(), MetricsOptions::default());
    }
}
