//! T5, Flan-T5 and mT5 (Raffel et al. 2020): a bias for the distance between two tokens instead of positions,
//! root-mean-square norms before each branch, scores that are not scaled.
//!
//! A decoder reads what transformers gives it where a caller gives it nothing: the text's own ids, shifted by one. The
//! first id is `decoder_start_token_id` and the last one of the text is not read. So row `i` of a module of the decoder
//! belongs to token `i` of the text: it is the state that predicts this token from those before it, and from the whole
//! text as the encoder gave it.

use serde_json::json;

use super::{Family, Head};
use crate::error::{Error, ErrorCode, Result};
use crate::model::blueprint::{
    Activation, AttentionSettings, Block, BlockSite, Blueprint, Decoder, EmbeddingSite, HeadSite, Part, Pooling,
    RelativePositions, Scales, Site, Stack,
};
use crate::model::config::Config;

/// What classes are called.
struct Classes {
    model: &'static str,
    encoder_model: &'static str,
    language_model: &'static str,
    text_classifier: &'static str,
    token_classifier: &'static str,
    stack: &'static str,
    block: &'static str,
    attention_layer: &'static str,
    cross_attention_layer: &'static str,
    attention: &'static str,
    mlp_layer: &'static str,
    plain_mlp: &'static str,
    gated_mlp: &'static str,
    norm: &'static str,
    classification_head: &'static str,
}

/// A registered family whose classes begin with `$name`.
macro_rules! family {
    ($constant:ident, $classes:ident, $blueprint:ident, $model_type:literal, $name:literal, $defaults:expr) => {
        const $classes: Classes = Classes {
            model: concat!($name, "Model"),
            encoder_model: concat!($name, "EncoderModel"),
            language_model: concat!($name, "ForConditionalGeneration"),
            text_classifier: concat!($name, "ForSequenceClassification"),
            token_classifier: concat!($name, "ForTokenClassification"),
            stack: concat!($name, "Stack"),
            block: concat!($name, "Block"),
            attention_layer: concat!($name, "LayerSelfAttention"),
            cross_attention_layer: concat!($name, "LayerCrossAttention"),
            attention: concat!($name, "Attention"),
            mlp_layer: concat!($name, "LayerFF"),
            plain_mlp: concat!($name, "DenseActDense"),
            gated_mlp: concat!($name, "DenseGatedActDense"),
            norm: concat!($name, "LayerNorm"),
            classification_head: concat!($name, "ClassificationHead"),
        };

        pub(super) const $constant: Family = Family {
            model_type: $model_type,
            classes: &[
                ($classes.model, Head::Base),
                ($classes.encoder_model, Head::Encoder),
                ($classes.language_model, Head::Seq2SeqLanguageModel),
                // What the class was called once; the largest files still say so.
                (concat!($name, "WithLMHeadModel"), Head::Seq2SeqLanguageModel),
                ($classes.text_classifier, Head::SequenceClassification),
                ($classes.token_classifier, Head::TokenClassification),
            ],
            blueprint: $blueprint,
        };

        fn $blueprint(config: &Config, head: Head) -> Result<Blueprint> {
            let config = &config.with_aliases(&ALIASES);
            blueprint(config, head, $model_type, &Sizes::read(config, head, &$classes, &$defaults)?)
        }
    };
}

family!(T5, T5_CLASSES, t5, "t5", "T5", T5_DEFAULTS);
family!(MT5, MT5_CLASSES, mt5, "mt5", "MT5", MT5_DEFAULTS);

/// Fields by other names that transformers reads as well.
const ALIASES: [(&str, &str); 4] = [
    ("hidden_size", "d_model"),
    ("head_dim", "d_kv"),
    ("num_attention_heads", "num_heads"),
    ("num_hidden_layers", "num_layers"),
];

/// What a family takes where its configuration says nothing.
struct Defaults {
    vocabulary: usize,
    inner: usize,
    heads: usize,
    blocks: usize,
    feed_forward: &'static str,
    /// transformers has one for mT5 alone.
    start_token: Option<u32>,
}

const T5_DEFAULTS: Defaults =
    Defaults { vocabulary: 32_128, inner: 2048, heads: 8, blocks: 6, feed_forward: "relu", start_token: None };
