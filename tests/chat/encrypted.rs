//! A language model behind a company's certificate authority, which the system does not know. The environment belongs to the
//! whole process, so a child process has one of its own.

use eidos::ChatOptions;

use crate::chat::client::ask;
use crate::chat::server::{Play, Server};
use crate::common::child;
use crate::common::tls::{authority, in_front_of};

/// Runs in the child process only.
#[test]
#[ignore = "a part of `an_authority_that_a_variable_names_is_trusted_and_no_other`"]
fn child_asks_an_encrypted_model() {
    let base_url = std::env::var("BASE_URL").unwrap();
    let options = ChatOptions { model: "m".to_owned(), base_url: Some(base_url), retries: 0, ..ChatOptions::default() };
    let answer = ask(options).unwrap_or_else(|error| error.to_string());
    std::fs::write(std::env::var("RESULT_FILE").unwrap(), answer).unwrap();
}

#[test]
fn an_authority_that_a_variable_names_is_trusted_and_no_other() {
    let server = Server::start(|_, _| Play::Say("the answer".to_owned()));
    let address = format!("{}/v1", in_front_of(&server.address));
    let answer = |variables: &[(&str, &str)]| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut child = child("chat::encrypted::child_asks_an_encrypted_model");
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "OPENAI_API_KEY"] {
            child.env_remove(name);
        }
        child.env("RESULT_FILE", file.path()).env("BASE_URL", &address).envs(variables.iter().copied());
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        std::fs::read_to_string(file.path()).unwrap()
    };
    let refused = answer(&[]);
    assert!(refused.contains("no secure connection") && refused.contains("SSL_CERT_FILE"), "{refused}");
    assert_eq!(server.count(), 0);
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        assert_eq!(answer(&[(name, &authority())]), "the answer", "{name}");
    }
}
