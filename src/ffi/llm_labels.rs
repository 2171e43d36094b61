//! Labels for concepts, written by a language model.

use std::ffi::c_char;

use super::activations::eidos_activations;
use super::arguments::{Array, In, Out, Ref, Text, call};
use super::call::status;
use super::chat::eidos_chat;
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::interpretation::{InterpretationValue, eidos_interpretation};
use super::options::options;
use super::output::output;
use super::status::{EIDOS_OK, eidos_status, status_of};
use super::strings::choice;
use crate::error::Result;
use crate::interpret::{LlmLabels, Sampling, Scoring};

/// The examples are those with the strongest activations. The default.
pub const EIDOS_SAMPLING_TOP: u32 = 1;
/// The examples are any that excite the concept.
pub const EIDOS_SAMPLING_RANDOM: u32 = 2;
/// The examples are equally many of each quantile of activation, at random within it.
pub const EIDOS_SAMPLING_QUANTILE: u32 = 3;

/// These options say how concepts are labelled. Fill the struct with `eidos_llm_labels_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_llm_labels_options {
    /// This is the size of the struct in bytes, set by `eidos_llm_labels_options_init`.
    pub struct_size: u32,
    /// 1 also labels what the most negative activations mean.
    pub negative_pole: u32,
    /// These concepts are labelled, in the order wanted; NULL means all.
    pub concepts: Array<usize>,
    /// This is the number of concepts in `concepts`; 0 means all.
    pub concept_count: usize,
    /// The sampling says how the examples are chosen: one of `EIDOS_SAMPLING_*`. By default the strongest.
    pub sampling: u32,
    /// The model sees this many examples of each concept; fewer where there are fewer. By default 30. A piece of a text
    /// is shown once, around its strongest unit, and so are units that stand alone and look the same.
    pub example_count: u32,
    /// An example has this many units of context on each side, as far as its text goes. By default 10; 0 shows the
    /// units alone. Whole texts, vocabularies and rows that a caller brought have no context.
    pub context: u32,
    /// `EIDOS_SAMPLING_QUANTILE` cuts the activations into this many quantiles. By default 5.
    pub quantile_count: u32,
    /// The seed decides everything that is drawn at random. By default 0.
    pub seed: u32,
    /// A label is scored on this many unseen passages that excite the concept, and on as many that do not. 0, the
    /// default, leaves the score out; 20 is a good number.
    pub score_passages: u32,
    /// One request that scores a label holds this many passages. By default 10: more are cheaper and judged worse.
    pub score_passages_per_request: u32,
    /// 1 asks nothing: the interpretation has the prompts instead of labels, and its usage is an estimate.
    pub dry_run: u32,
    /// When labels are scored, a passage counts as exciting from this part of the concept's strongest activation on, up
    /// to 1; below half of that it is quiet. By default 0.5.
    pub score_threshold: f64,
    /// These instructions take the place of those of Eidos. They should ask for `{"label": "..."}`. NULL: those of
    /// Eidos.
    pub system_prompt: Text,
}

options!(
    eidos_llm_labels_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        negative_pole: 0,
        concepts: Array::NULL,
        concept_count: 0,
        sampling: EIDOS_SAMPLING_TOP,
        example_count: 30,
        context: 10,
        quantile_count: 5,
        seed: 0,
        score_passages: 0,
        score_passages_per_request: 10,
        dry_run: 0,
        score_threshold: 0.5,
        system_prompt: Text::NULL,
    }
);

impl eidos_llm_labels_options {
    fn to_rust(self) -> Result<LlmLabels> {
        let concepts = self.concepts.of(self.concept_count, "concepts")?;
        let system_prompt = self.system_prompt.optional("system_prompt")?.map(str::to_owned);
        let samplings = [
            (EIDOS_SAMPLING_TOP, Sampling::Top),
            (EIDOS_SAMPLING_RANDOM, Sampling::Random),
            (EIDOS_SAMPLING_QUANTILE, Sampling::Quantile),
        ];
        Ok(LlmLabels {
            concepts: (!concepts.is_empty()).then(|| concepts.to_vec()),
            negative_pole: self.negative_pole != 0,
            sampling: choice(self.sampling, "sampling", &samplings)?,
            examples: self.example_count as usize,
            context: self.context as usize,
            quantiles: self.quantile_count as usize,
            seed: self.seed,
            system_prompt,
            scoring: (self.score_passages > 0).then_some(Scoring {
                passages: self.score_passages as usize,
                per_request: self.score_passages_per_request as usize,
                threshold: self.score_threshold as f32,
            }),
        })
    }
}

/// Fills the options of labels with the defaults. `size` is `sizeof(eidos_llm_labels_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_llm_labels_options_init(
    options: Out<eidos_llm_labels_options>,
    size: usize,
) -> eidos_status {
    options.init(size)
}

/// This struct says what the labels of one interpretation have cost.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_label_usage {
    /// This is the size of the struct in bytes, as far as the library filled it.
    pub struct_size: u32,
    /// 1 when nothing was asked and the numbers are an estimate.
    pub dry_run: u32,
    /// This many requests were sent; a repetition counts.
    pub requests: u64,
    /// The cache answered this many questions.
    pub cached: u64,
    /// The questions had this many tokens, as the server counted them.
    pub prompt_tokens: u64,
    /// The answers had this many tokens, as the server counted them.
    pub completion_tokens: u64,
    /// The server did not say of this many answers what they cost.
    pub unreported: u64,
}

