//! BERTs with a gated MLP whose scores fall with the distance between two tokens, to both sides ("ALiBi"): Jina's encoders of
//! version 2 (Günther et al. 2023) and MosaicBERT (Portes et al. 2023).
//!
//! Their files have the type `bert` and were written with code of their own; transformers has no implementation of them. Modules
//! have the names of that code.

use serde_json::{Value, json};

use super::bert_parts::{Classes, PredictionHead, Sizes, classes};
use super::{Family, Head};
use crate::error::{Error, ErrorCode, Result};
use crate::model::blueprint::{Activation, BlockSite, Blueprint, FusedLayout, Part, RelativePositions, Site};
use crate::model::config::Config;

/// What the two call things.
struct Names {
    classes: Classes,
    masked_language_model: &'static str,
    head: PredictionHead,
    mlp: &'static str,
    /// Whether one projection gives queries, keys and values.
    is_fused: bool,
}

const WORD_EMBEDDINGS: &[&str] = &["bert.embeddings.word_embeddings.weight"];

const JINA_NAMES: Names = Names {
    classes: classes!("JinaBert"),
    masked_language_model: "JinaBertForMaskedLM",
    head: PredictionHead {
        classes: ["JinaBertOnlyMLMHead", "JinaBertLMPredictionHead", "JinaBertPredictionHeadTransform"],
        norm: "LayerNorm",
        bias: true,
        word_embeddings: WORD_EMBEDDINGS,
    },
    mlp: "JinaBertGLUMLP",
    is_fused: false,
};

const MOSAIC_NAMES: Names = Names {
    classes: Classes { attention: "BertUnpadAttention", self_attention: "BertUnpadSelfAttention", ..classes!("Bert") },
    masked_language_model: "BertForMaskedLM",
    head: PredictionHead {
        classes: ["BertOnlyMLMHead", "BertLMPredictionHead", "BertPredictionHeadTransform"],
        norm: "LayerNorm",
        bias: true,
        word_embeddings: WORD_EMBEDDINGS,
    },
    mlp: "BertGatedLinearUnitMLP",
    is_fused: true,
};

const JINA: Family = Family {
    model_type: "bert",
    classes: &[(JINA_NAMES.classes.model, Head::Base), (JINA_NAMES.masked_language_model, Head::MaskedLanguageModel)],
    blueprint: |config, head| {
        let gate = match config.text("feed_forward_type", "")? {
            "geglu" => (Activation::Gelu, "GELU"),
            "reglu" => (Activation::Relu, "ReLU"),
            // Positions of this kind with BERT's own MLP.
            "" => return Err(config.not_built("position_embedding_type")),
            _ => return Err(config.not_built("feed_forward_type")),
        };
        other_norms(config)?;
        blueprint(config, head, &JINA_NAMES, gate)
    },
};

const MOSAIC: Family = Family {
    model_type: "bert",
    classes: &[
        (MOSAIC_NAMES.classes.model, Head::Base),
        (MOSAIC_NAMES.masked_language_model, Head::MaskedLanguageModel),
    ],
    blueprint: |config, head| {
        if head == Head::MaskedLanguageModel {
            // The norm of the head has this one whatever the others have.
            config.only("layer_norm_eps", &[json!(1e-12)])?;
        }
        blueprint(config, head, &MOSAIC_NAMES, (Activation::Gelu, "GELU"))
    },
};

/// The family of a configuration of the type `bert` that is one of these.
pub(super) fn of(config: &Config) -> Option<&'static Family> {
    let is = |field: &str, value: &str| config.get(field).and_then(Value::as_str) == Some(value);
    if !is("model_type", "bert") {
        None
    } else if is("position_embedding_type", "alibi") {
        Some(&JINA)
    } else {
        config.get("alibi_starting_size").map(|_| &MOSAIC)
    }
}

/// Refuses the code of Jina's models for two languages, which has classes of the same names, and norms of queries and keys.
fn other_norms(config: &Config) -> Result<()> {
    let Some(Value::Object(classes)) = config.get("auto_map") else { return Ok(()) };
    let code = classes.values().filter_map(Value::as_str).find(|code| code.contains("qk-post-norm"));
    let Some(code) = code else { return Ok(()) };
    Err(Error::new(
        ErrorCode::Unsupported,
        format!("config.json: `auto_map` names `{code}`, code that Eidos neither has nor runs"),
    )
    .hint("use jina-embeddings-v2-base-en or -small-en, or jina-embeddings-v3-hf")
    .detail("field", "auto_map")
    .detail("value", code))
}

fn blueprint(
    config: &Config,
    head: Head,
    names: &'static Names,
    gate: (Activation, &'static str),
) -> Result<Blueprint> {
    let sizes = Sizes::read(config, head, &names.classes, 30_522)?.with_token_types(config)?;
    let root = root(config, head, names, &sizes, gate)?;
    let mut blueprint = sizes.blueprint("bert", "bert", head, root);
    for attention in &mut blueprint.attention {
        attention.relative = Some(RelativePositions::Slopes);
        attention.fused = names.is_fused.then_some(FusedLayout::Stacked);
    }
    Ok(blueprint)
}

fn root(config: &Config, head: Head, names: &Names, sizes: &Sizes, gate: (Activation, &'static str)) -> Result<Part> {
    let order = ["word_embeddings", "token_type_embeddings", "LayerNorm", "dropout"];
    let encoder = sizes.encoder(|index| block(names, sizes, index, gate), Vec::new());
    let mut parts = vec![sizes.embeddings(&order), encoder];
    if head == Head::Base {
        parts.push(sizes.pooler());
    }
    let base = |name| Part::container(name, sizes.classes.model, parts).gives(sizes.last());
    Ok(match head {
        Head::MaskedLanguageModel => {
            let children = vec![base("bert"), sizes.prediction_head(config, &names.head)?];
            Part::container("", names.masked_language_model, children)
        }
        _ => base(""),
    })
}

fn block(names: &Names, sizes: &Sizes, index: usize, (function, class): (Activation, &'static str)) -> Part {
    use BlockSite::{
        AttentionResidualNorm, Context, MlpActivation, MlpDown, MlpGateUp, MlpProduct, MlpResidualNorm, Output,
        QueryKeyValue,
    };
    let at = |site| Site::Block(index, site);
    let own = if names.is_fused {
        let children = vec![
            // What it gives are the scores of tokens for tokens.
            Part::dropout("dropout", sizes.attention_dropout).gives_aside(at(Context)),
            Part::linear("Wqkv", sizes.width, sizes.width.saturating_mul(3), true).gives(at(QueryKeyValue)),
        ];
        Part::container("self", sizes.classes.self_attention, children).gives(at(Context))
    } else {
        sizes.self_attention(index)
    };
    let mlp = vec![
        Part::linear("gated_layers", sizes.width, sizes.inner.saturating_mul(2), false).gives(at(MlpGateUp)),
        Part::activation("act", class, function).gives(at(MlpActivation)),
        Part::linear("wo", sizes.inner, sizes.width, true).gives(at(MlpDown)),
        Part::dropout("dropout", sizes.dropout).gives(at(MlpProduct)),
        Part::layer_norm("layernorm", sizes.width, sizes.epsilon).gives(at(MlpResidualNorm)),
    ];
    let attention = vec![own, sizes.attention_output(index)];
    let children = vec![
        Part::container("attention", sizes.classes.attention, attention).gives(at(AttentionResidualNorm)),
        Part::container("mlp", names.mlp, mlp).gives(at(MlpResidualNorm)),
    ];
    Part::container(index.to_string(), sizes.classes.layer, children).gives(at(Output))
}
