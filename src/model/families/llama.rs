//! Llama 2 and 3 (Touvron et al. 2023; Grattafiori et al. 2024) and the many models of the same type: SmolLM,
//! TinyLlama, Vicuna, Yi, DeepSeek's small ones.

use super::llama_parts::{Classes, Decoder, Defaults, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const CLASSES: Classes = classes!("Llama");

pub(super) const FAMILY: Family = Family { model_type: "llama", classes: &heads(&CLASSES), blueprint };

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults::default();
    let mut decoder =
        Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    decoder.slide_all(None)?;
    decoder.mlp_bias = config.flag("mlp_bias", false)?;
    decoder.answers_prefix = "transformer";
    decoder.blueprint(FAMILY.model_type)
}
