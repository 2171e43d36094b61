//! The libraries of CUDA, which are opened when a function of them is called for the first time.
//!
//! cudarc calls the functions of the driver, cuBLAS, cuBLASLt, cuRAND and NVRTC as if they were linked. The build script
//! defines each of them as a few instructions that jump to the real function, and ask [`find`] for it before that is
//! known. Where a library or one of its functions is missing, the caller gets the library's own status for that, on
//! whatever thread; nothing is printed, and the next call looks again, so that a library that was opened meanwhile by
//! another part of the process is found.

use std::env;
use std::error::Error as _;
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
            let address = instead(function.name, *symbol);
            // What was written before by the loader is seen by whoever reads the address.
            entry.store(address, Ordering::Release);
            address
        }
        _ => function.stand_in(true),
    }
}

/// A function that frees something, and has nothing to give but a status.
type Free = extern "C" fn(*mut c_void) -> c_int;

/// Functions whose failure makes a destructor of cudarc panic, and what is called instead. They fail where there is
/// nothing left to free: after a GPU has failed, and when a process ends. A second panic, of the next destructor, would
/// end the process before that.
static FREES: [(&CStr, Free, AtomicPtr<c_void>); 6] = [
    (c"cublasDestroy_v2", free::<0>, AtomicPtr::new(ptr::null_mut())),
    (c"cublasLtDestroy", free::<1>, AtomicPtr::new(ptr::null_mut())),
    (c"cublasLtMatmulDescDestroy", free::<2>, AtomicPtr::new(ptr::null_mut())),
    (c"cublasLtMatrixLayoutDestroy", free::<3>, AtomicPtr::new(ptr::null_mut())),
    (c"cublasLtMatmulPreferenceDestroy", free::<4>, AtomicPtr::new(ptr::null_mut())),
    (c"curandDestroyGenerator", free::<5>, AtomicPtr::new(ptr::null_mut())),
];

/// The function to call for one that was found at an address: that one, or one that frees and always succeeds.
fn instead(name: &CStr, address: *mut c_void) -> *mut c_void {
    match FREES.iter().find(|(known, ..)| *known == name) {
        Some((_, free, real)) => {
            real.store(address, Ordering::Release);
            *free as *mut c_void
        }
        None => address,
    }
}

