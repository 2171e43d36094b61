//! Configurations that ask for what is not built, or cannot be right.

use eidos::ErrorCode;
use eidos::model::{HeadChoice, LoadOptions, ModelPlan};
use serde_json::{Value, json};

use crate::model::golden;

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
    let base = HeadChoice::Base;
    for (family, changes, head, field) in [
        // Of any family.
        ("llama", json!({"quantization_config": {"quant_method": "gptq"}}), base, "`quantization_config`"),
        ("llama", json!({"compression_config": {"format": "dense"}}), base, "`compression_config`"),
        ("llama", json!({"num_local_experts": 8}), base, "`num_local_experts` is 8"),
        ("qwen2", json!({"num_experts": 60}), base, "`num_experts` is 60"),
        ("llama", json!({"n_routed_experts": 64}), base, "`n_routed_experts` is 64"),
        ("llama", json!({"per_layer_config": {"0": {"hidden_act": "relu"}}}), base, "`per_layer_config`"),
        ("bert", json!({"pruned_heads": {"0": [1, 2]}}), base, "`pruned_heads` is {\"0\":[1,2]}"),
        ("t5", json!({"tie_encoder_decoder": true}), base, "`tie_encoder_decoder`"),
        ("mistral", json!({"model_type": "deepseek_v3"}), base, "`deepseek_v3`"),
        ("mixtral", json!({"quantization_config": {"quant_method": "mxfp4"}}), base, "`quantization_config`"),
        ("gpt_oss", json!({"quantization_config": {"quant_method": "gptq"}}), base, "`quantization_config`"),
        ("qwen3_moe", json!({"n_routed_experts": 64}), base, "`n_routed_experts` is 64"),
        ("bert", json!({"hidden_act": "mish"}), base, "`hidden_act` is `mish`"),
        // Of encoders.
        ("bert", json!({"position_embedding_type": "relative_key"}), base, "`position_embedding_type`"),
        ("roberta", json!({"position_embedding_type": "relative_key_query"}), base, "`position_embedding_type`"),
        ("electra", json!({"position_embedding_type": "relative_key"}), base, "`position_embedding_type`"),
        ("albert", json!({"position_embedding_type": "relative_key"}), base, "`position_embedding_type`"),
        ("bert", json!({"is_decoder": true}), base, "`is_decoder`"),
        ("bert", json!({"add_cross_attention": true}), base, "`add_cross_attention`"),
        ("deberta_v2", json!({"conv_kernel_size": 3}), base, "`conv_kernel_size`"),
        ("deberta_v2", json!({"embedding_size": 16}), base, "`embedding_size`"),
        ("deberta_v2", json!({"attention_head_size": 5}), base, "`attention_head_size`"),
        ("deberta_v2", json!({"pos_att_type": "c2p|p2x"}), base, "`pos_att_type`"),
        ("deberta_v2", json!({"legacy": false}), HeadChoice::MaskedLanguageModel, "`legacy`"),
        ("eurobert", json!({"classifier_pooling": "max"}), HeadChoice::SequenceClassification, "`classifier_pooling`"),
        (
            "modernbert",
            json!({"classifier_pooling": "max"}),
            HeadChoice::SequenceClassification,
            "`classifier_pooling`",
        ),
        ("modernbert", json!({"rope_scaling": {"type": "linear", "factor": 2.0}}), base, "`rope_scaling`"),
        ("t5", json!({"is_decoder": true}), base, "`is_decoder`"),
        ("t5", json!({"is_causal": false}), base, "`is_causal`"),
        ("t5", json!({"dense_act_fn": "gelu"}), base, "`dense_act_fn`"),
        ("t5", json!({"is_gated_act": true}), base, "`is_gated_act`"),
        ("t5", json!({"feed_forward_proj": "gated-spline"}), base, "`feed_forward_proj` is `spline`"),
        // Of decoders.
        ("llama", rope("spiral"), base, "`rope_parameters`"),
        ("llama", json!({"partial_rotary_factor": 0.5}), base, "`partial_rotary_factor`"),
        ("eurobert", json!({"rope_parameters": {"partial_rotary_factor": 0.5}}), base, "`partial_rotary_factor`"),
        ("falcon", json!({"partial_rotary_factor": 0.5}), base, "`partial_rotary_factor`"),
        ("gemma", json!({"use_bidirectional_attention": true}), base, "`use_bidirectional_attention`"),
        ("gemma2", json!({"use_bidirectional_attention": true}), base, "`use_bidirectional_attention`"),
        ("qwen2", json!({"layer_types": ["full_attention", "chunked", "full_attention"]}), base, "`layer_types`"),
        ("llama", json!({"layer_types": ["sliding_attention"]}), base, "`layer_types`"),
        ("mistral", json!({"layer_types": ["full_attention"]}), base, "`layer_types`"),
        ("phi3", json!({"layer_types": ["full_attention"]}), base, "`layer_types`"),
        ("gpt2", json!({"add_cross_attention": true}), base, "`add_cross_attention`"),
        ("bloom", json!({"apply_residual_connection_post_layernorm": true}), base, "`apply_residual_connection"),
        ("falcon", json!({"new_decoder_architecture": true, "parallel_attn": false}), base, "`parallel_attn`"),
        ("opt", json!({"layer_norm_elementwise_affine": false}), base, "`layer_norm_elementwise_affine`"),
        ("gpt_neo", json!({"is_causal": false}), base, "`is_causal`"),
        ("gpt_neo", json!({"attention_layers": ["global", "local", "near"]}), base, "`attention_layers`"),
        ("gpt_neo", json!({"attention_types": ["global"]}), base, "`attention_types`"),
        ("gpt_neo", json!({"attention_types": [[["global"], 1_000_000_000_000_u64]]}), base, "`attention_types`"),
        // Of encoders with decoders.
        ("bart", json!({"normalize_before": true}), base, "`normalize_before`"),
        ("bart", json!({"normalize_embedding": false}), base, "`normalize_embedding`"),
        ("bart", json!({"static_position_embeddings": true}), base, "`static_position_embeddings`"),
        ("bart", json!({"add_final_layer_norm": true}), base, "`add_final_layer_norm`"),
        ("bart", json!({"is_causal": false}), base, "`is_causal`"),
        ("marian", json!({"add_bias_logits": true}), base, "`add_bias_logits`"),
        ("marian", json!({"normalize_embedding": true}), base, "`normalize_embedding`"),
        ("marian", json!({"static_position_embeddings": false}), base, "`static_position_embeddings`"),
    ] {
        let (code, text) = refused(family, &changes, head);
        assert_eq!(code, ErrorCode::Unsupported, "{text}");
        assert!(text.contains(field), "{text}");
    }
    let (code, text) = refused("olmo2", &json!({}), HeadChoice::TokenClassification);
    assert_eq!(code, ErrorCode::Unsupported);
    assert!(text.contains("`olmo2`") && text.contains("Olmo2ForSequenceClassification"), "{text}");
}

