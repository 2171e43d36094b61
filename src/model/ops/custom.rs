//! Operations as candle's custom operations: the kernel where there is one, else the reference.

use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::op::BackpropOp;
use candle_core::{CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Shape, Storage, Tensor};

use super::operation::{Operation, Values};
#[cfg(feature = "cuda")]
use crate::cuda::CudaRows;
use crate::error::{Error, Result};
use crate::parallel::at_once;

/// An operation as candle's own.
pub(super) struct Custom<O> {
    /// What it does.
    pub operation: O,
    /// Whether it runs its kernel where it has one.
    pub kernel: bool,
    /// On how many threads its kernel computes rows, where it can compute some by themselves.
    pub threads: usize,
}

/// The number of rows from which on another thread is worth it.
const THREAD_ROWS: usize = 512;

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
        let copies = inputs.map(
            |(storage, layout)| if layout.is_contiguous() { Ok(None) } else { contiguous(storage, layout).map(Some) },
        );
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
        let result = self.by_rows(slices, rows)?;
        Ok((CpuStorage::F32(result), (rows, self.operation.columns(columns)?).into()))
    }

    /// Runs the kernel: on some rows at a time, where there are many and threads for them.
    fn by_rows<const N: usize>(&self, inputs: [Values<'_>; N], rows: usize) -> Result<Vec<f32>>
    where
        O: Operation<N>,
    {
        let parts = if O::BY_ROWS { self.threads.min(rows / THREAD_ROWS) } else { 1 };
        if parts <= 1 {
            return self.operation.kernel_on(self.threads, inputs);
        }
        let height = rows.div_ceil(parts);
        let results = at_once(parts, parts, |part| {
            let rows = (part * height).min(rows)..((part + 1) * height).min(rows);
            self.operation.kernel(inputs.map(|input| Values {
                values: &input.values[rows.start * input.columns..rows.end * input.columns],
                columns: input.columns,
            }))
        })?;
        Ok(results.concat())
    }

    #[cfg(feature = "cuda")]
    fn on_device<const N: usize>(&self, inputs: [Input<'_, CudaStorage>; N]) -> Result<(CudaStorage, Shape)>
    where
        O: Operation<N>,
    {
        if !self.kernel {
            return self.by_reference(inputs);
        }
        let copies = inputs.map(
            |(storage, layout)| if layout.is_contiguous() { Ok(None) } else { contiguous(storage, layout).map(Some) },
        );
        let mut all = Vec::with_capacity(N);
        for (copy, (storage, layout)) in copies.iter().zip(inputs) {
            let shape = layout.shape().dims2()?;
            all.push(match copy {
                Ok(None) => CudaRows::new(storage, layout.start_offset(), shape),
                Ok(Some(copy)) => CudaRows::new(copy, 0, shape),
                Err(error) => return Err(error.clone()),
            });
        }
        let shape = (all[0].rows, self.operation.columns(all[0].columns)?);
        match self.operation.cuda(std::array::from_fn(|index| all[index]))? {
            Some(result) => Ok((result, shape.into())),
            None => self.by_reference(inputs),
        }
    }

    #[cfg(not(feature = "cuda"))]
    fn on_device<const N: usize>(&self, inputs: [Input<'_, CudaStorage>; N]) -> Result<(CudaStorage, Shape)>
    where
        O: Operation<N>,
    {
        self.by_reference(inputs)
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
        Ok(self.on_device([(rows, layout)])?)
    }

    fn bwd(&self, rows: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let [rows] = self.operation.backward([&rows.detach()], &gradient.detach())?;
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
        Ok(self.on_device([(left, left_layout), (right, right_layout)])?)
    }

    fn bwd(
        &self,
        left: &Tensor,
        right: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [left, right] = self.operation.backward([&left.detach(), &right.detach()], &gradient.detach())?;
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
        Ok(self.on_device([(first, first_layout), (second, second_layout), (third, third_layout)])?)
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
        let [first, second, third] = self.operation.backward(inputs, &gradient.detach())?;
        Ok((Some(first), Some(second), Some(third)))
    }
}

/// An error on its way through candle, which arrives as it was.
impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        Self::Cuda(Box::new(error))
    }
}
