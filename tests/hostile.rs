//! Wrong models and wrong calls, through the calls that a user makes: each is an error of its own that names the thing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::common::{SPLITS, assert_error, collect, golden, load_from, many_texts, model_folder, replace, tiny};
use eidos::{
    CollectOptions, Control, DeviceChoice, Error, ErrorCode, Explainer, HeadChoice, Ica, IcaOptions, LoadOptions,
    SplitModel,
};
use serde_json::{Value, json};
use tempfile::TempDir;

fn eurobert() -> TempDir {
    model_folder("eurobert", "base")
}

/// Loads a folder that must not load, and looks at the error; the message also names the folder or a file in it.
#[track_caller]
fn refused(folder: &Path, code: ErrorCode, names: &[&str]) -> Error {
    let error = assert_error(load_from(folder, &SPLITS[..1]), code, names);
    assert!(error.message().contains(folder.to_str().unwrap()), "{error}");
    error
}

/// The model opens, and reads token ids: the error is that of a text.
fn texts_refused(folder: &Path, code: ErrorCode, names: &[&str]) {
    let model = load_from(folder, &SPLITS[..1]).unwrap();
    let error = assert_error(collect(&model, &["a film"], &CollectOptions::default()), code, names);
    assert!(error.message().contains(folder.to_str().unwrap()), "{error}");
    let inputs = model.inputs_from_token_ids(&[&[1, 2, 3]]).unwrap();
    assert_eq!(collect(&model, &inputs, &CollectOptions::default()).unwrap()[0].row_count(), 3);
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    replace(path, value.to_string());
}

#[test]
fn truncated_weights_are_errors_that_name_the_file() {
    let folder = eurobert();
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 1, 7, 8, 9, 100, 1000, 17_000, bytes.len() / 2, bytes.len() - 1] {
        replace(&path, &bytes[..length]);
        refused(folder.path(), ErrorCode::InvalidFile, &["model.safetensors", "get the file again"]);
    }
    let mut longer = bytes.clone();
    longer.extend([0; 100]);
    replace(&path, longer);
    refused(folder.path(), ErrorCode::InvalidFile, &["model.safetensors"]);
    for header in [u64::MAX, 1 << 40, 101_000_000, bytes.len() as u64, 0, 1] {
        let mut changed = bytes.clone();
        changed[..8].copy_from_slice(&header.to_le_bytes());
        replace(&path, changed);
        refused(folder.path(), ErrorCode::InvalidFile, &["model.safetensors"]);
    }
}

#[test]
fn changed_headers_of_weights_never_panic() {
    let folder = eurobert();
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + 8;
    let mut refusals = 0;
    for at in (0..header).step_by(11) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x11;
        replace(&path, changed);
        match load_from(folder.path(), &SPLITS[..1]) {
            // A tensor that is not used, or the metadata, may be called anything.
            Ok(model) => assert_eq!(collect(&model, &["a film"], &CollectOptions::default()).unwrap().len(), 1),
            Err(error) => {
                assert!([ErrorCode::InvalidFile, ErrorCode::Unsupported].contains(&error.code()), "{at}: {error}");
                assert!(error.message().contains(folder.path().to_str().unwrap()), "{at}: {error}");
                refusals += 1;
            }
        }
    }
    assert!(refusals > 200, "{refusals}");
}

/// Writes a checkpoint as two shards and their index, as `save_pretrained` does where one file would be too big.
fn in_shards(file: &Path, folder: &Path) {
    let tensors = candle_core::safetensors::load(file, &candle_core::Device::Cpu).unwrap();
    let mut shards = [HashMap::new(), HashMap::new()];
    let mut index = json!({"metadata": {}, "weight_map": {}});
    let names: BTreeSet<&String> = tensors.keys().collect();
    for (number, name) in names.into_iter().enumerate() {
        // What is around the blocks goes into the first, the embedding among it.
        let shard = usize::from(number > 5);
        shards[shard].insert(name.clone(), tensors[name].clone());
        index["weight_map"][name] = json!(format!("model-0000{}-of-00002.safetensors", shard + 1));
    }
    for (number, shard) in shards.iter().enumerate() {
        let file = format!("model-0000{}-of-00002.safetensors", number + 1);
        candle_core::safetensors::save(shard, folder.join(file)).unwrap();
    }
    std::fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
}

