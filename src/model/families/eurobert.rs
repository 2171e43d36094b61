//! EuroBERT: a bidirectional encoder built like Llama (Boizard et al. 2025): rotary positions, grouped keys,
//! root-mean-square norms before each branch, a gated MLP.

use super::rotary::RotaryDefaults;
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, HeadSite, Part, Pooling, Site,
};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "eurobert",
    classes: &[
        ("EuroBertModel", Head::Base),
        ("EuroBertForMaskedLM", Head::MaskedLanguageModel),
        ("EuroBertForSequenceClassification", Head::SequenceClassification),
        ("EuroBertForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

/// The fields that modules are made from.
struct Sizes {
    vocabulary: usize,
    width: usize,
    inner: usize,
    logits: usize,
    query_width: usize,
    key_width: usize,
    attention_bias: bool,
    mlp_bias: bool,
    epsilon: f64,
    activation: (Activation, &'static str),
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let width = config.size("hidden_size", 768)?;
    let heads = config.size("num_attention_heads", 12)?;
    Config::divides(("num_attention_heads", heads), ("hidden_size", width))?;
    let key_value_heads = config.size("num_key_value_heads", heads)?;
    Config::divides(("num_key_value_heads", key_value_heads), ("num_attention_heads", heads))?;
    let head_width = config.size("head_dim", width / heads)?;
    Config::even("head_dim", head_width)?;
    let vocabulary = config.size("vocab_size", 128_256)?;
    let sizes = Sizes {
        vocabulary,
        width,
        inner: config.size("intermediate_size", 3072)?,
        logits: head.logits(config, vocabulary)?,
        query_width: heads.saturating_mul(head_width),
        key_width: key_value_heads.saturating_mul(head_width),
        attention_bias: config.flag("attention_bias", false)?,
        mlp_bias: config.flag("mlp_bias", false)?,
        epsilon: config.number("rms_norm_eps", 1e-5)?,
        activation: Activation::named(config, "hidden_act", "silu")?,
    };
    let blocks = config.blocks("num_hidden_layers", 12)?;
    let pooling = pooling(config, head)?;
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks,
        max_positions: config.size("max_position_embeddings", 8192)?,
        attention: vec![
            AttentionSettings {
                rotary: Some(0),
                ..AttentionSettings::new(heads, key_value_heads, head_width)
            };
            blocks
        ],
        rotations: vec![super::rotary::settings(config, head_width, &RotaryDefaults::default())?],
        pooling,
        base_prefix: "model",
        block_list: "layers",
        ..Blueprint::plain(root(config, head, &sizes, blocks, pooling)?)
    })
}

/// `classifier_pooling`; a classifier pools before its layers (`bos`, `mean`) or after them (`late`).
fn pooling(config: &Config, head: Head) -> Result<Pooling> {
    if head != Head::SequenceClassification {
        return Ok(Pooling::PerToken);
    }
    // What the code calls it that EuroBERT was published with. transformers does not read that, but the classifiers that say so
    // were trained with it.
    let field = if config.get("classifier_pooling").is_some() { "classifier_pooling" } else { "clf_pooling" };
    match config.text(field, "late")? {
        "late" => Ok(Pooling::MeanOfLogits),
        "mean" => Ok(Pooling::Mean),
        "bos" => Ok(Pooling::First),
        _ => Err(config.not_built(field)),
    }
}

fn root(config: &Config, head: Head, sizes: &Sizes, blocks: usize, pooling: Pooling) -> Result<Part> {
    let width = sizes.width;
    let parts = vec![
        Part::embedding("embed_tokens", sizes.vocabulary, width).gives(Site::Embedding(EmbeddingSite::Token)),
        Part::list("layers", (0..blocks).map(|index| block(sizes, index)).collect()),
        Part::rms_norm("norm", "EuroBertRMSNorm", width, sizes.epsilon).gives(Site::FinalNorm),
        Part::container("rotary_emb", "EuroBertRotaryEmbedding", Vec::new())
            .gives(Site::Embedding(EmbeddingSite::RotaryCosines)),
    ];
    let base = |name| Part::container(name, "EuroBertModel", parts).gives(Site::FinalNorm);
    Ok(match head {
        Head::Base | Head::Encoder | Head::Seq2SeqLanguageModel => base(""),
        Head::MaskedLanguageModel => {
            let mut scores =
                Part::linear("lm_head", width, sizes.logits, sizes.mlp_bias).gives(Site::Head(HeadSite::Logits));
            if config.flag("tie_word_embeddings", false)? {
                scores = scores.or_from("weight", "model.embed_tokens.weight");
            }
            Part::container("", "EuroBertForMaskedLM", vec![base("model"), scores])
        }
        Head::TokenClassification => {
            let scores = Part::linear("classifier", width, sizes.logits, true).gives(Site::Head(HeadSite::Logits));
            Part::container("", "EuroBertForTokenClassification", vec![base("model"), scores])
        }
        Head::SequenceClassification | Head::CausalLanguageModel => {
            let gives = |part: Part, site| match pooling {
                Pooling::MeanOfLogits => part.gives(Site::Head(site)),
                _ => part.gives_per_text(Site::Head(site)),
            };
            let children = vec![
                base("model"),
                gives(Part::linear("dense", width, width, true), HeadSite::Dense),
                gives(Part::activation("activation", "GELU", Activation::Gelu), HeadSite::Activation),
                gives(Part::linear("classifier", width, sizes.logits, true), HeadSite::Logits),
            ];
            Part::container("", "EuroBertForSequenceClassification", children)
        }
    })
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, Key, MlpActivation, MlpDown, MlpInner, MlpInputNorm, MlpUp, Output,
        Query, Value,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, query_width, key_width, attention_bias, mlp_bias, epsilon, .. } = sizes;
    let (function, class) = sizes.activation;
    let attention = vec![
        Part::linear("q_proj", width, query_width, attention_bias).gives(at(Query)),
        Part::linear("k_proj", width, key_width, attention_bias).gives(at(Key)),
        Part::linear("v_proj", width, key_width, attention_bias).gives(at(Value)),
        Part::linear("o_proj", query_width, width, attention_bias).gives(at(AttentionProjection)),
    ];
    let mlp = vec![
        Part::linear("gate_proj", width, inner, mlp_bias).gives(at(MlpInner)),
        Part::linear("up_proj", width, inner, mlp_bias).gives(at(MlpUp)),
        Part::linear("down_proj", inner, width, mlp_bias).gives(at(MlpDown)),
        Part::activation("act_fn", class, function).gives(at(MlpActivation)),
    ];
    let norm = |name, site| Part::rms_norm(name, "EuroBertRMSNorm", width, epsilon).gives(at(site));
    let children = vec![
        Part::container("self_attn", "EuroBertAttention", attention).gives(at(AttentionProjection)),
        Part::container("mlp", "EuroBertMLP", mlp).gives(at(MlpDown)),
        norm("input_layernorm", AttentionInputNorm),
        norm("post_attention_layernorm", MlpInputNorm),
    ];
    Part::container(index.to_string(), "EuroBertDecoderLayer", children).gives(at(Output))
}
