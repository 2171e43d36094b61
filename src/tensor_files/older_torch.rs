//! What `torch.save` wrote before PyTorch 1.6, and writes with `_use_new_zipfile_serialization=False`.
//!
//! Five pickles follow each other: a number that says what the file is, the version of the format, the machine that wrote
//! it, the checkpoint, and the names of its storages. Behind them the storages lie in that order, each after the count of
//! its numbers. The pickles are [read and never run](super::pickle).

use std::collections::HashMap;
use std::ops::Range;

use super::archive::CONVERT;
use super::directory::Problem;
use super::pickle::{Pickle, Value};
use super::torch::Storages;
use crate::error::shown;

/// The number that such a file begins with, as a pickle: ten bytes, the lowest first.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
/// The versions of pickles; PyTorch takes the first unless it is told another one.
const PROTOCOLS: std::ops::RangeInclusive<u8> = 2..=5;
/// What the later versions say of the length of what follows, in eight bytes more.
const FRAME: u8 = 0x95;

/// The only version that there was.
const VERSION: i64 = 1001;

/// Whether a file is such a one, by its first bytes.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let [0x80, protocol, rest @ ..] = bytes else { return false };
    let rest = match rest {
        [FRAME, rest @ ..] => rest.get(8..).unwrap_or_default(),
        rest => rest,
    };
    PROTOCOLS.contains(protocol) && rest.starts_with(MAGIC)
}

/// The storages of a file, by name.
pub(super) struct Places<'a> {
    ranges: HashMap<&'a str, Range<usize>>,
}

impl Storages for Places<'_> {
    fn find(&self, key: &str) -> Result<Option<Range<usize>>, Problem> {
        Ok(self.ranges.get(key).cloned())
    }
}

/// Reads the pickles of a file and finds its storages. No pickle may be longer than `longest`.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn open(bytes: &[u8], longest: usize) -> Result<(Pickle<'_>, Places<'_>), Problem> {
    let (_, rest) = pickle(bytes, longest)?;
    let (version, rest) = pickle(rest, longest)?;
    if *version.value(version.root) != Value::Integer(VERSION) {
        return Err("is a file of PyTorch in a version of its format that never was".to_owned().into());
    }
    let (machine, rest) = pickle(rest, longest)?;
    let Value::Dictionary(fields) = machine.value(machine.root) else {
        return Err("is a damaged checkpoint: it does not say which machine wrote it".to_owned().into());
    };
    let order = fields.iter().find(|(name, _)| machine.text(*name) == Some("little_endian"));
    if order.is_some_and(|(_, value)| *machine.value(*value) == Value::Flag(false)) {
        return Err(Problem::NotRead("holds numbers whose highest byte comes first", CONVERT));
    }
    let (checkpoint, rest) = pickle(rest, longest)?;
    let (names, rest) = pickle(rest, longest)?;
    let ranges = places(&checkpoint, &names, bytes, bytes.len() - rest.len())?;
    Ok((checkpoint, Places { ranges }))
}

fn pickle(bytes: &[u8], longest: usize) -> Result<(Pickle<'_>, &[u8]), Problem> {
    let start = bytes.get(..longest).unwrap_or(bytes);
    let (pickle, left) = Pickle::read(start)?;
    Ok((pickle, &bytes[start.len() - left.len()..]))
}

/// Where the storages lie that begin at `position`.
fn places<'a>(
    checkpoint: &Pickle<'a>,
    names: &Pickle<'a>,
    bytes: &[u8],
    mut position: usize,
) -> Result<HashMap<&'a str, Range<usize>>, Problem> {
    let described: HashMap<&str, (&str, usize)> = checkpoint
        .persistent()
        .filter_map(|storage| {
            let storage = checkpoint.storage(storage)?;
            Some((storage.key, (storage.class, storage.count)))
        })
        .collect();
    let keys =
        names.items(names.root).ok_or_else(|| "is a damaged checkpoint: it does not list its storages".to_owned())?;
    let mut ranges = HashMap::new();
    for key in keys {
        let key = names.text(*key).unwrap_or_default();
        let damaged = |what: &str| format!("is a damaged checkpoint: its storage `{}` {what}", shown(key));
        let (class, count) = *described.get(key).ok_or_else(|| damaged("belongs to no tensor"))?;
        let Some(size) = number_size(class) else {
            return Err(Problem::NotRead("has a storage of numbers of an unknown type", CONVERT));
        };
        let (own, start) = length(bytes, position).ok_or_else(|| damaged("is not there: the file ends before it"))?;
        if own != count {
            return Err(damaged("is of another length than its tensors say").into());
        }
        let end = count.checked_mul(size).and_then(|size| start.checked_add(size)).filter(|end| *end <= bytes.len());
        let end = end.ok_or_else(|| damaged("is not whole: the file ends inside it"))?;
        if ranges.insert(key, start..end).is_some() {
            return Err(damaged("is there twice").into());
        }
        position = end;
    }
    Ok(ranges)
}

/// The count of numbers that is written at a position, and what comes after it.
fn length(bytes: &[u8], position: usize) -> Option<(usize, usize)> {
    let end = position.checked_add(8)?;
    let count = u64::from_le_bytes(bytes.get(position..end)?.try_into().ok()?);
    Some((usize::try_from(count).ok()?, end))
}

/// How many bytes a number of a storage takes.
fn number_size(class: &str) -> Option<usize> {
    Some(match class {
        "ByteStorage" | "CharStorage" | "BoolStorage" | "QInt8Storage" | "QUInt8Storage" | "UntypedStorage" => 1,
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
        "FloatStorage" | "IntStorage" | "QInt32Storage" => 4,
        "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => 8,
        "ComplexDoubleStorage" => 16,
        _ => return None,
    })
}
