//! MPNet (Song et al. 2020): BERT's blocks with a bias for the distance between two tokens, and RoBERTa's positions and
//! heads.

use super::bert_parts::{Classes, Sizes, classes, head_function};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, BlockSite, Blueprint, EmbeddingSite, Part, RelativePositions, Site};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "mpnet",
    classes: &[
        ("MPNetModel", Head::Base),
        ("MPNetForMaskedLM", Head::MaskedLanguageModel),
        ("MPNetForSequenceClassification", Head::SequenceClassification),
        ("MPNetForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

const CLASSES: Classes = classes!("MPNet");

/// Whatever `pad_token_id` says.
const PADDING: u32 = 1;

/// The buckets of distances that are used, whatever the size of the table.
const BUCKETS: usize = 32;

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let sizes = Sizes::read(config, head, &CLASSES, 30_527)?;
    let buckets = config.size("relative_attention_num_buckets", BUCKETS)?;
    if buckets < BUCKETS {
        let rule = "the model reads 32 of them";
        return Err(Config::wrong("relative_attention_num_buckets", buckets as f64, rule));
    }
    let mut blueprint = sizes.blueprint(FAMILY.model_type, "mpnet", head, root(config, head, &sizes, buckets)?);
    sizes.start_after_padding(&mut blueprint, PADDING)?;
    for attention in &mut blueprint.attention {
        attention.relative = Some(RelativePositions::Bias { buckets: BUCKETS, max_distance: 128, bidirectional: true });
    }
    blueprint.functions = match head {
        Head::MaskedLanguageModel => head_function(Activation::Gelu),
        Head::SequenceClassification => head_function(Activation::Tanh),
        _ => Vec::new(),
    };
    Ok(blueprint)
}

fn root(config: &Config, head: Head, sizes: &Sizes, buckets: usize) -> Result<Part> {
    let bias = Part::embedding("relative_attention_bias", buckets, sizes.heads)
        .gives_aside(Site::Embedding(EmbeddingSite::RelativePositions));
    let mut parts = vec![
        sizes.embeddings(&["word_embeddings", "position_embeddings", "LayerNorm", "dropout"]),
        sizes.encoder(|index| sizes.block_around(index, attention(sizes, index)), vec![bias]),
    ];
    if head == Head::Base {
        parts.push(sizes.pooler());
    }
    let base = |name| Part::container(name, CLASSES.model, parts).gives(sizes.last());
    Ok(match head {
        Head::MaskedLanguageModel => {
            let head = sizes.language_model_head(config, "MPNetLMHead", "mpnet.embeddings.word_embeddings.weight")?;
            Part::container("", "MPNetForMaskedLM", vec![base("mpnet"), head])
        }
        Head::SequenceClassification => {
            let head = sizes.classification_head("MPNetClassificationHead", None);
            Part::container("", "MPNetForSequenceClassification", vec![base("mpnet"), head])
        }
        Head::TokenClassification => sizes.token_classifier("MPNetForTokenClassification", base("mpnet")),
        _ => base(""),
    })
}

/// What is inside `attention`.
fn attention(sizes: &Sizes, index: usize) -> Vec<Part> {
    let at = |site| Site::Block(index, site);
    let project = |name, site| Part::linear(name, sizes.width, sizes.width, true).gives(at(site));
    let projections = vec![
        project("q", BlockSite::Query),
        project("k", BlockSite::Key),
        project("v", BlockSite::Value),
        project("o", BlockSite::AttentionProjection),
        // Of weights, not of rows.
        Part::dropout("dropout", sizes.attention_dropout),
    ];
    vec![
        Part::container("attn", CLASSES.self_attention, projections).gives(at(BlockSite::AttentionProjection)),
        Part::layer_norm("LayerNorm", sizes.width, sizes.epsilon).gives(at(BlockSite::AttentionResidualNorm)),
        Part::dropout("dropout", sizes.dropout).gives(at(BlockSite::AttentionProjection)),
    ]
}
