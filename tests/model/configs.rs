//! Configurations of decoders that ask for what is not built, or cannot be right.

use eidos::ErrorCode;
use eidos::model::{HeadChoice, LoadOptions, ModelPlan};
use serde_json::{Value, json};

use crate::golden;

/// The error for the base configuration of a family with these fields changed.
fn refused(family: &str, changes: &Value, head: HeadChoice) -> (ErrorCode, String) {
    let mut config = golden::config(family, "base");
    for (field, value) in changes.as_object().unwrap() {
        config[field] = value.clone();
    }
    let options = LoadOptions { head, ..LoadOptions::default() };
    let error = ModelPlan::new(config.to_string().as_bytes(), &[], &options).unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn what_is_not_built_is_named_by_its_field() {
    let rope = |kind: &str| json!({"rope_parameters": {"rope_type": kind, "rope_theta": 100.0}});
    for (family, changes, field) in [
        ("llama", rope("spiral"), "`rope_parameters`"),
        ("gemma2", json!({"use_bidirectional_attention": true}), "`use_bidirectional_attention`"),
        ("qwen2", json!({"layer_types": ["full_attention", "chunked", "full_attention"]}), "`layer_types`"),
        ("gpt2", json!({"add_cross_attention": true}), "`add_cross_attention`"),
        ("bloom", json!({"apply_residual_connection_post_layernorm": true}), "`apply_residual_connection"),
        ("falcon", json!({"new_decoder_architecture": true, "parallel_attn": false}), "`parallel_attn`"),
        ("opt", json!({"layer_norm_elementwise_affine": false}), "`layer_norm_elementwise_affine`"),
        ("mistral", json!({"model_type": "mixtral"}), "`mixtral`"),
    ] {
        let (code, text) = refused(family, &changes, HeadChoice::Base);
        assert_eq!(code, ErrorCode::Unsupported, "{text}");
        assert!(text.contains(field), "{text}");
    }
    let (code, text) = refused("olmo2", &json!({}), HeadChoice::TokenClassification);
    assert_eq!(code, ErrorCode::Unsupported);
    assert!(text.contains("`olmo2`") && text.contains("Olmo2ForSequenceClassification"), "{text}");
}

#[test]
fn a_decoder_must_know_its_first_token() {
    for (changes, says) in [
        (json!({"decoder_start_token_id": null}), "`decoder_start_token_id` is missing"),
        (json!({"decoder_start_token_id": 64}), "`decoder_start_token_id` is 64; it must be less than `vocab_size`"),
        (json!({"relative_attention_max_distance": 4}), "`relative_attention_num_buckets` is 8"),
    ] {
        let (code, text) = refused("t5", &changes, HeadChoice::Seq2SeqLanguageModel);
        assert_eq!(code, ErrorCode::InvalidFile, "{text}");
        assert!(text.contains(says), "{text}");
    }
    let (code, text) = refused("llama", &json!({}), HeadChoice::Seq2SeqLanguageModel);
    assert_eq!(code, ErrorCode::Unsupported, "{text}");
}

#[test]
fn what_cannot_be_right_is_named_by_its_field() {
    let rope = |fields: Value| json!({ "rope_parameters": fields });
    for (family, changes, says) in [
        ("llama", rope(json!({"rope_type": "linear"})), "`rope_parameters.factor` is missing"),
        ("llama", rope(json!({"rope_type": "linear", "factor": 0})), "`factor` is 0"),
        ("llama", rope(json!({"rope_theta": 0.5})), "`rope_theta` is 0.5"),
        ("llama", json!({"head_dim": 5}), "`head_dim` is 5"),
        ("llama", json!({"num_key_value_heads": 3}), "`num_key_value_heads`, 3"),
        ("llama", json!({"pad_token_id": "pad"}), "`pad_token_id` is \"pad\""),
        ("phi3", rope(json!({"rope_type": "longrope", "short_factor": [1], "long_factor": [1]})), "`short_factor`"),
        ("gpt_neox", rope(json!({"partial_rotary_factor": 1.5})), "`rotary_pct` is 1.5"),
        ("gemma3", json!({"layer_types": ["full_attention"]}), "`layer_types`"),
        ("smollm3", json!({"no_rope_layers": [1]}), "`no_rope_layers`"),
    ] {
        let (code, text) = refused(family, &changes, HeadChoice::Base);
        assert_eq!(code, ErrorCode::InvalidFile, "{text}");
        assert!(text.contains(says), "{text}");
    }
}
