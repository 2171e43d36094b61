//! Granite 3 (IBM 2024): Llama with numbers that scale the embedding, the branches, the scores and the logits.

use super::llama_parts::{Classes, Decoder, Defaults, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Blueprint, Scales};
use crate::model::config::Config;

const CLASSES: Classes = classes!("Granite");

pub(super) const FAMILY: Family = Family {
    model_type: "granite",
    classes: {
        let [base, causal, ..] = heads(&CLASSES);
        &[base, causal]
    },
    blueprint,
};

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults::default();
    let mut decoder =
        Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    decoder.slide_all(None)?;
    decoder.mlp_bias = config.flag("mlp_bias", false)?;
    let scale = config.number("attention_multiplier", 1.0)? as f32;
    decoder.attention.iter_mut().for_each(|attention| attention.scale = scale);
    decoder.scales = Scales {
        embedding: config.number("embedding_multiplier", 1.0)? as f32,
        residual: config.number("residual_multiplier", 1.0)? as f32,
        logits: config.number_or("logits_scaling", Some(1.0))?.unwrap_or(1.0).recip() as f32,
        logits_cap: None,
        ..Scales::default()
    };
    decoder.blueprint(FAMILY.model_type)
}
