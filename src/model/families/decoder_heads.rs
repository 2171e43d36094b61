//! The heads that transformers puts on decoders.

use super::Head;
use crate::error::Result;
use crate::model::blueprint::{HeadSite, Part, Pooling, Site};
use crate::model::config::Config;

impl Head {
    /// How a decoder's head treats the rows of a text. A classifier of texts reads the last token that is not padding.
    pub fn pooling_of_decoder(self, padding: Option<u32>) -> Pooling {
        match self {
            Self::SequenceClassification => Pooling::LastOfLogits(padding),
            _ => Pooling::PerToken,
        }
    }
}

/// Scores of the vocabulary, whose weight may be that of the embedding.
pub(super) fn language_model(width: usize, vocabulary: usize, tied: Option<&str>) -> Part {
    let scores = Part::linear("lm_head", width, vocabulary, false).gives(Site::Head(HeadSite::Logits));
    match tied {
        Some(tensor) => scores.or_from("weight", tensor),
        None => scores,
    }
}

/// Scores of a text's labels, at each token.
pub(super) fn sequence_scores(width: usize, labels: usize) -> Part {
    Part::linear("score", width, labels, false).gives(Site::Head(HeadSite::Logits))
}

/// Scores of a token's labels, behind a dropout.
pub(super) fn token_scores(config: &Config, name: &str, width: usize, labels: usize, bias: bool) -> Result<[Part; 2]> {
    let dropout = config.number("classifier_dropout", config.number("hidden_dropout", 0.1)?)?;
    Ok([
        Part::dropout("dropout", dropout).gives(Site::FinalNorm),
        Part::linear(name, width, labels, bias).gives(Site::Head(HeadSite::Logits)),
    ])
}
