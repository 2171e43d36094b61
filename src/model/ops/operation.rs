//! What an operation is: a kernel, a reference, and the gradient that follows from the reference.
//!
//! candle's custom operations carry it: a tensor that no gradient is wanted of goes straight through the kernel, and one
//! of a gradient leaves a step on candle's tape whose way back is [`Operation::backward`].

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::op::BackpropOp;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, DType, Layout, Shape, Storage, Tensor, Var,
};

use crate::error::{Error, Result};

/// Rows in main memory, one after the other.
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

    /// The columns of the result, by those of the first input.
    fn columns(&self, columns: usize) -> Result<usize> {
        Ok(columns)
    }

    /// The values of the result, for inputs that are f32 in main memory, on the calling thread.
    fn kernel(&self, inputs: [Values<'_>; N]) -> Result<Vec<f32>>;

    /// The same as a composition of candle's operations, for inputs of any type of number on any device.
    fn reference(&self, inputs: [&Tensor; N]) -> Result<Tensor>;

    /// The gradient of each input, given that of the result; nothing here is on candle's tape. By default the reference runs once more, and candle takes the
    /// gradients of its steps.
    fn backward(&self, inputs: [&Tensor; N], gradient: &Tensor) -> Result<[Tensor; N]> {
        gradients(Self::NAME, inputs, gradient, |inputs| self.reference(inputs))
    }
}

impl<const N: usize, O: Operation<N>> Operation<N> for &O {
    const NAME: &'static str = O::NAME;

    fn columns(&self, columns: usize) -> Result<usize> {
        (**self).columns(columns)
    }

    fn kernel(&self, inputs: [Values<'_>; N]) -> Result<Vec<f32>> {
        (**self).kernel(inputs)
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
    let mut gradients = (result * gradient.detach())?.sum_all()?.backward()?;
    let absent = || Error::internal(format!("the operation `{name}` lost the gradient of an input"));
    let gradients = variables.iter().map(|variable| gradients.remove(variable).ok_or_else(absent));
    gradients.collect::<Result<Vec<_>>>()?.try_into().map_err(|_| absent())
}

/// A constant as the type of number that rows have.
pub(super) fn like(constant: &Tensor, rows: &Tensor) -> Result<Tensor> {
    Ok(constant.to_dtype(rows.dtype())?)
}

/// Lends the values of a constant, which must be contiguous f32 in main memory, to `work`.
pub(super) fn lend<T>(constant: &Tensor, work: impl FnOnce(&[f32]) -> T) -> Result<T> {
    if constant.track_op() {
        return Err(Error::internal("an operation would lose the gradient of one of its settings"));
    }
    let (storage, layout) = constant.storage_and_layout();
    let values = match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => values.get(start..end),
        _ => None,
    };
    Ok(work(values.ok_or_else(|| Error::internal("a constant is not contiguous f32 in main memory"))?))
}

/// As [`lend`], where there may be no such constant.
pub(super) fn lend_optional<T>(constant: Option<&Tensor>, work: impl FnOnce(Option<&[f32]>) -> T) -> Result<T> {
    match constant {
        Some(constant) => lend(constant, |values| work(Some(values))),
        None => Ok(work(None)),
    }
}

/// Which implementation of its operations a pass runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Implementation {
    /// The kernel where the inputs are f32 in main memory, else the reference.
    Kernels,
    /// The reference everywhere, as on a device, in a type of number.
    #[cfg(test)]
    Reference(DType),
}

impl Implementation {
    /// Whether these inputs go through the kernel.
    fn runs_kernel(self, inputs: &[&Tensor]) -> bool {
        self == Self::Kernels && inputs.iter().all(|input| input.device().is_cpu() && input.dtype() == DType::F32)
    }

    /// Rows from which a pass begins, in the type of number that it computes in.
    #[cfg_attr(not(test), allow(clippy::unnecessary_wraps, reason = "only a test computes in another type"))]
    pub fn begin(self, rows: Tensor) -> Result<Tensor> {
        match self {
            Self::Kernels => Ok(rows),
            #[cfg(test)]
            Self::Reference(numbers) => Ok(rows.to_dtype(numbers)?),
        }
    }

    /// Applies an operation to one tensor.
    pub fn unary<O: Operation<1> + Clone + 'static>(self, operation: &O, rows: &Tensor) -> Result<Tensor> {
        let kernel = self.runs_kernel(&[rows]);
        Ok(match (rows.track_op(), kernel) {
            (true, _) => rows.apply_op1(Custom { operation: operation.clone(), kernel })?,
            (false, true) => rows.apply_op1_no_bwd(&Custom { operation, kernel })?,
            (false, false) => operation.reference([rows])?,
        })
    }

    /// Applies an operation to two tensors.
    pub fn binary<O: Operation<2> + Clone + 'static>(
        self,
        operation: &O,
        left: &Tensor,
        right: &Tensor,
    ) -> Result<Tensor> {
        let kernel = self.runs_kernel(&[left, right]);
        Ok(match (left.track_op() || right.track_op(), kernel) {
            (true, _) => left.apply_op2(right, Custom { operation: operation.clone(), kernel })?,
            (false, true) => left.apply_op2_no_bwd(right, &Custom { operation, kernel })?,
            (false, false) => operation.reference([left, right])?,
        })
    }

    /// Applies an operation to three tensors.
    pub fn ternary<O: Operation<3> + Clone + 'static>(
        self,
        operation: &O,
        [first, second, third]: [&Tensor; 3],
    ) -> Result<Tensor> {
        let kernel = self.runs_kernel(&[first, second, third]);
        Ok(match (first.track_op() || second.track_op() || third.track_op(), kernel) {
            (true, _) => first.apply_op3(second, third, Custom { operation: operation.clone(), kernel })?,
            (false, true) => first.apply_op3_no_bwd(second, third, &Custom { operation, kernel })?,
            (false, false) => operation.reference([first, second, third])?,
        })
    }
}

