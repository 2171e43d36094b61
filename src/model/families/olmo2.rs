//! OLMo 2 (Walsh et al. 2024): norms on what each branch gives, and of all queries and all keys.

use super::llama_parts::{Classes, Decoder, Defaults, HeadNorms, Norms, classes, heads};
use super::{Family, Head};
use crate::error::Result;
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;

const CLASSES: Classes = classes!("Olmo2");

pub(super) const FAMILY: Family = Family {
    model_type: "olmo2",
    classes: {
        let [base, causal, sequences, _] = heads(&CLASSES);
        &[base, causal, sequences]
    },
    blueprint,
};

fn blueprint(config: &Config, head: Head) -> Result<Blueprint> {
    let defaults = Defaults { vocabulary: 50_304, epsilon: 1e-5, padding: Some(1), ..Defaults::default() };
    let mut decoder =
        Decoder::read(config, head, &CLASSES, &defaults)?.with_rotation(&defaults)?.with_attention_bias()?;
    decoder.slide_all(None)?;
    decoder.norms = Norms::After;
    decoder.head_norms = Some(HeadNorms::Together);
    decoder.blueprint(FAMILY.model_type)
}
