//! The reader of texts, one after the other.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::lines::{LineError, read_line};
use super::options::TextReaderOptions;
use super::record::{Field, read_field};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::files::open_file;

/// The longest line, 256 MiB: a file without line ends is not a file of texts.
const LONGEST_LINE: usize = 1 << 28;

/// How many bytes of the file are read at a time.
const BUFFER_BYTES: usize = 1 << 18;

/// Reads the texts of a file one after the other, with one line in memory.
///
/// Lines end in `\n` or `\r\n`, which is not part of the text; neither is a byte order mark at the beginning of the
/// file. After an error the iterator ends.
///
/// ```
/// use eidos::{TextReader, TextReaderOptions};
/// let path = std::env::temp_dir().join(format!("eidos-texts-{}.txt", std::process::id()));
/// std::fs::write(&path, "\u{feff}a warm film\r\n\r\na cold one")?;
/// let texts = TextReader::open(&path, &TextReaderOptions::default())?.collect::<eidos::Result<Vec<String>>>()?;
/// assert_eq!(texts, ["a warm film", "a cold one"]);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TextReader {
    /// The path of the file, or what a caller calls its bytes.
    path: PathBuf,
    options: TextReaderOptions,
    has_records: bool,
    control: Control,
    /// `None` after the last text and after an error.
    file: Option<Box<dyn BufRead + Send>>,
    /// The number of the last line that was read, from 1.
    line_number: u64,
    /// How many bytes the lines have that were read.
    bytes_read: u64,
    line: Vec<u8>,
    given: usize,
}