output!(eidos_label_usage);

/// Asks a language model for a label of each concept, from the units that excite it and the text around them. The
/// inputs of the interpretation are the examples that the model saw. `chat` is the model, whose budget all calls share
/// that use it at the same time or later; `options`, `control` and `err` may be NULL.
///
/// A concept that cannot be labelled does not lose the others: it has no label and `eidos_interpretation_label_error`
/// says why. That holds for the concepts, too, that were not asked for because the call was cancelled while it
/// labelled, the budget was spent or the key refused; with a cache folder, a later call goes on there. The call fails
/// only when not one concept could be labelled.
///
/// # Safety
/// The handles are live; the options were filled by their init functions; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_llm_labels_interpret(
    explainer: Ref<eidos_explainer>,
    activations: Ref<eidos_activations>,
    chat: Ref<eidos_chat>,
    options: In<eidos_llm_labels_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_interpretation>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let explainer = &explainer.get()?.explainer;
        let activations = &activations.get()?.activations;
        let chat = chat.get()?;
        let options = options.read()?;
        let (labels, control) = (options.to_rust()?, watched(&control)?);
        let interpretation = if options.dry_run == 0 {
            labels.interpret(explainer, activations, chat, &control)?
        } else {
            labels.dry_run(explainer, activations, chat, &control)?
        };
        out.handle(InterpretationValue::new(interpretation)?);
        Ok(())
    })
}

/// Gives the label of the entry `index` of an interpretation at a pole (`EIDOS_POLE_*`); NULL when it has none. The
/// string is borrowed from the interpretation; `len` may be NULL.
///
/// # Safety
/// `interpretation` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_label(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
    pole: u32,
    len: Out<usize>,
) -> *const c_char {
    interpretation.string(len, |value| value.label_text(index, pole))
}

/// Says how well the label of the entry `index` of an interpretation at a pole tells unseen passages apart: the
/// balanced accuracy from 0 to 1, where 0.5 is chance. NaN when it was not scored. The JSON has the counts.
///
/// # Safety
/// `interpretation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_label_score(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
    pole: u32,
) -> f64 {
    interpretation.read(f64::NAN, |value| {
        let score = value.label(index, pole).and_then(|label| label.score);
        score.map_or(f64::NAN, |score| score.balanced_accuracy)
    })
}

/// Says why the entry `index` of an interpretation has no label at a pole, or a label without a score; NULL when
/// nothing went wrong. The string is borrowed from the interpretation; `len` may be NULL.
///
/// # Safety
/// `interpretation` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_label_error(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
    pole: u32,
    len: Out<usize>,
) -> *const c_char {
    interpretation.string(len, |value| value.label_error(index, pole))
}

/// Gives the status of the entry `index` of an interpretation at a pole, which belongs to
/// `eidos_interpretation_label_error`; `EIDOS_OK` when nothing went wrong. `EIDOS_INVALID_HANDLE` for a handle of
/// another type, `EIDOS_INVALID_ARGUMENT` for NULL and for an entry or pole that is not there.
///
/// # Safety
/// `interpretation` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_label_status(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
    pole: u32,
) -> eidos_status {
    status(|| {
        let value = interpretation.get()?;
        value.check_entry(index, pole)?;
        let error = value.label(index, pole).and_then(|label| label.error.as_ref());
        Ok(error.map_or(EIDOS_OK, |error| status_of(&error.code)))
    })
}

/// Gives what the model would be asked about the entry `index` of an interpretation at a pole: the message of the user.
/// NULL unless it was a dry run. The string is borrowed from the interpretation; `len` may be NULL.
///
/// # Safety
/// `interpretation` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_label_prompt(
    interpretation: Ref<eidos_interpretation>,
    index: usize,
    pole: u32,
    len: Out<usize>,
) -> *const c_char {
    interpretation.string(len, |value| value.label_prompt(index, pole))
}

/// Writes what the labels of an interpretation have cost: that call alone, whoever else asked with the same
/// `eidos_chat`. All numbers are 0 where nobody labelled. `size` is `sizeof(eidos_label_usage)`; `err` may be NULL.
///
/// # Safety
/// `interpretation` is a live handle; `out` can be written for `size` bytes; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_interpretation_label_usage(
    interpretation: Ref<eidos_interpretation>,
    out: Out<eidos_label_usage>,
    size: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let labelling = interpretation.get()?.labelling().cloned().unwrap_or_default();
        let usage = labelling.usage;
        let result = eidos_label_usage {
            struct_size: 0,
            dry_run: u32::from(labelling.dry_run),
            requests: usage.requests,
            cached: usage.cached,
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            unreported: usage.unreported,
        };
        out.fill(size, result)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        let mut options = eidos_llm_labels_options::DEFAULT;
        assert_eq!(options.to_rust().unwrap(), LlmLabels::default());
        options.score_passages = 20;
        assert_eq!(options.to_rust().unwrap().scoring, Some(Scoring::default()));
    }
}
