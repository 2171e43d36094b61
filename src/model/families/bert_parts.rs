//! What BERT and the encoders that were made from it have in common: the sum of embeddings, blocks with a norm after
//! each residual sum, a pooler, and heads.

use super::Head;
use crate::error::Result;
use crate::model::blueprint::{
    Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, HeadSite, Part, Pooling, Site,
};
use crate::model::config::Config;

/// What a family calls the classes of its modules.
pub(super) struct Classes {
    pub model: &'static str,
    pub embeddings: &'static str,
    pub encoder: &'static str,
    pub layer: &'static str,
    pub attention: &'static str,
    pub self_attention: &'static str,
    pub self_output: &'static str,
    pub intermediate: &'static str,
    pub output: &'static str,
    pub pooler: &'static str,
}

/// The classes whose names begin with `$family`.
macro_rules! classes {
    ($family:literal) => {
        $crate::model::families::bert_parts::Classes {
            model: concat!($family, "Model"),
            embeddings: concat!($family, "Embeddings"),
            encoder: concat!($family, "Encoder"),
            layer: concat!($family, "Layer"),
            attention: concat!($family, "Attention"),
            self_attention: concat!($family, "SelfAttention"),
            self_output: concat!($family, "SelfOutput"),
            intermediate: concat!($family, "Intermediate"),
            output: concat!($family, "Output"),
            pooler: concat!($family, "Pooler"),
        }
    };
}
pub(super) use classes;

