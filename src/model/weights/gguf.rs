//! The directory of a GGUF file: its header, with the names that tensors had before llama.cpp converted them.

use candle_core::quantized::GgmlDType;

use super::{Directory, Entry, Layout, NumberType, Problem};
use crate::error::shown;
use crate::gguf::{Header, Metadata, TensorInfo, follows_another};
use crate::model::gguf::{Architecture, Change, Keys};

/// The types of blocks that are read, as llama.cpp names them.
pub(super) const BLOCK_TYPES: &str = "Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K or Q6_K";

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
    let mut tensors = Vec::new();
    for tensor in &header.tensors {
        let (name, change) = names.architecture.original(tensor.name);
        let layout = match change {
            Change::None => Layout::Rows,
            Change::PlusOne => Layout::RowsPlusOne,
            Change::QueriesTakeTurns => Layout::TakingTurns { heads: names.queries },
            Change::KeysTakeTurns => Layout::TakingTurns { heads: names.keys_and_values },
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
