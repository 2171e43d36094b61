//! The libraries of CUDA, which are opened when a function of them is called for the first time.
//!
//! cudarc calls the functions of the driver, cuBLAS, cuBLASLt, cuRAND and NVRTC as if they were linked. The build script
//! defines each of them as a few instructions that jump to the real function, and ask [`find`] for it before that is
//! known. Where a library or one of its functions is missing, the caller gets the library's own status for that, on
//! whatever thread; nothing is printed, and the next call looks again, so that a library that was opened meanwhile by
//! another part of the process is found.

use std::env;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::path::PathBuf;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use cudarc::{cublas, cublaslt, curand, nvrtc};
use libloading::os::unix::{Library as Opened, RTLD_LOCAL, RTLD_NOW};

/// A library of CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// The driver, which belongs to the system.
    Driver,
    /// Matrix products.
    Cublas,
    /// Matrix products with a choice of algorithms; cuBLAS needs it.
    CublasLt,
    /// Random numbers, without which candle opens no device.
    Curand,
    /// The compiler of kernels, of which nothing is called.
    Nvrtc,
}

/// What a function gives back, which is what stands for it where it is missing.
#[derive(Debug, Clone, Copy)]
enum Gives {
    Status,
    Text,
    Number,
    Nothing,
}

struct Function {
    library: Library,
    name: &'static CStr,
    gives: Gives,
}

// FUNCTIONS, by number.
include!(concat!(env!("OUT_DIR"), "/functions.rs"));

/// Where the functions are; NULL until they are found.
static ENTRIES: [AtomicPtr<c_void>; FUNCTIONS.len()] = [const { AtomicPtr::new(ptr::null_mut()) }; FUNCTIONS.len()];

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/functions.s")),
    entries = sym ENTRIES,
    find = sym find,
    options(att_syntax)
);
#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/functions.s")),
    entries = sym ENTRIES,
    find = sym find
);

unsafe extern "C" {
    fn eidos_cuda_find();
}

/// Makes every linker take the functions from the archive of this crate, in whatever order it reads archives.
#[used]
static ANCHOR: unsafe extern "C" fn() = eidos_cuda_find;

/// Finds a function by its number, for the code that calls it. It calls nothing that panics.
extern "C" fn find(number: usize) -> *const c_void {
    let (Some(function), Some(entry)) = (FUNCTIONS.get(number), ENTRIES.get(number)) else {
        return not_supported as *const c_void;
    };
    let Ok(library) = function.library.open() else { return function.stand_in(false) };
    // SAFETY: the symbol is only read as an address.
    match unsafe { library.get::<*mut c_void>(function.name.to_bytes_with_nul()) } {
        Ok(symbol) if !symbol.is_null() => {
            // What was written before by the loader is seen by whoever reads the address.
            entry.store(*symbol, Ordering::Release);
            *symbol
        }
        _ => function.stand_in(true),
    }
}

extern "C" fn stub_library() -> c_int {
    34 // CUDA_ERROR_STUB_LIBRARY
}

extern "C" fn not_supported() -> c_int {
    801 // CUDA_ERROR_NOT_SUPPORTED
}

extern "C" fn blas_not_initialized() -> c_int {
    1 // CUBLAS_STATUS_NOT_INITIALIZED
}

extern "C" fn blas_not_supported() -> c_int {
    15 // CUBLAS_STATUS_NOT_SUPPORTED
}

extern "C" fn random_not_initialized() -> c_int {
    101 // CURAND_STATUS_NOT_INITIALIZED
}

extern "C" fn random_internal_error() -> c_int {
    999 // CURAND_STATUS_INTERNAL_ERROR
}

extern "C" fn compiler_internal_error() -> c_int {
    11 // NVRTC_ERROR_INTERNAL_ERROR
}

extern "C" fn missing_text() -> *const c_char {
    c"a library of CUDA or a function of it is missing".as_ptr()
}

extern "C" fn zero() -> usize {
    0
}

extern "C" fn nothing() {}

impl Function {
    /// What is called where the function is missing. It ignores all arguments, as the calling convention permits.
    fn stand_in(&self, there_is_a_library: bool) -> *const c_void {
        match (self.gives, self.library, there_is_a_library) {
            (Gives::Text, ..) => missing_text as *const c_void,
            (Gives::Number, ..) => zero as *const c_void,
            (Gives::Nothing, ..) => nothing as *const c_void,
            (Gives::Status, Library::Driver, false) => stub_library as *const c_void,
            (Gives::Status, Library::Driver, true) => not_supported as *const c_void,
            (Gives::Status, Library::Cublas | Library::CublasLt, false) => blas_not_initialized as *const c_void,
            (Gives::Status, Library::Cublas | Library::CublasLt, true) => blas_not_supported as *const c_void,
            (Gives::Status, Library::Curand, false) => random_not_initialized as *const c_void,
            (Gives::Status, Library::Curand, true) => random_internal_error as *const c_void,
            (Gives::Status, Library::Nvrtc, _) => compiler_internal_error as *const c_void,
        }
    }
}

/// The libraries that were found stay open as long as the process runs.
static OPENED: [OnceLock<Opened>; 5] = [const { OnceLock::new() }; 5];

impl Library {
    /// What a device needs beside the driver.
    pub(crate) const NEEDED: [Self; 3] = [Self::CublasLt, Self::Cublas, Self::Curand];

