//! The directory of a `pytorch_model.bin`: what `torch.save` writes.
//!
//! Since PyTorch 1.6 it is an [`archive`](super::archive): a pickle that says which tensor is which view of which storage,
//! and an entry for each storage. [Before](super::older_torch), the storages lay behind the pickle. The pickle is not read by
//! candle, whose reader copies values on every use and nests them, so that a small hostile file ends the process, and prints
//! what it does not know; [`pickle`](super::pickle) takes memory in proportion to the file.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::archive::{self, Archive, CONVERT};
use super::directory::{Directory, Entry, Problem};
use super::older_torch;
use super::pickle::{Id, Pickle, Storage, Value};
use super::stored::{Layout, NumberType};
use crate::error::shown;

/// The largest pickle in use describes some ten thousand tensors in a few megabytes. Its values take up to a hundred
/// times as much memory.
const LARGEST_PICKLE: usize = 16 << 20;

/// Whether a file is one of PyTorch, by its first bytes.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(archive::ENTRY) || older_torch::is_one(bytes)
}

/// Where a file has the storages of its tensors.
pub(super) trait Storages {
    /// The bytes of a storage in the file; `None` where it has none of that name.
    ///
    /// # Errors
    /// What is wrong with the file there.
    fn find(&self, key: &str) -> Result<Option<Range<usize>>, Problem>;
}

impl Storages for Archive<'_> {
    fn find(&self, key: &str) -> Result<Option<Range<usize>>, Problem> {
        let entry = self.entry(&format!("data/{key}"))?;
        Ok(entry.map(|entry| entry.start..entry.start + entry.bytes.len()))
    }
}

/// The tensors of a file.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn directory(bytes: &[u8]) -> Result<Directory, Problem> {
    if older_torch::is_one(bytes) {
        let (checkpoint, storages) = older_torch::open(bytes, LARGEST_PICKLE)?;
        return tensors(&checkpoint, &storages);
    }
    let archive = Archive::open(bytes)?;
    if archive.holds("constants.pkl") {
        return Err(Problem::NotRead("is a TorchScript program, not weights", CONVERT));
    }
    if let Some(order) = archive.entry("byteorder")?
        && order.bytes != b"little"
    {
        return Err(Problem::NotRead("holds numbers whose highest byte comes first", CONVERT));
    }
    let pickle = archive.entry("data.pkl")?;
    let pickle = pickle.ok_or_else(|| "is an archive without a checkpoint in it".to_owned())?;
    if pickle.bytes.len() > LARGEST_PICKLE {
        let size = pickle.bytes.len();
        return Err(format!("has a pickle of {size} bytes, more than the {LARGEST_PICKLE} that one may have").into());
    }
    tensors(&Pickle::read(pickle.bytes)?.0, &archive)
}

/// The tensors of a checkpoint.
fn tensors(pickle: &Pickle<'_>, storages: &dyn Storages) -> Result<Directory, Problem> {
    let mut tensors = Vec::new();
    // A pickle may set one long name a million times, which must be neither copied nor compared as often.
    let mut seen = HashSet::new();
    let mut types = HashMap::new();
    // Where a name is set twice, the last one holds.
    for (name, value) in state(pickle)?.iter().rev() {
        let Some(name) = pickle.text(*name).filter(|_| seen.insert(*name)) else { continue };
        let entry = match pickle.value(*value) {
            // The first one is that of PyTorch before 0.4.
            Value::Call("_rebuild_tensor" | "_rebuild_tensor_v2", arguments) => {
                tensor(pickle, *arguments, storages, name, &mut types)?
            }
            Value::Call(other, _) => Entry {
                shape: Vec::new(),
                numbers: NumberType::Other(format!("`{}`", shown(other))),
                range: 0..0,
                layout: Layout::Rows,
            },
            _ => continue,
        };
        tensors.push((name.to_owned(), entry));
    }
    Ok(tensors)
}

/// The names under which training programs put the tensors beside what else they save.
const STATES: [&str; 4] = ["state_dict", "model_state_dict", "model", "module"];

/// The dictionary of tensors by name: the whole pickle, or what a training program put under one of [`STATES`].
fn state<'a>(pickle: &'a Pickle<'_>) -> Result<&'a [(Id, Id)], String> {
    let dictionary = |id| match pickle.value(id) {
        Value::Dictionary(pairs) => Some(pairs.as_slice()),
        _ => None,
    };
    let all = dictionary(pickle.root).ok_or_else(|| "is a pickle of something else than tensors by name".to_owned())?;
    let inner = |state: &str| all.iter().rev().find(|(name, _)| pickle.text(*name) == Some(state));
    // A tensor of such a name is no dictionary.
    let found = STATES.iter().filter_map(|state| inner(state)).find_map(|(_, value)| dictionary(*value));
    Ok(found.unwrap_or(all))
}

