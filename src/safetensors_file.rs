//! Safetensors files in memory.
//!
//! The safetensors crate checks that the tensors follow each other without gaps and overlaps, from the end of the header
//! to the end of the file. It does not detect a header that describes one name twice, which the format forbids: it takes
//! the last description, while other readers may take the first.

use std::collections::HashSet;
use std::fmt;

use safetensors::SafeTensors;
use safetensors::tensor::Metadata;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::shown;

/// Reads the header of a file. Returns where the tensors begin, and what they are.
///
/// # Errors
/// What is wrong with the file, as the end of a sentence that begins with its name.
pub(crate) fn header(bytes: &[u8]) -> Result<(usize, Metadata), String> {
    let (length, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| not_whole(&error))?;
    check_names(bytes, length)?;
    // The eight bytes before the header hold its length.
    Ok((length + 8, metadata))
}

/// Opens a file to get at the values of its tensors.
///
/// # Errors
/// As [`header`].
pub(crate) fn open(bytes: &[u8]) -> Result<SafeTensors<'_>, String> {
    header(bytes)?;
    SafeTensors::deserialize(bytes).map_err(|error| not_whole(&error))
}

fn check_names(bytes: &[u8], length: usize) -> Result<(), String> {
    let header = bytes.get(8..).and_then(|rest| rest.get(..length)).unwrap_or_default();
    serde_json::from_slice::<UniqueNames>(header).map_err(|error| not_whole(&error))?;
    Ok(())
}

fn not_whole(error: &dyn fmt::Display) -> String {
    format!("is not a whole safetensors file: {error}")
}

/// An object whose keys differ from each other.
struct UniqueNames;

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format_args!("the tensor `{}` is described twice", shown(&name))));
            }
            names.insert(name);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of these entries with so many bytes of values.
    fn file(entries: &str, size: usize) -> Vec<u8> {
        let header = format!("{{{entries}}}");
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; size]].concat()
    }

    fn entry(name: &str, dtype: &str, first: usize, end: usize) -> String {
        let count = (end - first) / 2;
        format!(r#""{name}":{{"dtype":"{dtype}","shape":[{count}],"data_offsets":[{first},{end}]}}"#)
    }

    #[test]
    fn every_byte_belongs_to_one_tensor() {
        let of = |entries: &[String], size: usize| header(&file(&entries.join(","), size)).map(|(start, _)| start);
        let (a, b) = (entry("a", "F16", 0, 4), entry("b", "F16", 4, 8));
        assert!(of(&[b.clone(), a.clone()], 8).is_ok());
        for (what, entries, size) in [
            ("a hole", [a.clone(), entry("b", "F16", 6, 10)], 10),
            ("an overlap", [a.clone(), entry("b", "F16", 2, 6)], 6),
            ("one range", [a.clone(), entry("b", "F16", 0, 4)], 4),
            ("the end missing", [a.clone(), b.clone()], 6),
            ("something behind", [a.clone(), b.clone()], 10),
            ("not at the beginning", [b.clone(), entry("c", "F16", 8, 10)], 10),
        ] {
            let error = of(&entries, size).expect_err(what);
            assert!(error.contains("not a whole safetensors file"), "{what}: {error}");
        }
    }

    #[test]
    fn a_name_that_is_described_twice_is_refused() {
        // Both descriptions are of all bytes: as numbers of one type or of another.
        let bytes = file(&[entry("a", "F16", 0, 4), entry("a", "BF16", 0, 4)].join(","), 4);
        assert!(SafeTensors::deserialize(&bytes).is_ok(), "the crate sees it now");
        for error in [header(&bytes).map(|_| ()).unwrap_err(), open(&bytes).map(|_| ()).unwrap_err()] {
            assert!(error.contains("the tensor `a` is described twice"), "{error}");
        }
    }
}
