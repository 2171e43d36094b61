//! Products of rows and matrices through cuBLASLt, whose bits do not depend on the number of rows.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CudaDevice, DType};
use cudarc::cublaslt::result::CublasError;
use cudarc::cublaslt::sys::cublasStatus_t as Status;
use cudarc::driver::{CudaSlice, CudaStream, DevicePtr};

use super::launch::{Argument, CudaRows};
use super::lt::{Algorithm, Handle, Plan, Problem};
use crate::error::{Error, ErrorCode, Result};

/// Memory that products compute in, in bytes; what NVIDIA recommends for Hopper.
pub(crate) const WORKSPACE: usize = 32 << 20;

/// Memory that part of a matrix is widened into before a product, in bytes.
pub(crate) const SCRATCH: usize = 32 << 20;

/// The number of rows that algorithms are chosen for.
const TYPICAL_ROWS: usize = 4096;

/// Numbers of rows that an algorithm must be able to do: one token, a few, sizes around the tiles of kernels, large
/// batches.
const TRIED_ROWS: [usize; 12] = [1, 2, 3, 7, 8, 16, 33, 64, 100, 1000, TYPICAL_ROWS, 65_537];

/// The left factor of a product: some columns of rows.
pub(super) struct Factor<'a> {
    pub rows: CudaRows<'a>,
    /// Its first column.
    pub first: usize,
    /// Numbers from one row to the next.
    pub stride: usize,
}

/// `result = left right^T + bias`, or with `right` the other way round `left right`.
pub(super) struct Product<'a> {
    /// `(count, inner)`.
    pub left: Factor<'a>,
    pub count: usize,
    pub inner: usize,
    /// The address of the matrix, whose numbers are of the type of the rows.
    pub right: u64,
    pub right_stride: usize,
    /// Whether the matrix is `(columns, inner)`; else it is `(inner, columns)`.
    pub right_in_rows: bool,
    pub columns: usize,
    /// The address of the result, `(count, columns)`.
    pub result: u64,
    pub result_stride: usize,
    pub result_numbers: DType,
    /// The address of `columns` numbers of the result's type.
    pub bias: Option<u64>,
    /// Whether the product is added to the result.
    pub adds: bool,
}

/// What multiplies for a model on its device.
///
/// An algorithm is chosen once for each shape of matrix and types of number, by cuBLASLt for 4096 rows among those that
/// do not split sums, and then used for every number of rows: which numbers are added in which order depends on the
/// algorithm, so that a row of a result is the same bits whatever the number of rows. Should an algorithm refuse a number
/// of rows, the next one in cuBLASLt's order that takes it is used; the row's bits may then be others.
pub(crate) struct Products {
    device: CudaDevice,
    stream: Arc<CudaStream>,
    /// Whether products in single precision may be rounded to TF32.
    tf32: bool,
    /// Held while a product is started, not while it runs.
    state: Mutex<State>,
}

struct State {
    handle: Handle,
    workspace: CudaSlice<u8>,
    /// Made when it is first needed.
    scratch: Option<CudaSlice<u8>>,
    algorithms: HashMap<Problem, Vec<Algorithm>>,
}

/// Right to use the scratch memory, until the product that reads it is started.
pub(super) struct Turn<'a> {
    products: &'a Products,
    state: std::sync::MutexGuard<'a, State>,
}

impl Products {
    /// Takes the workspace on a device, and starts cuBLASLt.
    ///
    /// # Errors
    /// [`ErrorCode::OutOfMemory`]; [`ErrorCode::Device`] when cuBLASLt cannot start.
    pub fn new(device: &CudaDevice, tf32: bool) -> Result<Arc<Self>> {
        let stream = device.cuda_stream();
        stream.context().bind_to_thread()?;
        // SAFETY: nothing reads the workspace but products, which write it before.
        let workspace = unsafe { stream.alloc::<u8>(WORKSPACE) }?;
        let handle = Handle::new().map_err(failed)?;
        let state = State { handle, workspace, scratch: None, algorithms: HashMap::new() };
        Ok(Arc::new(Self { device: device.clone(), stream, tf32, state: Mutex::new(state) }))
    }

    /// Where it multiplies.
    pub fn device(&self) -> &CudaDevice {
        &self.device
    }

    /// Starts a product.
    ///
    /// # Errors
    /// [`ErrorCode::Device`] when cuBLASLt fails.
    pub(super) fn multiply(&self, product: &Product<'_>) -> Result<()> {
        self.turn().multiply(product)
    }

