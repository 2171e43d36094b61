//! The requests: what is a file (HEAD), and its bytes from some position on (GET).
//!
//! Redirects are followed here and not by `ureq`: the hub's headers come with the first answers of a chain, the token
//! must not go along to another host, and a chain must not leave encryption.

use std::io::Read;

use serde::Deserialize;
use ureq::Agent;
use ureq::http::{HeaderMap, Response};

use super::cache::is_safe_name;
use super::endpoint::redirected;
use super::id::RepositoryId;
use super::refusal::{Refusal, Target};
use super::settings::Settings;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::net::{Origin, Roots, agent, distrusts, reason, send_directly, until_cancelled};
use crate::retry::{Backoff, Failure};

const MOST_REDIRECTS: usize = 8;

/// The list of the files of a repository takes some hundred bytes for each.
const LARGEST_LIST: u64 = 8 << 20;

/// What a hub says about a repository, as far as it is read.
#[derive(Default, Deserialize)]
struct FileList {
    siblings: Vec<ListedFile>,
}

#[derive(Deserialize)]
struct ListedFile {
    rfilename: String,
}

/// One conversation with a hub: connections are kept from one request to the next.
#[derive(Debug)]
pub(super) struct Client<'a> {
    agent: Agent,
    settings: &'a Settings,
    control: &'a Control,
}

/// What a hub says about a file.
#[derive(Debug)]
pub(super) struct RemoteFile {
    /// The commit that the revision stands for.
    pub(super) commit: String,
    /// What the content is called; the name of the blob.
    pub(super) etag: String,
    /// Bytes; `None` when the hub did not say.
    pub(super) size: Option<u64>,
    /// Whether `etag` is the SHA-256 of the content, as it is for large files.
    pub(super) is_sha256: bool,
}

/// The bytes of a file from `start` on.
pub(super) struct RemoteBytes {
    /// The position of the first byte; 0 when the server ignored the range.
    pub(super) start: u64,
    /// The size of the whole file, if the server said it.
    pub(super) total: Option<u64>,
    /// Who sends them, for messages.
    pub(super) host: String,
    /// The bytes.
    pub(super) reader: Box<dyn Read>,
}

