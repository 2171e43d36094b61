//! BLOOM (Le Scao et al. 2022): positions that only lower scores (ALiBi), a norm of the embedding, layer norms before
//! each branch. Its attention and MLP modules give the sum with the residual stream.

use serde_json::json;

use super::decoder_heads::DecoderHeads;
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, Alibi, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, FusedLayout, Part, Site,
};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "bloom",
    classes: &[
        ("BloomModel", Head::Base),
        ("BloomForCausalLM", Head::CausalLanguageModel),
        ("BloomForSequenceClassification", Head::SequenceClassification),
        ("BloomForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

/// Fields by other names that transformers reads as well.
const ALIASES: [(&str, &str); 3] =
    [("n_embed", "hidden_size"), ("num_attention_heads", "n_head"), ("num_hidden_layers", "n_layer")];

/// The fields that modules are made from.
struct Sizes {
    vocabulary: usize,
    width: usize,
    logits: usize,
    epsilon: f64,
    attention_dropout: f64,
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    config.only("apply_residual_connection_post_layernorm", &[json!(false)])?;
    let config = &config.with_aliases(&ALIASES);
    let width = config.size("hidden_size", 64)?;
    let heads = config.size("n_head", 8)?;
    Config::divides(("n_head", heads), ("hidden_size", width))?;
    let vocabulary = config.size("vocab_size", 250_880)?;
    let blocks = config.blocks("n_layer", 2)?;
    let sizes = Sizes {
        vocabulary,
        width,
        logits: head.logits(config, vocabulary)?,
        epsilon: config.number("layer_norm_epsilon", 1e-5)?,
        attention_dropout: config.number("attention_dropout", 0.0)?,
    };
    let attention = AttentionSettings {
        fused: Some(FusedLayout::PerKeyHead),
        causal: config.flag("is_causal", true)?,
        alibi: Some(Alibi::Exact),
        ..AttentionSettings::new(heads, heads, width / heads)
    };
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: width.saturating_mul(4),
        logits: sizes.logits,
        blocks,
        // No table limits them; the published models were trained with this length.
        max_positions: config.size("seq_length", 2048)?,
        attention: vec![attention; blocks],
        pooling: head.pooling_of_decoder(config.token("pad_token_id", None)?),
        base_prefix: "transformer",
        block_list: "h",
        ..Blueprint::plain(root(config, head, &sizes, blocks)?)
    })
}

fn root(config: &Config, head: Head, sizes: &Sizes, blocks: usize) -> Result<Part> {
    let at = Site::Embedding;
    let &Sizes { vocabulary, width, epsilon, .. } = sizes;
    let parts = vec![
        Part::embedding("word_embeddings", vocabulary, width).gives(at(EmbeddingSite::Token)),
        Part::layer_norm("word_embeddings_layernorm", width, epsilon).gives(at(EmbeddingSite::Norm)),
        Part::list("h", (0..blocks).map(|index| block(sizes, index)).collect()),
        Part::layer_norm("ln_f", width, epsilon).gives(Site::FinalNorm),
    ];
    let base = Part::container("", "BloomModel", parts).gives(Site::FinalNorm);
    DecoderHeads::new(config, "transformer", "word_embeddings", width, sizes.logits).around(base, FAMILY.classes, head)
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, AttentionResidual, MlpActivation, MlpDown, MlpInner, MlpInputNorm,
        Output, QueryKeyValue,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, epsilon, .. } = sizes;
    let inner = width.saturating_mul(4);
    let attention = vec![
        Part::linear("query_key_value", width, width.saturating_mul(3), true).gives(at(QueryKeyValue)),
        Part::linear("dense", width, width, true).gives(at(AttentionProjection)),
        // It gives the weights of the attention, not rows of tokens.
        Part::dropout("attention_dropout", sizes.attention_dropout),
    ];
    let mlp = vec![
        Part::linear("dense_h_to_4h", width, inner, true).gives(at(MlpInner)),
        Part::activation("gelu_impl", "BloomGelu", Activation::GeluTanh).gives(at(MlpActivation)),
        Part::linear("dense_4h_to_h", inner, width, true).gives(at(MlpDown)),
    ];
    let children = vec![
        Part::layer_norm("input_layernorm", width, epsilon).gives(at(AttentionInputNorm)),
        Part::container("self_attention", "BloomAttention", attention).gives(at(AttentionResidual)),
        Part::layer_norm("post_attention_layernorm", width, epsilon).gives(at(MlpInputNorm)),
        Part::container("mlp", "BloomMLP", mlp).gives(at(Output)),
    ];
    Part::container(index.to_string(), "BloomBlock", children).gives(at(Output))
}
