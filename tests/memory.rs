//! Memory that is not there is an error: whatever the system grants, the main job ends well or with one, never the process.
#![cfg(all(target_os = "linux", feature = "demo-model"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::process::Command;

use eidos::{CollectOptions, Control, Error, ErrorCode, Ica, IcaOptions, LoadOptions, SplitModel, TopInputs};

/// The environment variable that tells a child how many threads to use.
const THREADS: &str = "EIDOS_TEST_MEMORY_THREADS";

/// Loads the demo model, collects, fits, interprets and saves.
fn job(threads: usize) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let control = Control::new();
    let texts: Vec<String> =
        (0..60).map(|index| format!("The {index}th film was good, and {index} people liked its actors.")).collect();
    let model = SplitModel::load("eidos:demo", &["model.layers.1.mlp"], &LoadOptions::default(), &control)?;
    let options = CollectOptions { threads, batch_tokens: 64, ..CollectOptions::default() };
    let activations = &model.activations(&texts, &options, &control)?[0];
    let explainer = Ica::fit(activations, &IcaOptions { threads, ..IcaOptions::new(8) }, &control)?;
    TopInputs { threads, ..TopInputs::default() }.interpret(&explainer, activations, &control)?;
    activations.save(&folder.path().join("rows"), &control)?;
    explainer.save(&folder.path().join("concepts"))
}

#[test]
fn child() {
    let Ok(threads) = std::env::var(THREADS) else { return };
    println!("started");
    match job(threads.parse().unwrap()) {
        Ok(()) => println!("finished well"),
        Err(error) => println!("finished with {error:?}, {}", error.code() == ErrorCode::OutOfMemory),
    }
}

/// What the child says under a limit of its address space, `None` where not even the process starts.
fn under(limit_kib: u64, threads: usize) -> Option<String> {
    let child = Command::new("sh")
        .args(["-c", &format!("ulimit -v {limit_kib} && exec \"$0\" --exact child --nocapture --test-threads 1")])
        .arg(std::env::current_exe().unwrap())
        .env(THREADS, threads.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    let complained = String::from_utf8_lossy(&child.stderr);
    if !said.contains("started") {
        return None;
    }
    assert!(child.status.success(), "{limit_kib} KiB, {threads} threads: {:?}: {said} {complained}", child.status);
    Some(said)
}

#[test]
fn the_main_job_ends_well_or_with_an_error_under_every_limit() {
    if std::env::var_os(THREADS).is_some() {
        return;
    }
    for threads in [1, 8] {
        let (mut well, mut refused) = (0, 0);
        let mut limit_kib = 4 << 20;
        for _ in 0..40 {
            if let Some(said) = under(limit_kib, threads) {
                let is_well = said.contains("finished well");
                assert!(
                    is_well || said.contains("out_of_memory") && said.contains(", true"),
                    "{limit_kib} KiB: {said}"
                );
                if is_well { well += 1 } else { refused += 1 }
            }
            limit_kib = limit_kib * 6 / 7;
        }
        assert!(well > 5, "{threads} threads: well {well}, refused {refused}");
        assert!(refused > 0, "{threads} threads: well {well}, refused {refused}");
        // Few threads do where there is no memory for many.
        assert!(under(700_000, threads).is_some_and(|said| said.contains("finished well")));
    }
}
