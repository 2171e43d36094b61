//! What an operation is: a kernel for the CPU, perhaps one for a CUDA device, a reference, and the gradient that follows from
//! the reference.
//!
//! An operation runs as one of candle's custom operations: where no gradient is wanted only its kernel runs, and where
//! one is wanted candle records a step whose backward pass is [`Operation::backward`].

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, DType, Storage, Tensor, Var};

#[cfg(feature = "cuda")]
use crate::cuda::CudaRows;
use crate::error::{Error, Result};

/// Rows in host memory, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    /// `rows x columns` values.
    pub values: &'a [f32],
    /// Values of one row.
    pub columns: usize,
}

/// A step of the forward pass, from `N` tensors `(rows, columns)` to one with as many rows.
///
/// The tensors of its settings are constants: gradients are those with respect to the inputs.
pub(crate) trait Operation<const N: usize>: Send + Sync {
    /// What it is called in messages.
    const NAME: &'static str;

    /// Whether a row of the result depends on the same row of each input alone, so that some rows can be computed by
    /// themselves.
    const BY_ROWS: bool = false;

    /// The columns of the result, by those of the first input.
    fn columns(&self, columns: usize) -> Result<usize> {
        Ok(columns)
    }

    /// The values of the result, for inputs that are f32 in host memory, on the calling thread unless the operation was told to
    /// use more of them.
    fn kernel(&self, inputs: [Values<'_>; N]) -> Result<Vec<f32>>;

    /// The same on up to so many threads of the calling thread's team, where it can share the work on a few rows.
    fn kernel_on(&self, _threads: usize, inputs: [Values<'_>; N]) -> Result<Vec<f32>> {
        self.kernel(inputs)
    }

    /// The numbers of the result, for inputs of one type of number on a CUDA device; nothing where the reference shall run,
    /// because there is no kernel for this.
    #[cfg(feature = "cuda")]
    fn cuda(&self, _inputs: [CudaRows<'_>; N]) -> Result<Option<CudaStorage>> {
        Ok(None)
    }

    /// The same as a composition of candle's operations, for inputs of any type of number on any device.
    fn reference(&self, inputs: [&Tensor; N]) -> Result<Tensor>;

    /// The gradient of each input, given that of the result; candle records nothing here. By default the reference runs
    /// once more, and candle differentiates its steps.
    fn backward(&self, inputs: [&Tensor; N], gradient: &Tensor) -> Result<[Tensor; N]> {
        gradients(Self::NAME, inputs, gradient, |inputs| self.reference(inputs))
    }
}

impl<const N: usize, O: Operation<N>> Operation<N> for &O {
    const NAME: &'static str = O::NAME;
    const BY_ROWS: bool = O::BY_ROWS;

    fn columns(&self, columns: usize) -> Result<usize> {
        (**self).columns(columns)
    }

    fn kernel(&self, inputs: [Values<'_>; N]) -> Result<Vec<f32>> {
        (**self).kernel(inputs)
    }

    fn kernel_on(&self, threads: usize, inputs: [Values<'_>; N]) -> Result<Vec<f32>> {
        (**self).kernel_on(threads, inputs)
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, inputs: [CudaRows<'_>; N]) -> Result<Option<CudaStorage>> {
        (**self).cuda(inputs)
    }

    fn reference(&self, inputs: [&Tensor; N]) -> Result<Tensor> {
        (**self).reference(inputs)
    }

    fn backward(&self, inputs: [&Tensor; N], gradient: &Tensor) -> Result<[Tensor; N]> {
        (**self).backward(inputs, gradient)
    }
}

/// The gradients of what `function` makes of the inputs, given the gradient of its result.
///
/// # Errors
/// [`crate::ErrorCode::Internal`] naming the operation when the result does not depend on an input: a gradient is never
/// absent in silence.
pub(super) fn gradients<const N: usize>(
    name: &str,
    inputs: [&Tensor; N],
    gradient: &Tensor,
    function: impl FnOnce([&Tensor; N]) -> Result<Tensor>,
) -> Result<[Tensor; N]> {
    let variables = inputs.iter().map(|input| Var::from_tensor(&input.detach()));
    let variables = variables.collect::<candle_core::Result<Vec<_>>>()?;
    let result = function(std::array::from_fn(|index| variables[index].as_tensor()))?;
    let mut gradients = (result * gradient)?.sum_all()?.backward()?;
    let absent = || Error::internal(format!("the operation `{name}` lost the gradient of an input"));
    let gradients = variables.iter().map(|variable| gradients.remove(variable).ok_or_else(absent));
    gradients.collect::<Result<Vec<_>>>()?.try_into().map_err(|_| absent())
}

/// Runs steps whose values between must not be rounded to a half type: in single precision, rounded once at the end. For other
/// types of number nothing changes.
pub(super) fn unrounded<const N: usize>(
    inputs: [&Tensor; N],
    steps: impl FnOnce([&Tensor; N]) -> Result<Tensor>,
) -> Result<Tensor> {
    let numbers = inputs[0].dtype();
    if !matches!(numbers, DType::F16 | DType::BF16) {
        return steps(inputs);
    }
    let wide = inputs.iter().map(|input| input.to_dtype(DType::F32)).collect::<candle_core::Result<Vec<_>>>()?;
    Ok(steps(std::array::from_fn(|index| &wide[index]))?.to_dtype(numbers)?)
}

/// A constant as the type of number that rows have.
pub(super) fn like(constant: &Tensor, rows: &Tensor) -> Result<Tensor> {
    Ok(constant.to_dtype(rows.dtype())?)
}

/// Lends the values of a constant, which must be contiguous f32 in host memory, to `work`.
pub(super) fn lend<T>(constant: &Tensor, work: impl FnOnce(&[f32]) -> T) -> Result<T> {
    if constant.track_op() {
        return Err(Error::internal("an operation would lose the gradient of one of its settings"));
    }
    let (storage, layout) = constant.storage_and_layout();
    let values = match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => values.get(start..end),
        _ => None,
    };
    Ok(work(values.ok_or_else(|| Error::internal("a constant is not contiguous f32 in host memory"))?))
}

/// As [`lend`], where there may be no such constant.
pub(super) fn lend_optional<T>(constant: Option<&Tensor>, work: impl FnOnce(Option<&[f32]>) -> T) -> Result<T> {
    match constant {
        Some(constant) => lend(constant, |values| work(Some(values))),
        None => Ok(work(None)),
    }
}
