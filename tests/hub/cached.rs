//! What is in the cache opens whatever the hub says; what is not is named, with what there is instead.

use eidos::hub::locate;
use eidos::{Control, Error, ErrorCode, HubOptions, LoadOptions, ModelSource, SplitModel};

use crate::common::{golden, golden_json};
use crate::hub::common::{open, options};
use crate::hub::server::{COMMIT, MODEL, Server, Trouble};

const REPOSITORY: &str = "models--owner--tiny-model";

/// A server, a cache that has its `config.json` and weights, and the options of both.
fn cached() -> (Server, tempfile::TempDir, HubOptions) {
    let server = Server::start().with_file("model.safetensors", b"weights");
    let cache = tempfile::tempdir().unwrap();
    let options = options(&server, cache.path());
    open(&options).unwrap().weight_files(&|_| true, &Control::new()).unwrap();
    server.take_requests();
    (server, cache, options)
}

/// The model has its weights, and nothing that is not cached.
fn has_what_is_cached(model: &ModelSource) {
    let control = Control::new();
    assert_eq!(model.commit(), Some(COMMIT));
    assert_eq!(model.weight_files(&|_| true, &control).unwrap().len(), 1);
    assert_eq!(model.tokenizer(&control).unwrap(), None);
}

fn offline(options: &HubOptions) -> HubOptions {
    HubOptions { offline: Some(true), ..options.clone() }
}

