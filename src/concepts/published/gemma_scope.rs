//! Gemma Scope 1 (`params.npz`) and 2 (`params.safetensors`), of Google DeepMind: JumpReLU, whose decoder bias is not subtracted from
//! a row.
//!
//! Files of the first say nothing but numbers: model, place and layer stand in the names of folders and of the repository.

use super::config::Config;
use super::files::DictionaryFiles;
use super::names::{number_after, part_with, without_output};
use super::{Published, PublishedOptions};
use crate::concepts::sae::{AutoencoderParts, SaeActivation};
use crate::error::{Error, ErrorCode, Result};
use crate::tensor_files::TensorFile;

/// The names of the tensors of a version.
struct Tensors {
    encoder: &'static str,
    decoder: &'static str,
}

/// Reads a dictionary of Gemma Scope 1.
///
/// # Errors
/// Those of [`super::open`].
pub(super) fn read_first(
    files: &dyn DictionaryFiles,
    weights: &TensorFile,
    options: &PublishedOptions,
) -> Result<Published> {
    let folders = files.folders();
    let repository = part_with(&folders, "gemma-scope-");
    let encoder = weights.first(&["W_enc", "w_enc"]).unwrap_or("W_enc");
    let decoder = weights.first(&["W_dec", "w_dec"]).unwrap_or("W_dec");
    let mut parts = parts(weights, &Tensors { encoder, decoder })?;
    let place = repository.unwrap_or_default();
    let is_embedding = folders.split('/').any(|folder| folder == "embedding");
    parts.transcoder = options.transcoder.unwrap_or_else(|| place.contains("transcoders"));
    if is_embedding && !parts.transcoder {
        // They were trained on rows without the factor that Gemma multiplies its embedding by.
        let factor = (parts.columns as f32).sqrt();
        parts.encoder.iter_mut().for_each(|value| *value /= factor);
        parts.dictionary.iter_mut().for_each(|value| *value *= factor);
    }
    let layer = number_after(&folders, "layer_");
    let hook = match (layer, place) {
        _ if is_embedding => Some("hook_embed".to_owned()),
        (Some(layer), place) if place.contains("transcoders") => Some(format!("blocks.{layer}.ln2.hook_normalized")),
        (Some(layer), place) if place.ends_with("-res") => Some(format!("blocks.{layer}.hook_resid_post")),
        (Some(layer), place) if place.ends_with("-mlp") => Some(format!("blocks.{layer}.hook_mlp_out")),
        (Some(layer), place) if place.ends_with("-att") => Some(format!("blocks.{layer}.attn.hook_z")),
        _ => None,
    };
    let mut published = Published::new("gemma_scope", parts).of(repository.and_then(first_model), hook.clone());
    if published.parts.transcoder {
        published.output_split_point = layer.map(|layer| format!("blocks.{layer}.hook_mlp_out"));
    }
    if hook.is_none() && options.split_point.is_none() {
        published.warnings.push(
            "the names of the folders do not say which layer the dictionary is for: give its `split_point` to interpret texts \
             with it"
                .to_owned(),
        );
    }
    Ok(published)
}

/// The model of a repository of Gemma Scope 1: `gemma-scope-9b-it-res` is of `google/gemma-2-9b-it`.
fn first_model(repository: &str) -> Option<String> {
    let mut words = repository.strip_prefix("gemma-scope-")?.split('-');
    let (size, kind) = (words.next()?, words.next()?);
    let is_size = size.strip_suffix('b').is_some_and(|number| number.parse::<usize>().is_ok());
    let ending = if kind == "it" { "-it" } else { "" };
    is_size.then(|| format!("google/gemma-2-{size}{ending}"))
}

