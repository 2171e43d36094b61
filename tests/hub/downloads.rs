//! First downloads, the cache, and times without a network.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use eidos::hub::locate;
use eidos::{Control, ErrorCode, HubOptions, Stage};

use crate::common::child;
use crate::hub::common::{noise, open, options, partial_files};
use crate::hub::server::{COMMIT, MODEL, Server, hexadecimal};

const TWO_SHARDS: &[u8] = br#"{"weight_map": {"embeddings.weight": "model-00001-of-00002.safetensors",
    "layers.1.weight": "model-00002-of-00002.safetensors"}}"#;

#[test]
fn a_first_download_fetches_only_what_is_asked_for() {
    let (server, cache) =
        (Server::start().with_large_file("model.safetensors", &noise(100_000)), tempfile::tempdir().unwrap());
    let control = Control::new();
    let model = locate(MODEL, &options(&server, cache.path()), &control).unwrap();
    assert_eq!(model.commit(), Some(COMMIT));
    assert_eq!(model.name(), MODEL);
    assert_eq!(server.take_request_names(), ["HEAD config.json", "GET config.json"]);
    assert_eq!(fs::read(model.config(&control).unwrap()).unwrap(), br#"{"model_type": "bert"}"#);
    assert_eq!(server.take_request_names(), [""; 0]);
    assert_eq!(model.tokenizer(&control).unwrap(), None);
    let weights = model.weight_files(&|_| true, &control).unwrap();
    assert_eq!(fs::read(&weights[0]).unwrap(), noise(100_000));
    let hash = hexadecimal(&noise(100_000));
    let expected = ["HEAD tokenizer.json", "HEAD model.safetensors", "GET model.safetensors", &format!("GET {hash}")];
    assert_eq!(server.take_request_names(), expected);
}

#[test]
fn what_is_cached_is_not_asked_for_again() {
    let (server, cache) =
        (Server::start().with_large_file("model.safetensors", b"weights"), tempfile::tempdir().unwrap());
    let control = Control::new();
    let ask_for_all = |options: &HubOptions| {
        let model = open(options).unwrap();
        assert_eq!(model.tokenizer(&control).unwrap(), None);
        assert_eq!(fs::read(&model.weight_files(&|_| true, &control).unwrap()[0]).unwrap(), b"weights");
    };
    ask_for_all(&options(&server, cache.path()));
    server.take_requests();
    ask_for_all(&options(&server, cache.path()));
    // One question: does `main` still stand for the same commit?
    assert_eq!(server.take_request_names(), ["HEAD config.json"]);
    ask_for_all(&HubOptions { revision: Some(COMMIT.to_owned()), ..options(&server, cache.path()) });
    ask_for_all(&HubOptions { offline: Some(true), ..options(&server, cache.path()) });
    assert_eq!(server.take_request_names(), [""; 0]);
}

#[test]
fn the_cache_is_laid_out_as_python_lays_it_out() {
    let (server, cache) =
        (Server::start().with_large_file("model.safetensors", b"weights"), tempfile::tempdir().unwrap());
    let model = open(&options(&server, cache.path())).unwrap();
    let weights = model.weight_files(&|_| true, &Control::new()).unwrap();
    let folder = cache.path().join("models--owner--tiny-model");
    assert_eq!(fs::read_to_string(folder.join("refs/main")).unwrap(), COMMIT);
    assert_eq!(weights[0], folder.join("snapshots").join(COMMIT).join("model.safetensors"));
    let link = fs::read_link(&weights[0]).unwrap();
    assert_eq!(link.to_str().unwrap(), format!("../../blobs/{}", hexadecimal(b"weights")));
    assert!(partial_files(cache.path()).is_empty());
    // Python knows then, too, that there is no such file.
    assert_eq!(model.file("added_tokens.json", &Control::new()).unwrap(), None);
    assert!(folder.join(".no_exist").join(COMMIT).join("added_tokens.json").is_file());
}

#[test]
fn hf_hub_finds_what_was_downloaded_and_its_references_open_offline() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    let theirs = |revision: &str| {
        let repository = hf_hub::Repo::with_revision(MODEL.to_owned(), hf_hub::RepoType::Model, revision.to_owned());
        hf_hub::Cache::new(cache.path().to_owned()).repo(repository)
    };
    assert_eq!(theirs("main").get("config.json"), None);
    let config = open(&options(&server, cache.path())).unwrap().config(&Control::new()).unwrap();
    assert_eq!(theirs("main").get("config.json"), Some(config.clone()));
    // A reference of theirs to what is there already.
    theirs("refs/pr/9").create_ref(COMMIT).unwrap();
    let revision = Some("refs/pr/9".to_owned());
    let offline = HubOptions { offline: Some(true), revision, ..options(&server, cache.path()) };
    assert_eq!(open(&offline).unwrap().config(&Control::new()).unwrap(), config);
}

