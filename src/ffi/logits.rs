//! Logits.

use std::ffi::c_char;

use super::activations::eidos_activations;
use super::arguments::{In, Out, Ref, call};
use super::collect::{EIDOS_ON_LONG_TEXT_TRUNCATE, on_long_text};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::inputs::eidos_inputs;
use super::interventions::{eidos_interventions, interventions_or_none};
use super::options::options;
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use crate::collect::LogitsOptions;
use crate::error::Result;
use crate::text::StringTable;

/// These options say how logits are computed; results do not depend on them, but for `on_long_text`. Fill the struct with
/// `eidos_logits_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_logits_options {
    /// This is the size of the struct in bytes, set by `eidos_logits_options_init`.
    pub struct_size: u32,
    /// This many batches run at the same time on the CPU; 0, the default, is one per core.
    pub threads: u32,
    /// One batch holds this many tokens at most; 0, the default, is as many as have 64 MiB of logits, and no more than 512;
    /// on a device as many as have 512 MiB, and no more than 16384.
    pub batch_tokens: u64,
    /// The logits may take this many bytes in memory, 4 for each token and each id of the vocabulary; beyond that they
    /// go to temporary files without a name, and with 0 always. By default 4 GiB.
    pub memory_limit: u64,
    /// This says what becomes of texts that are longer than what the model reads: one of `EIDOS_ON_LONG_TEXT_*`. By
    /// default they lose their end.
    pub on_long_text: u32,
    /// This field is always 0.
    pub reserved: u32,
}

options!(
    eidos_logits_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        threads: 0,
        batch_tokens: 0,
        memory_limit: 4 << 30,
        on_long_text: EIDOS_ON_LONG_TEXT_TRUNCATE,
        reserved: 0,
    }
);

impl eidos_logits_options {
    pub(super) fn to_rust(self) -> Result<LogitsOptions> {
        Ok(LogitsOptions {
            batch_tokens: usize::try_from(self.batch_tokens).unwrap_or(usize::MAX),
            threads: self.threads as usize,
            memory_limit: self.memory_limit,
            on_long_text: on_long_text(self.on_long_text)?,
        })
    }
}

/// Fills the options of logits with the defaults. `size` is `sizeof(eidos_logits_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_logits_options_init(options: Out<eidos_logits_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Computes the logits of inputs: what the head of a model gives for each token, special ones included, or for each
/// text where the model classifies texts. The model must have been loaded as a `whole`.
///
/// The result is a matrix like any other activations: a row is a token (`EIDOS_GRANULARITY_ALL_TOKENS`) or a text
/// (`EIDOS_GRANULARITY_SAMPLE`), `eidos_activations_unit_span` says of which text, and column `j` is what
/// `eidos_split_model_logit_name` says. A text without tokens gives no rows.
///
/// Under `interventions` the model goes on with what they make of the rows of its modules, which need not be split
/// points. What does not fit is an error before the model runs: `EIDOS_UNKNOWN_MODULE` with the nearest paths, a number
/// of rows or columns that the module does not have, a token that is not there, a number that is not finite.
/// `interventions`, `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The pointers are valid or NULL as said; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_logits(
    model: Ref<eidos_split_model>,
    inputs: Ref<eidos_inputs>,
    interventions: Ref<eidos_interventions>,
    options: In<eidos_logits_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_activations>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let model = &model.get()?.model;
        let inputs = inputs.get()?;
        let interventions = interventions_or_none(&interventions)?;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        out.handle(model.logits_of(inputs, &interventions, &options, &control)?);
        Ok(())
    })
}

/// Counts the columns that the logits of a model have: ids of the vocabulary, or labels of a classifier. 0 without a
/// head.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_logit_count(model: Ref<eidos_split_model>) -> usize {
    model.read(0, |value| value.model.logit_count())
}

/// Gives what a column of the logits of a model stands for: the vocabulary's own string of that id (`Ġfilm`, `##ing`),
/// empty where the vocabulary has none, or the label of a classifier. NULL beyond the last, and for a model that was
/// loaded without its tokenizer. The string is borrowed from the model; `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_logit_name(
    model: Ref<eidos_split_model>,
    column: usize,
    len: Out<usize>,
) -> *const c_char {
    model.string(len, |value| {
        // No names where there is no tokenizer that knows them.
        let table =
            || -> StringTable { value.model.logit_names().unwrap_or_default().iter().map(String::as_str).collect() };
        Some(value.logits.get_or_init(table).get_with_nul(column))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_logits_options::DEFAULT.to_rust().unwrap(), LogitsOptions::default());
    }
}
