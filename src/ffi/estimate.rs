//! What a collection of activations will take, before it is run.

use super::arguments::{In, Out, Ref, call};
use super::collect::eidos_activations_options;
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::inputs::eidos_inputs;
use super::output::output;
use super::split_model::eidos_split_model;
use super::status::eidos_status;
use crate::collect::Estimate;

/// This struct says what a collection of activations will take.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_estimate {
    /// This is the size of the struct in bytes, as far as the library filled it.
    pub struct_size: u32,
    /// 1 where the rows will go to disk: they are more than the memory limit, or have a folder.
    pub on_disk: u32,
    /// There are this many texts.
    pub text_count: usize,
    /// The model reads this many tokens, special ones included: exactly.
    pub token_count: usize,
    /// Each split point will have this many rows: exactly.
    pub row_count: usize,
    /// This many tokens were run to know the seconds.
    pub sampled_token_count: usize,
    /// The rows of all split points will have this many bytes: exactly.
    pub row_bytes: u64,
    /// `eidos_split_model_activations` will take this many seconds on this machine, as busy as it is now.
    pub seconds: f64,
}

impl From<Estimate> for eidos_estimate {
    fn from(estimate: Estimate) -> Self {
        let Estimate { text_count, token_count, row_count, row_bytes, on_disk, seconds, sampled_token_count } =
            estimate;
        Self {
            struct_size: size_of::<Self>() as u32,
            on_disk: u32::from(on_disk),
            text_count,
            token_count,
            row_count,
            sampled_token_count,
            row_bytes,
            seconds,
        }
    }
}

output!(eidos_estimate);

/// Says what `eidos_split_model_activations` will take with these inputs and options: texts are cut into units, so that
/// rows and bytes are exact, and a sample of the texts, spread over all lengths, is run for about a second. Where that is
/// all of them, the seconds are what they took; else they are mostly within a quarter on a machine that stays as busy.
/// A slow disk takes longer. `size` is `sizeof(eidos_estimate)`. `options`, `control` and `err` may be NULL.
///
/// # Safety
/// The pointers are valid or NULL as said; `out` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_split_model_estimate(
    model: Ref<eidos_split_model>,
    inputs: Ref<eidos_inputs>,
    options: In<eidos_activations_options>,
    control: Ref<eidos_control>,
    out: Out<eidos_estimate>,
    size: usize,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let model = &model.get()?.model;
        let inputs = inputs.get()?;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        out.fill(size, model.estimate(inputs, &options, &control)?.into())
    })
}