#[test]
fn an_index_must_name_shards_that_are_there_and_hold_what_it_says() {
    let folder = eurobert();
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    refused(folder.path(), ErrorCode::NotFound, &["model.safetensors"]);
    let sharded = tempfile::tempdir().unwrap();
    let sharded = sharded.path();
    in_shards(&golden("models/eurobert/weights/model.safetensors"), sharded);
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let copy = |name: &str| std::fs::copy(sharded.join(name), folder.path().join(name)).unwrap();
    copy("model.safetensors.index.json");
    copy(shards[1]);
    let error = refused(folder.path(), ErrorCode::NotFound, &[shards[0], "index.json", "missing shard"]);
    assert!(error.details().contains(&("file".to_owned(), shards[0].to_owned())));
    copy(shards[0]);
    assert!(load_from(folder.path(), &SPLITS[..1]).is_ok());
    // The right names with the wrong contents: the tensors are not where the index says, nor anywhere.
    std::fs::copy(sharded.join(shards[1]), folder.path().join(shards[0])).unwrap();
    refused(folder.path(), ErrorCode::InvalidFile, &["embed_tokens.weight", "missing"]);
    copy(shards[0]);
    edit(&folder.path().join("model.safetensors.index.json"), |index| {
        index["weight_map"]["model.embed_tokens.weight"] = json!("../model.safetensors");
    });
    refused(folder.path(), ErrorCode::InvalidFile, &["../model.safetensors", "embed_tokens"]);
}

#[test]
fn absurd_configurations_are_errors_that_name_the_field() {
    let folder = eurobert();
    let path = folder.path().join("config.json");
    let whole = std::fs::read(&path).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        replace(&path, &whole);
        edit(&path, change);
    };
    for field in [
        "hidden_size",
        "intermediate_size",
        "num_attention_heads",
        "num_key_value_heads",
        "num_hidden_layers",
        "vocab_size",
        "max_position_embeddings",
        "head_dim",
    ] {
        for value in [
            json!(0),
            json!(-1),
            json!(1e30),
            json!(u64::MAX),
            json!(1_u64 << 40),
            json!("32"),
            json!([32]),
            json!(1.5),
        ] {
            with(&|config| config[field] = value.clone());
            refused(folder.path(), ErrorCode::InvalidFile, &["config.json", field]);
        }
    }
    // Sizes that are possible, but not those of the weights: nothing is allocated for them before that is known.
    for (field, value, name) in [
        ("vocab_size", 100_000_000, "embed_tokens"),
        ("intermediate_size", 100_000_000, "mlp"),
        ("num_hidden_layers", 4, ""),
        ("hidden_size", 64, "embed_tokens"),
    ] {
        with(&|config| config[field] = json!(value));
        if field == "num_hidden_layers" {
            // More blocks than there are weights matter only behind the split point.
            assert!(load_from(folder.path(), &SPLITS[..1]).is_ok());
            assert_error(load_from(folder.path(), &["layers.3"]), ErrorCode::InvalidFile, &["layers.3", "missing"]);
        } else {
            refused(folder.path(), ErrorCode::InvalidFile, &[name, &value.to_string()]);
        }
    }
    for (field, value) in [("model_type", json!("mamba")), ("hidden_act", json!("relu6")), ("model_type", json!(null))]
    {
        with(&|config| config[field] = value.clone());
        let error = load_from(folder.path(), &SPLITS[..1]).unwrap_err();
        assert!([ErrorCode::Unsupported, ErrorCode::InvalidFile].contains(&error.code()), "{error}");
        assert!(error.message().contains(field) && !error.hint_text().is_empty(), "{error}");
    }
    let deep = "[".repeat(100_000);
    for text in ["", "{", "[]", "7", "\u{feff}{}", &deep] {
        replace(&path, text);
        refused(folder.path(), ErrorCode::InvalidFile, &["config.json"]);
    }
    replace(&path, b"{\"hidden_size\": \xff}");
    refused(folder.path(), ErrorCode::InvalidFile, &["config.json"]);
    std::fs::remove_file(&path).unwrap();
    refused(folder.path(), ErrorCode::NotFound, &["config.json"]);
}

