//! Where results go: lines for people, coloured where a terminal shows it, or JSON for programs.

use std::io::{self, BufWriter, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use clap::ArgMatches;
use clap::builder::styling::Style;
use serde_json::Value;

/// Standard output.
pub struct Output {
    stream: BufWriter<AutoStream<Stdout>>,
    json: bool,
    coloured: bool,
}

impl Output {
    /// Opens standard output as the options for all subcommands ask for.
    pub fn new(given: &ArgMatches) -> Self {
        let choice = match given.get_one::<String>("color").map(String::as_str) {
            Some("always") => ColorChoice::Always,
            Some("never") => ColorChoice::Never,
            // NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM, and whether a terminal is there.
            _ => AutoStream::choice(&io::stdout()),
        };
        let coloured = choice != ColorChoice::Never;
        Self { stream: BufWriter::new(AutoStream::new(io::stdout(), choice)), json: given.get_flag("json"), coloured }
    }

    /// Whether a program reads the results.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether colours are seen.
    pub fn is_coloured(&self) -> bool {
        self.coloured
    }

    /// Writes a line.
    pub fn line(&mut self, line: impl AsRef<str>) -> io::Result<()> {
        self.stream.write_all(line.as_ref().as_bytes())?;
        self.stream.write_all(b"\n")
    }

    /// Writes JSON, on one line.
    pub fn json(&mut self, value: &Value) -> io::Result<()> {
        self.line(value.to_string())
    }

    /// A text in a style, where colours are seen.
    pub fn styled(&self, style: Style, text: &str) -> String {
        if self.coloured { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Lets whoever reads see what was written so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