/// A tensor from what `_rebuild_tensor_v2` is called with: storage, offset, sizes, strides and what does not matter
/// here. `types` are those of the storages so far. Tensors may be views of one storage, and share numbers there, but
/// these are of one type.
fn tensor<'a>(
    pickle: &Pickle<'a>,
    arguments: Id,
    storages: &dyn Storages,
    name: &str,
    types: &mut HashMap<&'a str, &'a str>,
) -> Result<Entry, Problem> {
    let damaged = |what: &str| Problem::from(format!("is a damaged checkpoint: the tensor `{}` {what}", shown(name)));
    let view = || {
        let &[storage, offset, sizes, strides, ..] = pickle.items(arguments)? else { return None };
        let Value::Persistent(storage) = pickle.value(storage) else { return None };
        let sizes = (pickle.sizes(sizes)?, pickle.sizes(strides)?);
        Some((pickle.storage(*storage)?, pickle.size(offset)?, sizes))
    };
    let (storage, offset, (shape, strides)) = view().ok_or_else(|| damaged("is not described as one"))?;
    let class = storage.class;
    if shape.len() != strides.len() {
        return Err(damaged("has not as many strides as dimensions"));
    }
    if let Some(other) = types.insert(storage.key, class).filter(|other| *other != class) {
        let (class, other) = (shown(class), shown(other));
        return Err(damaged(&format!("lies in a storage of `{class}`, which is one of `{other}` for another tensor")));
    }
    let unread = |kind: &str| {
        let numbers = NumberType::Other(format!("`{}`{kind}", shown(class)));
        Entry { shape: shape.clone(), numbers, range: 0..0, layout: Layout::Rows }
    };
    let numbers = match class {
        "FloatStorage" => NumberType::F32,
        "HalfStorage" => NumberType::F16,
        "BFloat16Storage" => NumberType::Bf16,
        "DoubleStorage" => NumberType::F64,
        // No weights, but numbers that stand beside them; where one is damaged, the rest is still there.
        "IntStorage" | "LongStorage" => {
            let whole = whole_numbers(&storage, offset, &shape, &strides, storages);
            return Ok(whole.map_or_else(|| unread(""), |range| Entry { range, ..unread("") }));
        }
        _ => return Ok(unread("")),
    };
    let place = storages.find(storage.key)?.ok_or_else(|| damaged("lies in a storage that the file lacks"))?;
    if numbers.size_of(&[storage.count]) != Some(place.len()) {
        return Err(damaged("lies in a storage of another size than the file says"));
    }
    // More values than the storage has would be the same ones several times: there is no telling how many they would
    // take.
    let count = storage.view.len();
    let values = shape.iter().try_fold(1_usize, |values, side| values.checked_mul(*side));
    let Some(values) = values.filter(|values| *values <= count) else {
        return Ok(unread(", expanded to more values than it holds"));
    };
    let reach = shape.iter().zip(&strides).try_fold(usize::from(values > 0), |reach, (side, stride)| {
        stride.checked_mul(side.saturating_sub(1))?.checked_add(reach)
    });
    let end = reach.and_then(|reach| reach.checked_add(offset)).filter(|end| *end <= count || values == 0);
    let end = end.ok_or_else(|| damaged("reaches beyond the end of its storage"))?;
    let size = numbers.size_of(&[]).unwrap_or_default();
    let start = place.start + storage.view.start * size;
    let range = if values == 0 { 0..0 } else { start + offset * size..start + end * size };
    let layout = if values > 0 && !in_rows(&shape, &strides) { Layout::Strided(strides) } else { Layout::Rows };
    Ok(Entry { shape, numbers, range, layout })
}

/// Where whole numbers lie that follow one another; nothing where they do not, or are not all there.
fn whole_numbers(
    storage: &Storage<'_>,
    offset: usize,
    shape: &[usize],
    strides: &[usize],
    storages: &dyn Storages,
) -> Option<Range<usize>> {
    let size = NumberType::Other(format!("`{}`", storage.class)).whole_number_bytes()?;
    let place = storages.find(storage.key).ok()??;
    let count = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side))?;
    let end = offset.checked_add(count)?;
    let whole = storage.count.checked_mul(size) == Some(place.len()) && end <= storage.view.len();
    let start = place.start + storage.view.start * size;
    (whole && in_rows(shape, strides)).then(|| start + offset * size..start + end * size)
}

/// Whether the values lie one after the other, the last side running fastest.
fn in_rows(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1;
    shape.iter().zip(strides).rev().all(|(side, stride)| {
        let expected = step;
        step *= side;
        *side == 1 || *stride == expected
    })
}
