//! Mixtral (Jiang et al. 2024): Mistral whose MLPs are eight experts, of which each token goes through two.

use super::llama_parts::{Classes, Decoder, Defaults, classes, heads};
use super::mixture::{Mixture, counts};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::{Blueprint, ExpertGate, ExpertNames, ExpertSettings, FusedExperts, Routing};
use crate::model::config::Config;

const CLASSES: Classes = classes!("Mixtral");

pub(super) const FAMILY: Family = Family { model_type: "mixtral", classes: &heads(&CLASSES), blueprint };

/// What transformers 4 called the projections of an expert.
const NAMES: ExpertNames = ExpertNames { list: "block_sparse_moe.experts", projections: ["w1", "w3", "w2"] };

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let config = &config.with_aliases(&[("num_experts", "num_local_experts")]);
    let defaults = Defaults {
        inner: 14_336,
        key_value_heads: Some(8),
        positions: 4096 * 32,
        theta: 1e6,
        epsilon: 1e-5,
        ..Defaults::default()
    };
    let mut decoder = Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?;
    decoder.slide_all(config.size_or("sliding_window", None)?)?;
    let (count, chosen) = counts(config, ("num_local_experts", 8), 2, decoder.blocks)?;
    let experts = ExpertSettings {
        count,
        chosen,
        width: decoder.width,
        inner: decoder.inner.first().copied().unwrap_or(0),
        bias: false,
        routing: Routing::OfChosen,
        gate: ExpertGate::Function(decoder.activation.0),
        fused: FusedExperts::Stacked,
        single: Some(NAMES),
    };
    let mixture = Mixture {
        class: "MixtralSparseMoeBlock",
        router: ("gate", "MixtralTopKRouter"),
        router_bias: false,
        experts_class: "MixtralExperts",
        experts_first: false,
        has_function: true,
        experts,
        shared: None,
        older_router: Some("block_sparse_moe.gate"),
    };
    decoder.mixtures = vec![Some(mixture); decoder.blocks];
    decoder.blueprint(FAMILY.model_type)
}
