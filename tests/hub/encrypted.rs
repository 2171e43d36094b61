//! A hub behind a company's certificate authority, which the system does not know.

use crate::common::tls::{authority, in_front_of};
use crate::hub::environment::result_in_child;
use crate::hub::server::{COMMIT, Server};

#[test]
fn an_authority_that_a_variable_names_is_trusted_and_no_other() {
    let server = Server::start();
    let address = in_front_of(&server.address);
    let home = tempfile::tempdir().unwrap();
    let base = [("HF_HOME", home.path().to_str().unwrap()), ("HF_ENDPOINT", address.as_str())];
    let with = |name: &'static str, value: &str| result_in_child(&[&base[..], &[(name, value)]].concat());

    let refused = with("EIDOS_NOTHING", "");
    assert!(refused.contains("no secure connection") && refused.contains("localhost"), "{refused}");
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        assert!(refused.contains(name), "{name} is not in: {refused}");
    }
    assert!(server.take_requests().is_empty());
    let missing = with("SSL_CERT_FILE", "/no/such/authority.pem");
    assert!(missing.contains("SSL_CERT_FILE names `/no/such/authority.pem`"), "{missing}");

    let authority = authority();
    let folder = std::path::Path::new(&authority).parent().unwrap().to_str().unwrap();
    for (name, value) in [
        ("SSL_CERT_FILE", authority.as_str()),
        ("SSL_CERT_DIR", folder),
        ("REQUESTS_CA_BUNDLE", &authority),
        ("CURL_CA_BUNDLE", &authority),
    ] {
        let home = tempfile::tempdir().unwrap();
        let variables = [("HF_HOME", home.path().to_str().unwrap()), base[1], (name, value)];
        let opened = result_in_child(&variables);
        assert!(opened.ends_with(&format!("{COMMIT}/config.json")), "{name}: {opened}");
        assert!(!server.take_requests().is_empty());
    }
}
