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
        ("gemma4", json!({"enable_moe_block": true}), "`enable_moe_block` is true"),
        ("gemma4", json!({"num_experts": 8}), "`num_experts` is 8"),
        ("gemma4", json!({"per_layer_config": {"1": {"intermediate_size": 8}}}), "`per_layer_config`"),
        // Two widths of heads in blocks that are rotated alike.
        ("gemma4", json!({"per_layer_config": {"0": {"head_dim": 10}}}), "`per_layer_config`"),
        ("llama", json!({"per_layer_config": {"1": {"head_dim": 8}}}), "`per_layer_config`"),
        ("gemma4", json!({"use_bidirectional_attention": "some"}), "`use_bidirectional_attention` is \"some\""),
        ("qwen3_5", json!({"attn_output_gate": false}), "`attn_output_gate` is false"),
        ("qwen3_5", json!({"num_experts": 8}), "`num_experts` is 8"),
        (
            "qwen3_5",
            json!({"layer_types": ["linear_attention", "full_attention", "sliding_attention", "full_attention"]}),
            "`layer_types`",
        ),
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
        ("gemma4", json!({"num_kv_shared_layers": 6}), "`num_kv_shared_layers` is 6; the model has fewer blocks"),
        ("gemma4", json!({"num_kv_shared_layers": 4}), "each kind of block needs one with keys of its own"),
        (
            "gemma4",
            json!({"rope_parameters": {"full_attention": {"rope_theta": 9}}}),
            "`rope_parameters.sliding_attention`",
        ),
        ("gemma4", json!({"per_layer_config": {"1": {"num_key_value_heads": 3}}}), "`num_key_value_heads`, 3"),
        ("gemma4", json!({"hidden_size_per_layer_input": -1}), "`hidden_size_per_layer_input` is -1"),
        ("qwen3_5", json!({"linear_num_key_heads": 3}), "not a multiple of `linear_num_key_heads`, 3"),
        ("qwen3_5", json!({"linear_conv_kernel_dim": 0}), "`linear_conv_kernel_dim` is 0"),
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
fn a_module_that_is_never_called_says_so() {
    let config = golden::config("qwen3_5", "base").to_string();
    let split = |path| ModelPlan::new(config.as_bytes(), &[path], &LoadOptions::default());
    let error = split("layers.0.linear_attn.conv1d").unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownModule);
    assert!(error.to_string().contains("is never called"), "{error}");
    assert!(error.to_string().contains("such as `layers.0"), "{error}");
}

#[test]
fn blocks_that_read_the_keys_of_others_load_nothing_of_their_own() {
    let config = golden::config("gemma4", "base").to_string();
    let plan = ModelPlan::new(config.as_bytes(), &["layers.4"], &LoadOptions::default()).unwrap();
    assert!(plan.wants("layers.4.self_attn.q_proj.weight") && plan.wants("layers.4.layer_scalar"));
    assert!(plan.wants("layers.1.self_attn.k_proj.weight") && !plan.wants("layers.4.self_attn.k_proj.weight"));
    // What only blocks read is not read for the embedding alone.
    let plan = ModelPlan::new(config.as_bytes(), &["embed_tokens"], &LoadOptions::default()).unwrap();
    assert!(!plan.wants("embed_tokens_per_layer.weight"));
}

#[test]
fn an_id_that_one_of_two_tables_lacks_is_refused() {
    let mut config = golden::config("gemma4", "base");
    config["vocab_size_per_layer_input"] = json!(60);
    let plan = ModelPlan::new(config.to_string().as_bytes(), &[], &LoadOptions::default()).unwrap();
    let model = plan.load("gemma4", &eidos::model::WeightSource::Files(Vec::new()), &eidos::Control::new()).unwrap();
    assert_eq!(model.forward(&[&[61]]).unwrap_err().code(), ErrorCode::Mismatch);
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