const MT5_DEFAULTS: Defaults = Defaults {
    vocabulary: 250_112,
    inner: 1024,
    heads: 6,
    blocks: 8,
    feed_forward: "gated-gelu",
    start_token: Some(0),
};

/// The fields that modules are made from.
struct Sizes {
    classes: &'static Classes,
    vocabulary: usize,
    width: usize,
    heads: usize,
    head_width: usize,
    inner: usize,
    logits: usize,
    encoder_blocks: usize,
    decoder_blocks: usize,
    start_token: Option<u32>,
    buckets: usize,
    epsilon: f64,
    dropout: f64,
    gated: bool,
    activation: (Activation, &'static str),
}

impl Sizes {
    fn read(config: &Config, head: Head, classes: &'static Classes, defaults: &Defaults) -> Result<Self> {
        let vocabulary = config.size("vocab_size", defaults.vocabulary)?;
        let encoder_blocks = config.blocks("num_layers", defaults.blocks)?;
        let decoder_blocks = match head {
            Head::Encoder | Head::TokenClassification => 0,
            _ => config.blocks("num_decoder_layers", encoder_blocks)?,
        };
        let function = config.text("feed_forward_proj", defaults.feed_forward)?;
        // The first gated ones were trained with the approximation, and say less.
        let name = if function == "gated-gelu" { "gelu_new" } else { function.trim_start_matches("gated-") };
        let gated = function.starts_with("gated-");
        let activation = Activation::by_name("feed_forward_proj", name)?;
        // The same once more, which newer files write besides.
        config.only("dense_act_fn", &[json!(name)])?;
        config.only("is_gated_act", &[json!(gated)])?;
        Ok(Self {
            classes,
            vocabulary,
            width: config.size("d_model", 512)?,
            heads: config.size("num_heads", defaults.heads)?,
            head_width: config.size("d_kv", 64)?,
            inner: config.size("d_ff", defaults.inner)?,
            logits: head.logits(config, vocabulary)?,
            encoder_blocks,
            decoder_blocks,
            start_token: config.token("decoder_start_token_id", defaults.start_token)?,
            buckets: config.size("relative_attention_num_buckets", 32)?,
            epsilon: config.number("layer_norm_epsilon", 1e-6)?,
            dropout: config.number("dropout_rate", 0.1)?,
            gated,
            activation,
        })
    }

