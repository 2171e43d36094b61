//! Safetensors files of a folder of activations: the rows of a shard, and the units and texts.

use std::collections::HashMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorView};

use super::manifest::damaged;
use super::matrix::About;
use crate::error::{Error, Result};
use crate::files::{Access, map, read_limited, write_atomically};
use crate::safetensors_file;
use crate::text::{StringTable, Units};

pub(super) const UNITS: &str = "units.safetensors";

/// Writes the rows of one shard.
pub(super) fn write_shard(path: &Path, values: &[f32], columns: usize) -> Result<()> {
    let rows = values.len() / columns;
    write_tensors(path, &[("rows", Dtype::F32, vec![rows, columns], bytemuck::cast_slice(values))])
}

type NamedTensor<'a> = (&'a str, Dtype, Vec<usize>, &'a [u8]);

fn write_tensors(path: &Path, tensors: &[NamedTensor<'_>]) -> Result<()> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| Error::internal(format!("cannot describe a tensor: {error}")))?;
    let (header, bytes) = header_and_bytes(&views)?;
    write_atomically(path, |writer| {
        writer.write_all(&header)?;
        bytes.iter().try_for_each(|bytes| writer.write_all(bytes))
    })
}

/// Returns the header of a safetensors file and its tensors in file order, so that the tensors are written from where
/// they are in memory. The safetensors crate can only write a file itself (not atomically) or build the whole file in
/// memory.
fn header_and_bytes<'a>(views: &'a [(&str, TensorView<'a>)]) -> Result<(Vec<u8>, Vec<&'a [u8]>)> {
    let mut offset = 0;
    let mut entries = serde_json::Map::new();
    let mut bytes = Vec::new();
    for (name, view) in views {
        let end = offset + view.data().len();
        let entry = serde_json::json!({"dtype": view.dtype(), "shape": view.shape(), "data_offsets": [offset, end]});
        entries.insert((*name).to_owned(), entry);
        bytes.push(view.data());
        offset = end;
    }
    let mut text =
        serde_json::to_vec(&entries).map_err(|error| Error::internal(format!("cannot write a header: {error}")))?;
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut header = (text.len() as u64).to_le_bytes().to_vec();
    header.append(&mut text);
    Ok((header, bytes))
}

/// Whether a file is one that [`write_units`] wrote.
pub(super) fn is_units(path: &Path) -> bool {
    let Ok(bytes) = map(path, Access::Mapped) else { return false };
    let header = SafeTensors::read_metadata(&bytes);
    header.is_ok_and(|(_, header)| ["text_ends", "string_ends"].iter().all(|name| header.info(name).is_some()))
}

/// Writes the units and texts of a folder, tables of the widest type first, so that all of them are aligned.
/// Activations without units have empty tables.
pub(super) fn write_units(path: &Path, about: &About) -> Result<()> {
    let no_units = Units::default();
    let units = about.units.as_deref().unwrap_or(&no_units);
    let (text_bytes, text_ends) = about.texts.parts();
    let (string_bytes, string_ends) = units.strings.parts();
    let wide = |ends: &[usize]| ends.iter().map(|&end| end as u64).collect::<Vec<_>>();
    let (text_ends, string_ends) = (wide(text_ends), wide(string_ends));
    write_tensors(
        path,
        &[
            ("text_ends", Dtype::U64, bytemuck::cast_slice(&text_ends)),
            ("string_ends", Dtype::U64, bytemuck::cast_slice(&string_ends)),
            ("text_index", Dtype::U32, bytemuck::cast_slice(&units.text_index)),
            ("begin", Dtype::U32, bytemuck::cast_slice(&units.begin)),
            ("end", Dtype::U32, bytemuck::cast_slice(&units.end)),
            ("string", Dtype::U32, bytemuck::cast_slice(&units.string)),
            ("text_bytes", Dtype::U8, text_bytes),
            ("string_bytes", Dtype::U8, string_bytes),
        ]
        .map(|(name, dtype, bytes)| (name, dtype, vec![bytes.len() * 8 / dtype.bitsize()], bytes)),
    )
}

pub(super) fn read_units(path: &Path, row_count: usize) -> Result<(Option<Units>, StringTable)> {
    let bytes = read_limited(path, u64::MAX)?;
    let tensors = safetensors_file::open(&bytes).map_err(|what| damaged(path, what))?;
    let tensors: HashMap<String, TensorView<'_>> = tensors.tensors().into_iter().collect();
    let tensor = |name: &str, dtype: Dtype| {
        let found = tensors.get(name).filter(|view| view.dtype() == dtype && view.shape().len() == 1);
        found.map(TensorView::data).ok_or_else(|| damaged(path, format!("has no {dtype:?} table `{name}`")))
    };
    let table = |prefix: &str| -> Result<StringTable> {
        let ends = read_u64(tensor(&format!("{prefix}_ends"), Dtype::U64)?);
        let bytes = tensor(&format!("{prefix}_bytes"), Dtype::U8)?.to_vec();
        StringTable::from_parts(bytes, ends)
            .ok_or_else(|| damaged(path, format!("has damaged strings in `{prefix}_bytes`")))
    };
    let texts = table("text")?;
    let column = |name: &str| tensor(name, Dtype::U32).map(|bytes| read_u32(bytes).into());
    let units = Units {
        text_index: column("text_index")?,
        begin: column("begin")?,
        end: column("end")?,
        string: column("string")?,
        strings: table("string")?,
    };
    let count = units.string.len();
    if count == 0 && row_count > 0 {
        return Ok((None, texts));
    }
    let lengths_agree = [&units.text_index, &units.begin, &units.end].iter().all(|column| column.len() == count);
    let strings_exist = units.string.iter().all(|&index| (index as usize) < units.strings.len());
    if count != row_count || !lengths_agree || !strings_exist || !units.spans_fit(&texts) {
        return Err(damaged(path, "has units that are not one a row, or point outside their strings or texts"));
    }
    Ok((Some(units), texts))
}

fn read_u32(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect()
}

fn read_u64(bytes: &[u8]) -> Vec<usize> {
    bytes.as_chunks::<8>().0.iter().map(|&bytes| u64::from_le_bytes(bytes) as usize).collect()
}