#[test]
fn a_tokenizer_with_ids_beyond_the_vocabulary_is_another_models() {
    // The model of 171 ids with a tokenizer of 320.
    let folder = model_folder("bert", "base");
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(golden("models/eurobert/tokenizer").join(file), folder.path().join(file)).unwrap();
    }
    let model = load_from(folder.path(), &["encoder.layer.1.output"]).unwrap();
    let name = folder.path().to_str().unwrap();
    let names = ["token id 3", "beyond the vocabulary", name, "171 ids", "tokenizer is another model's"];
    assert_error(collect(&model, &["a warm film"], &CollectOptions::default()), ErrorCode::Mismatch, &names);
    let into_folder = tempfile::tempdir().unwrap();
    let options =
        CollectOptions { folder: Some(into_folder.path().to_owned()), threads: 3, ..CollectOptions::default() };
    assert_error(collect(&model, &many_texts(50), &options), ErrorCode::Mismatch, &names[1..]);
    let inputs = model.vocabulary_inputs().unwrap();
    let vocabulary = model.activations(&inputs, &CollectOptions::default(), &Control::new());
    assert_error(vocabulary, ErrorCode::Mismatch, &["171"]);
}

#[test]
fn damaged_tokenizers_are_errors_that_name_the_file() {
    let folder = eurobert();
    let path = folder.path().join("tokenizer.json");
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(whole.len() / 60) {
        replace(&path, &whole[..length]);
        refused(folder.path(), ErrorCode::InvalidFile, &["tokenizer.json", "get the file again"]);
    }
    let change = |change: &dyn Fn(&mut Value)| {
        replace(&path, &whole);
        edit(&path, change);
    };
    change(&|tokenizer| tokenizer["model"]["type"] = json!("Telepathy"));
    texts_refused(folder.path(), ErrorCode::Unsupported, &["tokenizer.json", "model of the type `Telepathy`"]);
    change(&|tokenizer| tokenizer["model"]["vocab"] = json!({}));
    refused(folder.path(), ErrorCode::InvalidFile, &["tokenizer.json"]);
    change(&|tokenizer| tokenizer["model"]["vocab"]["a"] = json!(u64::MAX));
    refused(folder.path(), ErrorCode::InvalidFile, &["tokenizer.json"]);
    // An id that no model has: an error when a text uses it, and not a table of four billion entries.
    change(&|tokenizer| tokenizer["model"]["vocab"]["a"] = json!(u32::MAX));
    let model = load_from(folder.path(), &SPLITS[..1]).unwrap();
    assert_error(
        collect(&model, &["a a a"], &CollectOptions::default()),
        ErrorCode::Mismatch,
        &["token id 4294967295"],
    );
    replace(&path, &whole);
    let config = folder.path().join("tokenizer_config.json");
    std::fs::write(&config, "{\"model_max_length\":").unwrap();
    refused(folder.path(), ErrorCode::InvalidFile, &["tokenizer_config.json"]);
    let limit = |length: usize| std::fs::write(&config, json!({ "model_max_length": length }).to_string()).unwrap();
    for length in [1, 2] {
        limit(length);
        refused(folder.path(), ErrorCode::InvalidFile, &["2 special tokens", &format!("allow {length}"), "no room"]);
    }
    limit(3);
    let found = collect(&load_from(folder.path(), &SPLITS[..1]).unwrap(), &["a film"], &CollectOptions::default());
    assert_eq!(found.unwrap()[0].row_count(), 1);
    edit(&folder.path().join("config.json"), |config| config["max_position_embeddings"] = json!(1));
    refused(folder.path(), ErrorCode::InvalidFile, &["2 special tokens", "allow 1", "no room"]);
    std::fs::remove_file(&path).unwrap();
    edit(&folder.path().join("config.json"), |config| config["max_position_embeddings"] = json!(64));
    texts_refused(folder.path(), ErrorCode::NotFound, &["tokenizer.json"]);
}

