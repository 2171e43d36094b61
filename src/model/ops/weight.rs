//! A weight matrix as it is kept in memory.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::backend::Backend;
use super::host::{Finish, HostProducts, Kept, Packed, PackedProducts};
use super::operation::lend;
#[cfg(feature = "cuda")]
use crate::cuda::DeviceMatrix;
use crate::error::{Error, ErrorCode, Result};
use crate::kernels;
use crate::kernels::product::{Bf16Matrix, BlockMatrix, F32Matrix, Int8Matrix};
use crate::memory::filled;
use crate::model::weights::FileTable;
use crate::tensor_files::{NumberType, Stored};

/// A matrix `(rows, columns)`. Its numbers stay as the file has them, quantised ones as well, and rows become the type that
/// is computed in right before they are used; f32 holds each number exactly.
pub(crate) enum Weight {
    /// Single precision in host memory.
    F32(Tensor),
    /// Half precision in host memory.
    F16(Matrix<f16>),
    /// The upper halves of single precision, in host memory.
    Bf16(Matrix<bf16>),
    /// Quantised, in host memory.
    Blocks(BlockMatrix),
    /// Any of these in a file, from which rows are read.
    InFile(FileTable),
    /// Upper halves of single precision as well, in host memory, whose products round the other factor to such numbers.
    Rounded(Matrix<bf16>),
    /// Upper halves of single precision in tiles, with what multiplies them.
    PackedBf16(Bf16Matrix, Arc<PackedProducts>),
    /// Single precision in blocks, with what multiplies them.
    PackedF32(F32Matrix, Arc<PackedProducts>),
    /// 8-bit integers with a scale for each row, with what multiplies them.
    PackedInt8(Int8Matrix, Arc<PackedProducts>),
    /// Half precision or quantised, with what unpacks and multiplies them.
    Unpacked(BlockMatrix, Arc<PackedProducts>),
    /// Any of these in the memory of a CUDA device.
    #[cfg(feature = "cuda")]
    Device(DeviceMatrix),
}

/// Values in host memory, row after row.
pub(crate) struct Matrix<T> {
    values: Vec<T>,
    rows: usize,
    columns: usize,
}

impl<T: Copy> Matrix<T> {
    fn part(&self, rows: Range<usize>) -> Result<&[T]> {
        part(&self.values, rows, self.columns)
    }

    fn transposed(&self) -> Self {
        let column = |column: usize| self.values.iter().skip(column).step_by(self.columns).copied();
        let values = (0..self.columns).flat_map(column).collect();
        Self { values, rows: self.columns, columns: self.rows }
    }
}

/// Some rows of a matrix.
fn part<T>(values: &[T], rows: Range<usize>, columns: usize) -> Result<&[T]> {
    let values = values.get(rows.start * columns..rows.end * columns);
    values.ok_or_else(beyond_the_rows)
}

fn beyond_the_rows() -> Error {
    Error::internal("a number is beyond the rows of its table")
}

impl Weight {
    /// What a file holds, where a model computes. To a device it goes from the file without another copy in host memory.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`] on a device.
    pub fn new(stored: &Stored<'_>, rows: usize, columns: usize, backend: &Backend) -> Result<Self> {
        #[cfg(feature = "cuda")]
        if let Some(products) = &backend.products {
            if *stored.numbers() == NumberType::Mxfp4 {
                // There is no kernel for these; bf16 holds each of them.
                let halves = bf16_of(stored)?;
                return Ok(Self::Device(DeviceMatrix::new(&NumberType::Bf16, &halves, (rows, columns), products)?));
            }
            return Ok(Self::Device(DeviceMatrix::new(stored.numbers(), stored.bytes(), (rows, columns), products)?));
        }
        let bits = || stored.bytes().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        Ok(match stored.numbers() {
            NumberType::F16 => Self::F16(Matrix { values: bits().map(f16::from_bits).collect(), rows, columns }),
            NumberType::Bf16 => Self::Bf16(Matrix { values: bits().map(bf16::from_bits).collect(), rows, columns }),
            NumberType::Blocks(_) | NumberType::Mxfp4 => {
                Self::Blocks(blocks(stored.copied()?, stored.numbers(), rows, columns)?)
            }
            _ => Self::F32(Tensor::from_vec(stored.widened()?, (rows, columns), &backend.device)?),
        })
    }

