//! A file of tensors of any format whose values are read by their names, as f32.

use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use flate2::read::DeflateDecoder;

use super::directory::{Entry, Problem};
use super::stored::{Layout, NumberType};
use super::{numpy, safetensors, torch};
use crate::error::{Error, ErrorCode, Result, shown};
use crate::files::{Access, FileBytes};
use crate::memory::{Claim, zeroed};
use crate::safetensors_file;

/// A file may have thousands of tensors; messages name the first ones.
const MOST_NAMED: usize = 8;
/// How many runs of values are read before they are written across the rows of the result.
const RUNS: usize = 16;
/// How many bytes of a mapped file are read before their pages are let go.
const RELEASED_AT_ONCE: usize = 4 << 20;

/// A file of tensors that is open; no value has been read.
pub(crate) struct TensorFile {
    name: String,
    bytes: FileBytes,
    tensors: HashMap<String, Tensor>,
    metadata: HashMap<String, String>,
}

struct Tensor {
    entry: Entry,
    /// Of a compressed one, how many unpacked bytes come before the values.
    packed: Option<usize>,
}

/// A matrix in a file as runs of values that lie one after the other.
struct Runs {
    count: usize,
    length: usize,
    /// How far apart runs begin, and the values in a run, in numbers.
    steps: [usize; 2],
    /// Whether the runs are the columns of the matrix.
    are_columns: bool,
}

