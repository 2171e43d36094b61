//! Phi-3 (Abdin et al. 2024), 3.5 and 4: Llama with one projection for queries, keys and values, and one for gate and
//! factor of the MLP; perhaps only a part of each head is rotated, and each frequency has a factor of its own
//! (LongRoPE).

use super::llama_parts::{Classes, Decoder, Defaults, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const CLASSES: Classes = classes!("Phi3");

pub(super) const FAMILY: Family = Family { model_type: "phi3", classes: &heads(&CLASSES), blueprint };

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults {
        vocabulary: 32_064,
        width: 3072,
        inner: 8192,
        positions: 4096,
        partial_rotary_factor: Some(1.0),
        first_positions: Some(4096),
        epsilon: 1e-5,
        padding: Some(32_000),
        ..Defaults::default()
    };
    let mut decoder = Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?;
    decoder.fused = true;
    decoder.branch_dropout = Some(config.number("resid_pdrop", 0.0)?);
    let window = config.optional_size("sliding_window")?;
    decoder.slide_all(window)?;
    decoder.blueprint(FAMILY.model_type)
}