    /// What its makers call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Driver => "the NVIDIA driver",
            Self::Cublas => "cuBLAS",
            Self::CublasLt => "cuBLASLt",
            Self::Curand => "cuRAND",
            Self::Nvrtc => "NVRTC",
        }
    }

    /// The names of its file, of the versions that serve, the best first.
    pub(crate) fn file_names(self) -> &'static [&'static str] {
        match self {
            Self::Driver => &["libcuda.so.1"],
            Self::Cublas => &["libcublas.so.13", "libcublas.so.12"],
            Self::CublasLt => &["libcublasLt.so.13", "libcublasLt.so.12"],
            Self::Curand => &["libcurand.so.10"],
            Self::Nvrtc => &["libnvrtc.so.13", "libnvrtc.so.12"],
        }
    }

    /// The library; the first time, it is looked for.
    pub(crate) fn open(self) -> Result<&'static Opened, NotFound> {
        let place = OPENED.get(self as usize).ok_or(NotFound { library: self, reason: None })?;
        if let Some(library) = place.get() {
            return Ok(library);
        }
        // cuBLAS asks the loader for cuBLASLt, which may lie where the loader does not look.
        if self == Self::Cublas {
            let _ = Self::CublasLt.open();
        }
        let found = self.look_for()?;
        // Another thread may have been faster: then this one's is closed again, and both have the same.
        Ok(place.get_or_init(|| found))
    }

    fn look_for(self) -> Result<Opened, NotFound> {
        let mut reason = None;
        for candidate in self.candidates() {
            // SAFETY: what NVIDIA's libraries do when they are loaded is safe to do at any time on any thread.
            match unsafe { Opened::open(Some(&candidate), RTLD_NOW | RTLD_LOCAL) } {
                Ok(library) => return Ok(library),
                Err(error) => {
                    let text = error.to_string();
                    if !text.contains("No such file") {
                        reason.get_or_insert(text);
                    }
                }
            }
        }
        Err(NotFound { library: self, reason })
    }

    /// Where it may lie: in the folders that the caller names, where the loader looks, and where toolkits are.
    fn candidates(self) -> Vec<PathBuf> {
        let named =
            env::var_os(FOLDERS).map(|folders| env::split_paths(&folders).collect::<Vec<_>>()).unwrap_or_default();
        let homes = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(env::var_os).map(PathBuf::from);
        let homes = homes.chain([PathBuf::from("/usr/local/cuda"), PathBuf::from("/opt/cuda")]);
        // The driver belongs to the system; what a toolkit has of it is for linking only.
        let homes = homes.filter(|_| self != Self::Driver);
        let toolkits = homes.flat_map(|home| ["lib64", "lib"].map(|folder| home.join(folder)));
        let names = self.file_names();
        let within = |folder: PathBuf| names.iter().map(move |name| folder.join(name));
        let known = names.iter().map(PathBuf::from);
        named.into_iter().flat_map(within).chain(known).chain(toolkits.flat_map(within)).collect()
    }

    /// The version that the library itself says, such as `13.0`; `None` where it is missing.
    pub(crate) fn version(self) -> Option<String> {
        self.open().ok()?;
        let (mut major, mut minor): (c_int, c_int) = (0, 0);
        let answered = match self {
            Self::Driver => return super::driver_version().map(|(major, minor)| format!("{major}.{minor}")),
            // SAFETY: in all of them, the functions write one number each, and need nothing else.
            Self::Cublas => unsafe {
                use cublas::sys::{cublasGetProperty, libraryPropertyType_t};
                cublasGetProperty(libraryPropertyType_t::MAJOR_VERSION, &raw mut major).result().is_ok()
                    && cublasGetProperty(libraryPropertyType_t::MINOR_VERSION, &raw mut minor).result().is_ok()
            },
            // SAFETY: as above.
            Self::CublasLt => unsafe {
                use cublaslt::sys::{cublasLtGetProperty, libraryPropertyType_t};
                cublasLtGetProperty(libraryPropertyType_t::MAJOR_VERSION, &raw mut major).result().is_ok()
                    && cublasLtGetProperty(libraryPropertyType_t::MINOR_VERSION, &raw mut minor).result().is_ok()
            },
            // SAFETY: as above.
            Self::Curand => unsafe {
                use curand::sys::{curandGetProperty, libraryPropertyType_t};
                curandGetProperty(libraryPropertyType_t::MAJOR_VERSION, &raw mut major).result().is_ok()
                    && curandGetProperty(libraryPropertyType_t::MINOR_VERSION, &raw mut minor).result().is_ok()
            },
            // SAFETY: as above.
            Self::Nvrtc => unsafe { nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor).result().is_ok() },
        };
        answered.then(|| format!("{major}.{minor}"))
    }
}

/// The environment variable that names more folders to look for the libraries in.
pub(crate) const FOLDERS: &str = "EIDOS_CUDA_LIBRARIES";

/// A library that is not there, or that the loader refuses.
#[derive(Debug, Clone)]
pub(crate) struct NotFound {
    library: Library,
    reason: Option<String>,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.library.file_names().join(" or ");
        write!(f, "{} ({names}) ", self.library.title())?;
        match &self.reason {
            Some(reason) => write!(f, "cannot be loaded: {reason}"),
            None => write!(f, "was not found"),
        }
    }
}