impl TensorFile {
    /// Opens a file of safetensors, of PyTorch or of NumPy (`.npz`), which its first bytes tell.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] or [`ErrorCode::Io`] with the path; [`ErrorCode::InvalidFile`] for a file that is none of them or
    /// damaged; [`ErrorCode::Unsupported`] for one whose form is not read.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = FileBytes::open(path, Access::Mapped)?;
        let about = |problem: Problem| {
            let (code, what, remedy) = match problem {
                Problem::Damaged(what) => (ErrorCode::InvalidFile, what, "get the file again"),
                Problem::NotRead(what, _) => (
                    ErrorCode::Unsupported,
                    what.to_owned(),
                    "load it in Python and save its tensors with safetensors, `save_file(tensors, \"weights.safetensors\")`",
                ),
            };
            Error::new(code, format!("`{name}` {what}")).hint(remedy).detail("path", &name)
        };
        let mut metadata = HashMap::new();
        let tensors: HashMap<String, Tensor> = if has_arrays(path, &bytes) {
            let arrays = numpy::directory(&bytes).map_err(about)?.into_iter();
            arrays.map(|array| (array.name, Tensor { entry: array.entry, packed: array.packed })).collect()
        } else {
            let directory = if torch::is_one(&bytes) {
                torch::directory(&bytes).map_err(about)?
            } else {
                let header = safetensors_file::header(&bytes).map_err(|what| about(Problem::Damaged(what)))?;
                metadata = header.1.metadata().clone().unwrap_or_default();
                safetensors::directory(&bytes).map_err(|what| about(Problem::Damaged(what)))?
            };
            directory.into_iter().map(|(name, entry)| (name, Tensor { entry, packed: None })).collect()
        };
        Ok(Self { name, bytes, tensors, metadata })
    }

    /// The path of the file, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a safetensors file says of itself.
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// The first of these names that is that of a tensor.
    pub fn first<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        names.iter().find(|name| self.tensors.contains_key(**name)).copied()
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// How many values a tensor has along each side.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] where there is none of that name.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.tensor(name)?.entry.shape)
    }

    /// The sides of a matrix.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] where there is none of that name, or it is no matrix or empty.
    pub fn sides(&self, name: &str) -> Result<[usize; 2]> {
        match *self.shape(name)? {
            [rows, columns] if rows > 0 && columns > 0 => Ok([rows, columns]),
            ref shape => Err(self.wrong(name, &format!("has the shape {shape:?}, and should be a matrix"))),
        }
    }

    /// A vector of that length.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] where there is none of that name and length, or it is not whole; [`ErrorCode::Unsupported`] for
    /// a type of number that is not read; [`ErrorCode::OutOfMemory`].
    pub fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        self.check_shape(name, &[length])?;
        self.values(name, [1, length], false)
    }

    /// The rows of a matrix of that shape, or with `transposed` its columns, one after the other. The file is read once, and no
    /// other copy of the matrix is made.
    ///
    /// # Errors
    /// As [`TensorFile::vector`].
    pub fn matrix(&self, name: &str, shape: [usize; 2], transposed: bool) -> Result<Vec<f32>> {
        self.check_shape(name, &shape)?;
        self.values(name, shape, transposed)
    }

    /// The one number that a tensor holds.
    ///
    /// # Errors
    /// As [`TensorFile::vector`], where the tensor holds several.
    pub fn number(&self, name: &str) -> Result<f64> {
        let Tensor { entry, packed } = self.tensor(name)?;
        let count = entry.shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
        if count != Some(1) {
            return Err(self.wrong(name, &format!("has the shape {:?}, and should be one number", entry.shape)));
        }
        let bytes = packed.is_none().then(|| self.bytes.get(entry.range.clone())).flatten();
        let whole = entry.numbers.whole_number_bytes().and_then(|size| bytes.filter(|bytes| bytes.len() == size));
        if let Some(bytes) = whole {
            let (four, eight) = (bytes.first_chunk().copied(), bytes.first_chunk().copied());
            let number = eight.map(i64::from_le_bytes).or_else(|| four.map(i32::from_le_bytes).map(i64::from));
            return number.map(|number| number as f64).ok_or_else(|| self.cut(name));
        }
        if let (NumberType::F64, Some(eight)) = (&entry.numbers, bytes.and_then(|bytes| bytes.first_chunk())) {
            return Ok(f64::from_le_bytes(*eight));
        }
        Ok(self.values(name, [1, 1], false)?.first().copied().map_or(0.0, f64::from))
    }

    /// The error for a tensor that is not as it should be.
    pub fn wrong(&self, name: &str, what: &str) -> Error {
        Error::new(ErrorCode::InvalidFile, format!("`{}`: the tensor `{}` {what}", self.name, shown(name)))
            .hint("get the file again, with the configuration that was published with it")
            .detail("path", &self.name)
            .detail("tensor", name)
    }

    fn cut(&self, name: &str) -> Error {
        self.wrong(name, "is not whole")
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| {
            let mut names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
            names.sort_unstable();
            let mut there: Vec<_> = names.iter().take(MOST_NAMED).map(|name| format!("`{}`", shown(name))).collect();
            if names.len() > MOST_NAMED {
                there.push(format!("{} more", names.len() - MOST_NAMED));
            }
            let there = if there.is_empty() { "nothing".to_owned() } else { there.join(", ") };
            let name = shown(name);
            Error::new(ErrorCode::InvalidFile, format!("`{}` has no tensor `{name}`: it holds {there}", self.name))
                .hint("check that this is the file that was published with this configuration")
                .detail("path", &self.name)
                .detail("tensor", name)
        })
    }

    fn check_shape(&self, name: &str, shape: &[usize]) -> Result<()> {
        let found = self.shape(name)?;
        if found == shape {
            Ok(())
        } else {
            Err(self.wrong(name, &format!("has the shape {found:?} instead of {shape:?}")))
        }
    }

    fn values(&self, name: &str, shape: [usize; 2], transposed: bool) -> Result<Vec<f32>> {
        let Tensor { entry, packed } = self.tensor(name)?;
        let Some(size) = entry.numbers.size_of(&[]) else {
            let (path, kind) = (&self.name, entry.numbers.name());
            let message = format!("`{path}`: the tensor `{}` is of type {kind}", shown(name));
            return Err(Error::new(ErrorCode::Unsupported, message)
                .hint("save it as F32, F16, BF16 or F64")
                .detail("path", path)
                .detail("tensor", name));
        };
        let runs = Runs::of(&entry.layout, shape).ok_or_else(|| self.cut(name))?;
        let count = shape[0].checked_mul(shape[1]).filter(|count| count.checked_mul(size.max(4)).is_some());
        let count = count.ok_or_else(|| self.cut(name))?;
        let what = format!("the tensor `{}` of shape {:?}", shown(name), entry.shape);
        let _claim = Claim::of(count * size_of::<f32>(), &what)?;
        let mut values = zeroed(count).ok_or_else(|| no_memory(&what))?;
        if count == 0 {
            return Ok(values);
        }
        let bytes = self.bytes.get(entry.range.clone()).ok_or_else(|| self.cut(name))?;
        let across = runs.are_columns != transposed;
        match packed {
            None => {
                let mut released = 0..0;
                runs.write(&entry.numbers, across, &mut values, |run, buffer| {
                    let end = gather(bytes, &runs, run, size, buffer).ok_or_else(|| self.cut(name))?;
                    released.end = released.end.max(end);
                    if released.len() >= RELEASED_AT_ONCE {
                        self.release(&bytes[released.clone()]);
                        released.start = released.end;
                    }
                    Ok(())
                })?;
                self.release(bytes);
            }
            Some(before) => {
                if runs.steps[1] != 1 || runs.steps[0] != runs.length {
                    return Err(self.cut(name));
                }
                let unpacked = |_| self.wrong(name, "cannot be unpacked, or has not as many values as it says");
                let mut decoder = DeflateDecoder::new(bytes);
                let mut header = vec![0; *before];
                decoder.read_exact(&mut header).map_err(unpacked)?;
                let mut released = 0;
                runs.write(&entry.numbers, across, &mut values, |_, buffer| {
                    decoder.read_exact(buffer).map_err(unpacked)?;
                    let read = usize::try_from(decoder.total_in()).unwrap_or(bytes.len()).min(bytes.len());
                    if read - released >= RELEASED_AT_ONCE {
                        self.release(&bytes[released..read]);
                        released = read;
                    }
                    Ok(())
                })?;
                self.release(bytes);
                let mut more = [0];
                if decoder.read(&mut more).map_err(unpacked)? != 0 {
                    return Err(self.wrong(name, "has more values than it says"));
                }
            }
        }
        Ok(values)
    }

    fn release(&self, part: &[u8]) {
        self.bytes.release(part);
    }
}