impl<'a> Client<'a> {
    /// Makes a client for the time of `work`, which runs on this thread. Meanwhile another thread waits for the caller
    /// to cancel, and then breaks the connections; it ends with this call.
    pub(super) fn with<T>(
        settings: &'a Settings,
        control: &'a Control,
        work: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<T> {
        control.check()?;
        // Downloads may take long, so only silence is limited.
        let agent = agent(&settings.roots, |limits| {
            limits
                .timeout_recv_response(Some(settings.timeout))
                .timeout_per_read(Some(settings.timeout))
                .timeout_per_write(Some(settings.timeout))
        });
        let client = Client { agent, settings, control };
        let shut_down = || client.agent.clone().shutdown();
        until_cancelled(control, shut_down, || work(&client))
    }

    /// Requests what the hub says about a file; `None` when the revision has no such file.
    ///
    /// # Errors
    /// As [`super::locate`], after as many retries as `backoff` allows.
    pub(super) fn describe(&self, target: &Target<'_>, mut backoff: Backoff) -> Result<Option<RemoteFile>> {
        loop {
            match self.describe_once(target) {
                Ok(described) => return Ok(described),
                Err(failure) => backoff.wait(failure, self.control)?,
            }
        }
    }

    fn describe_once(&self, target: &Target<'_>) -> Result<Option<RemoteFile>, Failure> {
        let mut seen = Seen::default();
        let answer = self.follow(target, "HEAD", None, |headers| seen.note(headers))?;
        let Some(answer) = answer else { return Ok(None) };
        if let Some(headers) = answer.reached() {
            seen.note_final(headers);
        }
        seen.finish(target, answer.origin.host()).map(Some)
    }

    /// Opens a file at a position.
    ///
    /// # Errors
    /// What went wrong this time; the caller decides whether to repeat.
    pub(super) fn open(&self, target: &Target<'_>, position: u64) -> Result<RemoteBytes, Failure> {
        let range = (position > 0).then(|| format!("bytes={position}-"));
        let answer = self.follow(target, "GET", range.as_deref(), |_| false)?;
        let Some(Answer { response, origin }) = answer else {
            let host = self.settings.endpoint.origin().host();
            return Err(Failure::transient(broken(host, target, "the file is gone")));
        };
        let status = response.status().as_u16();
        let headers = response.headers();
        let length = number(headers, "content-length");
        let (start, total) = match status {
            206 => content_range(headers).filter(|(start, _)| *start == position).ok_or_else(|| {
                Failure::Final(strange(origin.host(), target, "sent other bytes than those asked for"))
            })?,
            // Nothing can start at this position: the partial file is not a beginning of this one.
            416 => (0, None),
            _ => (0, length),
        };
        let host = origin.host().to_owned();
        let reader: Box<dyn Read> =
            if status == 416 { Box::new(std::io::empty()) } else { Box::new(response.into_body().into_reader()) };
        Ok(RemoteBytes { start, total, host, reader })
    }

    /// The names of the files of a repository, for hints; nothing where the hub does not say it at once.
    pub(super) fn list(&self, id: &RepositoryId, revision: &str) -> Vec<String> {
        let endpoint = &self.settings.endpoint;
        let token = self.settings.token.as_ref().map(|token| token.secret.header());
        let response = self.send("GET", &endpoint.list(id, revision), endpoint.origin(), token, None).ok();
        let response = response.filter(|response| response.status().as_u16() == 200);
        let body = response
            .and_then(|response| response.into_body().into_with_config().limit(LARGEST_LIST).read_to_vec().ok());
        let list: Option<FileList> = body.and_then(|body| serde_json::from_slice(&body).ok());
        list.unwrap_or_default().siblings.into_iter().map(|file| file.rfilename).collect()
    }

    /// Sends a request and follows redirects until an answer is no redirect, or `enough` has seen enough in the
    /// headers. `None` when there is no such file.
    fn follow(
        &self,
        target: &Target<'_>,
        method: &str,
        range: Option<&str>,
        mut enough: impl FnMut(&HeaderMap) -> bool,
    ) -> Result<Option<Answer>, Failure> {
        let endpoint = &self.settings.endpoint;
        let mut address = endpoint.file(target.id, target.revision, target.file);
        let mut origin = endpoint.origin().clone();
        for _ in 0..=MOST_REDIRECTS {
            self.control.check()?;
            let token = self.settings.token.as_ref().filter(|_| origin == *endpoint.origin());
            let response = self.send(method, &address, &origin, token.map(|token| token.secret.header()), range);
            let response =
                response.map_err(|error| unreachable(&error, origin.host(), target, &self.settings.roots))?;
            let status = response.status().as_u16();
            let headers = response.headers();
            let redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
            if redirect && !enough(headers) {
                let next = text(headers, "location").and_then(|location| redirected(&address, location));
                let next_origin = next.as_deref().and_then(Origin::of);
                let (Some(next), Some(next_origin)) = (next, next_origin) else {
                    return Err(Failure::Final(strange(origin.host(), target, "redirected to nowhere")));
                };
                if origin.is_secure() && !next_origin.is_secure() {
                    return Err(Failure::Final(strange(origin.host(), target, "redirected from https to http")));
                }
                (address, origin) = (next, next_origin);
                continue;
            }
            if redirect || matches!(status, 200 | 206) || (status == 416 && range.is_some()) {
                return Ok(Some(Answer { response, origin }));
            }
            let refusal = Refusal {
                status,
                code: text(headers, "x-error-code"),
                retry_after: number(headers, "retry-after"),
                from: &origin,
                token_source: token.map(|token| token.source.as_str()),
            };
            return refusal.explain(target, endpoint).map_or(Ok(None), Err);
        }
        Err(Failure::Final(strange(origin.host(), target, "redirects without end")))
    }

    fn send(
        &self,
        method: &str,
        address: &str,
        origin: &Origin,
        token: Option<String>,
        range: Option<&str>,
    ) -> Result<Response<ureq::Body>, ureq::Error> {
        let mut request = if method == "HEAD" { self.agent.head(address) } else { self.agent.get(address) };
        if origin.is_this_machine() {
            request = send_directly(request);
        }
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        if let Some(range) = range {
            request = request.header("range", range);
        }
        request.call()
    }
}

/// The end of a chain of redirects.
struct Answer {
    response: Response<ureq::Body>,
    origin: Origin,
}

impl Answer {
    /// The headers, if the file itself was reached and not only a redirect that says enough about it.
    fn reached(&self) -> Option<&HeaderMap> {
        self.response.status().is_success().then(|| self.response.headers())
    }
}

/// What the headers of a chain have said about a file so far. The first to say something is the hub itself.
#[derive(Default)]
struct Seen {
    commit: Option<String>,
    etag: Option<String>,
    /// Whether the ETag is the one of the content as the hub knows it, not just that of some answer.
    is_linked: bool,
    size: Option<u64>,
}

impl Seen {
    /// Reads what the hub says about a file that it redirects to; true when that is all there is to know.
    fn note(&mut self, headers: &HeaderMap) -> bool {
        self.commit = self.commit.take().or_else(|| text(headers, "x-repo-commit").map(str::to_owned));
        if self.etag.is_none() {
            self.etag = text(headers, "x-linked-etag").map(plain_etag);
            self.is_linked = self.etag.is_some();
        }
        self.size = self.size.or_else(|| number(headers, "x-linked-size"));
        self.commit.is_some() && self.etag.is_some() && self.size.is_some()
    }

