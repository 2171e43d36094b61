//! GTE (Zhang et al. 2024, "mGTE") and the sentence encoders made from it: BERT with rotary positions and a gated MLP.
//!
//! The first files have the type `new` and were written with code of their own. transformers reads their tensors as those of
//! `gte`, which has the same computation; of their fields only the rotation has another spelling.

use serde_json::json;

use super::bert_parts::{Classes, Fields, Sizes, classes, head_function};
use super::rotary::RotaryDefaults;
use super::rotary_bert::{KEYS, Names, QUERIES, RotaryBert, VALUES, also_called, gated};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, BlockSite, Blueprint, Part, Site};
use crate::model::config::Config;
use crate::tensor_files::Share;

pub(super) const GTE: Family = Family {
    model_type: NAMES.model_type,
    classes: &[
        ("GteModel", Head::Base),
        ("GteForMaskedLM", Head::MaskedLanguageModel),
        ("GteForSequenceClassification", Head::SequenceClassification),
        ("GteForTokenClassification", Head::TokenClassification),
    ],
    blueprint: |config, head| blueprint(config, head, &GTE_DEFAULTS),
};

pub(super) const NEW: Family = Family {
    model_type: NEW_DEFAULTS.model_type,
    classes: &[
        ("NewModel", Head::Base),
        ("NewForMaskedLM", Head::MaskedLanguageModel),
        ("NewForSequenceClassification", Head::SequenceClassification),
        ("NewForTokenClassification", Head::TokenClassification),
    ],
    blueprint: |config, head| blueprint(&as_gte(config)?, head, &NEW_DEFAULTS),
};

/// What a type takes where its configuration says nothing.
struct Defaults {
    model_type: &'static str,
    vocabulary: usize,
    positions: usize,
    theta: f64,
}

const GTE_DEFAULTS: Defaults = Defaults { model_type: "gte", vocabulary: 250_048, positions: 8192, theta: 160_000.0 };
const NEW_DEFAULTS: Defaults = Defaults { model_type: "new", vocabulary: 30_528, positions: 2048, theta: 10_000.0 };

const CLASSES: Classes = classes!("Gte");

const NAMES: Names = Names {
    model_type: "gte",
    base_prefix: "gte",
    rotary: "GteRotaryEmbedding",
    mlp: "GteMLP",
    published: &[
        ("layers", "encoder.layer", None),
        ("self_attn.q_proj", "attention.qkv_proj", QUERIES),
        ("self_attn.k_proj", "attention.qkv_proj", KEYS),
        ("self_attn.v_proj", "attention.qkv_proj", VALUES),
        ("self_attn.o_proj", "attention.o_proj", None),
        ("up_proj", "up_gate_proj", Some(Share { index: 0, of: 2 })),
        ("gate_proj", "up_gate_proj", Some(Share { index: 1, of: 2 })),
        ("post_attention_layernorm", "attn_ln", None),
        ("post_mlp_layernorm", "mlp_ln", None),
    ],
    published_prefixes: &["new."],
};

/// The fields of the type `new` by those of `gte`.
fn as_gte(config: &Config) -> Result<Config> {
    for (field, built) in [
        ("position_embedding_type", json!("rope")),
        ("layer_norm_type", json!("layer_norm")),
        ("pack_qkv", json!(true)),
        ("logn_attention_scale", json!(false)),
        ("logn_attention_clip1", json!(false)),
    ] {
        config.only(field, &[built])?;
    }
    let Some(scaling) = config.inner("rope_scaling")? else { return Ok(config.clone()) };
    let kind = scaling.text("type", scaling.text("rope_type", "")?)?;
    if kind != "ntk" || scaling.get("mixed_b").is_some() {
        return Err(config.not_built("rope_scaling"));
    }
    let factor = scaling.optional_number("factor")?.ok_or_else(|| Config::missing("rope_scaling.factor"))?;
    if factor < 1.0 {
        return Err(Config::wrong("rope_scaling.factor", factor, "it must be at least 1"));
    }
    // A base that is `factor` times as large, and angles that are smaller by `factor^(2 / d)` on top, which is linear.
    let theta = config.number("rope_theta", NEW_DEFAULTS.theta)? * factor;
    let width = config.size("hidden_size", 768)? / config.size("num_attention_heads", 12)?;
    let factor = factor.powf(2.0 / width.max(1) as f64);
    Ok(config.clone().with("rope_scaling", Some(json!({"rope_type": "linear", "rope_theta": theta, "factor": factor}))))
}

fn blueprint(config: &Config, head: Head, defaults: &Defaults) -> Result<Blueprint> {
    let fields = Fields {
        vocabulary: defaults.vocabulary,
        positions: ("max_position_embeddings", defaults.positions),
        attention_dropout: ("attention_probs_dropout_prob", 0.0),
        ..Fields::default()
    };
    let mut sizes = Sizes::read_from(config, head, &CLASSES, &fields)?;
    sizes.token_types = config.count_of("type_vocab_size", 1)?;
    let rotary = RotaryDefaults { theta: defaults.theta, positions: sizes.positions, ..RotaryDefaults::default() };
    let model = RotaryBert::new(config, &NAMES, sizes, &rotary, mlp)?;
    let root = root(config, head, &model)?;
    let mut blueprint = model.blueprint(head, root);
    blueprint.family = defaults.model_type;
    if head == Head::MaskedLanguageModel {
        blueprint.functions = head_function(Activation::Gelu);
    }
    Ok(blueprint)
}

fn mlp(sizes: &Sizes, index: usize) -> Vec<Part> {
    let mut parts = gated(sizes, index, true);
    parts.push(Part::dropout("dropout", sizes.dropout).gives(Site::Block(index, BlockSite::MlpProduct)));
    parts
}

fn root(config: &Config, head: Head, model: &RotaryBert) -> Result<Part> {
    let sizes = &model.sizes;
    let parts = model.parts(head == Head::SequenceClassification);
    let base = |name| Part::container(name, CLASSES.model, parts).gives(sizes.last());
    Ok(match head {
        Head::MaskedLanguageModel => {
            let table = "gte.embeddings.word_embeddings.weight";
            let mut head = sizes.language_model_head(config, "GteLMHead", table)?;
            also_called(&mut head, "", &[("layer_norm", "norm", None)], &[]);
            Part::container("", "GteForMaskedLM", vec![base("gte"), head])
        }
        Head::SequenceClassification => sizes.text_classifier("GteForSequenceClassification", base("gte")),
        Head::TokenClassification => sizes.token_classifier("GteForTokenClassification", base("gte")),
        _ => base(""),
    })
}
