//! StableLM 2 and 3B (Bellagamba et al. 2024): Llama with layer norms, and rotary positions in a part of each head.

use super::llama_parts::{Classes, Decoder, Defaults, NormKind, Norms, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const CLASSES: Classes = Classes { norm: "LayerNorm", ..classes!("StableLm") };

pub(super) const FAMILY: Family = Family { model_type: "stablelm", classes: &heads(&CLASSES), blueprint };

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    // Those of 12 billion parameters have a norm of its own for each head.
    config.only("qk_layernorm", &[false.into()])?;
    let defaults = Defaults {
        vocabulary: 50_304,
        width: 2560,
        inner: 6912,
        key_value_heads: Some(32),
        positions: 4096,
        partial_rotary_factor: Some(0.25),
        epsilon_field: "layer_norm_eps",
        epsilon: 1e-5,
        ..Defaults::default()
    };
    let mut decoder = Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?;
    decoder.norm_kind = NormKind::Layer { bias: true };
    decoder.read_bias = config.flag("use_qkv_bias", false)?;
    decoder.mlp_dropout = Some(config.number("hidden_dropout", 0.0)?);
    if config.flag("use_parallel_residual", false)? {
        decoder.norms = Norms::Shared;
    }
    decoder.blueprint(FAMILY.model_type)
}
