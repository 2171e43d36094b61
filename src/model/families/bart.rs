//! BART (Lewis et al. 2020) and MarianMT (Junczys-Dowmunt et al. 2018): an encoder and a decoder with norms behind their
//! branches, and positions from a table, learned or of sines and cosines.
//!
//! The decoder reads what transformers gives BART's where a caller gives it nothing, and Marian's gets the same: the text's own
//! ids behind `decoder_start_token_id`, see [`super::t5`].

use serde_json::json;

use super::{Family, Head};
use crate::error::{Error, ErrorCode, Result};
use crate::model::blueprint::{
    Activation, AttentionSettings, Block, BlockSite, Blueprint, Decoder, EmbeddingSite, HeadSite, Part, Pooling,
    Scales, Site, Stack,
};
use crate::model::config::Config;

/// What classes are called.
struct Classes {
    model: &'static str,
    language_model: &'static str,
    text_classifier: &'static str,
    decoder_model: &'static str,
    encoder: &'static str,
    decoder: &'static str,
    /// What holds the decoder where there is no encoder.
    wrapper: &'static str,
    encoder_layer: &'static str,
    decoder_layer: &'static str,
    attention: &'static str,
    classification_head: &'static str,
}

/// The classes whose names begin with `$name`, but that of the language model.
macro_rules! classes {
    ($name:literal, $language_model:literal) => {
        Classes {
            model: concat!($name, "Model"),
            language_model: $language_model,
            text_classifier: concat!($name, "ForSequenceClassification"),
            decoder_model: concat!($name, "ForCausalLM"),
            encoder: concat!($name, "Encoder"),
            decoder: concat!($name, "Decoder"),
            wrapper: concat!($name, "DecoderWrapper"),
            encoder_layer: concat!($name, "EncoderLayer"),
            decoder_layer: concat!($name, "DecoderLayer"),
            attention: concat!($name, "Attention"),
            classification_head: concat!($name, "ClassificationHead"),
        }
    };
}

/// What the families do not share.
struct Kind {
    model_type: &'static str,
    classes: Classes,
    vocabulary: usize,
    start_token: u32,
    end_token: u32,
    /// How many positions in front of the first one the table has, which is learned then; `None` for sines and cosines.
    learned: Option<usize>,
    /// Whether the embedding ends with a norm, and its class scales the rows of tokens itself.
    normed: bool,
    /// How many labels a classifier has where nothing says it.
    labels: usize,
}

const BART_KIND: Kind = Kind {
    model_type: "bart",
    classes: classes!("Bart", "BartForConditionalGeneration"),
    vocabulary: 50_265,
    start_token: 2,
    end_token: 2,
    learned: Some(2),
    normed: true,
    labels: 3,
};

const MARIAN_KIND: Kind = Kind {
    model_type: "marian",
    classes: classes!("Marian", "MarianMTModel"),
    vocabulary: 58_101,
    start_token: 58_100,
    end_token: 0,
    learned: None,
    normed: false,
    labels: 2,
};

pub(super) const BART: Family = Family {
    model_type: BART_KIND.model_type,
    classes: &[
        (BART_KIND.classes.model, Head::Base),
        (BART_KIND.classes.language_model, Head::Seq2SeqLanguageModel),
        (BART_KIND.classes.text_classifier, Head::SequenceClassification),
        (BART_KIND.classes.decoder_model, Head::CausalLanguageModel),
    ],
    blueprint: |config, head| blueprint(config, head, &BART_KIND),
};

pub(super) const MARIAN: Family = Family {
    model_type: MARIAN_KIND.model_type,
    classes: &[
        (MARIAN_KIND.classes.model, Head::Base),
        (MARIAN_KIND.classes.language_model, Head::Seq2SeqLanguageModel),
        (MARIAN_KIND.classes.decoder_model, Head::CausalLanguageModel),
    ],
    blueprint: |config, head| blueprint(config, head, &MARIAN_KIND),
};

/// Fields by other names that transformers reads as well.
const ALIASES: [(&str, &str); 3] = [
    ("hidden_size", "d_model"),
    ("num_attention_heads", "encoder_attention_heads"),
    ("num_hidden_layers", "encoder_layers"),
];

/// PyTorch's default.
const EPSILON: f64 = 1e-5;

