//! What is not given as an option comes from the environment. The environment belongs to the whole process, so a child
//! process has one of its own.

use eidos::hub::locate;
use eidos::{Control, HubOptions};

use crate::common::child;
use crate::hub::server::{COMMIT, MODEL, Server};

/// Runs in the child process only.
#[test]
#[ignore = "a part of `the_variables_of_huggingface_hub_are_understood`"]
fn child_opens_a_model_with_default_options() {
    let model = locate(MODEL, &HubOptions::default(), &Control::new());
    let result = model.map(|model| model.config(&Control::new()).unwrap().display().to_string());
    std::fs::write(std::env::var("RESULT_FILE").unwrap(), result.unwrap_or_else(|error| error.to_string())).unwrap();
}

pub fn result_in_child(variables: &[(&str, &str)]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut child = child("hub::environment::child_opens_a_model_with_default_options");
    for name in [
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "NO_PROXY",
        "no_proxy",
    ] {
        child.env_remove(name);
    }
    child.env("RESULT_FILE", file.path()).envs(variables.iter().copied());
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    std::fs::read_to_string(file.path()).unwrap()
}

#[test]
fn the_variables_of_huggingface_hub_are_understood() {
    let (server, home) = (Server::start().with_token("hf_right"), tempfile::tempdir().unwrap());
    let home_text = home.path().to_str().unwrap();
    let base = [("HF_HOME", home_text), ("HF_ENDPOINT", server.address.as_str())];
    let with = |more: &[(&'static str, &'static str)]| result_in_child(&[&base[..], more].concat());

    assert!(with(&[]).contains("there is no model"));
    assert!(with(&[("HF_HUB_OFFLINE", "1")]).contains("HF_HUB_OFFLINE"));
    let refused = with(&[("HF_TOKEN", "hf_wrong")]);
    assert!(refused.contains("refused the access token") && refused.contains("the variable HF_TOKEN"), "{refused}");
    std::fs::write(home.path().join("token"), "hf_wrong\n").unwrap();
    let refused = with(&[]);
    assert!(refused.contains(&format!("the file `{home_text}/token`")) && !refused.contains("hf_wrong"), "{refused}");
    std::fs::write(home.path().join("token"), "hf_right\n").unwrap();
    let expected = home.path().join("hub/models--owner--tiny-model/snapshots").join(COMMIT).join("config.json");
    assert_eq!(with(&[]), expected.display().to_string());
    server.take_requests();
    assert_eq!(with(&[("HF_HUB_OFFLINE", "yes")]), expected.display().to_string());
    assert!(server.take_requests().is_empty());
}
