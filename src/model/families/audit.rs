//! Every field of transformers' configuration classes is read, refused, or known to change nothing; and what a family
//! takes where a configuration says nothing is what transformers takes.

#![allow(clippy::unwrap_used)]

use serde_json::{Map, Value, json};

use super::{FAMILIES, Family, Head, blueprint, multimodal, refusals};
use crate::model::blueprint::{Blueprint, Work};
use crate::model::config::Config;
use crate::model::options::HeadChoice;

/// Fields that change nothing when a model is run, beside dropouts: in all families, or in those of these types.
const NOTHING: &[(&str, &[&str])] = &[
    // What a file says of itself.
    ("_name_or_path", &[]),
    ("dtype", &[]),
    ("label2id", &[]),
    // What is given besides the values, and how.
    ("output_attentions", &[]),
    ("output_hidden_states", &[]),
    ("output_router_logits", &[]),
    ("return_dict", &[]),
    ("use_cache", &[]),
    // For training.
    ("init_std", &[]),
    ("initializer_cutoff_factor", &[]),
    ("initializer_factor", &[]),
    ("initializer_range", &[]),
    ("problem_type", &[]),
    ("router_aux_loss_coef", &[]),
    ("router_jitter_noise", &[]),
    ("sparse_pred_ignore_index", &[]),
    ("sparse_prediction", &[]),
    // The same values computed in other ways.
    ("chunk_size_feed_forward", &[]),
    ("deterministic_flash_attn", &[]),
    ("pretraining_tp", &[]),
    ("reorder_and_upcast_attn", &[]),
    ("slow_but_exact", &[]),
    // Tokens that only a tokenizer or a generator needs. T5's classifier reads the end of the text.
    ("bos_token_id", &[]),
    ("cls_token_id", &[]),
    ("eos_token_id", &[]),
    ("forced_eos_token_id", &[]),
    ("mask_token_id", &[]),
    ("sep_token_id", &[]),
    (
        "pad_token_id",
        &[
            "albert",
            "bart",
            "bert",
            "cohere",
            "cohere2",
            "deberta-v2",
            "distilbert",
            "electra",
            "eurobert",
            "gemma4_text",
            "gte",
            "jina_embeddings_v3",
            "marian",
            "modernbert",
            "mpnet",
            "mt5",
            "nomic_bert",
            "t5",
        ],
    ),
    // Of heads that are not built.
    ("summary_activation", &["electra", "gpt2"]),
    ("summary_proj_to_labels", &["gpt2"]),
    ("summary_type", &["electra", "gpt2"]),
    ("summary_use_proj", &["electra", "gpt2"]),
    // Of experts, which a model has where `enable_moe_block` says so.
    ("moe_intermediate_size", &["gemma4_text"]),
    ("top_k_experts", &["gemma4_text"]),
    // A warning where it is false; what class has a decoder says its name.
    ("is_decoder", &["bart", "gpt_neox", "marian"]),
    // Whether the class has a decoder, which its name says.
    ("is_encoder_decoder", &[]),
    // How a table is filled that a file holds anyway.
    ("sinusoidal_pos_embds", &["distilbert"]),
    // What transformers writes and does not read.
    ("_sliding_window_pattern", &["gemma3_text"]),
    // It is true whatever a file says; and whether the scores are scaled stands in a field of its own beside it.
    ("tie_word_embeddings", &["mt5", "t5"]),
];

fn changes_nothing(model_type: &str, field: &str) -> bool {
    field.contains("drop")
        || NOTHING.iter().any(|(known, types)| *known == field && (types.is_empty() || types.contains(&model_type)))
}

fn defaults() -> Map<String, Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/data/defaults.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The families, and the text parts of others that have a type of their own.
fn all() -> impl Iterator<Item = &'static Family> {
    FAMILIES.iter().chain(multimodal::own_texts())
}

fn family(model_type: &str) -> &'static Family {
    all().find(|family| family.model_type == model_type).unwrap()
}

/// The blueprints of all heads of a family; an error's text where there is none.
fn blueprints(family: &Family, fields: &Value) -> Vec<Result<Blueprint, String>> {
    let config = Config::parse(fields.to_string().as_bytes()).unwrap();
    let of = |head: Head| {
        let blueprint = refusals::fields(&config).and_then(|()| (family.blueprint)(&config, head));
        blueprint.map(without_dropouts).map_err(|error| error.to_string())
    };
    family.classes.iter().map(|(_, head)| of(*head)).collect()
}

