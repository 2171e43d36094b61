//! How a subcommand ends when it cannot do its work, and the exit code of each way.

use std::io;

use eidos::{Error, ErrorCode};

/// The exit code of an error of the library, or of the system.
pub const FAILED: u8 = 1;
/// The exit code of a command line that makes no sense.
pub const USAGE: u8 = 2;
/// The exit code after Ctrl-C, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// What a subcommand ends with.
pub type Outcome = Result<(), Failure>;

/// Why a subcommand did not do its work.
#[derive(Debug)]
pub enum Failure {
    /// The library says what is wrong and what to do about it.
    Library(Error),
    /// Nobody reads the output any more (`eidos modules | head`): nothing is wrong.
    Unread,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

/// What writing to standard output may end with.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Unread;
        }
        let wrong = Error::new(ErrorCode::Io, format!("cannot write to standard output: {error}"));
        Self::Library(wrong.hint("check where the output goes"))
    }
}