/// An operation as candle's own.
struct Custom<O> {
    operation: O,
    /// Whether it runs its kernel, in main memory.
    kernel: bool,
}

/// What a custom operation is given: numbers, and how they lie.
type Input<'a, S> = (&'a S, &'a Layout);

impl<O> Custom<O> {
    fn in_main_memory<const N: usize>(&self, inputs: [Input<'_, CpuStorage>; N]) -> Result<(CpuStorage, Shape)>
    where
        O: Operation<N>,
    {
        if !self.kernel {
            return self.by_reference(inputs);
        }
        let (rows, columns) = inputs[0].1.shape().dims2()?;
        let copies = inputs.map(|(storage, layout)| match layout.is_contiguous() {
            true => Ok(None),
            false => contiguous(storage, layout).map(Some),
        });
        let mut slices = [Values { values: &[], columns: 0 }; N];
        for ((slice, copy), (storage, layout)) in slices.iter_mut().zip(&copies).zip(inputs) {
            let (storage, start) = match copy {
                Ok(None) => (storage, layout.start_offset()),
                Ok(Some(copy)) => (copy, 0),
                Err(error) => return Err(error.clone()),
            };
            let values = storage.as_slice::<f32>()?.get(start..start + layout.shape().elem_count());
            let values = values.ok_or_else(|| Error::internal("a tensor reaches beyond its numbers"))?;
            *slice = Values { values, columns: layout.shape().dims2()?.1 };
        }
        let result = self.operation.kernel(slices)?;
        Ok((CpuStorage::F32(result), (rows, self.operation.columns(columns)?).into()))
    }

    /// Runs the reference on the numbers of a device.
    fn by_reference<S: Stored, const N: usize>(&self, inputs: [Input<'_, S>; N]) -> Result<(S, Shape)>
    where
        O: Operation<N>,
    {
        let tensor = |(storage, layout): Input<'_, S>| -> Result<Tensor> {
            let copy = contiguous(storage, layout)?.into_storage();
            Ok(Tensor::from_storage(copy, layout.shape(), BackpropOp::none(), false))
        };
        let tensors = inputs.into_iter().map(tensor).collect::<Result<Vec<_>>>()?;
        let result = self.operation.reference(std::array::from_fn(|index| &tensors[index]))?;
        let (storage, layout) = result.storage_and_layout();
        let storage =
            S::of(&storage).ok_or_else(|| Error::internal("a result is on another device than its inputs"))?;
        Ok((contiguous(storage, layout)?, layout.shape().clone()))
    }
}

/// The numbers of a tensor one after the other.
fn contiguous<S: Stored>(storage: &S, layout: &Layout) -> Result<S> {
    let mut copy = storage.device().zeros_impl(layout.shape(), storage.dtype())?;
    storage.copy_strided_src(&mut copy, 0, layout)?;
    Ok(copy)
}

/// The numbers of one kind of device.
trait Stored: BackendStorage<Device: BackendDevice<Storage = Self>> {
    fn into_storage(self) -> Storage;
    fn of(storage: &Storage) -> Option<&Self>;
}

impl Stored for CpuStorage {
    fn into_storage(self) -> Storage {
        Storage::Cpu(self)
    }

    fn of(storage: &Storage) -> Option<&Self> {
        if let Storage::Cpu(storage) = storage { Some(storage) } else { None }
    }
}

impl Stored for CudaStorage {
    fn into_storage(self) -> Storage {
        Storage::Cuda(self)
    }

    fn of(storage: &Storage) -> Option<&Self> {
        if let Storage::Cuda(storage) = storage { Some(storage) } else { None }
    }
}

impl<O: Operation<1>> CustomOp1 for Custom<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(&self, rows: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok(self.in_main_memory([(rows, layout)])?)
    }

    fn cuda_fwd(&self, rows: &CudaStorage, layout: &Layout) -> candle_core::Result<(CudaStorage, Shape)> {
        Ok(self.by_reference([(rows, layout)])?)
    }

    fn bwd(&self, rows: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let [rows] = self.operation.backward([&rows.detach()], gradient)?;
        Ok(Some(rows))
    }
}

impl<O: Operation<2>> CustomOp2 for Custom<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(
        &self,
        left: &CpuStorage,
        left_layout: &Layout,
        right: &CpuStorage,
        right_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok(self.in_main_memory([(left, left_layout), (right, right_layout)])?)
    }

    fn cuda_fwd(
        &self,
        left: &CudaStorage,
        left_layout: &Layout,
        right: &CudaStorage,
        right_layout: &Layout,
    ) -> candle_core::Result<(CudaStorage, Shape)> {
        Ok(self.by_reference([(left, left_layout), (right, right_layout)])?)
    }

    fn bwd(
        &self,
        left: &Tensor,
        right: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [left, right] = self.operation.backward([&left.detach(), &right.detach()], gradient)?;
        Ok((Some(left), Some(right)))
    }
}

impl<O: Operation<3>> CustomOp3 for Custom<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn cpu_fwd(
        &self,
        first: &CpuStorage,
        first_layout: &Layout,
        second: &CpuStorage,
        second_layout: &Layout,
        third: &CpuStorage,
        third_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok(self.in_main_memory([(first, first_layout), (second, second_layout), (third, third_layout)])?)
    }

    fn cuda_fwd(
        &self,
        first: &CudaStorage,
        first_layout: &Layout,
        second: &CudaStorage,
        second_layout: &Layout,
        third: &CudaStorage,
        third_layout: &Layout,
    ) -> candle_core::Result<(CudaStorage, Shape)> {
        Ok(self.by_reference([(first, first_layout), (second, second_layout), (third, third_layout)])?)
    }

    fn bwd(
        &self,
        first: &Tensor,
        second: &Tensor,
        third: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let inputs = [&first.detach(), &second.detach(), &third.detach()];
        let [first, second, third] = self.operation.backward(inputs, gradient)?;
        Ok((Some(first), Some(second), Some(third)))
    }
}

/// An error on its way through candle: its text arrives.
impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        Self::wrap(error)
    }
}
