//! The tensors of a concept model, as they are written to a file and read from it.

use safetensors::tensor::{Dtype, SafeTensors};

use crate::error::{Error, ErrorCode, Result};

/// A tensor of a concept model, to be written to a file.
#[derive(Debug)]
pub struct NamedTensor<'a> {
    /// The name of the tensor in the file.
    pub name: &'a str,
    /// The type of the values.
    pub dtype: Dtype,
    /// The shape of the tensor.
    pub shape: Vec<usize>,
    /// The values, row-major and little-endian.
    pub bytes: &'a [u8],
}

impl NamedTensor<'_> {
    /// Whether every value is finite; types other than f32 and f64 are not checked.
    pub(super) fn is_finite(&self) -> bool {
        match self.dtype {
            Dtype::F32 => self.bytes.as_chunks::<4>().0.iter().all(|&bytes| f32::from_le_bytes(bytes).is_finite()),
            Dtype::F64 => self.bytes.as_chunks::<8>().0.iter().all(|&bytes| f64::from_le_bytes(bytes).is_finite()),
            _ => true,
        }
    }
}

/// The tensors in the file of an explainer.
pub(super) struct Tensors<'a>(SafeTensors<'a>);

impl<'a> Tensors<'a> {
    pub(super) fn new(tensors: SafeTensors<'a>) -> Self {
        Self(tensors)
    }

    /// Whether the file has a tensor of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.tensor(name).is_ok()
    }

    /// The shape of a matrix; an error for a tensor that is not one, or is empty.
    pub(super) fn matrix_shape(&self, name: &str) -> Result<[usize; 2]> {
        let tensor = self.0.tensor(name).map_err(|_| invalid(format!("it has no tensor `{name}`")))?;
        match *tensor.shape() {
            [rows, columns] if rows > 0 && columns > 0 => Ok([rows, columns]),
            ref shape => Err(invalid(format!("its tensor `{name}` has the shape {shape:?}"))),
        }
    }

    /// The values of an f32 tensor, which must have that shape and be finite.
    pub(super) fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let bytes = self.bytes(name, Dtype::F32, shape)?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(not_finite(name)) }
    }

    /// The values of an f64 tensor, which must have that shape and be finite.
    pub(super) fn f64(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let bytes = self.bytes(name, Dtype::F64, shape)?;
        let values: Vec<f64> = bytes.as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
        if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(not_finite(name)) }
    }

    /// The values of a u64 tensor of one dimension.
    pub(super) fn u64(&self, name: &str) -> Result<Vec<u64>> {
        let bytes = self.bytes(name, Dtype::U64, &[self.length(name)])?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect())
    }

    /// The values of a u16 tensor of one dimension.
    pub(super) fn u16(&self, name: &str) -> Result<Vec<u16>> {
        let bytes = self.bytes(name, Dtype::U16, &[self.length(name)])?;
        Ok(bytes.as_chunks::<2>().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect())
    }

    /// The first dimension of a tensor; 0 where there is none.
    fn length(&self, name: &str) -> usize {
        self.0.tensor(name).ok().and_then(|tensor| tensor.shape().first().copied()).unwrap_or(0)
    }

    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&[u8]> {
        let tensor = self.0.tensor(name).map_err(|_| invalid(format!("it has no tensor `{name}`")))?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let (found, sizes) = (tensor.dtype(), tensor.shape());
            return Err(invalid(format!("its tensor `{name}` is {found:?} {sizes:?} instead of {dtype:?} {shape:?}")));
        }
        Ok(tensor.data())
    }
}

fn not_finite(name: &str) -> Error {
    invalid(format!("its tensor `{name}` holds values that are not finite"))
}

/// The error about a file that is not an intact explainer.
pub(super) fn invalid(what: String) -> Error {
    Error::new(ErrorCode::InvalidFile, what).hint("restore the file, or fit the concepts again")
}
