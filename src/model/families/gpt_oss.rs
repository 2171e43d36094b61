//! gpt-oss (OpenAI 2025): experts with a clamped gate, and a sink for each head of the attention; every other block reads a
//! window.

use serde_json::json;

use super::llama_parts::{Classes, Decoder, Defaults, classes, heads};
use super::mixture::{Mixture, counts};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Blueprint, ExpertGate, ExpertSettings, FusedExperts, Routing};
use crate::model::config::Config;

const CLASSES: Classes = classes!("GptOss");

pub(super) const FAMILY: Family = Family { model_type: "gpt_oss", classes: &heads(&CLASSES), blueprint };

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let mut config = config.with_aliases(&[("num_experts", "num_local_experts")]);
    if config.get("rope_scaling").is_none() {
        let first = ("original_max_position_embeddings", 4096);
        let yarn = json!({"rope_type": "yarn", "factor": 32.0, "truncate": false, first.0: first.1});
        config = config.or("rope_parameters", yarn);
    }
    let config = &config;
    let defaults = Defaults {
        vocabulary: 201_088,
        width: 2880,
        inner: 2880,
        blocks: 36,
        heads: 64,
        key_value_heads: Some(8),
        head_width: Some(64),
        positions: 131_072,
        theta: 150_000.0,
        epsilon: 1e-5,
        ..Defaults::default()
    };
    let mut decoder = Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?;
    decoder.rotations.iter_mut().for_each(|rotation| rotation.by_pair = true);
    decoder.read_bias = config.flag("attention_bias", true)?;
    decoder.output_bias = decoder.read_bias;
    decoder.sinks = true;
    decoder.slide(config.size_or("sliding_window", Some(128))?, |index| index % 2 == 0)?;
    let (count, chosen) = counts(config, ("num_local_experts", 128), 4, decoder.blocks)?;
    let experts = ExpertSettings {
        count,
        chosen,
        width: decoder.width,
        inner: decoder.inner.first().copied().unwrap_or(0),
        bias: true,
        routing: Routing::OfChosen,
        gate: ExpertGate::Clamped {
            alpha: config.number("swiglu_alpha", 1.702)? as f32,
            limit: config.number("swiglu_limit", 7.0)? as f32,
        },
        fused: FusedExperts::Interleaved,
        single: None,
    };
    let mixture = Mixture {
        class: "GptOssMLP",
        router: ("router", "GptOssTopKRouter"),
        router_bias: true,
        experts_class: "GptOssExperts",
        experts_first: false,
        has_function: false,
        experts,
        shared: None,
        older_router: None,
    };
    decoder.mixtures = vec![Some(mixture); decoder.blocks];
    decoder.blueprint(FAMILY.model_type)
}
