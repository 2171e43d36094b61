//! What every subcommand is given: where it writes, and the control that watches and cancels its calls.

use std::process::ExitCode;

use clap::ArgMatches;
use eidos::{Control, ErrorCode, LogLevel};
use serde_json::{Map, Value, json};

use crate::failure::{FAILED, Failure, INTERRUPTED, Outcome};
use crate::output::Output;
use crate::progress::Progress;
use crate::signals::Interrupts;

/// What a subcommand works with.
pub struct Session {
    /// Cancels the calls of the library after Ctrl-C, and tells their progress.
    pub control: Control,
    /// Where results go.
    pub output: Output,
    /// What stands on the terminal while a call runs.
    pub progress: Progress,
    /// Who listens to Ctrl-C.
    pub interrupts: Interrupts,
    /// What to do after Ctrl-C to go on.
    resume: Option<String>,
}

impl Session {
    /// Makes the session that the options for all subcommands ask for.
    pub fn new(given: &ArgMatches) -> Self {
        let control = Control::new();
        let quiet = given.get_flag("quiet");
        let progress = Progress::new(quiet);
        let level = match given.get_count("verbose") {
            0 => LogLevel::Warning,
            1 => LogLevel::Info,
            _ => LogLevel::Debug,
        };
        if !quiet || level > LogLevel::Warning {
            progress.show_messages(&control, level);
        }
        progress.watch(&control);
        let interrupts = Interrupts::listen(&control, &progress);
        Self { control, output: Output::new(given), progress, interrupts, resume: None }
    }

    /// Says what to do after Ctrl-C to go on.
    pub fn resume_by(&mut self, how: impl Into<String>) {
        self.resume = Some(how.into());
    }

    /// Ends: shows what went wrong, and returns the exit code.
    pub fn end(&mut self, outcome: Outcome) -> ExitCode {
        self.progress.clear();
        // What was written before an error is there, too.
        let written = self.output.flush().map_err(Failure::from);
        match outcome.and(written) {
            Ok(()) | Err(Failure::Unread) => ExitCode::SUCCESS,
            Err(Failure::Library(error)) => {
                let interrupted = error.code() == ErrorCode::Cancelled && self.interrupts.came();
                let (message, hint) = if interrupted {
                    ("interrupted", self.resume.as_deref().unwrap_or(""))
                } else {
                    (error.message(), error.hint_text())
                };
                if self.output.is_json() {
                    let details: Map<String, Value> =
                        error.details().iter().map(|(key, value)| (key.clone(), json!(value))).collect();
                    let code = error.code().name();
                    let whole = json!({"code": code, "message": message, "hint": hint, "details": details});
                    self.progress.say_line(&json!({ "error": whole }).to_string());
                } else {
                    self.progress.say("error", message);
                    if !hint.is_empty() {
                        self.progress.say("hint", hint);
                    }
                }
                ExitCode::from(if interrupted { INTERRUPTED } else { FAILED })
            }
        }
    }
}
