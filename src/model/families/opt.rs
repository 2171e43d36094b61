//! OPT (Zhang et al. 2022): learned positions that begin at 2, layer norms before each branch, or behind it in the one
//! of 350 million parameters, whose embedding is also of another width.

use serde_json::json;

use super::decoder_heads::DecoderHeads;
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, Part, Site};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "opt",
    classes: &[
        ("OPTModel", Head::Base),
        ("OPTForCausalLM", Head::CausalLanguageModel),
        ("OPTForSequenceClassification", Head::SequenceClassification),
    ],
    blueprint,
};

/// What the number of the first position is.
const FIRST_POSITION: usize = 2;

/// PyTorch's default.
const EPSILON: f64 = 1e-5;

/// The fields that modules are made from.
struct Sizes {
    vocabulary: usize,
    width: usize,
    embedding_width: usize,
    inner: usize,
    logits: usize,
    positions: usize,
    blocks: usize,
    norms_before: bool,
    bias: bool,
    activation: (Activation, &'static str),
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    config.only("layer_norm_elementwise_affine", &[json!(true)])?;
    let width = config.size("hidden_size", 768)?;
    let heads = config.size("num_attention_heads", 12)?;
    Config::divides(("num_attention_heads", heads), ("hidden_size", width))?;
    let vocabulary = config.size("vocab_size", 50_272)?;
    let sizes = Sizes {
        vocabulary,
        width,
        embedding_width: config.size("word_embed_proj_dim", width)?,
        inner: config.size("ffn_dim", 3072)?,
        logits: head.logits(config, vocabulary)?,
        positions: config.size("max_position_embeddings", 2048)?,
        blocks: config.blocks("num_hidden_layers", 12)?,
        norms_before: config.flag("do_layer_norm_before", true)?,
        bias: config.flag("enable_bias", true)?,
        activation: Activation::named(config, "activation_function", "relu")?,
    };
    let attention = AttentionSettings {
        causal: config.flag("is_causal", true)?,
        ..AttentionSettings::new(heads, heads, width / heads)
    };
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks: sizes.blocks,
        max_positions: sizes.positions,
        first_position: FIRST_POSITION,
        attention: vec![attention; sizes.blocks],
        pooling: head.pooling_of_decoder(config.token("pad_token_id", Some(1))?),
        base_prefix: "model",
        block_list: "decoder.layers",
        ..Blueprint::plain(root(config, head, &sizes)?)
    })
}

fn root(config: &Config, head: Head, sizes: &Sizes) -> Result<Part> {
    let (decoder, last) = decoder(config, sizes)?;
    let base = Part::container("", "OPTModel", vec![decoder]);
    // The language model calls the decoder inside the model, never the model.
    let base = if head == Head::CausalLanguageModel { base } else { base.gives(last) };
    DecoderHeads::new(config, "model", "decoder.embed_tokens", sizes.embedding_width, sizes.logits).around(
        base,
        FAMILY.classes,
        head,
    )
}

/// The decoder and what it gives.
fn decoder(config: &Config, sizes: &Sizes) -> Result<(Part, Site)> {
    let at = Site::Embedding;
    let &Sizes { vocabulary, width, embedding_width, positions, blocks, .. } = sizes;
    let projected = embedding_width != width;
    let final_norm = sizes.norms_before && !config.flag("_remove_final_layer_norm", false)?;
    let mut parts = vec![
        Part::embedding("embed_tokens", vocabulary, embedding_width).gives(at(EmbeddingSite::Token)),
        Part::embedding_of(
            "embed_positions",
            "OPTLearnedPositionalEmbedding",
            positions.saturating_add(FIRST_POSITION),
            width,
            1.0,
        )
        .gives(at(EmbeddingSite::Position)),
    ];
    let mut last = Site::Block(blocks - 1, BlockSite::Output);
    if projected {
        parts.push(Part::linear("project_out", width, embedding_width, false).gives(Site::FinalProjection));
        parts.push(Part::linear("project_in", embedding_width, width, false).gives(at(EmbeddingSite::TokenProjection)));
    }
    if final_norm {
        parts.push(Part::layer_norm("final_layer_norm", width, EPSILON).gives(Site::FinalNorm));
        last = Site::FinalNorm;
    }
    parts.push(Part::list("layers", (0..blocks).map(|index| block(sizes, index)).collect()));
    if projected {
        last = Site::FinalProjection;
    }
    Ok((Part::container("decoder", "OPTDecoder", parts).gives(last), last))
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, AttentionResidualNorm, Key, MlpActivation, MlpDown, MlpInner,
        MlpInputNorm, MlpResidualNorm, Output, Query, Value,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, bias, .. } = sizes;
    let (function, class) = sizes.activation;
    let square = |name, site| Part::linear(name, width, width, bias).gives(at(site));
    let attention = vec![
        square("k_proj", Key),
        square("v_proj", Value),
        square("q_proj", Query),
        square("out_proj", AttentionProjection),
    ];
    let (first, second) =
        if sizes.norms_before { (AttentionInputNorm, MlpInputNorm) } else { (AttentionResidualNorm, MlpResidualNorm) };
    let children = vec![
        Part::container("self_attn", "OPTAttention", attention).gives(at(AttentionProjection)),
        Part::activation("activation_fn", class, function).gives(at(MlpActivation)),
        Part::layer_norm("self_attn_layer_norm", width, EPSILON).gives(at(first)),
        Part::linear("fc1", width, inner, bias).gives(at(MlpInner)),
        Part::linear("fc2", inner, width, bias).gives(at(MlpDown)),
        Part::layer_norm("final_layer_norm", width, EPSILON).gives(at(second)),
    ];
    Part::container(index.to_string(), "OPTDecoderLayer", children).gives(at(Output))
}
