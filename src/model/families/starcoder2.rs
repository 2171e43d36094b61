//! StarCoder 2 (Lozhkov et al. 2024): Llama with layer norms, biases and an MLP without a gate.

use super::llama_parts::{Classes, Decoder, Defaults, NormKind, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const CLASSES: Classes = Classes { norm: "LayerNorm", ..classes!("Starcoder2") };

pub(super) const FAMILY: Family = Family { model_type: "starcoder2", classes: &heads(&CLASSES), blueprint };

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults {
        vocabulary: 49_152,
        width: 3072,
        inner: 12_288,
        blocks: 30,
        heads: 24,
        key_value_heads: Some(2),
        positions: 4096,
        epsilon_field: "norm_epsilon",
        epsilon: 1e-5,
        tied: true,
        activation: "gelu_pytorch_tanh",
        ..Defaults::default()
    };
    let mut decoder = Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?;
    let bias = config.flag("use_bias", true)?;
    (decoder.read_bias, decoder.output_bias, decoder.mlp_bias) = (bias, bias, bias);
    decoder.norm_kind = NormKind::Layer { bias: true };
    decoder.plain_mlp = Some(["c_fc", "c_proj", "act"]);
    let window = config.optional_size("sliding_window")?;
    decoder.attention.iter_mut().for_each(|attention| attention.window = window);
    decoder.blueprint(FAMILY.model_type)
}