/// The sizes of a stack.
#[derive(Clone, Copy)]
struct StackSizes {
    vocabulary: usize,
    blocks: usize,
    heads: usize,
    inner: usize,
}

/// The fields that modules are made from.
struct Sizes {
    kind: &'static Kind,
    width: usize,
    positions: usize,
    logits: usize,
    /// What the rows of tokens are multiplied by.
    scale: f32,
    /// Whether encoder and decoder have one vocabulary.
    is_shared: bool,
    encoder: StackSizes,
    decoder: StackSizes,
    activation: (Activation, &'static str),
}

impl Sizes {
    fn read(config: &Config, head: Head, kind: &'static Kind) -> Result<Self> {
        let width = config.size("d_model", 1024)?;
        let vocabulary = config.size("vocab_size", kind.vocabulary)?;
        let stack = |blocks: &str, heads: &str, inner: &str, vocabulary| -> Result<StackSizes> {
            let of = StackSizes {
                vocabulary,
                blocks: config.blocks(blocks, 12)?,
                heads: config.size(heads, 16)?,
                inner: config.size(inner, 4096)?,
            };
            Config::divides((heads, of.heads), ("d_model", width))?;
            Ok(of)
        };
        let (is_shared, of_decoder) = match kind.learned {
            // BART has one vocabulary.
            Some(_) => (true, vocabulary),
            None => {
                (config.flag("share_encoder_decoder_embeddings", true)?, config.size("decoder_vocab_size", vocabulary)?)
            }
        };
        if is_shared && of_decoder != vocabulary {
            let rule = "it must be `vocab_size` where `share_encoder_decoder_embeddings` is true";
            return Err(Config::wrong("decoder_vocab_size", of_decoder as f64, rule));
        }
        Ok(Self {
            kind,
            width,
            positions: config.size("max_position_embeddings", 1024)?,
            logits: match head {
                Head::SequenceClassification => config.labels_or(kind.labels)?,
                Head::Seq2SeqLanguageModel => of_decoder,
                _ => head.logits(config, vocabulary)?,
            },
            scale: if config.flag("scale_embedding", false)? { (width as f64).sqrt() as f32 } else { 1.0 },
            is_shared,
            encoder: stack("encoder_layers", "encoder_attention_heads", "encoder_ffn_dim", vocabulary)?,
            decoder: stack("decoder_layers", "decoder_attention_heads", "decoder_ffn_dim", of_decoder)?,
            activation: Activation::named(config, "activation_function", "gelu")?,
        })
    }

    fn of(&self, stack: Stack) -> StackSizes {
        if stack == Stack::First { self.encoder } else { self.decoder }
    }

    fn norm(&self, name: &str) -> Part {
        Part::layer_norm(name, self.width, EPSILON)
    }

