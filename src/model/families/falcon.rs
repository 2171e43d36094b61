//! Falcon (Almazrouei et al. 2023): both branches read the stream as the block found it, all queries share one key and
//! value or a few; the first ones have ALiBi and branches one after the other instead.

use super::decoder_heads::DecoderHeads;
use super::rotary::{RotaryDefaults, settings};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, Alibi, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, FusedLayout, Part, Residual, Site,
};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "falcon",
    classes: &[
        ("FalconModel", Head::Base),
        ("FalconForCausalLM", Head::CausalLanguageModel),
        ("FalconForSequenceClassification", Head::SequenceClassification),
        ("FalconForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

/// The norms of a block.
#[derive(Clone, Copy)]
enum Norms {
    /// One that both branches read.
    Shared,
    /// One for each, `ln_attn` and `ln_mlp`.
    Two,
    /// One before each of two branches that come one after the other.
    InTurn,
}

/// The fields that modules are made from.
struct Sizes {
    vocabulary: usize,
    width: usize,
    inner: usize,
    fused: usize,
    logits: usize,
    epsilon: f64,
    attention_dropout: f64,
    bias: bool,
    norms: Norms,
    activation: (Activation, &'static str),
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let width = config.size("n_embed", config.size("hidden_size", 4544)?)?;
    let heads = config.size("num_attention_heads", config.size("n_head", 71)?)?;
    Config::divides(("num_attention_heads", heads), ("hidden_size", width))?;
    let head_width = width / heads;
    let newer = config.flag("new_decoder_architecture", false)?;
    let key_value_heads = if newer {
        config.size("num_kv_heads", config.size("n_head_kv", heads)?)?
    } else if config.flag("multi_query", true)? {
        1
    } else {
        heads
    };
    Config::divides(("num_kv_heads", key_value_heads), ("num_attention_heads", heads))?;
    let parallel = config.flag("parallel_attn", true)?;
    let two = match config.get("num_ln_in_parallel_attn") {
        None => newer,
        Some(_) => config.size("num_ln_in_parallel_attn", 1)? == 2,
    };
    if newer && !parallel {
        return Err(config.not_built("parallel_attn"));
    }
    if parallel && two && !newer {
        return Err(config.not_built("num_ln_in_parallel_attn"));
    }
    let norms = match (parallel, two) {
        (false, _) => Norms::InTurn,
        (true, true) => Norms::Two,
        (true, false) => Norms::Shared,
    };
    let vocabulary = config.size("vocab_size", 65_024)?;
    let blocks = config.blocks("num_hidden_layers", config.blocks("n_layer", 32)?)?;
    let sizes = Sizes {
        vocabulary,
        width,
        inner: config.size("ffn_hidden_size", width.saturating_mul(4))?,
        fused: width.saturating_add(key_value_heads.saturating_mul(head_width).saturating_mul(2)),
        logits: head.logits(config, vocabulary)?,
        epsilon: config.number("layer_norm_epsilon", 1e-5)?,
        attention_dropout: config.number("attention_dropout", 0.0)?,
        bias: config.flag("bias", false)?,
        norms,
        activation: Activation::named(config, "activation", "gelu")?,
    };
    let plain = AttentionSettings::new(heads, key_value_heads, head_width);
    let alibi = config.flag("alibi", false)?;
    let attention = AttentionSettings {
        rotary: (!alibi).then_some(0),
        fused: Some(FusedLayout::PerKeyHead),
        causal: config.flag("is_causal", true)?,
        alibi: alibi.then_some(Alibi::Rounded(plain.scale)),
        ..plain
    };
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks,
        max_positions: config.size("max_position_embeddings", 2048)?,
        attention: vec![attention; blocks],
        rotations: vec![settings(config, head_width, &RotaryDefaults::default())?],
        residual: if parallel { Residual::Parallel } else { Residual::Sequential },
        pooling: head.pooling_of_decoder(config.token("pad_token_id", None)?),
        base_prefix: "transformer",
        block_list: "h",
        ..Blueprint::plain(root(config, head, &sizes, blocks)?)
    })
}

fn root(config: &Config, head: Head, sizes: &Sizes, blocks: usize) -> Result<Part> {
    let at = Site::Embedding;
    let &Sizes { vocabulary, width, .. } = sizes;
    let parts = vec![
        Part::embedding("word_embeddings", vocabulary, width).gives(at(EmbeddingSite::Token)),
        Part::list("h", (0..blocks).map(|index| block(sizes, index)).collect()),
        Part::layer_norm("ln_f", width, sizes.epsilon).gives(Site::FinalNorm),
        // It is called even where ALiBi stands in its place.
        Part::container("rotary_emb", "FalconRotaryEmbedding", Vec::new()).gives(at(EmbeddingSite::RotaryCosines)),
    ];
    let base = Part::container("", "FalconModel", parts).gives(Site::FinalNorm);
    DecoderHeads::new(config, "transformer", "word_embeddings", width, sizes.logits).around(base, FAMILY.classes, head)
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, MlpActivation, MlpDown, MlpInner, MlpInputNorm, Output, QueryKeyValue,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, bias, epsilon, .. } = sizes;
    let (function, class) = sizes.activation;
    let linear =
        |name, inputs, outputs, site| Part::linear_of(name, "FalconLinear", inputs, outputs, bias).gives(at(site));
    let attention = vec![
        linear("query_key_value", width, sizes.fused, QueryKeyValue),
        linear("dense", width, width, AttentionProjection),
        // It gives the weights of the attention, not rows of tokens, where it is called at all.
        Part::dropout("attention_dropout", sizes.attention_dropout),
    ];
    let mlp = vec![
        linear("dense_h_to_4h", width, inner, MlpInner),
        Part::activation("act", class, function).gives(at(MlpActivation)),
        linear("dense_4h_to_h", inner, width, MlpDown),
    ];
    let norm = |name, site| Part::layer_norm(name, width, epsilon).gives(at(site));
    let mut children = vec![
        Part::container("self_attention", "FalconAttention", attention).gives(at(AttentionProjection)),
        Part::container("mlp", "FalconMLP", mlp).gives(at(MlpDown)),
    ];
    children.extend(match sizes.norms {
        Norms::Shared => vec![norm("input_layernorm", AttentionInputNorm)],
        Norms::Two => vec![norm("ln_attn", AttentionInputNorm), norm("ln_mlp", MlpInputNorm)],
        Norms::InTurn => {
            vec![norm("post_attention_layernorm", MlpInputNorm), norm("input_layernorm", AttentionInputNorm)]
        }
    });
    Part::container(index.to_string(), "FalconDecoderLayer", children).gives(at(Output))
}
