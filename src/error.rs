//! The error type: what is wrong, with what, and what to do about it.
//!
//! The whole library has one error type. Its message names the thing that is wrong (the file, the module path, the
//! row), its hint says how to fix it, and its details hold the same facts as keys and values for programs.

use std::fmt;
use std::path::Path;

/// The result of every fallible function of Eidos.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, which tells where the fault lies and what kind of remedy there is.
///
/// The numbers are the `eidos_status` codes of the C header and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum ErrorCode {
    /// The caller passed an invalid value (NULL, k = 0, a wrong length). Fix the call.
    InvalidArgument = 1,
    /// A handle was freed already, or has another type. Fix the call.
    InvalidHandle = 2,
    /// A file, folder, repository or revision does not exist. Fix the name or create it.
    NotFound = 3,
    /// The model has no module of that path, or that module cannot be a split point. Choose another path.
    UnknownModule = 4,
    /// A file is truncated, damaged or hostile. Obtain it again.
    InvalidFile = 5,
    /// The file is valid but needs something that this version does not support. Use another model or version.
    Unsupported = 6,
    /// The numbers are unusable (NaN, infinite, no rows, constant). Look at the data.
    InvalidData = 7,
    /// Two inputs do not belong together (an explainer of another width, a tokenizer of another model).
    Mismatch = 8,
    /// The operating system refused: disk full, no permission. Fix the cause and resume.
    Io = 9,
    /// The network or the server failed. Try again; finished files are kept.
    Network = 10,
    /// The server refused the credentials. Set a token that has access.
    AccessDenied = 11,
    /// The caller cancelled. What was complete is kept.
    Cancelled = 12,
    /// A memory limit would be exceeded. Raise the limit, or write to disk.
    OutOfMemory = 13,
    /// The requested device is missing or failed. Use another one.
    Device = 14,
    /// A defect in Eidos. Please report it with the message.
    Internal = 15,
    /// A language model gave no usable answer (empty, refused, cut off). Try again, or use another model.
    UnusableAnswer = 16,
    /// The next request could exceed the budget, or the provider's account has no credit. Raise it and call again.
    BudgetExhausted = 17,
    /// Another call, in this process or another one, is writing to the same place. Wait for it, or choose another
    /// place.
    Busy = 18,
}

impl ErrorCode {
    /// The name in snake case, for logs and programs (`invalid_argument`).
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::InvalidHandle => "invalid_handle",
            Self::NotFound => "not_found",
            Self::UnknownModule => "unknown_module",
            Self::InvalidFile => "invalid_file",
            Self::Unsupported => "unsupported",
            Self::InvalidData => "invalid_data",
            Self::Mismatch => "mismatch",
            Self::Io => "io",
            Self::Network => "network",
            Self::AccessDenied => "access_denied",
            Self::Cancelled => "cancelled",
            Self::OutOfMemory => "out_of_memory",
            Self::Device => "device",
            Self::Internal => "internal",
            Self::UnusableAnswer => "unusable_answer",
            Self::BudgetExhausted => "budget_exhausted",
            Self::Busy => "busy",
        }
    }
}

/// An error: a code, a message that names what is wrong, a hint that names the remedy, and the facts as details.
///
/// ```
/// use eidos::{Error, ErrorCode};
/// let error = Error::new(ErrorCode::InvalidArgument, "0 concepts were asked for").hint("ask for at least one");
/// assert_eq!(error.to_string(), "0 concepts were asked for (ask for at least one)");
/// ```
#[derive(Clone)]
pub struct Error {
    // One pointer, so that `Result<T>` stays small on the paths that succeed.
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    code: ErrorCode,
    message: String,
    hint: String,
    details: Vec<(String, String)>,
}

impl Error {
    /// Makes an error with a code and a message that names what is wrong.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { inner: Box::new(Inner { code, message: message.into(), hint: String::new(), details: Vec::new() }) }
    }

    /// Adds what the caller can do about it, as an imperative phrase without a full stop.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hint = hint.into();
        self
    }

    /// Adds a fact for programs, such as `("path", "model.layers.3")`.
    pub fn detail(mut self, key: impl Into<String>, value: impl fmt::Display) -> Self {
        self.inner.details.push((key.into(), value.to_string()));
        self
    }

    /// Puts a context before the message: `"model.safetensors: "` + message.
    pub fn within(mut self, context: impl fmt::Display) -> Self {
        self.inner.message = format!("{context}: {}", self.inner.message);
        self
    }

    /// Makes an error about an invalid value that the caller passed.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }

    /// Makes an error about a file operation that the system refused; for a missing file it is [`ErrorCode::NotFound`].
    pub fn io(path: impl AsRef<Path>, doing: &str, source: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.as_ref().display();
        let (code, hint) = match source.kind() {
            ErrorKind::NotFound if doing.starts_with("write") || doing.starts_with("create") => {
                (ErrorCode::NotFound, "make the folder first, or check its name")
            }
            ErrorKind::NotFound => (ErrorCode::NotFound, "check the name"),
            ErrorKind::OutOfMemory => (ErrorCode::OutOfMemory, "free some memory, or raise the limit of the process"),
            ErrorKind::PermissionDenied => (ErrorCode::Io, "check the permissions"),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                (ErrorCode::Io, "free some space or choose another folder; what was complete is kept")
            }
            _ => (ErrorCode::Io, "check the disk"),
        };
        Self::new(code, format!("cannot {doing} `{path}`: {source}")).hint(hint).detail("path", path)
    }

    /// Makes the error of a call that the caller cancelled.
    pub fn cancelled() -> Self {
        Self::new(ErrorCode::Cancelled, "cancelled by the caller")
            .hint("call again to go on; what was complete is kept")
    }

    /// Makes an error about a defect in Eidos itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message).hint("this is a defect in Eidos, please report it with this message")
    }

    /// The kind of the error.
    pub fn code(&self) -> ErrorCode {
        self.inner.code
    }

    /// What is wrong, and with what.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// What to do about it; may be empty.
    pub fn hint_text(&self) -> &str {
        &self.inner.hint
    }

    /// The facts as keys and values, in the order they were added.
    pub fn details(&self) -> &[(String, String)] {
        &self.inner.details
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        if self.inner.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.inner.hint) }
    }
}

/// Formats the code and the text; a `main` that returns the error shows this.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.inner.code.name())
    }
}

impl std::error::Error for Error {}

/// Converts an error of candle, in `src/device/error.rs`.
impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        crate::device::translate(&error)
    }
}

/// A text from outside made safe to print: control characters escaped, and cut to about one line.
pub(crate) fn shown(text: &str) -> String {
    shown_up_to(120, text)
}

/// A text from outside made safe to print: control characters escaped, and cut to so many characters.
pub(crate) fn shown_up_to(characters: usize, text: &str) -> String {
    let mut short: String = text.chars().take(characters).flat_map(char::escape_debug).collect();
    if text.chars().nth(characters).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_are_shown_on_one_short_line() {
        assert_eq!(shown("a\nb\u{1b}"), "a\\nb\\u{1b}");
        assert!(shown(&"x".repeat(500)).chars().count() <= 121);
    }
}