    /// What a file holds, as the products of a backend keep a matrix that rows are multiplied with. It is made from the file
    /// piece by piece, and not in memory in any other form.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub fn factor(stored: &Stored<'_>, rows: usize, columns: usize, backend: &Backend) -> Result<Self> {
        if !backend.device.is_cpu() {
            return Self::new(stored, rows, columns, backend);
        }
        match backend.host.keep(stored.numbers()) {
            Kept::AsStored => Self::new(stored, rows, columns, backend),
            Kept::Unpacked(products) => {
                Ok(Self::Unpacked(blocks(stored.copied()?, stored.numbers(), rows, columns)?, products))
            }
            kept => Self::kept(kept, rows, columns, stored.writer(columns)),
        }
    }

    /// The same as the products of a backend keep a matrix that rows are multiplied with; `numbers` are those of its file.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub fn for_products(self, numbers: &NumberType, backend: &Backend) -> Result<Self> {
        #[cfg(feature = "cuda")]
        if let Self::Device(_) = self {
            return Ok(self);
        }
        let (rows, columns) = self.shape()?;
        match backend.host.keep(numbers) {
            Kept::AsStored => Ok(self),
            Kept::Unpacked(products) => match self {
                Self::Blocks(matrix) => Ok(Self::Unpacked(matrix, products)),
                Self::F16(matrix) => {
                    let bytes = matrix.values.iter().flat_map(|value| value.to_le_bytes()).collect();
                    Ok(Self::Unpacked(blocks(bytes, numbers, rows, columns)?, products))
                }
                other => Ok(other),
            },
            kept => Self::kept(kept, rows, columns, |rows, panel| self.write(rows, panel)),
        }
    }

    /// A matrix for products whose rows `write` gives in their order.
    fn kept(
        kept: Kept,
        rows: usize,
        columns: usize,
        mut write: impl FnMut(Range<usize>, &mut [f32]) -> Result<()>,
    ) -> Result<Self> {
        Ok(match kept {
            Kept::AsStored | Kept::Unpacked(_) => return Err(Error::internal("a matrix is kept as it is stored")),
            Kept::Bf16(products) => Self::PackedBf16(Bf16Matrix::pack(rows, columns, write)?, products),
            Kept::F32(products) => Self::PackedF32(F32Matrix::pack(rows, columns, write)?, products),
            Kept::Int8(products) => Self::PackedInt8(Int8Matrix::pack(rows, columns, write)?, products),
            Kept::Rounded => {
                let numbers = rows.checked_mul(columns).and_then(|numbers| filled(bf16::ZERO, numbers));
                let mut values = numbers.ok_or_else(|| no_memory(rows, columns))?;
                let mut row = vec![0.0; columns];
                for (index, halves) in values.chunks_exact_mut(columns.max(1)).enumerate() {
                    write(index..index + 1, &mut row)?;
                    halves.convert_from_f32_slice(&row);
                }
                Self::Rounded(Matrix { values, rows, columns })
            }
        })
    }

    /// Whether its products are faer's, whose threads need a buffer each.
    pub fn is_multiplied_by_faer(&self) -> bool {
        match self {
            Self::F32(_) | Self::F16(_) | Self::Bf16(_) | Self::Rounded(_) | Self::Blocks(_) => true,
            Self::PackedBf16(..)
            | Self::PackedF32(..)
            | Self::PackedInt8(..)
            | Self::Unpacked(..)
            | Self::InFile(_) => false,
            #[cfg(feature = "cuda")]
            Self::Device(_) => false,
        }
    }

    /// How its products are computed: `bf16 x 3 (AMX)`; nothing on a device, and where it has none.
    pub fn products(&self) -> Option<String> {
        match self {
            Self::F32(_) | Self::F16(_) | Self::Bf16(_) | Self::Blocks(_) => Some(HostProducts::of_f32()),
            Self::Rounded(_) => Some(HostProducts::rounded()),
            Self::PackedBf16(_, products)
            | Self::PackedF32(_, products)
            | Self::PackedInt8(_, products)
            | Self::Unpacked(_, products) => Some(products.description()),
            Self::InFile(_) => None,
            #[cfg(feature = "cuda")]
            Self::Device(_) => None,
        }
    }

    /// The same with rows and columns exchanged.
    pub fn transposed(self) -> Result<Self> {
        Ok(match self {
            Self::F32(tensor) => Self::F32(tensor.t()?.contiguous()?),
            Self::F16(matrix) => Self::F16(matrix.transposed()),
            Self::Bf16(matrix) => Self::Bf16(matrix.transposed()),
            Self::Rounded(matrix) => Self::Rounded(matrix.transposed()),
            Self::PackedBf16(..) | Self::PackedF32(..) | Self::PackedInt8(..) => {
                return Err(Error::internal("a packed matrix cannot be transposed"));
            }
            Self::InFile(_) => return Err(Error::internal("a table in a file cannot be transposed")),
            // No family that GGUF files are read of has a matrix that lies the other way round.
            Self::Blocks(_) | Self::Unpacked(..) => {
                return Err(Error::internal("a quantised matrix cannot be transposed"));
            }
            #[cfg(feature = "cuda")]
            Self::Device(matrix) => Self::Device(matrix.transposed()?),
        })
    }

    /// How many rows and columns it has.
    pub fn shape(&self) -> Result<(usize, usize)> {
        match self {
            Self::F32(tensor) => Ok(tensor.dims2()?),
            Self::F16(matrix) => Ok((matrix.rows, matrix.columns)),
            Self::Bf16(matrix) | Self::Rounded(matrix) => Ok((matrix.rows, matrix.columns)),
            Self::PackedBf16(matrix, _) => Ok((matrix.rows, matrix.columns)),
            Self::PackedF32(matrix, _) => Ok((matrix.rows, matrix.columns)),
            Self::PackedInt8(matrix, _) => Ok((matrix.rows, matrix.columns)),
            Self::Blocks(matrix) | Self::Unpacked(matrix, _) => Ok((matrix.rows, matrix.columns)),
            Self::InFile(table) => Ok((table.rows, table.columns)),
            #[cfg(feature = "cuda")]
            Self::Device(matrix) => Ok((matrix.rows, matrix.columns)),
        }
    }

    /// Computes `result = left matrix^T` for a packed matrix, on up to `threads` threads, and `finish`es it; false where it is
    /// not packed.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`].
    pub fn times(&self, result: &mut [f32], left: &[f32], threads: usize, finish: Finish<'_>) -> Result<bool> {
        let (matrix, products) = match self {
            Self::PackedBf16(matrix, products) => (Packed::Bf16(matrix), products),
            Self::PackedF32(matrix, products) => (Packed::F32(matrix), products),
            Self::PackedInt8(matrix, products) => (Packed::Int8(matrix), products),
            Self::Unpacked(matrix, products) => (Packed::Blocks(matrix), products),
            _ => return Ok(false),
        };
        products.times(result, left, matrix, threads, finish)?;
        Ok(true)
    }

    /// What multiplies it, where it is packed: then a product with a few rows costs as much for each as one with many.
    pub fn packed(&self) -> Option<&PackedProducts> {
        match self {
            Self::PackedBf16(_, products) | Self::PackedF32(_, products) | Self::PackedInt8(_, products) => {
                Some(products)
            }
            _ => None,
        }
    }

    /// How many bytes of memory its numbers take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::F32(tensor) => tensor.elem_count() * size_of::<f32>(),
            Self::F16(matrix) => size_of_val(&*matrix.values),
            Self::Bf16(matrix) | Self::Rounded(matrix) => size_of_val(&*matrix.values),
            Self::PackedBf16(matrix, _) => matrix.bytes(),
            Self::PackedF32(matrix, _) => matrix.bytes(),
            Self::PackedInt8(matrix, _) => matrix.bytes(),
            Self::Blocks(matrix) | Self::Unpacked(matrix, _) => matrix.bytes(),
            Self::InFile(_) => 0,
            #[cfg(feature = "cuda")]
            Self::Device(matrix) => matrix.bytes(),
        }
    }

    /// Writes rows of a matrix in host memory as f32, one after the other, into a panel of their size.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Internal`] for rows that it does not have, or a matrix on another device; [`crate::ErrorCode::Io`]
    /// for a table in a file.
    pub fn write(&self, rows: Range<usize>, panel: &mut [f32]) -> Result<()> {
        match self {
            Self::F32(tensor) => {
                let columns = tensor.dim(1)?;
                lend(tensor, |values| part(values, rows, columns).map(|rows| panel.copy_from_slice(rows)))??;
            }
            Self::F16(matrix) => matrix.part(rows)?.convert_to_f32_slice(panel),
            Self::Bf16(matrix) | Self::Rounded(matrix) => kernels::widen(matrix.part(rows)?, panel),
            Self::PackedBf16(matrix, _) => matrix.write(rows, panel).ok_or_else(beyond_the_rows)?,
            Self::PackedF32(matrix, _) => matrix.write(rows, panel).ok_or_else(beyond_the_rows)?,
            Self::PackedInt8(matrix, _) => matrix.write(rows, panel).ok_or_else(beyond_the_rows)?,
            Self::Blocks(matrix) | Self::Unpacked(matrix, _) => {
                matrix.write(rows, panel).ok_or_else(beyond_the_rows)?;
            }
            Self::InFile(table) => table.write(rows, panel)?,
            #[cfg(feature = "cuda")]
            Self::Device(_) => {
                return Err(Error::internal("a matrix on a device cannot be read like one in host memory"));
            }
        }
        Ok(())
    }

    /// Checks that what is in a file is still there, before rows are read.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] where the file was written to since it was opened.
    pub fn check(&self) -> Result<()> {
        if let Self::InFile(table) = self { table.check() } else { Ok(()) }
    }

    /// All rows as f32, where the matrix is.
    pub fn tensor(&self) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if let Self::Device(matrix) = self {
            return matrix.tensor();
        }
        if let Self::F32(tensor) = self {
            return Ok(tensor.clone());
        }
        self.check()?;
        let (rows, columns) = self.shape()?;
        let values = rows.checked_mul(columns).and_then(|numbers| filled(0.0, numbers));
        let mut values = values.ok_or_else(|| no_memory(rows, columns))?;
        self.write(0..rows, &mut values)?;
        Ok(Tensor::from_vec(values, (rows, columns), &Device::Cpu)?)
    }
}

