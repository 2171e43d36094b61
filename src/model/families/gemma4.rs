//! The text models of Gemma 4 (Google 2026): blocks that read a window beside wider ones that read all tokens, a second row
//! of each token's id that every block reads a part of, late blocks that read the keys and values of earlier ones, norms of
//! values, and a number that each block's output is multiplied by.

use std::collections::BTreeMap;

use serde_json::Value;

use super::llama_parts::{Classes, Decoder, Defaults, HeadNorms, Norms, classes};
use super::rotary::{RotaryDefaults, settings_in};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    BlockSite, Blueprint, EmbeddingSite, Part, PerLayerInputs, RotaryScaling, RotarySettings, Site, Work,
};
use crate::model::config::Config;

const CLASSES: Classes = Classes {
    model: "Gemma4TextModel",
    layer: "Gemma4TextDecoderLayer",
    attention: "Gemma4TextAttention",
    mlp: "Gemma4TextMLP",
    rotary: "Gemma4TextRotaryEmbedding",
    ..classes!("Gemma4")
};

pub(super) const FAMILY: Family = Family {
    model_type: "gemma4_text",
    classes: &[(CLASSES.model, Head::Base), (CLASSES.causal, Head::CausalLanguageModel)],
    blueprint,
};

const EMBEDDING: &str = "Gemma4TextScaledWordEmbedding";

/// Columns of a head, and heads of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heads {
    width: usize,
    of_keys: usize,
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults {
        vocabulary: 262_144,
        width: 2304,
        inner: 9216,
        blocks: 30,
        heads: 8,
        key_value_heads: Some(4),
        head_width: Some(256),
        positions: 131_072,
        padding: Some(0),
        tied: true,
        activation_field: "hidden_activation",
        activation: "gelu_pytorch_tanh",
        ..Defaults::default()
    };
    config.only("enable_moe_block", &[false.into()])?;
    let mut decoder = Decoder::read(config, head, &CLASSES, &defaults)?.with_attention_bias()?;
    decoder.norms = Norms::Both;
    decoder.head_norms = Some(HeadNorms::Each);
    decoder.embedding_class = EMBEDDING;
    decoder.embedding_scale = (decoder.width as f64).sqrt() as f32;
    decoder.scales.logits_cap = config.optional_number("final_logit_softcapping")?.map(|cap| cap as f32);

    let sliding = sliding_blocks(config, &decoder)?;
    let window = window(config, &mut decoder)?;
    let keys_are_values = config.flag("attention_k_eq_v", false)?;
    let heads = heads_of_blocks(config, &decoder, &sliding, keys_are_values)?;
    for ((attention, heads), slides) in decoder.attention.iter_mut().zip(&heads).zip(&sliding) {
        Config::divides(("num_key_value_heads", heads.of_keys), ("num_attention_heads", attention.heads))?;
        attention.head_width = heads.width;
        attention.key_value_heads = heads.of_keys;
        attention.scale = 1.0;
        attention.rotary = Some(usize::from(*slides));
        attention.window = slides.then_some(window);
        attention.values_are_keys = keys_are_values && !slides;
    }
    decoder.rotations = vec![rotation(config, "full_attention", false, &sliding, &heads)?];
    if sliding.contains(&true) {
        decoder.rotations.push(rotation(config, "sliding_attention", true, &sliding, &heads)?);
    }

    let keys_from = keys_from(config, &sliding)?;
    let mut shared = keys_from.iter().zip(&heads).filter_map(|(from, heads)| Some((heads, (*from)?)));
    if shared.any(|(own, source)| *own != heads[source]) {
        return Err(config.not_built("per_layer_config"));
    }
    if config.flag("use_double_wide_mlp", false)? {
        let shared = decoder.inner.iter_mut().zip(&keys_from).filter(|(_, from)| from.is_some());
        shared.for_each(|(inner, _)| *inner = inner.saturating_mul(2));
    }
    let inputs = per_layer_inputs(config, &decoder)?;
    let base = base(&decoder, &keys_from, inputs);
    let blueprint = decoder.blueprint_around(base, FAMILY.model_type)?;
    // An id must be in both tables.
    let vocabulary = inputs.map_or(blueprint.vocabulary, |(_, count)| blueprint.vocabulary.min(count));
    Ok(Blueprint { vocabulary, keys_from, per_layer_inputs: inputs.map(|(inputs, _)| inputs), ..blueprint })
}

/// Which blocks read a window. The last one never does, whatever a file says.
fn sliding_blocks(config: &Config, decoder: &Decoder<'_>) -> Result<Vec<bool>> {
    let types = config.per_block("layer_types", decoder.blocks)?;
    let mut sliding = match types {
        None => (1..=decoder.blocks).map(|number| number % 6 != 0).collect(),
        Some(types) => {
            let slides = |name: &&str| match *name {
                "sliding_attention" => Ok(true),
                "full_attention" => Ok(false),
                _ => Err(config.not_built("layer_types")),
            };
            types.iter().map(slides).collect::<Result<Vec<_>>>()?
        }
    };
    if let Some(last) = sliding.last_mut() {
        *last = false;
    }
    Ok(sliding)
}

