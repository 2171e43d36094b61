//! Files that transformers or older programs wrote in other ways: JSON of Python, configurations without a type, weights in
//! double precision.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use eidos::{CollectOptions, Control, ErrorCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{SPLITS, assert_error, load_from, model_folder, replace, rows_of};
use crate::model::golden;

/// The rows of one text at both split points.
fn outputs(folder: &Path) -> Vec<Vec<Vec<f32>>> {
    let model = load_from(folder, &SPLITS).unwrap();
    model.forward(&[&[5, 6, 7, 8]]).unwrap().iter().map(rows_of).collect()
}

fn edit(folder: &TempDir, file: &str, change: impl FnOnce(String) -> String) {
    let path = folder.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    replace(&path, change(text));
}

/// Puts a field in front of all others.
fn with_field(field: &str) -> impl FnOnce(String) -> String {
    move |text| format!("{{{field},{}", text.trim_start().strip_prefix('{').unwrap())
}

#[test]
fn json_that_only_python_writes_is_read() {
    let folder = model_folder("eurobert", "base");
    let expected = outputs(folder.path());
    edit(
        &folder,
        "config.json",
        with_field(r#""time_limits": [NaN, Infinity, -Infinity], "note": "-Infinity \" NaN""#),
    );
    edit(&folder, "tokenizer_config.json", |text| {
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config.as_object_mut().unwrap().remove("model_max_length");
        with_field(r#""model_max_length": Infinity"#)(config.to_string())
    });
    assert_eq!(outputs(folder.path()), expected);
    // Where a number is needed, one that is none is named.
    edit(&folder, "config.json", with_field(r#""a": 1"#));
    edit(&folder, "config.json", |text| {
        let at = text.find("\"rms_norm_eps\"").unwrap();
        let end = at + text[at..].find([',', '}']).unwrap();
        format!("{}\"rms_norm_eps\": NaN{}", &text[..at], &text[end..])
    });
    assert_error(load_from(folder.path(), &SPLITS), ErrorCode::InvalidFile, &["`rms_norm_eps` is \"NaN\""]);
}

#[test]
fn a_configuration_without_a_type_is_told_which_it_lacks() {
    let folder = model_folder("bert", "masked_lm");
    let without = |text: String, class: Option<&str>| {
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config.as_object_mut().unwrap().remove("model_type");
        config["architectures"] = json!(class.into_iter().collect::<Vec<_>>());
        config.to_string()
    };
    edit(&folder, "config.json", |text| without(text, Some("BertForMaskedLM")));
    let error = assert_error(load_from(folder.path(), &["0"]), ErrorCode::InvalidFile, &["`model_type` is missing"]);
    assert!(error.hint_text().contains(r#""model_type": "bert""#) && error.hint_text().contains("BertForMaskedLM"));
    edit(&folder, "config.json", |text| without(text, None));
    let error = assert_error(load_from(folder.path(), &["0"]), ErrorCode::InvalidFile, &["`model_type` is missing"]);
    assert!(error.hint_text().contains("config.json of the model itself"), "{error}");
}

#[test]
fn tokens_that_were_added_without_an_embedding_are_left_out_of_the_vocabulary_and_counted() {
    let folder = model_folder("eurobert", "base");
    let model = load_from(folder.path(), &SPLITS[..1]).unwrap();
    let (rows, entries) = (model.vocabulary_size(), model.tokenizer().unwrap().vocabulary().len());
    assert!(entries <= rows);
    edit(&folder, "tokenizer.json", |text| {
        let mut tokenizer: Value = serde_json::from_str(&text).unwrap();
        let added = tokenizer["added_tokens"].as_array_mut().unwrap();
        for id in entries..rows + 2 {
            added.push(json!({"id": id, "content": format!("<added {id}>"), "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true}));
        }
        tokenizer.to_string()
    });
    let model = load_from(folder.path(), &SPLITS[..1]).unwrap();
    assert_eq!(model.tokenizer().unwrap().vocabulary().len(), rows + 2);
    let inputs = model.vocabulary_inputs().unwrap();
    assert_eq!((inputs.text_count(), inputs.left_out_count()), (rows, 2));
    let options = CollectOptions::default();
    let activations = model.activations(&inputs, &options, &Control::new()).unwrap().remove(0);
    assert_eq!((activations.row_count(), activations.left_out_count()), (rows, 2));
    // In a text they are what they were: ids that the model does not have.
    let text = format!("a <added {}>", rows + 1);
    assert_error(
        crate::common::collect(&model, &[text.as_str()], &options),
        ErrorCode::Mismatch,
        &["beyond the vocabulary"],
    );
}

#[test]
fn double_precision_is_narrowed() {
    for family in ["eurobert", "bert"] {
        let folder = model_folder(family, "base");
        let path = folder.path().join("model.safetensors");
        let splits: &[&str] = if family == "bert" { &["1"] } else { &SPLITS };
        let outputs = || {
            let model = load_from(folder.path(), splits).unwrap();
            let outputs = model.forward(&[&[5, 6, 7, 8]]).unwrap();
            (outputs.iter().map(rows_of).collect::<Vec<_>>(), model.products().to_owned())
        };
        let (expected, products) = outputs();
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        let wide: HashMap<String, Tensor> =
            tensors.into_iter().map(|(name, tensor)| (name, tensor.to_dtype(DType::F64).unwrap())).collect();
        std::fs::remove_file(&path).unwrap();
        candle_core::safetensors::save(&wide, &path).unwrap();
        let (ours, kind) = outputs();
        for (ours, expected) in ours.iter().zip(&expected) {
            assert!(golden::agree([&kind, &products], &ours.concat(), &expected.concat()), "{family}");
        }
    }
}
