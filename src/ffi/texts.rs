//! Files of texts: one text a line, or JSON lines.

use std::ffi::c_char;

use super::arguments::{In, Out, Owned, Ref, Text, call};
use super::control::{eidos_control, watched};
use super::error::eidos_error;
use super::handle::handle;
use super::options::options;
use super::status::eidos_status;
use super::strings::choice;
use crate::corpus::{TextFormat, TextReader, TextReaderOptions, no_memory};
use crate::error::Result;
use crate::text::StringTable;

/// Texts hold what was read from a file, which becomes inputs with `eidos_inputs_from_texts_handle`. They never change:
/// any number of threads may read them at the same time. Made by `eidos_texts_read`, freed with `eidos_texts_free`.
#[allow(non_camel_case_types)]
pub struct eidos_texts {
    _opaque: [u8; 0],
}

handle!(eidos_texts, StringTable, 9);

/// The file has JSON lines where its name ends in `.jsonl`, `.ndjson` or `.json`, else lines. The default.
pub const EIDOS_TEXT_FORMAT_AUTO: u32 = 0;
/// The file has one text a line.
pub const EIDOS_TEXT_FORMAT_LINES: u32 = 1;
/// The file has one JSON object a line, of which one field is the text.
pub const EIDOS_TEXT_FORMAT_JSON_LINES: u32 = 2;

/// These options say how a file of texts is read. Fill the struct with `eidos_texts_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_texts_options {
    /// This is the size of the struct in bytes, set by `eidos_texts_options_init`.
    pub struct_size: u32,
    /// The format says how the texts are written: one of `EIDOS_TEXT_FORMAT_*`. By default what the name of the file
    /// says.
    pub format: u32,
    /// The text is the field of this name of a JSON object. NULL means `text`.
    pub field: Text,
    /// This many texts are read at most, from the beginning of the file. By default all of them.
    pub most_texts: u64,
    /// 1 keeps texts that are empty or nothing but white space, so that there is one text for each line or JSON object.
    /// By default they are left out.
    pub keep_empty: u32,
    /// This field is always 0.
    pub reserved: u32,
}

options!(
    eidos_texts_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        format: EIDOS_TEXT_FORMAT_AUTO,
        field: Text::NULL,
        most_texts: u64::MAX,
        keep_empty: 0,
        reserved: 0,
    }
);

impl eidos_texts_options {
    fn to_rust(self) -> Result<TextReaderOptions> {
        let formats = [
            (EIDOS_TEXT_FORMAT_AUTO, TextFormat::Auto),
            (EIDOS_TEXT_FORMAT_LINES, TextFormat::Lines),
            (EIDOS_TEXT_FORMAT_JSON_LINES, TextFormat::JsonLines),
        ];
        let defaults = TextReaderOptions::default();
        Ok(TextReaderOptions {
            format: choice(self.format, "format", &formats)?,
            field: self.field.optional("field")?.map_or(defaults.field, str::to_owned),
            keep_empty: self.keep_empty != 0,
            most: (self.most_texts < u64::MAX).then(|| usize::try_from(self.most_texts).unwrap_or(usize::MAX)),
        })
    }
}

/// Fills the options of texts with the defaults. `size` is `sizeof(eidos_texts_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_options_init(options: Out<eidos_texts_options>, size: usize) -> eidos_status {
    options.init(size)
}

/// Reads the texts of a file in UTF-8. Lines end in a line feed, or a carriage return and a line feed; neither is part
/// of a text, nor is a byte order mark at the beginning of the file. A line has at most 256 MiB. What is wrong with a
/// line (`EIDOS_INVALID_FILE`) is said with its number, from 1, which is also the detail `line`. `options`, `control`
/// and `err` may be NULL.
///
/// # Safety
/// `path` is NUL-terminated; the options were filled by their init function; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_read(
    path: Text,
    options: In<eidos_texts_options>,
    control: Ref<eidos_control>,
    out: Out<*mut eidos_texts>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || {
        let out = out.place("out")?;
        let path = path.get("path")?;
        let options = options.read()?.to_rust()?;
        let control = watched(&control)?;
        let mut texts = StringTable::default();
        for text in TextReader::open(path, &options)?.watched_by(&control) {
            texts.try_push(&text?).map_err(|_| no_memory())?;
        }
        out.handle(texts);
        Ok(())
    })
}

/// Counts the texts that were read from a file.
///
/// # Safety
/// `texts` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_count(texts: Ref<eidos_texts>) -> usize {
    texts.read(0, StringTable::len)
}

/// Gives a text by its index, from 0; NULL beyond the last. The string is borrowed from the texts. `len` may be NULL; a
/// text from JSON may have a NUL inside, and then only `len` says where it ends.
///
/// # Safety
/// `texts` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_get(texts: Ref<eidos_texts>, index: usize, len: Out<usize>) -> *const c_char {
    texts.string(len, |value| Some(value.get_with_nul(index)))
}

/// Makes one more handle of the same texts, for another owner, who frees it. What was borrowed from one is valid until
/// the last of them is freed. `err` may be NULL.
///
/// # Safety
/// `texts` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_retain(
    texts: Ref<eidos_texts>,
    out: Out<*mut eidos_texts>,
    err: Out<*mut eidos_error>,
) -> eidos_status {
    call(err, || texts.share(out))
}

/// Frees texts; NULL is fine.
///
/// # Safety
/// `texts` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_free(texts: Owned<eidos_texts>) {
    texts.free();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        assert_eq!(eidos_texts_options::DEFAULT.to_rust().unwrap(), TextReaderOptions::default());
    }
}
