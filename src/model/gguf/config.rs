//! Metadata as the `config.json` of the model before it was converted.

use serde_json::{Map, Value, json};

use super::Keys;
use super::architectures::set;
use super::keys::not_built;
use crate::error::{Error, ErrorCode, Result};
use crate::gguf::{Part, Parts, TensorInfo, missing};

/// What llama.cpp takes where a file says nothing.
const DEFAULT_THETA: f64 = 10_000.0;

/// Numbers that some architectures of llama.cpp calculate with, and what they are where they change nothing.
const NEUTRAL: &[(&str, f64)] = &[
    ("attention.clamp_kqv", 0.0),
    ("attention.scale", 0.0),
    ("embedding_scale", 0.0),
    ("residual_scale", 0.0),
    ("logit_scale", 0.0),
    ("attn_logit_softcapping", 0.0),
    ("final_logit_softcapping", 0.0),
    ("rope.scaling.yarn_log_multiplier", 0.0),
    ("rope.scaling.yarn_ext_factor", 1.0),
    ("rope.scaling.yarn_attn_factor", 1.0),
];

/// How the type of single precision is numbered.
const F32: u32 = 0;

/// The bytes of the `config.json` that the model of a file would have. The first part alone tells which modules there
/// are, but not whether weights are tied and how frequencies are scaled, which other parts may say.
///
/// # Errors
/// [`ErrorCode::InvalidFile`] naming a metadata key that is missing or of another type; [`ErrorCode::Unsupported`]
/// naming one that asks for something that is not built, or listing the architectures that are.
pub(crate) fn config(parts: &Parts<'_>) -> Result<Vec<u8>> {
    let keys = Keys::new(parts.metadata())?;
    refuse(&keys)?;
    let mut fields = Map::new();
    sizes(&keys, parts, &mut fields)?;
    rotation(&keys, parts, &mut fields)?;
    (keys.architecture.fields)(&keys, &mut fields)?;
    Ok(Value::Object(fields).to_string().into_bytes())
}

/// Refuses what none of the architectures is built with.
fn refuse(keys: &Keys<'_>) -> Result<()> {
    if let Some(kind) = keys.metadata.text("general.type")?.filter(|kind| *kind != "model") {
        return Err(not_built("general.type", format!("`{kind}`")));
    }
    let has_experts = keys.architecture.has_experts;
    if let Some(experts) = keys.size("expert_count")?.filter(|experts| *experts > 0 && !has_experts) {
        return Err(keys.not_built("expert_count", experts));
    }
    // A file says it for encoders, or else nothing.
    let both_sides = keys.architecture.reads_both_sides;
    if let Some(causal) = keys.flag("attention.causal")?.filter(|causal| *causal == both_sides) {
        return Err(keys.not_built("attention.causal", causal));
    }
    for (key, neutral) in NEUTRAL {
        let own = keys.architecture.numbers.contains(key);
        if let Some(value) = keys.number(key)?.filter(|value| !own && (value - neutral).abs() > 1e-6) {
            return Err(keys.not_built(key, value));
        }
    }
    Ok(())
}

fn sizes(keys: &Keys<'_>, parts: &Parts<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    let tensor = |name: &str| parts.tensor(name);
    let (heads, key_value_heads) = keys.heads()?;
    set(fields, "model_type", Some(keys.architecture.model_type));
    set(fields, "architectures", Some(json!([keys.architecture.class])));
    set(fields, "vocab_size", Some(vocabulary(keys, parts)?));
    set(fields, "hidden_size", Some(keys.required("embedding_length")?));
    set(fields, "num_hidden_layers", Some(keys.required("block_count")?));
    set(fields, "intermediate_size", Some(keys.required("feed_forward_length")?));
    set(fields, "num_attention_heads", Some(heads));
    set(fields, "num_key_value_heads", Some(key_value_heads));
    set(fields, "head_dim", head_width(keys, heads)?);
    set(fields, "max_position_embeddings", Some(keys.required("context_length")?));
    // Models whose norms are other ones say what these add.
    if keys.number("attention.layer_norm_epsilon")?.is_none() {
        set(fields, "rms_norm_eps", Some(keys.required_number("attention.layer_norm_rms_epsilon")?));
    }
    set(fields, "pad_token_id", Some(json!(keys.metadata.size("tokenizer.ggml.padding_token_id")?)));
    set(fields, "tie_word_embeddings", Some(tensor("output.weight").is_none()));
    set(fields, "attention_bias", Some(tensor("blk.0.attn_q.bias").is_some()));
    set(fields, "mlp_bias", Some(tensor("blk.0.ffn_up.bias").is_some()));
    Ok(())
}

/// Rows of the table of embeddings, which nearly always is in the first part. Where it is not, the first part's
/// metadata says it.
fn vocabulary(keys: &Keys<'_>, parts: &Parts<'_>) -> Result<usize> {
    const TABLE: &str = "token_embd.weight";
    const TOKENS: &str = "tokenizer.ggml.tokens";
    match parts.tensor(TABLE) {
        Some((_, table)) => table.shape.first().copied().ok_or_else(|| missing_tensor(TABLE)),
        None if parts.are_complete() => Err(missing_tensor(TABLE)),
        None => match keys.size("vocab_size")? {
            Some(size) => Ok(size),
            None => Ok(keys.metadata.texts(TOKENS)?.ok_or_else(|| missing(TOKENS))?.len()),
        },
    }
}

