//! Where the rows lie: in memory, in memory that somebody else owns, or in shards on disk.

use std::fmt;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::error::{Error, ErrorCode, Result};
use crate::files::open_file;
use crate::safetensors_file;

/// Rows that another library owns (a DLPack tensor, say) and that stay where they are until this is dropped.
pub trait ForeignRows: Send + Sync {
    /// The values, row-major.
    fn values(&self) -> &[f32];
}

/// The rows of a matrix, in one or several runs.
pub(super) enum Storage {
    Memory(Vec<f32>),
    Foreign(Box<dyn ForeignRows>),
    Shards(Shards),
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(_) => f.write_str("Memory"),
            Self::Foreign(_) => f.write_str("Foreign"),
            Self::Shards(shards) => write!(f, "Shards({})", shards.folder.display()),
        }
    }
}

impl Storage {
    /// The values from row `first` to the end of the piece that it lies in.
    pub(super) fn run(&self, first: usize, columns: usize) -> &[f32] {
        match self {
            Self::Memory(values) => from_row(values, first, columns),
            Self::Foreign(rows) => from_row(rows.values(), first, columns),
            Self::Shards(shards) => shards.run(first, columns),
        }
    }
}

fn from_row(values: &[f32], first: usize, columns: usize) -> &[f32] {
    values.get(first.saturating_mul(columns)..).unwrap_or_default()
}

/// Complete shards, memory-mapped.
pub(super) struct Shards {
    folder: PathBuf,
    pieces: Vec<Shard>,
    /// Removed with its contents when the rows are freed: the folder was ours alone.
    _temporary: Option<TemporaryFolder>,
}

impl Shards {
    pub(super) fn new(folder: PathBuf, shards: Vec<Shard>, temporary: Option<TemporaryFolder>) -> Self {
        Self { folder, pieces: shards, _temporary: temporary }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn run(&self, first: usize, columns: usize) -> &[f32] {
        let after = self.pieces.partition_point(|shard| shard.first_row <= first);
        let Some(shard) = after.checked_sub(1).and_then(|index| self.pieces.get(index)) else { return &[] };
        from_row(shard.values(), first - shard.first_row, columns)
    }
}

/// One safetensors file with a tensor `rows`, memory-mapped.
pub(super) struct Shard {
    first_row: usize,
    map: Mmap,
    /// Where the values begin in the map, and how many bytes they are.
    begin: usize,
    bytes: usize,
}

impl Shard {
    /// Maps a shard of `rows` rows of `columns` values that begins at row `first_row` of the whole.
    pub(super) fn open(path: &Path, first_row: usize, rows: usize, columns: usize) -> Result<Self> {
        let invalid = |what: String| {
            Error::new(ErrorCode::InvalidFile, format!("`{}` {what}", path.display()))
                .hint("collect the activations again, or restore the file")
                .detail("path", path.display())
        };
        let (file, size) = open_file(path)?;
        if size == 0 {
            return Err(invalid("is empty".to_owned()));
        }
        // SAFETY: the map is read-only and private to this value. A file that another process changes or truncates
        // while it is mapped is outside what any library can guard; complete shards are never written again by us.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, "map", &error))?;
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
        Ok(Self { first_row, map, begin, bytes })
    }

    fn values(&self) -> &[f32] {
        // The cast was checked when the shard was opened.
        bytemuck::try_cast_slice(&self.map[self.begin..self.begin + self.bytes]).unwrap_or_default()
    }
}

/// A folder that goes away with its owner.
pub(super) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes a new folder in the system's folder for temporary files. What texts say is for nobody else to read.
    pub(super) fn create() -> Result<Self> {
        let base = std::env::temp_dir();
        let nanos =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        for attempt in 0..1000_u32 {
            let path = base.join(format!("eidos-{}-{nanos}-{attempt}", std::process::id()));
            match create_private(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io(path, "create the temporary folder", &error)),
            }
        }
        Err(Error::io(base, "create a temporary folder in", &std::io::ErrorKind::AlreadyExists.into()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Nobody is left to tell; the system clears its temporary files in the end.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