#[test]
fn offline_a_cached_model_opens_and_another_says_why_not() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    let offline = HubOptions { offline: Some(true), ..options(&server, cache.path()) };
    let error = open(&offline).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.message().contains("HF_HUB_OFFLINE") && error.message().contains(MODEL), "{error}");
    open(&options(&server, cache.path())).unwrap();
    server.take_requests();
    let model = open(&offline).unwrap();
    assert_eq!(model.commit(), Some(COMMIT));
    assert_eq!(model.tokenizer(&Control::new()).unwrap(), None);
    let error = model.weight_files(&|_| true, &Control::new()).unwrap_err();
    assert!(error.code() == ErrorCode::NotFound && error.message().contains("HF_HUB_OFFLINE"), "{error}");
    assert!(server.take_requests().is_empty());
}

#[test]
fn when_the_hub_is_out_of_reach_the_cache_answers() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    open(&options(&server, cache.path())).unwrap();
    let nowhere = HubOptions { endpoint: Some("http://127.0.0.1:9".to_owned()), ..options(&server, cache.path()) };
    assert_eq!(open(&nowhere).unwrap().commit(), Some(COMMIT));
}

#[test]
fn a_split_at_an_early_layer_fetches_only_its_shards() {
    let server = Server::start()
        .with_file("model.safetensors.index.json", TWO_SHARDS)
        .with_large_file("model-00001-of-00002.safetensors", b"first")
        .with_large_file("model-00002-of-00002.safetensors", b"second");
    let cache = tempfile::tempdir().unwrap();
    let model = open(&options(&server, cache.path())).unwrap();
    let early = model.weight_files(&|name| name.starts_with("embeddings"), &Control::new()).unwrap();
    assert_eq!(early.len(), 1);
    assert_eq!(fs::read(&early[0]).unwrap(), b"first");
    assert!(!server.take_request_names().iter().any(|request| request.contains("00002-of")));
    let all = model.weight_files(&|_| true, &Control::new()).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(fs::read(&all[1]).unwrap(), b"second");
}

