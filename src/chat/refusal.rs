//! What a refused request means, in words and remedies; and whether trying again can help.

use std::time::{Duration, SystemTime};

use ureq::http::HeaderMap;

use super::wire::Complaint;
use crate::error::{Error, ErrorCode, shown_up_to};
use crate::retry::Failure;

/// As much as fits in an error of what a server says.
const LONGEST_MESSAGE: usize = 300;

/// An answer with a status that is no success.
#[derive(Debug)]
pub(super) struct Refusal<'a> {
    /// The HTTP status.
    pub(super) status: u16,
    /// How long the server wants us to wait.
    pub(super) pause: Option<Duration>,
    /// What the server says, without secrets.
    pub(super) complaint: Complaint,
    /// Who answered.
    pub(super) host: &'a str,
    /// The model that was asked.
    pub(super) model: &'a str,
    /// Whether a key was sent.
    pub(super) with_key: bool,
}

impl Refusal<'_> {
    /// The failure that a caller sees.
    pub(super) fn explain(self) -> Failure {
        let Self { status, host, model, .. } = self;
        let about = |code: ErrorCode, what: String, hint: &str| {
            let said = shown_up_to(LONGEST_MESSAGE, self.complaint.message.trim());
            let message = if said.is_empty() { what } else { format!("{what}: {said}") };
            Error::new(code, message).hint(hint).detail("host", host).detail("status", status).detail("model", model)
        };
        let broke = self.complaint.code == "insufficient_quota";
        match status {
            402 | 429 if status == 402 || broke => Failure::Final(about(
                ErrorCode::BudgetExhausted,
                format!("the account at {host} has no credit left"),
                "look at its plan and billing",
            )),
            408 | 409 | 425 | 429 | 500.. => {
                let error = about(
                    ErrorCode::Network,
                    format!("{host} failed with status {status} for model `{model}`"),
                    "try again later; answers in the cache are kept",
                );
                Failure::Transient { error, pause: self.pause }
            }
            401 if self.with_key => Failure::Final(about(
                ErrorCode::AccessDenied,
                format!("{host} refused the API key"),
                "set OPENAI_API_KEY or the option to a valid key",
            )),
            401 => Failure::Final(about(
                ErrorCode::AccessDenied,
                format!("{host} wants an API key"),
                "set OPENAI_API_KEY or the option",
            )),
            403 => Failure::Final(about(
                ErrorCode::AccessDenied,
                format!("{host} does not let this account use model `{model}`"),
                "use another model or another key",
            )),
            404 => Failure::Final(about(
                ErrorCode::NotFound,
                format!("{host} has no model `{model}`, or no chat completions at this address"),
                "check the model and the base URL, which usually ends in `/v1`",
            )),
            300..=399 => Failure::Final(about(
                ErrorCode::InvalidArgument,
                format!("{host} redirects requests elsewhere (status {status})"),
                "give the base URL that it redirects to",
            )),
            _ => Failure::Final(about(
                ErrorCode::InvalidArgument,
                format!("{host} calls the request wrong (status {status})"),
                "look at the message; fewer or shorter examples make a shorter prompt",
            )),
        }
    }
}

/// How long a server wants us to wait: seconds, milliseconds, or until a date.
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
