//! Llama Scope, of OpenMOSS: `hyperparams.json` with `checkpoints/final.safetensors`, and the newer `config.json` with
//! `sae_weights.safetensors`.
//!
//! Rows were scaled in training to the norm `sqrt(columns)` on average; the files have the average norm of the rows. The older files
//! have one threshold for all concepts, on the scale of the rows of the output, for a dictionary of rows of the norm 1.

use super::config::Config;
use super::files::DictionaryFiles;
use super::{Published, PublishedOptions};
use crate::concepts::sae::{AutoencoderParts, SaeActivation};
use crate::error::Result;
use crate::tensor_files::TensorFile;

/// Reads a dictionary of the older form.
///
/// # Errors
/// Those of [`super::open`].
pub(super) fn read(files: &dyn DictionaryFiles, config: &Config) -> Result<Published> {
    let weights = TensorFile::open(&files.required(&["checkpoints/final.safetensors", "final.safetensors"])?)?;
    let mut parts = parts(&weights)?;
    let norms = config.inner("dataset_average_activation_norm");
    let target = (parts.columns as f64).sqrt();
    let (input, output) = (target / norms.positive("in")?, target / norms.positive("out")?);
    match config.text("act_fn")?.unwrap_or("jumprelu") {
        "jumprelu" => {
            let threshold =
                config.number("jump_relu_threshold")?.ok_or_else(|| config.missing("jump_relu_threshold"))?;
            // A code is above it as a part of the output: times the norm of its row of the dictionary, on the scale of raw rows.
            let norms = norms_of(&parts);
            let of_concept = |norm: f64| if norm > 0.0 { (threshold * output / norm) as f32 } else { f32::MAX };
            let thresholds = norms.into_iter().map(of_concept).collect();
            parts.activation = SaeActivation::JumpRelu { thresholds, strict: true };
        }
        "relu" => {}
        "topk" => {
            let k = config.required_size("top_k")?.min(parts.concept_count());
            parts.activation = SaeActivation::TopK { k, signed: false };
        }
        _ => return Err(config.unsupported("act_fn", "use a dictionary with the activation jumprelu, relu or topk")),
    }
    let input_name = config.name_of("hook_point_in")?;
    let output_name = config.name_of("hook_point_out")?;
    parts.transcoder = output_name.is_some() && output_name != input_name;
    if config.flag("apply_decoder_bias_to_pre_encoder", false)? && !parts.transcoder {
        parts.offset.clone_from(&parts.output_offset);
    }
    // Codes stay on the scale of the scaled rows, as SAELens has them.
    let mut published = Published::new("llama_scope", parts.fold_factors(input as f32, output as f32)?);
    published.output_split_point = output_name.filter(|_| published.parts.transcoder);
    Ok(published.of(model(files), input_name))
}

/// Whether a `config.json` is that of a dictionary of the newer form.
pub(super) fn is_newer(config: &Config) -> bool {
    config.get("hook_point_in").is_some() && config.get("d_model").is_some()
}

/// Reads a dictionary of the newer form, whose files do not hold the norm of the rows.
///
/// # Errors
/// Those of [`super::open`].
pub(super) fn read_newer(
    files: &dyn DictionaryFiles,
    config: &Config,
    options: &PublishedOptions,
) -> Result<Published> {
    let weights = TensorFile::open(&files.required(&["sae_weights.safetensors"])?)?;
    let mut parts = parts(&weights)?;
    if weights.has("log_jumprelu_threshold") {
        let mut thresholds = weights.vector("log_jumprelu_threshold", parts.concept_count())?;
        thresholds.iter_mut().for_each(|value| *value = value.exp());
        parts.activation = SaeActivation::JumpRelu { thresholds, strict: true };
    } else if !matches!(config.text("act_fn")?, None | Some("relu")) {
        return Err(config.unsupported("act_fn", "use a dictionary with the activation jumprelu or relu"));
    }
    let (input, output) = (config.name_of("hook_point_in")?, config.name_of("hook_point_out")?);
    parts.transcoder = output.is_some() && output != input;
    let mut published = Published::new("llama_scope", parts);
    published.output_split_point = output.filter(|_| published.parts.transcoder);
    let published = published.of(model(files), input);
    match config.text("norm_activation")? {
        Some("inference" | "none") => Ok(published),
        _ => published.with_input_factor(options.input_factor),
    }
}

/// The model, which the files do not say, but the names of the repositories that they come from.
fn model(files: &dyn DictionaryFiles) -> Option<String> {
    let folders = files.folders();
    let of = |name: &str| folders.contains(name);
    match () {
        () if of("R1-Distill") => Some("deepseek-ai/DeepSeek-R1-Distill-Llama-8B".to_owned()),
        () if of("Llama3_1-8B-Base") => Some("meta-llama/Llama-3.1-8B".to_owned()),
        () => None,
    }
}

/// The tensors, which have the shapes of PyTorch's `Linear`.
fn parts(weights: &TensorFile) -> Result<AutoencoderParts> {
    let [concepts, columns] = weights.sides("encoder.weight")?;
    let [outputs, _] = weights.sides("decoder.weight")?;
    let mut parts = AutoencoderParts::new(
        weights.matrix("encoder.weight", [concepts, columns], false)?,
        weights.matrix("decoder.weight", [outputs, concepts], true)?,
        columns,
        SaeActivation::Relu,
    );
    parts.output_columns = outputs;
    if weights.has("encoder.bias") {
        parts.bias = weights.vector("encoder.bias", concepts)?;
    }
    if weights.has("decoder.bias") {
        parts.output_offset = weights.vector("decoder.bias", outputs)?;
    }
    Ok(parts)
}

/// The norms of the rows of the dictionary.
fn norms_of(parts: &AutoencoderParts) -> Vec<f64> {
    let rows = parts.dictionary.chunks_exact(parts.output_columns);
    rows.map(|row| row.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()).collect()
}
