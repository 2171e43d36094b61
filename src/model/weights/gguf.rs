//! The directory of a GGUF file: its header, with the names that tensors had before llama.cpp converted them.

use candle_core::quantized::GgmlDType;

use super::{Directory, Entry, Layout, NumberType, Problem};
use crate::error::shown;
use crate::gguf::{Header, TensorInfo};
use crate::model::gguf::{Change, Keys};

/// The types of blocks that are read, as llama.cpp names them.
pub(super) const BLOCK_TYPES: &str = "Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K or Q6_K";

/// The tensors of a file.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn directory(bytes: &[u8]) -> Result<Directory, Problem> {
    let header = Header::read(bytes)?;
    let keys = Keys::new(&header.metadata).map_err(|error| format!("cannot be read: {}", error.message()))?;
    let (queries, keys_and_values) = keys.heads().map_err(|error| format!("cannot be read: {}", error.message()))?;
    let mut tensors = Vec::new();
    for tensor in &header.tensors {
        let (name, change) = keys.architecture.original(tensor.name);
        let layout = match change {
            Change::None => Layout::Rows,
            Change::PlusOne => Layout::RowsPlusOne,
            Change::QueriesTakeTurns => Layout::TakingTurns { heads: queries },
            Change::KeysTakeTurns => Layout::TakingTurns { heads: keys_and_values },
        };
        tensors.push((name, entry(&header, tensor, layout)?));
    }
    Ok(tensors)
}

fn entry(header: &Header<'_>, tensor: &TensorInfo<'_>, layout: Layout) -> Result<Entry, String> {
    let damaged = |what: &str| format!("is a damaged GGUF file: the tensor `{}` {what}", shown(tensor.name));
    let numbers = number_type(tensor.kind);
    let shape = tensor.shape.clone();
    if !numbers.divides(shape.last().copied().unwrap_or(1)) {
        return Err(damaged("has rows that are not whole blocks"));
    }
    if let Layout::TakingTurns { heads } = layout
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

/// The type that ggml gives that number.
fn number_type(kind: u32) -> NumberType {
    let other = |name: &str| NumberType::Other(name.to_owned());
    match kind {
        0 => NumberType::F32,
        1 => NumberType::F16,
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
        16 => other("IQ2_XXS"),
        17 => other("IQ2_XS"),
        18 => other("IQ3_XXS"),
        19 => other("IQ1_S"),
        20 => other("IQ4_NL"),
        21 => other("IQ3_S"),
        22 => other("IQ2_S"),
        23 => other("IQ4_XS"),
        29 => other("IQ1_M"),
        34 => other("TQ1_0"),
        35 => other("TQ2_0"),
        39 => other("MXFP4"),
        number => NumberType::Other(format!("{number} of ggml")),
    }
}
