//! What a configuration may ask for that no family builds: fields that change what any model computes, and code of its
//! own.

use serde_json::{Value, json};

use super::Head;
use crate::error::{Error, ErrorCode, Result};
use crate::model::config::Config;

/// The families that read what `per_layer_config` says of sizes of heads.
const WITH_SIZES_OF_BLOCKS: [&str; 1] = ["gemma4_text"];
/// The types of which the MLP of a block may be several, of which each token takes some.
const MIXTURES: [&str; 4] = ["mixtral", "qwen2_moe", "qwen3_moe", "gpt_oss"];

/// Refuses fields that change the model whatever its family is.
///
/// # Errors
/// [`ErrorCode::Unsupported`] naming the field.
pub(super) fn fields(config: &Config) -> Result<()> {
    let nothing = [json!({}), json!([])];
    let one = [json!(0), json!(1)];
    let is_unpacked = config.text("model_type", "")? == "gpt_oss" && quantised_by(config) == Some("mxfp4");
    let is_mixture = MIXTURES.contains(&config.text("model_type", "")?);
    for (field, harmless) in [
        // Weights that must be unpacked first.
        ("compression_config", &[][..]),
        // Heads of the attention that were cut out.
        ("pruned_heads", &nothing),
        // One set of weights for the blocks of encoder and decoder.
        ("tie_encoder_decoder", &[json!(false)]),
    ] {
        config.only(field, harmless)?;
    }
    // Another set of fields for some of the blocks.
    if !WITH_SIZES_OF_BLOCKS.contains(&config.text("model_type", "")?) {
        config.only("per_layer_config", &nothing)?;
    }
    if !is_unpacked {
        config.only("quantization_config", &[])?;
    }
    if !is_mixture {
        ["num_experts", "num_local_experts"].into_iter().try_for_each(|field| config.only(field, &one))?;
    }
    config.only("n_routed_experts", &one)
}

/// What the weights of a model were quantised by.
fn quantised_by(config: &Config) -> Option<&str> {
    config.get("quantization_config")?.get("quant_method")?.as_str()
}

/// Refuses a model whose `auto_map` names a class of its own that is none of the family's. Code in a model's repository
/// is never run: where it only repeats the family's classes, as EuroBERT's and Phi-3's does, the family is built, and a
/// head that Eidos does not know is left out as any other; but a class of another name is another architecture
/// (JinaBERT, LLM2Vec).
///
/// # Errors
/// [`ErrorCode::Unsupported`] naming the field and the class.
pub(super) fn own_code(config: &Config, known: &[(&'static str, Head)]) -> Result<()> {
    let Some(Value::Object(classes)) = config.get("auto_map") else { return Ok(()) };
    for (kind, reference) in classes.iter().filter(|(kind, _)| kind.starts_with("AutoModel")) {
        let reference = reference.as_str().unwrap_or_default();
        // `owner/repository--module.Class`.
        let class = reference.rsplit('.').next().unwrap_or_default();
        let is_known = known.iter().any(|(known, _)| *known == class);
        let alike = kind != "AutoModel" && class.starts_with(stem(known));
        if !is_known && !alike {
            let message =
                format!("config.json: `auto_map.{kind}` is `{reference}`, code that Eidos neither has nor runs");
            let built: Vec<_> = known.iter().map(|(class, _)| *class).collect();
            return Err(Error::new(ErrorCode::Unsupported, message)
                .hint(format!("use a model of one of these classes: {}", built.join(", ")))
                .detail("field", "auto_map")
                .detail("value", reference));
        }
    }
    Ok(())
}

/// What the names of a family's classes have in common (`EuroBert`).
fn stem(classes: &[(&'static str, Head)]) -> &'static str {
    let mut names = classes.iter().map(|(class, _)| *class);
    let first = names.next().unwrap_or_default();
    names.fold(first, |stem, name| {
        let same = stem.bytes().zip(name.bytes()).take_while(|(one, other)| one == other).count();
        stem.get(..same).unwrap_or_default()
    })
}