#[test]
fn a_cached_model_opens_when_the_hub_refuses_or_cannot_be_reached() {
    let (server, cache, options) = cached();
    for status in [401, 403, 500, 503] {
        server.spoil_descriptions(&[Trouble::Status(status)]);
        has_what_is_cached(&open(&options).unwrap());
        assert_eq!(server.take_requests().len(), 1, "{status}: the hub is asked once");
    }
    let nowhere = HubOptions { endpoint: Some("http://127.0.0.1:9".to_owned()), ..options.clone() };
    has_what_is_cached(&open(&nowhere).unwrap());
    // With a commit nothing is asked until something is missing.
    let pinned = HubOptions { revision: Some(COMMIT.to_owned()), ..nowhere.clone() };
    has_what_is_cached(&open(&pinned).unwrap());
    // A server that refuses the token, and one that became private.
    let private = Server::start().with_token("hf_right");
    for token in ["", "hf_wrong"] {
        let options =
            HubOptions { endpoint: Some(private.address.clone()), token: Some(token.to_owned()), ..options.clone() };
        has_what_is_cached(&open(&options).unwrap());
    }
    // What is not cached says why it could not be fetched.
    let model = open(&nowhere).unwrap();
    let error = model.required("tokenizer.json", &Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Network);
    for part in ["`tokenizer.json`", "cannot reach 127.0.0.1", cache.path().to_str().unwrap()] {
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn a_hub_that_has_answered_and_then_fails_is_an_error() {
    // Else a file that the model has would be taken for one that it has not, and nobody would know.
    let (server, _cache, options) = cached();
    let model = open(&options).unwrap();
    server.spoil_descriptions(&vec![Trouble::Status(500); 4]);
    assert_eq!(model.tokenizer(&Control::new()).unwrap_err().code(), ErrorCode::Network);
}

#[test]
fn what_is_not_cached_is_no_model_when_the_hub_refuses() {
    let server = Server::start().with_token("hf_right");
    let cache = tempfile::tempdir().unwrap();
    let wrong = HubOptions { token: Some("hf_wrong".to_owned()), ..options(&server, cache.path()) };
    let error = open(&wrong).unwrap_err();
    assert_eq!(error.code(), ErrorCode::AccessDenied);
    assert!(error.message().contains("it came from the option `token`"), "{error}");
    assert!(error.hint_text().contains("a public model needs no token"), "{error}");
}

#[test]
fn a_cache_without_references_gives_its_only_commit() {
    let (server, cache, options) = cached();
    std::fs::remove_dir_all(cache.path().join(REPOSITORY).join("refs")).unwrap();
    has_what_is_cached(&open(&offline(&options)).unwrap());
    let nowhere = HubOptions { endpoint: Some("http://127.0.0.1:9".to_owned()), ..options.clone() };
    has_what_is_cached(&open(&nowhere).unwrap());
    assert!(server.take_requests().is_empty());
    // For `main` only: what another revision is nobody knows.
    let tagged = HubOptions { revision: Some("v1".to_owned()), ..offline(&options) };
    let error = open(&tagged).unwrap_err();
    assert!(error.message().contains(COMMIT) && error.message().contains("`v1`"), "{error}");
    // Of several, one must be named.
    let other = "89abcdef0123456789abcdef0123456789abcdef";
    std::fs::create_dir(cache.path().join(REPOSITORY).join("snapshots").join(other)).unwrap();
    let error = open(&offline(&options)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.message().contains(COMMIT) && error.message().contains(other), "{error}");
    assert!(error.hint_text().contains("as the revision"), "{error}");
    let pinned = HubOptions { revision: Some(COMMIT.to_owned()), ..offline(&options) };
    has_what_is_cached(&open(&pinned).unwrap());
}

#[test]
fn offline_nobody_is_told_to_download() {
    let (_server, cache, options) = cached();
    let empty = tempfile::tempdir().unwrap();
    let nothing = HubOptions { cache_dir: Some(empty.path().to_owned()), ..offline(&options) };
    let missing = open(&offline(&options)).unwrap().required("tokenizer.json", &Control::new()).unwrap_err();
    for (error, folder) in [(open(&nothing).unwrap_err(), empty.path()), (missing, cache.path())] {
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert!(error.message().contains(folder.to_str().unwrap()), "{error}");
        assert!(error.hint_text().contains("give the folder of the model"), "{error}");
        assert!(!error.hint_text().contains("download"), "{error}");
    }
}

/// The error of opening a model under some name.
fn error_of(name: &str, options: &HubOptions) -> Error {
    locate(name, options, &Control::new()).unwrap_err()
}

#[test]
fn a_repository_of_gguf_files_names_them() {
    let server = Server::start()
        .without_file("config.json")
        .with_file("README.md", b"")
        .with_file("tiny-Q4_K_M.gguf", b"GGUF")
        .with_file("tiny-Q8_0.gguf", b"GGUF");
    let cache = tempfile::tempdir().unwrap();
    let options = options(&server, cache.path());
    let error = open(&options).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    for file in ["owner/tiny-model:tiny-Q4_K_M.gguf", "owner/tiny-model:tiny-Q8_0.gguf"] {
        assert!(error.hint_text().contains(file), "{error}");
    }
    let error = error_of(&format!("{MODEL}:Q4_K_M"), &options);
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.hint_text().contains("`owner/tiny-model:tiny-Q4_K_M.gguf`"), "{error}");
    assert!(!error.hint_text().contains("Q8_0"), "{error}");
    let error = error_of(&format!("{MODEL}:tiny-Q5_0.gguf"), &options);
    assert!(error.hint_text().contains("`owner/tiny-model:tiny-Q8_0.gguf`"), "{error}");
    // What is cached is known without a hub.
    locate(&format!("{MODEL}:tiny-Q8_0.gguf"), &options, &Control::new()).unwrap();
    let error = error_of(MODEL, &offline(&options));
    assert!(error.hint_text().contains("`owner/tiny-model:tiny-Q8_0.gguf`"), "{error}");
}

#[test]
fn a_repository_of_an_adapter_is_its_base_model_changed_by_it() {
    let lora = |file: &str| std::fs::read(golden(&format!("lora/llama/{file}"))).unwrap();
    let base = tempfile::tempdir().unwrap();
    let models = golden("models/llama");
    std::fs::copy(models.join("causal_lm/config.json"), base.path().join("config.json")).unwrap();
    std::fs::copy(models.join("weights/model.safetensors"), base.path().join("model.safetensors")).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&lora("adapter_config.json")).unwrap();
    config["base_model_name_or_path"] = base.path().to_str().unwrap().into();
    let config = config.to_string();
    let server = Server::start().with_file("adapter_config.json", config.as_bytes());
    let server = server.with_large_file("adapter_model.safetensors", &lora("adapter_model.safetensors"));
    // Some programs write the configuration of the base model beside an adapter.
    for has_config in [false, true] {
        let server = server.clone();
        let server = if has_config {
            server.with_file("config.json", &std::fs::read(base.path().join("config.json")).unwrap())
        } else {
            server.without_file("config.json")
        };
        let cache = tempfile::tempdir().unwrap();
        let hub = options(&server, cache.path());
        let load = |hub: &HubOptions| {
            let options = LoadOptions { hub: hub.clone(), ..LoadOptions::default() };
            let model = SplitModel::load(MODEL, &["model.layers.1"], &options, &Control::new()).unwrap();
            let ids: Vec<u32> =
                serde_json::from_value(golden_json("models/llama/inputs.json")[0]["ids"].clone()).unwrap();
            model.forward(&[&ids]).unwrap().remove(0)
        };
        let expected =
            candle_core::safetensors::load(golden("lora/llama/expected.safetensors"), &candle_core::Device::Cpu);
        let expected = &expected.unwrap()["model.layers.1"];
        let near = |ours: &candle_core::Tensor| {
            let most = (ours - expected).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            most <= 2e-5 * expected.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap()
        };
        assert!(near(&load(&hub)) && near(&load(&offline(&hub))), "{has_config}");
    }
    let wrong = Server::start().without_file("config.json").with_file("adapter_config.json", b"{}");
    let cache = tempfile::tempdir().unwrap();
    let options = LoadOptions { hub: options(&wrong, cache.path()), ..LoadOptions::default() };
    let error = SplitModel::load(MODEL, &[], &options, &Control::new()).map(drop).unwrap_err();
    assert!(error.message().contains("`base_model_name_or_path` is missing"), "{error}");
}

#[test]
fn names_that_are_nearly_ids_are_corrected() {
    let (_server, _cache, options) = cached();
    for name in [
        "owner/tiny-model/",
        "./tiny-model",
        "owner/tiny-model.git",
        "owner\\tiny-model",
        "https://huggingface.co/owner/tiny-model",
        "https://huggingface.co/owner/tiny-model/tree/main",
    ] {
        let error = error_of(name, &options);
        let id = if name.starts_with('.') { "`tiny-model`" } else { "`owner/tiny-model`" };
        assert!(error.hint_text().contains(id), "{name}: {error}");
    }
    let error = error_of("~/no-such-folder-of-a-model", &options);
    assert!(error.hint_text().contains("`~` is not understood"), "{error}");
    let error = error_of("./no/such/folder", &options);
    assert!(error.hint_text().contains(std::env::current_dir().unwrap().to_str().unwrap()), "{error}");
}

#[test]
fn a_redirect_may_be_relative() {
    let server = Server::start().with_relative_redirects().with_large_file("model.safetensors", b"weights");
    let cache = tempfile::tempdir().unwrap();
    let paths = open(&options(&server, cache.path())).unwrap().weight_files(&|_| true, &Control::new()).unwrap();
    assert_eq!(std::fs::read(&paths[0]).unwrap(), b"weights");
}
