//! Links the program with the emulator, which stands for the CUDA libraries of cudarc and candle-kernels.
fn main() {
    println!("cargo:rerun-if-env-changed=EIDOS_EMULATOR");
    if let Some(dir) = std::env::var_os("EIDOS_EMULATOR") {
        println!("cargo:rustc-link-search=native={}", dir.to_string_lossy());
    }
    // Entry points that nothing calls are not in the emulator, nor are candle's quantised kernels.
    println!("cargo:rustc-link-arg=-Wl,--unresolved-symbols=ignore-all");
}
