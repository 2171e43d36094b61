//! Tensors by name, from files that are mapped into memory so that only what is used is read.
//!
//! Each format of files is a module that reads one file's directory: which tensor lies where, as what
//! ([`crate::tensor_files`], and GGUF here, whose names are those of models). The rest is the same for all of them.

mod gguf;
mod mxfp4;
mod prefixes;
mod table;

use std::collections::HashMap;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

pub(crate) use table::FileTable;

use crate::error::{Error, ErrorCode, Result, shown, shown_up_to};
use crate::files::{Access, FileBytes};
use crate::memory::Claim;
use crate::tensor_files::{Directory, Entry, ExpertPart, Layout, NumberType, Problem, Stored, safetensors, torch};

/// A model may have hundreds of files; messages name the first ones.
const MOST_NAMED: usize = 3;

/// How the names of projections to the vocabulary begin, which often have the weight of the embedding.
const OUTPUTS: [&str; 5] =
    ["lm_head.", "embed_out.", "cls.predictions.decoder.", "decoder.weight", "output_projection."];

/// Where the weights of a model lie.
#[derive(Debug, Clone)]
pub enum WeightSource {
    /// One or several files of safetensors, of PyTorch (`pytorch_model.bin`) or of llama.cpp (GGUF), which together
    /// hold the tensors. Of the parts of a GGUF model the first one comes first, because it says what the others are.
    Files(Vec<PathBuf>),
    /// A safetensors file that is part of the program.
    Bytes(&'static [u8]),
}

/// Files of weights that are open.
pub(crate) struct Weights {
    files: Vec<OpenFile>,
    /// The file of each tensor, and where it lies there.
    tensors: HashMap<String, (usize, Entry)>,
    /// What the tensors of GGUF files are called there.
    names: Option<gguf::Names>,
}

struct OpenFile {
    name: String,
    bytes: Bytes,
}

enum Bytes {
    File(FileBytes),
    Static(&'static [u8]),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::File(bytes) => bytes,
            Self::Static(bytes) => bytes,
        }
    }

    fn file(&self) -> Option<&FileBytes> {
        match self {
            Self::File(bytes) => Some(bytes),
            Self::Static(_) => None,
        }
    }
}

impl Weights {
    /// Opens the files and reads their headers; no tensor is read yet.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] or [`ErrorCode::Io`] with the path; [`ErrorCode::InvalidFile`] naming the file when
    /// it is truncated or its header is not one.
    pub fn open(source: &WeightSource, access: Access) -> Result<Self> {
        let mut weights = Self { files: Vec::new(), tensors: HashMap::new(), names: None };
        match source {
            WeightSource::Files(paths) => {
                for path in paths {
                    weights.add(path.display().to_string(), Bytes::File(FileBytes::open(path, access)?))?;
                }
            }
            WeightSource::Bytes(bytes) => weights.add("the built-in model".to_owned(), Bytes::Static(bytes))?,
        }
        Ok(weights)
    }

    fn add(&mut self, name: String, bytes: Bytes) -> Result<()> {
        let directory = directory(bytes.as_slice(), &mut self.names).map_err(|problem| {
            let size = bytes.as_slice().len();
            let (code, what, remedy) = match problem {
                Problem::Damaged(what) => (ErrorCode::InvalidFile, what, "get the file again"),
                Problem::NotRead(what, remedy) => (ErrorCode::Unsupported, what.to_owned(), remedy),
            };
            Error::new(code, format!("`{name}` ({size} bytes) {what}")).hint(remedy).detail("path", &name)
        })?;
        let index = self.files.len();
        for (tensor, entry) in directory {
            self.tensors.entry(tensor).or_insert((index, entry));
        }
        self.files.push(OpenFile { name, bytes });
        Ok(())
    }

    /// Finds parameters whose names a training program has changed. `wanted` are the names under which each of them may
    /// lie.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for adapters that were not merged; [`ErrorCode::InvalidFile`] where the files hold the
    /// model twice.
    pub fn understand(&mut self, wanted: &[Vec<String>]) -> Result<()> {
        // llama.cpp gives all tensors names of its own.
        if self.names.is_some() {
            return Ok(());
        }
        let names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
        let found = prefixes::aliases(&names, wanted)?;
        for (name, in_file) in found {
            if let Some(tensor) = self.tensors.remove(&in_file) {
                self.tensors.entry(name).or_insert(tensor);
            }
        }
        Ok(())
    }

