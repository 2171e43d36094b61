//! A language model behind an OpenAI-compatible server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ureq::Agent;

use super::message::{ChatAnswer, ChatRequest};
use super::model::ChatModel;
use super::options::ChatOptions;
use super::refusal::{Refusal, pause};
use super::settings::Settings;
use super::wire::{Body, Dialect, ServerError, read, server_error};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::net::{Roots, agent, distrusts, reason, send_directly, until_cancelled};
use crate::retry::Failure;

/// The most bytes that are read of an answer; answers are a few kilobytes.
const LARGEST_ANSWER: u64 = 16 << 20;

/// Longer timeouts are cut to this one, since the clock cannot represent times far beyond it.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(365 * 24);

/// A server, the connections to it, and which fields of a request it accepts.
#[derive(Debug)]
pub(super) struct HttpModel {
    settings: Settings,
    timeout: Duration,
    parallel: usize,
    connections: Mutex<Connections>,
    dialect: Mutex<Dialect>,
}

/// Connections that are kept from one request to the next, and shared by all threads.
#[derive(Debug, Default)]
struct Connections {
    /// `None` before the first request, and after a cancelled request shut the connections down.
    agent: Option<Agent>,
    /// How often the connections were shut down.
    generation: u64,
    /// The process that opened them: after a fork they belong to the parent.
    process: u32,
}

impl Connections {
    /// The agent, and how often earlier agents were shut down.
    fn agent(&mut self, timeout: Duration, roots: &Roots) -> (Agent, u64) {
        let process = std::process::id();
        if self.process != process {
            // Dropping the agent closes the child's copies of the connections, not those of the parent.
            *self = Self { process, ..Self::default() };
        }
        let limits = |config: ureq::config::ConfigBuilder<_>| config.timeout_per_call(Some(timeout));
        (self.agent.get_or_insert_with(|| agent(roots, limits)).clone(), self.generation)
    }
}

/// An HTTP response with any status.
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

    /// Shuts the connections down. An agent cannot be used after that, so the next request makes a new one.
    fn shut_down(&self) {
        let agent = {
            let mut connections = lock(&self.connections);
            connections.generation += 1;
            connections.agent.take()
        };
        if let Some(agent) = agent {
            agent.shutdown();
        }
    }

    /// Sends a request. Where a cancel on another thread shut the shared connection down, the failure asks for an
    /// immediate resend, which does not count as a retry.
    fn send(&self, body: &str) -> Result<Response, Failure> {
        let (agent, generation) = lock(&self.connections).agent(self.timeout, &self.settings.roots);
        self.send_with(&agent, body).map_err(|failure| {
            let is_own = lock(&self.connections).generation == generation;
            if is_own { failure } else { Failure::changed() }
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
        let hint = if distrusts(error) {
            self.settings.roots.hint()
        } else {
            "check the network and the base URL; answers in the cache are kept".to_owned()
        };
        let error =
            Error::new(ErrorCode::Network, format!("cannot reach {host}: {reason}")).hint(hint).detail("host", host);
        if may_pass { Failure::transient(error) } else { Failure::Final(error) }
    }

    fn refused(&self, response: &Response, request: &ChatRequest, dialect: Dialect) -> Failure {
        let server_error = self.redacted(server_error(&response.body));
        if matches!(response.status, 400 | 422 | 501) {
            let mut current = lock(&self.dialect);
            if *current != dialect {
                // Another thread was refused meanwhile and has changed the dialect already.
                return Failure::changed();
            }
            if let Some(next) = dialect.without_rejected(&server_error.message) {
                *current = next;
                return Failure::changed();
            }
            *current = dialect.rejected_again();
        }
        self.explain(response.status, response.pause, server_error, request)
    }

    fn explain(
        &self,
        status: u16,
        pause: Option<Duration>,
        server_error: ServerError,
        request: &ChatRequest,
    ) -> Failure {
        let (host, with_key) = (self.settings.origin.host(), self.settings.key.is_some());
        Refusal { status, pause, server_error, host, model: &request.model, with_key }.explain()
    }

    fn redacted(&self, server_error: ServerError) -> ServerError {
        let hide = |text: String| self.settings.key.as_ref().map_or(text.clone(), |key| key.hide_in(&text));
        ServerError { message: hide(server_error.message), code: server_error.code }
    }

    /// An error about a response that is not a chat completion.
    fn unexpected(&self, what: &str) -> Error {
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
            Body::Answer(answer) => {
                let mut current = lock(&self.dialect);
                if *current == dialect {
                    *current = dialect.accepted();
                }
                Ok(answer)
            }
            // Some routers report a failure of the provider behind them with status 200.
            Body::Error(server_error) => Err(self.explain(502, response.pause, self.redacted(server_error), request)),
            Body::CutOff => Err(Failure::transient(self.unexpected("sent an answer that ends too early"))),
            Body::NotACompletion => Err(Failure::Final(self.unexpected("sent something other than a chat completion"))),
        }
    }

    fn address(&self) -> &str {
        &self.settings.address
    }

    fn parallel(&self) -> usize {
        self.parallel
    }
}

/// Locks a mutex. Nothing that can panic runs while these are locked, so a poisoned lock still holds a valid value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