/// A blueprint without the probabilities that values are dropped with in training.
fn without_dropouts(mut blueprint: Blueprint) -> Blueprint {
    let mut parts = vec![&mut blueprint.root];
    while let Some(part) = parts.pop() {
        if let Work::Dropout(probability) = &mut part.work {
            *probability = 0.0;
        }
        parts.extend(&mut part.children);
    }
    blueprint
}

/// What a family needs beside its type.
fn least(model_type: &str) -> Value {
    // transformers gives it to `generate` alone.
    if model_type == "t5" {
        json!({"model_type": "t5", "decoder_start_token_id": 0})
    } else {
        json!({"model_type": model_type})
    }
}

fn with(fields: &Value, changes: &Value) -> Value {
    let mut fields = fields.clone();
    for (name, value) in changes.as_object().unwrap() {
        fields[name] = value.clone();
    }
    fields
}

#[test]
fn what_is_not_said_is_what_transformers_takes() {
    let defaults = defaults();
    let mut unknown: Vec<_> = all().map(|family| family.model_type).collect();
    // transformers reads the tensors of `new`, and has no class for its fields.
    unknown.retain(|name| !defaults.contains_key(*name) && *name != "new");
    assert!(unknown.is_empty(), "{unknown:?}: run tests/golden/generate.py defaults");
    for (model_type, fields) in &defaults {
        let family = family(model_type);
        let silent = least(model_type);
        let said = with(fields, &silent);
        for (ours, theirs) in blueprints(family, &silent).into_iter().zip(blueprints(family, &said)) {
            let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
            assert!(ours == theirs, "{model_type}: {}", difference(&ours, &theirs));
        }
    }
}

/// The first line in which two blueprints differ.
fn difference(ours: &Blueprint, theirs: &Blueprint) -> String {
    let (ours, theirs) = (format!("{ours:#?}"), format!("{theirs:#?}"));
    let pair = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
    pair.map_or_else(
        || "one is longer".to_owned(),
        |(ours, theirs)| format!("{} is not {}", ours.trim(), theirs.trim()),
    )
}

/// Other values that a field could have.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![json!(7), json!(true), json!("other"), json!({"other": 1})],
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Number(number) if number.is_f64() => vec![json!(number.as_f64().unwrap() + 0.25)],
        Value::Number(number) => [2, 1].map(|more| json!(number.as_i64().unwrap().abs() * more + more)).to_vec(),
        Value::String(_) => vec![json!("other")],
        Value::Array(_) => vec![json!(["other"])],
        Value::Object(_) => {
            vec![json!({"0": "a", "1": "b", "2": "c", "rope_theta": 77.0, "full_attention": {"rope_theta": 77.0}})]
        }
    }
}

/// Where a field counts only beside others, these.
fn beside(model_type: &str, field: &str) -> Value {
    match field {
        "sliding_window" | "use_sliding_window" | "max_window_layers" => {
            // The blocks from this one on have a window, or those before it.
            let first = if model_type == "qwen2_moe" { 9 } else { 0 };
            json!({"use_sliding_window": true, "sliding_window": 9, "max_window_layers": first, "layer_types": null})
        }
        "num_kv_heads" => json!({"new_decoder_architecture": true}),
        "use_double_wide_mlp" => json!({"num_kv_shared_layers": 1}),
        "no_rope_layer_interval" => json!({"no_rope_layers": null}),
        "max_relative_positions" => json!({"relative_attention": true, "pos_att_type": ["c2p"]}),
        "original_max_position_embeddings" => {
            let factors = vec![1.0; 48];
            json!({"rope_parameters": {"rope_type": "longrope", "short_factor": factors, "long_factor": factors}})
        }
        _ => json!({}),
    }
}