#[test]
fn a_shard_that_the_index_names_and_the_repository_lacks_is_an_error() {
    let server = Server::start()
        .with_file("model.safetensors.index.json", TWO_SHARDS)
        .with_large_file("model-00001-of-00002.safetensors", b"first");
    let cache = tempfile::tempdir().unwrap();
    let error = open(&options(&server, cache.path())).unwrap().weight_files(&|_| true, &Control::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    for part in ["model-00002-of-00002.safetensors", "model.safetensors.index.json", MODEL] {
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn weights_of_pytorch_are_fetched_where_there_are_no_safetensors() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start().with_large_file("pytorch_model.bin", b"archive");
    let files = open(&options(&server, cache.path())).unwrap().weight_files(&|_| true, &Control::new()).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(fs::read(&files[0]).unwrap(), b"archive");

    let cache = tempfile::tempdir().unwrap();
    let two_shards = String::from_utf8_lossy(TWO_SHARDS).replace(".safetensors", ".bin");
    let server = Server::start()
        .with_file("pytorch_model.bin.index.json", two_shards.as_bytes())
        .with_large_file("model-00001-of-00002.bin", b"first")
        .with_large_file("model-00002-of-00002.bin", b"second");
    let model = open(&options(&server, cache.path())).unwrap();
    let early = model.weight_files(&|name| name.starts_with("embeddings"), &Control::new()).unwrap();
    assert_eq!(early.len(), 1);
    assert_eq!(fs::read(&early[0]).unwrap(), b"first");
    assert!(!server.take_request_names().iter().any(|request| request.contains("00002-of")));
}

#[test]
fn weights_of_pytorch_are_not_fetched_where_there_are_safetensors() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start()
        .with_large_file("pytorch_model.bin", b"archive")
        .with_file("model.safetensors.index.json", TWO_SHARDS)
        .with_large_file("model-00001-of-00002.safetensors", b"first")
        .with_large_file("model-00002-of-00002.safetensors", b"second");
    let files = open(&options(&server, cache.path())).unwrap().weight_files(&|_| true, &Control::new()).unwrap();
    assert_eq!(files.len(), 2);
    assert!(!server.take_request_names().iter().any(|request| request.contains("pytorch_model")));
}

#[test]
fn progress_counts_the_bytes_of_all_shards_on_the_calling_thread() {
    let server = Server::start()
        .with_file("model.safetensors.index.json", TWO_SHARDS)
        .with_large_file("model-00001-of-00002.safetensors", &noise(700_000))
        .with_large_file("model-00002-of-00002.safetensors", &noise(300_000));
    let cache = tempfile::tempdir().unwrap();
    let model = open(&options(&server, cache.path())).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, caller) = (Arc::clone(&seen), std::thread::current().id());
    let control = Control::with_callback(move |progress| {
        assert_eq!(std::thread::current().id(), caller);
        assert_eq!(progress.stage, Stage::Download);
        log.lock().unwrap().push((progress.done, progress.total));
    });
    model.weight_files(&|_| true, &control).unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.last(), Some(&(1_000_000, 1_000_000)));
    let shards: Vec<_> = seen.iter().filter(|(_, total)| *total == 1_000_000).collect();
    assert!(shards.is_sorted() && shards.len() >= 4, "{shards:?}");
}

#[test]
fn other_revisions_are_found_by_their_names() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    for revision in ["v1", "refs/pr/7"] {
        let options = HubOptions { revision: Some(revision.to_owned()), ..options(&server, cache.path()) };
        assert_eq!(open(&options).unwrap().commit(), Some(COMMIT));
        assert!(cache.path().join("models--owner--tiny-model/refs").join(revision).is_file());
        assert!(open(&HubOptions { offline: Some(true), ..options }).is_ok());
    }
}

#[test]
fn threads_that_want_the_same_file_fetch_it_once() {
    let (server, cache) =
        (Server::start().with_large_file("model.safetensors", &noise(3_000_000)), tempfile::tempdir().unwrap());
    let options = options(&server, cache.path());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let weights = open(&options).unwrap().weight_files(&|_| true, &Control::new()).unwrap();
                assert_eq!(fs::read(&weights[0]).unwrap(), noise(3_000_000));
            });
        }
    });
    let storage = |request: &String| request.starts_with("GET") && request.len() == 4 + 64;
    assert_eq!(server.take_request_names().iter().filter(|request| storage(request)).count(), 1);
}

/// Runs in the child processes only: fetches the weights from a hub into a cache.
#[test]
#[ignore = "a part of `processes_that_want_the_same_file_fetch_it_once`"]
fn child_fetches_the_weights() {
    let model = locate(MODEL, &HubOptions::default(), &Control::new()).unwrap();
    let weights = model.weight_files(&|_| true, &Control::new()).unwrap();
    assert_eq!(fs::read(&weights[0]).unwrap(), noise(3_000_000));
}

