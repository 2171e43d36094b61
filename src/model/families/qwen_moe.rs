//! Qwen 2 and 3 with experts (Yang et al. 2024 and 2025: Qwen1.5-MoE, Qwen2-57B-A14B, Qwen3-30B-A3B). In the second, an MLP
//! beside the experts reads all tokens.

use super::llama_parts::{Classes, Decoder, Defaults, HeadNorms, classes, heads};
use super::mixture::{Mixture, counts};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Blueprint, ExpertGate, ExpertNames, ExpertSettings, FusedExperts, Routing};
use crate::model::config::Config;

const SECOND: Classes = classes!("Qwen2Moe");
const THIRD: Classes = classes!("Qwen3Moe");

pub(super) const QWEN2_MOE: Family = Family { model_type: "qwen2_moe", classes: &heads(&SECOND), blueprint: second };
pub(super) const QWEN3_MOE: Family = Family { model_type: "qwen3_moe", classes: &heads(&THIRD), blueprint: third };

/// What transformers 4 called the projections of an expert.
const NAMES: ExpertNames = ExpertNames { list: "mlp.experts", projections: ["gate_proj", "up_proj", "down_proj"] };

fn defaults() -> Defaults {
    Defaults { vocabulary: 151_936, width: 2048, blocks: 24, positions: 32_768, ..Defaults::default() }
}

fn second(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults { inner: 5632, heads: 16, key_value_heads: Some(16), ..defaults() };
    let mut decoder = Decoder::read(config, head, &SECOND, &defaults)?.with_rotation(&defaults)?;
    decoder.read_bias = config.flag("qkv_bias", true)?;
    let window = window(config)?;
    let most = config.count_of("max_window_layers", 28)?;
    decoder.slide(window, |index| window.is_some() && index % 2 == 0 && index < most)?;
    let mixture = Mixture {
        class: "Qwen2MoeSparseMoeBlock",
        router: ("gate", "Qwen2MoeTopKRouter"),
        router_bias: false,
        experts_class: "Qwen2MoeExperts",
        experts_first: false,
        has_function: true,
        experts: experts(config, &decoder, ("num_experts", 60), 4, 1408)?,
        shared: Some(config.size("shared_expert_intermediate_size", 5632)?),
        older_router: None,
    };
    mix(config, &mut decoder, mixture)?;
    decoder.blueprint(QWEN2_MOE.model_type)
}

fn third(config: &Config, head: Head) -> Result<Blueprint> {
    let config = &config.with_aliases(&[("num_local_experts", "num_experts")]);
    let defaults = Defaults { inner: 6144, heads: 32, key_value_heads: Some(4), ..defaults() };
    let mut decoder =
        Decoder::read(config, head, &THIRD, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    decoder.head_norms = Some(HeadNorms::Each);
    decoder.slide_all(window(config)?)?;
    let mixture = Mixture {
        class: "Qwen3MoeSparseMoeBlock",
        router: ("gate", "Qwen3MoeTopKRouter"),
        router_bias: false,
        experts_class: "Qwen3MoeExperts",
        experts_first: true,
        has_function: true,
        experts: experts(config, &decoder, ("num_experts", 128), 8, 768)?,
        shared: None,
        older_router: None,
    };
    mix(config, &mut decoder, mixture)?;
    decoder.answers_prefix = "transformer";
    decoder.blueprint(QWEN3_MOE.model_type)
}

fn experts(
    config: &Config,
    decoder: &Decoder<'_>,
    count: (&str, usize),
    chosen: usize,
    inner: usize,
) -> Result<ExpertSettings> {
    let (count, chosen) = counts(config, count, chosen, decoder.blocks)?;
    let normalised = config.flag("norm_topk_prob", false)?;
    Ok(ExpertSettings {
        count,
        chosen,
        width: decoder.width,
        inner: config.size("moe_intermediate_size", inner)?,
        bias: false,
        routing: if normalised { Routing::OfChosen } else { Routing::OfAll },
        gate: ExpertGate::Function(decoder.activation.0),
        fused: FusedExperts::Stacked,
        single: Some(NAMES),
    })
}

/// Which blocks have experts.
fn mix(config: &Config, decoder: &mut Decoder<'_>, mixture: Mixture) -> Result<()> {
    let step = config.size("decoder_sparse_step", 1)?;
    let plain = config.indices("mlp_only_layers")?;
    let has_experts = |index: &usize| !plain.contains(index) && (index + 1).is_multiple_of(step);
    decoder.mixtures = (0..decoder.blocks).map(|index| Some(mixture).filter(|_| has_experts(&index))).collect();
    Ok(())
}

/// How many tokens a block reads that has a window.
fn window(config: &Config) -> Result<Option<usize>> {
    let slides = config.flag("use_sliding_window", false)?;
    if slides { config.size_or("sliding_window", Some(4096)) } else { Ok(None) }
}
