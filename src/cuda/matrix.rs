//! A weight matrix in device memory.

use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::{CudaStorage, DType, Storage, Tensor};
use cudarc::driver::{CudaSlice, DevicePtr};

use super::launch::{Argument, CudaRows, WIDEN, address, by_rows, constant, device_of, launch, memory, suffix, tensor};
use super::product::{Factor, Product, Products, SCRATCH};
use crate::error::{Error, ErrorCode, Result};
use crate::tensor_files::NumberType;

/// Panels of a matrix have a multiple of so many rows, so that each begins where vectors of numbers may.
const PANEL_STEP: usize = 64;

/// Numbers that a thread widens at a time.
const RUN: usize = 8;

/// A matrix `(rows, columns)` as its file has it, in device memory. Where a product needs another type of number, some rows
/// at a time are widened into scratch memory.
pub(crate) struct DeviceMatrix {
    bytes: CudaSlice<u8>,
    numbers: NumberType,
    /// How many rows it has.
    pub rows: usize,
    /// How many numbers each of them has.
    pub columns: usize,
    products: Arc<Products>,
}

impl DeviceMatrix {
    /// Copies the bytes of a matrix to the device, from wherever they are, a mapped file as well.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`].
    pub fn new(
        numbers: &NumberType,
        bytes: &[u8],
        (rows, columns): (usize, usize),
        products: &Arc<Products>,
    ) -> Result<Self> {
        let bytes = products.device().cuda_stream().clone_htod(bytes)?;
        Ok(Self { bytes, numbers: numbers.clone(), rows, columns, products: Arc::clone(products) })
    }

    /// The type of its numbers.
    pub fn numbers(&self) -> &NumberType {
        &self.numbers
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The same with rows and columns exchanged; for a moment both are in memory.
    pub fn transposed(self) -> Result<Self> {
        let size = match self.numbers {
            NumberType::F32 => 32,
            NumberType::F16 | NumberType::Bf16 => 16,
            // No family that GGUF files are read of has a matrix that lies the other way round.
            _ => return Err(Error::internal("a quantised matrix cannot be transposed")),
        };
        let device = self.products.device();
        // SAFETY: the kernel writes every number before anybody reads one.
        let exchanged = unsafe { device.alloc::<u8>(self.bytes.len()) }?;
        let arguments = [
            Argument::Address(self.address()),
            Argument::Address(exchanged.device_ptr(exchanged.stream()).0),
            Argument::long(self.rows),
            Argument::long(self.columns),
        ];
        let grid = (self.rows.div_ceil(32), self.columns.div_ceil(32), 1);
        launch(device, &WIDEN, &format!("transpose_{size}"), (grid, (1024, 1)), &arguments)?;
        Ok(Self { bytes: exchanged, rows: self.columns, columns: self.rows, ..self })
    }

    fn address(&self) -> u64 {
        self.bytes.device_ptr(self.bytes.stream()).0
    }

    /// The type of number of a tensor that it could be as it is.
    fn plain(&self) -> Option<DType> {
        match self.numbers {
            NumberType::F32 => Some(DType::F32),
            NumberType::F16 => Some(DType::F16),
            NumberType::Bf16 => Some(DType::BF16),
            _ => None,
        }
    }

    /// Writes rows from `first` on, or those of the numbers at an address, as numbers of a type.
    fn widen(&self, numbers: u64, first: usize, rows: usize, to: DType, result: u64) -> Result<()> {
        let kind = match &self.numbers {
            NumberType::F32 => "f32",
            NumberType::F16 => "f16",
            NumberType::Bf16 => "bf16",
            NumberType::Blocks(GgmlDType::Q4_0) => "q4_0",
            NumberType::Blocks(GgmlDType::Q4_1) => "q4_1",
            NumberType::Blocks(GgmlDType::Q5_0) => "q5_0",
            NumberType::Blocks(GgmlDType::Q5_1) => "q5_1",
            NumberType::Blocks(GgmlDType::Q8_0) => "q8_0",
            NumberType::Blocks(GgmlDType::Q2K) => "q2_k",
            NumberType::Blocks(GgmlDType::Q3K) => "q3_k",
            NumberType::Blocks(GgmlDType::Q4K) => "q4_k",
            NumberType::Blocks(GgmlDType::Q5K) => "q5_k",
            NumberType::Blocks(GgmlDType::Q6K) => "q6_k",
            other => return Err(Error::internal(format!("no kernel widens numbers of type {}", other.name()))),
        };
        let suffix = suffix(to).ok_or_else(|| Error::internal("no kernel widens to this type of number"))?;
        let arguments = [
            Argument::Address(self.address()),
            Argument::Address(numbers),
            Argument::long(first),
            Argument::long(rows),
            Argument::long(self.columns),
            Argument::Address(result),
        ];
        let shape = by_rows(rows, self.columns.div_ceil(RUN));
        launch(self.products.device(), &WIDEN, &format!("widen_{kind}_{suffix}"), shape, &arguments)
    }

    /// All rows as f32.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`].
    pub fn tensor(&self) -> Result<Tensor> {
        let all = memory(self.products.device(), DType::F32, self.rows * self.columns)?;
        self.widen(0, 0, self.rows, DType::F32, address(&all, 0)?)?;
        Ok(tensor(all, (self.rows, self.columns)))
    }

    /// The rows of some numbers, as f32.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] for a number that it does not have; [`ErrorCode::OutOfMemory`].
    pub fn look_up(&self, numbers: &[u32]) -> Result<Tensor> {
        if numbers.iter().any(|number| *number as usize >= self.rows) {
            return Err(Error::internal("a number is beyond the rows of its table"));
        }
        let device = self.products.device();
        let chosen = Tensor::from_slice(numbers, numbers.len(), &device_of(device))?;
        let rows = memory(device, DType::F32, numbers.len() * self.columns)?;
        self.widen(constant(&chosen, DType::U32)?, 0, numbers.len(), DType::F32, address(&rows, 0)?)?;
        Ok(tensor(rows, (numbers.len(), self.columns)))
    }

    /// The panels that it is widened in.
    fn panels(&self, numbers: DType) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let rows = SCRATCH / (self.columns.max(1) * numbers.size_in_bytes()) / PANEL_STEP * PANEL_STEP;
        let (all, step) = (self.rows, rows.max(1));
        (0..all).step_by(step).map(move |first| first..all.min(first + step))
    }

