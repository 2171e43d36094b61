//! What a failed request means, in words and remedies; and whether trying again can help.

use std::time::Duration;

use super::endpoint::Endpoint;
use super::id::RepositoryId;
use crate::error::{Error, ErrorCode};
use crate::net::{Origin, PROXY_USER};
use crate::retry::{Backoff, Failure};

/// How often a request is retried after a failure that may pass.
const RETRIES: u32 = 3;

/// The pause before the first retry; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause, also when the server asks for more.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Three retries with growing pauses.
pub(super) fn several_tries() -> Backoff {
    Backoff::new(c"hub", RETRIES, FIRST_PAUSE, LONGEST_PAUSE)
}

/// No retry: the caller has another way when the request fails.
pub(super) fn one_try() -> Backoff {
    Backoff::new(c"hub", 0, FIRST_PAUSE, LONGEST_PAUSE)
}

/// Whether a model that is cached can be used after this error of the hub: it was not reached, or it refused somebody who
/// had the files before.
pub(super) fn may_do_without(error: &Error) -> bool {
    let refused = error.details().iter().any(|(key, value)| key == "status" && matches!(value.as_str(), "401" | "403"));
    refused || matches!(error.code(), ErrorCode::Network | ErrorCode::AccessDenied)
}

/// A file of a repository, as requests and messages name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// The repository.
    pub(super) id: &'a RepositoryId,
    /// The revision or commit.
    pub(super) revision: &'a str,
    /// The name of the file in it.
    pub(super) file: &'a str,
}

/// An answer that is neither the file nor a redirect.
#[derive(Debug)]
pub(super) struct Refusal<'a> {
    /// The HTTP status.
    pub(super) status: u16,
    /// The hub's own code, such as `RepoNotFound`.
    pub(super) code: Option<&'a str>,
    /// How many seconds the server wants us to wait.
    pub(super) retry_after: Option<u64>,
    /// Who answered.
    pub(super) from: &'a Origin,
    /// Where the token came from that was sent; `None` without one.
    pub(super) token_source: Option<&'a str>,
}

impl Refusal<'_> {
    /// The failure that a caller sees; `None` when it only means that there is no such file.
    pub(super) fn explain(&self, target: &Target<'_>, endpoint: &Endpoint) -> Option<Failure> {
        let id = target.id.as_str();
        let host = self.from.host();
        let about = |error: Error| error.detail("id", id).detail("host", host).detail("status", self.status);
        let denied = |message: String, hint: String| {
            Some(Failure::Final(about(Error::new(ErrorCode::AccessDenied, message).hint(hint))))
        };
        match (self.code, self.status) {
            (Some("EntryNotFound"), _) => None,
            (Some("RevisionNotFound"), _) => {
                let revision = target.revision;
                let error =
                    Error::new(ErrorCode::NotFound, format!("model `{id}` has no revision `{revision}` on {host}"));
                let error =
                    error.hint("check the branch, tag or commit; `main` is the usual one").detail("revision", revision);
                Some(Failure::Final(about(error)))
            }
            (Some("RepoNotFound"), _) => {
                let hint = if self.token_source.is_some() {
                    "check the spelling; for a private model the token must have access to it"
                } else {
                    "check the spelling; a private model needs a token, in HF_TOKEN or in the options"
                };
                let error = Error::new(ErrorCode::NotFound, format!("there is no model `{id}` on {host}")).hint(hint);
                Some(Failure::Final(about(error)))
            }
            (Some("GatedRepo"), _) => denied(
                format!("model `{id}` is gated: {host} gives it only to those who accepted its conditions"),
                format!("accept them at {} and set HF_TOKEN to a token of that account", endpoint.page(target.id)),
            ),
            (_, 401 | 403 | 404 | 410) if self.from != endpoint.origin() => {
                let message = format!(
                    "{host}, where the hub keeps `{}` of `{id}`, refused it with status {}",
                    target.file, self.status
                );
                Some(Failure::transient(about(Error::new(ErrorCode::Network, message).hint("try again later"))))
            }
            (_, 401 | 403) => match self.token_source {
                Some(source) => denied(
                    format!("{host} refused the access token for model `{id}`; it came from {source}"),
                    "a public model needs no token: remove it there, or pass an empty one in the options; else set HF_TOKEN \
                     to a valid token that may read this model"
                        .to_owned(),
                ),
                None => denied(
                format!("{host} gives model `{id}` only to those with an access token"),
                "set HF_TOKEN (or the option) to a token that may read this model".to_owned(),
            ),
            },
            (_, 404) => None,
            // A proxy answers for itself.
            (_, 407) => denied(format!("the proxy before {host} wants a user and a password"), PROXY_USER.to_owned()),
            (_, status @ (408 | 429 | 500..)) => {
                let error =
                    Error::new(ErrorCode::Network, format!("{host} failed with status {status} for model `{id}`"));
                let error = about(error.hint("try again later; finished files are kept"));
                Some(Failure::Transient { error, pause: self.retry_after.map(Duration::from_secs) })
            }
            (_, status) => {
                let error =
                    Error::new(ErrorCode::Network, format!("{host} answered with status {status} for model `{id}`"));
                Some(Failure::Final(about(error.hint("check that HF_ENDPOINT is the address of a hub"))))
            }
        }
    }
}
