//! The architectures that Eidos builds: one file each, `config.json` in, [`Blueprint`] out.

mod albert;
mod alibi_bert;
#[cfg(test)]
mod audit;
mod bart;
mod bert;
mod bert_parts;
mod bloom;
mod cohere;
mod deberta_v2;
mod decoder_heads;
mod distilbert;
mod electra;
mod eurobert;
mod falcon;
mod gemma;
mod gemma4;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gpt_oss;
mod gptj;
mod granite;
mod gte;
mod jina_embeddings_v3;
mod llama;
mod llama_parts;
mod mistral;
mod mixtral;
mod mixture;
mod modernbert;
mod mpnet;
mod multimodal;
mod nomic_bert;
mod olmo2;
mod olmo3;
mod opt;
mod phi;
mod phi3;
mod qwen;
mod qwen3_5;
mod qwen_moe;
mod refusals;
mod roberta;
mod rotary;
mod rotary_bert;
mod smollm3;
mod stablelm;
mod starcoder2;
mod t5;

use crate::error::{Error, ErrorCode, Result};
use crate::model::blueprint::Blueprint;
use crate::model::config::Config;
use crate::model::options::HeadChoice;
use multimodal::TextPart;

/// The head class to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// None.
    Base,
    /// Scores of the vocabulary for every token.
    MaskedLanguageModel,
    /// Scores of the labels for a text.
    SequenceClassification,
    /// Scores of the vocabulary for the token after each token.
    CausalLanguageModel,
    /// Scores of the labels for every token.
    TokenClassification,
    /// Scores of the vocabulary for every token, by a decoder that reads those before it and an encoder that reads all.
    Seq2SeqLanguageModel,
    /// None, and no decoder either.
    Encoder,
}

impl Head {
    /// How many scores it gives for each row; 0 where it gives none.
    fn logits(self, config: &Config, vocabulary: usize) -> Result<usize> {
        match self {
            Self::Base | Self::Encoder => Ok(0),
            Self::MaskedLanguageModel | Self::CausalLanguageModel | Self::Seq2SeqLanguageModel => Ok(vocabulary),
            Self::SequenceClassification | Self::TokenClassification => config.labels(),
        }
    }
}

/// What a family file offers.
struct Family {
    /// The `model_type` it reads.
    model_type: &'static str,
    /// The head classes, by their name in `architectures`.
    classes: &'static [(&'static str, Head)],
    /// Reads the configuration.
    blueprint: fn(&Config, Head) -> Result<Blueprint>,
}

/// The registry: a new family is one more line.
const FAMILIES: &[Family] = &[
    eurobert::FAMILY,
    bert::FAMILY,
    llama::FAMILY,
    qwen::QWEN2,
    qwen::QWEN3,
    qwen3_5::FAMILY,
    qwen_moe::QWEN2_MOE,
    qwen_moe::QWEN3_MOE,
    mistral::FAMILY,
    mixtral::FAMILY,
    gpt_oss::FAMILY,
    gemma::GEMMA,
    gemma::GEMMA2,
    gemma::GEMMA3,
    gemma4::FAMILY,
    phi::FAMILY,
    phi3::FAMILY,
    olmo2::FAMILY,
    olmo3::FAMILY,
    granite::FAMILY,
    smollm3::FAMILY,
    stablelm::FAMILY,
    starcoder2::FAMILY,
    cohere::COHERE,
    cohere::COHERE2,
    gpt2::FAMILY,
    gptj::FAMILY,
    gpt_neo::FAMILY,
    gpt_neox::FAMILY,
    opt::FAMILY,
    bloom::FAMILY,
    falcon::FAMILY,
    roberta::ROBERTA,
    roberta::XLM_ROBERTA,
    roberta::CAMEMBERT,
    distilbert::FAMILY,
    electra::FAMILY,
    albert::FAMILY,
    mpnet::FAMILY,
    deberta_v2::FAMILY,
    modernbert::FAMILY,
    nomic_bert::FAMILY,
    jina_embeddings_v3::FAMILY,
    gte::GTE,
    gte::NEW,
    t5::T5,
    t5::MT5,
    bart::BART,
    bart::MARIAN,
];