    /// The files with their formats, for messages.
    pub fn described(&self) -> String {
        let described =
            |file: &OpenFile| format!("{} ({})", shown_up_to(300, &file.name), format(file.bytes.as_slice()));
        let mut files: Vec<_> = self.files.iter().take(MOST_NAMED).map(described).collect();
        if self.files.len() > MOST_NAMED {
            files.push(format!("{} more files", self.files.len() - MOST_NAMED));
        }
        files.join(", ")
    }

    /// The names of all tensors, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// How many values the tensor of that name has along each side.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, entry)| entry.shape.as_slice())
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensor of that name, as it is stored.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] when it is not there, its shape is not `shape`, or the file ends inside it;
    /// [`ErrorCode::Unsupported`] when its numbers are not of a type that is read.
    pub fn find(&self, name: &str, shape: &[usize]) -> Result<Stored<'_>> {
        let (file, entry) = self.entry(name, shape)?;
        let called = self.called(name);
        let about = |code, message| Error::new(code, message).detail("path", &file.name).detail("tensor", name);
        if let NumberType::Other(kind) = &entry.numbers {
            let message = format!("`{}`: the tensor {called} is of type {kind}", file.name);
            return Err(about(ErrorCode::Unsupported, message)
                .hint(format!("use weights in F32, F16, BF16 or F64, or a GGUF file in {}", gguf::BLOCK_TYPES)));
        }
        let bytes = file.bytes.as_slice().get(entry.range.clone());
        // A copy where the values lie in another order, or are narrowed.
        let is_copied = !entry.layout.is_in_rows() || entry.numbers == NumberType::F64;
        let copy = if is_copied { bytes.map_or(0, <[u8]>::len).saturating_mul(2) } else { 0 };
        let _claim = Claim::of(copy, &format!("the tensor {called} of shape {shape:?}"))?;
        let stored = bytes.and_then(|bytes| Stored::new(&entry.numbers, bytes, shape, &entry.layout));
        let stored = stored.ok_or_else(|| {
            about(ErrorCode::InvalidFile, format!("`{}` ends inside the tensor {called}", file.name))
                .hint("get the file again")
        })?;
        Ok(stored.within(file.bytes.file()))
    }

    /// The file of the tensor of that name and shape, and where it lies there.
    fn entry(&self, name: &str, shape: &[usize]) -> Result<(&OpenFile, &Entry)> {
        let Some((file, entry)) = self.tensors.get(name) else {
            return Err(self.missing(name));
        };
        let file = &self.files[*file];
        if entry.shape == shape {
            return Ok((file, entry));
        }
        let message = format!(
            "`{}`: the tensor {} has shape {:?}, but the configuration says {shape:?}",
            file.name,
            self.called(name),
            entry.shape
        );
        Err(Error::new(ErrorCode::InvalidFile, message)
            .hint("take configuration and weights from the same model")
            .detail("path", &file.name)
            .detail("tensor", name))
    }

    /// The matrix of an expert whose numbers of four bits and their powers of two lie in two tensors, see [`mxfp4`].
    ///
    /// # Errors
    /// Those of [`Weights::find`].
    pub fn find_mxfp4(
        &self,
        (blocks, scales): (&str, &str),
        part: ExpertPart,
        [rows, columns]: [usize; 2],
    ) -> Result<Stored<'_>> {
        let wrong = |file: &OpenFile, tensor: &str, what: &str| {
            Error::new(ErrorCode::InvalidFile, format!("`{}`: the tensor `{tensor}` {what}", file.name))
                .hint("get the file again")
                .detail("path", &file.name)
                .detail("tensor", tensor)
        };
        let outputs = rows.saturating_mul(part.halves);
        let bytes = |name: &str, shape: &[usize]| {
            let (file, entry) = self.entry(name, shape)?;
            if entry.numbers != NumberType::Other("U8".to_owned()) {
                return Err(wrong(file, name, &format!("is of type {}, not U8", entry.numbers.name())));
            }
            let bytes = file.bytes.as_slice().get(entry.range.clone());
            bytes.map(|bytes| (file, bytes)).ok_or_else(|| wrong(file, name, "is not whole"))
        };
        let of_row = columns / mxfp4::BLOCK;
        let (file, blocks_of) = bytes(blocks, &[part.of, outputs, of_row, mxfp4::BYTES])?;
        if !columns.is_multiple_of(mxfp4::BLOCK) {
            return Err(wrong(file, blocks, "has rows that are not whole blocks"));
        }
        let (_, scales_of) = bytes(scales, &[part.of, outputs, of_row])?;
        let packed = mxfp4::rows(blocks_of, scales_of, part, [rows, columns]);
        packed.map(Stored::of_mxfp4).ok_or_else(|| wrong(file, blocks, "has other bytes than those of its shape"))
    }

    /// How many bytes a parameter of that shape takes as it is stored in a tensor; nothing where that is not there.
    pub fn stored_bytes(&self, name: &str, shape: &[usize]) -> Option<usize> {
        self.tensors.get(name).and_then(|(_, entry)| entry.numbers.size_of(shape))
    }

    /// Lets go of the pages of a tensor, which was read. It can be read again.
    pub fn release(&self, name: &str) {
        let Some((file, entry)) = self.tensors.get(name) else { return };
        let bytes = &self.files[*file].bytes;
        if let (Some(file), Some(part)) = (bytes.file(), bytes.as_slice().get(entry.range.clone())) {
            file.release(part);
        }
    }

    /// The table of that name, to be read from its file row by row: where that file is mapped and has the rows one after the
    /// other as they are.
    pub fn table(&self, name: &str, rows: usize, columns: usize) -> Option<FileTable> {
        let (file, entry) = self.tensors.get(name)?;
        let is_there = entry.shape == [rows, columns] && entry.layout == Layout::Rows;
        let part = self.files[*file].bytes.file().filter(|_| is_there)?.part(entry.range.clone())?;
        FileTable::new(part, &entry.numbers, rows, columns)
    }

    /// Adds what tells a tensor from another one to a hash: its name, and its first and last values.
    pub fn hash(&self, name: &str, hash: &mut Sha256) {
        const SAMPLE: usize = 4096;
        let Some((file, entry)) = self.tensors.get(name) else {
            return;
        };
        let bytes = self.files[*file].bytes.as_slice().get(entry.range.clone()).unwrap_or_default();
        hash.update(name);
        hash.update(&bytes[..bytes.len().min(SAMPLE)]);
        hash.update(&bytes[bytes.len().saturating_sub(SAMPLE)..]);
        // The same bytes in another order are another tensor.
        entry.layout.numbers().iter().for_each(|number| hash.update(number.to_le_bytes()));
    }

    /// A tensor by its name, and by the one that its file has for it where that is another one.
    fn called(&self, name: &str) -> String {
        let other = self.names.and_then(|names| names.in_file(name));
        other.map_or_else(|| format!("`{name}`"), |other| format!("`{name}` (`{other}` in GGUF)"))
    }

    fn missing(&self, name: &str) -> Error {
        let mut files: Vec<_> = self.files.iter().take(MOST_NAMED).map(|file| format!("`{}`", file.name)).collect();
        match self.files.len() {
            0 => files.push("no file of weights".to_owned()),
            count if count > MOST_NAMED => files.push(format!("and {} more files", count - MOST_NAMED)),
            _ => {}
        }
        let (called, files) = (self.called(name), files.join(", "));
        let holds = if self.files.len() > 1 { "hold" } else { "holds" };
        let there = self.some_names();
        let there = if there.is_empty() { String::new() } else { format!(", but {there}") };
        let is_output = OUTPUTS.iter().any(|output| name.starts_with(output));
        let hint = if is_output {
            "set `tie_word_embeddings` to true in config.json where the output has the weight of the embedding; else get all \
             files of the model, or choose another head"
        } else {
            "get all files of the model, or choose another head"
        };
        Error::new(
            ErrorCode::InvalidFile,
            format!("the tensor {called} is missing: {files} {holds} nothing of that name{there}"),
        )
        .hint(hint)
        .detail("tensor", name)
    }

    /// The first names of tensors, for messages.
    fn some_names(&self) -> String {
        let mut names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        let mut some: Vec<_> = names.iter().take(MOST_NAMED).map(|name| format!("`{}`", shown(name))).collect();
        if names.len() > MOST_NAMED {
            some.push(format!("{} more", names.len() - MOST_NAMED));
        }
        some.join(", ")
    }
}

/// The format of a file, which its first bytes tell.
fn format(bytes: &[u8]) -> &'static str {
    if torch::is_one(bytes) {
        "PyTorch"
    } else if crate::gguf::is_one(bytes) {
        "GGUF"
    } else {
        "safetensors"
    }
}

/// Reads the directory of a file of any format, which its first bytes tell. `names` are those of the GGUF file before
/// it.
fn directory(bytes: &[u8], names: &mut Option<gguf::Names>) -> Result<Directory, Problem> {
    if torch::is_one(bytes) {
        torch::directory(bytes)
    } else if crate::gguf::is_one(bytes) {
        gguf::directory(bytes, names)
    } else {
        Ok(safetensors::directory(bytes)?)
    }
}