/// What published files say beside it, or say otherwise without another meaning.
#[test]
fn what_changes_nothing_is_no_reason_to_refuse_a_model() {
    for (family, changes) in [
        (
            "llama",
            json!({"quantization_config": null, "pretraining_tp": 2, "num_local_experts": 1, "torch_dtype": "float16"}),
        ),
        ("llama", json!({"partial_rotary_factor": 1.0, "is_causal": true, "use_cache": false, "rope_scaling": null})),
        ("bert", json!({"pruned_heads": {}, "chunk_size_feed_forward": 16, "position_embedding_type": "absolute"})),
        ("bert", json!({"gradient_checkpointing": false, "classifier_dropout": null, "problem_type": "regression"})),
        ("albert", json!({"net_structure_type": 0, "gap_size": 0, "num_memory_blocks": 0, "down_scale_factor": 1})),
        ("distilbert", json!({"sinusoidal_pos_embds": true, "tie_weights_": true, "is_decoder": false})),
        ("electra", json!({"summary_type": "first", "summary_use_proj": true, "summary_activation": "gelu"})),
        ("gpt2", json!({"n_ctx": 40, "reorder_and_upcast_attn": true, "task_specific_params": {}})),
        (
            "modernbert",
            json!({"reference_compile": true, "sparse_prediction": true, "position_embedding_type": "absolute"}),
        ),
        ("t5", json!({"dense_act_fn": "relu", "is_gated_act": false, "output_past": true, "is_causal": true})),
        ("bart", json!({"extra_pos_embeddings": 2, "force_bos_token_to_be_generated": true, "classif_dropout": 0.1})),
        ("marian", json!({"bad_words_ids": [[63]], "num_beams": 6, "max_length": 512, "forced_eos_token_id": null})),
        (
            "bloom",
            json!({"offset_alibi": 100, "n_inner": null, "slow_but_exact": true, "attention_softmax_in_fp32": true}),
        ),
    ] {
        let plain = golden::config(family, "base");
        let mut config = plain.clone();
        changes.as_object().unwrap().iter().for_each(|(field, value)| config[field] = value.clone());
        let modules = |config: &Value| {
            let plan = ModelPlan::new(config.to_string().as_bytes(), &[], &LoadOptions::default());
            plan.unwrap_or_else(|error| panic!("{family} {changes}: {error}")).modules().to_vec()
        };
        assert_eq!(modules(&config), modules(&plain), "{family} {changes}");
    }
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
    for (family, token, says) in [
        ("bart", json!(null), "`decoder_start_token_id` is null"),
        ("bart", json!(64), "`decoder_start_token_id` is 64; it must be less"),
        ("marian", json!(-1), "`decoder_start_token_id` is null"),
    ] {
        let (code, text) = refused(family, &json!({"decoder_start_token_id": token}), HeadChoice::Seq2SeqLanguageModel);
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
        ("gpt_neo", json!({"num_layers": 4}), "`num_layers` is 4; `attention_layers` names the attention of 3"),
        (
            "bart",
            json!({"decoder_attention_heads": 5}),
            "`d_model` is 16, which is not a multiple of `decoder_attention_heads`, 5",
        ),
        ("marian", json!({"decoder_vocab_size": 50}), "`decoder_vocab_size` is 50; it must be `vocab_size`"),
        ("mixtral", json!({"num_local_experts": 0}), "`num_local_experts` is 0"),
        ("mixtral", json!({"num_local_experts": 100_000_000}), "`num_local_experts` is 100000000"),
        ("mixtral", json!({"num_experts_per_tok": 6}), "`num_experts_per_tok` is 6"),
        ("qwen2_moe", json!({"mlp_only_layers": [-1]}), "`mlp_only_layers`"),
        ("qwen3_moe", json!({"decoder_sparse_step": 0}), "`decoder_sparse_step` is 0"),
    ] {
        let (code, text) = refused(family, &changes, HeadChoice::Base);
        assert_eq!(code, ErrorCode::InvalidFile, "{text}");
        assert!(text.contains(says), "{text}");
    }
}