impl Runs {
    /// The runs of a matrix that lies so; nothing for a layout that is none of a matrix of that shape.
    fn of(layout: &Layout, [rows, columns]: [usize; 2]) -> Option<Self> {
        let by_rows = |steps: [usize; 2]| Self { count: rows, length: columns, steps, are_columns: false };
        match layout {
            Layout::Rows => Some(by_rows([columns, 1])),
            Layout::Strided(strides) => match *strides.as_slice() {
                [step] if rows == 1 => Some(by_rows([columns.checked_mul(step)?, step])),
                [1, step] => Some(Self { count: columns, length: rows, steps: [step, 1], are_columns: true }),
                [first, second] => Some(by_rows([first, second])),
                _ => None,
            },
            Layout::RowsPlusOne | Layout::InterleavedHalves { .. } => None,
        }
    }

    /// The bytes of a run, from its first to its last value.
    fn range(&self, run: usize, size: usize) -> Option<Range<usize>> {
        let first = run.checked_mul(self.steps[0])?;
        let end = self.length.saturating_sub(1).checked_mul(self.steps[1])?.checked_add(first)?.checked_add(1)?;
        Some(first.checked_mul(size)?..end.checked_mul(size)?)
    }

    /// Writes the values of the runs, which `read` gives in their order, as rows of the result, or `across` its rows.
    fn write(
        &self,
        numbers: &NumberType,
        across: bool,
        values: &mut [f32],
        mut read: impl FnMut(usize, &mut [u8]) -> Result<()>,
    ) -> Result<()> {
        let size = numbers.size_of(&[self.length]).unwrap_or(0);
        let mut bytes = zeroed(size).ok_or_else(|| no_memory("a row of a tensor"))?;
        if !across {
            for (run, values) in values.chunks_exact_mut(self.length).enumerate() {
                read(run, &mut bytes)?;
                numbers.read(&bytes, values)?;
            }
            return Ok(());
        }
        let some = self.length.checked_mul(RUNS.min(self.count)).and_then(zeroed);
        let mut some: Vec<f32> = some.ok_or_else(|| no_memory("some rows of a tensor"))?;
        for first in (0..self.count).step_by(RUNS) {
            let count = RUNS.min(self.count - first);
            for (run, row) in some.chunks_exact_mut(self.length).take(count).enumerate() {
                read(first + run, &mut bytes)?;
                numbers.read(&bytes, row)?;
            }
            for (index, row) in values.chunks_exact_mut(self.count).enumerate() {
                let from = some.iter().skip(index).step_by(self.length);
                row[first..first + count].iter_mut().zip(from).for_each(|(value, from)| *value = *from);
            }
        }
        Ok(())
    }
}

