//! All functions in one table.

use std::ffi::c_void;

use super::api_functions::FUNCTIONS;
use super::version::EIDOS_ABI_VERSION;

/// The address of an exported function.
#[repr(transparent)]
pub(super) struct Function(pub(super) *const ());

// SAFETY: the address of a function never changes, and any thread may call the function.
unsafe impl Sync for Function {}

/// The table as C sees it: `eidos_api_table` of `include/eidos_api.h`.
#[repr(C)]
struct Table {
    size: usize,
    functions: [Function; FUNCTIONS.len()],
}

static TABLE: Table = Table { size: size_of::<Table>(), functions: FUNCTIONS };

/// Gives the table of all functions, `eidos_api_table` of `eidos_api.h`, for programs that open the library while they run: one symbol
/// to look up instead of each. `abi_version` is the `EIDOS_ABI_VERSION` that the program was compiled with; NULL where the library has
/// another one. The table lives as long as the library is loaded.
#[unsafe(no_mangle)]
pub extern "C" fn eidos_api(abi_version: u32) -> *const c_void {
    if abi_version == EIDOS_ABI_VERSION { (&raw const TABLE).cast() } else { std::ptr::null() }
}
