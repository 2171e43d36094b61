//! Qwen 2 (Yang et al. 2024: also Qwen 1.5 and 2.5), with biases where the attention reads, and Qwen 3 (Yang et al.
//! 2025), with norms of queries and keys instead.

use super::llama_parts::{Classes, Decoder, Defaults, HeadNorms, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const SECOND: Classes = classes!("Qwen2");
const THIRD: Classes = classes!("Qwen3");

pub(super) const QWEN2: Family = Family { model_type: "qwen2", classes: &heads(&SECOND), blueprint: second };
pub(super) const QWEN3: Family = Family { model_type: "qwen3", classes: &heads(&THIRD), blueprint: third };

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

/// The later blocks may read a window only.
fn slide(config: &Config, decoder: &mut Decoder) -> Result<()> {
    let slides = config.flag("use_sliding_window", false)?;
    let window = if slides { config.size_or("sliding_window", Some(4096))? } else { None };
    let first = config.count_of("max_window_layers", 28)?;
    decoder.slide(window, |index| window.is_some() && index >= first)
}
