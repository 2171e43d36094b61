//! Sparse autoencoders and transcoders: training.

use std::path::PathBuf;

use super::activations::eidos_activations;
use super::arguments::{In, Out, Ref, Text, call};
use super::collect::eidos_activations_options;
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::explainer::eidos_explainer;
use super::inputs::eidos_inputs;
use super::options::options;
use super::split_model::{EIDOS_DEVICE_CPU, device_choice, eidos_split_model};
use super::status::eidos_status;
use super::strings::choice;
use crate::concepts::{Explainer, Sae, SaeKind, SaeOptions, ThresholdKernel};
use crate::error::Result;

/// The batch keeps its largest codes, `k` for each row on average; what is trained has one threshold for all. The default.
///
/// # ABI
/// enumeration SaeKind = EIDOS_SAE_*: The kind of a sparse autoencoder says how the number of codes of a row is kept small.
pub const EIDOS_SAE_BATCH_TOP_K: u32 = 1;
/// Each row keeps its `k` largest codes.
pub const EIDOS_SAE_TOP_K: u32 = 2;
/// A ReLU, and a penalty on the sum of the codes.
pub const EIDOS_SAE_VANILLA: u32 = 3;
/// A threshold for each concept, learned with straight-through gradients, and a penalty on the number of codes.
pub const EIDOS_SAE_JUMP_RELU: u32 = 4;
/// A gate decides which codes a row has, apart from how large they are, and a penalty on the gates.
pub const EIDOS_SAE_GATED: u32 = 5;
/// Batch-top-k whose first concepts reconstruct the rows by themselves as well: general concepts come first.
pub const EIDOS_SAE_MATRYOSHKA: u32 = 6;
/// A row takes the concept that explains most of it, then that which explains most of the rest, and so on, `k` times at most. The
/// dictionary is all that is trained: there are no weights of an encoder.
pub const EIDOS_SAE_MATCHING_PURSUIT: u32 = 7;

/// All pre-activations within half a bandwidth count the same. The default.
///
/// # ABI
/// enumeration ThresholdKernel = EIDOS_KERNEL_*: The kernel says by which pre-activations the threshold of a JumpReLU learns.
pub const EIDOS_KERNEL_RECTANGLE: u32 = 0;
/// The kernel falls in a line to zero at half a bandwidth.
pub const EIDOS_KERNEL_TRIANGULAR: u32 = 1;
/// The kernel is a parabola that is zero at half a bandwidth.
pub const EIDOS_KERNEL_EPANECHNIKOV: u32 = 2;
/// The kernel is the square of a parabola that is zero at half a bandwidth.
pub const EIDOS_KERNEL_QUARTIC: u32 = 3;
/// The kernel is a wave of the cosine that is zero at a bandwidth.
pub const EIDOS_KERNEL_COSINE: u32 = 4;
/// The kernel is a normal distribution with half a bandwidth as its deviation.
pub const EIDOS_KERNEL_GAUSSIAN: u32 = 5;
/// The kernel is Silverman's, which is a little below zero in its tails.
pub const EIDOS_KERNEL_SILVERMAN: u32 = 6;
/// The kernel is a Cauchy distribution, with heavy tails.
pub const EIDOS_KERNEL_CAUCHY: u32 = 7;

