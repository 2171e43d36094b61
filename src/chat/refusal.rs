//! HTTP error responses as errors with a message and a remedy, and whether a retry can help.

use std::time::{Duration, SystemTime};

use ureq::http::HeaderMap;

use super::wire::ServerError;
use crate::error::{Error, ErrorCode, shown_up_to};
use crate::net::PROXY_USER;
use crate::retry::Failure;

/// The most characters of a server's message that an error quotes.
const LONGEST_MESSAGE: usize = 300;

/// A response whose status is not a success.
#[derive(Debug)]
pub(super) struct Refusal<'a> {
    /// The HTTP status.
    pub(super) status: u16,
    /// How long the server asks us to wait.
    pub(super) pause: Option<Duration>,
    /// The server's error message, with secrets removed.
    pub(super) server_error: ServerError,
    /// The host that responded.
    pub(super) host: &'a str,
    /// The model that the request named.
    pub(super) model: &'a str,
    /// Whether a key was sent.
    pub(super) with_key: bool,
}

impl Refusal<'_> {
    /// The failure to report.
    pub(super) fn explain(self) -> Failure {
        let Self { status, host, model, .. } = self;
        let new_error = |code: ErrorCode, what: String, hint: &str| {
            let text = shown_up_to(LONGEST_MESSAGE, self.server_error.message.trim());
            let message = if text.is_empty() { what } else { format!("{what}: {text}") };
            Error::new(code, message).hint(hint).detail("host", host).detail("status", status).detail("model", model)
        };
        let no_credit = self.server_error.code == "insufficient_quota";
        match status {
            402 | 429 if status == 402 || no_credit => Failure::Final(new_error(
                ErrorCode::BudgetExhausted,
                format!("the account at {host} has no credit left"),
                "look at its plan and billing",
            )),
            408 | 409 | 425 | 429 | 500.. => {
                let error = new_error(
                    ErrorCode::Network,
                    format!("{host} failed with status {status} for model `{model}`"),
                    "try again later; answers in the cache are kept",
                );
                Failure::Transient { error, pause: self.pause }
            }
            401 if self.with_key => Failure::Final(new_error(
                ErrorCode::AccessDenied,
                format!("{host} refused the API key"),
                "set OPENAI_API_KEY or the option to a valid key",
            )),
            401 => Failure::Final(new_error(
                ErrorCode::AccessDenied,
                format!("{host} requires an API key"),
                "set OPENAI_API_KEY or the option",
            )),
            403 => Failure::Final(new_error(
                ErrorCode::AccessDenied,
                format!("{host} does not let this account use model `{model}`"),
                "use another model or another key",
            )),
            404 => Failure::Final(new_error(
                ErrorCode::NotFound,
                format!("{host} has no model `{model}`, or no chat completions at this address"),
                "check the model and the base URL, which usually ends in `/v1`",
            )),
            // A proxy answers for itself.
            407 => Failure::Final(new_error(
                ErrorCode::AccessDenied,
                format!("the proxy before {host} wants a user and a password"),
                PROXY_USER,
            )),
            300..=399 => Failure::Final(new_error(
                ErrorCode::InvalidArgument,
                format!("{host} redirects requests elsewhere (status {status})"),
                "give the base URL that it redirects to",
            )),
            _ => Failure::Final(new_error(
                ErrorCode::InvalidArgument,
                format!("{host} rejects the request as invalid (status {status})"),
                "look at the message; fewer or shorter examples make a shorter prompt",
            )),
        }
    }
}

/// How long a server asks us to wait, from its headers: seconds, milliseconds, or until a date.
pub(super) fn pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse::<f64>().ok();
    let duration = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    if let Some(pause) = number("retry-after-ms").and_then(|milliseconds| duration(milliseconds / 1000.0)) {
        return Some(pause);
    }
    if let Some(pause) = number("retry-after").and_then(duration) {
        return Some(pause);
    }
    let date = httpdate::parse_http_date(text("retry-after")?).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_wait_is_read_in_all_its_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let read = |name: &'static str, value: &'static str| {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            pause(&headers, now).map(|pause| pause.as_millis())
        };
        assert_eq!(read("retry-after", "3"), Some(3000));
        assert_eq!(read("retry-after", "0.5"), Some(500));
        assert_eq!(read("retry-after-ms", "40"), Some(40));
        assert_eq!(read("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"), Some(3000));
        assert_eq!(read("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for nonsense in ["soon", "-1", "", "NaN", "1e300"] {
            assert_eq!(read("retry-after", nonsense), None, "{nonsense}");
        }
    }
}
