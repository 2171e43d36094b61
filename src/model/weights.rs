//! Tensors by name from safetensors files that are mapped into memory, so that only what is used is read.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::TensorInfo};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorCode, Result};

/// Where the weights of a model lie.
#[derive(Debug, Clone)]
pub enum WeightSource {
    /// One or several safetensors files, which together hold the tensors.
    Files(Vec<PathBuf>),
    /// A safetensors file that is part of the program.
    Bytes(&'static [u8]),
}

/// Safetensors files that are open.
pub(crate) struct Weights {
    files: Vec<OpenFile>,
    tensors: HashMap<String, (usize, TensorInfo)>,
}

struct OpenFile {
    name: String,
    bytes: Bytes,
    /// Where the tensors begin, behind the header.
    data_start: usize,
}

enum Bytes {
    Mapped(Mmap),
    Static(&'static [u8]),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Static(bytes) => bytes,
        }
    }
}

impl Weights {
    /// Opens the files and reads their headers; no tensor is read yet.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] or [`ErrorCode::Io`] with the path; [`ErrorCode::InvalidFile`] naming the file when
    /// it is truncated or its header is not one.
    pub fn open(source: &WeightSource) -> Result<Self> {
        let mut weights = Self { files: Vec::new(), tensors: HashMap::new() };
        match source {
            WeightSource::Files(paths) => {
                for path in paths {
                    weights.add(path.display().to_string(), map(path)?)?;
                }
            }
            WeightSource::Bytes(bytes) => weights.add("the built-in model".to_owned(), Bytes::Static(bytes))?,
        }
        Ok(weights)
    }

    fn add(&mut self, name: String, bytes: Bytes) -> Result<()> {
        let (header, metadata) = SafeTensors::read_metadata(bytes.as_slice()).map_err(|error| {
            let size = bytes.as_slice().len();
            Error::new(
                ErrorCode::InvalidFile,
                format!("`{name}` ({size} bytes) is not a whole safetensors file: {error}"),
            )
            .hint("get the file again")
            .detail("path", &name)
        })?;
        let index = self.files.len();
        for (tensor, info) in metadata.tensors() {
            self.tensors.entry(tensor).or_insert_with(|| (index, info.clone()));
        }
        // The eight bytes before the header hold its length.
        self.files.push(OpenFile { name, bytes, data_start: header + 8 });
        Ok(())
    }

    /// Loads the first tensor that is there under one of `names`, as f32 on `device`.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] when none is there, or its shape is not `shape`;
    /// [`ErrorCode::Unsupported`] when its type is not a float of 16 or 32 bits.
    pub fn load(&self, names: &[String], shape: &[usize], device: &Device) -> Result<Tensor> {
        let Some((name, (file, info))) = names.iter().find_map(|name| Some((name, self.tensors.get(name)?))) else {
            return Err(self.missing(names));
        };
        let file = &self.files[*file];
        if info.shape != shape {
            let message = format!(
                "`{}`: the tensor `{name}` has shape {:?}, but config.json says {shape:?}",
                file.name, info.shape
            );
            return Err(Error::new(ErrorCode::InvalidFile, message)
                .hint("take config.json and weights from the same model")
                .detail("path", &file.name)
                .detail("tensor", name));
        }
        let (start, end) = info.data_offsets;
        let bytes = file.bytes.as_slice().get(file.data_start + start..file.data_start + end).ok_or_else(|| {
            Error::new(ErrorCode::InvalidFile, format!("`{}` ends inside the tensor `{name}`", file.name))
                .hint("get the file again")
        })?;
        let values = widen(bytes, info.dtype).ok_or_else(|| {
            let message = format!("`{}`: the tensor `{name}` is of type {:?}", file.name, info.dtype);
            Error::new(ErrorCode::Unsupported, message)
                .hint("use weights in F32, F16 or BF16")
                .detail("path", &file.name)
                .detail("tensor", name)
        })?;
        Ok(Tensor::from_vec(values, shape, device)?)
    }

    /// Adds what tells a tensor from another one to a hash: its name, and its first and last values.
    pub fn hash(&self, names: &[String], hash: &mut Sha256) {
        const SAMPLE: usize = 4096;
        let Some((name, (file, info))) = names.iter().find_map(|name| Some((name, self.tensors.get(name)?))) else {
            return;
        };
        let file = &self.files[*file];
        let (start, end) = (file.data_start + info.data_offsets.0, file.data_start + info.data_offsets.1);
        let bytes = file.bytes.as_slice().get(start..end).unwrap_or_default();
        hash.update(name);
        hash.update(&bytes[..bytes.len().min(SAMPLE)]);
        hash.update(&bytes[bytes.len().saturating_sub(SAMPLE)..]);
    }

    fn missing(&self, names: &[String]) -> Error {
        let first = names.first().map_or("", String::as_str);
        let files: Vec<_> = self.files.iter().map(|file| format!("`{}`", file.name)).collect();
        let files = if files.is_empty() { "no file of weights".to_owned() } else { files.join(", ") };
        Error::new(
            ErrorCode::InvalidFile,
            format!("the tensor `{first}` is missing: {files} holds nothing of that name"),
        )
        .hint("get all files of the model, or choose another head")
        .detail("tensor", first)
    }
}

/// Values of a tensor in f32; `None` for a type that is not a float of 16 or 32 bits.
fn widen(bytes: &[u8], dtype: Dtype) -> Option<Vec<f32>> {
    let halves = || bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    match dtype {
        Dtype::F32 => {
            Some(bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
        }
        Dtype::F16 => Some(halves().map(|bits| half::f16::from_bits(bits).to_f32()).collect()),
        Dtype::BF16 => Some(halves().map(|bits| half::bf16::from_bits(bits).to_f32()).collect()),
        _ => None,
    }
}

/// Maps a file into memory.
fn map(path: &Path) -> Result<Bytes> {
    let file = File::open(path).map_err(|error| Error::io(path, "read", &error))?;
    let size = file.metadata().map_err(|error| Error::io(path, "read", &error))?.len();
    if size == 0 {
        let path = path.display();
        return Err(Error::new(ErrorCode::InvalidFile, format!("`{path}` is empty"))
            .hint("get the file again")
            .detail("path", path));
    }
    // SAFETY: the mapping is read-only and private to this value, and is only read as bytes that may have any
    // value. What cannot be ruled out is that somebody changes or truncates the file while it is mapped: then the
    // weights are wrong, or the system ends the process. Weight files are replaced as a whole, by renaming, by
    // every tool that writes them, which leaves a mapping of the old file intact.
    #[allow(unsafe_code)]
    let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, "map", &error))?;
    Ok(Bytes::Mapped(map))
}
