//! Versions.

use std::ffi::c_char;

/// This is the version of the binary interface that this header describes. It grows when a program that was compiled
/// against an older header would break.
pub const EIDOS_ABI_VERSION: u32 = 2;

/// This is the major part of the version of Eidos that this header belongs to.
pub const EIDOS_VERSION_MAJOR: u32 = 0;
/// This is the minor part of the version of Eidos that this header belongs to.
pub const EIDOS_VERSION_MINOR: u32 = 1;
/// This is the patch part of the version of Eidos that this header belongs to.
pub const EIDOS_VERSION_PATCH: u32 = 0;

/// Gives the version of the binary interface of the library that was loaded. A program compares it with
/// `EIDOS_ABI_VERSION` and refuses to go on when they differ.
#[unsafe(no_mangle)]
pub extern "C" fn eidos_abi_version() -> u32 {
    EIDOS_ABI_VERSION
}

/// Gives the version of the library that was loaded (`0.1.0`). The string is static.
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