/// How many tokens the blocks read that read a window. Where all read to both sides, it is half as wide to each.
fn window(config: &Config, decoder: &mut Decoder<'_>) -> Result<usize> {
    let window = config.size("sliding_window", 512)?;
    match config.text("use_bidirectional_attention", "vision")? {
        // Only images are read to both sides.
        "vision" => Ok(window),
        "all" => {
            decoder.attention.iter_mut().for_each(|attention| attention.causal = false);
            Ok(window / 2 + 1)
        }
        _ => Err(config.not_built("use_bidirectional_attention")),
    }
}

/// The heads of each block: as `per_layer_config` says where there is one, as transformers writes it; otherwise blocks that
/// read all tokens have `global_head_dim`, and where keys are values as well `num_global_key_value_heads`.
fn heads_of_blocks(
    config: &Config,
    decoder: &Decoder<'_>,
    sliding: &[bool],
    keys_are_values: bool,
) -> Result<Vec<Heads>> {
    let plain = &decoder.attention[0];
    let plain = Heads { width: plain.head_width, of_keys: plain.key_value_heads };
    let Some(changes) = config.get("per_layer_config") else {
        let of_keys = config.optional_size("num_global_key_value_heads")?.filter(|_| keys_are_values);
        let width = config.size("global_head_dim", 512)?;
        let global = Heads { width, of_keys: of_keys.unwrap_or(plain.of_keys) };
        return Ok(sliding.iter().map(|slides| if *slides { plain } else { global }).collect());
    };
    let changes = changes_of_blocks(config, changes, decoder.blocks)?;
    let heads = (0..decoder.blocks).map(|block| {
        let Some(own) = changes.get(&block) else { return Ok(plain) };
        Ok(Heads {
            width: own.size("head_dim", plain.width)?,
            of_keys: own.size("num_key_value_heads", plain.of_keys)?,
        })
    });
    heads.collect()
}

/// What `per_layer_config` says of each block: sizes of heads and nothing else.
fn changes_of_blocks(config: &Config, changes: &Value, blocks: usize) -> Result<BTreeMap<usize, Config>> {
    let refused = || config.not_built("per_layer_config");
    let mut of_blocks = BTreeMap::new();
    for (block, fields) in changes.as_object().ok_or_else(refused)? {
        let block = block.parse().ok().filter(|block| *block < blocks).ok_or_else(refused)?;
        let known = |name: &String| ["head_dim", "num_key_value_heads"].contains(&name.as_str());
        match fields.as_object() {
            Some(fields) if fields.keys().all(known) => of_blocks.insert(block, Config::of(fields)),
            _ => return Err(refused()),
        };
    }
    Ok(of_blocks)
}

/// The rotation of the blocks that read all tokens, or of those that read a window.
fn rotation(config: &Config, name: &str, slides: bool, sliding: &[bool], heads: &[Heads]) -> Result<RotarySettings> {
    let mut widths = heads.iter().zip(sliding).filter(|(_, of)| **of == slides).map(|(heads, _)| heads.width);
    let width = widths.next().unwrap_or(0);
    if widths.any(|other| other != width) {
        return Err(config.not_built("per_layer_config"));
    }
    let theta = if slides { 10_000.0 } else { 1_000_000.0 };
    let defaults = RotaryDefaults { theta_field: "", theta, positions: 131_072, ..RotaryDefaults::default() };
    let Some(rope) = config.inner("rope_parameters")? else {
        Config::even("head_dim", width)?;
        let scaling =
            if slides { RotaryScaling::None } else { RotaryScaling::Proportional { pairs: width / 8, factor: 1.0 } };
        return Ok(RotarySettings {
            rotary_dim: width,
            interleaved: false,
            theta,
            scaling,
            amplitude: 1.0,
            by_pair: false,
        });
    };
    if rope.inner(name)?.is_none() {
        return Err(Config::missing(&format!("rope_parameters.{name}")));
    }
    settings_in(config, &["rope_parameters", name], width, &defaults)
}

/// For each block the last one of its kind that has keys and values, where it has none itself.
fn keys_from(config: &Config, sliding: &[bool]) -> Result<Vec<Option<usize>>> {
    const FIELD: &str = "num_kv_shared_layers";
    let shared = config.count_of(FIELD, 0)?;
    let Some(own) = sliding.len().checked_sub(shared) else {
        return Err(Config::wrong(FIELD, shared as f64, "the model has fewer blocks"));
    };
    if shared == 0 {
        return Ok(Vec::new());
    }
    let last = |slides: bool| sliding[..own].iter().rposition(|other| *other == slides);
    let from = |(block, slides): (usize, &bool)| match last(*slides) {
        _ if block < own => Ok(None),
        None => Err(Config::wrong(FIELD, shared as f64, "each kind of block needs one with keys of its own")),
        from => Ok(from),
    };
    sliding.iter().enumerate().map(from).collect()
}