#[test]
fn every_field_is_read_refused_or_known_to_change_nothing() {
    let mut silent = Vec::new();
    let mut needless: Vec<&str> = NOTHING.iter().map(|(field, _)| *field).collect();
    for (model_type, fields) in &defaults() {
        let family = family(model_type);
        for (field, value) in fields.as_object().unwrap() {
            if ["model_type", "architectures", "id2label"].contains(&field.as_str()) {
                continue;
            }
            let before = with(&with(fields, &least(model_type)), &beside(model_type, field));
            let value = before.get(field).unwrap_or(value);
            let unchanged = blueprints(family, &before);
            assert!(unchanged.iter().all(Result::is_ok), "{model_type} {field}: {unchanged:?}");
            let changes = others(value)
                .into_iter()
                .any(|other| blueprints(family, &with(&before, &json!({field: other}))) != unchanged);
            if !changes && !changes_nothing(model_type, field) {
                silent.push(format!("{model_type}: {field}"));
            }
            if !changes {
                needless.retain(|name| name != field);
            }
        }
    }
    assert!(silent.is_empty(), "silently ignored: {silent:#?}");
    assert!(needless.is_empty(), "no family has or ignores these: {needless:?}");
}

#[test]
fn a_field_may_have_its_other_name() {
    for (model_type, field, other) in [
        ("gpt2", "n_embd", "hidden_size"),
        ("gpt2", "n_layer", "num_hidden_layers"),
        ("gpt2", "n_head", "num_attention_heads"),
        ("gpt2", "n_positions", "max_position_embeddings"),
        ("gptj", "n_embd", "hidden_size"),
        ("gptj", "n_layer", "num_hidden_layers"),
        ("gptj", "n_head", "num_attention_heads"),
        ("gptj", "n_positions", "max_position_embeddings"),
        ("bloom", "hidden_size", "n_embed"),
        ("bloom", "n_layer", "num_hidden_layers"),
        ("bloom", "n_head", "num_attention_heads"),
        ("distilbert", "dim", "hidden_size"),
        ("distilbert", "n_layers", "num_hidden_layers"),
        ("distilbert", "n_heads", "num_attention_heads"),
        ("falcon", "hidden_size", "n_embed"),
        ("mt5", "d_model", "hidden_size"),
        ("mt5", "d_kv", "head_dim"),
        ("mt5", "num_layers", "num_hidden_layers"),
        ("t5", "num_heads", "num_attention_heads"),
        ("bart", "d_model", "hidden_size"),
        ("bart", "encoder_attention_heads", "num_attention_heads"),
        ("marian", "encoder_layers", "num_hidden_layers"),
        ("gpt_neo", "num_heads", "num_attention_heads"),
    ] {
        let family = family(model_type);
        // So few columns turn that they fit into small heads.
        let silent = with(&least(model_type), &json!({"rotary_dim": 2}));
        let of = |name: &str, value: usize| blueprints(family, &with(&silent, &json!({name: value})));
        assert_eq!(of(field, 48), of(other, 48), "{model_type} {other}");
        assert_ne!(of(field, 48), of(other, 96), "{model_type} {other}");
    }
}

