//! What a hub refuses, and who gets to see the token.

use eidos::hub::locate;
use eidos::{Control, Error, ErrorCode, HubOptions};

use crate::hub::common::{open, options};
use crate::hub::server::{MODEL, Server};

const TOKEN: &str = "hf_right";

fn with_token(token: &str, options: HubOptions) -> HubOptions {
    HubOptions { token: Some(token.to_owned()), ..options }
}

fn assert_explains(error: &Error, code: ErrorCode, parts: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "`{part}` is not in: {error}");
    }
    assert!(!error.hint_text().is_empty(), "{error}");
}

#[test]
fn a_missing_repository_is_not_a_missing_file() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    let error = locate("owner/tiny-modle", &options(&server, cache.path()), &Control::new()).unwrap_err();
    assert_explains(&error, ErrorCode::NotFound, &["owner/tiny-modle", "spelling", "token", "127.0.0.1"]);
    let model = open(&options(&server, cache.path())).unwrap();
    let error = model.required("tokenizer.json", &Control::new()).unwrap_err();
    assert_explains(&error, ErrorCode::NotFound, &["`tokenizer.json`", MODEL, "main"]);
}

#[test]
fn a_repository_without_a_config_is_no_model() {
    let (server, cache) = (Server::start().without_file("config.json"), tempfile::tempdir().unwrap());
    let error = open(&options(&server, cache.path())).unwrap_err();
    assert_explains(&error, ErrorCode::NotFound, &["config.json", MODEL]);
}

#[test]
fn a_missing_revision_is_named() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    for revision in ["v9", "89abcdef0123456789abcdef0123456789abcdef"] {
        let options = HubOptions { revision: Some(revision.to_owned()), ..options(&server, cache.path()) };
        assert_explains(&open(&options).unwrap_err(), ErrorCode::NotFound, &[revision, MODEL]);
    }
    let options = HubOptions { revision: Some("../main".to_owned()), ..options(&server, cache.path()) };
    assert_explains(&open(&options).unwrap_err(), ErrorCode::InvalidArgument, &["../main"]);
}

#[test]
fn a_private_model_opens_with_the_right_token_only() {
    let (server, cache) = (Server::start().with_token(TOKEN), tempfile::tempdir().unwrap());
    let options = options(&server, cache.path());
    assert_explains(&open(&options).unwrap_err(), ErrorCode::NotFound, &[MODEL, "HF_TOKEN"]);
    let error = open(&with_token("hf_wrong", options.clone())).unwrap_err();
    assert_explains(&error, ErrorCode::AccessDenied, &[MODEL, "HF_TOKEN"]);
    assert!(!format!("{error} {error:?}").contains("hf_wrong"), "{error:?}");
    assert!(open(&with_token(TOKEN, options)).is_ok());
}

#[test]
fn a_gated_model_says_where_to_accept_its_conditions() {
    let (server, cache) = (Server::start().gated(), tempfile::tempdir().unwrap());
    let error = open(&with_token(TOKEN, options(&server, cache.path()))).unwrap_err();
    assert_explains(&error, ErrorCode::AccessDenied, &["gated", &format!("{}/{MODEL}", server.address)]);
}

#[test]
fn the_token_goes_to_the_hub_and_never_to_its_storage() {
    let storage = Server::start().with_large_file("model.safetensors", b"weights");
    let server =
        Server::start().with_large_file("model.safetensors", b"weights").with_token(TOKEN).with_storage(&storage);
    let cache = tempfile::tempdir().unwrap();
    let model = open(&with_token(TOKEN, options(&server, cache.path()))).unwrap();
    model.weight_files(&|_| true, &Control::new()).unwrap();
    let (at_hub, at_storage) = (server.take_requests(), storage.take_requests());
    assert!(at_hub.len() >= 4 && at_storage.len() == 1);
    assert!(at_hub.iter().all(|request| request.headers["authorization"] == format!("Bearer {TOKEN}")));
    assert!(at_storage.iter().all(|request| !request.headers.contains_key("authorization")));
}

#[test]
fn a_hub_that_is_not_there_is_named() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    let options = HubOptions { endpoint: Some("http://127.0.0.1:9".to_owned()), ..options(&server, cache.path()) };
    assert_explains(&open(&options).unwrap_err(), ErrorCode::Network, &["127.0.0.1", "HF_ENDPOINT", "HF_HUB_OFFLINE"]);
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let (server, cache) = (Server::start(), tempfile::tempdir().unwrap());
    let file = cache.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = open(&options(&server, &file)).unwrap_err();
    assert_explains(&error, ErrorCode::Io, &[file.to_str().unwrap()]);
}
