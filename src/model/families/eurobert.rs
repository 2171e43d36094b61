//! EuroBERT (Boizard et al. 2025): Llama whose tokens read to both sides, with the heads of an encoder.

use super::llama_parts::{Classes, Decoder, Defaults, classes};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, Blueprint, HeadSite, Part, Pooling, Site};
use crate::model::config::Config;

const CLASSES: Classes = classes!("EuroBert");
const MASKED: &str = "EuroBertForMaskedLM";

pub(super) const FAMILY: Family = Family {
    model_type: "eurobert",
    classes: &[
        (CLASSES.model, Head::Base),
        (MASKED, Head::MaskedLanguageModel),
        (CLASSES.sequences, Head::SequenceClassification),
        (CLASSES.tokens, Head::TokenClassification),
    ],
    blueprint,
};

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults {
        vocabulary: 128_256,
        width: 768,
        inner: 3072,
        blocks: 12,
        heads: 12,
        positions: 8192,
        epsilon: 1e-5,
        bidirectional: true,
        ..Defaults::default()
    };
    let mut encoder =
        Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    encoder.mlp_bias = config.flag("mlp_bias", false)?;
    let pooling = pooling(config, head)?;
    let root = root(config, head, &encoder, pooling)?;
    Ok(encoder.blueprint_of(FAMILY.model_type, root, pooling))
}

/// `classifier_pooling`; a classifier pools before its layers (`bos`, `mean`) or after them (`late`).
fn pooling(config: &Config, head: Head) -> Result<Pooling> {
    if head != Head::SequenceClassification {
        return Ok(Pooling::PerToken);
    }
    // What the code calls it that EuroBERT was published with. transformers does not read that, but the classifiers
    // that say so were trained with it.
    let field = if config.get("classifier_pooling").is_some() { "classifier_pooling" } else { "clf_pooling" };
    match config.text(field, "late")? {
        "late" => Ok(Pooling::MeanOfLogits),
        "mean" => Ok(Pooling::Mean),
        "bos" => Ok(Pooling::First),
        _ => Err(config.not_built(field)),
    }
}

fn root(config: &Config, head: Head, encoder: &Decoder, pooling: Pooling) -> Result<Part> {
    let (width, logits) = (encoder.width, encoder.logits);
    let base = || Part { name: "model".to_owned(), ..encoder.base() };
    let scores = |name, bias| Part::linear(name, width, logits, bias).gives(Site::Head(HeadSite::Logits));
    Ok(match head {
        Head::MaskedLanguageModel => {
            let mut scores = scores("lm_head", encoder.mlp_bias);
            if config.flag("tie_word_embeddings", false)? {
                scores = scores.or_from("weight", "model.embed_tokens.weight");
            }
            Part::container("", MASKED, vec![base(), scores])
        }
        Head::TokenClassification => Part::container("", CLASSES.tokens, vec![base(), scores("classifier", true)]),
        Head::SequenceClassification => {
            let gives = |part: Part, site| match pooling {
                Pooling::MeanOfLogits => part.gives(Site::Head(site)),
                _ => part.gives_per_text(Site::Head(site)),
            };
            let children = vec![
                base(),
                gives(Part::linear("dense", width, width, true), HeadSite::Dense),
                gives(Part::activation("activation", "GELU", Activation::Gelu), HeadSite::Activation),
                gives(Part::linear("classifier", width, logits, true), HeadSite::Logits),
            ];
            Part::container("", CLASSES.sequences, children)
        }
        _ => encoder.base(),
    })
}
