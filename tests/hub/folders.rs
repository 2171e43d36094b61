//! A folder is taken as it is.

use std::fs;
use std::path::Path;

use eidos::hub::locate;
use eidos::{Control, Error, ErrorCode, HubOptions, ModelSource};

/// Options that would fail if a folder needed them.
fn impossible_options() -> HubOptions {
    HubOptions { endpoint: Some("not an address".to_owned()), ..HubOptions::default() }
}

fn open(folder: &Path) -> Result<ModelSource, Error> {
    locate(folder.to_str().unwrap(), &impossible_options(), &Control::new())
}

fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

const TWO_SHARDS: &str = r#"{"weight_map": {"embeddings.weight": "model-00001-of-00002.safetensors",
    "layers.0.weight": "model-00001-of-00002.safetensors", "layers.1.weight": "model-00002-of-00002.safetensors"}}"#;

#[test]
fn a_folder_gives_the_files_in_it() {
    let folder = folder_with(&[("config.json", "{}"), ("model.safetensors", ""), ("tokenizer.json", "{}")]);
    let control = Control::new();
    let model = open(folder.path()).unwrap();
    assert_eq!(model.name(), folder.path().to_str().unwrap());
    assert_eq!(model.commit(), None);
    assert_eq!(model.config(&control).unwrap(), folder.path().join("config.json"));
    assert_eq!(model.tokenizer(&control).unwrap(), Some(folder.path().join("tokenizer.json")));
    assert_eq!(model.tokenizer_config(&control).unwrap(), None);
    assert_eq!(model.special_tokens_map(&control).unwrap(), None);
    assert_eq!(model.weight_files(&|_| true, &control).unwrap(), [folder.path().join("model.safetensors")]);
}

#[test]
fn a_relative_folder_stays_the_same_wherever_the_process_goes() {
    let model = locate("src", &impossible_options(), &Control::new()).unwrap();
    assert!(model.file("lib.rs", &Control::new()).unwrap().unwrap().is_absolute());
}

#[test]
fn only_the_shards_that_are_wanted_must_be_there() {
    let folder = folder_with(&[("model.safetensors.index.json", TWO_SHARDS), ("model-00001-of-00002.safetensors", "")]);
    let model = open(folder.path()).unwrap();
    let first = model.weight_files(&|name| !name.starts_with("layers.1"), &Control::new()).unwrap();
    assert_eq!(first, [folder.path().join("model-00001-of-00002.safetensors")]);
    let error = model.weight_files(&|_| true, &Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    for part in ["model.safetensors.index.json", "model-00002-of-00002.safetensors", folder.path().to_str().unwrap()] {
        assert!(error.message().contains(part), "{error}");
    }
    assert!(error.hint_text().contains("shard"), "{error}");
}

#[test]
fn a_folder_gives_the_best_weights_it_has() {
    let all =
        ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];
    let ending = |name: &str| if name.starts_with("model") { ".safetensors" } else { ".bin" };
    for first in 0..all.len() {
        let shard = format!("model-00001-of-00002{}", ending(all[first]));
        let index = TWO_SHARDS.replace(".safetensors", ending(all[first]));
        let mut files: Vec<_> = all[first..].iter().map(|name| (*name, index.as_str())).collect();
        files.push((&shard, ""));
        let folder = folder_with(&files);
        let wanted = |name: &str| name.starts_with("embeddings");
        let found = open(folder.path()).unwrap().weight_files(&wanted, &Control::new()).unwrap();
        let expected = if all[first].contains("index") { &shard } else { all[first] };
        assert_eq!(found, [folder.path().join(expected)]);
    }
}

#[test]
fn an_index_of_pytorch_names_no_other_files() {
    for shard in ["../secret.bin", "model.safetensors", "/etc/passwd", "x.bin.exe"] {
        let index = format!(r#"{{"weight_map": {{"a": "{shard}"}}}}"#);
        let folder = folder_with(&[("pytorch_model.bin.index.json", &index)]);
        let error = open(folder.path()).unwrap().weight_files(&|_| true, &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFile);
        assert!(error.message().contains("pytorch_model.bin.index.json"), "{error}");
    }
}

#[test]
fn a_folder_without_weights_says_which_it_could_have() {
    let empty = folder_with(&[]);
    let model = open(empty.path()).unwrap();
    let error = model.weight_files(&|_| true, &Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.message().contains("model.safetensors") && error.message().contains("pytorch_model.bin"), "{error}");
    let error = model.config(&Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.message().contains("config.json"), "{error}");
}

#[test]
fn a_folder_whose_only_weights_are_one_gguf_file_is_that_file() {
    let control = Control::new();
    for files in [&[("a.gguf", ""), ("README.md", "")][..], &[("a.gguf", ""), ("config.json", "{}")]] {
        let folder = folder_with(files);
        assert_eq!(open(folder.path()).unwrap().gguf(&control).unwrap(), Some(folder.path().join("a.gguf")));
    }
    for weights in ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"] {
        let folder = folder_with(&[("a.gguf", ""), ("config.json", "{}"), (weights, "")]);
        assert_eq!(open(folder.path()).unwrap().gguf(&control).unwrap(), None, "{weights}");
    }
}

#[test]
fn of_several_gguf_files_in_a_folder_one_must_be_named() {
    let files = [("b-Q8_0.gguf", ""), ("a-Q4_K_M.gguf", ""), ("tokenizer.json", "{}")];
    let folder = folder_with(&files);
    let error = open(folder.path()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("2 GGUF files: `a-Q4_K_M.gguf`, `b-Q8_0.gguf`"), "{error}");
    assert!(error.hint_text().contains("path of one"), "{error}");
    // A configuration says what the model is, but not which file has its weights.
    fs::write(folder.path().join("config.json"), "{}").unwrap();
    let model = open(folder.path()).unwrap();
    assert_eq!(model.gguf(&Control::new()).unwrap(), None);
    let error = model.weight_files(&|_| true, &Control::new()).unwrap_err();
    assert!(error.code() == ErrorCode::NotFound && error.hint_text().contains("GGUF"), "{error}");
}

