//! cuBLASLt's descriptors as values that end by themselves.

use std::ffi::c_void;
use std::ptr;

use candle_core::DType;
use cudarc::cublaslt::result::{self, CublasError};
use cudarc::cublaslt::sys::{
    self, cublasComputeType_t as Compute, cublasLtEpilogue_t as Epilogue,
    cublasLtMatmulAlgoConfigAttributes_t as Configured, cublasLtMatmulDescAttributes_t as Described,
    cublasLtMatmulPreferenceAttributes_t as Preferred, cudaDataType as Number,
};

type Result<T> = std::result::Result<T, CublasError>;

/// Algorithms of cuBLASLt.
pub(super) type Algorithm = sys::cublasLtMatmulAlgo_t;

/// What cuBLASLt calls a type of number.
fn number(numbers: DType) -> Number {
    match numbers {
        DType::BF16 => Number::CUDA_R_16BF,
        DType::F16 => Number::CUDA_R_16F,
        _ => Number::CUDA_R_32F,
    }
}

/// A handle of cuBLASLt.
pub(super) struct Handle(sys::cublasLtHandle_t);

// SAFETY: the handle belongs to no thread, and cuBLASLt's functions may be called by several.
unsafe impl Send for Handle {}

impl Handle {
    /// Starts cuBLASLt on the device whose context is current.
    pub fn new() -> Result<Self> {
        result::create_handle().map(Self)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle was made by `new`, and nothing uses it any more.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}

/// How a matrix lies in memory: `columns` columns of `rows` numbers, `stride` apart.
struct Layout(sys::cublasLtMatrixLayout_t);

impl Layout {
    fn new(numbers: DType, rows: usize, columns: usize, stride: usize) -> Result<Self> {
        result::create_matrix_layout(number(numbers), rows as u64, columns as u64, stride as i64).map(Self)
    }
}

impl Drop for Layout {
    fn drop(&mut self) {
        // SAFETY: the layout was made by `new`, and nothing uses it any more.
        let _ = unsafe { result::destroy_matrix_layout(self.0) };
    }
}

/// What two matrices, as cuBLASLt sees them column by column, are multiplied to:
/// `(columns, count) = (columns, inner) (inner, count)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Problem {
    /// Columns of a row of the result.
    pub columns: usize,
    /// Numbers that are multiplied and added up for each number of the result.
    pub inner: usize,
    /// Whether the matrix lies row by row of the result's columns, `inner` numbers each; else the other way round.
    pub in_rows: bool,
    /// Numbers from one row of the matrix to the next, of the rows, and of the result.
    pub strides: [usize; 3],
    /// The type of number of the factors, and that of the result.
    pub numbers: [DType; 2],
    /// Whether products of single precision may be rounded to TF32 before they are added.
    pub tf32: bool,
    /// Whether a bias is added to every row.
    pub bias: bool,
}

/// The descriptors of a product of so many rows.
pub(super) struct Plan {
    operation: sys::cublasLtMatmulDesc_t,
    matrix: Layout,
    rows: Layout,
    result: Layout,
}

impl Plan {
    /// Describes a product; `bias` is the address of what is added to every row.
    pub fn new(problem: &Problem, count: usize, bias: Option<u64>) -> Result<Self> {
        let Problem { columns, inner, in_rows, strides, numbers, tf32, .. } = *problem;
        let compute = if tf32 { Compute::CUBLAS_COMPUTE_32F_FAST_TF32 } else { Compute::CUBLAS_COMPUTE_32F };
        let (height, width) = if in_rows { (inner, columns) } else { (columns, inner) };
        let plan = Self {
            matrix: Layout::new(numbers[0], height, width, strides[0])?,
            rows: Layout::new(numbers[0], inner, count, strides[1])?,
            result: Layout::new(numbers[1], columns, count, strides[2])?,
            operation: result::create_matmul_desc(compute, Number::CUDA_R_32F)?,
        };
        // CUBLAS_OP_T or CUBLAS_OP_N.
        let transposed = i32::from(in_rows);
        plan.describe(Described::CUBLASLT_MATMUL_DESC_TRANSA, &transposed)?;
        if let Some(bias) = bias {
            plan.describe(Described::CUBLASLT_MATMUL_DESC_EPILOGUE, &Epilogue::CUBLASLT_EPILOGUE_BIAS)?;
            plan.describe(Described::CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &number(numbers[1]))?;
            plan.describe(Described::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias)?;
        }
        Ok(plan)
    }

    fn describe<T>(&self, attribute: Described, value: &T) -> Result<()> {
        // SAFETY: the operation is there until `self` ends, and the value is of the type that the attribute has.
        unsafe {
            result::set_matmul_desc_attribute(
                self.operation,
                attribute,
                ptr::from_ref(value).cast::<c_void>(),
                size_of::<T>(),
            )
        }
    }

