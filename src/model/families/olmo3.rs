//! OLMo 3 (Ai2 2025): OLMo 2 in which three blocks of four read a window, and only the others have scaled positions.

use super::llama_parts::{Classes, Decoder, Defaults, HeadNorms, Norms, classes, heads};
use super::rotary::{RotaryDefaults, settings_in, settings_of_full_attention};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const CLASSES: Classes = classes!("Olmo3");

pub(super) const FAMILY: Family = Family {
    model_type: "olmo3",
    classes: {
        let [base, causal, sequences, _] = heads(&CLASSES);
        &[base, causal, sequences]
    },
    blueprint,
};

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults =
        Defaults { vocabulary: 50_304, theta: 500_000.0, epsilon: 1e-5, padding: Some(1), ..Defaults::default() };
    let mut decoder = Decoder::read(config, head, &CLASSES, &defaults)?.with_attention_bias()?;
    decoder.norms = Norms::After;
    decoder.head_norms = Some(HeadNorms::Together);
    let window = config.size_or("sliding_window", Some(4096))?;
    decoder.slide(Some(window.unwrap_or(usize::MAX)), |index| (index + 1) % 4 != 0)?;
    let full = RotaryDefaults { theta: defaults.theta, ..RotaryDefaults::default() };
    // transformers 5.23 gives the base of older files to the blocks that read all tokens, and to no others.
    let sliding = RotaryDefaults { theta_field: "", ..full };
    decoder.rotations = vec![
        settings_of_full_attention(config, decoder.head_width(), &full)?,
        settings_in(config, &["rope_parameters", "sliding_attention"], decoder.head_width(), &sliding)?,
    ];
    for attention in &mut decoder.attention {
        attention.rotary = Some(usize::from(attention.window.is_some()));
    }
    decoder.blueprint(FAMILY.model_type)
}