    fn norm(&self, name: &str) -> Part {
        Part::rms_norm(name, self.classes.norm, self.width, self.epsilon)
    }
}

fn blueprint(config: &Config, head: Head, family: &'static str, sizes: &Sizes) -> Result<Blueprint> {
    config.only("is_decoder", &[false.into()])?;
    if sizes.decoder_blocks > 0 {
        config.only("is_causal", &[true.into()])?;
    }
    let max_distance = config.size("relative_attention_max_distance", 128)?;
    // Buckets of single distances: half of those that look one way, which in a decoder are all of them.
    let single = sizes.buckets / if sizes.decoder_blocks > 0 { 2 } else { 4 };
    if sizes.buckets < 4 || max_distance <= single {
        let rule = "it must be at least 4, and `relative_attention_max_distance` more than a quarter of it (half, with a decoder)";
        return Err(Config::wrong("relative_attention_num_buckets", sizes.buckets as f64, rule));
    }
    let attention = AttentionSettings {
        scale: 1.0,
        relative: Some(RelativePositions::Bias { buckets: sizes.buckets, max_distance, bidirectional: true }),
        ..AttentionSettings::new(sizes.heads, sizes.heads, sizes.head_width)
    };
    let causal = AttentionSettings {
        causal: true,
        relative: Some(RelativePositions::Bias { buckets: sizes.buckets, max_distance, bidirectional: false }),
        ..attention.clone()
    };
    let decoder = match sizes.decoder_blocks {
        0 => None,
        blocks => Some(Decoder {
            start_token: start_token(sizes)?,
            attention: vec![causal; blocks],
            cross_attention: AttentionSettings { relative: None, ..attention.clone() },
            block_list: "decoder.block",
            own_vocabulary: None,
        }),
    };
    let scaled_head = head == Head::Seq2SeqLanguageModel && scales_decoder(config, sizes)?;
    Ok(Blueprint {
        family,
        vocabulary: sizes.vocabulary,
        width: sizes.width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks: sizes.encoder_blocks,
        decoder,
        // Nothing limits a text; this is how long those of the training were.
        max_positions: config.size("n_positions", 512)?,
        functions: match head {
            Head::SequenceClassification => vec![(Site::Head(HeadSite::Activation), Activation::Tanh)],
            _ => Vec::new(),
        },
        attention: vec![attention; sizes.encoder_blocks],
        scales: Scales {
            head: if scaled_head { (sizes.width as f64).powf(-0.5) as f32 } else { 1.0 },
            ..Scales::default()
        },
        pooling: match head {
            Head::SequenceClassification => {
                let end = config.token("eos_token_id", Some(1))?;
                Pooling::LastOfToken(end.ok_or_else(|| Config::missing("eos_token_id"))?)
            }
            _ => Pooling::PerToken,
        },
        base_prefix: "transformer",
        block_list: "encoder.block",
        ..Blueprint::plain(root(config, head, sizes)?)
    })
}

/// The id that the decoder reads first.
fn start_token(sizes: &Sizes) -> Result<u32> {
    let field = "decoder_start_token_id";
    let token = sizes.start_token.ok_or_else(|| {
        let message = format!("config.json: `{field}` is missing, so nothing says what the decoder reads first");
        Error::new(ErrorCode::InvalidFile, message)
            .hint("add it (T5 was trained with its `pad_token_id`, 0), or name the encoder alone in `architectures`")
            .detail("field", field)
    })?;
    if token as usize >= sizes.vocabulary {
        return Err(Config::wrong(field, f64::from(token), "it must be less than `vocab_size`"));
    }
    Ok(token)
}

/// Whether what the scores of the vocabulary read is divided by the root of the width: in T5, not in its version 1.1,
/// which says so by scores that are not tied, and not in mT5.
fn scales_decoder(config: &Config, sizes: &Sizes) -> Result<bool> {
    if sizes.classes.norm == MT5_CLASSES.norm {
        return Ok(false);
    }
    config.flag("scale_decoder_outputs", config.flag("tie_word_embeddings", true)?)
}

fn root(config: &Config, head: Head, sizes: &Sizes) -> Result<Part> {
    let classes = sizes.classes;
    // Never called: it is the table of encoder and decoder under the name that they share.
    let mut parts = vec![Part::embedding("shared", sizes.vocabulary, sizes.width), encoder(sizes)];
    let mut class = classes.encoder_model;
    if sizes.decoder_blocks > 0 {
        parts.push(decoder(sizes));
        class = classes.model;
    }
    if head == Head::Seq2SeqLanguageModel {
        let scores = Part::linear("lm_head", sizes.width, sizes.vocabulary, false).gives(Site::Head(HeadSite::Logits));
        parts.push(scores.or_from("weight", "shared.weight").or_from("weight", "encoder.embed_tokens.weight"));
        return Ok(Part::container("", classes.language_model, parts));
    }
    let base = |name| Part::container(name, class, parts).gives(Site::FinalNorm);
    let dropout = config.number("classifier_dropout", 0.0)?;
    Ok(match head {
        Head::SequenceClassification => {
            let children = vec![
                Part::linear("dense", sizes.width, sizes.width, true).gives_per_text(Site::Head(HeadSite::Dense)),
                Part::dropout("dropout", dropout).gives_several(),
                Part::linear("out_proj", sizes.width, sizes.logits, true).gives_per_text(Site::Head(HeadSite::Logits)),
            ];
            let classifier = Part::container("classification_head", classes.classification_head, children);
            let children = vec![base("transformer"), classifier.gives_per_text(Site::Head(HeadSite::Logits))];
            Part::container("", classes.text_classifier, children)
        }
        Head::TokenClassification => {
            let children = vec![
                base("transformer"),
                Part::dropout("dropout", dropout).gives(Site::FinalNorm),
                Part::linear("classifier", sizes.width, sizes.logits, true).gives(Site::Head(HeadSite::Logits)),
            ];
            Part::container("", classes.token_classifier, children)
        }
        _ => base(""),
    })
}

fn encoder(sizes: &Sizes) -> Part {
    let last = if sizes.decoder_blocks > 0 { Site::EncoderNorm } else { Site::FinalNorm };
    let tokens = Part::embedding("embed_tokens", sizes.vocabulary, sizes.width).or_from("weight", "shared.weight");
    stack("encoder", Stack::First, tokens, sizes.encoder_blocks, last, sizes)
}

fn decoder(sizes: &Sizes) -> Part {
    let tokens = Part::embedding("embed_tokens", sizes.vocabulary, sizes.width);
    let tokens = tokens.or_from("weight", "shared.weight").or_from("weight", "encoder.embed_tokens.weight");
    stack("decoder", Stack::Decoder, tokens, sizes.decoder_blocks, Site::FinalNorm, sizes)
}

fn stack(name: &str, stack: Stack, tokens: Part, blocks: usize, last: Site, sizes: &Sizes) -> Part {
    let children = vec![
        tokens.gives(stack.embedding(EmbeddingSite::Token)),
        Part::list("block", (0..blocks).map(|index| block(sizes, stack.block(index))).collect()),
        sizes.norm("final_layer_norm").gives(last),
        // Called for the embeddings and in the end; the end is what a hook in PyTorch is left with.
        Part::dropout("dropout", sizes.dropout).gives(last),
    ];
    Part::container(name, sizes.classes.stack, children).gives(last)
}

fn block(sizes: &Sizes, block: Block) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, AttentionResidual, CrossInputNorm, CrossKey, CrossProjection,
        CrossQuery, CrossResidual, CrossValue, Key, MlpDown, MlpInputNorm, Output, Query, Value,
    };
    let at = |site| block.at(site);
    let classes = sizes.classes;
    let mut attention = projections(sizes, [Query, Key, Value, AttentionProjection].map(at));
    // The first block has the table of all.
    if block.index == 0 {
        let table = Part::embedding("relative_attention_bias", sizes.buckets, sizes.heads);
        attention.push(table.gives_aside(block.stack.embedding(EmbeddingSite::RelativePositions)));
    }
    // A branch, and the norm and the dropout that stand beside it in each layer.
    let branch = |part, norm, change| {
        vec![part, sizes.norm("layer_norm").gives(at(norm)), Part::dropout("dropout", sizes.dropout).gives(at(change))]
    };
    let attention = Part::container("SelfAttention", classes.attention, attention).gives(at(AttentionProjection));
    let attention = branch(attention, AttentionInputNorm, AttentionProjection);
    let mut layers = vec![Part::container("0", classes.attention_layer, attention).gives(at(AttentionResidual))];
    if block.stack == Stack::Decoder {
        let attention = projections(sizes, [CrossQuery, CrossKey, CrossValue, CrossProjection].map(at));
        let attention = Part::container("EncDecAttention", classes.attention, attention).gives(at(CrossProjection));
        let attention = branch(attention, CrossInputNorm, CrossProjection);
        layers.push(Part::container("1", classes.cross_attention_layer, attention).gives(at(CrossResidual)));
    }
    let mlp = branch(mlp(sizes, block), MlpInputNorm, MlpDown);
    layers.push(Part::container(layers.len().to_string(), classes.mlp_layer, mlp).gives(at(Output)));
    Part::container(block.index.to_string(), classes.block, vec![Part::list("layer", layers)]).gives(at(Output))
}

/// The projections of an attention, at the sites of queries, keys, values and the output.
fn projections(sizes: &Sizes, [query, key, value, output]: [Site; 4]) -> Vec<Part> {
    let inside = sizes.heads.saturating_mul(sizes.head_width);
    let project = |name, site| Part::linear(name, sizes.width, inside, false).gives(site);
    vec![
        project("q", query),
        project("k", key),
        project("v", value),
        Part::linear("o", inside, sizes.width, false).gives(output),
    ]
}

fn mlp(sizes: &Sizes, block: Block) -> Part {
    let at = |site| block.at(site);
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
