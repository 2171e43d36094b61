//! Files of texts: one text a line, or JSON lines.
//!
//! ```text
//! file ──► lines ──► texts
//!          bytes     UTF-8, or one field of a JSON object
//! ```
//!
//! [`TextReader`] returns one text after the other, so that a corpus need not fit in memory; [`read_texts`] returns all
//! of them. An error names the file and the line.

mod lines;
mod options;
mod reader;
mod record;

pub use options::{TextFormat, TextReaderOptions};
pub(crate) use reader::no_memory;
pub use reader::{TextReader, read_texts};