/// These options say how a sparse autoencoder is trained. Fill the struct with `eidos_sae_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_sae_options {
    /// This is the size of the struct in bytes, set by `eidos_sae_options_init`.
    pub struct_size: u32,
    /// The training finds this many concepts. There is no default: 0 is an error.
    pub concept_count: u32,
    /// The kind says how the number of codes of a row is kept small: one of `EIDOS_SAE_*`. By default batch-top-k.
    pub kind: u32,
    /// A row has this many codes: exactly, at most or on average, as the kind says. 0, the default, is a twelfth of the columns, at
    /// most 64.
    pub k: u32,
    /// The file that the state of the training is written to, and continued from if it is there; NULL is none. A training that
    /// is cancelled writes it.
    pub checkpoint: Text,
    /// The weight of the penalty of a kind that has one. 0, the default, adapts it while it trains, so that a row has `k` codes on
    /// average.
    pub penalty: f64,
    /// The width of the kernel by which the thresholds of a JumpReLU learn, for rows whose columns have the variance 1 on average. 0,
    /// the default, is 1.
    pub bandwidth: f64,
    /// The learning rate of Adam, for rows whose columns have the variance 1 on average; the dictionary of a kind with an encoder learns
    /// three times as fast. 0, the default, is `1e-3 * sqrt(16384 / concept_count)`, from 2.5e-4 to 5e-3.
    pub learning_rate: f64,
    /// The share of the steps over which the learning rate rises from 0. By default 0.05.
    pub warm_up: f64,
    /// The share of the steps at the end over which the learning rate falls to 0. By default 0.25.
    pub decay: f64,
    /// The weight of the loss by which concepts that no row has learn what the others leave unexplained; 0 is none. By default 1.
    pub dead_weight: f64,
    /// The share of the rows that the autoencoder is measured on, and not trained. By default 0.05.
    pub held_out: f64,
    /// The parameters are changed this many times, each time for one batch. 0, the default, reads the rows twenty times, in at
    /// least 4000 and at most 30,000 steps.
    pub steps: u32,
    /// A batch has this many rows. By default 1024.
    pub batch_rows: u32,
    /// A concept is dead when none of so many rows had it. 0, the default, is as many as have it two hundred times where all
    /// concepts are as frequent, and at least twenty batches; for matching pursuit fifty times; for a Matryoshka autoencoder a
    /// thousand times, but no more than a twentieth of what it is trained on.
    pub dead_after: u32,
    /// So many rows are shuffled together. By default 65,536.
    pub shuffled_rows: u32,
    /// After so many steps the checkpoint is written; 0, the default, is only when the training is cancelled.
    pub checkpoint_every: u32,
    /// The seed decides the start and the order of the rows. By default 0.
    pub seed: u32,
    /// The training uses this many threads; 0, the default, is one per core. Results do not depend on it.
    pub threads: u32,
    /// 1, the default, lets dead concepts begin anew at what the worst rows lack, as long as the learning rate is not falling; 0 does
    /// not.
    pub restart_dead: u32,
    /// The thresholds of a JumpReLU learn by this kernel: one of `EIDOS_KERNEL_*`. By default a rectangle.
    pub kernel: u32,
    /// The steps run on this device: one of `EIDOS_DEVICE_*`. By default on the CPU. On a GPU the result differs from that of the
    /// CPU by rounding, and the kind cannot be matching pursuit.
    pub device: u32,
    /// This is the number of the GPU that is used with `EIDOS_DEVICE_CUDA`, from 0.
    pub device_index: u32,
}

options!(
    eidos_sae_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        concept_count: 0,
        kind: EIDOS_SAE_BATCH_TOP_K,
        k: 0,
        checkpoint: Text::NULL,
        penalty: 0.0,
        bandwidth: 0.0,
        learning_rate: 0.0,
        warm_up: 0.05,
        decay: 0.25,
        dead_weight: 1.0,
        held_out: 0.05,
        steps: 0,
        batch_rows: 1024,
        dead_after: 0,
        shuffled_rows: 65_536,
        checkpoint_every: 0,
        seed: 0,
        threads: 0,
        restart_dead: 1,
        kernel: EIDOS_KERNEL_RECTANGLE,
        device: EIDOS_DEVICE_CPU,
        device_index: 0,
    }
);

impl eidos_sae_options {
    fn to_rust(self) -> Result<SaeOptions> {
        let kinds = [
            (EIDOS_SAE_BATCH_TOP_K, SaeKind::BatchTopK),
            (EIDOS_SAE_TOP_K, SaeKind::TopK),
            (EIDOS_SAE_VANILLA, SaeKind::Vanilla),
            (EIDOS_SAE_JUMP_RELU, SaeKind::JumpRelu),
            (EIDOS_SAE_GATED, SaeKind::Gated),
            (EIDOS_SAE_MATRYOSHKA, SaeKind::Matryoshka),
            (EIDOS_SAE_MATCHING_PURSUIT, SaeKind::MatchingPursuit),
        ];
        let kernels = [
            (EIDOS_KERNEL_RECTANGLE, ThresholdKernel::Rectangle),
            (EIDOS_KERNEL_TRIANGULAR, ThresholdKernel::Triangular),
            (EIDOS_KERNEL_EPANECHNIKOV, ThresholdKernel::Epanechnikov),
            (EIDOS_KERNEL_QUARTIC, ThresholdKernel::Quartic),
            (EIDOS_KERNEL_COSINE, ThresholdKernel::Cosine),
            (EIDOS_KERNEL_GAUSSIAN, ThresholdKernel::Gaussian),
            (EIDOS_KERNEL_SILVERMAN, ThresholdKernel::Silverman),
            (EIDOS_KERNEL_CAUCHY, ThresholdKernel::Cauchy),
        ];
        Ok(SaeOptions {
            kernel: choice(self.kernel, "kernel", &kernels)?,
            bandwidth: self.bandwidth,
            concept_count: self.concept_count as usize,
            kind: choice(self.kind, "kind", &kinds)?,
            k: self.k as usize,
            penalty: self.penalty,
            steps: self.steps as usize,
            batch_rows: self.batch_rows as usize,
            learning_rate: self.learning_rate,
            warm_up: self.warm_up,
            decay: self.decay,
            dead_weight: self.dead_weight,
            restart_dead: self.restart_dead != 0,
            dead_after: self.dead_after as usize,
            shuffled_rows: self.shuffled_rows as usize,
            held_out: self.held_out,
            seed: self.seed,
            checkpoint: self.checkpoint.optional("checkpoint")?.map(PathBuf::from),
            checkpoint_every: self.checkpoint_every as usize,
            threads: self.threads as usize,
            device: device_choice(self.device, self.device_index)?,
        })
    }
}