    /// Reads what the last answer says about the file that it holds.
    fn note_final(&mut self, headers: &HeaderMap) {
        self.note(headers);
        self.etag = self.etag.take().or_else(|| text(headers, "etag").map(plain_etag));
        self.size = self.size.or_else(|| number(headers, "content-length"));
    }

    fn finish(self, target: &Target<'_>, host: &str) -> Result<RemoteFile, Failure> {
        let (Some(commit), Some(etag)) = (self.commit, self.etag) else {
            return Err(Failure::Final(strange(host, target, "does not name the commit and the ETag of a file")));
        };
        if !is_safe_name(&commit) || !is_safe_name(&etag) {
            return Err(Failure::Final(strange(host, target, "sent a commit or ETag that cannot be a file name")));
        }
        let is_sha256 = self.is_linked && etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(RemoteFile { commit, etag, size: self.size, is_sha256 })
    }
}

fn plain_etag(etag: &str) -> String {
    etag.trim().trim_start_matches("W/").trim_matches('"').to_owned()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.trim().parse().ok()
}

/// `bytes 5-9/10` is (5, Some(10)).
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = text(headers, "content-range")?.trim().strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
}

/// The host could not be reached, or not be understood.
fn unreachable(error: &ureq::Error, host: &str, target: &Target<'_>, roots: &Roots) -> Failure {
    let (reason, may_pass) = reason(error);
    let hint = if distrusts(error) {
        roots.hint()
    } else {
        "check the network and HF_ENDPOINT; with HF_HUB_OFFLINE=1 only cached files are used".to_owned()
    };
    let id = target.id.as_str();
    let error = Error::new(ErrorCode::Network, format!("cannot reach {host} for model `{id}`: {reason}"))
        .hint(hint)
        .detail("host", host)
        .detail("id", id);
    if may_pass { Failure::transient(error) } else { Failure::Final(error) }
}

/// A connection that ended before the file did.
pub(super) fn broken(host: &str, target: &Target<'_>, reason: &str) -> Error {
    let (id, file) = (target.id.as_str(), target.file);
    Error::new(ErrorCode::Network, format!("the download of `{file}` of `{id}` from {host} broke: {reason}"))
        .hint("call again to go on where it stopped")
        .detail("host", host)
        .detail("id", id)
        .detail("file", file)
}

/// A server that does something a hub does not do.
fn strange(host: &str, target: &Target<'_>, what: &str) -> Error {
    let (id, file) = (target.id.as_str(), target.file);
    Error::new(ErrorCode::Network, format!("{host} is not a hub: for `{file}` of `{id}` it {what}"))
        .hint("check HF_ENDPOINT and the proxy")
        .detail("host", host)
        .detail("id", id)
        .detail("file", file)
}
