//! GPT-2 (Radford et al. 2019): learned positions, layer norms before each branch, one projection for queries, keys and
//! values, weights that are stored transposed.

use serde_json::json;

use super::decoder_heads::DecoderHeads;
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, FusedLayout, Part, Site,
};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "gpt2",
    classes: &[
        ("GPT2Model", Head::Base),
        ("GPT2LMHeadModel", Head::CausalLanguageModel),
        ("GPT2ForSequenceClassification", Head::SequenceClassification),
        ("GPT2ForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

/// Fields by other names that transformers reads as well.
const ALIASES: [(&str, &str); 4] = [
    ("hidden_size", "n_embd"),
    ("max_position_embeddings", "n_positions"),
    ("num_attention_heads", "n_head"),
    ("num_hidden_layers", "n_layer"),
];

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
    config.only("add_cross_attention", &[json!(false)])?;
    let width = config.size("n_embd", 768)?;
    let heads = config.size("n_head", 12)?;
    Config::divides(("n_head", heads), ("n_embd", width))?;
    let vocabulary = config.size("vocab_size", 50_257)?;
    let blocks = config.blocks("n_layer", 12)?;
    let sizes = Sizes {
        vocabulary,
        width,
        inner: config.size("n_inner", 4 * width)?,
        logits: head.logits(config, vocabulary)?,
        positions: config.size("n_positions", 1024)?,
        epsilon: config.number("layer_norm_epsilon", 1e-5)?,
        dropout: config.number("resid_pdrop", 0.1)?,
        attention_dropout: config.number("attn_pdrop", 0.1)?,
        activation: Activation::named(config, "activation_function", "gelu_new")?,
    };
    let attention = AttentionSettings {
        fused: Some(FusedLayout::Stacked),
        causal: config.flag("is_causal", true)?,
        ..AttentionSettings::new(heads, heads, width / heads)
    };
    let scale = if config.flag("scale_attn_weights", true)? { attention.scale } else { 1.0 };
    let by_block = config.flag("scale_attn_by_inverse_layer_idx", false)?;
    let of_block = |index: usize| {
        let scale = if by_block { scale / (index + 1) as f32 } else { scale };
        AttentionSettings { scale, ..attention.clone() }
    };
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks,
        max_positions: sizes.positions,
        attention: (0..blocks).map(of_block).collect(),
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
        Part::embedding("wte", vocabulary, width).gives(at(EmbeddingSite::Token)),
        Part::embedding("wpe", sizes.positions, width).gives(at(EmbeddingSite::Position)),
        Part::dropout("drop", config.number("embd_pdrop", 0.1)?).gives(at(EmbeddingSite::Output)),
        Part::list("h", (0..blocks).map(|index| block(sizes, index)).collect()),
        Part::layer_norm("ln_f", width, sizes.epsilon).gives(Site::FinalNorm),
    ];
    let base = Part::container("", "GPT2Model", parts).gives(Site::FinalNorm);
    DecoderHeads::new(config, "transformer", "wte", width, sizes.logits).around(base, FAMILY.classes, head)
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, MlpActivation, MlpDown, MlpInner, MlpInputNorm, Output, QueryKeyValue,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, epsilon, dropout, .. } = sizes;
    let (function, class) = sizes.activation;
    let attention = vec![
        Part::conv1d("c_attn", width, width.saturating_mul(3)).gives(at(QueryKeyValue)),
        Part::conv1d("c_proj", width, width).gives(at(AttentionProjection)),
        // PyTorch applies this one as a function: the module is never called.
        Part::dropout("attn_dropout", sizes.attention_dropout),
        Part::dropout("resid_dropout", dropout).gives(at(AttentionProjection)),
    ];
    let mlp = vec![
        Part::conv1d("c_fc", width, inner).gives(at(MlpInner)),
        Part::conv1d("c_proj", inner, width).gives(at(MlpDown)),
        Part::activation("act", class, function).gives(at(MlpActivation)),
        Part::dropout("dropout", dropout).gives(at(MlpDown)),
    ];
    let children = vec![
        Part::layer_norm("ln_1", width, epsilon).gives(at(AttentionInputNorm)),
        Part::container("attn", "GPT2Attention", attention).gives(at(AttentionProjection)),
        Part::layer_norm("ln_2", width, epsilon).gives(at(MlpInputNorm)),
        Part::container("mlp", "GPT2MLP", mlp).gives(at(MlpDown)),
    ];
    Part::container(index.to_string(), "GPT2Block", children).gives(at(Output))
}
