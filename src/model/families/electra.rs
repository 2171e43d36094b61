//! ELECTRA (Clark et al. 2020): BERT with embeddings of a width of their own and other heads. A generator has the
//! masked-LM head; the head of a discriminator is not built, its base model is.

use super::bert_parts::{Classes, Fields, Sizes, classes};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, Blueprint, EmbeddingSite, HeadSite, Part, Site};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "electra",
    classes: &[
        ("ElectraModel", Head::Base),
        ("ElectraForMaskedLM", Head::MaskedLanguageModel),
        ("ElectraForSequenceClassification", Head::SequenceClassification),
        ("ElectraForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

const CLASSES: Classes = classes!("Electra");

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    config.only("position_embedding_type", &["absolute".into()])?;
    let fields = Fields {
        width: ("hidden_size", 256),
        heads: ("num_attention_heads", 4),
        inner: ("intermediate_size", 1024),
        ..Fields::default()
    };
    let mut sizes = Sizes::read_from(config, head, &CLASSES, &fields)?.with_token_types(config)?;
    sizes.embedding_width = config.size("embedding_size", 128)?;
    Ok(sizes.blueprint(FAMILY.model_type, "electra", head, root(config, head, &sizes)?))
}

fn root(config: &Config, head: Head, sizes: &Sizes) -> Result<Part> {
    let &Sizes { width, embedding_width, .. } = sizes;
    let order = ["word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm", "dropout"];
    let mut parts = vec![sizes.embeddings(&order)];
    if embedding_width != width {
        let project = Part::linear("embeddings_project", embedding_width, width, true);
        parts.push(project.gives(Site::Embedding(EmbeddingSite::Projection)));
    }
    parts.push(sizes.encoder(|index| sizes.block(index), Vec::new()));
    let base = |name| Part::container(name, CLASSES.model, parts).gives(sizes.last());
    let at = Site::Head;
    Ok(match head {
        Head::MaskedLanguageModel => {
            let predictions = vec![
                Part::activation("activation", "GELUActivation", Activation::Gelu).gives(at(HeadSite::Activation)),
                Part::layer_norm("LayerNorm", embedding_width, sizes.epsilon).gives(at(HeadSite::Norm)),
                Part::linear("dense", width, embedding_width, true).gives(at(HeadSite::Dense)),
            ];
            let predictions = Part::container("generator_predictions", "ElectraGeneratorPredictions", predictions);
            let mut scores = Part::linear("generator_lm_head", embedding_width, sizes.logits, true);
            if config.flag("tie_word_embeddings", true)? {
                scores = scores.or_from("weight", "electra.embeddings.word_embeddings.weight");
            }
            let children =
                vec![base("electra"), predictions.gives(at(HeadSite::Norm)), scores.gives(at(HeadSite::Logits))];
            Part::container("", "ElectraForMaskedLM", children)
        }
        Head::SequenceClassification => {
            let function = Part::activation("activation", "GELUActivation", Activation::Gelu);
            let head = sizes.classification_head("ElectraClassificationHead", Some(function));
            Part::container("", "ElectraForSequenceClassification", vec![base("electra"), head])
        }
        Head::TokenClassification => sizes.token_classifier("ElectraForTokenClassification", base("electra")),
        _ => base(""),
    })
}