    /// The algorithms that cuBLASLt thinks best for this product, the best first: those that add up every number of the
    /// result in one piece, in memory that begins at multiples of `alignments` bytes (of the matrix, the rows, the
    /// result).
    pub fn algorithms(&self, handle: &Handle, workspace: usize, alignments: [u32; 3]) -> Result<Vec<Algorithm>> {
        const MOST: usize = 32;
        let preference = Preference(result::create_matmul_pref()?);
        preference.set(Preferred::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &(workspace as u64))?;
        preference.set(
            Preferred::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            &(sys::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_NONE as u32),
        )?;
        preference.set(Preferred::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &alignments[0])?;
        preference.set(Preferred::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &alignments[1])?;
        preference.set(Preferred::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &alignments[2])?;
        preference.set(Preferred::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &alignments[2])?;
        let mut found = [const { std::mem::MaybeUninit::<sys::cublasLtMatmulHeuristicResult_t>::zeroed() }; MOST];
        let mut count = 0;
        // SAFETY: all descriptors are there until this returns, and there is room for as many results as are asked for.
        unsafe {
            sys::cublasLtMatmulAlgoGetHeuristic(
                handle.0,
                self.operation,
                self.matrix.0,
                self.rows.0,
                self.result.0,
                self.result.0,
                preference.0,
                MOST as i32,
                found.as_mut_ptr().cast(),
                &raw mut count,
            )
            .result()?;
        }
        let count = usize::try_from(count).unwrap_or(0).min(MOST);
        // SAFETY: zeros are a valid result, and cuBLASLt has written the first `count`.
        let found = found[..count].iter().map(|found| unsafe { found.assume_init_ref() });
        let found = found.filter(|found| found.state == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS);
        found.map(|found| in_one_piece(found.algo)).collect()
    }

    /// Whether an algorithm can do this product in a workspace.
    pub fn can(&self, handle: &Handle, algorithm: &Algorithm, workspace: usize) -> bool {
        let mut needs = std::mem::MaybeUninit::<sys::cublasLtMatmulHeuristicResult_t>::zeroed();
        // SAFETY: all descriptors are there until this returns; zeros are a valid result, which is written on success.
        unsafe {
            let status = sys::cublasLtMatmulAlgoCheck(
                handle.0,
                self.operation,
                self.matrix.0,
                self.rows.0,
                self.result.0,
                self.result.0,
                algorithm,
                needs.as_mut_ptr(),
            );
            status == sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS && needs.assume_init_ref().workspaceSize <= workspace
        }
    }

    /// Starts the product; `adds` says whether it is added to what the result holds.
    ///
    /// # Safety
    /// The addresses are those of matrices in device memory of the sizes that the plan was made for, and of a workspace
    /// that nothing else uses on this stream at the same time.
    pub unsafe fn run(
        &self,
        handle: &Handle,
        algorithm: &Algorithm,
        [matrix, rows, result]: [u64; 3],
        adds: bool,
        (workspace, workspace_size): (u64, usize),
        stream: sys::cudaStream_t,
    ) -> Result<()> {
        let (one, beta) = (1.0_f32, f32::from(u8::from(adds)));
        // SAFETY: as the caller says; all descriptors are there until this returns, and so are the two factors, which
        // cuBLASLt reads before.
        unsafe {
            result::matmul(
                handle.0,
                self.operation,
                ptr::from_ref(&one).cast(),
                ptr::from_ref(&beta).cast(),
                matrix as *const c_void,
                self.matrix.0,
                rows as *const c_void,
                self.rows.0,
                result as *const c_void,
                self.result.0,
                result as *mut c_void,
                self.result.0,
                algorithm,
                workspace as *mut c_void,
                workspace_size,
                stream,
            )
        }
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: the operation was made by `new`, and nothing uses it any more.
        let _ = unsafe { result::destroy_matmul_desc(self.operation) };
    }
}

struct Preference(sys::cublasLtMatmulPreference_t);

impl Preference {
    fn set<T>(&self, attribute: Preferred, value: &T) -> Result<()> {
        // SAFETY: the preference is there until `self` ends, and the value is of the type that the attribute has.
        unsafe {
            result::set_matmul_pref_attribute(self.0, attribute, ptr::from_ref(value).cast::<c_void>(), size_of::<T>())
        }
    }
}

impl Drop for Preference {
    fn drop(&mut self) {
        // SAFETY: the preference was made by `create_matmul_pref`, and nothing uses it any more.
        let _ = unsafe { result::destroy_matmul_pref(self.0) };
    }
}

/// The same algorithm without splitting what is added up for a number of the result, which would make the order of the sum
/// depend on how many rows there are.
fn in_one_piece(mut algorithm: Algorithm) -> Result<Algorithm> {
    let none = sys::cublasLtReductionScheme_t::CUBLASLT_REDUCTION_SCHEME_NONE as u32;
    for (attribute, value) in
        [(Configured::CUBLASLT_ALGO_CONFIG_SPLITK_NUM, 1), (Configured::CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, none)]
    {
        // SAFETY: both attributes are numbers of four bytes.
        unsafe {
            sys::cublasLtMatmulAlgoConfigSetAttribute(
                &raw mut algorithm,
                attribute,
                ptr::from_ref(&value).cast::<c_void>(),
                size_of::<u32>(),
            )
            .result()?;
        }
    }
    Ok(algorithm)
}
