//! Lets the shared library stay mapped once it is loaded: what it gave away (deleters of tensors, destructors of values that
//! belong to a thread) may be called after `dlclose`. Tells the library its features. With the feature `cuda`, prepares what
//! runs on NVIDIA GPUs.
#![allow(clippy::print_stdout)]

#[path = "build/cuda.rs"]
mod cuda;

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    let has =
        |name: &&str| std::env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase().replace('-', "_"))).is_some();
    let features: Vec<_> = ["hub", "chat", "demo-model", "cuda"].into_iter().filter(has).collect();
    println!("cargo::rustc-env=EIDOS_FEATURES={}", features.join(" "));
    if std::env::var_os("CARGO_FEATURE_CUDA").is_some() { cuda::prepare() } else { Ok(()) }
}
