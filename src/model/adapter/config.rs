//! `adapter_config.json`: what an adapter was made for, and how its matrices are scaled.

use serde_json::{Value, json};

use crate::error::{Error, ErrorCode, Result, shown};
use crate::model::config::Config;
use crate::model::options::HeadChoice;

/// The name of the file.
pub(crate) const FILE: &str = "adapter_config.json";

/// What to do about an adapter that is not merged here.
const MERGE: &str = "merge it into its base model in Python, `AutoPeftModel.from_pretrained(x).merge_and_unload()\
                     .save_pretrained(folder)`, and give that folder";

/// Fields that change what is computed, with the values that change nothing. What only says how an adapter is trained or begins,
/// and which modules it is for, changes nothing: the tensors say that.
const REFUSED: [(&str, &[Value]); 13] = [
    ("use_dora", &[Value::Bool(false)]),
    ("lora_bias", &[Value::Bool(false)]),
    ("use_qalora", &[Value::Bool(false)]),
    ("use_bdlora", &[Value::Bool(false)]),
    ("layer_replication", &[]),
    ("target_parameters", &[]),
    ("trainable_token_indices", &[]),
    ("alora_invocation_tokens", &[]),
    ("arrow_config", &[]),
    ("kasa_config", &[]),
    ("monteclora_config", &[]),
    ("velora_config", &[]),
    ("megatron_config", &[]),
];

/// Ways to begin that take a part of the base model's weights away.
const RESIDUAL: [&str; 4] = ["pissa", "olora", "corda", "loftq"];

/// An adapter's configuration.
#[derive(Debug, Clone)]
pub(crate) struct AdapterConfig {
    /// The id or folder of the model that it is for.
    pub base: String,
    /// The revision of that model, where it says one.
    pub revision: Option<String>,
    /// The head that it was trained with, where it says one.
    pub head: Option<HeadChoice>,
    alpha: f64,
    /// Whether the scale has the root of the rank in its denominator.
    by_root: bool,
    /// Other alphas, by the ends of the paths of modules.
    alphas: Vec<(String, f64)>,
}

