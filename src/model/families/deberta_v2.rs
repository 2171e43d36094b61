//! DeBERTa v2 and v3 (He et al. 2021): BERT's blocks with disentangled attention, in which contents and distances are
//! compared with each other, and no absolute positions (or both).

use serde_json::{Value, json};

use super::bert_parts::{Classes, Fields, PredictionHead, Sizes, classes, head_function};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, BlockSite, Blueprint, DistanceTable, EmbeddingSite, HeadSite, Part, RelativePositions, Site,
};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "deberta-v2",
    classes: &[
        ("DebertaV2Model", Head::Base),
        ("DebertaV2ForMaskedLM", Head::MaskedLanguageModel),
        ("DebertaV2ForSequenceClassification", Head::SequenceClassification),
        ("DebertaV2ForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

const CLASSES: Classes = Classes { self_attention: "DisentangledSelfAttention", ..classes!("DebertaV2") };

const MASKED_LANGUAGE_MODEL: PredictionHead = PredictionHead {
    classes: [
        "LegacyDebertaV2OnlyMLMHead",
        "LegacyDebertaV2LMPredictionHead",
        "LegacyDebertaV2PredictionHeadTransform",
    ],
    norm: "LayerNorm",
    bias: true,
    word_embeddings: &["deberta.embeddings.word_embeddings.weight"],
};

/// The choices that only this family has.
struct Choices {
    relative: Option<DistanceTable>,
    /// How many kinds of scores are summed, with those of contents for contents.
    summed: usize,
    /// Whether distances are projected by the projections of contents.
    shared: bool,
    norm_of_distances: bool,
    position_biased_input: bool,
}

impl Choices {
    fn read(config: &Config, sizes: &Sizes) -> Result<Self> {
        let kinds = kinds(config)?;
        let has = |kind| kinds.iter().any(|known| known == kind);
        let buckets = positive(config, "position_buckets")?;
        let range = positive(config, "max_relative_positions")?.unwrap_or(sizes.positions);
        let relative = config.flag("relative_attention", false)?.then(|| DistanceTable {
            span: buckets.unwrap_or(range),
            buckets: buckets.map(|buckets| (buckets, range)),
            content_to_position: has("c2p"),
            position_to_content: has("p2c"),
        });
        let norms = config.text("norm_rel_ebd", "none")?.to_lowercase();
        Ok(Self {
            relative,
            summed: 1 + usize::from(has("c2p")) + usize::from(has("p2c")),
            shared: config.flag("share_att_key", false)?,
            norm_of_distances: norms.split('|').any(|norm| norm.trim() == "layer_norm"),
            position_biased_input: config.flag("position_biased_input", true)?,
        })
    }
}

/// `pos_att_type`, a list or a string with bars.
fn kinds(config: &Config) -> Result<Vec<String>> {
    let kinds = match config.get("pos_att_type") {
        None => Vec::new(),
        Some(Value::String(kinds)) => kinds.to_lowercase().split('|').map(|kind| kind.trim().to_owned()).collect(),
        Some(Value::Array(kinds)) => kinds.iter().map(|kind| kind.as_str().unwrap_or_default().to_owned()).collect(),
        Some(_) => return Err(config.not_built("pos_att_type")),
    };
    // In older files p2p stands beside the others and is not computed.
    if kinds.iter().any(|kind| !["c2p", "p2c", "p2p", "none", ""].contains(&kind.as_str())) {
        return Err(config.not_built("pos_att_type"));
    }
    Ok(kinds)
}

/// A size for which -1 or 0 stands for none.
fn positive(config: &Config, field: &str) -> Result<Option<usize>> {
    match config.get(field) {
        Some(value) if value.as_i64().is_some_and(|number| number < 1) => Ok(None),
        _ => config.optional_size(field),
    }
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let fields = Fields {
        vocabulary: 128_100,
        width: ("hidden_size", 1536),
        heads: ("num_attention_heads", 24),
        inner: ("intermediate_size", 6144),
        blocks: ("num_hidden_layers", 24),
        ..Fields::default()
    };
    let mut sizes = Sizes::read_from(config, head, &CLASSES, &fields)?;
    config.only("embedding_size", &[json!(sizes.width)])?;
    config.only("pooler_hidden_size", &[json!(sizes.width)])?;
    config.only("attention_head_size", &[json!(sizes.width / sizes.heads)])?;
    config.only("conv_kernel_size", &[json!(0)])?;
    if head == Head::MaskedLanguageModel {
        config.only("legacy", &[json!(true)])?;
    }
    sizes.token_types = match config.get("type_vocab_size").and_then(Value::as_u64) {
        Some(0) => 0,
        _ => config.optional_size("type_vocab_size")?.unwrap_or(0),
    };
    sizes.epsilon = config.number("layer_norm_eps", 1e-7)?;
    sizes.classifier_dropout = sizes.dropout;
    let choices = Choices::read(config, &sizes)?;
    let mut blueprint = sizes.blueprint(FAMILY.model_type, "deberta", head, root(config, head, &sizes, &choices)?);
    for attention in &mut blueprint.attention {
        if let Some(relative) = &choices.relative {
            attention.relative = Some(RelativePositions::Disentangled(relative.clone()));
        }
        attention.scale = ((attention.head_width * choices.summed) as f32).sqrt().recip();
    }
    if head == Head::SequenceClassification {
        blueprint.functions = head_function(Activation::named(config, "pooler_hidden_act", "gelu")?.0);
    }
    Ok(blueprint)
}

fn root(config: &Config, head: Head, sizes: &Sizes, choices: &Choices) -> Result<Part> {
    let width = sizes.width;
    let parts = vec![embeddings(sizes, choices), encoder(sizes, choices)];
    let base = |name| Part::container(name, CLASSES.model, parts).gives(sizes.last());
    let at = Site::Head;
    Ok(match head {
        Head::MaskedLanguageModel => {
            let head = sizes.prediction_head(config, &MASKED_LANGUAGE_MODEL)?;
            Part::container("", "DebertaV2ForMaskedLM", vec![base("deberta"), head])
        }
        Head::SequenceClassification => {
            let pooler = vec![
                Part::linear("dense", width, width, true).gives_per_text(at(HeadSite::Dense)),
                Part::dropout("dropout", config.number("pooler_dropout", 0.0)?).gives_per_text(at(HeadSite::Dense)),
            ];
            let dropout = config.number("cls_dropout", sizes.dropout)?;
            let children = vec![
                base("deberta"),
                Part::container("pooler", "ContextPooler", pooler).gives_per_text(at(HeadSite::Activation)),
                Part::linear("classifier", width, sizes.logits, true).gives_per_text(at(HeadSite::Logits)),
                Part::dropout("dropout", dropout).gives_per_text(at(HeadSite::Activation)),
            ];
            Part::container("", "DebertaV2ForSequenceClassification", children)
        }
        Head::TokenClassification => sizes.token_classifier("DebertaV2ForTokenClassification", base("deberta")),
        _ => base(""),
    })
}

fn embeddings(sizes: &Sizes, choices: &Choices) -> Part {
    let mut order = vec!["word_embeddings"];
    order.extend(choices.position_biased_input.then_some("position_embeddings"));
    order.extend((sizes.token_types > 0).then_some("token_type_embeddings"));
    order.extend(["LayerNorm", "dropout"]);
    sizes.embeddings(&order)
}

fn encoder(sizes: &Sizes, choices: &Choices) -> Part {
    let aside = |part: Part, site| part.gives_aside(Site::Embedding(site));
    let mut beside = Vec::new();
    if let Some(relative) = &choices.relative {
        let table = Part::embedding("rel_embeddings", relative.span.saturating_mul(2), sizes.width);
        beside.push(aside(table, EmbeddingSite::RelativePositions));
    }
    if choices.norm_of_distances {
        let norm = Part::layer_norm("LayerNorm", sizes.width, sizes.epsilon);
        beside.push(aside(norm, EmbeddingSite::RelativePositionsNorm));
    }
    sizes.encoder(|index| sizes.block_around(index, attention(sizes, choices, index)), beside)
}

/// What is inside `attention`.
fn attention(sizes: &Sizes, choices: &Choices, index: usize) -> Vec<Part> {
    let at = |site| Site::Block(index, site);
    let linear = |name| Part::linear(name, sizes.width, sizes.width, true);
    let mut children = vec![
        linear("query_proj").gives(at(BlockSite::Query)),
        linear("key_proj").gives(at(BlockSite::Key)),
        linear("value_proj").gives(at(BlockSite::Value)),
    ];
    if let Some(relative) = &choices.relative {
        children.push(Part::dropout("pos_dropout", sizes.dropout));
        if relative.content_to_position && !choices.shared {
            children.push(linear("pos_key_proj").gives_aside(at(BlockSite::PositionKey)));
        }
        if relative.position_to_content && !choices.shared {
            children.push(linear("pos_query_proj").gives_aside(at(BlockSite::PositionQuery)));
        }
    }
    // Of weights, not of rows.
    children.push(Part::dropout("dropout", sizes.attention_dropout));
    let inside = Part::container("self", CLASSES.self_attention, children).gives(at(BlockSite::Context));
    vec![inside, sizes.attention_output(index)]
}