/// What blocks read of second rows of ids, and how many ids have one; nothing where there are none.
fn per_layer_inputs(config: &Config, decoder: &Decoder<'_>) -> Result<Option<(PerLayerInputs, usize)>> {
    let count = config.size("vocab_size_per_layer_input", 262_144)?;
    if config.count_of("hidden_size_per_layer_input", 256)? == 0 {
        return Ok(None);
    }
    let width = config.size("hidden_size_per_layer_input", 256)?;
    let context = (decoder.width as f64).sqrt().recip() as f32;
    let inputs = PerLayerInputs { width, context, sum: 0.5_f64.sqrt() as f32 };
    Ok(Some((inputs, count)))
}

/// The modules of the model without a head.
fn base(decoder: &Decoder<'_>, keys_from: &[Option<usize>], inputs: Option<(PerLayerInputs, usize)>) -> Part {
    let mut base = decoder.base();
    for list in base.children.iter_mut().filter(|part| matches!(part.work, Work::List(_))) {
        for (index, block) in list.children.iter_mut().enumerate() {
            let has_keys = keys_from.get(index).copied().flatten().is_none();
            block.children[0] = attention(decoder, index, has_keys);
            if let Some((inputs, _)) = inputs {
                block.children.extend(per_layer_parts(decoder, index, inputs));
            }
            block.own = Some((Work::Scalar("layer_scalar"), Site::Block(index, BlockSite::Scalar)));
        }
    }
    if let Some((inputs, count)) = inputs {
        let at = |site| Site::Embedding(site);
        let (columns, scale) = (decoder.blocks.saturating_mul(inputs.width), (inputs.width as f64).sqrt() as f32);
        base.children.extend([
            Part::embedding_of("embed_tokens_per_layer", EMBEDDING, count, columns, scale)
                .gives(at(EmbeddingSite::PerLayerToken)),
            Part::linear("per_layer_model_projection", decoder.width, columns, false)
                .gives(at(EmbeddingSite::PerLayerContext)),
            decoder.norm("per_layer_projection_norm", inputs.width).gives(at(EmbeddingSite::PerLayerContextNorm)),
        ]);
    }
    base
}

fn attention(decoder: &Decoder<'_>, index: usize, has_keys: bool) -> Part {
    use BlockSite::{AttentionProjection, Key, KeyNorm, Query, QueryNorm, Value, ValueNorm};
    let at = |site| Site::Block(index, site);
    let settings = &decoder.attention[index];
    let (width, head) = (decoder.width, settings.head_width);
    let (queries, keys) = (settings.heads.saturating_mul(head), settings.key_value_heads.saturating_mul(head));
    let linear = |name, inputs, outputs, site| Part::linear(name, inputs, outputs, decoder.read_bias).gives(at(site));
    let mut children = vec![linear("q_proj", width, queries, Query), decoder.norm("q_norm", head).gives(at(QueryNorm))];
    if has_keys {
        children.push(decoder.norm("k_norm", head).gives(at(KeyNorm)));
        children.push(Part::plain_rms_norm("v_norm", CLASSES.norm, head, decoder.epsilon).gives(at(ValueNorm)));
        children.push(linear("k_proj", width, keys, Key));
        if !settings.values_are_keys {
            children.push(linear("v_proj", width, keys, Value));
        }
    }
    children.push(linear("o_proj", queries, width, AttentionProjection));
    Part::container("self_attn", CLASSES.attention, children).gives(at(AttentionProjection))
}

/// The modules with which a block reads its part of second rows.
fn per_layer_parts(decoder: &Decoder<'_>, index: usize, inputs: PerLayerInputs) -> [Part; 4] {
    use BlockSite::{PerLayerActivation, PerLayerGate, PerLayerNorm, PerLayerProjection};
    let at = |site| Site::Block(index, site);
    let (function, class) = decoder.activation;
    [
        Part::activation("act_fn", class, function).gives(at(PerLayerActivation)),
        Part::linear("per_layer_input_gate", decoder.width, inputs.width, false).gives(at(PerLayerGate)),
        Part::linear("per_layer_projection", inputs.width, decoder.width, false).gives(at(PerLayerProjection)),
        decoder.norm("post_per_layer_input_norm", decoder.width).gives(at(PerLayerNorm)),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_share_keys_with_blocks_that_have_as_many_heads() {
        let of = |changes: &Value| {
            let config = json!({
                "num_hidden_layers": 4,
                "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
                "num_kv_shared_layers": 2,
                "per_layer_config": changes
            });
            blueprint(&Config::parse(config.to_string().as_bytes()).unwrap(), Head::Base)
        };
        let same = of(&json!({"1": {"num_key_value_heads": 2}, "3": {"num_key_value_heads": 2}})).unwrap();
        assert_eq!(same.keys_from, [None, None, Some(0), Some(1)]);
        for other in [json!({"3": {"num_key_value_heads": 2}}), json!({"1": {"num_key_value_heads": 2}})] {
            let error = of(&other).unwrap_err();
            assert!(error.to_string().contains("`per_layer_config`"), "{error}");
        }
    }
}