#[test]
fn a_folder_whose_only_weights_are_the_parts_of_one_model_is_that_model() {
    let control = Control::new();
    let parts = ["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"];
    let both = parts.map(|part| (part, ""));
    for others in [&[][..], &[("config.json", "{}")], &[("README.md", "")]] {
        let folder = folder_with(&[&both, others].concat());
        let paths = parts.map(|part| folder.path().join(part));
        // The folder, or any part of it.
        for named in [folder.path(), &paths[0], &paths[1]] {
            let model = open(named).unwrap();
            assert_eq!(model.gguf(&control).unwrap().as_ref(), Some(&paths[0]));
            assert_eq!(model.gguf_parts(2, &control).unwrap(), paths);
            // A whole model may have any name.
            assert_eq!(model.gguf_parts(1, &control).unwrap(), paths[..1]);
        }
    }
    // Models that differ in anything but the number of the part are several.
    for other in ["b-00001-of-00002.gguf", "a-00001-of-00003.gguf", "a.gguf"] {
        let folder = folder_with(&[both[0], both[1], (other, "")]);
        let error = open(folder.path()).unwrap_err();
        assert!(error.message().contains("2 GGUF files:") && error.message().contains(other), "{error}");
        assert!(!error.message().contains(parts[1]), "{error}");
    }
    let folder = folder_with(&both[1..]);
    let error = open(folder.path()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(parts.iter().all(|part| error.message().contains(part)), "{error}");
    assert!(error.hint_text().contains("all parts"), "{error}");
    // Named by itself, the file may say that it is whole.
    let alone = folder.path().join(parts[1]);
    assert_eq!(open(&alone).unwrap().gguf(&control).unwrap(), Some(alone));
}

#[test]
fn a_gguf_file_is_opened_by_its_path_and_its_tokenizer_lies_beside_it() {
    let folder =
        folder_with(&[("a: b?.gguf", ""), ("other.gguf", ""), ("tokenizer.json", "{}"), ("config.json", "{}")]);
    let model = open(&folder.path().join("a: b?.gguf")).unwrap();
    assert_eq!(model.gguf(&Control::new()).unwrap(), Some(folder.path().join("a: b?.gguf")));
    assert_eq!(model.tokenizer(&Control::new()).unwrap(), Some(folder.path().join("tokenizer.json")));
    for gone in ["gone.gguf", "models/gone.gguf", "./gone.gguf", "/no/such/gone.gguf"] {
        let error = open(Path::new(gone)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound, "{gone}");
        assert!(error.message().contains(&format!("there is no file `{gone}`")), "{error}");
    }
    for strange in ["owner/name:../x.gguf", "owner/name:/x.gguf", "owner/na me:x.gguf", ":x.gguf", "a/b/c:x.gguf"] {
        assert_eq!(open(Path::new(strange)).unwrap_err().code(), ErrorCode::InvalidArgument, "{strange}");
    }
}

#[test]
fn a_damaged_index_is_named() {
    for index in ["", "{", r#"{"weight_map": {"a": "../../secret.safetensors"}}"#] {
        let folder = folder_with(&[("model.safetensors.index.json", index)]);
        let error = open(folder.path()).unwrap().weight_files(&|_| true, &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFile);
        assert!(error.message().contains("model.safetensors.index.json"), "{error}");
    }
}

#[test]
fn a_file_cannot_be_asked_for_outside_the_folder() {
    let folder = folder_with(&[("config.json", "{}")]);
    let model = open(folder.path()).unwrap();
    for name in ["../config.json", "/etc/passwd", "", "a/../../b"] {
        let error = model.file(name, &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_and_a_folder_in_place_of_a_file_are_errors() {
    let folder = folder_with(&[]);
    std::os::unix::fs::symlink("nowhere", folder.path().join("config.json")).unwrap();
    fs::create_dir(folder.path().join("tokenizer.json")).unwrap();
    let model = open(folder.path()).unwrap();
    let error = model.config(&Control::new()).unwrap_err();
    assert!(error.code() == ErrorCode::NotFound && error.message().contains("link"), "{error}");
    let error = model.tokenizer(&Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidFile);
}

#[test]
fn what_is_neither_a_folder_nor_an_id_is_explained() {
    let locate = |text: &str| locate(text, &impossible_options(), &Control::new()).unwrap_err();
    for path in ["./no/such/folder", "/no/such/folder", "no/such/folder", "~/model"] {
        let error = locate(path);
        assert_eq!(error.code(), ErrorCode::NotFound, "{path}");
        assert!(error.message().contains(path), "{error}");
    }
    assert_eq!(locate("Cargo.toml").code(), ErrorCode::InvalidArgument);
    for id in ["", "a--b", "a b", "owner/na\nme", "owner/name.git"] {
        assert_eq!(locate(id).code(), ErrorCode::InvalidArgument, "{id}");
    }
    let error = locate("eidos:other");
    assert!(error.code() == ErrorCode::NotFound && error.hint_text().contains("eidos:demo"), "{error}");
}

#[cfg(not(feature = "hub"))]
#[test]
fn without_the_feature_an_id_is_unsupported() {
    let error = locate("owner/name", &HubOptions::default(), &Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
    assert!(error.message().contains("feature `hub`") && error.hint_text().contains("folder"), "{error}");
}
