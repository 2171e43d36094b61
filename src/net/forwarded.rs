//! Requests to `http` addresses by way of a proxy.
//!
//! A tunnel (`CONNECT`) is for connections that the proxy cannot read. Many proxies open it to port 443 alone, and none needs it
//! where nothing is encrypted: there a client names the whole address in the first line, and the proxy asks for it (RFC 9112,
//! section 3.2.2). ureq opens a tunnel always, so the connection to the proxy is made here, and the first line completed.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};
use ureq::{Error, Proxy, ProxyProtocol};

/// Connections as ureq makes them, but those to `http` addresses go through a proxy without a tunnel.
#[derive(Debug)]
pub(super) struct Connections {
    usual: DefaultConnector,
    /// As for all connections, without a proxy: for the one to the proxy itself.
    direct: Config,
}

impl Connections {
    /// `direct` is the configuration of all connections, without a proxy.
    pub fn new(direct: Config) -> Self {
        Self { usual: DefaultConnector::default(), direct }
    }
}

impl Connector<()> for Connections {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        let Some(proxy) = forwarding(details) else { return self.usual.connect(details, chained) };
        let to_proxy = ConnectionDetails {
            uri: proxy.uri(),
            addrs: details.resolver.resolve(proxy.uri(), &self.direct, details.timeout)?,
            config: &self.direct,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let connection = self.usual.connect(&to_proxy, None)?;
        Ok(connection.map(|connection| Forwarded::new(connection, details.uri, proxy).boxed()))
    }
}

/// The proxy that a request is to go through without a tunnel.
fn forwarding<'a>(details: &'a ConnectionDetails<'_>) -> Option<&'a Proxy> {
    let proxy = details.config.proxy()?;
    let is_http = matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    (is_http && !details.needs_tls() && !proxy.is_no_proxy(details.uri)).then_some(proxy)
}

/// A connection to a proxy. Requests are written to it as to the server, and their first lines are completed.
struct Forwarded {
    proxy: Box<dyn Transport>,
    /// The scheme, host and port of the server.
    server: String,
    /// What the proxy is told of the user, if anything: a line of the head, which is secret.
    authorization: String,
    /// Whether what is written next is the beginning of a request.
    begins: bool,
}

impl Forwarded {
    fn new(connection: Box<dyn Transport>, server: &Uri, proxy: &Proxy) -> Self {
        let authority = server.authority().map_or("", |authority| authority.as_str());
        let authorization = match (proxy.username(), proxy.password()) {
            (None, None) => String::new(),
            (user, password) => {
                let both = format!("{}:{}", user.unwrap_or_default(), password.unwrap_or_default());
                format!("Proxy-Authorization: Basic {}\r\n", BASE64_STANDARD.encode(both))
            }
        };
        Self { proxy: connection, server: format!("http://{authority}"), authorization, begins: true }
    }
}

impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarded").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Transport for Forwarded {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.proxy.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if !std::mem::take(&mut self.begins) {
            return self.proxy.transmit_output(amount, timeout);
        }
        let head = self.proxy.buffers().output().get(..amount).map(<[u8]>::to_vec).unwrap_or_default();
        let head = completed(&head, &self.server, &self.authorization);
        let size = self.proxy.buffers().output().len().max(1);
        for part in head.chunks(size) {
            if let Some(place) = self.proxy.buffers().output().get_mut(..part.len()) {
                place.copy_from_slice(part);
            }
            self.proxy.transmit_output(part.len(), timeout)?;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        // An answer is waited for when a request is whole.
        self.begins = true;
        self.proxy.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.proxy.is_open()
    }
}

/// The beginning of a request with the whole address in its first line, and more lines behind it.
fn completed(head: &[u8], server: &str, more: &str) -> Vec<u8> {
    let find = |byte: u8| head.iter().position(|other| *other == byte);
    let (Some(space), Some(end)) = (find(b' '), find(b'\n')) else { return head.to_vec() };
    let (method, rest) = head.split_at((space + 1).min(end));
    let (line, rest) = rest.split_at(end + 1 - method.len());
    [method, server.as_bytes(), line, more.as_bytes(), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_has_the_whole_address() {
        let head = b"GET /a?b HTTP/1.1\r\nhost: h:8\r\n\r\n{}";
        let found = completed(head, "http://h:8", "Proxy-Authorization: Basic eA==\r\n");
        let expected: &[u8] = b"GET http://h:8/a?b HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\nhost: h:8\r\n\r\n{}";
        assert_eq!(found, expected);
        assert_eq!(completed(head, "", ""), head);
        assert_eq!(completed(b"", "http://h", ""), b"");
        assert_eq!(completed(b"\n x", "http://h", ""), b"http://h\n x");
    }
}
