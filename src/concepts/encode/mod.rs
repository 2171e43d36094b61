//! Codes of whole activations: in memory, or in a file that other programs read.
//!
//! Rows are read in tiles, encoded on threads or on a device, and handed on in their order: what is written does not depend on the
//! number of threads, and memory does not grow with the number of rows.

mod csr;
mod dense;
#[cfg(feature = "parquet")]
mod listed;
mod spool;

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use super::backend::Backend;
use super::codes::{Codes, DenseCodes, RowCodes, SparseCodes, rows_at_a_time};
use super::explainer::Explainer;
use crate::control::{Control, Stage};
use crate::device::DeviceChoice;
use crate::error::{Error, ErrorCode, Result};
use crate::files::write_atomically;
use crate::rows::{Activations, DeviceTiles, Rows, Tile, for_each_tile};

/// Encodes activations, in memory, in shards on disk or on a device, into codes in memory or in a file.
///
/// ```
/// use eidos::{Activations, CodesFormat, Control, Encode, Explainer, Pca, PcaOptions};
/// let activations = Activations::from_rows(vec![3.0, 1.0, 1.0, 3.0, -2.0, 0.5], 2, None)?;
/// let explainer = Explainer::fit::<Pca>(&activations, &PcaOptions::new(1), &Control::new())?;
/// let codes = Encode::default().dense(&explainer, &activations, &Control::new())?;
/// assert_eq!(codes.values().len(), 3);
/// let folder = tempfile::tempdir()?;
/// // `numpy.load` reads this file; `scipy.sparse.load_npz` one of `CodesFormat::Npz`.
/// let file = folder.path().join("codes.npy");
/// Encode::default().save(&explainer, &activations, &file, CodesFormat::Npy, &Control::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encode {
    /// How many threads encode; 0 means one per core. The result does not depend on it.
    pub threads: usize,
    /// Where the activations are encoded. On a GPU codes differ from those of the CPU by rounding.
    pub device: DeviceChoice,
}

/// The formats in which codes are written: what the field reads without Eidos. Concepts and rows count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodesFormat {
    /// A dense matrix (rows, concepts) of 32-bit floats, as `numpy.load` reads it, also mapped.
    Npy,
    /// A sparse matrix (rows, concepts) in CSR form, as `scipy.sparse.load_npz` reads it; codes that are zero are not in it. While it
    /// is written, the folder has room for it twice.
    Npz,
    /// A dense matrix (rows, concepts), the tensor `codes` of a safetensors file. Its metadata say which explainer made it.
    Safetensors,
    /// A table in Parquet: a line for each code that is not zero, with the columns `row`, `text`, `begin`, `end`, `unit`, `concept` and
    /// `activation`, as pandas, Polars, DuckDB and Arrow read it. It needs a library with the feature `parquet`.
    Parquet,
}

impl CodesFormat {
    /// The format that the name of a file says: `.npy`, `.npz`, `.safetensors` or `.parquet`.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for another name.
    pub fn of_path(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "npy" => Ok(Self::Npy),
            "npz" => Ok(Self::Npz),
            "safetensors" => Ok(Self::Safetensors),
            "parquet" => Ok(Self::Parquet),
            _ => Err(Error::argument(format!("`{}` does not say in which format codes are written", path.display()))
                .hint("give a file whose name ends in .npy, .npz, .safetensors or .parquet")
                .detail("path", path.display())),
        }
    }
}

impl Encode {
    /// Encodes activations into a dense matrix in memory: 4 bytes for each row and concept.
    ///
    /// # Errors
    /// [`ErrorCode::Mismatch`] when the activations have another width than the explainer; [`ErrorCode::InvalidData`] naming the first
    /// row with a value or a code that is not finite; [`ErrorCode::OutOfMemory`]; [`ErrorCode::Cancelled`]; on a GPU
    /// [`ErrorCode::Unsupported`] for concepts that are not linear, and [`ErrorCode::Device`].
    pub fn dense(&self, explainer: &Explainer, activations: &Activations, control: &Control) -> Result<DenseCodes> {
        let (rows, concepts) = (activations.row_count(), explainer.concept_count());
        let mut values: Vec<f32> = Vec::new();
        let reserved = rows.checked_mul(concepts).is_some_and(|count| values.try_reserve_exact(count).is_ok());
        if !reserved {
            return Err(no_memory(rows, concepts));
        }
        values.resize(rows * concepts, 0.0);
        self.dense_into(explainer, activations, &mut values, control)?;
        DenseCodes::new(values, concepts)
    }

    /// Encodes activations into `out`, which becomes (rows, concepts), row-major.
    ///
    /// # Errors
    /// As [`Encode::dense`], and [`ErrorCode::InvalidArgument`] when `out` has another length.
    pub fn dense_into(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        out: &mut [f32],
        control: &Control,
    ) -> Result<()> {
        let (rows, concepts) = (activations.row_count(), explainer.concept_count());
        if rows.checked_mul(concepts) != Some(out.len()) {
            let count = out.len();
            let message = format!("{count} values out are not those of {rows} rows and {concepts} concepts");
            return Err(Error::argument(message).hint("pass an output of one value for each row and concept"));
        }
        self.each(explainer, activations, control, |row, codes| {
            let out = &mut out[row * concepts..][..concepts];
            match codes {
                RowCodes::Dense(codes) => out.copy_from_slice(codes),
                RowCodes::Sparse(places, codes) => {
                    out.fill(0.0);
                    places.iter().zip(codes).for_each(|(place, code)| out[*place as usize] = *code);
                }
            }
            Ok(())
        })
    }

