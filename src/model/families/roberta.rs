//! RoBERTa (Liu et al. 2019) and its multilingual and French twins: BERT's blocks, positions that are counted from the
//! padding id on, other heads.

use super::bert_parts::{Classes, Sizes, head_function};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, Blueprint, Part, Site};
use crate::model::config::Config;

/// What the three of them do not share.
struct Twin {
    model_type: &'static str,
    vocabulary: usize,
    heads: Heads,
}

/// What a family with RoBERTa's heads calls its classes.
pub(super) struct Heads {
    pub classes: Classes,
    pub masked_language_model: [&'static str; 2],
    pub classifier: [&'static str; 2],
    pub token_classifier: &'static str,
    /// Whether classes with a head define it before the base model.
    pub head_first: bool,
}

/// The heads whose classes' names begin with `$classes`.
macro_rules! heads {
    ($classes:literal, $head_first:expr) => {
        $crate::model::families::roberta::Heads {
            classes: $crate::model::families::bert_parts::classes!($classes),
            masked_language_model: [concat!($classes, "ForMaskedLM"), concat!($classes, "LMHead")],
            classifier: [concat!($classes, "ForSequenceClassification"), concat!($classes, "ClassificationHead")],
            token_classifier: concat!($classes, "ForTokenClassification"),
            head_first: $head_first,
        }
    };
}
pub(super) use heads;

impl Heads {
    /// The head classes, by their name in `architectures`.
    pub const fn built(&self) -> [(&'static str, Head); 4] {
        [
            (self.classes.model, Head::Base),
            (self.masked_language_model[0], Head::MaskedLanguageModel),
            (self.classifier[0], Head::SequenceClassification),
            (self.token_classifier, Head::TokenClassification),
        ]
    }
}

/// A registered twin, from what its classes are called.
macro_rules! twin {
    ($constant:ident, $twin:ident, $blueprint:ident, $model_type:literal, $classes:literal, $vocabulary:literal, $head_first:literal) => {
        const $twin: Twin =
            Twin { model_type: $model_type, vocabulary: $vocabulary, heads: heads!($classes, $head_first) };

        pub(super) const $constant: Family =
            Family { model_type: $twin.model_type, classes: &$twin.heads.built(), blueprint: $blueprint };

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
    let sizes = Sizes::read(config, head, &twin.heads.classes, twin.vocabulary)?.with_token_types(config)?;
    let padding = config.token("pad_token_id", Some(1))?.ok_or_else(|| Config::missing("pad_token_id"))?;
    let mut blueprint = sizes.blueprint(twin.model_type, "roberta", head, root(config, head, &twin.heads, &sizes)?);
    sizes.start_after_padding(&mut blueprint, padding)?;
    blueprint.functions = functions(head);
    Ok(blueprint)
}

/// The functions that the heads call without a module.
pub(super) fn functions(head: Head) -> Vec<(Site, Activation)> {
    match head {
        Head::MaskedLanguageModel => head_function(Activation::Gelu),
        Head::SequenceClassification => head_function(Activation::Tanh),
        _ => Vec::new(),
    }
}

fn root(config: &Config, head: Head, heads: &Heads, sizes: &Sizes) -> Result<Part> {
    let order = ["word_embeddings", "token_type_embeddings", "LayerNorm", "dropout", "position_embeddings"];
    let mut parts = vec![sizes.embeddings(&order), sizes.encoder(|index| sizes.block(index), Vec::new())];
    if head == Head::Base {
        parts.push(sizes.pooler());
    }
    with_head(config, head, heads, sizes, parts)
}

/// The parts of the base model, with a head.
pub(super) fn with_head(config: &Config, head: Head, heads: &Heads, sizes: &Sizes, parts: Vec<Part>) -> Result<Part> {
    let base = |name| Part::container(name, heads.classes.model, parts).gives(sizes.last());
    let mut root = match head {
        Head::MaskedLanguageModel => {
            let [class, head] = heads.masked_language_model;
            let head = sizes.language_model_head(config, head, "roberta.embeddings.word_embeddings.weight")?;
            Part::container("", class, vec![base("roberta"), head])
        }
        Head::SequenceClassification => {
            let [class, head] = heads.classifier;
            Part::container("", class, vec![base("roberta"), sizes.classification_head(head, None)])
        }
        Head::TokenClassification => sizes.token_classifier(heads.token_classifier, base("roberta")),
        _ => return Ok(base("")),
    };
    if heads.head_first {
        root.children.rotate_left(1);
    }
    Ok(root)
}
