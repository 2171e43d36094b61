//! ModernBERT (Warner et al. 2024): a BERT with rotary positions, norms before each branch, a gated MLP, and blocks
//! that read a window of tokens between blocks that read all.

use super::rotary::{RotaryDefaults, settings_in};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, FusedLayout, HeadSite, Part, Pooling, Site,
};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "modernbert",
    classes: &[
        ("ModernBertModel", Head::Base),
        ("ModernBertForMaskedLM", Head::MaskedLanguageModel),
        ("ModernBertForSequenceClassification", Head::SequenceClassification),
        ("ModernBertForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

/// The fields that modules are made from.
struct Sizes {
    vocabulary: usize,
    width: usize,
    inner: usize,
    logits: usize,
    blocks: usize,
    attention_bias: bool,
    mlp_bias: bool,
    norm_bias: bool,
    epsilon: f64,
    attention_dropout: f64,
    mlp_dropout: f64,
    activation: (Activation, &'static str),
}

impl Sizes {
    fn norm(&self, name: &str) -> Part {
        Part::layer_norm_with(name, self.width, self.epsilon, self.norm_bias)
    }
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let width = config.size("hidden_size", 768)?;
    let heads = config.size("num_attention_heads", 12)?;
    Config::divides(("num_attention_heads", heads), ("hidden_size", width))?;
    let head_width = width / heads;
    Config::even("hidden_size / num_attention_heads", head_width)?;
    let vocabulary = config.size("vocab_size", 50_368)?;
    let sizes = Sizes {
        vocabulary,
        width,
        inner: config.size("intermediate_size", 1152)?,
        logits: head.logits(config, vocabulary)?,
        blocks: config.blocks("num_hidden_layers", 22)?,
        attention_bias: config.flag("attention_bias", false)?,
        mlp_bias: config.flag("mlp_bias", false)?,
        norm_bias: config.flag("norm_bias", false)?,
        epsilon: config.number("norm_eps", 1e-5)?,
        attention_dropout: config.number("attention_dropout", 0.0)?,
        mlp_dropout: config.number("mlp_dropout", 0.0)?,
        activation: Activation::named(config, "hidden_activation", "gelu")?,
    };
    let rotation = |kind: &str, theta_field, theta| {
        let defaults = RotaryDefaults { theta_field, theta, positions: 8192, ..RotaryDefaults::default() };
        settings_in(config, &["rope_parameters", kind], head_width, &defaults)
    };
    config.only("rope_scaling", &[])?;
    let pooling = pooling(config, head)?;
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks: sizes.blocks,
        max_positions: config.size("max_position_embeddings", 8192)?,
        attention: attention(config, &sizes, &AttentionSettings::new(heads, heads, head_width))?,
        rotations: vec![
            rotation("full_attention", "global_rope_theta", 160_000.0)?,
            rotation("sliding_attention", "local_rope_theta", 10_000.0)?,
        ],
        pooling,
        base_prefix: "model",
        block_list: "layers",
        ..Blueprint::plain(root(config, head, &sizes, pooling)?)
    })
}

/// Which blocks read all tokens and use the first rotation, and which read a window and use the second.
fn attention(config: &Config, sizes: &Sizes, usual: &AttentionSettings) -> Result<Vec<AttentionSettings>> {
    let every = config.size("global_attn_every_n_layers", 3)?;
    // Half to either side, the token itself between them.
    let half = config.size("sliding_window", config.size("local_attention", 128)? / 2)?;
    let window = half.saturating_add(1);
    let types = config.per_block("layer_types", sizes.blocks)?;
    let of_block = |block: usize| {
        let slides = match types.as_ref().and_then(|types| types.get(block)) {
            None => !block.is_multiple_of(every),
            Some(&"sliding_attention") => true,
            Some(&"full_attention") => false,
            Some(_) => return Err(config.not_built("layer_types")),
        };
        Ok(AttentionSettings {
            fused: Some(FusedLayout::Stacked),
            rotary: Some(usize::from(slides)),
            window: slides.then_some(window),
            ..usual.clone()
        })
    };
    (0..sizes.blocks).map(of_block).collect()
}

/// `classifier_pooling`: a classifier of texts reads the first row or the mean.
fn pooling(config: &Config, head: Head) -> Result<Pooling> {
    if head != Head::SequenceClassification {
        return Ok(Pooling::PerToken);
    }
    match config.text("classifier_pooling", "cls")? {
        "cls" => Ok(Pooling::First),
        "mean" => Ok(Pooling::Mean),
        _ => Err(config.not_built("classifier_pooling")),
    }
}

fn root(config: &Config, head: Head, sizes: &Sizes, pooling: Pooling) -> Result<Part> {
    let width = sizes.width;
    let at = Site::Embedding;
    let embeddings = vec![
        Part::embedding("tok_embeddings", sizes.vocabulary, width).gives(at(EmbeddingSite::Token)),
        sizes.norm("norm").gives(at(EmbeddingSite::Norm)),
        Part::dropout("drop", config.number("embedding_dropout", 0.0)?).gives(at(EmbeddingSite::Output)),
    ];
    let parts = vec![
        Part::container("embeddings", "ModernBertEmbeddings", embeddings).gives(at(EmbeddingSite::Output)),
        Part::list("layers", (0..sizes.blocks).map(|index| block(sizes, index)).collect()),
        sizes.norm("final_norm").gives(Site::FinalNorm),
        // Called for each of the two rotations.
        Part::container("rotary_emb", "ModernBertRotaryEmbedding", Vec::new()).gives_several(),
    ];
    let base = |name| Part::container(name, "ModernBertModel", parts).gives(Site::FinalNorm);
    if head == Head::Base {
        return Ok(base(""));
    }
    let gives = |part: Part, site| match pooling {
        Pooling::PerToken => part.gives(Site::Head(site)),
        _ => part.gives_per_text(Site::Head(site)),
    };
    let bias = config.flag("classifier_bias", false)?;
    let (function, class) = Activation::named(config, "classifier_activation", "gelu")?;
    let children = vec![
        gives(Part::linear("dense", width, width, bias), HeadSite::Dense),
        gives(Part::activation("act", class, function), HeadSite::Activation),
        gives(sizes.norm("norm"), HeadSite::Norm),
    ];
    let prediction = gives(Part::container("head", "ModernBertPredictionHead", children), HeadSite::Norm);
    if head == Head::MaskedLanguageModel {
        let bias = config.flag("decoder_bias", true)?;
        let mut scores = gives(Part::linear("decoder", width, sizes.logits, bias), HeadSite::Logits);
        if config.flag("tie_word_embeddings", true)? {
            scores = scores.or_from("weight", "model.embeddings.tok_embeddings.weight");
        }
        return Ok(Part::container("", "ModernBertForMaskedLM", vec![base("model"), prediction, scores]));
    }
    let children = vec![
        base("model"),
        prediction,
        gives(Part::dropout("drop", config.number("classifier_dropout", 0.0)?), HeadSite::Norm),
        gives(Part::linear("classifier", width, sizes.logits, true), HeadSite::Logits),
    ];
    let tokens = head == Head::TokenClassification;
    let class = if tokens { "ModernBertForTokenClassification" } else { "ModernBertForSequenceClassification" };
    Ok(Part::container("", class, children))
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, MlpActivation, MlpDown, MlpGateUp, MlpInputNorm, MlpProduct, Output,
        QueryKeyValue,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, attention_bias, mlp_bias, .. } = sizes;
    let (function, class) = sizes.activation;
    // The embeddings are normed already.
    let norm = match index {
        0 => Part::identity("attn_norm").gives(Site::Embedding(EmbeddingSite::Output)),
        _ => sizes.norm("attn_norm").gives(at(AttentionInputNorm)),
    };
    let dropout = match sizes.attention_dropout {
        0.0 => Part::identity("out_drop"),
        probability => Part::dropout("out_drop", probability),
    };
    let attention = vec![
        Part::linear("Wqkv", width, width.saturating_mul(3), attention_bias).gives(at(QueryKeyValue)),
        Part::linear("Wo", width, width, attention_bias).gives(at(AttentionProjection)),
        dropout.gives(at(AttentionProjection)),
    ];
    let mlp = vec![
        Part::linear("Wi", width, inner.saturating_mul(2), mlp_bias).gives(at(MlpGateUp)),
        Part::activation("act", class, function).gives(at(MlpActivation)),
        Part::dropout("drop", sizes.mlp_dropout).gives(at(MlpProduct)),
        Part::linear("Wo", inner, width, mlp_bias).gives(at(MlpDown)),
    ];
    let children = vec![
        norm,
        Part::container("attn", "ModernBertAttention", attention).gives(at(AttentionProjection)),
        sizes.norm("mlp_norm").gives(at(MlpInputNorm)),
        Part::container("mlp", "ModernBertMLP", mlp).gives(at(MlpDown)),
    ];
    Part::container(index.to_string(), "ModernBertEncoderLayer", children).gives(at(Output))
}
