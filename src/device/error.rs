//! Errors of candle and of CUDA as errors of Eidos: what is wrong, and what to do.

use crate::error::{Error, ErrorCode};

/// Converts an error of candle. What the libraries of CUDA refuse keeps its kind: no memory, no device, a device that
/// failed. Anything else is a defect in Eidos, since sizes, types and ids are checked before a tensor is made.
pub(crate) fn translate(error: &candle_core::Error) -> Error {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => translate(inner),
        candle_core::Error::Context { inner, context } => translate(inner).within(context),
        // Where an operation of ours fails inside one of candle's.
        candle_core::Error::Cuda(cause) if let Some(ours) = cause.downcast_ref::<Error>() => ours.clone(),
        candle_core::Error::Cuda(cause) => of_cuda(cause.as_ref()),
        other => Error::internal(without_backtrace(&other.to_string())),
    }
}

/// The text of an error without the backtrace that candle adds where `RUST_BACKTRACE` is set.
fn without_backtrace(text: &str) -> String {
    text.split("\n   0:").next().unwrap_or_default().trim().to_owned()
}

#[cfg(not(feature = "cuda"))]
fn of_cuda(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
    Error::new(ErrorCode::Device, without_backtrace(&cause.to_string())).hint("use the CPU")
}

#[cfg(feature = "cuda")]
use cuda::of_cuda;

#[cfg(feature = "cuda")]
mod cuda {
    use candle_core::cuda_backend::CudaError;
    use cudarc::cublas::result::CublasError;
    use cudarc::curand::result::CurandError;
    use cudarc::driver::DriverError;

    use super::{Error, ErrorCode, without_backtrace};

    const FAILED: &str = "the results of this call are lost; start the process anew, since a GPU that failed refuses all \
                          further calls of a process, and look at what `dmesg` and `nvidia-smi` say";

    /// Converts what a library of CUDA said.
    pub(super) fn of_cuda(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
        match cause.downcast_ref::<CudaError>() {
            Some(CudaError::Cuda(error)) => of_driver(*error),
            Some(CudaError::Load { cuda, module_name }) => of_driver(*cuda).within(format!("kernels `{module_name}`")),
            Some(CudaError::Cublas(error)) => of_cublas(error.0 as u32),
            Some(CudaError::Curand(error)) => of_curand(error.0 as u32),
            _ => match cause.downcast_ref::<DriverError>() {
                Some(error) => of_driver(*error),
                None => Error::internal(without_backtrace(&cause.to_string())),
            },
        }
    }

    /// Converts a status of the driver. They are numbers here, since older bindings do not know all of them.
    fn of_driver(error: DriverError) -> Error {
        let number = error.0 as u32;
        let (message, hint) = match number {
            2 => return out_of_memory(),
            34 => ("the NVIDIA driver (libcuda.so.1) was not found", "install the driver, or use the CPU"),
            46 => (
                "the GPU takes no more users: another process has it for itself",
                "wait for that process, or use another GPU",
            ),
            100 => (
                "the NVIDIA driver finds no GPU",
                "look whether `nvidia-smi` lists one and CUDA_VISIBLE_DEVICES does not hide it, or use the CPU",
            ),
            101 => ("the NVIDIA driver has no GPU of that index", "ask for one that the list of devices has"),
            209 | 218 => ("the kernels do not run on this GPU", "use a GPU of compute capability 8.0 or higher"),
            36 | 222 | 801 => (
                "the NVIDIA driver is too old for this build of Eidos",
                "install a newer driver, or build Eidos with the CUDA that the driver serves",
            ),
            221 | 223 => (
                "the NVIDIA driver cannot translate kernels: its compiler is missing or switched off",
                "install the driver's libnvidia-ptxjitcompiler.so.1, and unset CUDA_DISABLE_PTX_JIT",
            ),
            802 => (
                "the NVIDIA driver is not ready",
                "start the fabric manager of the machine, or wait until it has started",
            ),
            803 => (
                "the NVIDIA driver's library does not belong to its kernel module",
                "restart the machine after an update of the driver",
            ),
            700 | 702 | 710 | 714..=719 | 214 | 220 => ("the GPU failed", FAILED),
            4 => ("the NVIDIA driver was shut down: the process is about to end", "free what uses a GPU before"),
            _ => ("the NVIDIA driver refused", "look at what `nvidia-smi` says, or use the CPU"),
        };
        Error::new(ErrorCode::Device, format!("{message} ({})", named(error))).hint(hint).detail("cuda", number)
    }

