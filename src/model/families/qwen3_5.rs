//! The text models of Qwen 3.5 (Qwen Team 2026): three blocks of four have a gated delta net (Yang et al. 2025) in the place of
//! attention; in the others what heads read is gated, and a part of their columns is rotated.

use super::llama_parts::{Classes, Decoder, Defaults, HeadNorms, NormKind, classes};
use super::{Family, Head};
use crate::error::Result;
use crate::kernels::DeltaHeads;
use crate::model::blueprint::{Activation, BlockSite, Blueprint, Part, Site, Work};
use crate::model::config::Config;

const CLASSES: Classes = Classes {
    model: "Qwen3_5TextModel",
    rotary: "Qwen3_5TextRotaryEmbedding",
    sequences: "Qwen3_5TextForSequenceClassification",
    ..classes!("Qwen3_5")
};

pub(super) const FAMILY: Family = Family {
    model_type: "qwen3_5_text",
    classes: &[
        (CLASSES.model, Head::Base),
        (CLASSES.causal, Head::CausalLanguageModel),
        (CLASSES.sequences, Head::SequenceClassification),
    ],
    blueprint,
};

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults {
        vocabulary: 248_320,
        width: 4096,
        inner: 12_288,
        blocks: 32,
        heads: 16,
        key_value_heads: Some(4),
        head_width: Some(256),
        positions: 32_768,
        partial_rotary_factor: Some(0.25),
        ..Defaults::default()
    };
    // Published files say so; transformers gates whatever they say.
    config.only("attn_output_gate", &[true.into()])?;
    let mut decoder =
        Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    decoder.norm_kind = NormKind::RootMeanSquarePlusOne;
    decoder.head_norms = Some(HeadNorms::Each);
    decoder.attention.iter_mut().for_each(|attention| attention.gated = true);
    let heads = DeltaHeads {
        key_heads: config.size("linear_num_key_heads", 16)?,
        value_heads: config.size("linear_num_value_heads", 32)?,
        key_width: config.size("linear_key_head_dim", 128)?,
        value_width: config.size("linear_value_head_dim", 128)?,
    };
    Config::divides(("linear_num_key_heads", heads.key_heads), ("linear_num_value_heads", heads.value_heads))?;
    let taps = config.size("linear_conv_kernel_dim", 4)?;
    let linear = linear_blocks(config, decoder.blocks)?;
    let delta_nets: Vec<_> = linear.into_iter().map(|is_linear| is_linear.then_some(heads)).collect();
    let function = decoder.activation.0;
    let base = base(&decoder, &delta_nets, taps);
    let blueprint = decoder.blueprint_around(base, FAMILY.model_type)?;
    let functions = functions(&delta_nets, function);
    Ok(Blueprint { functions, delta_nets, ..blueprint })
}

/// Which blocks have a gated delta net.
fn linear_blocks(config: &Config, blocks: usize) -> Result<Vec<bool>> {
    let interval = config.size("full_attention_interval", 4)?;
    let Some(types) = config.per_block("layer_types", blocks)? else {
        return Ok((1..=blocks).map(|number| number % interval != 0).collect());
    };
    let is_linear = |name: &&str| match *name {
        "linear_attention" => Ok(true),
        "full_attention" => Ok(false),
        _ => Err(config.not_built("layer_types")),
    };
    types.iter().map(is_linear).collect()
}

/// The functions that are called on what convolutions give.
fn functions(delta_nets: &[Option<DeltaHeads>], function: Activation) -> Vec<(Site, Activation)> {
    let blocks = delta_nets.iter().enumerate().filter(|(_, heads)| heads.is_some());
    blocks.map(|(block, _)| (Site::Block(block, BlockSite::ConvolutionActivation), function)).collect()
}

/// The modules of the model without a head.
fn base(decoder: &Decoder<'_>, delta_nets: &[Option<DeltaHeads>], taps: usize) -> Part {
    let mut base = decoder.base();
    for list in base.children.iter_mut().filter(|part| matches!(part.work, Work::List(_))) {
        for (index, (block, heads)) in list.children.iter_mut().zip(delta_nets).enumerate() {
            if let Some(heads) = heads {
                block.children[0] = delta_net(decoder, index, *heads, taps);
            }
        }
    }
    base
}

fn delta_net(decoder: &Decoder<'_>, index: usize, heads: DeltaHeads, taps: usize) -> Part {
    use BlockSite::{
        AttentionProjection, Context, Convolution, DeltaDecay, DeltaGate, DeltaRate, DeltaRule, QueryKeyValue,
    };
    let at = |site| Site::Block(index, site);
    let linear = |name, inputs, outputs, site| Part::linear(name, inputs, outputs, false).gives(at(site));
    let read = |name, outputs, site| linear(name, decoder.width, outputs, site);
    let children = vec![
        Part::short_convolution("conv1d", heads.columns(), taps).unseen(at(Convolution)),
        Part::rms_norm("norm", "Qwen3_5RMSNormGated", heads.value_width, decoder.epsilon).gives(at(Context)),
        linear("out_proj", heads.values(), decoder.width, AttentionProjection),
        read("in_proj_qkv", heads.columns(), QueryKeyValue),
        read("in_proj_z", heads.values(), DeltaGate),
        read("in_proj_b", heads.value_heads, DeltaRate),
        read("in_proj_a", heads.value_heads, DeltaDecay),
    ];
    Part::container("linear_attn", "Qwen3_5GatedDeltaNet", children)
        .gives(at(AttentionProjection))
        .computes(at(DeltaRule), Work::DeltaRule(heads))
}
