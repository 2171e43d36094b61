//! Folders that are not quite the model's: its repository in a cache, the root of sentence-transformers, a folder around it,
//! shards without an index. And folders of something else, which are called what they are.

use std::fs;
use std::path::Path;

use eidos::hub::locate;
use eidos::{Activations, Control, Error, ErrorCode, HubOptions, ModelSource};
use tempfile::TempDir;

/// A folder with files, whose names may have folders in them.
fn folder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn open(folder: &Path) -> Result<ModelSource, Error> {
    locate(folder.to_str().unwrap(), &HubOptions::default(), &Control::new())
}

/// The model is the one in that folder inside.
fn opens(folder: &TempDir, inner: &str) {
    let model = open(folder.path()).unwrap();
    assert_eq!(model.name(), folder.path().to_str().unwrap());
    let inner = if inner.is_empty() { folder.path().to_owned() } else { folder.path().join(inner) };
    assert_eq!(model.config(&Control::new()).unwrap(), inner.join("config.json"));
}

#[test]
fn a_repository_of_a_cache_gives_the_snapshot_of_main() {
    let files = [("snapshots/abc/config.json", "{}"), ("snapshots/def/config.json", "{}"), ("refs/main", "def\n")];
    opens(&folder_with(&files), "snapshots/def");
    opens(&folder_with(&files[..1]), "snapshots/abc");
    // The cache itself, with one repository in it.
    let nested = files.map(|(name, content)| (format!("models--owner--name/{name}"), content));
    let nested: Vec<(&str, &str)> = nested.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    opens(&folder_with(&nested), "models--owner--name/snapshots/def");
    for reference in ["../../elsewhere", "/etc", "gone", ""] {
        let error = open(folder_with(&[files[0], files[1], ("refs/main", reference)]).path()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().contains("2 commits: `abc`, `def`"), "{error}");
    }
}

#[test]
fn the_root_of_sentence_transformers_gives_its_transformer() {
    let modules = |path: &str| {
        format!(
            r#"[{{"idx": 0, "name": "0", "path": "{path}", "type": "sentence_transformers.models.Transformer"}},
                {{"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}}]"#
        )
    };
    let old = modules("0_Transformer");
    let files = [
        ("modules.json", old.as_str()),
        ("config.json", r#"{"__version__": "0.0.1"}"#),
        ("0_Transformer/config.json", "{}"),
        ("1_Pooling/config.json", "{}"),
    ];
    opens(&folder_with(&files), "0_Transformer");
    opens(&folder_with(&[files[0], files[2], files[3]]), "0_Transformer");
    let root = modules("");
    opens(&folder_with(&[("modules.json", &root), ("config.json", "{}"), ("1_Pooling/config.json", "{}")]), "");
    for wrong in ["../elsewhere", "/etc"] {
        let list = modules(wrong);
        let error = open(folder_with(&[("modules.json", &list), files[1]]).path()).unwrap_err();
        assert!(error.code() == ErrorCode::InvalidFile && error.message().contains(wrong), "{error}");
    }
    let error = open(folder_with(&[("modules.json", "{}"), files[1]]).path()).unwrap_err();
    assert!(error.message().contains("modules.json"), "{error}");
}

#[test]
fn a_folder_with_one_model_inside_it_is_that_model() {
    opens(&folder_with(&[("README.md", ""), ("model/config.json", "{}"), ("logs/a.txt", "")]), "model");
    let two = folder_with(&[("checkpoint-100/config.json", "{}"), ("checkpoint-200/config.json", "{}")]);
    let error = open(two.path()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("2 models inside it: `checkpoint-100`, `checkpoint-200`"), "{error}");
    // A model with checkpoints of its training inside is the model.
    opens(&folder_with(&[("config.json", "{}"), ("checkpoint-100/config.json", "{}")]), "");
    let gguf = folder_with(&[("Q8/model.gguf", "")]);
    let found = open(gguf.path()).unwrap().gguf(&Control::new()).unwrap();
    assert_eq!(found, Some(gguf.path().join("Q8/model.gguf")));
}

#[test]
fn shards_without_an_index_are_the_model_where_none_is_missing() {
    for (stem, ending) in [("model", ".safetensors"), ("pytorch_model", ".bin")] {
        let names = [1, 2, 3].map(|number| format!("{stem}-0000{number}-of-00003{ending}"));
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let folder = folder_with(&[&files[..], &[("config.json", "{}")]].concat());
        let found = open(folder.path()).unwrap().weight_files(&|_| true, &Control::new()).unwrap();
        assert_eq!(found, names.each_ref().map(|name| folder.path().join(name)));
        fs::remove_file(folder.path().join(&names[1])).unwrap();
        let error = open(folder.path()).unwrap().weight_files(&|_| true, &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert!(error.message().contains(&names[1]) && error.message().contains("index.json"), "{error}");
    }
}

#[test]
fn weights_in_other_forms_are_named_with_the_remedy() {
    for (file, remedy) in [
        ("adapter_model.safetensors", "merge_and_unload"),
        ("consolidated.safetensors", "made for transformers"),
        ("consolidated.00.pth", "made for transformers"),
        ("model.fp16.safetensors", "the name `model.safetensors`"),
        ("tf_model.h5", "from_tf=True"),
        ("flax_model.msgpack", "from_flax=True"),
        ("model.onnx", "weights in safetensors"),
        ("openvino_model.xml", "weights in safetensors"),
        ("checkpoint.pt", "save_pretrained"),
    ] {
        let folder = folder_with(&[("config.json", "{}"), (file, ""), ("training_args.bin", "")]);
        let error = open(folder.path()).unwrap().weight_files(&|_| true, &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert!(error.message().contains(&format!("but `{file}`")), "{error}");
        assert!(error.hint_text().contains(remedy), "{error}");
    }
    let only = folder_with(&[("config.json", "{}"), ("training_args.bin", "")]);
    let error = open(only.path()).unwrap().weight_files(&|_| true, &Control::new()).unwrap_err();
    assert!(error.hint_text().contains("name its GGUF file"), "{error}");
}

#[test]
fn folders_of_something_else_are_called_what_they_are() {
    for (file, what, remedy) in [
        ("units.safetensors", "activations that were collected", "open it as activations"),
        ("model_index.json", "a pipeline of diffusers", "text_encoder"),
        ("consolidated.00.pth", "its authors' own format", "made for transformers"),
    ] {
        // A folder inside is not taken for what was meant.
        let folder = folder_with(&[(file, "{}"), ("inner/config.json", "{}")]);
        let error = open(folder.path()).unwrap().config(&Control::new()).unwrap_err();
        assert!(error.message().contains(what) && error.message().contains("config.json"), "{error}");
        assert!(error.hint_text().contains(remedy), "{error}");
    }
    let model = folder_with(&[("config.json", "{}")]);
    let error = Activations::open(model.path()).map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.message().contains("is the folder of a model, not of activations"), "{error}");
    assert!(error.hint_text().contains("open it as a model"), "{error}");
}