    /// Encodes activations into a sparse matrix in memory: 8 bytes for each code that is not zero, and 8 for each row.
    ///
    /// # Errors
    /// As [`Encode::dense`].
    pub fn sparse(&self, explainer: &Explainer, activations: &Activations, control: &Control) -> Result<SparseCodes> {
        let (rows, concepts) = (activations.row_count(), explainer.concept_count());
        let mut matrix = SparseCodes::new(concepts)?;
        self.each(explainer, activations, control, |_, codes| {
            matrix.reserve_row(entries(codes).count()).map_err(|_| no_memory(rows, concepts))?;
            matrix.push_row(entries(codes))
        })?;
        Ok(matrix)
    }

    /// Encodes activations into the arrays of a sparse matrix, of which `concepts` and `values` may have room for fewer entries than there
    /// are: then the first ones are written. Says how many there are.
    pub(crate) fn sparse_into(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        arrays: (&mut [usize], &mut [u32], &mut [f32]),
        control: &Control,
    ) -> Result<usize> {
        let (starts, concepts, values) = arrays;
        let mut count = 0;
        self.each(explainer, activations, control, |row, codes| {
            if let Some(start) = starts.get_mut(row) {
                *start = count;
            }
            for (concept, value) in entries(codes) {
                if let (Some(place), Some(code)) = (concepts.get_mut(count), values.get_mut(count)) {
                    (*place, *code) = (concept, value);
                }
                count += 1;
            }
            Ok(())
        })?;
        if let Some(end) = starts.get_mut(activations.row_count()) {
            *end = count;
        }
        Ok(count)
    }

    /// Encodes activations into a file, whole or not at all. What is there is replaced. Memory does not grow with the number of rows,
    /// and the bytes depend neither on the threads nor on whether the rows are in memory or in shards.
    ///
    /// # Errors
    /// As [`Encode::dense`]; [`ErrorCode::NotFound`] when there is no such folder; [`ErrorCode::Io`] when the system refuses;
    /// [`ErrorCode::Unsupported`] for [`CodesFormat::Parquet`] where the library has no such feature.
    pub fn save(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        path: &Path,
        format: CodesFormat,
        control: &Control,
    ) -> Result<()> {
        explainer.check_width(Rows::column_count(activations))?;
        let each = |absorb: &mut Absorb<'_>| self.each(explainer, activations, control, absorb);
        let shape = [activations.row_count(), explainer.concept_count()];
        match format {
            CodesFormat::Npy => whole(path, |out| dense::npy(out, shape, path, each)),
            CodesFormat::Safetensors => {
                let about = json!({
                    "version": 1,
                    "method": explainer.method(),
                    "provenance": explainer.provenance(),
                });
                whole(path, |out| dense::safetensors(out, shape, &about, path, each))
            }
            CodesFormat::Npz => whole(path, |out| csr::npz(out, shape, path, each)),
            #[cfg(feature = "parquet")]
            CodesFormat::Parquet => whole(path, |out| listed::parquet(out, activations, path, each)),
            #[cfg(not(feature = "parquet"))]
            CodesFormat::Parquet => Err(Error::new(ErrorCode::Unsupported, "this library was built without Parquet")
                .hint("build it with the feature `parquet`, or write .npz")),
        }
    }

    /// Encodes all rows, and passes each with its codes to `absorb` on the calling thread, in order.
    fn each(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        control: &Control,
        mut absorb: impl FnMut(usize, RowCodes<'_>) -> Result<()>,
    ) -> Result<()> {
        explainer.check_width(Rows::column_count(activations))?;
        let backend = Backend::open(self.device, self.threads, activations, control)?;
        control.begin(Stage::Interpret, activations.row_count() as u64)?;
        let threads = match &backend {
            Backend::Cpu { threads } => *threads,
            Backend::Device(device) => {
                let rows = DeviceTiles::new(activations, device);
                return explainer.for_each_code_on(&rows, control, |range, codes| {
                    range.clone().zip(codes.rows()).try_for_each(|(row, codes)| absorb(row, codes))?;
                    control.advance(range.len() as u64)
                });
            }
        };
        let height = rows_at_a_time(explainer.concept_count());
        let encode = |tile: Tile<'_>, (): &mut ()| explainer.codes_of_rows(tile.first, tile.values);
        for_each_tile(activations, height, threads, control, encode, |range, codes: Codes| {
            range.clone().zip(codes.rows()).try_for_each(|(row, codes)| absorb(row, codes))?;
            control.advance(range.len() as u64)
        })
    }
}

/// Takes the codes of one row after the other.
type Absorb<'a> = dyn FnMut(usize, RowCodes<'_>) -> Result<()> + 'a;

/// The codes of a row that are not zero, with their concepts, ascending.
fn entries(codes: RowCodes<'_>) -> impl Iterator<Item = (u32, f32)> {
    let (places, values) = match codes {
        RowCodes::Dense(values) => (None, values),
        RowCodes::Sparse(places, values) => (Some(places), values),
    };
    let entry = move |(at, value): (usize, &f32)| (places.map_or(at as u32, |places| places[at]), *value);
    values.iter().enumerate().map(entry).filter(|(_, value)| *value != 0.0)
}

fn no_memory(rows: usize, concepts: usize) -> Error {
    let message = format!("there is no memory for the codes of {rows} rows and {concepts} concepts");
    Error::new(ErrorCode::OutOfMemory, message).hint("write them to a file, which takes no memory for them")
}

/// Writes a file, whole or not at all, where what is written may fail for other reasons than the disk.
fn whole(path: &Path, write: impl FnOnce(&mut (dyn Write + Send)) -> Result<()>) -> Result<()> {
    let mut outcome = Ok(());
    let written = write_atomically(path, |file| {
        outcome = write(file);
        // The file is not kept where the codes are not complete.
        if outcome.is_ok() { Ok(()) } else { Err(io::Error::other("the codes are not complete")) }
    });
    outcome.and(written)
}