impl TextReader {
    /// Opens a file. Only its first bytes are read.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] or [`ErrorCode::Io`] with the path; [`ErrorCode::InvalidFile`] when it is not a regular
    /// file (a folder, a pipe, a device), or is in UTF-16 or UTF-32.
    pub fn open(path: impl AsRef<Path>, options: &TextReaderOptions) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let file = open_file(&path)?.0;
        Self::of(path, file, options)
    }

    /// Reads texts from any bytes, such as those of a pipe, as if they were a file of that name: it says the format where the options
    /// do not, and stands in errors. Waits for the first bytes.
    ///
    /// # Errors
    /// [`ErrorCode::Io`] with the name; [`ErrorCode::InvalidFile`] for bytes in UTF-16 or UTF-32.
    ///
    /// ```
    /// use eidos::{TextReader, TextReaderOptions};
    /// let texts = TextReader::of("standard input", &b"a warm film\na cold one"[..], &TextReaderOptions::default())?;
    /// assert_eq!(texts.collect::<eidos::Result<Vec<String>>>()?, ["a warm film", "a cold one"]);
    /// # Ok::<(), eidos::Error>(())
    /// ```
    pub fn of(
        name: impl Into<PathBuf>,
        bytes: impl Read + Send + 'static,
        options: &TextReaderOptions,
    ) -> Result<Self> {
        let path = name.into();
        let mut file = BufReader::with_capacity(BUFFER_BYTES, bytes);
        let start = file.fill_buf().map_err(|error| Error::io(&path, "read", &error))?;
        if let Some(encoding) = foreign_encoding(start) {
            return Err(Error::new(
                ErrorCode::InvalidFile,
                format!("`{}` is in {encoding}, not in UTF-8", path.display()),
            )
            .hint("convert it to UTF-8")
            .detail("path", path.display()));
        }
        let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        file.consume(mark);
        let has_records = options.format.has_records(&path);
        let options = options.clone();
        let control = Control::new();
        Ok(Self {
            path,
            options,
            has_records,
            control,
            file: Some(Box::new(file)),
            line_number: 0,
            bytes_read: mark as u64,
            line: Vec::new(),
            given: 0,
        })
    }

    /// How many bytes the lines have that were read, each with one for its end: how far the reader is in its file.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Sets the control that may cancel the reading. It is checked before each line.
    pub fn watched_by(mut self, control: &Control) -> Self {
        self.control = control.clone();
        self
    }

    /// The next text that is not skipped; `None` at the end.
    fn next_text(&mut self) -> Result<Option<String>> {
        if self.options.most.is_some_and(|most| self.given >= most) {
            return Ok(None);
        }
        while self.next_line()? {
            let Some(text) = self.text()? else { continue };
            if self.options.keep_empty || !text.trim().is_empty() {
                self.given += 1;
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    fn next_line(&mut self) -> Result<bool> {
        self.control.check()?;
        let Some(file) = &mut self.file else { return Ok(false) };
        self.line_number += 1;
        match read_line(file, &mut self.line, LONGEST_LINE) {
            Ok(found) => {
                self.bytes_read += if found { self.line.len() as u64 + 1 } else { 0 };
                Ok(found)
            }
            Err(LineError::Io(error)) => Err(Error::io(&self.path, "read", &error)),
            Err(LineError::TooLong) => Err(self
                .wrong(ErrorCode::InvalidFile, &format!("it has more than {LONGEST_LINE} bytes"))
                .hint("check that it is a file of texts, and put each text on a line of its own")),
            Err(LineError::OutOfMemory) => {
                Err(self.wrong(ErrorCode::OutOfMemory, "there is no memory for it").hint("free some memory"))
            }
        }
    }

    /// The text of the current line; `None` for a blank line between JSON objects.
    fn text(&self) -> Result<Option<String>> {
        let line = match std::str::from_utf8(&self.line) {
            Ok(line) => line,
            Err(error) => {
                let what = format!("byte {} is not UTF-8", error.valid_up_to() + 1);
                return Err(self.wrong(ErrorCode::InvalidFile, &what).hint("convert the file to UTF-8"));
            }
        };
        if !self.has_records {
            let mut text = String::new();
            text.try_reserve_exact(line.len()).map_err(|_| {
                self.wrong(ErrorCode::OutOfMemory, "there is no memory for its text").hint("free some memory")
            })?;
            text.push_str(line);
            return Ok(Some(text));
        }
        if line.trim().is_empty() {
            return Ok(None);
        }
        let name = &self.options.field;
        match read_field(line, name) {
            Ok(Field::Text(text)) => Ok(Some(text)),
            Ok(Field::Other(kind)) => Err(self
                .wrong(ErrorCode::InvalidFile, &format!("the field `{}` is {kind}, not a text", shown(name)))
                .hint("name a field that holds a text in every line")),
            Ok(Field::Missing(names)) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{}`", shown(name))).collect();
                let hint = match names.as_slice() {
                    [] => "the object has no fields".to_owned(),
                    names => format!("name the field of the texts; there are {}", names.join(", ")),
                };
                Err(self.wrong(ErrorCode::InvalidFile, &format!("there is no field `{}`", shown(name))).hint(hint))
            }
            Err(error) => Err(self
                .wrong(ErrorCode::InvalidFile, &format!("this is not a JSON object: {}", without_line(&error)))
                .hint("put one JSON object on each line, or read the file as lines")),
        }
    }

    /// An error about the current line.
    fn wrong(&self, code: ErrorCode, what: &str) -> Error {
        let (path, line) = (self.path.display(), self.line_number);
        Error::new(code, format!("`{path}`, line {line}: {what}")).detail("path", path).detail("line", line)
    }
}

impl fmt::Debug for TextReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextReader")
            .field("path", &self.path)
            .field("options", &self.options)
            .field("line_number", &self.line_number)
            .finish_non_exhaustive()
    }
}

impl Iterator for TextReader {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.file.as_ref()?;
        let text = self.next_text().transpose();
        if !matches!(text, Some(Ok(_))) {
            self.file = None;
        }
        text
    }
}

/// Reads all texts of a file.
///
/// # Errors
/// Those of [`TextReader::open`]; [`ErrorCode::InvalidFile`] with the path and the line number for bytes that are not
/// UTF-8, a line that is not a JSON object, a field that is missing or not a text, and a line of more than 256 MiB;
/// [`ErrorCode::OutOfMemory`]; [`ErrorCode::Cancelled`].
pub fn read_texts(path: impl AsRef<Path>, options: &TextReaderOptions, control: &Control) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for text in TextReader::open(path, options)?.watched_by(control) {
        texts.try_reserve(1).map_err(|_| no_memory())?;
        texts.push(text?);
    }
    Ok(texts)
}

/// The error for texts that do not fit in memory.
pub(crate) fn no_memory() -> Error {
    Error::new(ErrorCode::OutOfMemory, "there is no memory for the texts of the file")
        .hint("read fewer texts at a time")
}

/// The encoding of a file that is not in UTF-8, from its byte order mark, or from the zero bytes that UTF-16 has
/// between the letters of European languages.
fn foreign_encoding(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        &[one, 0, other, 0, ..] | &[0, one, 0, other, ..] if one != 0 && other != 0 => Some("UTF-16"),
        _ => None,
    }
}

/// The message of a JSON error without its line number, which is always 1.
fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.replace(
        &format!(" at line {} column {}", error.line(), error.column()),
        &format!(" at column {}", error.column()),
    )
}
