//! Lets the shared library stay mapped once it is loaded: what it gave away (deleters of tensors, destructors of values that
//! belong to a thread) may be called after `dlclose`. Names it `libeidos.so.0` for the programs that link it. Tells the library its
//! features. With the feature `cuda`, prepares what runs on NVIDIA GPUs.
#![allow(clippy::print_stdout)]

#[path = "build/cuda.rs"]
mod cuda;

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        name_for_linking()?;
    }
    let has =
        |name: &&str| std::env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase().replace('-', "_"))).is_some();
    let features: Vec<_> = ["hub", "chat", "demo-model", "parquet", "cuda"].into_iter().filter(has).collect();
    println!("cargo::rustc-env=EIDOS_FEATURES={}", features.join(" "));
    if std::env::var_os("CARGO_FEATURE_CUDA").is_some() { cuda::prepare() } else { Ok(()) }
}

/// Gives the library its soname, without which programs remember the path that they were linked with. Programs that are linked
/// with the library where cargo puts it look for that name there, too.
fn name_for_linking() -> Result<(), String> {
    let variable = |name: &str| std::env::var_os(name).ok_or(format!("cargo does not set {name}"));
    let soname = format!("libeidos.so.{}", variable("CARGO_PKG_VERSION_MAJOR")?.to_string_lossy());
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
    // OUT_DIR is build/eidos-*/out beside the library. Where that is not so, only the name at that place is missing.
    let out = std::path::PathBuf::from(variable("OUT_DIR")?);
    if let Some(link) = out.ancestors().nth(3).map(|folder| folder.join(&soname)) {
        let _ = std::fs::remove_file(&link);
        #[cfg(unix)]
        let _ = std::os::unix::fs::symlink("libeidos.so", link);
    }
    Ok(())
}
