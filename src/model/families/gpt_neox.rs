//! GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023): both branches read the stream as the block found it,
//! a part of each head is rotated, one projection gives query, key and value of each head.

use super::decoder_heads::DecoderHeads;
use super::rotary::{RotaryDefaults, settings};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, FusedLayout, Part, Residual, Site,
};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "gpt_neox",
    classes: &[
        ("GPTNeoXModel", Head::Base),
        ("GPTNeoXForCausalLM", Head::CausalLanguageModel),
        ("GPTNeoXForSequenceClassification", Head::SequenceClassification),
        ("GPTNeoXForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

/// The fields that modules are made from.
struct Sizes {
    vocabulary: usize,
    width: usize,
    inner: usize,
    logits: usize,
    epsilon: f64,
    dropout: f64,
    attention_bias: bool,
    activation: (Activation, &'static str),
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let width = config.size("hidden_size", 6144)?;
    let heads = config.size("num_attention_heads", 64)?;
    Config::divides(("num_attention_heads", heads), ("hidden_size", width))?;
    let vocabulary = config.size("vocab_size", 50_432)?;
    let blocks = config.blocks("num_hidden_layers", 44)?;
    let sizes = Sizes {
        vocabulary,
        width,
        inner: config.size("intermediate_size", 24_576)?,
        logits: head.logits(config, vocabulary)?,
        epsilon: config.number("layer_norm_eps", 1e-5)?,
        dropout: config.number("hidden_dropout", 0.0)?,
        attention_bias: config.flag("attention_bias", true)?,
        activation: Activation::named(config, "hidden_act", "gelu")?,
    };
    let attention = AttentionSettings {
        rotary: Some(0),
        fused: Some(FusedLayout::PerKeyHead),
        causal: config.flag("is_causal", true)?,
        ..AttentionSettings::new(heads, heads, width / heads)
    };
    let rotary = RotaryDefaults {
        theta_field: "rotary_emb_base",
        partial: Some(("rotary_pct", 0.25)),
        ..RotaryDefaults::default()
    };
    let parallel = config.flag("use_parallel_residual", true)?;
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks,
        max_positions: config.size("max_position_embeddings", 2048)?,
        attention: vec![attention; blocks],
        rotations: vec![settings(config, width / heads, &rotary)?],
        residual: if parallel { Residual::Parallel } else { Residual::Sequential },
        pooling: head.pooling_of_decoder(config.token("pad_token_id", None)?),
        base_prefix: "gpt_neox",
        block_list: "layers",
        ..Blueprint::plain(root(config, head, &sizes, blocks)?)
    })
}

fn root(config: &Config, head: Head, sizes: &Sizes, blocks: usize) -> Result<Part> {
    let at = Site::Embedding;
    let &Sizes { width, .. } = sizes;
    let parts = vec![
        Part::embedding("embed_in", sizes.vocabulary, width).gives(at(EmbeddingSite::Token)),
        Part::dropout("emb_dropout", sizes.dropout).gives(at(EmbeddingSite::Output)),
        Part::list("layers", (0..blocks).map(|index| block(sizes, index)).collect()),
        Part::layer_norm("final_layer_norm", width, sizes.epsilon).gives(Site::FinalNorm),
        Part::container("rotary_emb", "GPTNeoXRotaryEmbedding", Vec::new()).gives(at(EmbeddingSite::RotaryCosines)),
    ];
    let base = Part::container("", "GPTNeoXModel", parts).gives(Site::FinalNorm);
    let heads = DecoderHeads {
        // Published files call it by its name before transformers 5.
        older: Some("embed_out"),
        tied: ("embed_in", false),
        ..DecoderHeads::new(config, "gpt_neox", "embed_in", width, sizes.logits)
    };
    heads.around(base, FAMILY.classes, head)
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, MlpActivation, MlpDown, MlpInner, MlpInputNorm, Output, QueryKeyValue,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, epsilon, dropout, attention_bias, .. } = sizes;
    let (function, class) = sizes.activation;
    let attention = vec![
        Part::linear("query_key_value", width, width.saturating_mul(3), attention_bias).gives(at(QueryKeyValue)),
        Part::linear("dense", width, width, attention_bias).gives(at(AttentionProjection)),
    ];
    let mlp = vec![
        Part::linear("dense_h_to_4h", width, inner, true).gives(at(MlpInner)),
        Part::linear("dense_4h_to_h", inner, width, true).gives(at(MlpDown)),
        Part::activation("act", class, function).gives(at(MlpActivation)),
    ];
    let children = vec![
        Part::layer_norm("input_layernorm", width, epsilon).gives(at(AttentionInputNorm)),
        Part::layer_norm("post_attention_layernorm", width, epsilon).gives(at(MlpInputNorm)),
        Part::dropout("post_attention_dropout", dropout).gives(at(AttentionProjection)),
        Part::dropout("post_mlp_dropout", dropout).gives(at(MlpDown)),
        Part::container("attention", "GPTNeoXAttention", attention).gives(at(AttentionProjection)),
        Part::container("mlp", "GPTNeoXMLP", mlp).gives(at(MlpDown)),
    ];
    Part::container(index.to_string(), "GPTNeoXLayer", children).gives(at(Output))
}
