//! The library from the outside, in one program: it is compiled and linked once. `cargo test --release --test integration model::`
//! runs a part of it.
//!
//! The tests share a process. What belongs to a whole process (its environment, its limits, its end) is tested in a child:
//! see [`common::child`].

mod activations;
mod chat;
mod codes;
mod common;
mod concepts;
mod corpus;
mod decompositions;
mod dictionaries;
mod explain;
mod filters;
mod hostile;
mod hub;
mod ica;
mod interpret;
mod log;
mod metrics;
mod minilm;
mod model;
mod on_device;
mod pca;
mod picard;
mod report;
mod spread;
mod stand_ins;
mod text;
mod tokenizers;
mod vocabulary_files;
mod words;

/// Cargo does not look for tests itself here, so a file that nothing names would be forgotten.
#[test]
fn every_file_of_tests_is_in_a_program() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let manifest = include_str!("../Cargo.toml");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let is_test = path.extension().is_some_and(|extension| extension == "rs")
            || path.join("mod.rs").is_file()
            || path.join("main.rs").is_file();
        let is_named = include_str!("integration.rs").lines().any(|line| line == format!("mod {name};"))
            || manifest.contains(&format!("[[test]]\nname = \"{name}\"\n"));
        assert!(!is_test || is_named, "{} is in no program of tests", path.display());
    }
}
