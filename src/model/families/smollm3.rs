//! SmolLM 3 (Hugging Face 2025): Llama in which every fourth block has no positions.

use super::llama_parts::{Classes, Decoder, Defaults, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const CLASSES: Classes = classes!("SmolLM3");

pub(super) const FAMILY: Family = Family { model_type: "smollm3", classes: &heads(&CLASSES), blueprint };

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults {
        vocabulary: 128_256,
        width: 2048,
        blocks: 36,
        heads: 16,
        key_value_heads: Some(4),
        positions: 32_768,
        theta: 2_000_000.0,
        padding: Some(128_004),
        tied: true,
        ..Defaults::default()
    };
    let mut decoder =
        Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    decoder.mlp_bias = config.flag("mlp_bias", false)?;
    let interval = config.size("no_rope_layer_interval", 4)?;
    let rotates = match config.get("no_rope_layers") {
        // In spite of the name, 1 is a block with positions.
        Some(_) => config.numbers("no_rope_layers", decoder.blocks)?.iter().map(|flag| *flag > 0.0).collect(),
        None => (1..=decoder.blocks).map(|number| number % interval != 0).collect::<Vec<_>>(),
    };
    for (attention, rotates) in decoder.attention.iter_mut().zip(&rotates) {
        attention.rotary = rotates.then_some(0);
    }
    let slides = config.flag("use_sliding_window", false)?;
    let window = config.optional_size("sliding_window")?.filter(|_| slides);
    decoder.slide(window, |index| window.is_some() && !rotates[index])?;
    decoder.answers_prefix = "transformer";
    decoder.blueprint(FAMILY.model_type)
}
