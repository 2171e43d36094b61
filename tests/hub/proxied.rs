//! A hub that is reached by way of a proxy.

use crate::common::proxy::Proxy;
use crate::hub::environment::result_in_child;
use crate::hub::server::{COMMIT, Server};

/// A host that no name server knows: only a proxy can reach it.
const HUB: &str = "http://hub.invalid:8080";

#[test]
fn what_is_not_encrypted_goes_through_a_proxy_without_a_tunnel() {
    let server = Server::start();
    let proxy = Proxy::start(&server.address);
    for (user, variable) in
        [("", "HTTP_PROXY"), ("me:a%20secret@", "HTTP_PROXY"), ("", "ALL_PROXY"), ("", "https_proxy")]
    {
        let home = tempfile::tempdir().unwrap();
        let address = format!("http://{user}{}", proxy.address);
        let variables =
            [("HF_HOME", home.path().to_str().unwrap()), ("HF_ENDPOINT", HUB), (variable, address.as_str())];
        let opened = result_in_child(&variables);
        assert!(opened.ends_with(&format!("{COMMIT}/config.json")), "{variable}: {opened}");
        let heads = proxy.take_heads();
        assert!(heads.len() >= 2, "{heads:?}");
        for head in heads {
            let line = head.lines().next().unwrap();
            let is_whole =
                line.split(' ').nth(1).is_some_and(|target| target.starts_with("http://hub.invalid:8080/owner/"));
            assert!(is_whole && line.ends_with(" HTTP/1.1"), "{head}");
            let small = head.to_ascii_lowercase();
            assert!(small.contains("\r\nhost: hub.invalid:8080\r\n"), "{head}");
            let said = head.contains("Proxy-Authorization: Basic bWU6YSBzZWNyZXQ=\r\n");
            assert_eq!((said, small.contains("proxy-authorization")), (!user.is_empty(), !user.is_empty()), "{head}");
        }
        assert!(server.take_requests().iter().all(|request| request.path.starts_with('/')));
    }
}

#[test]
fn a_host_that_is_to_be_reached_directly_is_and_what_is_encrypted_wants_a_tunnel() {
    let server = Server::start();
    let proxy = Proxy::start(&server.address);
    let home = tempfile::tempdir().unwrap();
    let address = format!("http://{}", proxy.address);
    let base = [("HF_HOME", home.path().to_str().unwrap()), ("HTTP_PROXY", address.as_str())];
    let with = |more: &[(&'static str, &'static str)]| result_in_child(&[&base[..], more].concat());
    let direct = with(&[("HF_ENDPOINT", HUB), ("NO_PROXY", "hub.invalid")]);
    assert!(direct.contains("cannot reach hub.invalid") && proxy.take_heads().is_empty(), "{direct}");
    let refused = with(&[("HF_ENDPOINT", "https://hub.invalid")]);
    assert!(refused.contains("must allow CONNECT, or NO_PROXY must name the host"), "{refused}");
    let heads = proxy.take_heads();
    assert!(!heads.is_empty() && heads.iter().all(|head| head.starts_with("CONNECT hub.invalid:443 ")), "{heads:?}");
    assert!(server.take_requests().is_empty());
}

#[test]
fn a_proxy_that_wants_to_know_who_asks_is_told_apart_from_the_hub() {
    let server = Server::start();
    let proxy = Proxy::asking(&server.address);
    let address = format!("http://{}", proxy.address);
    for hub in [HUB, "https://hub.invalid"] {
        let home = tempfile::tempdir().unwrap();
        let variables =
            [("HF_HOME", home.path().to_str().unwrap()), ("HF_ENDPOINT", hub), ("HTTP_PROXY", address.as_str())];
        let refused = result_in_child(&variables);
        assert!(refused.contains("wants a user and a password"), "{refused}");
        assert!(refused.contains("http://user:password@host:port"), "{refused}");
    }
    assert!(server.take_requests().is_empty());
}
