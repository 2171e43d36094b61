//! The directory of a GGUF file: its header, with the names that tensors had before llama.cpp converted them.
//!
//! The format puts each tensor at a multiple of the alignment and gives every byte to one tensor at most: a matrix that
//! two modules share is stored once, under one name. An offset that breaks this is damaged, and what lies there are
//! other values.

use std::collections::HashSet;

use candle_core::quantized::GgmlDType;

use crate::error::shown;
use crate::gguf::{Header, Metadata, TensorInfo, follows_another};
use crate::model::gguf::{Architecture, Change, Keys};
use crate::tensor_files::{Directory, Entry, Layout, NumberType, Problem};

/// The types of blocks that are read, as llama.cpp names them.
pub(super) const BLOCK_TYPES: &str = "Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K or MXFP4";

/// What the tensors of a file are. Where a model was split into parts, the first one says it for all.
#[derive(Clone, Copy)]
pub(super) struct Names {
    architecture: &'static Architecture,
    queries: usize,
    keys_and_values: usize,
}

impl Names {
    fn read(metadata: &Metadata<'_>) -> crate::error::Result<Self> {
        let keys = Keys::new(metadata)?;
        let (queries, keys_and_values) = keys.heads()?;
        Ok(Self { architecture: keys.architecture, queries, keys_and_values })
    }

    /// What a file calls the tensor that had that name.
    pub fn in_file(&self, original: &str) -> Option<String> {
        self.architecture.converted(original)
    }
}

/// The tensors of a file. `names` are those of the file before it, and become its own where it is no further part.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn directory(bytes: &[u8], names: &mut Option<Names>) -> Result<Directory, Problem> {
    let header = Header::read(bytes)?;
    let unreadable = |error: crate::error::Error| format!("cannot be read: {}", error.message());
    let names = match names {
        Some(names) if follows_another(&header.metadata).map_err(unreadable)? => *names,
        names => *names.insert(Names::read(&header.metadata).map_err(unreadable)?),
    };
    check_places(&header)?;
    let mut tensors: Directory = Vec::new();
    let mut seen = HashSet::new();
    for tensor in &header.tensors {
        let (name, change) = names.architecture.original(tensor.name);
        if !seen.insert(name.clone()) {
            return Err(damaged(tensor, &format!("is there twice (`{}` before its conversion)", shown(&name))).into());
        }
        let layout = match change {
            Change::None => Layout::Rows,
            Change::PlusOne => Layout::RowsPlusOne,
            Change::QueriesInterleaved => Layout::InterleavedHalves { heads: names.queries },
            Change::KeysInterleaved => Layout::InterleavedHalves { heads: names.keys_and_values },
        };
        tensors.push((name, entry(&header, tensor, layout)?));
    }
    Ok(tensors)
}

fn damaged(tensor: &TensorInfo<'_>, what: &str) -> String {
    format!("is a damaged GGUF file: the tensor `{}` {what}", shown(tensor.name))
}