/// Fills the options of a sparse autoencoder with the defaults. `size` is `sizeof(eidos_sae_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_sae_options_init(options: Out<eidos_sae_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Trains a sparse autoencoder: many concepts, of which each row has few, that reconstruct the rows. The measures are, on rows
/// that were held out, `fvu`, the fraction of variance unexplained, `l0`, the codes of a row on average, and `loss`, the squared
/// error of a row; and the shares of concepts that are `dead`, which no row has, and `dense`, which more than a tenth of the rows
/// have. They are logged while it trains. `EIDOS_UNSUPPORTED` for rows that are spread over processes. `control` and `err` may be
/// NULL.
///
/// # Safety
/// `activations` is a live handle; `options` was filled by `eidos_sae_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_sae_fit(
    activations: Ref<eidos_activations>,
    options: In<eidos_sae_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let activations = &activations.get()?.activations;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        out.handle(Explainer::fit::<Sae>(activations, &options, &control)?);
        Ok(())
    })
}

/// Trains a sparse autoencoder as `eidos_sae_fit`, on the rows that a model gives for inputs at its split point of that number. Nobody
/// keeps the rows: those that are shuffled together are made by the model when they are read, in each pass again. The result has the
/// bits of a training on activations that were collected with the same options, which may name neither a folder nor the memory of a
/// device. `activations_options`, `control` and `err` may be NULL.
///
/// # Safety
/// `model` and `inputs` are live handles; `activations_options` is NULL or was filled by `eidos_activations_options_init`, and
/// `options` by `eidos_sae_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_sae_fit_texts(
    model: Ref<eidos_split_model>,
    inputs: Ref<eidos_inputs>,
    split_point: usize,
    activations_options: In<eidos_activations_options>,
    options: In<eidos_sae_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let (model, inputs) = (&model.get()?.model, inputs.get()?);
        let collected = activations_options.read()?.to_rust()?;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        let rows = model.text_rows(inputs, split_point, &collected, &control)?;
        let provenance = rows.provenance().clone();
        out.handle(Explainer::fit_rows::<Sae>(&rows, provenance, &options, &control)?);
        Ok(())
    })
}

/// Trains a transcoder: as `eidos_sae_fit`, but what it gives are the rows of another module, such as the output of an MLP whose
/// input it reads. `inputs` and `outputs` have the same units, row by row; `EIDOS_MISMATCH` where they have not. `control` and
/// `err` may be NULL.
///
/// # Safety
/// `inputs` and `outputs` are live handles; `options` was filled by `eidos_sae_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_sae_fit_transcoder(
    inputs: Ref<eidos_activations>,
    outputs: Ref<eidos_activations>,
    options: In<eidos_sae_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let (inputs, outputs) = (&inputs.get()?.activations, &outputs.get()?.activations);
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        out.handle(Sae::transcoder(inputs, outputs, &options, &control)?);
        Ok(())
    })
}

/// Trains a transcoder as `eidos_sae_fit_transcoder`, on the rows that a model gives for inputs at two of its split points: those of
/// `split_point` are read, and those of `output_split_point` are to be given. Nobody keeps the rows, as in `eidos_sae_fit_texts`; the model
/// runs for each of the two. The result has the bits of a training on activations that were collected with the same options.
/// `activations_options`, `control` and `err` may be NULL.
///
/// # Safety
/// `model` and `inputs` are live handles; `activations_options` is NULL or was filled by `eidos_activations_options_init`, and
/// `options` by `eidos_sae_options_init`; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_sae_fit_transcoder_texts(
    model: Ref<eidos_split_model>,
    inputs: Ref<eidos_inputs>,
    split_point: usize,
    output_split_point: usize,
    activations_options: In<eidos_activations_options>,
    options: In<eidos_sae_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_explainer>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let (model, inputs) = (&model.get()?.model, inputs.get()?);
        let collected = activations_options.read()?.to_rust()?;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        let rows = model.text_rows(inputs, split_point, &collected, &control)?;
        let outputs = rows.at(output_split_point)?;
        let provenances = [rows.provenance().clone(), outputs.provenance().clone()];
        out.handle(Sae::transcoder_rows(&rows, &outputs, provenances, &options, &control)?);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_sae_options::DEFAULT.to_rust().unwrap(), SaeOptions::new(0));
    }
}
