//! Models that read text and something else, whose text part is a family that is built: images are found among the tokens of
//! a text, and where there is none, the model is its text part.
//!
//! `text_config` is the configuration of that part. What encodes images or sounds is no module here, and its weights are
//! not read.

use serde_json::{Value, json};

use super::{FAMILIES, Family, Head, chosen_head, qwen, refusals};
use crate::error::{Error, ErrorCode, Result};
use crate::model::blueprint::{Blueprint, Part, Scales, Site};
use crate::model::config::Config;
use crate::model::options::HeadChoice;

/// The fields that hold the configuration of a text part, by models that are built and by others.
const TEXT_FIELDS: [&str; 5] = ["text_config", "llm_config", "language_config", "thinker_config", "vlm_config"];

/// A model around a text part.
struct Wrapper {
    /// The `model_type` of its configuration.
    model_type: &'static str,
    /// Its classes, by their name in `architectures`: the one without a head first.
    classes: &'static [(&'static str, Head)],
    /// What the class without a head calls its text part.
    part: &'static str,
    /// Which family its text part is of.
    text: Text,
    /// Whether scores are tied to the embedding where no field says so.
    tied: bool,
    /// Whether the scores of the vocabulary are capped as the family's are; scaled they never are.
    caps: bool,
    /// Whether all tokens of a text read each other.
    bidirectional: bool,
}

