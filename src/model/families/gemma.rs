//! Gemma (Mesnard et al. 2024), Gemma 2 (Riviere et al. 2024) and the text models of Gemma 3 (Kamath et al. 2025):
//! scaled embeddings, norms whose weight is one more than stored; then norms before and behind each branch, capped
//! scores and alternating windows; then norms of queries and keys, and a rotation for each kind of block.

use serde_json::json;

use super::llama_parts::{Classes, Decoder, Defaults, HeadNorms, NormKind, Norms, classes, heads};
use super::rotary::{RotaryDefaults, settings_in, settings_of_full_attention};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Activation, Blueprint};
use crate::model::config::Config;

const FIRST: Classes = classes!("Gemma");
const SECOND: Classes = classes!("Gemma2");
const THIRD: Classes =
    Classes { model: "Gemma3TextModel", sequences: "Gemma3TextForSequenceClassification", ..classes!("Gemma3") };

pub(super) const GEMMA: Family = Family { model_type: "gemma", classes: &heads(&FIRST), blueprint: first };
pub(super) const GEMMA2: Family = Family { model_type: "gemma2", classes: &heads(&SECOND), blueprint: second };
pub(super) const GEMMA3: Family = Family {
    model_type: "gemma3_text",
    classes: &[
        (THIRD.model, Head::Base),
        (THIRD.causal, Head::CausalLanguageModel),
        (THIRD.sequences, Head::SequenceClassification),
    ],
    blueprint: third,
};

fn defaults() -> Defaults {
    Defaults {
        vocabulary: 256_000,
        width: 2304,
        inner: 9216,
        blocks: 26,
        heads: 8,
        key_value_heads: Some(4),
        head_width: Some(256),
        positions: 8192,
        padding: Some(0),
        tied: true,
        activation_field: "hidden_activation",
        activation: "gelu_pytorch_tanh",
        ..Defaults::default()
    }
}

fn read<'a>(
    config: &'a Config,
    head: Head,
    classes: &'static Classes,
    embedding: &'static str,
    defaults: &Defaults,
) -> Result<Decoder<'a>> {
    let mut decoder = Decoder::read(config, head, classes, defaults)?.with_attention_bias()?;
    decoder.norm_kind = NormKind::RootMeanSquarePlusOne;
    decoder.embedding_class = embedding;
    decoder.embedding_scale = (decoder.width as f64).sqrt() as f32;
    Ok(decoder)
}

fn first(config: &Config, head: Head) -> Result<Blueprint> {
    const FIELD: &str = "hidden_act";
    config.only("use_bidirectional_attention", &[json!(false)])?;
    let defaults = Defaults {
        width: 3072,
        inner: 24_576,
        blocks: 28,
        heads: 16,
        key_value_heads: Some(16),
        activation_field: FIELD,
        activation: "gelu",
        ..defaults()
    };
    let mut decoder =
        read(config, head, &FIRST, "GemmaTextScaledWordEmbedding", &defaults)?.with_rotation(&defaults)?;
    // The published files say `gelu` and mean its approximation.
    if config.text(FIELD, "gelu")? == "gelu" {
        decoder.activation = Activation::by_name(FIELD, "gelu_pytorch_tanh")?;
    }
    decoder.slide_all(None)?;
    decoder.blueprint(GEMMA.model_type)
}

/// What the second and the third have in common.
fn later(config: &Config, decoder: &mut Decoder, caps: (Option<f64>, Option<f64>)) -> Result<()> {
    decoder.norms = Norms::Both;
    let scale = config.number("query_pre_attn_scalar", 256.0)?.sqrt().recip() as f32;
    let cap = config.number_or("attn_logit_softcapping", caps.0)?.map(|cap| cap as f32);
    for attention in &mut decoder.attention {
        attention.scale = scale;
        attention.soft_cap = cap;
    }
    decoder.scales.logits_cap = config.number_or("final_logit_softcapping", caps.1)?.map(|cap| cap as f32);
    Ok(())
}

fn second(config: &Config, head: Head) -> Result<Blueprint> {
    config.only("use_bidirectional_attention", &[json!(false)])?;
    let defaults = defaults();
    let mut decoder =
        read(config, head, &SECOND, "Gemma2TextScaledWordEmbedding", &defaults)?.with_rotation(&defaults)?;
    later(config, &mut decoder, (Some(50.0), Some(30.0)))?;
    decoder.slide(config.size_or("sliding_window", Some(4096))?, |index| index % 2 == 0)?;
    decoder.blueprint(GEMMA2.model_type)
}

fn third(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults { vocabulary: 262_208, positions: 131_072, ..defaults() };
    let mut decoder = read(config, head, &THIRD, "Gemma3TextScaledWordEmbedding", &defaults)?;
    // transformers 5.23 reads the field but caps the scores of Gemma 2 only.
    later(config, &mut decoder, (None, None))?;
    decoder.attention.iter_mut().for_each(|attention| attention.soft_cap = None);
    decoder.head_norms = Some(HeadNorms::Each);
    let pattern = config.size("sliding_window_pattern", 6)?;
    let mut window = config.size_or("sliding_window", Some(4096))?.unwrap_or(usize::MAX);
    if config.flag("use_bidirectional_attention", false)? {
        // As in EmbeddingGemma: half of the window to either side.
        window /= 2;
        decoder.attention.iter_mut().for_each(|attention| attention.causal = false);
    }
    decoder.slide(Some(window), |index| (index + 1) % pattern != 0)?;
    let full = RotaryDefaults { theta: 1_000_000.0, positions: defaults.positions, ..RotaryDefaults::default() };
    let sliding = RotaryDefaults { theta_field: "rope_local_base_freq", theta: 10_000.0, ..full };
    decoder.rotations = vec![
        settings_of_full_attention(config, decoder.head_width(), &full)?,
        settings_in(config, &["rope_parameters", "sliding_attention"], decoder.head_width(), &sliding)?,
    ];
    for attention in &mut decoder.attention {
        attention.rotary = Some(usize::from(attention.window.is_some()));
    }
    decoder.blueprint(GEMMA3.model_type)
}