    /// The driver's name of a status where there is a driver, and what it says about it.
    fn named(error: DriverError) -> String {
        let text =
            |text: Result<&std::ffi::CStr, DriverError>| text.ok().map(|text| text.to_string_lossy().into_owned());
        match (text(error.error_name()), text(error.error_string())) {
            (Some(name), Some(said)) => format!("{name}: {said}"),
            _ => format!("{:?}", error.0),
        }
    }

    /// What became too large.
    fn out_of_memory() -> Error {
        Error::new(ErrorCode::OutOfMemory, "the device is out of memory")
            .hint("lower the token budget of a batch, or free models and rows that are on the device")
    }

    fn of_cublas(number: u32) -> Error {
        let (message, hint) = match number {
            3 => return out_of_memory(),
            1 => {
                ("cuBLAS cannot start on the GPU", "look whether its libraries are whole and memory of the GPU is free")
            }
            8 | 15 => ("cuBLAS lacks a function that Eidos calls", "install cuBLAS 12 or 13"),
            13 => ("the GPU failed in a matrix product", FAILED),
            _ => ("cuBLAS failed", FAILED),
        };
        Error::new(ErrorCode::Device, format!("{message} (status {number})")).hint(hint).detail("cublas", number)
    }

    fn of_curand(number: u32) -> Error {
        let (message, hint) = match number {
            102 => return out_of_memory(),
            100 | 101 => ("cuRAND cannot start on the GPU", "install the cuRAND of the CUDA that the driver serves"),
            _ => ("cuRAND failed", FAILED),
        };
        Error::new(ErrorCode::Device, format!("{message} (status {number})")).hint(hint).detail("curand", number)
    }

    impl From<DriverError> for Error {
        fn from(error: DriverError) -> Self {
            of_driver(error)
        }
    }

    impl From<CublasError> for Error {
        fn from(error: CublasError) -> Self {
            of_cublas(error.0 as u32)
        }
    }

    impl From<CurandError> for Error {
        fn from(error: CurandError) -> Self {
            of_curand(error.0 as u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backtrace_of_candle_is_cut() {
        let text = "shape mismatch\n   0: candle_core::error::Error::bt\n   1: main";
        assert_eq!(without_backtrace(text), "shape mismatch");
        let error = candle_core::Error::Msg("shape mismatch".to_owned()).context("a product");
        let error = translate(&error);
        assert_eq!((error.code(), error.message()), (ErrorCode::Internal, "a product: shape mismatch"));
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn what_the_libraries_refuse_keeps_its_kind() {
        use candle_core::cuda_backend::WrapErr;
        use cudarc::driver::{DriverError, sys::CUresult};
        let of = |status: CUresult| {
            let result: Result<(), DriverError> = Err(DriverError(status));
            translate(&result.w().unwrap_err().context("a product"))
        };
        let error = of(CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        assert_eq!((error.code(), error.hint_text().is_empty()), (ErrorCode::OutOfMemory, false));
        for (status, expected) in [
            (CUresult::CUDA_ERROR_NO_DEVICE, "finds no GPU"),
            (CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "too old"),
            (CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, "failed"),
            (CUresult::CUDA_ERROR_STUB_LIBRARY, "libcuda.so.1"),
            (CUresult::CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN"),
        ] {
            let error = of(status);
            assert_eq!((error.code(), error.hint_text().is_empty()), (ErrorCode::Device, false));
            assert!(error.message().starts_with("a product: ") && error.message().contains(expected), "{error}");
        }
    }
}
