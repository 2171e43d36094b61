//! Qwen 2 (Yang et al. 2024: also Qwen 1.5 and 2.5), with biases where the attention reads, and Qwen 3 (Yang et al.
//! 2025), with norms of queries and keys instead; and the text models of Qwen2-VL (Wang et al. 2024), Qwen2.5-VL (Bai et al.
//! 2025) and Qwen3-VL, which are these with classes of their own.

use serde_json::json;

use super::llama_parts::{Classes, Decoder, Defaults, HeadNorms, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const SECOND: Classes = classes!("Qwen2");
const THIRD: Classes = classes!("Qwen3");

const SECOND_VL: Classes = Classes { model: "Qwen2VLTextModel", mlp: "Qwen2MLP", ..classes!("Qwen2VL") };
const SECOND_LATER_VL: Classes = Classes { model: "Qwen2_5_VLTextModel", mlp: "Qwen2MLP", ..classes!("Qwen2_5_VL") };
const THIRD_VL: Classes = classes!("Qwen3VLText");

pub(super) const QWEN2: Family = Family { model_type: "qwen2", classes: &heads(&SECOND), blueprint: second };
pub(super) const QWEN3: Family = Family { model_type: "qwen3", classes: &heads(&THIRD), blueprint: third };

/// The text models that only stand in multimodal ones have no head of their own; the one around them has.
pub(super) const QWEN2_VL: Family = Family {
    model_type: "qwen2_vl_text",
    classes: &heads(&SECOND_VL),
    blueprint: |config, head| vl(config, head, &SECOND_VL),
};
pub(super) const QWEN2_5_VL: Family = Family {
    model_type: "qwen2_5_vl_text",
    classes: &heads(&SECOND_LATER_VL),
    blueprint: |config, head| vl(config, head, &SECOND_LATER_VL),
};
pub(super) const QWEN3_VL: Family =
    Family { model_type: "qwen3_vl_text", classes: &heads(&THIRD_VL), blueprint: third_vl };

fn defaults() -> Defaults {
    Defaults { vocabulary: 151_936, inner: 22_016, positions: 32_768, key_value_heads: Some(32), ..Defaults::default() }
}

fn second(config: &Config, head: Head) -> Result<Blueprint> {
    let mut decoder = Decoder::read(config, head, &SECOND, &defaults())?.with_rotation(&defaults())?;
    decoder.read_bias = true;
    slide(config, &mut decoder)?;
    decoder.answers_prefix = "transformer";
    decoder.blueprint(QWEN2.model_type)
}

fn third(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults { head_width: Some(128), ..defaults() };
    let mut decoder =
        Decoder::read(config, head, &THIRD, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    decoder.head_norms = Some(HeadNorms::Each);
    slide(config, &mut decoder)?;
    decoder.answers_prefix = "transformer";
    decoder.blueprint(QWEN3.model_type)
}

/// The text models of Qwen2-VL and Qwen2.5-VL.
fn vl(config: &Config, head: Head, classes: &'static Classes) -> Result<Blueprint> {
    let defaults = Defaults {
        vocabulary: 152_064,
        width: 8192,
        inner: 29_568,
        blocks: 80,
        heads: 64,
        key_value_heads: Some(8),
        positions: 32_768,
        theta: 1_000_000.0,
        epsilon: 1e-5,
        ..Defaults::default()
    };
    let config = of_one_position(config)?;
    let mut decoder = Decoder::read(&config, head, classes, &defaults)?.with_rotation(&defaults)?;
    decoder.read_bias = true;
    slide_from(80, &config, &mut decoder)?;
    decoder.blueprint(QWEN2.model_type)
}

fn third_vl(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults {
        vocabulary: 151_936,
        inner: 22_016,
        positions: 128_000,
        key_value_heads: Some(32),
        head_width: Some(128),
        theta: 500_000.0,
        ..Defaults::default()
    };
    let config = of_one_position(config)?;
    let mut decoder =
        Decoder::read(&config, head, &THIRD_VL, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    decoder.head_norms = Some(HeadNorms::Each);
    decoder.blueprint(QWEN3.model_type)
}

/// The configuration of a model whose tokens have three positions (time, height and width), some columns of a head turning
/// by each (`mrope_section`), for text: its tokens have the same number three times, so that it is the usual rotation.
fn of_one_position(config: &Config) -> Result<Config> {
    let mut usual = config.clone();
    for field in ["rope_scaling", "rope_parameters"] {
        if let Some(rotation) = config.inner(field)?
            && rotation.text("rope_type", rotation.text("type", "default")?)? == "mrope"
        {
            let rotation = rotation.with("type", None).with("rope_type", Some(json!("default")));
            usual = usual.with(field, Some(rotation.to_value()));
        }
    }
    Ok(usual)
}

/// The later blocks may read a window only.
fn slide(config: &Config, decoder: &mut Decoder) -> Result<()> {
    slide_from(28, config, decoder)
}

/// The same, from that block on where the configuration does not say which is the first.
fn slide_from(first: usize, config: &Config, decoder: &mut Decoder) -> Result<()> {
    let slides = config.flag("use_sliding_window", false)?;
    let window = if slides { config.size_or("sliding_window", Some(4096))? } else { None };
    let first = config.count_of("max_window_layers", first)?;
    decoder.slide(window, |index| window.is_some() && index >= first)
}
