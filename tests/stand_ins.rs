//! What lies where a file should be: pointers of Git LFS and its like, and pages of servers. Whichever file is opened, the
//! error says what is there instead, and how to get the file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use eidos::{
    Activations, CollectOptions, Control, Error, ErrorCode, Explainer, Interpretation, TextReaderOptions, read_texts,
};
use tempfile::TempDir;

use crate::common::{SPLITS, collect, golden, load_from, model_folder, replace, tiny};

/// What lies there, what an error calls it, and what the hint speaks of.
const POINTERS: [(&str, &str, &str); 6] = [
    (
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n",
        "a Git LFS pointer",
        "git lfs pull",
    ),
    ("version https://hawser.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "a Git LFS pointer", "git lfs pull"),
    ("# xet version 0\nfilesize = 12345\nhash = '4d7a'\n", "a Xet pointer", "hf download"),
    ("/annex/objects/SHA256E-s12345--4d7a.safetensors\n", "a git-annex pointer", "git annex get"),
    ("../../.git/annex/objects/xx/yy/SHA256E-s1--4d/SHA256E-s1--4d.bin", "a git-annex pointer", "git annex get"),
    ("../../blobs/4d7a214614ab2935c943f9e0ff69d22eadbb8f32", "the text of a link into a cache", "cp -rL"),
];

const PAGES: [(&str, &str, &str); 6] = [
    ("<!DOCTYPE html>\n<html class=\"\">\n<head>", "an HTML page", "/resolve/"),
    ("\u{feff}\r\n  <html><body>Please log in</body></html>", "an HTML page", "/resolve/"),
    ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML message of a server", "/resolve/"),
    ("Entry not found", "a message of a server", "/resolve/"),
    ("Access to model owner/name is restricted. You must have access to it", "a message of a server", "/resolve/"),
    ("Invalid username or password.", "a message of a server", "/resolve/"),
];

/// Puts each of them in the place of a file, and looks at the error of opening what the file belongs to.
fn refused(path: &Path, stand_ins: &[(&str, &str, &str)], open: &dyn Fn() -> Result<(), Error>) {
    let before = std::fs::read(path).ok();
    for (content, what, remedy) in stand_ins {
        replace(path, content);
        let error = open().expect_err(&format!("{} with {content}", path.display()));
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
        assert!(error.message().contains(&format!("`{}` is {what}", path.display())), "{error}");
        assert!(error.hint_text().contains(remedy), "{error}");
    }
    before.map_or_else(|| drop(std::fs::remove_file(path)), |before| replace(path, before));
}

fn all(path: &Path, open: &dyn Fn() -> Result<(), Error>) {
    refused(path, &POINTERS, open);
    refused(path, &PAGES, open);
}

fn opens(folder: &TempDir) -> impl Fn() -> Result<(), Error> {
    let folder = folder.path().to_owned();
    move || load_from(&folder, &SPLITS[..1]).map(drop)
}

#[test]
fn in_place_of_any_file_of_a_model_they_are_called_what_they_are() {
    let folder = model_folder("eurobert", "base");
    let open = opens(&folder);
    for file in
        ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]
    {
        all(&folder.path().join(file), &open);
    }
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    all(&folder.path().join("pytorch_model.bin"), &open);
    all(&folder.path().join("model.safetensors.index.json"), &open);
    all(&folder.path().join("pytorch_model.bin.index.json"), &open);
    let shard = "model-00001-of-00001.safetensors";
    let index = format!(r#"{{"weight_map": {{"model.embed_tokens.weight": "{shard}"}}}}"#);
    std::fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    all(&folder.path().join(shard), &open);
}

#[test]
fn in_place_of_a_gguf_file_or_a_part_they_are_called_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<PathBuf> = (1..4)
        .map(|number| {
            let name = format!("model-0000{number}-of-00003.gguf");
            std::fs::copy(golden(&format!("gguf/parts/{name}")), folder.path().join(&name)).unwrap();
            folder.path().join(name)
        })
        .collect();
    let tokenizer = "tokenizer.json";
    std::fs::copy(golden("models/eurobert/tokenizer/tokenizer.json"), folder.path().join(tokenizer)).unwrap();
    let open = || load_from(folder.path(), &["1"]).map(drop);
    open().unwrap();
    for part in &parts[..2] {
        all(part, &open);
    }
}

#[test]
fn in_place_of_results_they_are_called_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let options = CollectOptions { folder: Some(folder.path().to_owned()), ..CollectOptions::default() };
    collect(&tiny("eurobert", "base", &SPLITS[..1]), &["a warm film"], &options).unwrap();
    for file in ["manifest.json", "units.safetensors", "rows-00000.safetensors"] {
        all(&folder.path().join(file), &|| Activations::open(folder.path()).map(drop));
        all(&folder.path().join(file), &|| Activations::open_copy(folder.path()).map(drop));
    }
    let path = folder.path().join("file");
    all(&path, &|| Explainer::open(&path).map(drop));
    all(&path, &|| Interpretation::open(&path).map(drop));
}

#[test]
fn texts_may_be_a_page_but_are_no_pointer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("texts.txt");
    let read = || read_texts(&path, &TextReaderOptions::default(), &Control::new());
    refused(&path, &POINTERS, &|| read().map(drop));
    std::fs::write(&path, "<!DOCTYPE html>\nversion https://git-lfs.github.com/spec/v1").unwrap();
    assert_eq!(read().unwrap().len(), 2);
}