extern "C" fn free<const INDEX: usize>(handle: *mut c_void) -> c_int {
    let real = FREES.get(INDEX).map_or(ptr::null_mut(), |(_, _, real)| real.load(Ordering::Acquire));
    if !real.is_null() {
        // SAFETY: the address was found under the name of a function of this type.
        let real = unsafe { std::mem::transmute::<*mut c_void, Free>(real) };
        real(handle);
    }
    0
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

    /// Whether the process has loaded it already, by Eidos or somebody else; it is not loaded for this.
    pub(crate) fn is_loaded(self) -> bool {
        const RTLD_NOLOAD: i32 = 4; // of Linux
        let Some(place) = OPENED.get(self as usize) else { return false };
        // SAFETY: nothing is loaded, so that no code of the library runs.
        let loaded = |name: &&str| unsafe { Opened::open(Some(*name), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD) }.ok();
        place.get().is_some()
            || self.file_names().iter().find_map(loaded).map(|found| place.get_or_init(|| found)).is_some()
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
                    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use cudarc::cublas::sys::{
        cublasComputeType_t, cublasGemmAlgo_t, cublasOperation_t, cublasStatus_t, cudaDataType_t,
    };
    use cudarc::driver::sys as driver;

    use super::*;

    /// Libraries that stand for cuBLAS and cuRAND: they say what they were called with, and lack most functions.
    const FAKE: &str = r#"
        #include <stddef.h>
        #include <stdint.h>
        int curandGenerateNormal(void *g, float *p, size_t n, float mean, float deviation) {
            p[0] = mean, p[1] = deviation, p[2] = n;
            return g == (void *)7 ? 0 : 103;
        }
        int cublasGemmEx(int64_t h, int ta, int tb, int m, int n, int k, int64_t alpha, int64_t a, int at, int lda, int64_t b,
                         int bt, int ldb, int64_t beta, int64_t *c, int ct, int ldc, int type, int algorithm) {
            int64_t values[] = {h, ta, tb, m, n, k, alpha, a, at, lda, b, bt, ldb, beta, ct, ldc, type, algorithm};
            for (int index = 0; index < 18; index++) c[index] = values[index];
            c[18] = (intptr_t)__builtin_frame_address(0) % 16;
            return 0;
        }
        int cublasDestroy_v2(int64_t *handle) { ++*handle; return 14; }
        int cublasGetProperty(int which, int *value) { *value = which ? 4 : 13; return 0; }
    "#;

    #[test]
    fn the_list_has_each_function_once() {
        assert_eq!(ENTRIES.len(), FUNCTIONS.len());
        let mut names: Vec<_> = FUNCTIONS.iter().map(|function| function.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FUNCTIONS.len());
    }

    #[test]
    fn what_the_libraries_are_called_with_arrives_and_what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("fake.c");
        std::fs::write(&source, FAKE).unwrap();
        for name in ["libcublas.so.13", "libcurand.so.10"] {
            let built = Command::new("cc")
                .args(["-shared", "-fPIC", "-O1", "-fno-omit-frame-pointer", "-o"])
                .args([&folder.path().join(name), &source])
                .status();
            assert!(built.unwrap().success());
        }
        std::fs::write(folder.path().join("libcublasLt.so.13"), "no library").unwrap();
        // The process of all tests has opened none, and it stays so.
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "cuda::libraries::tests::with_libraries_that_stand_for_cuda", "--ignored"])
            .env(FOLDERS, folder.path())
            .env_remove("LD_LIBRARY_PATH")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
    }

    /// A child of the test above.
    #[test]
    #[ignore = "it runs with libraries of its own"]
    fn with_libraries_that_stand_for_cuda() {
        // From several threads at once, the first time and again.
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        call_all();
                    }
                });
            }
        });
        assert_eq!(Library::Cublas.version().as_deref(), Some("13.4"));
        assert_eq!(Library::Curand.version(), None);
        assert_eq!(Library::CublasLt.version(), None);
        let refused = Library::CublasLt.open().err().unwrap().to_string();
        assert!(refused.contains("cannot be loaded") && refused.contains("libcublasLt.so.13"), "{refused}");
    }

    fn call_all() {
        let mut numbers = [0.0_f32; 3];
        let mut seen = [0_i64; 19];
        // SAFETY: the functions that stand for those of the libraries write so many numbers, and read no pointer.
        unsafe {
            let normal = |generator: usize, numbers: *mut f32| {
                curand::sys::curandGenerateNormal(generator as _, numbers, 5, 0.25, 3.5)
            };
            assert_eq!(normal(7, numbers.as_mut_ptr()), curand::sys::curandStatus_t::CURAND_STATUS_SUCCESS);
            assert_eq!(normal(8, numbers.as_mut_ptr()), curand::sys::curandStatus_t::CURAND_STATUS_TYPE_ERROR);
            let (no, yes) = (cublasOperation_t::CUBLAS_OP_N, cublasOperation_t::CUBLAS_OP_T);
            let (single, double) = (cudaDataType_t::CUDA_R_32F, cudaDataType_t::CUDA_R_64F);
            let status = cublas::sys::cublasGemmEx(
                1 as _,
                no,
                yes,
                -3,
                4,
                5,
                6 as _,
                7 as _,
                single,
                -9,
                10 as _,
                double,
                12,
                13 as _,
                seen.as_mut_ptr().cast(),
                single,
                -16,
                cublasComputeType_t::CUBLAS_COMPUTE_32F,
                cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            );
            assert_eq!(status, cublasStatus_t::CUBLAS_STATUS_SUCCESS);
            let expected =
                [1, 0, 1, -3, 4, 5, 6, 7, single as i64, -9, 10, double as i64, 12, 13, single as i64, -16, 68, -1];
            assert_eq!(seen[..18], expected);
            assert_eq!(seen[18], 0, "the stack is aligned");
            // A handle is freed, and that it could not be does not matter.
            let mut freed = 41_i64;
            let status = cublas::sys::cublasDestroy_v2((&raw mut freed).cast());
            assert_eq!((status, freed), (cublasStatus_t::CUBLAS_STATUS_SUCCESS, 42));
            // A function that the library lacks, and libraries that are not there.
            let mut handle = ptr::null_mut();
            let lacking = cublas::sys::cublasCreate_v2(&raw mut handle);
            assert_eq!(lacking, cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED);
            let text = CStr::from_ptr(cublas::sys::cublasGetStatusString(lacking));
            assert!(text.to_bytes().ends_with(b"is missing"));
            assert_eq!(cublaslt::sys::cublasLtGetVersion(), 0);
            assert_eq!(driver::cuInit(0), driver::CUresult::CUDA_ERROR_STUB_LIBRARY);
        }
        assert_eq!(numbers.map(f32::to_bits), [0.25_f32, 3.5, 5.0].map(f32::to_bits));
    }
}
