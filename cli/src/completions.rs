//! `eidos completions`: what a shell needs to complete the command line.

use std::io::{self, Write};

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use crate::failure::Outcome;
use crate::session::Session;

pub fn command() -> Command {
    Command::new("completions")
        .about("Print what a shell needs to complete the command line")
        .after_help(
            "bash: eidos completions bash > ~/.local/share/bash-completion/completions/eidos\n\
             zsh:  eidos completions zsh > ~/.zfunc/_eidos, with ~/.zfunc in fpath\n\
             fish: eidos completions fish > ~/.config/fish/completions/eidos.fish",
        )
        .arg(Arg::new("SHELL").required(true).value_parser(value_parser!(Shell)).help("The shell"))
}

pub fn run(given: &ArgMatches, mut whole: Command, _: &mut Session) -> Outcome {
    let Some(shell) = given.get_one::<Shell>("SHELL").copied() else { return Ok(()) };
    // clap_complete panics where it cannot write, and memory always can be written.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut whole, "eidos", &mut script);
    let mut out = io::stdout().lock();
    Ok(out.write_all(&script).and_then(|()| out.flush())?)
}
