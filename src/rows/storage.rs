//! The storage of rows: in memory, in memory of another library, in shards on disk, or on a device.

use std::fmt;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use super::device::DeviceRows;
use crate::error::{Error, ErrorCode, Result};
use crate::files::{Access, check_named, map, map_file};
use crate::safetensors_file;

/// Rows that another library owns (such as a DLPack tensor). They must stay valid and in place until this is dropped.
pub trait ForeignRows: Send + Sync {
    /// The values, row-major.
    fn values(&self) -> &[f32];
}

/// The rows of a matrix, in one or several contiguous pieces.
pub(crate) enum Storage {
    Memory(Vec<f32>),
    Foreign(Box<dyn ForeignRows>),
    Shards(Shards),
    Device(DeviceRows),
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(_) => f.write_str("Memory"),
            Self::Foreign(_) => f.write_str("Foreign"),
            Self::Shards(shards) => write!(f, "Shards({:?})", shards.folder),
            Self::Device(rows) => rows.fmt(f),
        }
    }
}

impl Storage {
    /// The values from row `first` to the end of its contiguous piece; of rows on a device none before they were copied.
    pub(crate) fn run(&self, first: usize, columns: usize) -> &[f32] {
        match self {
            Self::Memory(values) => from_row(values, first, columns),
            Self::Foreign(rows) => from_row(rows.values(), first, columns),
            Self::Shards(shards) => shards.run(first, columns),
            Self::Device(rows) => from_row(rows.copied().unwrap_or_default(), first, columns),
        }
    }
}

fn from_row(values: &[f32], first: usize, columns: usize) -> &[f32] {
    values.get(first.saturating_mul(columns)..).unwrap_or_default()
}

/// Complete shards, memory-mapped.
pub(crate) struct Shards {
    /// `None` for temporary files without a name.
    folder: Option<PathBuf>,
    pieces: Vec<Shard>,
}

impl Shards {
    pub(crate) fn new(folder: Option<PathBuf>, shards: Vec<Shard>) -> Self {
        Self { folder, pieces: shards }
    }

    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Some of the rows, in `runs` of consecutive ones: nothing is copied.
    pub(super) fn select(&self, runs: &[Range<usize>], columns: usize) -> Self {
        let (mut pieces, mut first_row) = (Vec::new(), 0);
        for run in runs {
            let mut next = run.start;
            while let Some(shard) = self.shard_of(next).filter(|_| next < run.end) {
                let skipped = (next - shard.first_row) * columns * size_of::<f32>();
                let count = (run.end - next).min((shard.bytes - skipped) / (columns * size_of::<f32>()));
                if count == 0 {
                    break;
                }
                pieces.push(Shard {
                    first_row,
                    map: Arc::clone(&shard.map),
                    begin: shard.begin + skipped,
                    bytes: count * columns * size_of::<f32>(),
                });
                next += count;
                first_row += count;
            }
        }
        Self { folder: None, pieces }
    }

    /// The shard that a row lies in, or the last one where it lies behind it.
    fn shard_of(&self, row: usize) -> Option<&Shard> {
        let after = self.pieces.partition_point(|shard| shard.first_row <= row);
        after.checked_sub(1).and_then(|index| self.pieces.get(index))
    }

    fn run(&self, first: usize, columns: usize) -> &[f32] {
        let Some(shard) = self.shard_of(first) else { return &[] };
        from_row(shard.values(), first - shard.first_row, columns)
    }
}

/// The rows of one file, memory-mapped or copied.
pub(crate) struct Shard {
    first_row: usize,
    map: Arc<Mmap>,
    /// The offset and the length of the values in the mapping, in bytes.
    begin: usize,
    bytes: usize,
}

impl Shard {
    /// Opens a safetensors file with a tensor `rows` of `rows` rows of `columns` values. Its first row is row
    /// `first_row` of the whole matrix.
    pub(crate) fn open(path: &Path, first_row: usize, rows: usize, columns: usize, access: Access) -> Result<Self> {
        let invalid = |what: String| {
            Error::new(ErrorCode::InvalidFile, format!("`{}` {what}", path.display()))
                .hint("collect the activations again, or restore the file")
                .detail("path", path.display())
        };
        let map = map(path, access)?;
        let tensors = safetensors_file::open(&map).map_err(invalid)?;
        let tensor = tensors.tensor("rows").map_err(|_| invalid("has no tensor `rows`".to_owned()))?;
        if tensor.dtype() != safetensors::Dtype::F32 || tensor.shape() != [rows, columns] {
            let (dtype, shape) = (tensor.dtype(), tensor.shape());
            return Err(invalid(format!("holds {dtype:?} {shape:?} where the manifest says F32 [{rows}, {columns}]")));
        }
        let data = tensor.data();
        if bytemuck::try_cast_slice::<u8, f32>(data).is_err() {
            return Err(invalid("is not aligned to 4 bytes".to_owned()));
        }
        let (begin, bytes) = (data.as_ptr() as usize - map.as_ptr() as usize, data.len());
        Ok(Self { first_row, map: Arc::new(map), begin, bytes })
    }

    /// Writes values to a temporary file, maps it and removes its name. While the file has a name, only its owner can
    /// open it, since the values come from texts that may be private.
    pub(crate) fn unnamed(first_row: usize, values: &[f32]) -> Result<Self> {
        let folder = std::env::temp_dir();
        check_named(&folder, "temporary folder")?;
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let written = tempfile::tempfile_in(&folder).and_then(|mut file| {
            file.write_all(bytes)?;
            map_file(&file)
        });
        let map = written.map_err(|error| Error::io(&folder, "write rows into the temporary folder", &error))?;
        Ok(Self { first_row, map: Arc::new(map), begin: 0, bytes: bytes.len() })
    }

    pub(crate) fn values(&self) -> &[f32] {
        // The alignment was checked when the shard was opened.
        bytemuck::try_cast_slice(&self.map[self.begin..self.begin + self.bytes]).unwrap_or_default()
    }
}
