//! What this build can do.

/// Lists the features that the library was built with: `hub`, `chat`, `demo-model`, `parquet`, `cuda`.
///
/// ```
/// assert_eq!(eidos::features().any(|name| name == "cuda"), cfg!(feature = "cuda"));
/// ```
pub fn features() -> impl Iterator<Item = &'static str> {
    WITH_NUL.trim_end_matches('\0').split_whitespace()
}

/// The same as C has it: with a space between them, and a NUL at the end. The build script knows them.
pub(crate) const WITH_NUL: &str = concat!(env!("EIDOS_FEATURES"), "\0");