/// Reads a dictionary of Gemma Scope 2, with its configuration where it has one.
///
/// # Errors
/// Those of [`super::open`].
pub(super) fn read_second(
    files: &dyn DictionaryFiles,
    config: Option<&Config>,
    weights: &TensorFile,
) -> Result<Published> {
    let folders = files.folders();
    if let Some(config) = config
        && !matches!(config.text("architecture")?, None | Some("jump_relu"))
    {
        return Err(config.unsupported("architecture", "use a dictionary with the architecture jump_relu"));
    }
    if let [_, layers, _] = *weights.shape("w_dec")? {
        let message =
            format!("`{}` is of a transcoder that writes to {layers} layers, which is not read", weights.name());
        return Err(Error::new(ErrorCode::Unsupported, message)
            .hint("use a dictionary of one layer, such as those in `transcoder` or `resid_post`")
            .detail("path", weights.name()));
    }
    let mut parts = parts(weights, &Tensors { encoder: "w_enc", decoder: "w_dec" })?;
    let kind = ["transcoder", "resid_post", "attn_out", "mlp_out"].into_iter().find(|kind| folders.contains(kind));
    let inferred = number_after(&folders, "layer_").zip(kind).map(|(layer, kind)| places(layer, kind));
    let said = |field: &str| config.map_or(Ok(None), |config| config.name_of(field));
    let (input, output) = match said("hf_hook_point_in")? {
        Some(input) => (Some(input), said("hf_hook_point_out")?),
        None => inferred.map_or((None, None), |(input, output)| (Some(input), output)),
    };
    parts.transcoder =
        output.as_ref().is_some_and(|output| Some(output) != input.as_ref()) || weights.has("affine_skip_connection");
    if weights.has("affine_skip_connection") {
        let (columns, outputs) = (parts.columns, parts.output_columns);
        parts.skip = weights.matrix("affine_skip_connection", [columns, outputs], true)?;
    }
    let model = match said("model_name")? {
        Some(model) => Some(second_model(&model)),
        None => {
            part_with(&folders, "gemma-scope-2").map(|name| second_model(&name.replace("gemma-scope-2", "gemma-3")))
        }
    };
    let bare = |path: String| without_output(&path).to_owned();
    let mut published = Published::new("gemma_scope_2", parts).of(model, input.map(bare));
    published.output_split_point = output.map(bare).filter(|_| published.parts.transcoder);
    Ok(published)
}

/// Where a dictionary of some layer reads and what it gives, by the name of its folder.
fn places(layer: usize, kind: &str) -> (String, Option<String>) {
    let at = |module: &str| format!("model.layers.{layer}{module}");
    match kind {
        "transcoder" => (at(".pre_feedforward_layernorm.output"), Some(at(".post_feedforward_layernorm.output"))),
        "attn_out" => (at(".self_attn.o_proj.input"), None),
        "mlp_out" => (at(".post_feedforward_layernorm.output"), None),
        _ => (at(".output"), None),
    }
}

/// A model as the hub has it: files say `gemma-v3-1b-pt` as well. Of the smallest the hub has no `-pt`.
fn second_model(name: &str) -> String {
    let name = name.replace("-v3", "-3");
    let name = if name.contains("270m") { name.replace("-pt", "") } else { name };
    if name.contains('/') { name } else { format!("google/{name}") }
}

/// What both versions have.
fn parts(weights: &TensorFile, names: &Tensors) -> Result<AutoencoderParts> {
    // As some tell it, the width in the name of a folder is not that of the tensors.
    let [columns, concepts] = weights.sides(names.encoder)?;
    let [_, outputs] = weights.sides(names.decoder)?;
    let mut parts = AutoencoderParts::new(
        weights.matrix(names.encoder, [columns, concepts], true)?,
        weights.matrix(names.decoder, [concepts, outputs], false)?,
        columns,
        SaeActivation::JumpRelu { thresholds: weights.vector("threshold", concepts)?, strict: true },
    );
    parts.bias = weights.vector("b_enc", concepts)?;
    parts.output_offset = weights.vector("b_dec", outputs)?;
    parts.output_columns = outputs;
    Ok(parts)
}