/// Which family a text part is of.
enum Text {
    /// The one that `text_config.model_type` says; this one where it says nothing.
    Said(&'static str),
    /// Always this one.
    Always(&'static Family),
    /// Always this one, and older files have its fields among those of the model.
    Flat(&'static Family),
}

/// The classes of a model, by what their names begin with.
macro_rules! classes {
    ($name:literal) => {
        &[
            (concat!($name, "Model"), Head::Base),
            (concat!($name, "ForConditionalGeneration"), Head::CausalLanguageModel),
        ]
    };
}

/// A model whose text part is of the family that its configuration says.
const fn said(model_type: &'static str, classes: &'static [(&'static str, Head)], default: &'static str) -> Wrapper {
    Wrapper {
        model_type,
        classes,
        part: "language_model",
        text: Text::Said(default),
        tied: false,
        caps: false,
        bidirectional: false,
    }
}

/// The registry: a new model is one more entry.
const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        text: Text::Always(&super::gemma::GEMMA3),
        tied: true,
        ..said(
            "gemma3",
            &[
                ("Gemma3Model", Head::Base),
                ("Gemma3ForConditionalGeneration", Head::CausalLanguageModel),
                ("Gemma3ForSequenceClassification", Head::SequenceClassification),
            ],
            "gemma3_text",
        )
    },
    Wrapper { tied: true, ..said("mistral3", classes!("Mistral3"), "mistral") },
    Wrapper { text: Text::Flat(&qwen::QWEN2_VL), ..said("qwen2_vl", classes!("Qwen2VL"), "") },
    Wrapper { text: Text::Flat(&qwen::QWEN2_5_VL), ..said("qwen2_5_vl", classes!("Qwen2_5_VL"), "") },
    Wrapper { text: Text::Always(&qwen::QWEN3_VL), ..said("qwen3_vl", classes!("Qwen3VL"), "") },
    Wrapper { text: Text::Always(&super::qwen3_5::FAMILY), ..said("qwen3_5", classes!("Qwen3_5"), "") },
    Wrapper {
        text: Text::Always(&super::gemma4::FAMILY),
        tied: true,
        caps: true,
        ..said("gemma4", classes!("Gemma4"), "")
    },
    said("llava", classes!("Llava"), "llama"),
    said("llava_next", classes!("LlavaNext"), "llama"),
    said("llava_next_video", classes!("LlavaNextVideo"), "llama"),
    said("llava_onevision", classes!("LlavaOnevision"), "qwen2"),
    said("vipllava", classes!("VipLlava"), "llama"),
    said("video_llava", classes!("VideoLlava"), "llama"),
    // A prompt, which a text is here, is read to both sides, whatever window the family has.
    Wrapper { tied: true, caps: true, bidirectional: true, ..said("paligemma", classes!("PaliGemma"), "gemma") },
    Wrapper { part: "text_model", ..said("idefics2", classes!("Idefics2"), "mistral") },
    Wrapper { part: "text_model", ..said("idefics3", classes!("Idefics3"), "llama") },
    Wrapper { part: "text_model", ..said("smolvlm", classes!("SmolVLM"), "llama") },
    Wrapper { tied: true, ..said("internvl", classes!("InternVL"), "qwen2") },
    Wrapper { tied: true, ..said("got_ocr2", classes!("GotOcr2"), "qwen2") },
    Wrapper { tied: true, ..said("aya_vision", classes!("AyaVision"), "cohere2") },
    Wrapper { tied: true, ..said("cohere2_vision", classes!("Cohere2Vision"), "cohere2") },
    Wrapper { tied: true, ..said("deepseek_vl", classes!("DeepseekVL"), "llama") },
    Wrapper { tied: true, ..said("janus", classes!("Janus"), "llama") },
    Wrapper { tied: true, ..said("ovis2", classes!("Ovis2"), "qwen2") },
    said("video_llama_3", classes!("VideoLlama3"), "qwen2"),
    Wrapper { tied: true, ..said("lighton_ocr", classes!("LightOnOcr"), "qwen3") },
    said("qianfan_ocr", classes!("QianfanOCR"), "qwen3"),
    said("qwen2_audio", classes!("Qwen2Audio"), "qwen2"),
];

/// The text part of a model that reads something else as well.
pub(super) struct TextPart {
    wrapper: &'static Wrapper,
    family: &'static Family,
    /// Of the text part, with what the model around it says of its head.
    config: Config,
    /// Of the model.
    around: Config,
}

impl TextPart {
    /// Reads which family the text part of a model is of; nothing where the model is no such one.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for a text part that is not built; [`ErrorCode::InvalidFile`] where there is none.
    pub fn of(config: &Config) -> Result<Option<Self>> {
        let model_type = config.text("model_type", "")?;
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.model_type == model_type) else { return Ok(None) };
        let text = match (config.inner("text_config")?, &wrapper.text) {
            (Some(text), _) => text,
            (None, Text::Flat(_)) => config.clone(),
            (None, _) => return Err(Config::missing("text_config")),
        };
        refusals::fields(&text).map_err(|error| error.within("text_config"))?;
        let family = match wrapper.text {
            Text::Always(family) | Text::Flat(family) => family,
            Text::Said(default) => built(text.text("model_type", default)?)?,
        };
        // The scores and their labels are those of the model around it.
        let tied = config.flag("tie_word_embeddings", wrapper.tied)?;
        let mut text = text.with("model_type", Some(json!(family.model_type))).with("architectures", None);
        for field in ["id2label", "num_labels"] {
            text = text.with(field, config.get(field).cloned());
        }
        if tied {
            text = text.with("tie_word_embeddings", Some(json!(true)));
        }
        if wrapper.bidirectional {
            text = text.with("use_bidirectional_attention", None);
        }
        Ok(Some(Self { wrapper, family, config: text, around: config.clone() }))
    }

    /// The head to build around it.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] naming the classes that there are.
    pub fn head(&self, choice: HeadChoice) -> Result<Head> {
        chosen_head(self.wrapper.model_type, self.wrapper.classes, &self.around, choice)
    }

    /// The model without what encodes images or sounds.
    ///
    /// # Errors
    /// Those of its family.
    pub fn blueprint(&self, choice: HeadChoice) -> Result<Blueprint> {
        refusals::own_code(&self.around, self.wrapper.classes)?;
        let head = self.head(choice)?;
        if !self.family.classes.iter().any(|(_, built)| *built == head) {
            let built = self.family.model_type;
            return Err(Error::new(
                ErrorCode::Unsupported,
                format!("no such head is built around a text part `{built}`"),
            )
            .hint("choose no head (base)")
            .detail("field", "head"));
        }
        let inner = (self.family.blueprint)(&self.config, head).map_err(|error| error.within("text_config"))?;
        Ok(self.around(inner, head))
    }

    /// Puts a text model where it is in the model around it.
    fn around(&self, inner: Blueprint, head: Head) -> Blueprint {
        let (part, alone) = (self.wrapper.part, inner.base_prefix);
        let class =
            |of: Head| self.wrapper.classes.iter().find(|(_, head)| *head == of).map_or("", |(class, _)| *class);
        let whole = |name: &str, text: Part| {
            let text = Part { name: part.to_owned(), ..text };
            Part::container(name, class(Head::Base), vec![text]).gives(Site::FinalNorm)
        };
        let mut root = if head == Head::Base {
            whole("", inner.root)
        } else {
            let place = |child: Part| if child.name == alone { whole(alone, child) } else { child };
            Part::container("", class(head), inner.root.children.into_iter().map(place).collect())
        };
        let canonical = format!("model.{part}");
        move_tensors(&mut root, alone, &canonical);
        let mut attention = inner.attention;
        if self.wrapper.bidirectional {
            attention.iter_mut().for_each(|attention| (attention.causal, attention.window) = (false, None));
        }
        let logits_cap = inner.scales.logits_cap.filter(|_| self.wrapper.caps);
        Blueprint {
            scales: Scales { logits: 1.0, logits_cap, ..inner.scales },
            attention,
            // What transformers 4 wrote, what the class without a head calls it, and the text model alone.
            other_prefixes: vec![canonical, format!("{part}.{alone}"), part.to_owned()],
            root,
            ..inner
        }
    }
}

/// Lets parameters be looked for where the text model is now.
fn move_tensors(part: &mut Part, from: &str, to: &str) {
    for elsewhere in &mut part.elsewhere {
        if let Some(rest) = elsewhere.tensor.strip_prefix(from).and_then(|rest| rest.strip_prefix('.')) {
            elsewhere.tensor = format!("{to}.{rest}");
        }
    }
    part.children.iter_mut().for_each(|child| move_tensors(child, from, to));
}

/// The family of a text part.
fn built(model_type: &str) -> Result<&'static Family> {
    FAMILIES.iter().find(|family| family.model_type == model_type).ok_or_else(|| {
        let types: Vec<_> = FAMILIES.iter().map(|family| family.model_type).collect();
        let message =
            format!("config.json: the `model_type` of `text_config` is `{model_type}`, which Eidos does not build");
        Error::new(ErrorCode::Unsupported, message)
            .hint(format!("use a model whose text part is of one of these types: {}", types.join(", ")))
            .detail("field", "text_config.model_type")
            .detail("value", model_type)
    })
}

/// What to do about a model that is not built, whose text part is of a family that is.
pub(super) fn remedy(config: &Config) -> Option<String> {
    let text = TEXT_FIELDS.iter().find_map(|field| config.inner(field).ok().flatten())?;
    let model_type = text.get("model_type").and_then(Value::as_str)?;
    let family = FAMILIES.iter().find(|family| family.model_type == model_type)?;
    Some(format!(
        "its text part is a `{}`, which is built: save it alone in Python, `model.get_decoder().save_pretrained(folder)` and \
         `tokenizer.save_pretrained(folder)`, and give that folder",
        family.model_type
    ))
}

/// The types of models around a text part.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    WRAPPERS.iter().map(|wrapper| wrapper.model_type)
}

