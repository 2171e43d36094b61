//! GPT-J (Wang & Komatsuzaki 2021): both branches read the stream as the block found it, through one norm; a part of
//! each head is rotated, in pairs of adjacent columns.

use super::decoder_heads::DecoderHeads;
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{
    Activation, AttentionSettings, BlockSite, Blueprint, EmbeddingSite, Part, Residual, RotaryScaling, RotarySettings,
    Site,
};
use crate::model::config::Config;

pub(super) const FAMILY: Family = Family {
    model_type: "gptj",
    classes: &[
        ("GPTJModel", Head::Base),
        ("GPTJForCausalLM", Head::CausalLanguageModel),
        ("GPTJForSequenceClassification", Head::SequenceClassification),
    ],
    blueprint,
};

/// Fields by other names that transformers reads as well.
const ALIASES: [(&str, &str); 4] = [
    ("hidden_size", "n_embd"),
    ("max_position_embeddings", "n_positions"),
    ("num_attention_heads", "n_head"),
    ("num_hidden_layers", "n_layer"),
];

/// The fields that modules are made from.
struct Sizes {
    vocabulary: usize,
    width: usize,
    inner: usize,
    logits: usize,
    epsilon: f64,
    dropout: f64,
    attention_dropout: f64,
    activation: (Activation, &'static str),
}

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let config = &config.with_aliases(&ALIASES);
    let width = config.size("n_embd", 4096)?;
    let heads = config.size("n_head", 16)?;
    Config::divides(("n_head", heads), ("n_embd", width))?;
    let vocabulary = config.size("vocab_size", 50_400)?;
    let blocks = config.blocks("n_layer", 28)?;
    let sizes = Sizes {
        vocabulary,
        width,
        inner: config.size("n_inner", 4 * width)?,
        logits: head.logits(config, vocabulary)?,
        epsilon: config.number("layer_norm_epsilon", 1e-5)?,
        dropout: config.number("resid_pdrop", 0.0)?,
        attention_dropout: config.number("attn_pdrop", 0.0)?,
        activation: Activation::named(config, "activation_function", "gelu_new")?,
    };
    let attention =
        AttentionSettings { rotary: Some(0), causal: true, ..AttentionSettings::new(heads, heads, width / heads) };
    Ok(Blueprint {
        family: FAMILY.model_type,
        vocabulary,
        width,
        inner_width: sizes.inner,
        logits: sizes.logits,
        blocks,
        max_positions: config.size("n_positions", 2048)?,
        attention: vec![attention; blocks],
        rotations: vec![rotation(config, width / heads)?],
        residual: Residual::Parallel,
        pooling: head.pooling_of_decoder(config.token("pad_token_id", None)?),
        base_prefix: "transformer",
        block_list: "h",
        ..Blueprint::plain(root(config, head, &sizes, blocks)?)
    })
}

/// The rotation of the first `rotary_dim` columns of each head.
fn rotation(config: &Config, head_width: usize) -> Result<RotarySettings> {
    let rotary_dim = config.size("rotary_dim", 64)?;
    if rotary_dim > head_width {
        return Err(Config::wrong(
            "rotary_dim",
            rotary_dim as f64,
            "a head has no more than `n_embd` / `n_head` columns",
        ));
    }
    Config::even("rotary_dim", rotary_dim)?;
    let scaling = RotaryScaling::None;
    Ok(RotarySettings { rotary_dim, interleaved: true, theta: 10_000.0, scaling, amplitude: 1.0, by_pair: false })
}

fn root(config: &Config, head: Head, sizes: &Sizes, blocks: usize) -> Result<Part> {
    let at = Site::Embedding;
    let &Sizes { vocabulary, width, .. } = sizes;
    let parts = vec![
        Part::embedding("wte", vocabulary, width).gives(at(EmbeddingSite::Token)),
        Part::dropout("drop", config.number("embd_pdrop", 0.0)?).gives(at(EmbeddingSite::Output)),
        Part::list("h", (0..blocks).map(|index| block(sizes, index)).collect()),
        Part::layer_norm("ln_f", width, sizes.epsilon).gives(Site::FinalNorm),
    ];
    let base = Part::container("", "GPTJModel", parts).gives(Site::FinalNorm);
    let heads = DecoderHeads {
        bias: true,
        tied: ("wte", false),
        ..DecoderHeads::new(config, "transformer", "wte", width, sizes.logits)
    };
    heads.around(base, FAMILY.classes, head)
}

fn block(sizes: &Sizes, index: usize) -> Part {
    use BlockSite::{
        AttentionInputNorm, AttentionProjection, Context, Key, MlpActivation, MlpDown, MlpInner, Output, Query, Value,
    };
    let at = |site| Site::Block(index, site);
    let &Sizes { width, inner, epsilon, dropout, .. } = sizes;
    let (function, class) = sizes.activation;
    let project = |name, site| Part::linear(name, width, width, false).gives(at(site));
    let attention = vec![
        // What it gives are the scores of tokens for tokens.
        Part::dropout("attn_dropout", sizes.attention_dropout).gives_aside(at(Context)),
        Part::dropout("resid_dropout", dropout).gives(at(AttentionProjection)),
        project("k_proj", Key),
        project("v_proj", Value),
        project("q_proj", Query),
        project("out_proj", AttentionProjection),
    ];
    let mlp = vec![
        Part::linear("fc_in", width, inner, true).gives(at(MlpInner)),
        Part::linear("fc_out", inner, width, true).gives(at(MlpDown)),
        Part::activation("act", class, function).gives(at(MlpActivation)),
        Part::dropout("dropout", dropout).gives(at(MlpDown)),
    ];
    let children = vec![
        Part::layer_norm("ln_1", width, epsilon).gives(at(AttentionInputNorm)),
        Part::container("attn", "GPTJAttention", attention).gives(at(AttentionProjection)),
        Part::container("mlp", "GPTJMLP", mlp).gives(at(MlpDown)),
    ];
    Part::container(index.to_string(), "GPTJBlock", children).gives(at(Output))
}
