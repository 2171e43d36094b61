//! Logits.

use std::ffi::c_char;
use std::ptr;

use super::activations::eidos_activations;
use super::call::{call, get};
use super::control::{control_or_default, eidos_control};
use super::error::eidos_error;
use super::handle::Handle;
use super::inputs::eidos_inputs;
use super::interventions::{eidos_interventions, interventions_or_none};
use super::options::{self, options};
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use super::strings::{borrow_string, check_out, write_handle, write_len};
use crate::collect::LogitsOptions;
use crate::text::StringTable;

/// How logits are computed. Fill it with `eidos_logits_options_init` first. Results do not depend on it.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_logits_options {
    /// The size of this struct, set by `eidos_logits_options_init`.
    pub struct_size: u32,
    /// How many batches run at the same time on the CPU; 0, the default, is one per core.
    pub threads: u32,
    /// How many tokens one batch holds at most; 0, the default, is as many as have 64 MiB of logits, and no more than 512.
    pub batch_tokens: u64,
    /// The most bytes that the logits may take in memory, 4 for each token and each id of the vocabulary; beyond it they go
    /// to temporary files without a name, and with 0 always. By default 4 GiB.
    pub memory_limit: u64,
}

options!(
    eidos_logits_options,
    Self { struct_size: size_of::<Self>() as u32, threads: 0, batch_tokens: 0, memory_limit: 4 << 30 }
);

impl eidos_logits_options {
    pub(super) fn to_rust(self) -> LogitsOptions {
        LogitsOptions {
            batch_tokens: usize::try_from(self.batch_tokens).unwrap_or(usize::MAX),
            threads: self.threads as usize,
            memory_limit: self.memory_limit,
        }
    }
}

/// Fills options with the defaults. `size` is `sizeof(eidos_logits_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_logits_options_init(options: *mut eidos_logits_options, size: usize) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe { call(ptr::null_mut(), || options::init(options, size)) }
}

/// The logits of inputs: what the head of a model gives for each token, special ones included, or for each text where the
/// model classifies texts. The model must have been loaded as a `whole`.
///
/// The result is a matrix like any other activations: a row is a token (`EIDOS_GRANULARITY_ALL_TOKENS`) or a text
/// (`EIDOS_GRANULARITY_SAMPLE`), `eidos_activations_unit_span` says of which text, and column `j` is what
/// `eidos_split_model_logit_name` says. A text without tokens gives no rows.
///
/// Under `interventions` the model goes on with what they make of the rows of its modules, which need not be split points.
/// What does not fit is an error before the model runs: `EIDOS_UNKNOWN_MODULE` with the nearest paths, a number of rows or columns
/// that the module does not have, a token that is not there, a number that is not finite. `interventions`, `options`, `control`
/// and `err` may be NULL.
///
/// # Safety
/// The pointers are valid or NULL as said; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_logits(
    model: *const eidos_split_model,
    inputs: *const eidos_inputs,
    interventions: *const eidos_interventions,
    options: *const eidos_logits_options,
    control: *const eidos_control,
    out: *mut *mut eidos_activations,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let model = &eidos_split_model::borrow(model)?.model;
            let inputs = eidos_inputs::borrow(inputs)?;
            let interventions = interventions_or_none(interventions)?;
            let options = options::read(options)?.to_rust();
            let control = control_or_default(control)?;
            write_handle(out, model.logits_of(inputs, &interventions, &options, &control)?.into());
            Ok(())
        })
    }
}

/// How many columns the logits of a model have: ids of the vocabulary, or labels of a classifier. 0 without a head.
///
/// # Safety
/// `model` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_logit_count(model: *const eidos_split_model) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_split_model::borrow(model) }?.model.logit_count()))
}

/// What a column of the logits stands for: the vocabulary's own string of that id (`Ġfilm`, `##ing`), empty where the
/// vocabulary has none, or the label of a classifier. NULL beyond the last, and for a model that was loaded without its
/// tokenizer. Borrowed from the model; `len` may be NULL.
///
/// # Safety
/// `model` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_logit_name(
    model: *const eidos_split_model,
    column: usize,
    len: *mut usize,
) -> *const c_char {
    get(ptr::null(), || {
        // SAFETY: promised by the caller.
        unsafe {
            write_len(len, 0);
            let value = eidos_split_model::borrow(model)?;
            // No names where there is no tokenizer that knows them.
            let table = || -> StringTable {
                value.model.logit_names().unwrap_or_default().iter().map(String::as_str).collect()
            };
            Ok(borrow_string(value.logits.get_or_init(table).get_with_nul(column), len))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_logits_options::DEFAULT.to_rust(), LogitsOptions::default());
    }
}
