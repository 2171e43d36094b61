//! Phi 1, 1.5 and 2 (Li et al. 2023): both branches read the stream as the block found it, through one norm; a part of
//! each head is rotated.

use super::decoder_heads::DecoderHeads;
use super::rotary::{RotaryDefaults, settings};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, Part, Residual, Site,
};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "phi",
    classes: &[
        ("PhiModel", Head::Base),
        ("PhiForCausalLM", Head::CausalLanguageModel),
        ("PhiForSequenceClassification", Head::SequenceClassification),
        ("PhiForTokenClassification", Head::TokenClassification),
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
    /// Whether queries and keys are normed.
    head_norms: bool,
    activation: (Activation, &'static str),
    attention: AttentionSettings,
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let width = config.size("hidden_size", 2048)?;
    let heads = config.size("num_attention_heads", 32)?;
    Config::divides(("num_attention_heads", heads), ("hidden_size", width))?;
    let key_value_heads = config.size("num_key_value_heads", heads)?;
    Config::divides(("num_key_value_heads", key_value_heads), ("num_attention_heads", heads))?;
    let vocabulary = config.size("vocab_size", 51_200)?;
    let blocks = config.blocks("num_hidden_layers", 24)?;
    let attention = AttentionSettings {
        rotary: Some(0),
        causal: true,
        ..AttentionSettings::new(heads, key_value_heads, width / heads)
    };
    let sizes = Sizes {
        vocabulary,
        width,
        inner: config.size("intermediate_size", 8192)?,
        logits: head.logits(config, vocabulary)?,
        epsilon: config.number("layer_norm_eps", 1e-5)?,
        dropout: config.number("resid_pdrop", 0.0)?,
        head_norms: config.flag("qk_layernorm", false)?,
        activation: Activation::named(config, "hidden_act", "gelu_new")?,
        attention,
    };
    let rotary = RotaryDefaults { partial: Some(("partial_rotary_factor", 0.5)), ..RotaryDefaults::default() };
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks,
        max_positions: config.size("max_position_embeddings", 2048)?,
        attention: vec![sizes.attention.clone(); blocks],
        rotations: vec![settings(config, width / heads, &rotary)?],
        residual: Residual::Parallel,
        pooling: head.pooling_of_decoder(config.token("pad_token_id", None)?),
        base_prefix: "model",
        block_list: "layers",
        ..Blueprint::plain(root(config, head, &sizes, blocks)?)
    })
}

fn root(config: &Config, head: Head, sizes: &Sizes, blocks: usize) -> Result<Part> {
    let at = Site::Embedding;
    let &Sizes { width, .. } = sizes;
    let parts = vec![
        Part::embedding("embed_tokens", sizes.vocabulary, width).gives(at(EmbeddingSite::Token)),
        Part::list("layers", (0..blocks).map(|index| block(sizes, index)).collect()),
        Part::container("rotary_emb", "PhiRotaryEmbedding", Vec::new()).gives(at(EmbeddingSite::RotaryCosines)),
        Part::dropout("embed_dropout", config.number("embd_pdrop", 0.0)?).gives(at(EmbeddingSite::Output)),
        Part::layer_norm("final_layernorm", width, sizes.epsilon).gives(Site::FinalNorm),
    ];
    let base = Part::container("", "PhiModel", parts).gives(Site::FinalNorm);
    let heads = DecoderHeads {
        bias: true,
        tied: ("embed_tokens", false),
        token_scores: ("score", true),
        ..DecoderHeads::new(config, "model", "embed_tokens", width, sizes.logits)
    };
    heads.around(base, FAMILY.classes, head)
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{AttentionInputNorm, AttentionProjection, MlpActivation, MlpDown, MlpInner, Output};
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, epsilon, .. } = sizes;
    let (function, class) = sizes.activation;
    let mlp = vec![
        Part::activation("activation_fn", class, function).gives(at(MlpActivation)),
        Part::linear("fc1", width, inner, true).gives(at(MlpInner)),
        Part::linear("fc2", inner, width, true).gives(at(MlpDown)),
    ];
    let children = vec![
        Part::container("self_attn", "PhiAttention", attention(sizes, index)).gives(at(AttentionProjection)),
        Part::container("mlp", "PhiMLP", mlp).gives(at(MlpDown)),
        Part::layer_norm("input_layernorm", width, epsilon).gives(at(AttentionInputNorm)),
        // It is called for what each branch gives.
        Part::dropout("resid_dropout", sizes.dropout).gives_several(),
    ];
    Part::container(index.to_string(), "PhiDecoderLayer", children).gives(at(Output))
}

fn attention(sizes: &Sizes, index: usize) -> Vec<Part> {
    use BlockSite::{AttentionProjection, Key, KeyNorm, Query, QueryNorm, Value};
    let at = |site| Site::Block(index, site);
    let AttentionSettings { key_value_heads, head_width, .. } = sizes.attention;
    let (width, keys) = (sizes.width, key_value_heads.saturating_mul(head_width));
    let mut parts = vec![
        Part::linear("q_proj", width, width, true).gives(at(Query)),
        Part::linear("k_proj", width, keys, true).gives(at(Key)),
        Part::linear("v_proj", width, keys, true).gives(at(Value)),
        Part::linear("dense", width, width, true).gives(at(AttentionProjection)),
    ];
    if sizes.head_norms {
        let norm = |name, site| Part::layer_norm(name, head_width, sizes.epsilon).gives(at(site));
        parts.extend([norm("q_layernorm", QueryNorm), norm("k_layernorm", KeyNorm)]);
    }
    parts
}
