//! RoBERTa (Liu et al. 2019) and its multilingual and French twins: BERT's blocks, positions that are counted from the
//! padding id on, other heads.

use super::bert_parts::{Classes, Sizes, classes, head_function};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Blueprint, Part};
use crate::model::config::Config;
use crate::model::layers::Activation;

/// What the three of them do not share.
struct Twin {
    model_type: &'static str,
    vocabulary: usize,
    classes: Classes,
    masked_language_model: [&'static str; 2],
    classifier: [&'static str; 2],
    token_classifier: &'static str,
    /// Whether classes with a head define it before the base model.
    head_first: bool,
}

/// A registered twin, from what its classes are called.
macro_rules! twin {
    ($constant:ident, $twin:ident, $blueprint:ident, $model_type:literal, $classes:literal, $vocabulary:literal, $head_first:literal) => {
        const $twin: Twin = Twin {
            model_type: $model_type,
            vocabulary: $vocabulary,
            classes: classes!($classes),
            masked_language_model: [concat!($classes, "ForMaskedLM"), concat!($classes, "LMHead")],
            classifier: [concat!($classes, "ForSequenceClassification"), concat!($classes, "ClassificationHead")],
            token_classifier: concat!($classes, "ForTokenClassification"),
            head_first: $head_first,
        };

        pub(super) const $constant: Family = Family {
            model_type: $twin.model_type,
            classes: &[
                ($twin.classes.model, Head::Base),
                ($twin.masked_language_model[0], Head::MaskedLanguageModel),
                ($twin.classifier[0], Head::SequenceClassification),
                ($twin.token_classifier, Head::TokenClassification),
            ],
            blueprint: $blueprint,
        };

        fn $blueprint(config: &Config, head: Head) -> Result<Blueprint> {
            blueprint(config, head, &$twin)
        }
    };
}

twin!(ROBERTA, ROBERTA_TWIN, roberta, "roberta", "Roberta", 50_265, false);
twin!(XLM_ROBERTA, XLM_ROBERTA_TWIN, xlm_roberta, "xlm-roberta", "XLMRoberta", 30_522, true);
twin!(CAMEMBERT, CAMEMBERT_TWIN, camembert, "camembert", "Camembert", 30_522, true);

fn blueprint(config: &Config, head: Head, twin: &'static Twin) -> Result<Blueprint> {
    config.only("position_embedding_type", &["absolute".into()])?;
    let sizes = Sizes::read(config, head, &twin.classes, twin.vocabulary)?.with_token_types(config)?;
    let padding = config.token("pad_token_id", Some(1))?.ok_or_else(|| Config::missing("pad_token_id"))?;
    let mut blueprint = sizes.blueprint(twin.model_type, "roberta", head, root(config, head, twin, &sizes)?);
    sizes.start_after_padding(&mut blueprint, padding)?;
    blueprint.functions = match head {
        Head::MaskedLanguageModel => head_function(Activation::Gelu),
        Head::SequenceClassification => head_function(Activation::Tanh),
        _ => Vec::new(),
    };
    Ok(blueprint)
}

fn root(config: &Config, head: Head, twin: &'static Twin, sizes: &Sizes) -> Result<Part> {
    let order = ["word_embeddings", "token_type_embeddings", "LayerNorm", "dropout", "position_embeddings"];
    let mut parts = vec![sizes.embeddings(&order), sizes.encoder(|index| sizes.block(index), Vec::new())];
    if head == Head::Base {
        parts.push(sizes.pooler());
    }
    let base = |name| Part::container(name, twin.classes.model, parts).gives(sizes.last());
    let mut root = match head {
        Head::MaskedLanguageModel => {
            let [class, head] = twin.masked_language_model;
            let head = sizes.language_model_head(config, head, "roberta.embeddings.word_embeddings.weight")?;
            Part::container("", class, vec![base("roberta"), head])
        }
        Head::SequenceClassification => {
            let [class, head] = twin.classifier;
            Part::container("", class, vec![base("roberta"), sizes.classification_head(head, None)])
        }
        Head::TokenClassification => sizes.token_classifier(twin.token_classifier, base("roberta")),
        _ => return Ok(base("")),
    };
    if twin.head_first {
        root.children.rotate_left(1);
    }
    Ok(root)
}
