//! GPT-Neo (Black et al. 2021): GPT-2's blocks with plain projections, scores that are not scaled, and a window in every
//! other block.

use serde_json::{Value, json};

use super::decoder_heads::DecoderHeads;
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, Part, Site};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "gpt_neo",
    classes: &[
        ("GPTNeoModel", Head::Base),
        ("GPTNeoForCausalLM", Head::CausalLanguageModel),
        ("GPTNeoForSequenceClassification", Head::SequenceClassification),
        ("GPTNeoForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

/// Fields by other names that transformers reads as well.
const ALIASES: [(&str, &str); 2] = [("num_attention_heads", "num_heads"), ("num_hidden_layers", "num_layers")];

/// Where a block reads all tokens before one, and where only the nearest.
const GLOBAL: &str = "global";
const LOCAL: &str = "local";

/// The fields that modules are made from.
struct Sizes {
    vocabulary: usize,
    width: usize,
    inner: usize,
    logits: usize,
    positions: usize,
    epsilon: f64,
    dropout: f64,
    attention_dropout: f64,
    activation: (Activation, &'static str),
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let config = &config.with_aliases(&ALIASES);
    // transformers reads no token after one whatever this says.
    config.only("is_causal", &[json!(true)])?;
    let width = config.size("hidden_size", 2048)?;
    let heads = config.size("num_heads", 16)?;
    Config::divides(("num_heads", heads), ("hidden_size", width))?;
    let vocabulary = config.size("vocab_size", 50_257)?;
    let blocks = config.blocks("num_layers", 24)?;
    let sizes = Sizes {
        vocabulary,
        width,
        inner: config.size("intermediate_size", 4 * width)?,
        logits: head.logits(config, vocabulary)?,
        positions: config.size("max_position_embeddings", 2048)?,
        epsilon: config.number("layer_norm_epsilon", 1e-5)?,
        dropout: config.number("resid_dropout", 0.0)?,
        attention_dropout: config.number("attention_dropout", 0.0)?,
        activation: Activation::named(config, "activation_function", "gelu_new")?,
    };
    let global = AttentionSettings { scale: 1.0, causal: true, ..AttentionSettings::new(heads, heads, width / heads) };
    let window = Some(config.size("window_size", 256)?);
    let of_block = |is_local| if is_local { AttentionSettings { window, ..global.clone() } } else { global.clone() };
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks,
        max_positions: sizes.positions,
        attention: local_blocks(config, blocks)?.into_iter().map(of_block).collect(),
        pooling: head.pooling_of_decoder(config.token("pad_token_id", None)?),
        base_prefix: "transformer",
        block_list: "h",
        ..Blueprint::plain(root(config, head, &sizes, blocks)?)
    })
}

/// Whether each block reads the nearest tokens only: `attention_layers` names its kind, else `attention_types` does, in groups of
/// kinds that are repeated.
fn local_blocks(config: &Config, blocks: usize) -> Result<Vec<bool>> {
    let from_groups = match config.get("attention_types") {
        None => [GLOBAL, LOCAL].repeat(12),
        Some(groups) => repeated(groups, blocks).ok_or_else(|| config.not_built("attention_types"))?,
    };
    let (field, kinds) = match config.get("attention_layers") {
        None => ("attention_types", from_groups),
        Some(layers) => ("attention_layers", names(layers).ok_or_else(|| config.not_built("attention_layers"))?),
    };
    if kinds.len() != blocks {
        let rule = format!("`{field}` names the attention of {}", kinds.len());
        return Err(Config::wrong("num_layers", blocks as f64, &rule));
    }
    let is_local = |kind: &&str| match *kind {
        GLOBAL => Some(false),
        LOCAL => Some(true),
        _ => None,
    };
    kinds.iter().map(is_local).collect::<Option<Vec<_>>>().ok_or_else(|| config.not_built(field))
}

/// The kinds of `[[["global", "local"], 12]]`, each group as often as it says; nothing where it is written otherwise, or names far
/// more blocks than there are.
fn repeated(groups: &Value, blocks: usize) -> Option<Vec<&str>> {
    let mut kinds = Vec::new();
    for group in groups.as_array()? {
        let [group, count] = group.as_array()?.as_slice() else { return None };
        let names = names(group)?;
        let count = usize::try_from(count.as_u64()?).ok()?;
        if names.len().checked_mul(count)?.checked_add(kinds.len())? > blocks.checked_mul(2)? {
            return None;
        }
        kinds.extend(names.repeat(count));
    }
    Some(kinds)
}

fn names(list: &Value) -> Option<Vec<&str>> {
    list.as_array()?.iter().map(Value::as_str).collect()
}

fn root(config: &Config, head: Head, sizes: &Sizes, blocks: usize) -> Result<Part> {
    let at = Site::Embedding;
    let &Sizes { vocabulary, width, .. } = sizes;
    let parts = vec![
        Part::embedding("wte", vocabulary, width).gives(at(EmbeddingSite::Token)),
        Part::embedding("wpe", sizes.positions, width).gives(at(EmbeddingSite::Position)),
        Part::dropout("drop", config.number("embed_dropout", 0.0)?).gives(at(EmbeddingSite::Output)),
        Part::list("h", (0..blocks).map(|index| block(sizes, index)).collect()),
        Part::layer_norm("ln_f", width, sizes.epsilon).gives(Site::FinalNorm),
    ];
    let base = Part::container("", "GPTNeoModel", parts).gives(Site::FinalNorm);
    DecoderHeads::new(config, "transformer", "wte", width, sizes.logits).around(base, FAMILY.classes, head)
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, Context, Key, MlpActivation, MlpDown, MlpInner, MlpInputNorm, Output,
        Query, Value,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, epsilon, dropout, .. } = sizes;
    let (function, class) = sizes.activation;
    let project = |name, bias, site| Part::linear(name, width, width, bias).gives(at(site));
    let attention = vec![
        // What it gives are the scores of tokens for tokens.
        Part::dropout("attn_dropout", sizes.attention_dropout).gives_aside(at(Context)),
        Part::dropout("resid_dropout", dropout).gives(at(AttentionProjection)),
        project("k_proj", false, Key),
        project("v_proj", false, Value),
        project("q_proj", false, Query),
        project("out_proj", true, AttentionProjection),
    ];
    let attention = Part::container("attention", "GPTNeoSelfAttention", attention).gives(at(AttentionProjection));
    let mlp = vec![
        Part::linear("c_fc", width, inner, true).gives(at(MlpInner)),
        Part::linear("c_proj", inner, width, true).gives(at(MlpDown)),
        Part::activation("act", class, function).gives(at(MlpActivation)),
        Part::dropout("dropout", dropout).gives(at(MlpDown)),
    ];
    let children = vec![
        Part::layer_norm("ln_1", width, epsilon).gives(at(AttentionInputNorm)),
        Part::container("attn", "GPTNeoAttention", vec![attention]).gives(at(AttentionProjection)),
        Part::layer_norm("ln_2", width, epsilon).gives(at(MlpInputNorm)),
        Part::container("mlp", "GPTNeoMLP", mlp).gives(at(MlpDown)),
    ];
    Part::container(index.to_string(), "GPTNeoBlock", children).gives(at(Output))
}