    /// Refuses a matrix with rows too long for the scratch memory.
    fn check_panel(&self) -> Result<()> {
        if self.columns * size_of::<f32>() <= SCRATCH {
            return Ok(());
        }
        Err(Error::new(ErrorCode::Unsupported, format!("a matrix has rows of {} numbers", self.columns))
            .hint("run this model on the CPU"))
    }

    /// The product of `(count, columns)` with it, `(count, rows)`, plus a bias of the type of the rows; nothing for types
    /// of number that are not multiplied.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`]; [`ErrorCode::Device`].
    pub fn project(&self, left: CudaRows<'_>, bias: Option<&Tensor>) -> Result<Option<CudaStorage>> {
        let numbers = left.numbers();
        if suffix(numbers).is_none() {
            return Ok(None);
        }
        let result = memory(left.device(), numbers, left.rows * self.rows)?;
        let bias = bias.map(|bias| constant(bias, numbers)).transpose()?;
        let size = numbers.size_in_bytes();
        let product = |rows: std::ops::Range<usize>, right: u64| -> Result<Product<'_>> {
            Ok(Product {
                left: Factor { rows: left, first: 0, stride: left.columns },
                count: left.rows,
                inner: self.columns,
                right,
                right_stride: self.columns,
                right_in_rows: true,
                columns: rows.len(),
                result: address(&result, rows.start)?,
                result_stride: self.rows,
                result_numbers: numbers,
                bias: bias.map(|bias| bias + (rows.start * size) as u64),
                adds: false,
            })
        };
        if self.plain() == Some(numbers) {
            self.products.multiply(&product(0..self.rows, self.address())?)?;
            return Ok(Some(result));
        }
        self.check_panel()?;
        let mut turn = self.products.turn();
        let scratch = turn.scratch()?;
        for panel in self.panels(numbers) {
            self.widen(0, panel.start, panel.len(), numbers, scratch)?;
            turn.multiply(&product(panel, scratch)?)?;
        }
        Ok(Some(result))
    }

    /// The product of `(count, rows)` with it the other way round, `(count, columns)`: what a gradient becomes on its way
    /// back. It is added up in f32. Nothing for types of number that are not multiplied.
    ///
    /// # Errors
    /// As [`DeviceMatrix::project`].
    pub fn project_back(&self, gradient: &Tensor) -> Result<Option<Tensor>> {
        let numbers = gradient.dtype();
        if suffix(numbers).is_none() {
            return Ok(None);
        }
        let gradient = gradient.contiguous()?;
        let (storage, layout) = gradient.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else {
            return Err(Error::internal("a gradient is not on the device of its weights"));
        };
        let left = CudaRows::new(storage, layout.start_offset(), layout.shape().dims2()?);
        let result = memory(left.device(), DType::F32, left.rows * self.columns)?;
        let product = |rows: std::ops::Range<usize>, right: u64| -> Result<Product<'_>> {
            Ok(Product {
                left: Factor { rows: left, first: rows.start, stride: left.columns },
                count: left.rows,
                inner: rows.len(),
                right,
                right_stride: self.columns,
                right_in_rows: false,
                columns: self.columns,
                result: address(&result, 0)?,
                result_stride: self.columns,
                result_numbers: DType::F32,
                bias: None,
                adds: rows.start > 0,
            })
        };
        if self.plain() == Some(numbers) {
            self.products.multiply(&product(0..self.rows, self.address())?)?;
        } else {
            self.check_panel()?;
            let mut turn = self.products.turn();
            let scratch = turn.scratch()?;
            for panel in self.panels(numbers) {
                self.widen(0, panel.start, panel.len(), numbers, scratch)?;
                turn.multiply(&product(panel, scratch)?)?;
            }
        }
        Ok(Some(tensor(result, (left.rows, self.columns)).to_dtype(numbers)?))
    }
}
