//! Mistral (Jiang et al. 2023): Llama whose blocks read a window.

use super::llama_parts::{Classes, Decoder, Defaults, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const CLASSES: Classes = classes!("Mistral");

pub(super) const FAMILY: Family = Family { model_type: "mistral", classes: &heads(&CLASSES), blueprint };

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults { inner: 14_336, key_value_heads: Some(8), positions: 4096 * 32, ..Defaults::default() };
    let mut decoder = Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?;
    let window = config.size_or("sliding_window", Some(4096))?;
    decoder.slide_all(window)?;
    decoder.blueprint(FAMILY.model_type)
}
