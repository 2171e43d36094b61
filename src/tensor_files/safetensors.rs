//! The directory of a safetensors file: its header.

use safetensors::Dtype;

use super::directory::{Directory, Entry};
use super::stored::{Layout, NumberType};
use crate::safetensors_file;

/// The tensors of a file.
///
/// # Errors
/// What is wrong with the file, as the end of a sentence that begins with its name.
pub(crate) fn directory(bytes: &[u8]) -> Result<Directory, String> {
    let (start, metadata) = safetensors_file::header(bytes)?;
    let entries = metadata.tensors().into_iter().map(|(name, info)| {
        let (first, end) = info.data_offsets;
        let numbers = match info.dtype {
            Dtype::F32 => NumberType::F32,
            Dtype::F16 => NumberType::F16,
            Dtype::BF16 => NumberType::Bf16,
            Dtype::F64 => NumberType::F64,
            other => NumberType::Other(format!("{other:?}")),
        };
        (name, Entry { shape: info.shape.clone(), numbers, range: start + first..start + end, layout: Layout::Rows })
    });
    Ok(entries.collect())
}
