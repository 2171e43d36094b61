//! The options for reading files of texts.

use std::path::Path;

/// The format of a file of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u32)]
pub enum TextFormat {
    /// JSON lines for a name that ends in `.jsonl`, `.ndjson` or `.json`, otherwise lines.
    #[default]
    Auto = 0,
    /// One text a line.
    Lines = 1,
    /// One JSON object a line, of which one field is the text.
    JsonLines = 2,
}

impl TextFormat {
    /// Whether a file is read as JSON lines.
    pub(super) fn has_records(self, path: &Path) -> bool {
        match self {
            Self::Lines => false,
            Self::JsonLines => true,
            Self::Auto => path.extension().is_some_and(|extension| {
                ["jsonl", "ndjson", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
            }),
        }
    }
}

/// The options for reading a file of texts.
///
/// ```
/// use eidos::TextReaderOptions;
/// let options = TextReaderOptions { field: "sentence".to_owned(), most: Some(1000), ..TextReaderOptions::default() };
/// assert!(!options.keep_empty);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextReaderOptions {
    /// The format of the file.
    pub format: TextFormat,
    /// The field of each JSON object that holds the text.
    pub field: String,
    /// Keep texts that are empty or only white space, so that there is one text for each line or JSON object. Otherwise
    /// they are skipped.
    pub keep_empty: bool,
    /// The most texts to read, from the beginning of the file; `None` reads all.
    pub most: Option<usize>,
}

impl Default for TextReaderOptions {
    fn default() -> Self {
        Self { format: TextFormat::Auto, field: "text".to_owned(), keep_empty: false, most: None }
    }
}
