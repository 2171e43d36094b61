//! Files that were published with code of their own: what is read of them, and what is refused.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use eidos::model::{LoadOptions, ModelParts, ModelPlan, SplitModel, WeightSource};
use eidos::{Control, ErrorCode};
use serde_json::{Value, json};

use crate::model::golden::{self, values};

/// The rows of the last block for all golden texts, of the masked language model with these tensors.
fn last_block(family: &str, tensors: &HashMap<String, Tensor>) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    candle_core::safetensors::save(tensors, &file).unwrap();
    let config = golden::config(family, "masked_lm").to_string();
    let weights = WeightSource::Files(vec![file]);
    let parts = ModelParts { name: family, config: config.as_bytes(), weights };
    let model = SplitModel::from_parts(&parts, &["2"], &LoadOptions::default(), &Control::new()).unwrap();
    let texts = golden::texts(family);
    let sequences: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    values(&model.forward(&sequences).unwrap()[0])
}

fn tensors(family: &str, weights: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(&golden::weight_files(family, weights)[0], &Device::Cpu).unwrap()
}

#[test]
fn names_of_published_files_and_of_modules_give_the_same_bits() {
    for (family, prefix, published) in [
        ("nomic_bert", "nomic_bert.", &["", "bert."][..]),
        ("jina_embeddings_v3", "roberta.", &[""][..]),
        ("gte", "gte.", &["", "new."][..]),
    ] {
        let weights = tensors(family, "weights");
        let fused = |name: &String| name.contains("qkv");
        assert!(weights.keys().any(|name| fused(&name.to_lowercase())), "{family}");
        let own = tensors(family, "weights_own_names");
        assert!(own.keys().all(|name| !fused(&name.to_lowercase())), "{family}");
        let expected = last_block(family, &own);
        assert_eq!(last_block(family, &weights), expected, "{family}");
        for other in published {
            let renamed = weights.iter().map(|(name, tensor)| {
                let name = name.strip_prefix(prefix).map_or_else(|| name.clone(), |rest| format!("{other}{rest}"));
                (name, tensor.clone())
            });
            assert_eq!(last_block(family, &renamed.collect()), expected, "{family} as {other}");
        }
    }
}