/// Numbers as those of bf16, the lower byte of each first.
#[cfg(feature = "cuda")]
fn bf16_of(stored: &Stored<'_>) -> Result<Vec<u8>> {
    Ok(stored.widened()?.into_iter().flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect())
}

/// A matrix that stays as it is stored.
fn blocks(bytes: Vec<u8>, numbers: &NumberType, rows: usize, columns: usize) -> Result<BlockMatrix> {
    let matrix = numbers.format().and_then(|format| BlockMatrix::new(bytes, format, rows, columns));
    matrix.ok_or_else(|| Error::internal("a matrix has other bytes than those of its blocks"))
}

fn no_memory(rows: usize, columns: usize) -> Error {
    Error::new(ErrorCode::OutOfMemory, format!("there is no memory for a matrix of {rows} by {columns}"))
        .hint("free some memory, or choose a smaller model")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
impl Weight {
    /// A matrix `(rows, columns)` of values that are rounded to a type of number.
    pub fn rounded(values: &[f32], (rows, columns): (usize, usize), numbers: &NumberType, backend: &Backend) -> Self {
        let bytes: Vec<u8> = match numbers {
            NumberType::F16 => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
            NumberType::Bf16 => values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect(),
            NumberType::Blocks(kind) => {
                let tensor = Tensor::from_slice(values, (rows, columns), &Device::Cpu).unwrap();
                let blocks = candle_core::quantized::QTensor::quantize(&tensor, *kind).unwrap();
                blocks.data().unwrap().into_owned()
            }
            _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        let stored = Stored::of_bytes(numbers, &bytes);
        Self::new(&stored, rows, columns, backend).unwrap()
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = self.shape().unwrap_or_default();
        match self {
            Self::F32(_) => write!(formatter, "F32{shape:?}"),
            Self::F16(_) => write!(formatter, "F16{shape:?}"),
            Self::Bf16(_) => write!(formatter, "Bf16{shape:?}"),
            Self::Rounded(_) => write!(formatter, "Rounded{shape:?}"),
            Self::PackedBf16(_, products)
            | Self::PackedF32(_, products)
            | Self::PackedInt8(_, products)
            | Self::Unpacked(_, products) => write!(formatter, "{products:?}{shape:?}"),
            Self::Blocks(_) => write!(formatter, "Blocks{shape:?}"),
            Self::InFile(table) => write!(formatter, "{} in a file{shape:?}", table.name()),
            #[cfg(feature = "cuda")]
            Self::Device(matrix) => write!(formatter, "{}{shape:?}", matrix.numbers().name()),
        }
    }
}
