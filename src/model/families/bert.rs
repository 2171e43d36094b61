//! BERT (Devlin et al. 2018) and the sentence encoders made from it: learned absolute positions, token types,
//! layer norms after each residual sum, a plain MLP.

use serde_json::json;

use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    AttentionSettings, BlockSite, Blueprint, EmbeddingSite, HeadSite, Part, Pooling, Residual, Scales, Site,
};
use crate::model::config::Config;
use crate::model::layers::Activation;

pub(super) const FAMILY: Family = Family {
    model_type: "bert",
    classes: &[
        ("BertModel", Head::Base),
        ("BertForMaskedLM", Head::MaskedLanguageModel),
        ("BertForSequenceClassification", Head::SequenceClassification),
    ],
    blueprint,
};

/// The fields that modules are made from.
struct Sizes {
    vocabulary: usize,
    width: usize,
    inner: usize,
    logits: usize,
    positions: usize,
    token_types: usize,
    epsilon: f64,
    dropout: f64,
    attention_dropout: f64,
    activation: (Activation, &'static str),
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    config.only("is_decoder", &[json!(false)])?;
    config.only("add_cross_attention", &[json!(false)])?;
    config.only("position_embedding_type", &[json!("absolute")])?;
    let width = config.size("hidden_size", 768)?;
    let heads = config.size("num_attention_heads", 12)?;
    Config::divides(("num_attention_heads", heads), ("hidden_size", width))?;
    let vocabulary = config.size("vocab_size", 30_522)?;
    let sizes = Sizes {
        vocabulary,
        width,
        inner: config.size("intermediate_size", 3072)?,
        logits: head.logits(config, vocabulary)?,
        positions: config.size("max_position_embeddings", 512)?,
        token_types: config.size("type_vocab_size", 2)?,
        epsilon: config.number("layer_norm_eps", 1e-12)?,
        dropout: config.number("hidden_dropout_prob", 0.1)?,
        attention_dropout: config.number("attention_probs_dropout_prob", 0.1)?,
        activation: Activation::named(config, "hidden_act", "gelu")?,
    };
    let blocks = config.blocks("num_hidden_layers", 12)?;
    let head_width = width / heads;
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks,
        max_positions: sizes.positions,
        first_position: 0,
        attention: vec![AttentionSettings::new(heads, heads, head_width); blocks],
        rotations: Vec::new(),
        residual: Residual::Sequential,
        scales: Scales::default(),
        pooling: if head == Head::MaskedLanguageModel { Pooling::PerToken } else { Pooling::First },
        base_prefix: "bert",
        block_list: "encoder.layer",
        root: root(config, head, &sizes, blocks)?,
    })
}

fn root(config: &Config, head: Head, sizes: &Sizes, blocks: usize) -> Result<Part> {
    let width = sizes.width;
    let last = Site::Block(blocks - 1, BlockSite::Output);
    let layers = Part::list("layer", (0..blocks).map(|index| block(sizes, index)).collect());
    let mut parts = vec![embeddings(sizes), Part::container("encoder", "BertEncoder", vec![layers]).gives(last)];
    // Only the masked-LM class is built without the pooler.
    if head != Head::MaskedLanguageModel {
        let (dense, activation) = (Site::Head(HeadSite::Dense), Site::Head(HeadSite::Activation));
        let children = vec![
            Part::linear("dense", width, width, true).gives_per_text(dense),
            Part::activation("activation", "Tanh", Activation::Tanh).gives_per_text(activation),
        ];
        parts.push(Part::container("pooler", "BertPooler", children).gives_per_text(activation));
    }
    let base = |name| Part::container(name, "BertModel", parts).gives(last);
    Ok(match head {
        Head::Base => base(""),
        Head::MaskedLanguageModel => {
            let children = vec![base("bert"), masked_language_model_head(config, sizes)?];
            Part::container("", "BertForMaskedLM", children)
        }
        Head::SequenceClassification | Head::CausalLanguageModel | Head::TokenClassification => {
            let dropout = config.number("classifier_dropout", sizes.dropout)?;
            let children = vec![
                base("bert"),
                Part::dropout("dropout", dropout).gives_per_text(Site::Head(HeadSite::Activation)),
                Part::linear("classifier", width, sizes.logits, true).gives_per_text(Site::Head(HeadSite::Logits)),
            ];
            Part::container("", "BertForSequenceClassification", children)
        }
    })
}

