//! NomicBERT (Nussbaum et al. 2024) and the sentence encoders made from it (nomic-embed-text 1 and 1.5, Arctic's
//! `m-long`): BERT with rotary positions, a gated MLP and few biases.
//!
//! Their files were written with code of their own, whose `config.json` has the fields of GPT-2. transformers reads the
//! tensors of these files but none of these fields: it takes its defaults, which are right for the base size. Here both
//! are read.

use super::bert_parts::{Classes, Fields, PredictionHead, Sizes, classes};
use super::rotary::RotaryDefaults;
use super::rotary_bert::{KEYS, Names, QUERIES, RotaryBert, VALUES, gated};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Blueprint, Part, RotaryScaling};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: NAMES.model_type,
    classes: &[
        ("NomicBertModel", Head::Base),
        ("NomicBertForMaskedLM", Head::MaskedLanguageModel),
        ("NomicBertForPreTraining", Head::MaskedLanguageModel),
        ("NomicBertForSequenceClassification", Head::SequenceClassification),
        ("NomicBertForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

const CLASSES: Classes = classes!("NomicBert");

const NAMES: Names = Names {
    model_type: "nomic_bert",
    base_prefix: "nomic_bert",
    rotary: "NomicBertRotaryEmbedding",
    mlp: "NomicBertMLP",
    published: &[
        ("embeddings.LayerNorm", "emb_ln", None),
        ("layers", "encoder.layers", None),
        ("self_attn.q_proj", "attn.Wqkv", QUERIES),
        ("self_attn.k_proj", "attn.Wqkv", KEYS),
        ("self_attn.v_proj", "attn.Wqkv", VALUES),
        ("self_attn.o_proj", "attn.out_proj", None),
        ("up_proj", "fc11", None),
        ("gate_proj", "fc12", None),
        ("down_proj", "fc2", None),
        ("post_attention_layernorm", "norm1", None),
        ("post_mlp_layernorm", "norm2", None),
    ],
    published_prefixes: &["bert."],
};

/// Fields that published files have, and what they say where the model is one that is built.
fn published_only(config: &Config) -> Result<()> {
    let (yes, no) = (true.into(), false.into());
    for (field, built) in [
        ("activation_function", "swiglu".into()),
        ("prenorm", no),
        ("parallel_block", false.into()),
        ("use_rms_norm", false.into()),
        ("causal", false.into()),
        ("qkv_proj_bias", false.into()),
        ("mlp_fc1_bias", false.into()),
        ("mlp_fc2_bias", false.into()),
        ("rotary_emb_interleaved", false.into()),
        ("rotary_head_dim", false.into()),
        ("scale_attn_by_inverse_layer_idx", false.into()),
        ("scale_attn_weights", yes),
    ] {
        config.only(field, &[built])?;
    }
    config.only("rotary_emb_fraction", &[1.into(), 1.0.into()])?;
    for field in ["num_experts", "num_heads_kv", "rotary_emb_scale_base"] {
        config.only(field, &[0.into()])?;
    }
    Ok(())
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    published_only(config)?;
    let field = |ours, published| if config.get(ours).is_none() { published } else { ours };
    let fields = Fields {
        vocabulary: 30_528,
        width: (field("hidden_size", "n_embd"), 768),
        heads: (field("num_attention_heads", "n_head"), 12),
        inner: (field("intermediate_size", "n_inner"), 3072),
        blocks: (field("num_hidden_layers", "n_layer"), 12),
        positions: (field("max_position_embeddings", "n_positions"), 2048),
        epsilon: (field("layer_norm_eps", "layer_norm_epsilon"), 1e-12),
        dropout: (field("hidden_dropout_prob", "resid_pdrop"), 0.0),
        attention_dropout: (field("attention_probs_dropout_prob", "attn_pdrop"), 0.0),
        activation: ("hidden_act", "silu"),
    };
    let sizes = Sizes::read_from(config, head, &CLASSES, &fields)?.with_token_types(config)?;
    let rotary = RotaryDefaults {
        theta_field: "rotary_emb_base",
        theta: 1000.0,
        positions: sizes.positions,
        ..RotaryDefaults::default()
    };
    let mut model = RotaryBert::new(config, &NAMES, sizes, &rotary, |sizes, index| gated(sizes, index, false))?;
    model.attention_bias = false;
    if let Some(factor) = config.optional_number("rotary_scaling_factor")? {
        let positions = config.size("max_trained_positions", 2048)?;
        model.rotation.scaling = RotaryScaling::Dynamic { factor, positions };
    }
    let root = root(config, head, &model)?;
    Ok(model.blueprint(head, root))
}

fn root(config: &Config, head: Head, model: &RotaryBert) -> Result<Part> {
    let sizes = &model.sizes;
    let parts = model.parts(head == Head::SequenceClassification);
    let base = |name| Part::container(name, CLASSES.model, parts).gives(sizes.last());
    Ok(match head {
        Head::MaskedLanguageModel => {
            let names = PredictionHead {
                classes: ["NomicBertOnlyMLMHead", "NomicBertLMPredictionHead", "NomicBertPredictionHeadTransform"],
                norm: "layer_norm",
                // The published head has none: it takes the field of the MLP.
                bias: config.flag("mlp_fc1_bias", true)?,
                word_embeddings: &[
                    "nomic_bert.embeddings.word_embeddings.weight",
                    "bert.embeddings.word_embeddings.weight",
                ],
            };
            let head = sizes.prediction_head(config, &names)?;
            Part::container("", "NomicBertForMaskedLM", vec![base("nomic_bert"), head])
        }
        Head::SequenceClassification => sizes.text_classifier("NomicBertForSequenceClassification", base("nomic_bert")),
        Head::TokenClassification => sizes.token_classifier("NomicBertForTokenClassification", base("nomic_bert")),
        _ => base(""),
    })
}