/// The families of text parts that have a type of their own.
#[cfg(test)]
pub(super) fn own_texts() -> impl Iterator<Item = &'static Family> {
    WRAPPERS.iter().filter_map(|wrapper| match wrapper.text {
        Text::Said(_) => None,
        Text::Always(family) | Text::Flat(family) => Some(family),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(fields: &Value, choice: HeadChoice) -> Result<Blueprint> {
        super::super::blueprint(&Config::parse(fields.to_string().as_bytes())?, choice)
    }

    #[test]
    fn a_text_part_that_says_little_is_its_familys_with_the_defaults() {
        // As gemma-3-4b-it has it.
        let published = json!({
            "model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "eos_token_id": [1, 106],
            "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
            "vision_config": {"hidden_size": 1152, "model_type": "siglip_vision_model"}
        });
        let found = modules(&published, HeadChoice::Auto).unwrap();
        assert_eq!((found.vocabulary, found.blocks, found.width, found.family), (262_208, 34, 2560, "gemma3_text"));
        assert_eq!((found.attention[0].heads, found.attention[0].key_value_heads), (8, 4));
        assert_eq!((found.attention[4].window, found.attention[5].window), (Some(1024), None));
        let path = |part: &Part| part.children.iter().map(|child| child.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (path(&found.root), path(&found.root.children[0])),
            (vec!["model".to_owned(), "lm_head".to_owned()], vec!["language_model".to_owned()])
        );
        let tied = &found.root.children[1].elsewhere;
        assert!(tied.iter().any(|other| other.tensor == "model.language_model.embed_tokens.weight"), "{tied:?}");
    }

    #[test]
    fn the_fields_of_qwen2_vl_may_stand_among_those_of_the_model() {
        let text = json!({"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "intermediate_size": 32, "vocab_size": 99, "max_position_embeddings": 77, "rms_norm_eps": 1e-6,
            "rope_theta": 70.0, "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}});
        for (model_type, class) in
            [("qwen2_vl", "Qwen2VLForConditionalGeneration"), ("qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration")]
        {
            let around = json!({"model_type": model_type, "architectures": [class], "vision_config": {"depth": 3}});
            let nested = Config::parse(around.to_string().as_bytes()).unwrap().with("text_config", Some(text.clone()));
            let mut flat = Config::parse(around.to_string().as_bytes()).unwrap();
            for (field, value) in text.as_object().unwrap() {
                flat = flat.with(field, Some(value.clone()));
            }
            let [nested, flat] =
                [nested, flat].map(|config| super::super::blueprint(&config, HeadChoice::Auto).unwrap());
            assert!(nested == flat, "{model_type}");
            assert_eq!((flat.rotations[0].theta, flat.rotations[0].rotary_dim, flat.max_positions), (70.0, 16, 77));
            assert_eq!(flat.root.class, class);
        }
    }

    #[test]
    fn what_is_not_built_is_named_with_a_remedy() {
        for (fields, says) in [
            (
                json!({"model_type": "llava", "text_config": {"model_type": "mpt"}}),
                "the `model_type` of `text_config` is `mpt`",
            ),
            (json!({"model_type": "llava"}), "`text_config` is missing"),
            (
                json!({"model_type": "llava", "text_config": {"quantization_config": {"a": 1}}}),
                "text_config: config.json: `quanti",
            ),
            (
                json!({"model_type": "llava", "quantization_config": {"a": 1}, "text_config": {"x": 1}}),
                "`quantization_config`",
            ),
            (
                json!({"model_type": "internvl_chat", "llm_config": {"model_type": "qwen2"}}),
                "its text part is a `qwen2`",
            ),
            (json!({"model_type": "llava", "text_config": {"num_attention_heads": 0}}), "`num_attention_heads` is 0"),
        ] {
            let error = modules(&fields, HeadChoice::Auto).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let classifier = json!({"model_type": "llava", "text_config": {"model_type": "llama"}});
        let error = modules(&classifier, HeadChoice::SequenceClassification).unwrap_err().to_string();
        assert!(error.contains("LlavaForConditionalGeneration"), "{error}");
    }
}
