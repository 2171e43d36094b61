//! dictionary_learning: `config.json` and `ae.pt`, a pickle of tensors, which is read and never run.
//!
//! The class of a dictionary stands in the configuration. Where there is none, the names of the tensors tell most of them.

use super::Published;
use super::config::Config;
use super::files::DictionaryFiles;
use crate::concepts::sae::{AutoencoderParts, SaeActivation};
use crate::error::{Error, ErrorCode, Result};
use crate::tensor_files::TensorFile;

/// The file of the weights.
const WEIGHTS: &str = "ae.pt";

/// The classes that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// ReLU, whose bias is subtracted from a row. The library loads it with rows of its dictionary of the norm 1.
    Standard,
    /// ReLU, whose bias is not subtracted.
    April,
    TopK,
    /// Trained to keep the largest codes of a batch; then what is above one threshold.
    BatchTopK,
    JumpRelu,
    Gated,
}

/// Whether a `config.json` is that of a dictionary of this library.
pub(super) fn is_one(config: &Config) -> bool {
    config.inner("trainer").get("dict_class").is_some()
}

/// Reads a dictionary.
///
/// # Errors
/// Those of [`super::open`].
pub(super) fn read(files: &dyn DictionaryFiles, config: &Config) -> Result<Published> {
    let weights = TensorFile::open(&files.required(&[WEIGHTS])?)?;
    let trainer = config.inner("trainer");
    let class = match trainer.text("dict_class")?.unwrap_or_default() {
        "AutoEncoder" => Class::Standard,
        "AutoEncoderNew" => Class::April,
        "AutoEncoderTopK" => Class::TopK,
        "BatchTopKSAE" | "MatryoshkaBatchTopKSAE" => Class::BatchTopK,
        "JumpReluAutoEncoder" => Class::JumpRelu,
        "GatedAutoEncoder" => Class::Gated,
        _ => {
            let hint = "use a dictionary of the class AutoEncoder, AutoEncoderNew, AutoEncoderTopK, BatchTopKSAE, \
                        MatryoshkaBatchTopKSAE, JumpReluAutoEncoder or GatedAutoEncoder";
            return Err(trainer.unsupported("dict_class", hint));
        }
    };
    let parts = parts(&weights, class, trainer.size("k")?)?;
    Ok(Published::new("dictionary_learning", parts).of(trainer.name_of("lm_name")?, split_point(&trainer)?))
}

/// Reads weights without a configuration: the names of the tensors say what they are, but for top-k and batch-top-k, which have
/// the same.
///
/// # Errors
/// Those of [`super::open`].
pub(super) fn read_without_config(weights: &TensorFile) -> Result<Published> {
    let class = match () {
        () if weights.has("r_mag") => Class::Gated,
        () if weights.has("group_sizes") => Class::BatchTopK,
        () if weights.has("k") => {
            let message = format!(
                "`{}` may be an AutoEncoderTopK or a BatchTopKSAE, which give other codes, and no `config.json` lies beside it",
                weights.name()
            );
            return Err(Error::new(ErrorCode::NotFound, message)
                .hint("get the `config.json` that was published with it, into the same folder")
                .detail("path", weights.name()));
        }
        () if weights.has("threshold") => Class::JumpRelu,
        () if weights.has("decoder.bias") => Class::April,
        () => Class::Standard,
    };
    Ok(Published::new("dictionary_learning", parts(weights, class, None)?))
}

fn parts(weights: &TensorFile, class: Class, k: Option<usize>) -> Result<AutoencoderParts> {
    // Older classes have PyTorch's `Linear`, newer ones matrices of their own, which lie the other way.
    let (encoder, decoder) = if weights.has("W_enc") {
        let [columns, concepts] = weights.sides("W_enc")?;
        let encoder = weights.matrix("W_enc", [columns, concepts], true)?;
        (encoder, weights.matrix("W_dec", [concepts, columns], false)?)
    } else {
        let [concepts, columns] = weights.sides("encoder.weight")?;
        let encoder = weights.matrix("encoder.weight", [concepts, columns], false)?;
        (encoder, weights.matrix("decoder.weight", [columns, concepts], true)?)
    };
    let columns = if weights.has("W_enc") { weights.sides("W_enc")?[0] } else { weights.sides("encoder.weight")?[1] };
    let mut parts = AutoencoderParts::new(encoder, decoder, columns, SaeActivation::Relu);
    let concepts = parts.concept_count();
    if let Some(name) = weights.first(&["b_enc", "encoder.bias", "gate_bias"]) {
        parts.bias = weights.vector(name, concepts)?;
    }
    let bias = weights.first(&["b_dec", "bias", "decoder.bias", "decoder_bias"]);
    parts.output_offset = weights.vector(bias.unwrap_or("b_dec"), columns)?;
    if !matches!(class, Class::April | Class::JumpRelu) {
        parts.offset.clone_from(&parts.output_offset);
    }
    match class {
        Class::April => {}
        Class::Standard => parts = parts.fold_norms()?,
        Class::TopK => {
            let k = if weights.has("k") { whole(weights, "k")? } else { k.unwrap_or(0) };
            // Rectified before the largest are chosen, which gives the same codes as afterwards.
            parts.activation = SaeActivation::TopK { k: k.min(concepts), signed: false };
        }
        Class::BatchTopK => {
            // Below zero it means that no threshold was found.
            let threshold = (weights.number("threshold")? as f32).max(0.0);
            parts.activation = SaeActivation::JumpRelu { thresholds: vec![threshold; concepts], strict: true };
        }
        Class::JumpRelu => {
            let thresholds = weights.vector("threshold", concepts)?;
            parts.activation = SaeActivation::JumpRelu { thresholds, strict: true };
        }
        Class::Gated => {
            let mut magnitude_scale = weights.vector("r_mag", concepts)?;
            magnitude_scale.iter_mut().for_each(|value| *value = value.exp());
            let magnitude_bias = weights.vector("mag_bias", concepts)?;
            parts.activation = SaeActivation::Gated { magnitude_scale, magnitude_bias };
        }
    }
    Ok(parts)
}

fn whole(weights: &TensorFile, name: &str) -> Result<usize> {
    let number = weights.number(name)?;
    if number >= 1.0 && number.fract() == 0.0 && number < 1e9 {
        return Ok(number as usize);
    }
    Err(weights.wrong(name, &format!("is {number}, and should count the codes of a row")))
}

/// The split point that a dictionary reads: the trainer names a module (`resid_post_layer_8`, `attn_out_layer_3`), or a layer whose
/// output is meant.
fn split_point(trainer: &Config) -> Result<Option<String>> {
    let block = |layer: usize, place: &str| {
        let hook = match place {
            "attention_out" | "attn_out" => "hook_attn_out",
            "mlp_out" => "hook_mlp_out",
            "resid_pre" => "hook_resid_pre",
            _ => "hook_resid_post",
        };
        format!("blocks.{layer}.{hook}")
    };
    let module = trainer.get("submodule_name").and_then(serde_json::Value::as_str);
    let named = module.and_then(|module| {
        let (place, number) = module.rsplit_once("_layer_")?;
        Some(block(number.parse().ok()?, place))
    });
    Ok(named.or(trainer.size("layer")?.map(|layer| block(layer, "resid_post"))))
}
