//! A language model that is reached by way of a proxy. The environment belongs to the whole process, so a child process has one
//! of its own.

use eidos::ChatOptions;

use crate::chat::client::ask;
use crate::chat::server::{Play, Server};
use crate::common::child;
use crate::common::proxy::Proxy;

/// Runs in the child process only.
#[test]
#[ignore = "a part of `a_model_that_is_not_encrypted_is_asked_without_a_tunnel`"]
fn child_asks_a_model_behind_a_proxy() {
    let base_url = Some("http://model.invalid/v1".to_owned());
    let options = ChatOptions { model: "m".to_owned(), base_url, retries: 0, ..ChatOptions::default() };
    let answer = ask(options).unwrap_or_else(|error| error.to_string());
    std::fs::write(std::env::var("RESULT_FILE").unwrap(), answer).unwrap();
}

#[test]
fn a_model_that_is_not_encrypted_is_asked_without_a_tunnel() {
    let server = Server::start(|_, _| Play::Say("the answer".to_owned()));
    let proxy = Proxy::start(&server.address);
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut child = child("chat::proxied::child_asks_a_model_behind_a_proxy");
    for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "http_proxy", "NO_PROXY", "no_proxy"] {
        child.env_remove(name);
    }
    child.env_remove("OPENAI_API_KEY").env("RESULT_FILE", file.path()).env("HTTP_PROXY", &proxy.address);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "the answer");
    let heads = proxy.take_heads();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(heads[0].starts_with("POST http://model.invalid/v1/chat/completions HTTP/1.1\r\n"), "{heads:?}");
    assert_eq!(server.count(), 1);
}
