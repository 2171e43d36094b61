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

/// What the heads of a family are made of. Each reads the base model's rows of a token.
pub(super) struct DecoderHeads<'a> {
    /// What head classes call the base model.
    pub base: &'static str,
    /// The columns of its rows.
    pub width: usize,
    /// How many scores a head gives.
    pub logits: usize,
    /// Whether the scores of the vocabulary have a bias.
    pub bias: bool,
    /// What the tensor of these scores was called once.
    pub older: Option<&'static str>,
    /// The token embedding inside the base model, whose weight the scores have if the two are tied; and whether they
    /// are where the configuration does not say so.
    pub tied: (&'static str, bool),
    /// What the projection of a classifier of tokens is called, and whether it has a bias.
    pub token_scores: (&'static str, bool),
    /// Where dropouts and ties are read from.
    pub config: &'a Config,
}

impl<'a> DecoderHeads<'a> {
    /// The heads of GPT-2: scores of the vocabulary without a bias, tied to the embedding.
    pub fn new(config: &'a Config, base: &'static str, embedding: &'static str, width: usize, logits: usize) -> Self {
        Self {
            base,
            width,
            logits,
            bias: false,
            older: None,
            tied: (embedding, true),
            token_scores: ("classifier", true),
            config,
        }
    }

    /// The base model with a head, or alone. `classes` are the family's.
    pub fn around(&self, base: Part, classes: &[(&'static str, Head)], head: Head) -> Result<Part> {
        let parts = match head {
            Head::CausalLanguageModel => vec![self.language_model()?],
            Head::SequenceClassification => vec![self.scores("score", false)],
            Head::TokenClassification => {
                let dropout = self.config.number("classifier_dropout", self.config.number("hidden_dropout", 0.1)?)?;
                let (name, bias) = self.token_scores;
                vec![Part::dropout("dropout", dropout).gives(Site::FinalNorm), self.scores(name, bias)]
            }
            _ => return Ok(base),
        };
        let mut children = vec![Part { name: self.base.to_owned(), ..base }];
        children.extend(parts);
        let class = classes.iter().find(|(_, of)| *of == head).map_or("", |(class, _)| *class);
        Ok(Part::container("", class, children))
    }

    /// Scores of the vocabulary, whose weight may be that of the embedding.
    fn language_model(&self) -> Result<Part> {
        let mut scores = self.scores("lm_head", self.bias);
        if let Some(older) = self.older {
            scores = scores.or_from("weight", format!("{older}.weight"));
        }
        let (embedding, tied) = self.tied;
        if self.config.flag("tie_word_embeddings", tied)? {
            scores = scores.or_from("weight", format!("{}.{embedding}.weight", self.base));
        }
        Ok(scores)
    }

    fn scores(&self, name: &str, bias: bool) -> Part {
        Part::linear(name, self.width, self.logits, bias).gives(Site::Head(HeadSite::Logits))
    }
}
