//! Command R (Cohere 2024) and R7B, the second: both branches read the stream as the block found it, adjacent columns
//! are rotated together, and norms have no bias. In the second, blocks without positions read all tokens, the others a
//! window.

use super::llama_parts::{Classes, Decoder, Defaults, NormKind, Norms, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const FIRST: Classes = Classes { norm: "CohereLayerNorm", ..classes!("Cohere") };
const SECOND: Classes = Classes { norm: "Cohere2LayerNorm", ..classes!("Cohere2") };

pub(super) const COHERE: Family = Family {
    model_type: "cohere",
    classes: {
        let [base, causal, ..] = heads(&FIRST);
        &[base, causal]
    },
    blueprint: first,
};
pub(super) const COHERE2: Family = Family {
    model_type: "cohere2",
    classes: {
        let [base, causal, ..] = heads(&SECOND);
        &[base, causal]
    },
    blueprint: second,
};

fn read<'a>(config: &'a Config, head: Head, classes: &'static Classes, theta: f64) -> Result<Decoder<'a>> {
    let defaults = Defaults {
        vocabulary: 256_000,
        width: 8192,
        inner: 22_528,
        blocks: 40,
        heads: 64,
        positions: 8192,
        theta,
        epsilon_field: "layer_norm_eps",
        epsilon: 1e-5,
        padding: Some(0),
        tied: true,
        ..Defaults::default()
    };
    let mut decoder =
        Decoder::read(config, head, classes, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    decoder.rotations.iter_mut().for_each(|rotation| rotation.interleaved = true);
    decoder.norms = Norms::Shared;
    decoder.norm_kind = NormKind::Layer { bias: false };
    decoder.scales.logits = config.number("logit_scale", 0.0625)? as f32;
    Ok(decoder)
}

fn first(config: &Config, head: Head) -> Result<Blueprint> {
    // Command R+ has a norm of its own for each head.
    config.only("use_qk_norm", &[false.into()])?;
    read(config, head, &FIRST, 500_000.0)?.blueprint(COHERE.model_type)
}

fn second(config: &Config, head: Head) -> Result<Blueprint> {
    let mut decoder = read(config, head, &SECOND, 10_000.0)?;
    let pattern = config.size("sliding_window_pattern", 4)?;
    let window = config.size_or("sliding_window", Some(4096))?;
    decoder.slide(window, |index| (index + 1) % pattern != 0)?;
    for attention in &mut decoder.attention {
        attention.rotary = attention.window.map(|_| 0);
    }
    decoder.blueprint(COHERE2.model_type)
}