fn embeddings(sizes: &Sizes) -> Part {
    let width = sizes.width;
    let at = Site::Embedding;
    let table = |name, count, site| Part::embedding(name, count, width).gives(at(site));
    let children = vec![
        table("word_embeddings", sizes.vocabulary, EmbeddingSite::Token),
        table("position_embeddings", sizes.positions, EmbeddingSite::Position),
        table("token_type_embeddings", sizes.token_types, EmbeddingSite::TokenType),
        Part::layer_norm("LayerNorm", width, sizes.epsilon).gives(at(EmbeddingSite::Norm)),
        Part::dropout("dropout", sizes.dropout).gives(at(EmbeddingSite::Output)),
    ];
    Part::container("embeddings", "BertEmbeddings", children).gives(at(EmbeddingSite::Output))
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionProjection, AttentionResidualNorm, Context, Key, MlpActivation, MlpDown, MlpInner, MlpResidualNorm,
        Output, Query, Value,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, epsilon, dropout, .. } = sizes;
    let (function, class) = sizes.activation;
    let projections = vec![
        Part::linear("query", width, width, true).gives(at(Query)),
        Part::linear("key", width, width, true).gives(at(Key)),
        Part::linear("value", width, width, true).gives(at(Value)),
        // PyTorch applies this one as a function: the module is never called.
        Part::dropout("dropout", sizes.attention_dropout),
    ];
    let output = |class, inputs, projection, norm| {
        let children = vec![
            Part::linear("dense", inputs, width, true).gives(at(projection)),
            Part::layer_norm("LayerNorm", width, epsilon).gives(at(norm)),
            Part::dropout("dropout", dropout).gives(at(projection)),
        ];
        Part::container("output", class, children).gives(at(norm))
    };
    let attention = vec![
        Part::container("self", "BertSelfAttention", projections).gives(at(Context)),
        output("BertSelfOutput", width, AttentionProjection, AttentionResidualNorm),
    ];
    let intermediate = vec![
        Part::linear("dense", width, inner, true).gives(at(MlpInner)),
        Part::activation("intermediate_act_fn", class, function).gives(at(MlpActivation)),
    ];
    let children = vec![
        Part::container("attention", "BertAttention", attention).gives(at(AttentionResidualNorm)),
        Part::container("intermediate", "BertIntermediate", intermediate).gives(at(MlpActivation)),
        output("BertOutput", inner, MlpDown, MlpResidualNorm),
    ];
    Part::container(index.to_string(), "BertLayer", children).gives(at(Output))
}

fn masked_language_model_head(config: &Config, sizes: &Sizes) -> Result<Part> {
    let &Sizes { width, epsilon, .. } = sizes;
    let (function, class) = sizes.activation;
    let at = Site::Head;
    let transform = vec![
        Part::linear("dense", width, width, true).gives(at(HeadSite::Dense)),
        Part::activation("transform_act_fn", class, function).gives(at(HeadSite::Activation)),
        Part::layer_norm("LayerNorm", width, epsilon).gives(at(HeadSite::Norm)),
    ];
    // The bias is the head's own parameter, shared with the decoder; checkpoints hold either or both.
    let mut decoder = Part::linear("decoder", width, sizes.logits, true)
        .gives(at(HeadSite::Logits))
        .or_from("bias", "cls.predictions.bias");
    if config.flag("tie_word_embeddings", true)? {
        decoder = decoder.or_from("weight", "bert.embeddings.word_embeddings.weight");
    }
    let transform = Part::container("transform", "BertPredictionHeadTransform", transform).gives(at(HeadSite::Norm));
    let predictions =
        Part::container("predictions", "BertLMPredictionHead", vec![transform, decoder]).gives(at(HeadSite::Logits));
    Ok(Part::container("cls", "BertOnlyMLMHead", vec![predictions]).gives(at(HeadSite::Logits)))
}
