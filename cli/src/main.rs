//! The command `eidos`: what the library does, from a terminal.
//!
//! ```text
//! modules   collect ──► fit ──► top, label ──► encode, explain, report      demo: all of it     doctor   completions
//!   where     texts       activations  explainer
//!   to split  to rows     to concepts  to words
//! ```
//!
//! Each subcommand is a file with its arguments and what it does, and uses only what the library offers to everybody. Shared are
//! [`arguments`] (how a model is opened), [`texts`], [`methods`] (the table of concept methods), and the [`session`]: output,
//! progress, messages, Ctrl-C.

mod arguments;
mod collect;
mod completions;
mod demo;
mod doctor;
mod encode;
mod explain;
mod failure;
mod fit;
mod label;
mod methods;
mod modules;
mod output;
mod progress;
mod report;
mod session;
mod shown;
mod signals;
mod texts;
mod top;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

use crate::failure::Outcome;
use crate::session::Session;

/// The subcommands, in the order of the help.
const SUBCOMMANDS: [Subcommand; 10] = [
    Subcommand { command: modules::command, run: modules::run },
    Subcommand { command: collect::command, run: collect::run },
    Subcommand { command: fit::command, run: fit::run },
    Subcommand { command: top::command, run: top::run },
    Subcommand { command: label::command, run: label::run },
    Subcommand { command: encode::command, run: encode::run },
    Subcommand { command: explain::command, run: explain::run },
    Subcommand { command: report::command, run: report::run },
    Subcommand { command: demo::command, run: demo::run },
    Subcommand { command: doctor::command, run: doctor::run },
];

/// What a subcommand takes, and what it does.
struct Subcommand {
    command: fn() -> Command,
    run: fn(&ArgMatches, &mut Session) -> Outcome,
}

/// The whole command line.
fn command() -> Command {
    let subcommands = SUBCOMMANDS.iter().map(|subcommand| (subcommand.command)());
    arguments::whole().subcommands(subcommands).subcommand(completions::command())
}

fn main() -> ExitCode {
    run(std::env::args_os())
}

fn run(words: impl Iterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => {
            // A terminal or pipe that is gone is no reason to fail.
            error.print().ok();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(failure::USAGE) };
        }
    };
    let Some((name, given)) = matches.subcommand() else { return ExitCode::from(failure::USAGE) };
    let mut session = Session::new(given);
    let subcommand = SUBCOMMANDS.iter().find(|subcommand| (subcommand.command)().get_name() == name);
    let outcome = match subcommand {
        Some(subcommand) => (subcommand.run)(given, &mut session),
        None => completions::run(given, command(), &mut session),
    };
    session.end(outcome)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_one_that_clap_accepts() {
        super::command().debug_assert();
    }
}