/// The tensors of the first files of GTE, whose type is `new`.
#[test]
fn the_first_files_of_gte_give_the_bits_of_the_same_model() {
    let config = |variant: &str, changes: Value| {
        let mut config = golden::config("gte", variant);
        changes.as_object().unwrap().iter().for_each(|(field, value)| config[field] = value.clone());
        config.to_string()
    };
    let weights = tensors("gte", "weights");
    let of = |config: &str, prefix: &str| {
        let renamed = weights.iter().map(|(name, tensor)| {
            let name = name.strip_prefix("gte.").map_or_else(|| name.clone(), |rest| format!("{prefix}{rest}"));
            (name, tensor.clone())
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.safetensors");
        candle_core::safetensors::save(&renamed.collect::<HashMap<_, _>>(), &file).unwrap();
        let parts = ModelParts { name: "gte", config: config.as_bytes(), weights: WeightSource::Files(vec![file]) };
        let options = LoadOptions { whole: true, ..LoadOptions::default() };
        let model = SplitModel::from_parts(&parts, &["2"], &options, &Control::new()).unwrap();
        let ids = &golden::texts("gte")[2];
        (model.family().to_owned(), [values(&model.forward(&[ids]).unwrap()[0]), values(&model.logits(ids).unwrap())])
    };
    let (gte, expected) = of(&config("masked_lm", json!({"rope_parameters": {"rope_theta": 80.0}})), "gte.");
    assert_eq!(gte, "gte");
    for prefix in ["new.", "", "gte."] {
        let (family, found) = of(&config("published", json!({})), prefix);
        assert_eq!((family.as_str(), &found), ("new", &expected), "{prefix}");
    }
    // A rotation that is scaled is another one.
    let scaled = json!({"rope_scaling": {"rope_type": "ntk", "factor": 2.0}});
    assert_ne!(of(&config("published", scaled), "new.").1, expected);
}

#[test]
fn what_the_first_files_of_gte_say_otherwise_is_named_by_its_field() {
    let ntk = |fields: Value| {
        let mut scaling = json!({"type": "ntk", "factor": 2.0});
        fields.as_object().unwrap().iter().for_each(|(field, value)| scaling[field] = value.clone());
        scaling
    };
    for (field, value, code) in [
        ("position_embedding_type", json!("absolute"), ErrorCode::Unsupported),
        ("layer_norm_type", json!("rms_norm"), ErrorCode::Unsupported),
        ("pack_qkv", json!(false), ErrorCode::Unsupported),
        ("logn_attention_scale", json!(true), ErrorCode::Unsupported),
        ("logn_attention_clip1", json!(true), ErrorCode::Unsupported),
        ("rope_scaling", ntk(json!({"mixed_b": 0.6})), ErrorCode::Unsupported),
        ("rope_scaling", ntk(json!({"type": "yarn"})), ErrorCode::Unsupported),
        ("rope_scaling.factor", json!({"rope_scaling": ntk(json!({"factor": 0.5}))}), ErrorCode::InvalidFile),
        ("rope_scaling.factor", json!({"rope_scaling": ntk(json!({"factor": null}))}), ErrorCode::InvalidFile),
    ] {
        let changes = if field.contains('.') { value } else { json!({ field: value }) };
        let (found, text) = golden::refused("gte", "published", &changes);
        assert_eq!(found, code, "{text}");
        assert!(text.contains(&format!("`{field}`")), "{text}");
    }
}

#[test]
fn a_split_point_fetches_the_tensor_that_its_queries_share_with_keys_and_values() {
    let config = golden::config("nomic_bert", "base").to_string();
    let plan = ModelPlan::new(config.as_bytes(), &["layers.1.self_attn.q_proj"], &LoadOptions::default()).unwrap();
    assert!(plan.wants("encoder.layers.1.attn.Wqkv.weight") && plan.wants("layers.1.self_attn.q_proj.weight"));
    assert!(!plan.wants("encoder.layers.1.attn.out_proj.weight") && !plan.wants("encoder.layers.2.attn.Wqkv.weight"));
}

#[test]
fn a_tensor_of_several_modules_must_have_the_rows_of_all() {
    let mut config = golden::config("nomic_bert", "base");
    config["head_dim"] = json!(4);
    let config = config.to_string();
    let weights = WeightSource::Files(golden::weight_files("nomic_bert", "weights"));
    let parts = ModelParts { name: "narrow", config: config.as_bytes(), weights };
    let error = SplitModel::from_parts(&parts, &["0"], &LoadOptions::default(), &Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidFile);
    let text = error.to_string();
    assert!(text.contains("encoder.layers.0.attn.Wqkv.weight` has shape [72, 24]"), "{text}");
    assert!(text.contains("says [36, 24]"), "{text}");
}

#[test]
fn what_published_code_does_otherwise_is_named_by_its_field() {
    for (field, value) in [
        ("activation_function", json!("gelu")),
        ("prenorm", json!(true)),
        ("parallel_block", json!(true)),
        ("use_rms_norm", json!(true)),
        ("causal", json!(true)),
        ("qkv_proj_bias", json!(true)),
        ("mlp_fc1_bias", json!(true)),
        ("mlp_fc2_bias", json!(true)),
        ("rotary_emb_fraction", json!(0.5)),
        ("rotary_emb_interleaved", json!(true)),
        ("rotary_emb_scale_base", json!(512)),
        ("rotary_head_dim", json!(true)),
        ("scale_attn_weights", json!(false)),
        ("scale_attn_by_inverse_layer_idx", json!(true)),
        ("num_heads_kv", json!(1)),
        // nomic-embed-text-v2-moe.
        ("num_experts", json!(8)),
        ("partial_rotary_factor", json!(0.5)),
        ("hidden_act", json!("swiglu")),
    ] {
        let (code, text) = golden::refused("nomic_bert", "base", &json!({ field: value }));
        assert_eq!(code, ErrorCode::Unsupported, "{text}");
        assert!(text.contains(&format!("`{field}`")), "{text}");
    }
}

#[test]
fn sizes_that_cannot_be_right_are_named_as_the_file_names_them() {
    for (field, value, says) in [
        ("n_embd", json!(0), "`n_embd` is 0"),
        ("n_head", json!(5), "`n_embd` is 24, which is not a multiple of `n_head`, 5"),
        ("n_layer", json!("two"), "`n_layer` is \"two\""),
        ("n_inner", json!(1.5), "`n_inner` is 1.5"),
        ("rotary_emb_base", json!(0.5), "is 0.5; it must be at least 1"),
        ("rotary_scaling_factor", json!(0), "`rotary_scaling_factor` is 0"),
        ("max_trained_positions", json!(0), "`max_trained_positions` is 0"),
        ("layer_norm_epsilon", json!(-1.0), "`layer_norm_epsilon` is -1.0"),
    ] {
        let (code, text) = golden::refused("nomic_bert", "published_long", &json!({ field: value }));
        assert_eq!(code, ErrorCode::InvalidFile, "{text}");
        assert!(text.contains(says), "{text}");
    }
    for (family, field, value) in [("jina_embeddings_v3", "head_dim", json!(7)), ("gte", "type_vocab_size", json!(-1))]
    {
        let (code, text) = golden::refused(family, "base", &json!({ field: value }));
        assert_eq!(code, ErrorCode::InvalidFile, "{text}");
        assert!(text.contains(&format!("`{field}` is {value}")), "{text}");
    }
}

/// The families that have the `model_type` of another one and code of their own are not run as that one.
#[test]
fn a_model_with_code_of_its_own_is_not_taken_for_the_family_that_it_names() {
    // The fields of jina-embeddings-v2-base-en.
    let second = json!({
        "architectures": ["JinaBertForMaskedLM"],
        "auto_map": {"AutoModel": "jinaai/jina-bert-implementation--modeling_bert.JinaBertModel"},
        "model_type": "bert", "position_embedding_type": "alibi", "feed_forward_type": "geglu", "emb_pooler": "mean",
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "max_position_embeddings": 8192, "type_vocab_size": 2, "vocab_size": 30528,
    });
    // Those of jina-embeddings-v3, whose adapters lie among its weights.
    let third = json!({
        "architectures": ["XLMRobertaModel"],
        "auto_map": {"AutoModel": "jinaai/xlm-roberta-flash-implementation--modeling_lora.XLMRobertaLoRA"},
        "model_type": "xlm-roberta", "position_embedding_type": "rotary", "rotary_emb_base": 20000.0, "lora_rank": 4,
        "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096, "pad_token_id": 1,
    });
    let refused = |config: &Value, says: &str| {
        let (code, text) = golden::refused_config(config);
        assert_eq!(code, ErrorCode::Unsupported, "{text}");
        assert!(text.contains(says), "{text}");
    };
    // The second is built for what its fields say, whether it still says where its code lay or not.
    let opens = |config: &Value| {
        let plan = ModelPlan::new(config.to_string().as_bytes(), &["0"], &LoadOptions::default()).unwrap();
        assert_eq!(plan.split_points()[0].path, "bert.encoder.layer.0");
        assert_eq!(plan.modules()[0].kind, "JinaBertForMaskedLM");
    };
    let without = |config: &Value, fields: &[&str]| {
        let mut config = config.clone();
        fields.iter().for_each(|field| drop(config.as_object_mut().unwrap().remove(*field)));
        config
    };
    opens(&second);
    opens(&without(&second, &["auto_map"]));
    let plain = without(&second, &["position_embedding_type"]);
    refused(&plain, "`auto_map.AutoModel` is `jinaai/jina-bert-implementation--modeling_bert.JinaBertModel`");
    refused(&without(&plain, &["auto_map"]), "`feed_forward_type` is \"geglu\"");
    let mut other = second.clone();
    other["feed_forward_type"] = json!("original");
    refused(&other, "`feed_forward_type` is \"original\"");
    refused(&without(&second, &["feed_forward_type"]), "`position_embedding_type` is \"alibi\"");
    // jina-embeddings-v2-base-de and its like have classes of the same names.
    let mut other = second.clone();
    other["auto_map"]["AutoModel"] = json!("jinaai/jina-bert-v2-qk-post-norm--modeling_bert.JinaBertModel");
    refused(&other, "`jinaai/jina-bert-v2-qk-post-norm--modeling_bert.JinaBertModel`");
    other["auto_map"]["AutoModel"] = json!("somebody/else--modeling_bert.NoBertModel");
    refused(&other, "`auto_map.AutoModel` is `somebody/else--modeling_bert.NoBertModel`");
    // MosaicBERT's classes have BERT's names.
    let mosaic = golden::config("alibi_bert", "mosaic_masked_lm");
    let plan = ModelPlan::new(mosaic.to_string().as_bytes(), &[], &LoadOptions::default()).unwrap();
    assert!(plan.modules().iter().any(|module| module.path == "bert.encoder.layer.0.attention.self.Wqkv"));
    let (code, text) = golden::refused("alibi_bert", "mosaic_masked_lm", &json!({"layer_norm_eps": 1e-5}));
    assert!(code == ErrorCode::Unsupported && text.contains("`layer_norm_eps`"), "{text}");
    // A copy of the third that no longer says where its code lay is refused by its fields, since its class has the name.
    refused(&without(&third, &["auto_map"]), "`position_embedding_type` is \"rotary\"");
}