impl AdapterConfig {
    /// Reads the bytes of the file.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming a field that cannot be right; [`ErrorCode::Unsupported`] naming a kind of adapter, or a
    /// field, that is not built, with the remedy.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Config::parse(bytes).and_then(|fields| Self::read(&fields)).map_err(|error| Config::of_file(&error, FILE))
    }

    fn read(fields: &Config) -> Result<Self> {
        let not_merged = |field: &str| {
            let value = fields.get(field).map_or_else(String::new, |value| shown(&value.to_string()));
            Error::new(
                ErrorCode::Unsupported,
                format!("config.json: `{field}` is {value}, an adapter that Eidos does not merge"),
            )
            .hint(MERGE)
            .detail("field", field)
            .detail("value", value)
        };
        if fields.text("peft_type", "LORA")? != "LORA" {
            return Err(not_merged("peft_type"));
        }
        let nothing = [json!([]), json!({})];
        for (field, harmless) in REFUSED {
            if fields.get(field).is_some_and(|value| !harmless.contains(value) && !nothing.contains(value)) {
                return Err(not_merged(field));
            }
        }
        if let Some(Value::String(way)) = fields.get("init_lora_weights")
            && RESIDUAL.iter().any(|residual| way.starts_with(residual))
        {
            return Err(not_merged("init_lora_weights"));
        }
        let base = fields.text("base_model_name_or_path", "")?;
        if base.is_empty() {
            return Err(Config::missing("base_model_name_or_path")
                .hint("add it, with the id or folder of the model that the adapter was trained on"));
        }
        let mut alphas = Vec::new();
        if let Some(patterns) = fields.inner("alpha_pattern")? {
            for (pattern, alpha) in patterns.entries() {
                // They are regular expressions, nearly always the end of a path.
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' || byte == b'-';
                let plain = pattern.strip_prefix('^').unwrap_or(pattern);
                let (true, Some(alpha)) = (plain.bytes().all(is_plain), alpha.as_f64()) else {
                    return Err(not_merged("alpha_pattern"));
                };
                alphas.push((pattern.to_owned(), alpha));
            }
        }
        let head = match fields.text("task_type", "")? {
            "CAUSAL_LM" => Some(HeadChoice::CausalLanguageModel),
            "SEQ_CLS" => Some(HeadChoice::SequenceClassification),
            "TOKEN_CLS" => Some(HeadChoice::TokenClassification),
            "SEQ_2_SEQ_LM" => Some(HeadChoice::Seq2SeqLanguageModel),
            "FEATURE_EXTRACTION" => Some(HeadChoice::Base),
            _ => None,
        };
        Ok(Self {
            base: base.to_owned(),
            revision: Some(fields.text("revision", "")?.to_owned()).filter(|revision| !revision.is_empty()),
            head,
            alpha: fields.number("lora_alpha", 8.0)?,
            by_root: fields.flag("use_rslora", false)?,
            alphas,
        })
    }

    /// What the product of the two matrices of a module is multiplied by.
    pub fn scale(&self, module: &str, rank: usize) -> f32 {
        let fits = |pattern: &str| match pattern.strip_prefix('^') {
            Some(whole) => module == whole,
            None => module.strip_suffix(pattern).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        };
        let alpha = self.alphas.iter().find(|(pattern, _)| fits(pattern)).map_or(self.alpha, |(_, alpha)| *alpha);
        let rank = rank.max(1) as f64;
        (alpha / if self.by_root { rank.sqrt() } else { rank }) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: &Value) -> Result<AdapterConfig> {
        AdapterConfig::parse(fields.to_string().as_bytes())
    }

    #[test]
    fn a_scale_is_that_of_its_module() {
        let config = parse(&json!({
            "peft_type": "LORA", "base_model_name_or_path": "b", "lora_alpha": 16, "r": 4,
            "alpha_pattern": {"q_proj": 2, "^model.layers.1.mlp.up_proj": 6, "layers.0.self_attn.k_proj": 8}
        }));
        let config = config.unwrap();
        for (module, rank, scale) in [
            ("model.layers.0.self_attn.v_proj", 4, 4.0),
            ("model.layers.0.self_attn.v_proj", 8, 2.0),
            ("model.layers.0.self_attn.q_proj", 4, 0.5),
            ("model.layers.0.self_attn.xq_proj", 4, 4.0),
            ("q_proj", 4, 0.5),
            ("model.layers.1.mlp.up_proj", 4, 1.5),
            ("x.model.layers.1.mlp.up_proj", 4, 4.0),
            ("model.layers.0.self_attn.k_proj", 4, 2.0),
        ] {
            assert!((config.scale(module, rank) - scale).abs() < 1e-6, "{module}");
        }
        let by_root = json!({"base_model_name_or_path": "b", "lora_alpha": 6, "use_rslora": true});
        assert!((parse(&by_root).unwrap().scale("x", 4) - 3.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_merged_is_named_with_the_remedy() {
        for (field, value) in [
            ("peft_type", json!("LOHA")),
            ("use_dora", json!(true)),
            ("lora_bias", json!(true)),
            ("layer_replication", json!([[0, 2], [1, 3]])),
            ("target_parameters", json!(["mlp.experts.gate_up_proj"])),
            ("trainable_token_indices", json!([3])),
            ("init_lora_weights", json!("pissa_niter_16")),
            ("alpha_pattern", json!({"layers\\.[0-3]\\.q_proj": 3})),
        ] {
            let error = parse(&json!({"base_model_name_or_path": "b", field: value})).unwrap_err();
            assert_eq!(error.code(), ErrorCode::Unsupported);
            assert!(error.message().starts_with(FILE) && error.message().contains(field), "{error}");
            assert!(error.hint_text().contains("merge_and_unload"), "{error}");
        }
        for harmless in [
            json!({"base_model_name_or_path": "b", "use_dora": false, "layer_replication": null, "bias": "all", "r": 3}),
            json!({"base_model_name_or_path": "b", "init_lora_weights": "gaussian", "lora_dropout": 0.1}),
        ] {
            parse(&harmless).unwrap();
        }
        for (fields, says) in [
            (json!({}), "`base_model_name_or_path` is missing"),
            (json!({"base_model_name_or_path": 3}), "`base_model_name_or_path` is 3"),
            (json!({"base_model_name_or_path": "b", "lora_alpha": "x"}), "`lora_alpha` is \"x\""),
        ] {
            let error = parse(&fields).unwrap_err();
            assert!(error.code() == ErrorCode::InvalidFile && error.to_string().contains(says), "{error}");
        }
    }
}
