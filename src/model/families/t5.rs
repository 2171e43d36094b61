//! The encoders of T5, Flan-T5 and mT5 (Raffel et al. 2020): a bias for the distance between two tokens instead of positions,
//! root-mean-square norms before each branch, scores that are not scaled. Decoders are not built.

use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    AttentionSettings, BlockSite, Blueprint, EmbeddingSite, HeadSite, Part, Pooling, RelativePositions, Residual,
    Scales, Site,
};
use crate::model::config::Config;
use crate::model::layers::Activation;

/// What classes are called.
struct Classes {
    encoder_model: &'static str,
    token_classifier: &'static str,
    stack: &'static str,
    block: &'static str,
    attention_layer: &'static str,
    attention: &'static str,
    mlp_layer: &'static str,
    plain_mlp: &'static str,
    gated_mlp: &'static str,
    norm: &'static str,
}

/// A registered family whose classes begin with `$name`.
macro_rules! family {
    ($constant:ident, $classes:ident, $blueprint:ident, $model_type:literal, $name:literal, $vocabulary:literal) => {
        const $classes: Classes = Classes {
            encoder_model: concat!($name, "EncoderModel"),
            token_classifier: concat!($name, "ForTokenClassification"),
            stack: concat!($name, "Stack"),
            block: concat!($name, "Block"),
            attention_layer: concat!($name, "LayerSelfAttention"),
            attention: concat!($name, "Attention"),
            mlp_layer: concat!($name, "LayerFF"),
            plain_mlp: concat!($name, "DenseActDense"),
            gated_mlp: concat!($name, "DenseGatedActDense"),
            norm: concat!($name, "LayerNorm"),
        };

        pub(super) const $constant: Family = Family {
            model_type: $model_type,
            classes: &[($classes.encoder_model, Head::Base), ($classes.token_classifier, Head::TokenClassification)],
            blueprint: $blueprint,
        };

        fn $blueprint(config: &Config, head: Head) -> Result<Blueprint> {
            blueprint(config, head, $model_type, &Sizes::read(config, head, &$classes, $vocabulary)?)
        }
    };
}

family!(T5, T5_CLASSES, t5, "t5", "T5", 32_128);
family!(MT5, MT5_CLASSES, mt5, "mt5", "MT5", 250_112);

/// The fields that modules are made from.
struct Sizes {
    classes: &'static Classes,
    vocabulary: usize,
    width: usize,
    heads: usize,
    head_width: usize,
    inner: usize,
    logits: usize,
    blocks: usize,
    buckets: usize,
    epsilon: f64,
    dropout: f64,
    gated: bool,
    activation: (Activation, &'static str),
}

impl Sizes {
    fn read(config: &Config, head: Head, classes: &'static Classes, vocabulary: usize) -> Result<Self> {
        let vocabulary = config.size("vocab_size", vocabulary)?;
        let default = if classes.norm == MT5_CLASSES.norm { "gated-gelu" } else { "relu" };
        let function = config.text("feed_forward_proj", default)?;
        // The first gated ones were trained with the approximation, and say less.
        let name = if function == "gated-gelu" { "gelu_new" } else { function.trim_start_matches("gated-") };
        Ok(Self {
            classes,
            vocabulary,
            width: config.size("d_model", 512)?,
            heads: config.size("num_heads", 8)?,
            head_width: config.size("d_kv", 64)?,
            inner: config.size("d_ff", 2048)?,
            logits: head.logits(config, vocabulary)?,
            blocks: config.blocks("num_layers", 6)?,
            buckets: config.size("relative_attention_num_buckets", 32)?,
            epsilon: config.number("layer_norm_epsilon", 1e-6)?,
            dropout: config.number("dropout_rate", 0.1)?,
            gated: function.starts_with("gated-"),
            activation: Activation::by_name("feed_forward_proj", name)?,
        })
    }