/// Reads a configuration of any family.
///
/// # Errors
/// [`ErrorCode::Unsupported`] listing the families that are built, or naming the field that asks for something
/// else; [`ErrorCode::InvalidFile`] naming a field that cannot be right.
pub(crate) fn blueprint(config: &Config, choice: HeadChoice) -> Result<Blueprint> {
    refusals::fields(config)?;
    if let Some(text) = TextPart::of(config)? {
        return text.blueprint(choice);
    }
    let (family, head) = choose(config, choice)?;
    refusals::own_code(config, family.classes)?;
    (family.blueprint)(config, head)
}

/// What a classifier calls its labels; `None` for other heads.
///
/// # Errors
/// As [`blueprint`].
pub(crate) fn labels(config: &Config, choice: HeadChoice) -> Result<Option<Vec<String>>> {
    let head = match TextPart::of(config)? {
        Some(text) => text.head(choice)?,
        None => choose(config, choice)?.1,
    };
    Ok(match head {
        Head::SequenceClassification | Head::TokenClassification => Some(config.label_names()),
        _ => None,
    })
}

/// The error for a configuration that does not say its type, as very old files do not.
fn no_type(config: &Config) -> Error {
    let saved = config.architecture().unwrap_or_default();
    let of_class = |family: &&Family| family.classes.iter().any(|(class, _)| *class == saved);
    let hint = match FAMILIES.iter().find(of_class) {
        Some(family) => format!("add `\"model_type\": \"{}\"` to it, the type of a `{saved}`", family.model_type),
        None => "take the config.json of the model itself, or add the `model_type` of its architecture, such as \
                 `\"model_type\": \"bert\"`"
            .to_owned(),
    };
    Config::missing("model_type").hint(hint)
}

/// The family of a configuration and the head to build.
fn choose(config: &Config, choice: HeadChoice) -> Result<(&'static Family, Head)> {
    if config.get("model_type").is_none() {
        return Err(no_type(config));
    }
    let model_type = config.text("model_type", "")?;
    let known = || FAMILIES.iter().find(|family| family.model_type == model_type);
    let Some(family) = alibi_bert::of(config).or_else(known) else {
        let built: Vec<_> = FAMILIES.iter().map(|family| family.model_type).collect();
        let around: Vec<_> = multimodal::types().collect();
        let types = || {
            let (built, around) = (built.join(", "), around.join(", "));
            format!("use a model around a text part, {around}, or a model of one of these types: {built}")
        };
        let message = format!("config.json: the `model_type` is `{model_type}`, which Eidos does not build");
        return Err(Error::new(ErrorCode::Unsupported, message)
            .hint(multimodal::remedy(config).unwrap_or_else(types))
            .detail("field", "model_type")
            .detail("value", model_type));
    };
    Ok((family, chosen_head(model_type, family.classes, config, choice)?))
}

/// The head to build of those that a model's classes have.
fn chosen_head(
    model_type: &str,
    classes: &[(&'static str, Head)],
    config: &Config,
    choice: HeadChoice,
) -> Result<Head> {
    let saved = config.architecture().unwrap_or_default();
    let saved = classes.iter().find(|(class, _)| *class == saved).map_or(Head::Base, |(_, head)| *head);
    let head = match choice {
        // A checkpoint without a decoder is not given one.
        HeadChoice::Base if saved == Head::Encoder => Head::Encoder,
        HeadChoice::Base => Head::Base,
        HeadChoice::MaskedLanguageModel => Head::MaskedLanguageModel,
        HeadChoice::SequenceClassification => Head::SequenceClassification,
        HeadChoice::CausalLanguageModel => Head::CausalLanguageModel,
        HeadChoice::TokenClassification => Head::TokenClassification,
        HeadChoice::Seq2SeqLanguageModel => Head::Seq2SeqLanguageModel,
        HeadChoice::Auto => saved,
    };
    if head != Head::Base && !classes.iter().any(|(_, built)| *built == head) {
        let built: Vec<_> = classes.iter().map(|(class, _)| *class).collect();
        let message = format!("Eidos builds no such head for models of the type `{model_type}`");
        return Err(Error::new(ErrorCode::Unsupported, message)
            .hint(format!("choose the head of one of these: {}", built.join(", ")))
            .detail("field", "head"));
    }
    Ok(head)
}