/// No tensor begins between two multiples of the alignment, or inside another one. There may be gaps.
fn check_places(header: &Header<'_>) -> Result<(), String> {
    let mut tensors: Vec<_> = header.tensors.iter().collect();
    tensors.sort_by_key(|tensor| tensor.offset);
    let mut last: Option<(&TensorInfo<'_>, usize)> = None;
    for tensor in tensors {
        if !tensor.offset.is_multiple_of(header.alignment) {
            let what = format!("begins at byte {}, not at a multiple of {}", tensor.offset, header.alignment);
            return Err(damaged(tensor, &what));
        }
        let end = tensor.offset.saturating_add(size(tensor));
        if let Some((other, other_end)) =
            last.filter(|(_, other_end)| tensor.offset < *other_end && tensor.offset < end)
        {
            let (byte, other) = (tensor.offset, shown(other.name));
            return Err(damaged(
                tensor,
                &format!("begins at byte {byte}, inside the tensor `{other}`, which ends at {other_end}"),
            ));
        }
        if last.is_none_or(|(_, other_end)| end > other_end) {
            last = Some((tensor, end));
        }
    }
    Ok(())
}

/// How many bytes a tensor takes, also one of a type that is not read. What nobody knows the size of takes none: types
/// that are newer than this, rows that are not whole blocks, and more than memory could hold, which is refused where it
/// is read.
fn size(tensor: &TensorInfo<'_>) -> usize {
    let Some((_, _, numbers, bytes)) = UNREAD_TYPES.iter().find(|(kind, ..)| *kind == tensor.kind) else {
        return number_type(tensor.kind).size_of(&tensor.shape).unwrap_or(0);
    };
    let blocks =
        tensor.shape.last().filter(|columns| columns.is_multiple_of(*numbers)).map(|columns| columns / numbers);
    let rows = tensor.shape.iter().rev().skip(1);
    let blocks = blocks.and_then(|blocks| rows.copied().try_fold(blocks, usize::checked_mul));
    blocks.and_then(|blocks| blocks.checked_mul(*bytes)).unwrap_or(0)
}

fn entry(header: &Header<'_>, tensor: &TensorInfo<'_>, layout: Layout) -> Result<Entry, String> {
    let damaged = |what: &str| damaged(tensor, what);
    let numbers = number_type(tensor.kind);
    let mut shape = tensor.shape.clone();
    // A matrix of one row, which some converters write without that side.
    if shape.len() == 1 && tensor.name.ends_with(".ffn_gate_inp_shexp.weight") {
        shape.insert(0, 1);
    }
    if !numbers.divides(shape.last().copied().unwrap_or(1)) {
        return Err(damaged("has rows that are not whole blocks"));
    }
    if let Layout::InterleavedHalves { heads } = layout
        && !heads.checked_mul(2).zip(shape.first()).is_some_and(|(halves, rows)| halves > 0 && rows % halves == 0)
    {
        return Err(damaged(&format!("does not have {heads} heads of an even number of rows")));
    }
    // What is not read takes no bytes that could be too many.
    let size = if let NumberType::Other(_) = numbers { Some(0) } else { numbers.size_of(&shape) };
    let start = header.start.checked_add(tensor.offset);
    let range = start.zip(size).and_then(|(start, size)| Some(start..start.checked_add(size)?));
    let range = range.ok_or_else(|| damaged("is larger than any memory"))?;
    Ok(Entry { shape, numbers, range, layout })
}

/// The types of ggml that are not read: its number and name, how many numbers are stored together, and in how many
/// bytes.
const UNREAD_TYPES: [(u32, &str, usize, usize); 15] = [
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
];

/// The type that ggml gives that number.
fn number_type(kind: u32) -> NumberType {
    match kind {
        0 => NumberType::F32,
        1 => NumberType::F16,
        28 => NumberType::F64,
        30 => NumberType::Bf16,
        2 => NumberType::Blocks(GgmlDType::Q4_0),
        3 => NumberType::Blocks(GgmlDType::Q4_1),
        6 => NumberType::Blocks(GgmlDType::Q5_0),
        7 => NumberType::Blocks(GgmlDType::Q5_1),
        8 => NumberType::Blocks(GgmlDType::Q8_0),
        10 => NumberType::Blocks(GgmlDType::Q2K),
        11 => NumberType::Blocks(GgmlDType::Q3K),
        12 => NumberType::Blocks(GgmlDType::Q4K),
        13 => NumberType::Blocks(GgmlDType::Q5K),
        14 => NumberType::Blocks(GgmlDType::Q6K),
        39 => NumberType::Mxfp4,
        number => NumberType::Other(
            UNREAD_TYPES
                .iter()
                .find(|(kind, ..)| *kind == number)
                .map_or_else(|| format!("{number} of ggml"), |(_, name, ..)| (*name).to_owned()),
        ),
    }
}