/// Copies the values of a run, of so many bytes each, and says where they end; nothing where they are not there.
fn gather(bytes: &[u8], runs: &Runs, run: usize, size: usize, buffer: &mut [u8]) -> Option<usize> {
    let range = runs.range(run, size).filter(|_| buffer.len() == runs.length * size)?;
    let found = bytes.get(range.clone())?;
    if runs.steps[1] == 1 {
        buffer.copy_from_slice(found);
    } else {
        // The same value may be meant several times.
        let places = (0..runs.length).map(|index| index * runs.steps[1] * size);
        let parts = buffer.chunks_exact_mut(size).zip(places);
        parts.for_each(|(to, place)| to.copy_from_slice(&found[place..place + size]));
    }
    Some(range.end)
}

/// Whether a file is an archive of arrays, and not one of PyTorch: its name says so, or what is in it.
fn has_arrays(path: &Path, bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK")
        && (path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"))
            || numpy::directory(bytes).is_ok())
}

fn no_memory(what: &str) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("there is no memory for {what}")).hint("free some memory")
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "values are copied")]
mod tests {
    use super::*;

    /// A matrix (2, 3) that lies in all ways, read by rows and by columns.
    #[test]
    fn a_matrix_is_read_by_rows_and_by_columns_however_it_lies() {
        let (rows, columns) = ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let spread: Vec<f32> = rows.iter().flat_map(|&value| [value, -1.0]).collect();
        for (layout, lying) in [
            (Layout::Rows, rows.to_vec()),
            (Layout::Strided(vec![1, 2]), columns.to_vec()),
            (Layout::Strided(vec![6, 2]), spread[..11].to_vec()),
        ] {
            let bytes: Vec<u8> = lying.iter().flat_map(|value: &f32| value.to_le_bytes()).collect();
            for (transposed, expected) in [(false, rows), (true, columns)] {
                let runs = Runs::of(&layout, [2, 3]).unwrap();
                let mut values = [9.0; 6];
                let read = |run: usize, buffer: &mut [u8]| {
                    gather(&bytes, &runs, run, 4, buffer).map(drop).ok_or_else(|| Error::internal("not there"))
                };
                runs.write(&NumberType::F32, runs.are_columns != transposed, &mut values, read).unwrap();
                assert!(values == expected, "{layout:?}, transposed: {transposed}: {values:?}");
            }
        }
        // One row that is expanded to two, and one that is not there.
        let runs = Runs::of(&Layout::Strided(vec![0, 1]), [2, 2]).unwrap();
        let mut buffer = [0; 8];
        gather(&[1, 2, 3, 4, 5, 6, 7, 8], &runs, 1, 4, &mut buffer).unwrap();
        assert_eq!(buffer, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(gather(&[0; 7], &runs, 1, 4, &mut buffer).is_none());
        let same = Runs::of(&Layout::Strided(vec![3, 0]), [2, 2]).unwrap();
        gather(&[7; 16], &same, 1, 4, &mut buffer).unwrap();
    }
}
