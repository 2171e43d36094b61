//! What decoders with norms and positions unlike Llama's refuse, and what blocks of two kinds have.

use eidos::ErrorCode;
use eidos::model::{LoadOptions, ModelPlan};
use serde_json::json;

use crate::model::golden;

#[test]
fn a_norm_for_each_head_of_its_own_is_refused_by_its_field() {
    for (family, field) in [("stablelm", "qk_layernorm"), ("cohere", "use_qk_norm")] {
        let (code, text) = golden::refused(family, "base", &json!({ field: true }));
        assert_eq!(code, ErrorCode::Unsupported, "{text}");
        assert!(text.contains(&format!("`{field}` is true")), "{text}");
    }
}

#[test]
fn kinds_of_blocks_and_functions_that_are_not_built_are_named() {
    for (family, changes, says) in [
        ("olmo3", json!({"layer_types": ["sliding_attention", "linear_attention", "full_attention"]}), "`layer_types`"),
        ("cohere2", json!({"layer_types": ["chunked_attention", "full_attention", "full_attention"]}), "`layer_types`"),
        ("starcoder2", json!({"hidden_act": "swish_squared"}), "`hidden_act` is `swish_squared`"),
        ("olmo3", json!({"rope_parameters": {"full_attention": {"rope_type": "spiral"}}}), "`rope_parameters`"),
        ("phi", json!({"rope_scaling": {"type": "spiral"}, "partial_rotary_factor": 0.67}), "`rope_scaling`"),
    ] {
        let (code, text) = golden::refused(family, "base", &changes);
        assert_eq!(code, ErrorCode::Unsupported, "{text}");
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn sizes_that_cannot_be_right_are_named() {
    for (family, changes, says) in [
        ("olmo3", json!({"sliding_window": 0}), "`sliding_window` is 0"),
        ("olmo3", json!({"layer_types": ["full_attention"]}), "`layer_types`"),
        ("stablelm", json!({"rope_parameters": null, "partial_rotary_factor": 1.5}), "`partial_rotary_factor` is 1.5"),
        ("stablelm", json!({"layer_norm_eps": "tiny"}), "`layer_norm_eps` is \"tiny\""),
        ("starcoder2", json!({"norm_epsilon": -1.0}), "`norm_epsilon` is -1.0"),
        ("starcoder2", json!({"num_key_value_heads": 3}), "not a multiple of `num_key_value_heads`, 3"),
        ("phi", json!({"num_attention_heads": 5}), "not a multiple of `num_attention_heads`, 5"),
        ("phi", json!({"rope_parameters": null, "partial_rotary_factor": 0.5}), "`partial_rotary_factor` is 3"),
        ("gptj", json!({"rotary_dim": 8}), "`rotary_dim` is 8; a head has no more than"),
        ("gptj", json!({"rotary_dim": 3}), "`rotary_dim` is 3"),
        ("gptj", json!({"n_head": 5}), "not a multiple of `n_head`, 5"),
        ("cohere", json!({"logit_scale": "small"}), "`logit_scale` is \"small\""),
        ("cohere2", json!({"sliding_window_pattern": 0}), "`sliding_window_pattern` is 0"),
    ] {
        let (code, text) = golden::refused(family, "base", &changes);
        assert_eq!(code, ErrorCode::InvalidFile, "{text}");
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn heads_that_transformers_lacks_are_refused_with_those_that_it_has() {
    let options = LoadOptions { head: eidos::model::HeadChoice::SequenceClassification, ..LoadOptions::default() };
    let config = golden::config("cohere2", "base").to_string();
    let error = ModelPlan::new(config.as_bytes(), &[], &options).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
    assert!(error.to_string().contains("Cohere2ForCausalLM"), "{error}");
}

#[test]
fn a_dropout_that_both_branches_call_has_no_one_value() {
    let config = golden::config("phi", "base").to_string();
    let split = |path| ModelPlan::new(config.as_bytes(), &[path], &LoadOptions::default());
    let error = split("layers.1.resid_dropout").unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownModule);
    assert!(error.to_string().contains("is called several times"), "{error}");
    assert!(split("layers.1.mlp").is_ok());
}