#[test]
fn unknown_modules_folders_and_devices_are_named() {
    let folder = eurobert();
    let name = folder.path().to_str().unwrap();
    let nearest = ["`layers.1.mpl`", "did you mean `layers.1.mlp`", name];
    let error = assert_error(load_from(folder.path(), &["layers.1.mpl"]), ErrorCode::UnknownModule, &nearest);
    assert!(error.details().contains(&("nearest".to_owned(), "layers.1.mlp".to_owned())));
    // The wrong one of several, and paths that are no paths.
    assert_error(load_from(folder.path(), &["layers.1.mlp", "layers.9"]), ErrorCode::UnknownModule, &["`layers.9`"]);
    let long = "x".repeat(100_000);
    for path in ["", "layers.", ".layers", "layers..1", "99999999999999999999", "-4", "\0", "🎬", &long] {
        assert_error(load_from(folder.path(), &[path]), ErrorCode::UnknownModule, &[]);
    }
    for path in ["/no/such/folder", "./no/such/folder", "~/model"] {
        assert_error(load_from(Path::new(path), &SPLITS), ErrorCode::NotFound, &[path]);
    }
    let empty = tempfile::tempdir().unwrap();
    refused(empty.path(), ErrorCode::NotFound, &["config.json"]);
    let file = empty.path().join("file");
    std::fs::write(&file, "{}").unwrap();
    assert_error(load_from(&file, &SPLITS), ErrorCode::InvalidArgument, &["is a file"]);
    let load = |options: &LoadOptions| SplitModel::load(name, &SPLITS, options, &Control::new());
    let missing = LoadOptions { device: DeviceChoice::Cuda(99), ..LoadOptions::default() };
    assert_error(load(&missing), ErrorCode::Device, &["99"]);
    let head = LoadOptions { head: HeadChoice::SequenceClassification, whole: true, ..LoadOptions::default() };
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert_error(load(&head), ErrorCode::NotFound, &["model.safetensors"]);
    let cancelled = Control::new();
    cancelled.cancel();
    let result = SplitModel::load(name, &SPLITS, &LoadOptions::default(), &cancelled);
    assert_error(result, ErrorCode::Cancelled, &[]);
}

#[test]
fn concepts_that_cannot_be_fitted_are_refused() {
    let model = tiny("eurobert", "base", &SPLITS[..1]);
    let rows = collect(&model, &["a warm film ."], &CollectOptions::default()).unwrap().remove(0);
    let fit = |count| Explainer::fit::<Ica>(&rows, &IcaOptions::new(count), &Control::new());
    assert_error(fit(0), ErrorCode::InvalidArgument, &["0 concepts", "at least one"]);
    for count in [5, 33, usize::MAX] {
        assert_error(fit(count), ErrorCode::InvalidArgument, &[&format!("{count} concepts"), "4 rows", "at most 4"]);
    }
    // Four rows around their mean have three directions.
    assert_error(fit(4), ErrorCode::InvalidData, &["3 directions"]);
    let repeated = collect(&model, &["film film film film"; 5], &CollectOptions::default()).unwrap().remove(0);
    assert!(repeated.row_count() == 20);
    let empty = collect(&model, &[""], &CollectOptions::default()).unwrap().remove(0);
    let none = Explainer::fit::<Ica>(&empty, &IcaOptions::new(1), &Control::new());
    assert_error(none, ErrorCode::InvalidArgument, &["0 rows", "at least two"]);
}