/// Columns of a head; nothing where the heads do not share the width evenly, which the family refuses.
fn head_width(keys: &Keys<'_>, heads: usize) -> Result<Option<usize>> {
    let width = keys.required("embedding_length")?;
    let even = (heads > 0 && width.is_multiple_of(heads)).then(|| width / heads);
    let (key, value) = (keys.size("attention.key_length")?.or(even), keys.size("attention.value_length")?.or(even));
    match (key, value) {
        (Some(key), Some(value)) if key != value => Err(keys.not_built("attention.value_length", value)),
        _ => Ok(key),
    }
}

/// The fields about rotary positions.
fn rotation(keys: &Keys<'_>, parts: &Parts<'_>, fields: &mut Map<String, Value>) -> Result<()> {
    set(fields, "rope_theta", Some(keys.number("rope.freq_base")?.unwrap_or(DEFAULT_THETA)));
    let head = fields.get("head_dim").and_then(Value::as_u64).unwrap_or(0) as usize;
    let turning = keys.size("rope.dimension_count")?.unwrap_or(head);
    if turning != head && head > 0 {
        if keys.architecture.interleaves_halves {
            return Err(keys.not_built("rope.dimension_count", turning));
        }
        set(fields, "partial_rotary_factor", Some(turning as f64 / head as f64));
    }
    // The rest depends on tensors of any part, and no module depends on it.
    if !parts.are_complete() {
        return Ok(());
    }
    let factors = |name: &str| factors(parts, name, turning / 2);
    let both = match (factors("rope_factors_short.weight")?, factors("rope_factors_long.weight")?) {
        (Some(short), Some(long)) => Some((short, long)),
        // Llama 3.1's factors of frequencies, which the converter has computed.
        (None, None) => factors("rope_freqs.weight")?.map(|factors| (factors.clone(), factors)),
        (None, _) => return Err(missing_tensor("rope_factors_short.weight")),
        (_, None) => return Err(missing_tensor("rope_factors_long.weight")),
    };
    let (kind, factor) = scaling(keys)?;
    let mut scaling = Map::new();
    set(&mut scaling, "original_max_position_embeddings", keys.size("rope.scaling.original_context_length")?);
    let amplitude = keys.number("rope.scaling.attn_factor")?.unwrap_or(1.0);
    match (kind, both) {
        ("none" | "longrope", Some((short, long))) => {
            set(&mut scaling, "rope_type", Some("longrope"));
            set(&mut scaling, "short_factor", Some(short));
            set(&mut scaling, "long_factor", Some(long));
            set(&mut scaling, "attention_factor", Some(amplitude));
        }
        ("none" | "linear", None) if (amplitude - 1.0).abs() > 1e-6 => {
            return Err(keys.not_built("rope.scaling.attn_factor", amplitude));
        }
        ("none", None) => return Ok(()),
        ("linear", None) => {
            set(&mut scaling, "rope_type", Some("linear"));
            set(&mut scaling, "factor", factor);
        }
        ("yarn", None) => {
            set(&mut scaling, "rope_type", Some("yarn"));
            set(&mut scaling, "factor", factor);
            set(&mut scaling, "beta_fast", keys.number("rope.scaling.yarn_beta_fast")?);
            set(&mut scaling, "beta_slow", keys.number("rope.scaling.yarn_beta_slow")?);
            let usual = factor.filter(|factor| *factor > 1.0).map_or(1.0, |factor| 0.1 * factor.ln() + 1.0);
            set(&mut scaling, "attention_factor", Some(amplitude * usual));
        }
        (kind, _) => return Err(keys.not_built("rope.scaling.type", format!("`{kind}`"))),
    }
    set(fields, "rope_scaling", Some(scaling));
    Ok(())
}

/// How positions are scaled, and by which factor.
fn scaling<'a>(keys: &Keys<'a>) -> Result<(&'a str, Option<f64>)> {
    // Files of 2023 have the second key only. Zero stands for none.
    let factor = keys.number("rope.scaling.factor")?.or(keys.number("rope.scale_linear")?);
    let factor = factor.filter(|factor| *factor != 0.0);
    match (keys.text("rope.scaling.type")?, factor) {
        (None | Some("linear"), None) => Ok(("none", None)),
        (kind, factor) => Ok((kind.unwrap_or("linear"), factor)),
    }
}

/// The factors by which frequencies are divided, where a tensor of that name says them.
fn factors(parts: &Parts<'_>, name: &str, waves: usize) -> Result<Option<Vec<f64>>> {
    let Some((part, tensor)) = parts.tensor(name) else { return Ok(None) };
    let values = single_precision(part, tensor, waves).filter(|values| values.iter().all(|value| *value > 0.0));
    values.map(Some).ok_or_else(|| {
        let path = part.path.display();
        Error::new(
            ErrorCode::InvalidFile,
            format!(
                "`{path}`: the tensor `{name}` is not {waves} numbers above 0 in single precision, one for each wave"
            ),
        )
        .hint("get the file again")
        .detail("tensor", name)
    })
}

fn single_precision(part: &Part<'_>, tensor: &TensorInfo<'_>, count: usize) -> Option<Vec<f64>> {
    let start = part.header.start.checked_add(tensor.offset)?;
    let end = start.checked_add(count.checked_mul(size_of::<f32>())?)?;
    let bytes = part.bytes.get(start..end).filter(|_| tensor.kind == F32 && tensor.shape == [count])?;
    let values = bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    Some(values.map(f64::from).collect())
}

fn missing_tensor(name: &str) -> Error {
    Error::new(ErrorCode::InvalidFile, format!("the tensor `{name}` is missing"))
        .hint("get the file again")
        .detail("tensor", name)
}
