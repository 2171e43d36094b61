//! Where texts come from: files and pipes, one text a line or JSON lines, read one after the other by the library's own reader.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use clap::{Arg, ArgMatches};
use eidos::{Control, Error, Result, TextFormat, TextReader, TextReaderOptions};

use crate::arguments::{choice, count, is_standard_input, text, value};

/// What standard input is called in errors.
const STANDARD_INPUT: &str = "standard input";

/// How files of texts are read.
pub fn arguments() -> [Arg; 3] {
    [
        choice("format", ["auto", "lines", "jsonl"], "The format of the texts; auto goes by the name of a file")
            .default_value("auto"),
        text("field", "NAME", "The field of each JSON object that holds the text").default_value("text"),
        count("most", "Read only so many texts"),
    ]
}

/// The texts of some files, one after the other.
pub struct Texts {
    waiting: VecDeque<PathBuf>,
    options: TextReaderOptions,
    reader: Option<TextReader>,
    control: Control,
    left: usize,
    /// The bytes of the files that were read to their end.
    read: u64,
    /// Those of all files; `None` where nobody knows.
    total: Option<u64>,
}

impl Texts {
    /// Opens files and pipes; `-` is standard input.
    ///
    /// # Errors
    /// Those of the library for a file that cannot be opened: before the first text of another one is read.
    pub fn open(paths: impl IntoIterator<Item = PathBuf>, given: &ArgMatches, control: &Control) -> Result<Self> {
        let format = match value(given, "format") {
            "lines" => TextFormat::Lines,
            "jsonl" => TextFormat::JsonLines,
            _ => TextFormat::Auto,
        };
        let options =
            TextReaderOptions { format, field: value(given, "field").to_owned(), ..TextReaderOptions::default() };
        let most = given.get_one::<usize>("most").copied();
        let waiting: VecDeque<PathBuf> = paths.into_iter().collect();
        if waiting.iter().filter(|path| is_standard_input(path)).count() > 1 {
            return Err(Error::argument("standard input was named twice").hint("name `-` once"));
        }
        let mut total = Some(0).filter(|_| most.is_none());
        for path in &waiting {
            let about = if is_standard_input(path) { None } else { Some(metadata(path)?) };
            let size = about.filter(std::fs::Metadata::is_file).map(|about| about.len());
            total = total.zip(size).map(|(total, size)| total + size);
        }
        let (control, left) = (control.clone(), most.unwrap_or(usize::MAX));
        Ok(Self { waiting, options, reader: None, control, left, read: 0, total })
    }

    /// How many bytes were read, and how many there are; `None` where nobody knows.
    pub fn position(&self) -> Option<(u64, u64)> {
        let here = self.reader.as_ref().map_or(0, TextReader::bytes_read);
        self.total.map(|total| (self.read + here, total))
    }

    fn next_text(&mut self) -> Result<Option<String>> {
        while self.left > 0 {
            if let Some(text) = self.reader.as_mut().and_then(Iterator::next) {
                self.left -= 1;
                return text.map(Some);
            }
            self.read += self.reader.take().map_or(0, |reader| reader.bytes_read());
            let Some(path) = self.waiting.pop_front() else { break };
            let reader = if is_standard_input(&path) {
                TextReader::of(STANDARD_INPUT, io::stdin(), &self.options)?
            } else if metadata(&path)?.is_file() || metadata(&path)?.is_dir() {
                TextReader::open(&path, &self.options)?
            } else {
                let pipe = std::fs::File::open(&path).map_err(|error| Error::io(&path, "open", &error))?;
                TextReader::of(path, pipe, &self.options)?
            };
            self.reader = Some(reader.watched_by(&self.control));
        }
        Ok(None)
    }
}

fn metadata(path: &PathBuf) -> Result<std::fs::Metadata> {
    std::fs::metadata(path).map_err(|error| Error::io(path, "open", &error))
}

impl Iterator for Texts {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.next_text().transpose();
        if !matches!(text, Some(Ok(_))) {
            self.left = 0;
        }
        text
    }
}
