//! Lets the shared library stay mapped once it is loaded: what it gave away (deleters of tensors, destructors of values that
//! belong to a thread) may be called after `dlclose`.
#![allow(clippy::print_stdout)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
