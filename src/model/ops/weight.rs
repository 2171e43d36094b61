//! A weight matrix as it is kept in memory.

use std::fmt;
use std::ops::Range;

use candle_core::{Device, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::backend::Backend;
use super::operation::lend;
#[cfg(feature = "cuda")]
use crate::cuda::DeviceMatrix;
use crate::error::{Error, ErrorCode, Result};
use crate::kernels;
use crate::memory::filled;
use crate::model::weights::{Blocks, NumberType, Stored};

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
    Blocks(Blocks),
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
    values.ok_or_else(|| Error::internal("a number is beyond the rows of its table"))
}

impl Weight {
    /// What a file holds, where a model computes. To a device it goes from the file without another copy in host memory.
    ///
    /// # Errors
    /// [`crate::ErrorCode::OutOfMemory`] on a device.
    pub fn new(stored: &Stored<'_>, rows: usize, columns: usize, backend: &Backend) -> Result<Self> {
        #[cfg(feature = "cuda")]
        if let Some(products) = &backend.products {
            return Ok(Self::Device(DeviceMatrix::new(stored.numbers(), stored.bytes(), (rows, columns), products)?));
        }
        let bits = || stored.bytes().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        Ok(match stored.numbers() {
            NumberType::F16 => Self::F16(Matrix { values: bits().map(f16::from_bits).collect(), rows, columns }),
            NumberType::Bf16 => Self::Bf16(Matrix { values: bits().map(bf16::from_bits).collect(), rows, columns }),
            NumberType::Blocks(kind) => Self::Blocks(Blocks::new(*kind, stored.bytes(), rows, columns)),
            _ => Self::F32(Tensor::from_vec(stored.widened()?, (rows, columns), &backend.device)?),
        })
    }

    /// The same with rows and columns exchanged.
    pub fn transposed(self) -> Result<Self> {
        Ok(match self {
            Self::F32(tensor) => Self::F32(tensor.t()?.contiguous()?),
            Self::F16(matrix) => Self::F16(matrix.transposed()),
            Self::Bf16(matrix) => Self::Bf16(matrix.transposed()),
            // No family that GGUF files are read of has a matrix that lies the other way round.
            Self::Blocks(_) => return Err(Error::internal("a quantised matrix cannot be transposed")),
            #[cfg(feature = "cuda")]
            Self::Device(matrix) => Self::Device(matrix.transposed()?),
        })
    }

    /// How many rows and columns it has.
    pub fn shape(&self) -> Result<(usize, usize)> {
        match self {
            Self::F32(tensor) => Ok(tensor.dims2()?),
            Self::F16(matrix) => Ok((matrix.rows, matrix.columns)),
            Self::Bf16(matrix) => Ok((matrix.rows, matrix.columns)),
            Self::Blocks(matrix) => Ok((matrix.rows, matrix.columns)),
            #[cfg(feature = "cuda")]
            Self::Device(matrix) => Ok((matrix.rows, matrix.columns)),
        }
    }

    /// How many bytes its numbers take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::F32(tensor) => tensor.elem_count() * size_of::<f32>(),
            Self::F16(matrix) => size_of_val(&*matrix.values),
            Self::Bf16(matrix) => size_of_val(&*matrix.values),
            Self::Blocks(matrix) => matrix.bytes(),
            #[cfg(feature = "cuda")]
            Self::Device(matrix) => matrix.bytes(),
        }
    }

    /// Writes rows of a matrix in host memory as f32, one after the other, into a panel of their size.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Internal`] for rows that it does not have, or a matrix on another device.
    pub fn write(&self, rows: Range<usize>, panel: &mut [f32]) -> Result<()> {
        match self {
            Self::F32(tensor) => {
                let columns = tensor.dim(1)?;
                lend(tensor, |values| part(values, rows, columns).map(|rows| panel.copy_from_slice(rows)))??;
            }
            Self::F16(matrix) => matrix.part(rows)?.convert_to_f32_slice(panel),
            Self::Bf16(matrix) => kernels::widen(matrix.part(rows)?, panel),
            Self::Blocks(matrix) => matrix.write(rows, panel)?,
            #[cfg(feature = "cuda")]
            Self::Device(_) => {
                return Err(Error::internal("a matrix on a device cannot be read like one in host memory"));
            }
        }
        Ok(())
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
        let (rows, columns) = self.shape()?;
        let values = rows.checked_mul(columns).and_then(|numbers| filled(0.0, numbers));
        let mut values = values.ok_or_else(|| {
            Error::new(ErrorCode::OutOfMemory, format!("there is no memory for a matrix of {rows} by {columns}"))
                .hint("free some memory, or choose a smaller model")
        })?;
        self.write(0..rows, &mut values)?;
        Ok(Tensor::from_vec(values, (rows, columns), &Device::Cpu)?)
    }
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
            Self::Blocks(matrix) => write!(formatter, "{:?}{shape:?}", matrix.kind()),
            #[cfg(feature = "cuda")]
            Self::Device(matrix) => write!(formatter, "{}{shape:?}", matrix.numbers().name()),
        }
    }
}
