//! Files of texts: whatever wrote them, the texts are the same, and what is wrong is named by its line.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;

use eidos::{Control, Error, ErrorCode, TextFormat, TextReader, TextReaderOptions, read_texts};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn read(&self, name: &str, content: &[u8], options: &TextReaderOptions) -> Result<Vec<String>, Error> {
        read_texts(self.file(name, content), options, &Control::new())
    }

    fn texts(&self, name: &str, content: &[u8]) -> Vec<String> {
        self.read(name, content, &TextReaderOptions::default()).unwrap()
    }
}

fn keeping() -> TextReaderOptions {
    TextReaderOptions { keep_empty: true, ..TextReaderOptions::default() }
}

#[test]
fn line_ends_and_a_byte_order_mark_are_no_part_of_a_text() {
    let folder = Folder::new();
    let expected = ["A warm film .", "  spaces and\ttabs stay ", "ünï“code”"];
    let unix = expected.join("\n");
    let mut variants =
        vec![unix.clone(), format!("{unix}\n"), unix.replace('\n', "\r\n"), format!("{unix}\n\n \n\r\n")];
    variants.extend(variants.clone().into_iter().map(|text| format!("\u{feff}{text}")));
    for content in variants {
        assert_eq!(folder.texts("texts.txt", content.as_bytes()), expected, "{content:?}");
    }
    // A mark in the middle and a carriage return inside a line are characters as any other, and so is a NUL.
    let odd = "a\u{feff}b\nc\rd\nsome\0thing";
    assert_eq!(folder.texts("texts.txt", odd.as_bytes()), ["a\u{feff}b", "c\rd", "some\0thing"]);
}

#[test]
fn json_lines_are_read_by_their_field() {
    let folder = Folder::new();
    let content = "\u{feff}{\"text\": \"a\\r\\nb\", \"label\": 1}\r\n\r\n{\"label\": {\"text\": \"no\"}, \"text\": \"\\u0000\\ud83d\\ude00\"}";
    for name in ["texts.jsonl", "texts.JSONL", "texts.ndjson", "texts.json"] {
        assert_eq!(folder.texts(name, content.as_bytes()), ["a\r\nb", "\0😀"], "{name}");
    }
    let options = TextReaderOptions { format: TextFormat::JsonLines, field: "label".to_owned(), ..keeping() };
    assert_eq!(folder.read("texts", b"{\"label\": \"x\"}\n", &options).unwrap(), ["x"]);
    let lines = TextReaderOptions { format: TextFormat::Lines, ..TextReaderOptions::default() };
    assert_eq!(folder.read("texts.jsonl", b"{\"label\": \"x\"}\n", &lines).unwrap(), ["{\"label\": \"x\"}"]);
}

#[test]
fn empty_texts_are_left_out_or_kept() {
    let folder = Folder::new();
    let content = b"\na\n \t\r\nb\n\n";
    assert_eq!(folder.texts("texts.txt", content), ["a", "b"]);
    assert_eq!(folder.read("texts.txt", content, &keeping()).unwrap(), ["", "a", " \t", "b", ""]);
    let records = b"{\"text\": \"\"}\n\n{\"text\": \"a\"}\n{\"text\": \"\\u3000\"}\n";
    assert_eq!(folder.texts("texts.jsonl", records), ["a"]);
    assert_eq!(folder.read("texts.jsonl", records, &keeping()).unwrap(), ["", "a", "\u{3000}"]);
    for empty in [&b""[..], b"\xef\xbb\xbf", b"\n", b"\r\n"] {
        assert!(folder.texts("texts.txt", empty).is_empty() && folder.texts("texts.jsonl", empty).is_empty());
    }
}

#[test]
fn no_more_texts_are_read_than_wanted() {
    let folder = Folder::new();
    for (most, expected) in [(0, &[][..]), (1, &["a"]), (2, &["a", "b"])] {
        let options = TextReaderOptions { most: Some(most), ..TextReaderOptions::default() };
        // What is wrong comes after them.
        assert_eq!(folder.read("texts.txt", b"a\n\nb\n\xff\n", &options).unwrap(), expected);
    }
}

#[test]
fn long_lines_are_whole() {
    let folder = Folder::new();
    let long = "word ".repeat(1 << 18);
    let texts = folder.texts("texts.txt", format!("{long}\n{long}end").as_bytes());
    assert_eq!((texts[0].len(), texts[1].len()), (long.len(), long.len() + 3));
}

