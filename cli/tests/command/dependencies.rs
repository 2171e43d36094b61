//! The library is compiled once for all: cargo gives a package the features that anything of a build asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::{repository, told};

/// The packages that some packages are compiled from, each with its features: twice where the build has others than the target.
fn packages(of: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--offline", "--locked", "--edges", "normal,build,dev", "--prefix", "none"]);
    command.args(["--format", "{p}|{f}"]).args(of.iter().flat_map(|package| ["-p", package]));
    let output = command.current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for (package, features) in lines.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('|')) {
        found.entry(package.to_owned()).or_default().insert(features.to_owned());
    }
    found
}

#[test]
fn the_command_does_not_change_how_the_library_is_compiled() {
    let (alone, both) = (packages(&["eidos"]), packages(&["eidos", "eidos-cli"]));
    assert!(alone.len() > 50 && both.len() > alone.len(), "{} and {} packages", alone.len(), both.len());
    let changed: Vec<_> = alone.iter().filter(|(package, features)| both.get(*package) != Some(features)).collect();
    assert!(
        changed.is_empty(),
        "what `cli` depends on changes these, and `make test` compiles everything twice: {changed:?}"
    );
}
