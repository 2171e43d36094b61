//! DistilBERT (Sanh et al. 2019): half of BERT's blocks, without token types and pooler, under names of its own.

use super::bert_parts::{Classes, Sizes, classes, head_function};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, BlockSite, Blueprint, HeadSite, Part, Site};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "distilbert",
    classes: &[
        ("DistilBertModel", Head::Base),
        ("DistilBertForMaskedLM", Head::MaskedLanguageModel),
        ("DistilBertForSequenceClassification", Head::SequenceClassification),
        ("DistilBertForTokenClassification", Head::TokenClassification),
    ],
    blueprint,
};

/// Fields by other names that transformers reads as well.
const ALIASES: [(&str, &str); 3] =
    [("hidden_size", "dim"), ("num_attention_heads", "n_heads"), ("num_hidden_layers", "n_layers")];

/// What it does not call as BERT does is in [`block`] and [`root`].
const CLASSES: Classes = Classes { embeddings: "Embeddings", ..classes!("DistilBert") };

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let config = &config.with_aliases(&ALIASES);
    let sizes = sizes(config, head)?;
    let mut blueprint = sizes.blueprint(FAMILY.model_type, "distilbert", head, root(config, head, &sizes)?);
    blueprint.block_list = "transformer.layer";
    if head == Head::SequenceClassification {
        blueprint.functions = head_function(Activation::Relu);
    }
    Ok(blueprint)
}

fn sizes(config: &Config, head: Head) -> Result<Sizes> {
    let width = config.size("dim", 768)?;
    let heads = config.size("n_heads", 12)?;
    Config::divides(("n_heads", heads), ("dim", width))?;
    let vocabulary = config.size("vocab_size", 30_522)?;
    let dropout = config.number("dropout", 0.1)?;
    Ok(Sizes {
        classes: &CLASSES,
        vocabulary,
        width,
        embedding_width: width,
        heads,
        inner: config.size("hidden_dim", 3072)?,
        logits: head.logits(config, vocabulary)?,
        blocks: config.blocks("n_layers", 6)?,
        positions: config.size("max_position_embeddings", 512)?,
        token_types: 0,
        epsilon: 1e-12,
        dropout,
        attention_dropout: config.number("attention_dropout", 0.1)?,
        classifier_dropout: dropout,
        activation: Activation::named(config, "activation", "gelu")?,
    })
}

fn root(config: &Config, head: Head, sizes: &Sizes) -> Result<Part> {
    let &Sizes { width, logits, .. } = sizes;
    let embeddings = sizes.embeddings(&["word_embeddings", "position_embeddings", "LayerNorm", "dropout"]);
    let layers = Part::list("layer", (0..sizes.blocks).map(|index| block(sizes, index)).collect());
    let transformer = Part::container("transformer", "Transformer", vec![layers]).gives(sizes.last());
    let base = |name| Part::container(name, CLASSES.model, vec![embeddings, transformer]).gives(sizes.last());
    let at = Site::Head;
    Ok(match head {
        Head::MaskedLanguageModel => {
            let (function, class) = sizes.activation;
            let mut scores = Part::linear("vocab_projector", width, logits, true).gives(at(HeadSite::Logits));
            if config.flag("tie_word_embeddings", true)? {
                scores = scores.or_from("weight", "distilbert.embeddings.word_embeddings.weight");
            }
            let children = vec![
                Part::activation("activation", class, function).gives(at(HeadSite::Activation)),
                base("distilbert"),
                Part::linear("vocab_transform", width, width, true).gives(at(HeadSite::Dense)),
                Part::layer_norm("vocab_layer_norm", width, sizes.epsilon).gives(at(HeadSite::Norm)),
                scores,
                Part::container("mlm_loss_fct", "CrossEntropyLoss", Vec::new()),
            ];
            Part::container("", "DistilBertForMaskedLM", children)
        }
        Head::SequenceClassification => {
            let dropout = config.number("seq_classif_dropout", 0.2)?;
            let children = vec![
                base("distilbert"),
                Part::linear("pre_classifier", width, width, true).gives_per_text(at(HeadSite::Dense)),
                Part::linear("classifier", width, logits, true).gives_per_text(at(HeadSite::Logits)),
                Part::dropout("dropout", dropout).gives_per_text(at(HeadSite::Activation)),
            ];
            Part::container("", "DistilBertForSequenceClassification", children)
        }
        Head::TokenClassification => sizes.token_classifier("DistilBertForTokenClassification", base("distilbert")),
        _ => base(""),
    })
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionProjection, AttentionResidualNorm, Key, MlpActivation, MlpDown, MlpInner, MlpResidualNorm, Output,
        Query, Value,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, epsilon, .. } = sizes;
    let (function, class) = sizes.activation;
    let project = |name, site| Part::linear(name, width, width, true).gives(at(site));
    let attention = vec![
        project("q_lin", Query),
        project("k_lin", Key),
        project("v_lin", Value),
        project("out_lin", AttentionProjection),
        // PyTorch applies this one as a function: the module is never called.
        Part::dropout("dropout", sizes.attention_dropout),
    ];
    let mlp = vec![
        Part::dropout("dropout", sizes.dropout).gives(at(MlpDown)),
        Part::linear("lin1", width, inner, true).gives(at(MlpInner)),
        Part::linear("lin2", inner, width, true).gives(at(MlpDown)),
        Part::activation("activation", class, function).gives(at(MlpActivation)),
    ];
    let children = vec![
        Part::container("attention", CLASSES.self_attention, attention).gives(at(AttentionProjection)),
        Part::layer_norm("sa_layer_norm", width, epsilon).gives(at(AttentionResidualNorm)),
        Part::container("ffn", "FFN", mlp).gives(at(MlpDown)),
        Part::layer_norm("output_layer_norm", width, epsilon).gives(at(MlpResidualNorm)),
    ];
    Part::container(index.to_string(), "TransformerBlock", children).gives(at(Output))
}
