//! The arrays of an `.npz`: what `numpy.savez` and `numpy.savez_compressed` write, an archive of files each of which is an array.
//!
//! An array may be compressed. Then its header alone is unpacked here, which says how many values there are, and the values when
//! somebody reads them.

use std::io::{ErrorKind, Read};
use std::ops::Range;

use flate2::read::DeflateDecoder;

use super::archive::{Archive, Packing};
use super::directory::{Entry, Problem};
use super::stored::{Layout, NumberType};
use crate::error::shown;

/// What the file of an array begins with.
const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header that is read: NumPy's own limit is 10,000 bytes.
const LONGEST_HEADER: usize = 16 << 10;
/// As many sides as NumPy allows.
const MOST_SIDES: usize = 64;

/// An array of the archive.
pub(crate) struct Array {
    pub name: String,
    /// Its range is that of the values in the file, or of the whole packed entry.
    pub entry: Entry,
    /// Of a compressed one, how many unpacked bytes come before the values.
    pub packed: Option<usize>,
}

/// The arrays of an archive; other files in it are left aside.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn directory(bytes: &[u8]) -> Result<Vec<Array>, Problem> {
    let archive = Archive::of_files(bytes, "NumPy")?;
    let mut arrays = Vec::new();
    for file in archive.names() {
        let Some(name) = file.strip_suffix(".npy") else { continue };
        let Some((packing, entry)) = archive.packed(file)? else { continue };
        let range = entry.start..entry.start + entry.bytes.len();
        arrays.push(array(name, packing, entry.bytes, range)?);
    }
    if arrays.is_empty() {
        return Err("is an archive without an array in it".to_owned().into());
    }
    Ok(arrays)
}

/// The array in an entry, whose bytes lie at `range` of the file.
fn array(name: &str, packing: Packing, bytes: &[u8], range: Range<usize>) -> Result<Array, String> {
    let damaged = |what: &str| format!("is a damaged archive of NumPy: the array `{}` {what}", shown(name));
    let header = match packing {
        Packing::Stored => bytes.get(..LONGEST_HEADER.min(bytes.len())).unwrap_or_default().to_vec(),
        Packing::Deflated => beginning(bytes).ok_or_else(|| damaged("cannot be unpacked"))?,
    };
    let (text, before) = header_of(&header).ok_or_else(|| damaged("has no header that is understood"))?;
    let Header { kind, by_columns, shape } =
        Header::read(text).ok_or_else(|| damaged("has no header that is understood"))?;
    let numbers = match kind {
        "<f4" => NumberType::F32,
        "<f2" => NumberType::F16,
        "<f8" => NumberType::F64,
        other => NumberType::Other(format!("`{}`", shown(other))),
    };
    let (entry_range, packed) = match packing {
        Packing::Stored => (range.start + before..range.end, None),
        Packing::Deflated => (range, Some(before)),
    };
    let size = numbers.size_of(&shape).filter(|_| packed.is_none());
    if size.is_some_and(|size| size != entry_range.len()) {
        return Err(damaged("has not as many values as it says"));
    }
    let layout = match strides(&shape).filter(|_| by_columns) {
        Some(strides) => Layout::Strided(strides),
        None => Layout::Rows,
    };
    Ok(Array { name: name.to_owned(), entry: Entry { shape, numbers, range: entry_range, layout }, packed })
}

/// The first bytes of what was packed.
fn beginning(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut first = Vec::new();
    let mut decoder = DeflateDecoder::new(bytes).take(LONGEST_HEADER as u64);
    match decoder.read_to_end(&mut first) {
        Ok(_) => Some(first),
        // What is wrong behind the header is found where the values are read.
        Err(error) if error.kind() != ErrorKind::Interrupted && !first.is_empty() => Some(first),
        Err(_) => None,
    }
}

/// The text of the header of an array, and how many bytes come before its values.
fn header_of(bytes: &[u8]) -> Option<(&str, usize)> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, first) = match rest {
        [1, _, low, high, ..] => (usize::from(u16::from_le_bytes([*low, *high])), MAGIC.len() + 4),
        [2 | 3, _, length @ ..] => (usize::try_from(u32::from_le_bytes(*length.first_chunk()?)).ok()?, MAGIC.len() + 6),
        _ => return None,
    };
    let text = std::str::from_utf8(bytes.get(first..first.checked_add(length)?)?).ok()?;
    Some((text, first + length))
}

/// The dimensions of values that lie one after the other, the first side running fastest, with two sides or more that are not 1.
fn strides(shape: &[usize]) -> Option<Vec<usize>> {
    let mut step = 1_usize;
    let mut strides = Vec::with_capacity(shape.len());
    for side in shape {
        strides.push(step);
        step = step.checked_mul(*side)?;
    }
    (shape.iter().filter(|side| **side != 1).count() > 1).then_some(strides)
}

/// What the header of an array says: `{'descr': '<f4', 'fortran_order': False, 'shape': (8, 16), }`.
struct Header<'a> {
    kind: &'a str,
    by_columns: bool,
    shape: Vec<usize>,
}

impl<'a> Header<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (mut kind, mut by_columns, mut shape) = (None, None, None);
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            rest = match key {
                "descr" => {
                    let (found, rest) = quoted(value)?;
                    kind = Some(found);
                    rest
                }
                "fortran_order" => {
                    let (flag, rest) = ["True", "False"]
                        .into_iter()
                        .find_map(|flag| Some((flag == "True", value.strip_prefix(flag)?)))?;
                    by_columns = Some(flag);
                    rest
                }
                "shape" => {
                    let (inner, rest) = value.strip_prefix('(')?.split_once(')')?;
                    let sides = inner.split(',').map(str::trim).filter(|side| !side.is_empty());
                    let sides: Option<Vec<usize>> = sides.map(|side| side.parse().ok()).collect();
                    shape = Some(sides.filter(|sides| sides.len() <= MOST_SIDES)?);
                    rest
                }
                _ => return None,
            };
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        Some(Self { kind: kind?, by_columns: by_columns?, shape: shape? })
    }
}

/// A text in quotes at the beginning, and what comes behind it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.split_once(quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        let header = Header::read("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 5), }  \n").unwrap();
        assert_eq!((header.kind, header.by_columns, header.shape), ("<f4", true, vec![3, 5]));
        assert_eq!(strides(&[3, 5]), Some(vec![1, 3]));
        assert_eq!(strides(&[1, 5]), None);
        let scalar = Header::read("{'descr': '<i8', 'fortran_order': False, 'shape': ()}").unwrap();
        assert!(scalar.shape.is_empty() && !scalar.by_columns);
        for damaged in [
            "",
            "{",
            "{'descr': '<f4'}",
            "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        ] {
            assert!(Header::read(damaged).is_none(), "{damaged}");
        }
    }
}
