//! GTE (Zhang et al. 2024, "mGTE") and the sentence encoders made from it: BERT with rotary positions and a gated MLP.

use super::bert_parts::{Classes, Fields, Sizes, classes, head_function};
use super::rotary::RotaryDefaults;
use super::rotary_bert::{KEYS, Names, QUERIES, RotaryBert, VALUES, also_called, gated};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, BlockSite, Blueprint, Part, Site};
use crate::model::config::Config;
use crate::model::weights::Share;

pub(super) const FAMILY: Family = Family {
    model_type: NAMES.model_type,
    classes: &[
        ("GteModel", Head::Base),
        ("GteForMaskedLM", Head::MaskedLanguageModel),
        ("GteForSequenceClassification", Head::SequenceClassification),
        ("GteForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

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

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let fields = Fields {
        vocabulary: 250_048,
        positions: ("max_position_embeddings", 8192),
        attention_dropout: ("attention_probs_dropout_prob", 0.0),
        ..Fields::default()
    };
    let mut sizes = Sizes::read_from(config, head, &CLASSES, &fields)?;
    sizes.token_types = config.count_of("type_vocab_size", 1)?;
    let rotary = RotaryDefaults { theta: 160_000.0, positions: sizes.positions, ..RotaryDefaults::default() };
    let model = RotaryBert::new(config, &NAMES, sizes, &rotary, mlp)?;
    let root = root(config, head, &model)?;
    let mut blueprint = model.blueprint(head, root);
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
