//! A language model behind an OpenAI-compatible server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ureq::Agent;

use super::client::ChatModel;
use super::message::{ChatAnswer, ChatRequest};
use super::options::ChatOptions;
use super::refusal::{Refusal, pause};
use super::settings::Settings;
use super::wire::{Complaint, Dialect, Reading, complaint, read};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::net::{agent, reason, send_directly, until_cancelled};
use crate::retry::Failure;

/// Answers are some kilobytes.
const LARGEST_ANSWER: u64 = 16 << 20;

/// A longer time limit than this is none; the clock cannot count far beyond it.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(365 * 24);

/// A server, the connections to it, and what was learned about it.
#[derive(Debug)]
pub(super) struct HttpModel {
    settings: Settings,
    timeout: Duration,
    parallel: usize,
    connections: Mutex<Connections>,
    dialect: Mutex<Dialect>,
}

/// Connections that are kept from one request to the next, whoever makes it.
#[derive(Debug, Default)]
struct Connections {
    /// `None` before the first request, and after somebody cancelled and broke them.
    agent: Option<Agent>,
    /// How often they were broken.
    broken: u64,
    /// The process that made them: after a fork they are the parent's.
    process: u32,
}

impl Connections {
    /// The agent, and how often its predecessors were broken.
    fn agent(&mut self, timeout: Duration) -> (Agent, u64) {
        let process = std::process::id();
        if self.process != process {
            // Dropping the agent closes the child's copies of the connections, not those of the parent.
            *self = Self { process, ..Self::default() };
        }
        let limits = |config: ureq::config::ConfigBuilder<_>| config.timeout_per_call(Some(timeout));
        (self.agent.get_or_insert_with(|| agent(limits)).clone(), self.broken)
    }
}

/// An answer of the server, of whatever status.
struct Response {
    status: u16,
    pause: Option<Duration>,
    body: Vec<u8>,
}

impl HttpModel {
    /// Checks the options. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for options that cannot be right.
    pub(super) fn new(options: &ChatOptions) -> Result<Self> {
        let settings = Settings::from_environment(options)?;
        let (timeout, parallel) = (options.timeout.min(LONGEST_TIMEOUT), options.parallel);
        let dialect = Mutex::new(Dialect::full());
        Ok(Self { settings, timeout, parallel, connections: Mutex::default(), dialect })
    }

    /// Breaks the connections. An agent does not come back from that, so the next request makes another one.
    fn shut_down(&self) {
        let agent = {
            let mut connections = lock(&self.connections);
            connections.broken += 1;
            connections.agent.take()
        };
        if let Some(agent) = agent {
            agent.shutdown();
        }
    }

    /// Sends a question. Where somebody else's cancelling broke the connection, the question is sent again, which is no
    /// repetition that the caller's options limit.
    fn send(&self, body: &str) -> Result<Response, Failure> {
        let (agent, broken) = lock(&self.connections).agent(self.timeout);
        self.send_with(&agent, body).map_err(|failure| {
            let is_mine = lock(&self.connections).broken == broken;
            if is_mine { failure } else { Failure::changed() }
        })
    }

    fn send_with(&self, agent: &Agent, body: &str) -> Result<Response, Failure> {
        let mut request = agent.post(&self.settings.address).header("content-type", "application/json");
        if self.settings.origin.is_this_machine() {
            request = send_directly(request);
        }
        if let Some(key) = &self.settings.key {
            request = request.header("authorization", key.header());
        }
        let mut response = request.send(body).map_err(|error| self.unreachable(&error))?;
        let pause = pause(response.headers(), SystemTime::now());
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec();
        Ok(Response { status, pause, body: body.map_err(|error| self.unreachable(&error))? })
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let host = self.settings.origin.host();
        let (reason, may_pass) = reason(error);
        let error = Error::new(ErrorCode::Network, format!("cannot reach {host}: {reason}"))
            .hint("check the network and the base URL; answers in the cache are kept")
            .detail("host", host);
        if may_pass { Failure::transient(error) } else { Failure::Final(error) }
    }

    fn refused(&self, response: &Response, request: &ChatRequest, dialect: Dialect) -> Failure {
        let complaint = self.without_key(complaint(&response.body));
        if matches!(response.status, 400 | 422 | 501) {
            let mut current = lock(&self.dialect);
            if *current != dialect {
                // Somebody else was refused in the meantime and has found a better form.
                return Failure::changed();
            }
            if let Some(next) = dialect.without_what(&complaint.message) {
                *current = next;
                return Failure::changed();
            }
            *current = dialect.refused_again();
        }
        self.explain(response.status, response.pause, complaint, request)
    }

    fn explain(&self, status: u16, pause: Option<Duration>, complaint: Complaint, request: &ChatRequest) -> Failure {
        let (host, with_key) = (self.settings.origin.host(), self.settings.key.is_some());
        Refusal { status, pause, complaint, host, model: &request.model, with_key }.explain()
    }

    fn without_key(&self, complaint: Complaint) -> Complaint {
        let hide = |text: String| self.settings.key.as_ref().map_or(text.clone(), |key| key.hide_in(&text));
        Complaint { message: hide(complaint.message), code: complaint.code }
    }

    /// A server that answers something that is no chat completion.
    fn strange(&self, what: &str) -> Error {
        let host = self.settings.origin.host();
        Error::new(ErrorCode::Network, format!("{host} {what}"))
            .hint("check the base URL, which usually ends in `/v1`")
            .detail("host", host)
    }
}

impl ChatModel for HttpModel {
    fn answer(&self, request: &ChatRequest, control: &Control) -> Result<ChatAnswer, Failure> {
        let dialect = *lock(&self.dialect);
        let body = dialect.body(request).to_string();
        let response = until_cancelled(control, || self.shut_down(), || self.send(&body))?;
        if !(200..300).contains(&response.status) {
            return Err(self.refused(&response, request, dialect));
        }
        match read(&response.body) {
            Reading::Answer(answer) => {
                let mut current = lock(&self.dialect);
                if *current == dialect {
                    *current = dialect.confirmed();
                }
                Ok(answer)
            }
            // Some routers report the failure of a provider behind them so.
            Reading::Error(complaint) => Err(self.explain(502, response.pause, self.without_key(complaint), request)),
            Reading::CutOff => Err(Failure::transient(self.strange("sent an answer that ends too early"))),
            Reading::Foreign => Err(Failure::Final(self.strange("sent something that is no chat completion"))),
        }
    }

    fn address(&self) -> &str {
        &self.settings.address
    }

    fn parallel(&self) -> usize {
        self.parallel
    }
}

/// Nothing that can panic runs while these are locked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
