//! Models without a `tokenizer.json`: from a folder, from a hub, and where no tokenizer can be built.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use eidos::{Activations, CollectOptions, Control, ErrorCode, Granularity, LoadOptions, LogLevel, SplitModel};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{assert_error, collect, load_from, model_folder, replace};

const SPLIT: [&str; 1] = ["encoder.layer.1.output"];
const TEXTS: [&str; 3] = ["A warm FILM , naïve.", "", "funny [MASK] , and -- 電影"];

/// The lines of a `vocab.txt` with the vocabulary of a folder's `tokenizer.json`.
fn words(folder: &Path) -> String {
    let json: Value = serde_json::from_slice(&std::fs::read(folder.join("tokenizer.json")).unwrap()).unwrap();
    let mut entries: Vec<(u64, &String)> =
        json["model"]["vocab"].as_object().unwrap().iter().map(|(token, id)| (id.as_u64().unwrap(), token)).collect();
    entries.sort_unstable();
    entries.into_iter().fold(String::new(), |lines, (_, token)| lines + token + "\n")
}

/// The tiny BERT as BERTs were published: with a `vocab.txt`.
fn old_bert() -> TempDir {
    let folder = model_folder("bert", "base");
    let words = words(folder.path());
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    replace(&folder.path().join("tokenizer_config.json"), r#"{"do_lower_case": true, "model_max_length": 64}"#);
    std::fs::write(folder.path().join("vocab.txt"), words).unwrap();
    folder
}

fn units(activations: &Activations) -> Vec<String> {
    (0..activations.row_count()).map(|row| activations.unit(row).unwrap().to_owned()).collect()
}

#[test]
fn a_folder_with_a_vocabulary_gives_what_the_file_gives_that_is_missing() {
    let whole = load_from(model_folder("bert", "base").path(), &SPLIT).unwrap();
    let folder = old_bert();
    let built = load_from(folder.path(), &SPLIT).unwrap();
    for granularity in [Granularity::Word, Granularity::Token, Granularity::AllTokens, Granularity::ClsToken] {
        let options = CollectOptions { granularity, ..CollectOptions::default() };
        let [expected, found] = [&whole, &built].map(|model| collect(model, &TEXTS, &options).unwrap().remove(0));
        assert_eq!(units(&found), units(&expected));
        let rows = 0..found.row_count();
        assert_eq!(found.rows(0, rows.len()).unwrap(), expected.rows(0, rows.len()).unwrap());
    }
    let control = Control::new();
    control.keep_log(LogLevel::Info);
    SplitModel::load(folder.path().to_str().unwrap(), &SPLIT, &LoadOptions::default(), &control).unwrap();
    let said = control.kept_message(0).unwrap().text().to_owned();
    assert!(said.contains("vocab.txt") && said.contains("BertTokenizer"), "{said}");
}

#[test]
fn without_any_tokenizer_a_model_reads_token_ids() {
    let folder = old_bert();
    let whole = load_from(folder.path(), &SPLIT).unwrap();
    std::fs::remove_file(folder.path().join("vocab.txt")).unwrap();
    let control = Control::new();
    control.keep_log(LogLevel::Warning);
    let name = folder.path().to_str().unwrap();
    let model = SplitModel::load(name, &SPLIT, &LoadOptions::default(), &control).unwrap();
    assert!(control.kept_message(0).unwrap().text().contains("vocab.txt"));
    let names =
        ["tokenizer.json", "vocab.txt", "BertTokenizer", name, "AutoTokenizer.from_pretrained(x).save_pretrained(x)"];
    assert_error(collect(&model, &TEXTS, &CollectOptions::default()), ErrorCode::NotFound, &names);
    assert_error(model.vocabulary_inputs(), ErrorCode::NotFound, &names);
    assert_error(model.tokenizer(), ErrorCode::NotFound, &names);
    let sequences: [&[u32]; 2] = [&[2, 7, 9, 3], &[2, 3]];
    let collected = |model: &SplitModel| {
        let inputs = model.inputs_from_token_ids(&sequences).unwrap();
        collect(model, &inputs, &CollectOptions::default()).unwrap().remove(0)
    };
    let (expected, found) = (collected(&whole), collected(&model));
    assert_eq!(found.rows(0, 6).unwrap(), expected.rows(0, 6).unwrap());
    assert_eq!(units(&found), ["2", "7", "9", "3", "2", "3"]);
    // Inputs of the one are not those of the other.
    let inputs = whole.inputs_from_token_ids(&sequences).unwrap();
    assert_error(collect(&model, &inputs, &CollectOptions::default()), ErrorCode::Mismatch, &["another tokenizer"]);
    // A class that is not built.
    let config = json!({"tokenizer_class": "BertJapaneseTokenizer"}).to_string();
    replace(&folder.path().join("tokenizer_config.json"), config);
    let model = load_from(folder.path(), &SPLIT).unwrap();
    let names = ["BertJapaneseTokenizer", "save_pretrained(x)"];
    assert_error(collect(&model, &TEXTS, &CollectOptions::default()), ErrorCode::Unsupported, &names);
}

#[test]
fn damaged_vocabularies_are_errors_that_name_the_file() {
    let folder = old_bert();
    let refuse = |name: &str, content: &[u8], names: &[&str]| {
        let path = folder.path().join(name);
        let before = std::fs::read(&path).ok();
        replace(&path, content);
        let error = assert_error(load_from(folder.path(), &SPLIT), ErrorCode::InvalidFile, names);
        assert!(error.message().contains(name), "{error}");
        match before {
            Some(before) => replace(&path, before),
            None => std::fs::remove_file(&path).unwrap(),
        }
    };
    refuse("vocab.txt", b"", &["no tokens"]);
    refuse("vocab.txt", b"a\nb\xff\n", &["line 2", "UTF-8"]);
    refuse("tokenizer_config.json", br#"{"do_lower_case": "yes"}"#, &["do_lower_case", "yes"]);
    refuse("tokenizer_config.json", br#"{"added_tokens_decoder": {"x": {"content": "a"}}}"#, &["added_tokens_decoder"]);
    refuse("tokenizer_config.json", br#"{"cls_token": null}"#, &["cls_token"]);
    refuse("added_tokens.json", br#"{"a": "b"}"#, &["id of a token"]);
    refuse("special_tokens_map.json", b"[", &[]);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12\n";
    refuse("vocab.txt", pointer, &["Git LFS"]);
}

#[cfg(feature = "hub")]
mod hub {
    use eidos::HubOptions;

    use super::*;
    use crate::hub::common::options;
    use crate::hub::server::{MODEL, Server};

    #[test]
    fn from_a_hub_only_the_files_of_the_class_are_asked_for() {
        let folder = old_bert();
        let file = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let server = ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]
            .into_iter()
            .fold(Server::start(), |server, name| server.with_file(name, &file(name)));
        let cache = tempfile::tempdir().unwrap();
        let load = |hub: HubOptions| {
            let options = LoadOptions { hub, ..LoadOptions::default() };
            SplitModel::load(MODEL, &SPLIT, &options, &Control::new()).unwrap()
        };
        let model = load(options(&server, cache.path()));
        let asked = server.take_request_names();
        let asked: Vec<&str> = asked.iter().filter_map(|name| name.strip_prefix("HEAD ")).collect();
        let expected = [
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "vocab.txt",
            "model.safetensors",
        ];
        assert_eq!(asked, expected);
        let ids = |model: &SplitModel| model.inputs(&TEXTS, 1, &Control::new()).unwrap().token_ids(0).to_vec();
        assert_eq!(ids(&model), ids(&load_from(folder.path(), &SPLIT).unwrap()));
        // What is cached, and what is known to be missing, is not asked for again.
        let again = load(options(&server, cache.path()));
        assert_eq!(server.take_request_names(), ["HEAD config.json"]);
        assert_eq!(ids(&again), ids(&model));
        let offline = load(HubOptions { offline: Some(true), ..options(&server, cache.path()) });
        assert_eq!(ids(&offline), ids(&model));
    }
}