    fn norm(&self, name: &str) -> Part {
        Part::rms_norm(name, self.classes.norm, self.width, self.epsilon)
    }
}

fn blueprint(config: &Config, head: Head, family: &'static str, sizes: &Sizes) -> Result<Blueprint> {
    config.only("is_decoder", &[false.into()])?;
    let furthest = config.size("relative_attention_max_distance", 128)?;
    if sizes.buckets < 4 || furthest <= sizes.buckets / 4 {
        let rule = "a quarter of it must be at least 1 and less than `relative_attention_max_distance`";
        return Err(Config::wrong("relative_attention_num_buckets", sizes.buckets as f64, rule));
    }
    let attention = AttentionSettings {
        scale: 1.0,
        relative: Some(RelativePositions::Bias { buckets: sizes.buckets, furthest }),
        ..AttentionSettings::new(sizes.heads, sizes.heads, sizes.head_width)
    };
    Ok(Blueprint {
        family,
        vocabulary: sizes.vocabulary,
        width: sizes.width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks: sizes.blocks,
        // Nothing limits a text; this is how long those of the training were.
        max_positions: config.size("n_positions", 512)?,
        first_position: 0,
        uncounted_token: None,
        functions: Vec::new(),
        shared_blocks: Vec::new(),
        attention: vec![attention; sizes.blocks],
        rotations: Vec::new(),
        residual: Residual::Sequential,
        scales: Scales::default(),
        pooling: Pooling::PerToken,
        base_prefix: "transformer",
        block_list: "encoder.block",
        root: root(config, head, sizes)?,
    })
}

fn root(config: &Config, head: Head, sizes: &Sizes) -> Result<Part> {
    let table = |name| Part::embedding(name, sizes.vocabulary, sizes.width);
    let encoder = vec![
        table("embed_tokens").gives(Site::Embedding(EmbeddingSite::Token)).or_from("weight", "shared.weight"),
        Part::list("block", (0..sizes.blocks).map(|index| block(sizes, index)).collect()),
        sizes.norm("final_layer_norm").gives(Site::FinalNorm),
        // Called for the embeddings and in the end; the end is what a hook in PyTorch is left with.
        Part::dropout("dropout", sizes.dropout).gives(Site::FinalNorm),
    ];
    let encoder = Part::container("encoder", sizes.classes.stack, encoder).gives(Site::FinalNorm);
    // The first is never called: it is the encoder's table under the name that it shares with a decoder.
    let parts = vec![table("shared"), encoder];
    let base = |name| Part::container(name, sizes.classes.encoder_model, parts).gives(Site::FinalNorm);
    if head == Head::Base {
        return Ok(base(""));
    }
    let children = vec![
        base("transformer"),
        Part::dropout("dropout", config.number("classifier_dropout", 0.0)?).gives(Site::FinalNorm),
        Part::linear("classifier", sizes.width, sizes.logits, true).gives(Site::Head(HeadSite::Logits)),
    ];
    Ok(Part::container("", sizes.classes.token_classifier, children))
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, AttentionResidual, Key, MlpDown, MlpInputNorm, Output, Query, Value,
    };
    let at = |site| Site::Block(index, site);
    let classes = sizes.classes;
    let inside = sizes.heads.saturating_mul(sizes.head_width);
    let project = |name, site| Part::linear(name, sizes.width, inside, false).gives(at(site));
    let mut attention = vec![
        project("q", Query),
        project("k", Key),
        project("v", Value),
        Part::linear("o", inside, sizes.width, false).gives(at(AttentionProjection)),
    ];
    // The first block has the table of all.
    if index == 0 {
        let table = Part::embedding("relative_attention_bias", sizes.buckets, sizes.heads);
        attention.push(table.gives_aside(Site::Embedding(EmbeddingSite::RelativePositions)));
    }
    let attention = vec![
        Part::container("SelfAttention", classes.attention, attention).gives(at(AttentionProjection)),
        sizes.norm("layer_norm").gives(at(AttentionInputNorm)),
        Part::dropout("dropout", sizes.dropout).gives(at(AttentionProjection)),
    ];
    let mlp = vec![
        mlp(sizes, index),
        sizes.norm("layer_norm").gives(at(MlpInputNorm)),
        Part::dropout("dropout", sizes.dropout).gives(at(MlpDown)),
    ];
    let layers = vec![
        Part::container("0", classes.attention_layer, attention).gives(at(AttentionResidual)),
        Part::container("1", classes.mlp_layer, mlp).gives(at(Output)),
    ];
    Part::container(index.to_string(), classes.block, vec![Part::list("layer", layers)]).gives(at(Output))
}

fn mlp(sizes: &Sizes, index: usize) -> Part {
    let at = |site| Site::Block(index, site);
    let project = |name, site| Part::linear(name, sizes.width, sizes.inner, false).gives(at(site));
    let (function, class) = sizes.activation;
    let (mut children, kind, hidden) = if sizes.gated {
        let children = vec![project("wi_0", BlockSite::MlpInner), project("wi_1", BlockSite::MlpUp)];
        (children, sizes.classes.gated_mlp, BlockSite::MlpProduct)
    } else {
        (vec![project("wi", BlockSite::MlpInner)], sizes.classes.plain_mlp, BlockSite::MlpActivation)
    };
    children.extend([
        Part::linear("wo", sizes.inner, sizes.width, false).gives(at(BlockSite::MlpDown)),
        Part::dropout("dropout", sizes.dropout).gives(at(hidden)),
        Part::activation("act", class, function).gives(at(BlockSite::MlpActivation)),
    ]);
    Part::container("DenseReluDense", kind, children).gives(at(BlockSite::MlpDown))
}
