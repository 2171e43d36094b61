//! HTTP connections: their timeouts, how a cancel closes them, and what their failures mean.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use ureq::config::{AutoHeaderValue, ConfigBuilder};
use ureq::tls::TlsConfig;
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::{Agent, RequestBuilder};

use super::Roots;
use super::forwarded::Connections;
use crate::control::Control;
use crate::error::Result;
use crate::threads::start;

/// The interval at which the watcher checks whether the caller cancelled.
const WATCH_STEP: Duration = Duration::from_millis(100);

/// The longest time to resolve a host name, and to connect. A cancel may take this long in the worst case.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

/// What to do about a proxy that wants to know who asks (status 407).
pub(crate) const PROXY_USER: &str =
    "write them into its address, `http://user:password@host:port` in HTTPS_PROXY or the variable that names it";

/// An agent that neither follows redirects nor turns a status into an error: the callers know what these mean.
pub(crate) fn agent(roots: &Roots, limits: impl Fn(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>) -> Agent {
    let config = || limits(usual(roots));
    Agent::with_parts(config().build(), Connections::new(config().proxy(None).build()), DefaultResolver::default())
}

fn usual(roots: &Roots) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("eidos/", env!("CARGO_PKG_VERSION")))
        // Sizes and ranges count the bytes of the file itself, not those of a compressed form.
        .accept_encoding(AutoHeaderValue::from("identity"))
        .tls_config(TlsConfig::builder().root_certs(roots.certificates()).build())
        .timeout_resolve(Some(LONGEST_CONNECT))
        .timeout_connect(Some(LONGEST_CONNECT))
}

/// Sends a request without a proxy, as for this machine.
pub(crate) fn send_directly<Body>(request: RequestBuilder<Body>) -> RequestBuilder<Body> {
    request.config().proxy(None).build()
}

/// Runs `work` on this thread. Meanwhile a watcher thread waits for the caller to cancel, and then calls `shut_down`,
/// which closes the connections. The watcher ends with this call.
///
/// # Errors
/// Those of `work`; [`crate::ErrorCode::Cancelled`] when `work` failed and the caller has cancelled, since a closed
/// connection looks like any other network failure.
pub(crate) fn until_cancelled<T, E: From<crate::Error>>(
    control: &Control,
    shut_down: impl FnOnce() + Send,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    control.check()?;
    let (working, ended) = channel::<()>();
    let result = std::thread::scope(|scope| {
        // If no thread can be started, a cancel takes effect with the next bytes or at a timeout, which is no reason to
        // fail.
        start(scope, move || watch(control, shut_down, &ended)).ok();
        let result = work();
        drop(working);
        result
    });
    if result.is_err() {
        control.check()?;
    }
    result
}

fn watch(control: &Control, shut_down: impl FnOnce(), ended: &Receiver<()>) {
    while ended.recv_timeout(WATCH_STEP) == Err(RecvTimeoutError::Timeout) {
        if control.is_cancelled() {
            return shut_down();
        }
    }
}

/// Whether a connection failed because nobody who is trusted vouches for the server.
pub(crate) fn distrusts(error: &ureq::Error) -> bool {
    distrust(error).is_some()
}

/// What is wrong with the certificate of a server, where that is what a connection failed for.
fn distrust(error: &ureq::Error) -> Option<String> {
    let text = match error {
        ureq::Error::Rustls(error) => error.to_string(),
        ureq::Error::Io(error) => error.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| text.contains("certificate"))
}

/// Why a host could not be reached or understood, and whether a retry may succeed.
pub(crate) fn reason(error: &ureq::Error) -> (String, bool) {
    if let Some(text) = distrust(error) {
        return (format!("no secure connection: {text}"), false);
    }
    // Other errors show the address, and an address may contain a signature.
    match error {
        ureq::Error::Io(error) => (error.to_string(), error.kind() != std::io::ErrorKind::InvalidData),
        ureq::Error::Timeout(timeout) => (format!("no answer in time ({timeout})"), true),
        ureq::Error::HostNotFound => ("there is no host of that name".to_owned(), true),
        ureq::Error::ConnectionFailed => ("no connection".to_owned(), true),
        ureq::Error::Rustls(error) => (format!("no secure connection: {error}"), false),
        ureq::Error::Tls(reason) => (format!("no secure connection: {reason}"), false),
        ureq::Error::ConnectProxyFailed(reason) if reason.contains(" 407") => {
            (format!("the proxy wants a user and a password: {PROXY_USER}"), false)
        }
        ureq::Error::ConnectProxyFailed(reason) => {
            (format!("the proxy refused ({reason}): it must allow CONNECT, or NO_PROXY must name the host"), false)
        }
        ureq::Error::InvalidProxyUrl => ("the address of the proxy is not valid".to_owned(), false),
        ureq::Error::LargeResponseHeader(..) | ureq::Error::Protocol(_) => {
            ("it does not speak HTTP/1.1".to_owned(), false)
        }
        _ => ("the request could not be sent".to_owned(), false),
    }
}