#[test]
fn fields_of_older_files_mean_what_they_meant() {
    for (model_type, older, newer) in [
        // As many heads of keys as of queries.
        ("mistral", json!({"num_key_value_heads": null}), json!({"num_key_value_heads": 32})),
        ("smollm3", json!({"num_key_value_heads": null}), json!({"num_key_value_heads": 16})),
        ("modernbert", json!({"sliding_window": 7}), json!({"local_attention": 14})),
        ("gpt_neox", json!({"rotary_pct": 0.5}), json!({"rope_parameters": {"partial_rotary_factor": 0.5}})),
        ("gpt_neox", json!({"rotary_emb_base": 70}), json!({"rope_parameters": {"rope_theta": 70}})),
        ("llama", json!({"rope_theta": 70, "rope_scaling": null}), json!({"rope_parameters": {"rope_theta": 70}})),
        ("gemma3_text", json!({"sliding_window_pattern": 1}), json!({"layer_types": vec!["full_attention"; 26]})),
        // Sizes of heads by the kind of block, as published files have them, or block by block.
        (
            "gemma4_text",
            json!({"num_hidden_layers": 2, "global_head_dim": 64}),
            json!({"num_hidden_layers": 2, "per_layer_config": {"1": {"head_dim": 64}}}),
        ),
        (
            "gemma4_text",
            json!({"num_hidden_layers": 2, "attention_k_eq_v": true, "num_global_key_value_heads": 2}),
            json!({
                "num_hidden_layers": 2,
                "attention_k_eq_v": true,
                "per_layer_config": {"1": {"head_dim": 512, "num_key_value_heads": 2}}
            }),
        ),
        ("qwen3_5_text", json!({"full_attention_interval": 1}), json!({"layer_types": vec!["full_attention"; 32]})),
        (
            "qwen3_5_text",
            json!({"partial_rotary_factor": 0.5, "rope_theta": 70}),
            json!({"rope_parameters": {"partial_rotary_factor": 0.5, "rope_theta": 70}}),
        ),
        ("gemma", json!({"hidden_act": "gelu"}), json!({"hidden_act": "gelu_pytorch_tanh"})),
        ("falcon", json!({"n_head": 8, "n_layer": 3}), json!({"num_attention_heads": 8, "num_hidden_layers": 3})),
        (
            "deberta-v2",
            json!({"pos_att_type": "c2p|p2c", "relative_attention": true}),
            json!({"pos_att_type": ["c2p", "p2c"], "relative_attention": true}),
        ),
        ("mt5", json!({"num_hidden_layers": 3}), json!({"num_layers": 3})),
        // What a file says of the blocks that read all tokens in both spellings.
        (
            "gemma3_text",
            json!({
                "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 70}},
                "rope_scaling": {"rope_type": "linear", "factor": 8.0}
            }),
            json!({"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 70}}}),
        ),
        ("olmo3", json!({"rope_theta": 70}), json!({"rope_parameters": {"full_attention": {"rope_theta": 70}}})),
    ] {
        let of = |changes: &Value| blueprints(family(model_type), &with(&least(model_type), changes));
        assert!(of(&older).iter().all(Result::is_ok), "{model_type} {older}");
        assert_eq!(of(&older), of(&newer), "{model_type} {older}");
        assert!(of(&older) != of(&json!({})) || model_type == "gemma", "{model_type} {older}");
    }
}

#[test]
fn a_number_beside_the_rotation_counts_where_the_family_reads_one() {
    let rope = json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 70});
    let of = |first: usize| {
        let fields = json!({"rope_parameters": rope, "original_max_position_embeddings": first});
        blueprints(family("llama"), &with(&least("llama"), &fields))
    };
    assert!(of(16).iter().all(Result::is_ok));
    assert_eq!(of(16), of(512), "transformers reads the one inside");
}

#[test]
fn the_number_of_labels_counts_over_their_names() {
    let names = |count: usize| (0..count).map(|index| (index.to_string(), json!("name"))).collect::<Map<_, _>>();
    let of = |fields: &Value| {
        let config = Config::parse(fields.to_string().as_bytes()).unwrap();
        (config.labels().map_err(|error| error.to_string()), config.label_names().len())
    };
    for (fields, count, named) in [
        (json!({}), 2, 0),
        (json!({"num_labels": 50}), 50, 0),
        (json!({"id2label": names(3)}), 3, 3),
        (json!({"id2label": names(3), "num_labels": 3}), 3, 3),
        (json!({"id2label": names(3), "num_labels": null}), 3, 3),
        // The names are those of another classifier.
        (json!({"id2label": names(2), "num_labels": 50}), 50, 0),
        (json!({"id2label": names(50), "num_labels": 2}), 2, 0),
        (json!({"id2label": {}, "num_labels": 4}), 4, 0),
    ] {
        assert_eq!(of(&fields), (Ok(count), named), "{fields}");
    }
    for wrong in [json!({"id2label": {}}), json!({"id2label": ["a"]}), json!({"id2label": names(2), "num_labels": -1})]
    {
        assert!(of(&wrong).0.unwrap_err().contains("it must"), "{wrong}");
    }
}

#[test]
fn a_choice_of_a_head_is_no_way_around_a_refusal() {
    let config = json!({"model_type": "bert", "pruned_heads": {"0": [1]}});
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    for head in [HeadChoice::Auto, HeadChoice::Base, HeadChoice::MaskedLanguageModel] {
        assert!(blueprint(&config, head).unwrap_err().to_string().contains("`pruned_heads` is {\"0\":[1]}"));
    }
}