#[test]
fn processes_that_want_the_same_file_fetch_it_once() {
    let (server, cache) =
        (Server::start().with_large_file("model.safetensors", &noise(3_000_000)), tempfile::tempdir().unwrap());
    let children = [(); 3].map(|()| {
        let mut child = child("hub::downloads::child_fetches_the_weights");
        child.stdout(Stdio::null());
        child.env("HF_HUB_CACHE", cache.path()).env("HF_ENDPOINT", &server.address).env("HF_HUB_OFFLINE", "0");
        child.env("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1").env_remove("TRANSFORMERS_OFFLINE").spawn().unwrap()
    });
    assert!(children.into_iter().all(|mut child| child.wait().unwrap().success()));
    let storage = |request: &String| request.starts_with("GET") && request.len() == 4 + 64;
    assert_eq!(server.take_request_names().iter().filter(|request| storage(request)).count(), 1);
    assert!(partial_files(cache.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn what_is_not_a_file_in_the_cache_is_neither_replaced_nor_waited_for() {
    let (server, cache) =
        (Server::start().with_large_file("model.safetensors", &noise(1000)), tempfile::tempdir().unwrap());
    let model = open(&options(&server, cache.path())).unwrap();
    let hash = hexadecimal(&noise(1000));
    let name = format!("models--{}", MODEL.replace('/', "--"));
    let locks = cache.path().join(".locks").join(&name);
    let blobs = cache.path().join(&name).join("blobs");
    for pipe in [locks.join(format!("{hash}.lock")), blobs.join(format!("{hash}.incomplete")), blobs.join(&hash)] {
        fs::remove_file(&pipe).ok();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = model.weight_files(&|_| true, &Control::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Io, "{error}");
        assert!(error.message().contains(pipe.to_str().unwrap()) && error.message().contains("not a file"), "{error}");
        assert!(fs::symlink_metadata(&pipe).is_ok_and(|found| !found.is_file()));
        fs::remove_file(&pipe).unwrap();
    }
    assert_eq!(fs::read(&model.weight_files(&|_| true, &Control::new()).unwrap()[0]).unwrap(), noise(1000));
}

#[test]
fn an_empty_cache_folder_is_not_the_working_directory() {
    let server = Server::start();
    let error = open(&options(&server, std::path::Path::new(""))).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("cache folder is empty"), "{error}");
    assert!(server.take_requests().is_empty());
}

#[test]
fn who_cancels_when_the_last_byte_is_there_has_the_file() {
    // A small file has no SHA-256 that would still be compared.
    let (server, cache) = (Server::start().with_file("tokenizer.json", &noise(1000)), tempfile::tempdir().unwrap());
    let model = open(&options(&server, cache.path())).unwrap();
    let control = Control::new();
    let clone = control.clone();
    control.set_callback(Some(Box::new(move |progress| {
        if progress.total > 0 && progress.done == progress.total {
            clone.cancel();
        }
    })));
    assert_eq!(fs::read(model.tokenizer(&control).unwrap().unwrap()).unwrap(), noise(1000));
    assert!(control.is_cancelled());
}

#[test]
fn a_file_that_two_revisions_share_is_stored_once() {
    let (server, cache) =
        (Server::start().with_file("tokenizer.json", br#"{"model_type": "bert"}"#), tempfile::tempdir().unwrap());
    let model = open(&options(&server, cache.path())).unwrap();
    server.take_requests();
    let tokenizer = model.tokenizer(&Control::new()).unwrap().unwrap();
    assert_eq!(fs::read(tokenizer).unwrap(), br#"{"model_type": "bert"}"#);
    assert_eq!(server.take_request_names(), ["HEAD tokenizer.json"]);
}

#[test]
fn a_gguf_file_of_a_repository_is_named_behind_its_id() {
    let server = Server::start().with_large_file("small/model-Q8_0.gguf", b"blocks").without_file("config.json");
    let (cache, control) = (tempfile::tempdir().unwrap(), Control::new());
    let name = format!("{MODEL}:small/model-Q8_0.gguf");
    let model = locate(&name, &options(&server, cache.path()), &control).unwrap();
    assert_eq!((model.name(), model.commit()), (&*name, Some(COMMIT)));
    assert_eq!(fs::read(model.gguf(&control).unwrap().unwrap()).unwrap(), b"blocks");
    assert_eq!(model.tokenizer(&control).unwrap(), None);
    let asked = server.take_request_names();
    assert_eq!(asked[..2], ["HEAD model-Q8_0.gguf", "GET model-Q8_0.gguf"]);
    assert!(!asked.iter().any(|request| request.contains("config.json")), "{asked:?}");
    let offline = HubOptions { offline: Some(true), ..options(&server, cache.path()) };
    assert!(locate(&name, &offline, &control).unwrap().gguf(&control).unwrap().is_some());
    // The id alone does not say which file.
    let error = open(&options(&server, cache.path())).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(
        error.message().contains("config.json")
            && error.hint_text().contains("`owner/tiny-model:small/model-Q8_0.gguf`"),
        "{error}"
    );
    let error = locate(&format!("{MODEL}:gone.gguf"), &options(&server, cache.path()), &control).unwrap_err();
    assert!(error.code() == ErrorCode::NotFound && error.message().contains("gone.gguf"), "{error}");
}

#[test]
fn parts_of_a_gguf_model_are_fetched_when_they_are_asked_for() {
    let part = |number: usize| format!("small/model-0000{number}-of-00003.gguf");
    let contents: [&[u8]; 3] = [b"first", b"second", b"third"];
    let serving = |numbers: &[usize]| {
        let server = Server::start();
        numbers.iter().fold(server, |server, number| server.with_large_file(&part(*number), contents[number - 1]))
    };
    let (server, cache, control) = (serving(&[1, 2, 3]), tempfile::tempdir().unwrap(), Control::new());
    // Any part names the model.
    let name = format!("{MODEL}:{}", part(2));
    let model = locate(&name, &options(&server, cache.path()), &control).unwrap();
    assert_eq!(model.name(), name);
    assert_eq!(fs::read(model.gguf(&control).unwrap().unwrap()).unwrap(), contents[0]);
    let asked = server.take_request_names();
    assert!(!["00002-of", "00003-of"].iter().any(|other| asked.join(" ").contains(other)), "{asked:?}");
    let paths = model.gguf_parts(3, &control).unwrap();
    assert_eq!(paths.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>(), contents);
    let offline = HubOptions { offline: Some(true), ..options(&server, cache.path()) };
    assert_eq!(locate(&name, &offline, &control).unwrap().gguf_parts(3, &control).unwrap(), paths);
    // A name that says another number than the file.
    let error = model.gguf_parts(4, &control).unwrap_err();
    assert!(error.code() == ErrorCode::InvalidFile && error.message().contains("-00001-of-00004.gguf"), "{error}");
    // Where one is missing, the others do not travel in vain.
    let (server, cache) = (serving(&[1, 2]), tempfile::tempdir().unwrap());
    let model = locate(&name, &options(&server, cache.path()), &control).unwrap();
    server.take_request_names();
    let error = model.gguf_parts(3, &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.message().contains(&part(3)) && error.message().contains(MODEL), "{error}");
    let asked = server.take_request_names();
    assert!(asked.iter().all(|request| request.starts_with("HEAD")), "{asked:?}");
    // Offline, what is not cached is missing.
    let offline = HubOptions { offline: Some(true), ..options(&server, cache.path()) };
    let error = locate(&name, &offline, &control).unwrap().gguf_parts(3, &control).unwrap_err();
    assert!(error.message().contains(&part(2)) && error.message().contains("HF_HUB_OFFLINE"), "{error}");
}