#[test]
fn what_is_wrong_is_named_by_file_and_line() {
    let folder = Folder::new();
    for (name, content, line, message, hint) in [
        ("texts.txt", &b"a\n\nbc\xff\n"[..], 3, "byte 3 is not UTF-8", "convert"),
        ("texts.txt", b"caf\xe9", 1, "byte 4 is not UTF-8", "convert"),
        ("texts.txt", b"\xed\xa0\x80", 1, "byte 1 is not UTF-8", "convert"),
        ("texts.jsonl", b"{\"text\": \"a\"}\n\n{\"text\": \"b\"\n", 3, "not a JSON object", "one JSON object"),
        ("texts.jsonl", b"plain words\n", 1, "not a JSON object", "as lines"),
        ("texts.jsonl", b"[{\"text\": \"a\"}]\n", 1, "not a JSON object", "one JSON object"),
        ("texts.jsonl", b"{\"text\": \"a\"} {\"text\": \"b\"}\n", 1, "not a JSON object", "one JSON object"),
        ("texts.jsonl", b"{\"text\": \"\\ud83d\"}\n", 1, "not a JSON object", "one JSON object"),
        ("texts.jsonl", b"{\"text\": \"a\"}\n{\"sentence\": \"b\"}\n", 2, "there is no field `text`", "`sentence`"),
        ("texts.jsonl", b"{}\n", 1, "there is no field `text`", "no fields"),
        ("texts.jsonl", b"{\"text\": null}\n", 1, "the field `text` is null", "in every line"),
        ("texts.jsonl", b"{\"text\": [\"a\"]}\n", 1, "the field `text` is a list", "in every line"),
    ] {
        let error = folder.read(name, content, &TextReaderOptions::default()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
        let (path, place) = (folder.0.path().join(name), format!("{name}`, line {line}: "));
        assert!(error.message().contains(&place) && error.message().contains(message), "{error}");
        assert!(error.hint_text().contains(hint), "{error}");
        let details = [("path".to_owned(), path.display().to_string()), ("line".to_owned(), line.to_string())];
        assert_eq!(error.details(), details);
    }
}

#[test]
fn other_encodings_are_said() {
    let folder = Folder::new();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let utf16_be = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    for (content, encoding) in [
        (utf16("\u{feff}film\n"), "UTF-16"),
        (utf16_be("\u{feff}film\n"), "UTF-16"),
        (utf16("film\n"), "UTF-16"),
        (utf16_be("film\n"), "UTF-16"),
        (b"\xff\xfe\0\0f\0\0\0".to_vec(), "UTF-32"),
        (b"\0\0\xfe\xff\0\0\0f".to_vec(), "UTF-32"),
    ] {
        for name in ["texts.txt", "texts.jsonl"] {
            let error = folder.read(name, &content, &TextReaderOptions::default()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidFile);
            assert!(error.message().contains(encoding) && error.hint_text().contains("UTF-8"), "{error}");
        }
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = Folder::new();
    let read = |path: PathBuf| read_texts(path, &TextReaderOptions::default(), &Control::new()).unwrap_err();
    let missing = read(folder.0.path().join("missing.txt"));
    assert_eq!(missing.code(), ErrorCode::NotFound);
    assert!(missing.message().contains("missing.txt"));
    let folder_itself = read(folder.0.path().to_owned());
    assert_eq!(folder_itself.code(), ErrorCode::InvalidFile);
    assert!(folder_itself.message().contains("is not a file"));
    #[cfg(unix)]
    assert_eq!(read(PathBuf::from("/dev/zero")).code(), ErrorCode::InvalidFile);
}

#[test]
fn texts_come_one_after_the_other_until_an_error() {
    let folder = Folder::new();
    let path = folder.file("texts.txt", b"a\nb\n\xff\nc\n");
    let mut reader = TextReader::open(&path, &TextReaderOptions::default()).unwrap();
    assert_eq!(reader.next().unwrap().unwrap(), "a");
    assert_eq!(reader.next().unwrap().unwrap(), "b");
    assert!(reader.next().unwrap().unwrap_err().message().contains("line 3"));
    assert!(reader.next().is_none(), "nothing comes after an error");
}

#[test]
fn texts_are_read_from_any_bytes_as_if_from_a_file_of_that_name() {
    let options = TextReaderOptions::default();
    let bytes = &b"\xef\xbb\xbf{\"text\": \"a\"}\n{\"text\": \"b\"}\nc\n"[..];
    let mut reader = TextReader::of("pipe.jsonl", bytes, &options).unwrap();
    assert_eq!((reader.bytes_read(), reader.next().unwrap().unwrap().as_str()), (3, "a"));
    assert_eq!(reader.bytes_read(), 3 + 14);
    assert_eq!((reader.next().unwrap().unwrap().as_str(), reader.bytes_read()), ("b", 3 + 2 * 14));
    assert!(reader.next().unwrap().unwrap_err().message().starts_with("`pipe.jsonl`, line 3: "));
    let lines: Vec<String> = TextReader::of("pipe", &b"a\n\nb"[..], &options).unwrap().map(Result::unwrap).collect();
    assert_eq!(lines, ["a", "b"]);
    let error = TextReader::of("pipe", &b"\xff\xfea\0"[..], &options).unwrap_err();
    assert!(error.message().contains("`pipe` is in UTF-16"), "{error}");
}

#[test]
fn reading_can_be_cancelled() {
    let folder = Folder::new();
    let control = Control::new();
    control.cancel();
    let path = folder.file("texts.txt", b"a\n");
    let error = read_texts(path, &TextReaderOptions::default(), &control).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
}

#[test]
fn reading_can_be_cancelled_among_lines_that_are_left_out() {
    let folder = Folder::new();
    let path = folder.file("texts.txt", &[b"a\n"[..].to_vec(), b"\n".repeat(1000)].concat());
    let control = Control::new();
    let mut reader = TextReader::open(&path, &TextReaderOptions::default()).unwrap().watched_by(&control);
    assert_eq!(reader.next().unwrap().unwrap(), "a");
    control.cancel();
    assert_eq!(reader.next().unwrap().unwrap_err().code(), ErrorCode::Cancelled);
    assert!(reader.next().is_none());
}