/// The fields that sizes are read from, each with what it is where it is absent.
pub(super) struct Fields {
    pub vocabulary: usize,
    pub width: (&'static str, usize),
    pub heads: (&'static str, usize),
    pub inner: (&'static str, usize),
    pub blocks: (&'static str, usize),
    pub positions: (&'static str, usize),
    pub epsilon: (&'static str, f64),
    pub dropout: (&'static str, f64),
    pub attention_dropout: (&'static str, f64),
    pub activation: (&'static str, &'static str),
}

impl Default for Fields {
    /// The names that BERT gave them, and its base size.
    fn default() -> Self {
        Self {
            vocabulary: 30_522,
            width: ("hidden_size", 768),
            heads: ("num_attention_heads", 12),
            inner: ("intermediate_size", 3072),
            blocks: ("num_hidden_layers", 12),
            positions: ("max_position_embeddings", 512),
            epsilon: ("layer_norm_eps", 1e-12),
            dropout: ("hidden_dropout_prob", 0.1),
            attention_dropout: ("attention_probs_dropout_prob", 0.1),
            activation: ("hidden_act", "gelu"),
        }
    }
}

/// What a family's masked-LM head is made of.
pub(super) struct PredictionHead {
    /// Its classes, the outermost first.
    pub classes: [&'static str; 3],
    /// What its norm is called.
    pub norm: &'static str,
    /// Whether its projections have a bias.
    pub bias: bool,
    /// The names of the table that its scores may be tied to.
    pub word_embeddings: &'static [&'static str],
}

/// The fields that modules are made from.
pub(super) struct Sizes {
    pub classes: &'static Classes,
    pub vocabulary: usize,
    pub width: usize,
    /// Columns of the embeddings, where these are not as wide as the blocks.
    pub embedding_width: usize,
    pub heads: usize,
    pub inner: usize,
    pub logits: usize,
    pub blocks: usize,
    /// Rows of the table of positions.
    pub positions: usize,
    /// Rows of the table of token types; 0 where there is none.
    pub token_types: usize,
    pub epsilon: f64,
    pub dropout: f64,
    pub attention_dropout: f64,
    pub classifier_dropout: f64,
    pub activation: (Activation, &'static str),
}

impl Sizes {
    /// Reads the fields that all of these families have, by the names that BERT gave them, with BERT's defaults.
    pub fn read(config: &Config, head: Head, classes: &'static Classes, vocabulary: usize) -> Result<Self> {
        Self::read_from(config, head, classes, &Fields { vocabulary, ..Fields::default() })
    }

    /// The same from fields of other names or with other defaults.
    pub fn read_from(config: &Config, head: Head, classes: &'static Classes, fields: &Fields) -> Result<Self> {
        config.only("is_decoder", &[false.into()])?;
        config.only("add_cross_attention", &[false.into()])?;
        let size = |(field, default)| config.size(field, default);
        let number = |(field, default)| config.number(field, default);
        let (width, heads) = (size(fields.width)?, size(fields.heads)?);
        Config::divides((fields.heads.0, heads), (fields.width.0, width))?;
        let vocabulary = size(("vocab_size", fields.vocabulary))?;
        let dropout = number(fields.dropout)?;
        Ok(Self {
            classes,
            vocabulary,
            width,
            embedding_width: width,
            heads,
            inner: size(fields.inner)?,
            logits: head.logits(config, vocabulary)?,
            blocks: config.blocks(fields.blocks.0, fields.blocks.1)?,
            positions: size(fields.positions)?,
            token_types: 0,
            epsilon: number(fields.epsilon)?,
            dropout,
            attention_dropout: number(fields.attention_dropout)?,
            classifier_dropout: config.number("classifier_dropout", dropout)?,
            activation: Activation::named(config, fields.activation.0, fields.activation.1)?,
        })
    }

    /// Reads how many token types there are, for a family that needs one.
    pub fn with_token_types(self, config: &Config) -> Result<Self> {
        Ok(Self { token_types: config.size("type_vocab_size", 2)?, ..self })
    }

    /// The blueprint of an encoder with ordinary attention over positions from 0, and the modules of `root`.
    pub fn blueprint(&self, family: &'static str, base_prefix: &'static str, head: Head, root: Part) -> Blueprint {
        Blueprint {
            family,
            vocabulary: self.vocabulary,
            width: self.width,
            inner_width: self.inner,
            logits: self.logits,
            blocks: self.blocks,
            max_positions: self.positions,
            attention: vec![AttentionSettings::new(self.heads, self.heads, self.width / self.heads); self.blocks],
            pooling: match head {
                Head::Base | Head::SequenceClassification => Pooling::First,
                _ => Pooling::PerToken,
            },
            base_prefix,
            block_list: "encoder.layer",
            ..Blueprint::plain(root)
        }
    }

    /// Lets positions start after the padding id, as RoBERTa's do.
    ///
    /// # Errors
    /// [`crate::error::ErrorCode::InvalidFile`] when the table of positions has no row there.
    pub fn start_after_padding(&self, blueprint: &mut Blueprint, padding: u32) -> Result<()> {
        blueprint.first_position = padding as usize + 1;
        blueprint.padding_idx = Some(padding);
        blueprint.max_positions = self.positions.saturating_sub(blueprint.first_position);
        if blueprint.max_positions == 0 {
            let rule = "positions start after `pad_token_id`, so there is none";
            return Err(Config::wrong("max_position_embeddings", self.positions as f64, rule));
        }
        Ok(())
    }

    /// What comes out of the last block.
    pub fn last(&self) -> Site {
        Site::Block(self.blocks - 1, BlockSite::Output)
    }

    /// The modules `embeddings` in the order of `tables`, whose sum is normed.
    pub fn embeddings(&self, order: &[&str]) -> Part {
        let width = self.embedding_width;
        let table = |name, count, site| Part::embedding(name, count, width).gives(Site::Embedding(site));
        let children = order.iter().map(|name| match *name {
            "word_embeddings" => table("word_embeddings", self.vocabulary, EmbeddingSite::Token),
            "position_embeddings" => table("position_embeddings", self.positions, EmbeddingSite::Position),
            "token_type_embeddings" => table("token_type_embeddings", self.token_types, EmbeddingSite::TokenType),
            "LayerNorm" => {
                Part::layer_norm("LayerNorm", width, self.epsilon).gives(Site::Embedding(EmbeddingSite::Norm))
            }
            _ => Part::dropout("dropout", self.dropout).gives(Site::Embedding(EmbeddingSite::Output)),
        });
        Part::container("embeddings", self.classes.embeddings, children.collect())
            .gives(Site::Embedding(EmbeddingSite::Output))
    }

    /// The modules `encoder`: the list of blocks, with what else the family puts beside it.
    pub fn encoder(&self, block: impl Fn(usize) -> Part, beside: Vec<Part>) -> Part {
        let mut children = vec![Part::list("layer", (0..self.blocks).map(block).collect())];
        children.extend(beside);
        Part::container("encoder", self.classes.encoder, children).gives(self.last())
    }

    /// A block as BERT has it.
    pub fn block(&self, index: usize) -> Part {
        self.block_around(index, vec![self.self_attention(index), self.attention_output(index)])
    }

    /// A block as BERT has it, with these modules inside `attention`.
    pub fn block_around(&self, index: usize, attention: Vec<Part>) -> Part {
        let at = |site| Site::Block(index, site);
        let (function, class) = self.activation;
        let intermediate = vec![
            Part::linear("dense", self.width, self.inner, true).gives(at(BlockSite::MlpInner)),
            Part::activation("intermediate_act_fn", class, function).gives(at(BlockSite::MlpActivation)),
        ];
        let children = vec![
            Part::container("attention", self.classes.attention, attention).gives(at(BlockSite::AttentionResidualNorm)),
            Part::container("intermediate", self.classes.intermediate, intermediate)
                .gives(at(BlockSite::MlpActivation)),
            self.output(index, self.classes.output, self.inner, (BlockSite::MlpDown, BlockSite::MlpResidualNorm)),
        ];
        Part::container(index.to_string(), self.classes.layer, children).gives(at(BlockSite::Output))
    }

    /// The module `attention.self`.
    pub fn self_attention(&self, index: usize) -> Part {
        let project = |name, site| Part::linear(name, self.width, self.width, true).gives(Site::Block(index, site));
        let children = vec![
            project("query", BlockSite::Query),
            project("key", BlockSite::Key),
            project("value", BlockSite::Value),
            // PyTorch applies this one as a function: the module is never called.
            Part::dropout("dropout", self.attention_dropout),
        ];
        Part::container("self", self.classes.self_attention, children).gives(Site::Block(index, BlockSite::Context))
    }

    /// The modules `attention.output`.
    pub fn attention_output(&self, index: usize) -> Part {
        let sites = (BlockSite::AttentionProjection, BlockSite::AttentionResidualNorm);
        self.output(index, self.classes.self_output, self.width, sites)
    }

    fn output(&self, index: usize, class: &'static str, inputs: usize, sites: (BlockSite, BlockSite)) -> Part {
        let (projection, norm) = (Site::Block(index, sites.0), Site::Block(index, sites.1));
        let children = vec![
            Part::linear("dense", inputs, self.width, true).gives(projection),
            Part::layer_norm("LayerNorm", self.width, self.epsilon).gives(norm),
            Part::dropout("dropout", self.dropout).gives(projection),
        ];
        Part::container("output", class, children).gives(norm)
    }

    /// The pooler of the base model.
    pub fn pooler(&self) -> Part {
        let (dense, activation) = (Site::Head(HeadSite::Dense), Site::Head(HeadSite::Activation));
        let children = vec![
            Part::linear("dense", self.width, self.width, true).gives_per_text(dense),
            Part::activation("activation", "Tanh", Activation::Tanh).gives_per_text(activation),
        ];
        Part::container("pooler", self.classes.pooler, children).gives_per_text(activation)
    }

    /// A classifier of every token: the base model, a dropout, a projection.
    pub fn token_classifier(&self, class: &'static str, base: Part) -> Part {
        let children = vec![
            base,
            Part::dropout("dropout", self.classifier_dropout).gives(self.last()),
            Part::linear("classifier", self.width, self.logits, true).gives(Site::Head(HeadSite::Logits)),
        ];
        Part::container("", class, children)
    }

    /// RoBERTa's classifier of texts, `classifier`: two projections of the first row, with a module `activation`
    /// between them or a function.
    pub fn classification_head(&self, class: &'static str, activation: Option<Part>) -> Part {
        let at = Site::Head;
        let mut children =
            vec![Part::linear("dense", self.width, self.width, true).gives_per_text(at(HeadSite::Dense))];
        children.extend(activation.map(|part| part.gives_per_text(at(HeadSite::Activation))));
        children.push(Part::dropout("dropout", self.classifier_dropout).gives_per_text(at(HeadSite::Activation)));
        let scores = Part::linear("out_proj", self.width, self.logits, true);
        children.push(scores.gives_per_text(at(HeadSite::Logits)));
        Part::container("classifier", class, children).gives_per_text(at(HeadSite::Logits))
    }

    /// BERT's classifier of texts: the base model, a dropout, a projection of what the pooler gives.
    pub fn text_classifier(&self, class: &'static str, base: Part) -> Part {
        let at = Site::Head;
        let children = vec![
            base,
            Part::dropout("dropout", self.classifier_dropout).gives_per_text(at(HeadSite::Activation)),
            Part::linear("classifier", self.width, self.logits, true).gives_per_text(at(HeadSite::Logits)),
        ];
        Part::container("", class, children)
    }

    /// BERT's masked-LM head, `cls`.
    pub fn prediction_head(&self, config: &Config, names: &PredictionHead) -> Result<Part> {
        let at = Site::Head;
        let (function, class) = self.activation;
        let transform = vec![
            Part::linear("dense", self.width, self.width, names.bias).gives(at(HeadSite::Dense)),
            Part::activation("transform_act_fn", class, function).gives(at(HeadSite::Activation)),
            Part::layer_norm(names.norm, self.width, self.epsilon).gives(at(HeadSite::Norm)),
        ];
        // The bias is the head's own parameter, shared with the decoder; checkpoints hold either or both.
        let mut decoder = Part::linear("decoder", self.width, self.logits, names.bias)
            .gives(at(HeadSite::Logits))
            .or_from("bias", "cls.predictions.bias");
        if config.flag("tie_word_embeddings", true)? {
            decoder = names.word_embeddings.iter().fold(decoder, |decoder, table| decoder.or_from("weight", *table));
        }
        let [outer, predictions, inner] = names.classes;
        let transform = Part::container("transform", inner, transform).gives(at(HeadSite::Norm));
        let predictions = Part::container("predictions", predictions, vec![transform, decoder]);
        let children = vec![predictions.gives(at(HeadSite::Logits))];
        Ok(Part::container("cls", outer, children).gives(at(HeadSite::Logits)))
    }

    /// RoBERTa's masked-LM head, `lm_head`, with a function after its first projection.
    pub fn language_model_head(&self, config: &Config, class: &'static str, word_embeddings: &str) -> Result<Part> {
        let at = Site::Head;
        // The bias is the head's own parameter, shared with the decoder; checkpoints hold either or both.
        let mut decoder = Part::linear("decoder", self.width, self.logits, true)
            .gives(at(HeadSite::Logits))
            .or_from("bias", "lm_head.bias");
        if config.flag("tie_word_embeddings", true)? {
            decoder = decoder.or_from("weight", word_embeddings);
        }
        let children = vec![
            Part::linear("dense", self.width, self.width, true).gives(at(HeadSite::Dense)),
            Part::layer_norm("layer_norm", self.width, self.epsilon).gives(at(HeadSite::Norm)),
            decoder,
        ];
        Ok(Part::container("lm_head", class, children).gives(at(HeadSite::Logits)))
    }
}

/// The function of a head between its projections, for [`Blueprint::functions`].
pub(super) fn head_function(function: Activation) -> Vec<(Site, Activation)> {
    vec![(Site::Head(HeadSite::Activation), function)]
}
