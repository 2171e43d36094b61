//! Files of texts: one text a line, or JSON lines.

use std::ffi::c_char;
use std::ptr;

use super::call::{call, get, run};
use super::control::{control_or_default, eidos_control};
use super::error::eidos_error;
use super::handle::{Handle, handle};
use super::options::{self, options};
use super::status::eidos_status;
use super::strings::{borrow_string, check_out, choice, optional_text, share_handle, text, write_handle, write_len};
use crate::corpus::{TextFormat, TextReader, TextReaderOptions, no_memory};
use crate::error::Result;
use crate::text::StringTable;

/// Texts that were read from a file, for `eidos_inputs_from_texts_handle`. They never change: any number of threads may read
/// them at the same time. Freed with `eidos_texts_free`.
#[allow(non_camel_case_types)]
pub struct eidos_texts {
    _opaque: [u8; 0],
}

handle!(eidos_texts, StringTable, 9);

/// JSON lines for a name that ends in `.jsonl`, `.ndjson` or `.json`, else lines. The default.
pub const EIDOS_TEXT_FORMAT_AUTO: u32 = 0;
/// One text a line.
pub const EIDOS_TEXT_FORMAT_LINES: u32 = 1;
/// One JSON object a line, of which one field is the text.
pub const EIDOS_TEXT_FORMAT_JSON_LINES: u32 = 2;

/// How a file of texts is read. Fill it with `eidos_texts_options_init` first.
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct eidos_texts_options {
    /// The size of this struct, set by `eidos_texts_options_init`.
    pub struct_size: u32,
    /// How the texts are written: one of `EIDOS_TEXT_FORMAT_*`. By default what the name of the file says.
    pub format: u32,
    /// The field of a JSON object that is the text. NULL: `text`.
    pub field: *const c_char,
    /// How many texts are read at most, from the beginning of the file. By default all of them.
    pub most_texts: u64,
    /// 1 keeps texts that are empty or nothing but white space, so that there is one text for each line or JSON object. By
    /// default they are left out.
    pub keep_empty: u32,
    /// Always 0.
    pub reserved: u32,
}

options!(
    eidos_texts_options,
    Self {
        struct_size: size_of::<Self>() as u32,
        format: EIDOS_TEXT_FORMAT_AUTO,
        field: ptr::null(),
        most_texts: u64::MAX,
        keep_empty: 0,
        reserved: 0,
    }
);

impl eidos_texts_options {
    /// # Safety
    /// `field` is NULL or NUL-terminated.
    unsafe fn to_rust(self) -> Result<TextReaderOptions> {
        let formats = [
            (EIDOS_TEXT_FORMAT_AUTO, TextFormat::Auto),
            (EIDOS_TEXT_FORMAT_LINES, TextFormat::Lines),
            (EIDOS_TEXT_FORMAT_JSON_LINES, TextFormat::JsonLines),
        ];
        let defaults = TextReaderOptions::default();
        Ok(TextReaderOptions {
            format: choice(self.format, "format", &formats)?,
            // SAFETY: promised by the caller.
            field: unsafe { optional_text(self.field, "field") }?.map_or(defaults.field, str::to_owned),
            keep_empty: self.keep_empty != 0,
            most: (self.most_texts < u64::MAX).then(|| usize::try_from(self.most_texts).unwrap_or(usize::MAX)),
        })
    }
}

/// Fills options with the defaults. `size` is `sizeof(eidos_texts_options)`.
///
/// # Safety
/// `options` can be written for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_options_init(options: *mut eidos_texts_options, size: usize) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe { call(ptr::null_mut(), || options::init(options, size)) }
}

/// Reads the texts of a file in UTF-8. Lines end in a line feed, or a carriage return and a line feed; neither is part of a
/// text, nor is a byte order mark at the beginning of the file. A line has at most 256 MiB. What is wrong with a line
/// (`EIDOS_INVALID_FILE`) is said with its number, from 1, which is also the detail `line`. `options`, `control` and `err` may
/// be NULL.
///
/// # Safety
/// `path` is NUL-terminated; the options were filled by their init function; `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_read(
    path: *const c_char,
    options: *const eidos_texts_options,
    control: *const eidos_control,
    out: *mut *mut eidos_texts,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe {
        call(err, || {
            check_out(out, "out")?;
            let path = text(path, "path")?;
            let options = options::read(options)?.to_rust()?;
            let control = control_or_default(control)?;
            let mut texts = StringTable::default();
            for text in TextReader::open(path, &options)?.watched_by(&control) {
                texts.try_push(&text?).map_err(|_| no_memory())?;
            }
            write_handle(out, texts);
            Ok(())
        })
    }
}

/// How many texts there are.
///
/// # Safety
/// `texts` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_count(texts: *const eidos_texts) -> usize {
    // SAFETY: promised by the caller.
    get(0, || Ok(unsafe { eidos_texts::borrow(texts) }?.len()))
}

/// The text of an index, from 0; NULL beyond the last. Borrowed from the texts. `len` may be NULL; a text from JSON may have a
/// NUL inside, and then only `len` says where it ends.
///
/// # Safety
/// `texts` is NULL or a live handle; `len` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_get(texts: *const eidos_texts, index: usize, len: *mut usize) -> *const c_char {
    get(ptr::null(), || {
        // SAFETY: promised by the caller.
        unsafe {
            write_len(len, 0);
            Ok(borrow_string(eidos_texts::borrow(texts)?.get_with_nul(index), len))
        }
    })
}

/// One more handle of the same texts, for another owner, who frees it. What was borrowed from one is valid until the
/// last of them is freed.
///
/// # Safety
/// `texts` is a live handle; `out` can be written; `err` is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_retain(
    texts: *const eidos_texts,
    out: *mut *mut eidos_texts,
    err: *mut *mut eidos_error,
) -> eidos_status {
    // SAFETY: promised by the caller.
    unsafe { call(err, || share_handle(texts, out)) }
}

/// Frees texts; NULL is fine.
///
/// # Safety
/// `texts` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn eidos_texts_free(texts: *mut eidos_texts) {
    // SAFETY: promised by the caller.
    run(|| unsafe { eidos_texts::free(texts) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::options::Options;

    #[test]
    fn the_defaults_are_those_of_rust() {
        // SAFETY: the defaults have no strings.
        assert_eq!(unsafe { eidos_texts_options::DEFAULT.to_rust() }.unwrap(), TextReaderOptions::default());
    }
}
