//! The checks and measurements of a device that `scripts/check-cuda.sh` runs: on a GPU, or with the CPU in its place.
//!
//! ```text
//! cuda SECTION --device cuda:0|reference [--report FILE] [--only PART] [--small] [--plant FAULT] ...
//! ```
//!
//! Each check prints a line that begins with `ok` or `FAILED`; the exit code is 0 only where all hold. `reference` is the CPU
//! with every operation as the composition that a device without kernels of its own runs. Without a section the program holds
//! itself to account: it plants faults, and each must be found.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

mod faults;
mod fits;
mod gradients;
mod heap;
mod kit;
mod measure;
mod memory;
mod meter;
mod parity;
mod status;
mod steady;

/// The fixtures of the model's tests.
#[path = "../model"]
mod model {
    #[allow(dead_code, reason = "shared with the tests of the model")]
    pub mod golden;
    #[allow(dead_code, reason = "shared with the tests of the model")]
    pub mod halved;
}

use std::process::ExitCode;

use kit::Kit;

#[global_allocator]
static HEAP: heap::Counted = heap::Counted;

/// A section: its name, and what it runs.
type Section = (&'static str, fn(&Kit));

const SECTIONS: [Section; 9] = [
    ("device", status::run),
    ("parity", parity::run),
    ("gradients", gradients::run),
    ("fits", fits::run),
    ("memory", memory::run),
    ("steady", steady::run),
    ("rows", measure::rows),
    ("ica", measure::ica),
    ("profile", measure::profile),
];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).filter(|word| word != "--nocapture");
    let Some(section) = words.next() else { return faults::all_are_found() };
    let Some((_, run)) = SECTIONS.iter().find(|(name, _)| *name == section) else {
        let names = SECTIONS.map(|(name, _)| name).join(", ");
        eprintln!("there is no section `{section}`: name one of {names}");
        return ExitCode::from(2);
    };
    let kit = Kit::new(&section, words.collect());
    kit.group(&section, || run(&kit));
    kit.end()
}