    /// A table of tokens.
    fn tokens(&self, name: &str, vocabulary: usize) -> Part {
        if !self.kind.normed {
            return Part::embedding(name, vocabulary, self.width);
        }
        Part::embedding_of(name, "BartScaledWordEmbedding", vocabulary, self.width, self.scale)
    }
}

fn blueprint(config: &Config, head: Head, kind: &'static Kind) -> Result<Blueprint> {
    let config = &config.with_aliases(&ALIASES);
    refuse(config, kind)?;
    let sizes = Sizes::read(config, head, kind)?;
    let attention = |heads| AttentionSettings::new(heads, heads, sizes.width / heads);
    let (encoder, decoder) = (sizes.encoder, sizes.decoder);
    let causal = AttentionSettings { causal: true, ..attention(decoder.heads) };
    let alone = head == Head::CausalLanguageModel;
    Ok(Blueprint {
        family: kind.model_type,
        vocabulary: if alone { decoder.vocabulary } else { encoder.vocabulary },
        width: sizes.width,
        inner_width: encoder.inner.max(decoder.inner),
        logits: sizes.logits,
        blocks: if alone { decoder.blocks } else { encoder.blocks },
        decoder: if alone {
            None
        } else {
            Some(Decoder {
                start_token: start_token(config, kind, decoder.vocabulary)?,
                attention: vec![causal.clone(); decoder.blocks],
                cross_attention: attention(decoder.heads),
                block_list: "decoder.layers",
                own_vocabulary: (!sizes.is_shared).then_some("share_encoder_decoder_embeddings"),
            })
        },
        max_positions: sizes.positions,
        first_position: kind.learned.unwrap_or(0),
        functions: match head {
            Head::SequenceClassification => vec![(Site::Head(HeadSite::Activation), Activation::Tanh)],
            _ => Vec::new(),
        },
        attention: if alone { vec![causal; decoder.blocks] } else { vec![attention(encoder.heads); encoder.blocks] },
        scales: Scales { tokens: if kind.normed { 1.0 } else { sizes.scale }, ..Scales::default() },
        pooling: match head {
            Head::SequenceClassification => {
                let end = config.token("eos_token_id", Some(kind.end_token))?;
                Pooling::LastOfToken(end.ok_or_else(|| Config::missing("eos_token_id"))?)
            }
            _ => Pooling::PerToken,
        },
        logits_bias: (head == Head::Seq2SeqLanguageModel).then_some("final_logits_bias"),
        base_prefix: "model",
        block_list: if alone { "decoder.layers" } else { "encoder.layers" },
        ..Blueprint::plain(root(config, head, &sizes)?)
    })
}

/// Refuses what the first versions of these models could be told, and transformers has not built since.
fn refuse(config: &Config, kind: &Kind) -> Result<()> {
    config.only("is_causal", &[json!(true)])?;
    config.only("normalize_before", &[json!(false)])?;
    config.only("add_final_layer_norm", &[json!(false)])?;
    config.only("add_bias_logits", &[json!(false)])?;
    config.only("normalize_embedding", &[json!(kind.normed)])?;
    config.only("static_position_embeddings", &[json!(kind.learned.is_none())])
}

/// The id that the decoder reads first.
fn start_token(config: &Config, kind: &Kind, vocabulary: usize) -> Result<u32> {
    let field = "decoder_start_token_id";
    let token = config.token(field, Some(kind.start_token))?.ok_or_else(|| {
        let message = format!("config.json: `{field}` is null, so nothing says what the decoder reads first");
        Error::new(ErrorCode::InvalidFile, message)
            .hint("write the id into it: that of `</s>` for BART, of `<pad>` for Marian")
            .detail("field", field)
    })?;
    if token as usize >= vocabulary {
        return Err(Config::wrong(field, f64::from(token), "it must be less than the size of the vocabulary"));
    }
    Ok(token)
}

fn root(config: &Config, head: Head, sizes: &Sizes) -> Result<Part> {
    let classes = &sizes.kind.classes;
    let tied = config.flag("tie_word_embeddings", true)?;
    let scores = |tables: &[&str]| {
        let scores = Part::linear("lm_head", sizes.width, sizes.logits, false).gives(Site::Head(HeadSite::Logits));
        let tables = tables.iter().filter(|_| tied);
        tables.fold(scores, |scores, table| scores.or_from("weight", format!("model.{table}.weight")))
    };
    if head == Head::CausalLanguageModel {
        // The decoder is called inside the model, never the model.
        let model = Part::container("model", classes.wrapper, vec![stack(sizes, "decoder", Stack::First)]);
        let scores = scores(&["decoder.embed_tokens", "shared"]);
        return Ok(Part::container("", classes.decoder_model, vec![model, scores]));
    }
    let mut parts = Vec::new();
    if sizes.is_shared {
        // Never called: it is the table of encoder and decoder under the name that they share.
        parts.push(sizes.tokens("shared", sizes.encoder.vocabulary));
    }
    parts.extend([stack(sizes, "encoder", Stack::First), stack(sizes, "decoder", Stack::Decoder)]);
    let last = Site::DecoderBlock(sizes.decoder.blocks - 1, BlockSite::Output);
    let base = |name| Part::container(name, classes.model, parts).gives(last);
    Ok(match head {
        Head::Seq2SeqLanguageModel => {
            let tables: &[&str] = if sizes.is_shared {
                &["shared", "encoder.embed_tokens", "decoder.embed_tokens"]
            } else {
                &["decoder.embed_tokens"]
            };
            Part::container("", classes.language_model, vec![base("model"), scores(tables)])
        }
        Head::SequenceClassification => {
            let dropout = config.number("classifier_dropout", 0.0)?;
            let children = vec![
                Part::linear("dense", sizes.width, sizes.width, true).gives_per_text(Site::Head(HeadSite::Dense)),
                Part::dropout("dropout", dropout).gives_several(),
                Part::linear("out_proj", sizes.width, sizes.logits, true).gives_per_text(Site::Head(HeadSite::Logits)),
            ];
            let classifier = Part::container("classification_head", classes.classification_head, children);
            let children = vec![base("model"), classifier.gives_per_text(Site::Head(HeadSite::Logits))];
            Part::container("", classes.text_classifier, children)
        }
        _ => base(""),
    })
}

/// An encoder or a decoder, as the stack of the pass that it is: a decoder without an encoder is the first one.
fn stack(sizes: &Sizes, name: &str, stack: Stack) -> Part {
    let Kind { classes, .. } = sizes.kind;
    let is_decoder = name == "decoder";
    let of = if is_decoder { sizes.decoder } else { sizes.of(stack) };
    let at = |site| stack.embedding(site);
    let mut tokens = sizes.tokens("embed_tokens", of.vocabulary).gives(at(EmbeddingSite::Token));
    if sizes.is_shared {
        tokens = tokens.or_from("weight", "shared.weight");
        if is_decoder {
            tokens = tokens.or_from("weight", "encoder.embed_tokens.weight");
        }
    }
    let positions = match sizes.kind.learned {
        Some(first) => {
            let count = sizes.positions.saturating_add(first);
            Part::embedding_of("embed_positions", "BartLearnedPositionalEmbedding", count, sizes.width, 1.0)
        }
        None => Part::sinusoids("embed_positions", "MarianSinusoidalPositionalEmbedding", sizes.positions, sizes.width),
    };
    let blocks = (0..of.blocks).map(|index| block(sizes, stack.block(index), of, is_decoder)).collect();
    let mut children = vec![tokens, positions.gives(at(EmbeddingSite::Position)), Part::list("layers", blocks)];
    if sizes.kind.normed {
        children.push(sizes.norm("layernorm_embedding").gives(at(EmbeddingSite::Norm)));
    }
    let class = if is_decoder { classes.decoder } else { classes.encoder };
    Part::container(name, class, children).gives(stack.block(of.blocks - 1).at(BlockSite::Output))
}

fn block(sizes: &Sizes, block: Block, of: StackSizes, is_decoder: bool) -> Part {
    use BlockSite::{
        AttentionProjection, AttentionResidualNorm, CrossKey, CrossProjection, CrossQuery, CrossResidualNorm,
        CrossValue, Key, MlpActivation, MlpDown, MlpInner, MlpResidualNorm, Output, Query, Value,
    };
    let at = |site| block.at(site);
    let Kind { classes, .. } = sizes.kind;
    let (function, class) = sizes.activation;
    let own = attention(sizes, [Key, Value, Query, AttentionProjection].map(at));
    let own = Part::container("self_attn", classes.attention, own).gives(at(AttentionProjection));
    let own_norm = sizes.norm("self_attn_layer_norm").gives(at(AttentionResidualNorm));
    let activation = Part::activation("activation_fn", class, function).gives(at(MlpActivation));
    let mut children = if is_decoder { vec![own, activation, own_norm] } else { vec![own, own_norm, activation] };
    if is_decoder {
        let cross = attention(sizes, [CrossKey, CrossValue, CrossQuery, CrossProjection].map(at));
        let cross = Part::container("encoder_attn", classes.attention, cross).gives(at(CrossProjection));
        let norm = sizes.norm("encoder_attn_layer_norm").gives(at(CrossResidualNorm));
        // Without an encoder they are there and never called.
        let called = block.stack == Stack::Decoder;
        children.extend([cross, norm].map(|part| if called { part } else { part.never_called() }));
    }
    children.extend([
        Part::linear("fc1", sizes.width, of.inner, true).gives(at(MlpInner)),
        Part::linear("fc2", of.inner, sizes.width, true).gives(at(MlpDown)),
        sizes.norm("final_layer_norm").gives(at(MlpResidualNorm)),
    ]);
    let class = if is_decoder { classes.decoder_layer } else { classes.encoder_layer };
    Part::container(block.index.to_string(), class, children).gives(at(Output))
}

/// The projections of an attention, at the sites of keys, values, queries and the output.
fn attention(sizes: &Sizes, [key, value, query, output]: [Site; 4]) -> Vec<Part> {
    let square = |name, site| Part::linear(name, sizes.width, sizes.width, true).gives(site);
    vec![square("k_proj", key), square("v_proj", value), square("q_proj", query), square("out_proj", output)]
}
