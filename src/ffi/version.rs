//! Versions.

use std::ffi::c_char;

/// The version of the binary interface that this header describes. It grows when a program that was compiled against an
/// older header would break.
pub const EIDOS_ABI_VERSION: u32 = 2;

/// The major part of the version of Eidos that this header belongs to.
pub const EIDOS_VERSION_MAJOR: u32 = 0;
/// The minor part of the version.
pub const EIDOS_VERSION_MINOR: u32 = 1;
/// The patch part of the version.
pub const EIDOS_VERSION_PATCH: u32 = 0;

/// The version of the binary interface of the library that was loaded. A program compares it with `EIDOS_ABI_VERSION` and
/// refuses to go on when they differ.
#[unsafe(no_mangle)]
pub extern "C" fn eidos_abi_version() -> u32 {
    EIDOS_ABI_VERSION
}

/// The version of the library that was loaded (`0.1.0`). The string is static.
#[unsafe(no_mangle)]
pub extern "C" fn eidos_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_macros_are_those_of_the_package() {
        let macros = format!("{EIDOS_VERSION_MAJOR}.{EIDOS_VERSION_MINOR}.{EIDOS_VERSION_PATCH}");
        assert_eq!(macros, env!("CARGO_PKG_VERSION"));
    }
}
