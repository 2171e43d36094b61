//! BERT (Devlin et al. 2018) and the sentence encoders made from it: learned absolute positions, token types,
//! layer norms after each residual sum, a plain MLP.

use super::bert_parts::{Classes, PredictionHead, Sizes, classes};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Blueprint, Part};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "bert",
    classes: &[
        ("BertModel", Head::Base),
        ("BertForMaskedLM", Head::MaskedLanguageModel),
        ("BertForSequenceClassification", Head::SequenceClassification),
        ("BertForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

const CLASSES: Classes = classes!("Bert");
const MASKED_LANGUAGE_MODEL: PredictionHead = PredictionHead {
    classes: ["BertOnlyMLMHead", "BertLMPredictionHead", "BertPredictionHeadTransform"],
    norm: "LayerNorm",
    bias: true,
    word_embeddings: &["bert.embeddings.word_embeddings.weight"],
};

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    config.only("position_embedding_type", &["absolute".into()])?;
    // Jina's encoders of the second version have it beside positions of another kind.
    config.only("feed_forward_type", &["original".into()])?;
    let sizes = Sizes::read(config, head, &CLASSES, 30_522)?.with_token_types(config)?;
    Ok(sizes.blueprint(FAMILY.model_type, "bert", head, root(config, head, &sizes)?))
}

fn root(config: &Config, head: Head, sizes: &Sizes) -> Result<Part> {
    let order = ["word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm", "dropout"];
    let mut parts = vec![sizes.embeddings(&order), sizes.encoder(|index| sizes.block(index), Vec::new())];
    // The classes that score tokens are built without the pooler.
    if matches!(head, Head::Base | Head::SequenceClassification) {
        parts.push(sizes.pooler());
    }
    let base = |name| Part::container(name, CLASSES.model, parts).gives(sizes.last());
    Ok(match head {
        Head::MaskedLanguageModel => {
            let children = vec![base("bert"), sizes.prediction_head(config, &MASKED_LANGUAGE_MODEL)?];
            Part::container("", "BertForMaskedLM", children)
        }
        Head::SequenceClassification => sizes.text_classifier("BertForSequenceClassification", base("bert")),
        Head::TokenClassification => sizes.token_classifier("BertForTokenClassification", base("bert")),
        _ => base(""),
    })
}