    /// Waits until nobody else starts a product.
    pub(super) fn turn(&self) -> Turn<'_> {
        // A thread that panicked while it held the lock left whole entries.
        Turn { products: self, state: self.state.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Turn<'_> {
    /// The address of [`SCRATCH`] bytes that the device is done with before it does what is started now.
    pub(super) fn scratch(&mut self) -> Result<u64> {
        if self.state.scratch.is_none() {
            // SAFETY: what reads the scratch memory comes after what writes it, in the order of the stream.
            self.state.scratch = Some(unsafe { self.products.stream.alloc::<u8>(SCRATCH) }?);
        }
        let scratch = self.state.scratch.as_ref().map(|scratch| scratch.device_ptr(&self.products.stream).0);
        scratch.ok_or_else(|| Error::internal("there is no scratch memory"))
    }

    /// As [`Products::multiply`].
    pub(super) fn multiply(&mut self, product: &Product<'_>) -> Result<()> {
        if product.count == 0 || product.columns == 0 {
            return Ok(());
        }
        let numbers = product.left.rows.numbers();
        let problem = Problem {
            columns: product.columns,
            inner: product.inner,
            in_rows: product.right_in_rows,
            strides: [product.right_stride, product.left.stride, product.result_stride],
            numbers: [numbers, product.result_numbers],
            tf32: self.products.tf32 && numbers == DType::F32,
            bias: product.bias.is_some(),
        };
        self.products.stream.context().bind_to_thread()?;
        if !self.state.algorithms.contains_key(&problem) {
            let algorithms = self.state.choose(&problem, product.bias).map_err(failed)?;
            self.state.algorithms.insert(problem, algorithms);
        }
        self.start(&problem, product).map_err(failed)
    }

    fn start(&self, problem: &Problem, product: &Product<'_>) -> std::result::Result<(), CublasError> {
        let plan = Plan::new(problem, product.count, product.bias)?;
        let Argument::Address(rows) = product.left.rows.address().map_err(|_| refused())? else {
            return Err(refused());
        };
        let rows = rows + (product.left.first * problem.numbers[0].size_in_bytes()) as u64;
        let workspace = self.state.workspace.device_ptr(&self.products.stream).0;
        let stream = self.products.stream.cu_stream().cast();
        let run = |algorithm: &Algorithm| {
            // SAFETY: the callers, all in this folder, give matrices of these sizes; the workspace is used by products of
            // this stream alone, one after the other.
            unsafe {
                plan.run(
                    &self.state.handle,
                    algorithm,
                    [product.right, rows, product.result],
                    product.adds,
                    (workspace, WORKSPACE),
                    stream,
                )
            }
        };
        let refuses = |error: &CublasError| {
            matches!(error.0, Status::CUBLAS_STATUS_NOT_SUPPORTED | Status::CUBLAS_STATUS_INVALID_VALUE)
        };
        let known = self.state.algorithms.get(problem).map(Vec::as_slice).unwrap_or_default();
        for algorithm in known {
            match run(algorithm) {
                Err(error) if refuses(&error) => {}
                done => return done,
            }
        }
        let others = plan.algorithms(&self.state.handle, WORKSPACE, alignments(problem))?;
        run(others.first().ok_or_else(refused)?)
    }
}

impl State {
    /// The algorithms for a problem in the order in which they are tried: those that can do every number of rows first.
    fn choose(&self, problem: &Problem, bias: Option<u64>) -> std::result::Result<Vec<Algorithm>, CublasError> {
        let typical = Plan::new(problem, TYPICAL_ROWS, bias)?;
        let found = typical.algorithms(&self.handle, WORKSPACE, alignments(problem))?;
        let tried = TRIED_ROWS.map(|count| Plan::new(problem, count, bias));
        let tried = tried.into_iter().collect::<std::result::Result<Vec<_>, _>>()?;
        let can_all = |algorithm: &Algorithm| tried.iter().all(|plan| plan.can(&self.handle, algorithm, WORKSPACE));
        let (mut best, others): (Vec<_>, Vec<_>) = found.into_iter().partition(can_all);
        best.extend(others);
        Ok(best)
    }
}

/// Multiples of how many bytes each of the matrices begins at, and each of its rows: the same for every row, so that the
/// algorithm does not depend on where rows lie.
fn alignments(problem: &Problem) -> [u32; 3] {
    let sizes = [problem.numbers[0], problem.numbers[0], problem.numbers[1]].map(|numbers| numbers.size_in_bytes());
    // Matrices begin at a number that is a multiple of the number of columns of one of them, or of a panel's or head's
    // columns.
    std::array::from_fn(|index| {
        let bytes = (problem.strides[index] * sizes[index]) as u32;
        let inner = ([problem.inner, problem.inner, problem.columns][index] * sizes[index]) as u32;
        [16, 8, 4, 2].into_iter().find(|size| bytes.is_multiple_of(*size) && inner.is_multiple_of(*size)).unwrap_or(1)
    })
}

fn refused() -> CublasError {
    CublasError(Status::CUBLAS_STATUS_NOT_SUPPORTED)
}

/// What cuBLASLt said, as an error.
fn failed(error: CublasError) -> Error {
    let number = error.0 as u32;
    if error.0 == Status::CUBLAS_STATUS_ALLOC_FAILED {
        return Error::new(ErrorCode::OutOfMemory, "the device is out of memory")
            .hint("lower the token budget of a batch, or free models and rows that are on the device");
    }
    Error::new(ErrorCode::Device, format!("a product of matrices failed on the device (cuBLASLt's status {number})"))
        .hint("install the cuBLAS of CUDA 13 or 12, or use the CPU")
        .detail("cublas", number)
}

impl fmt::Debug for Products {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Products").field("tf32", &self.tf32).finish_non_exhaustive()
    }
}
