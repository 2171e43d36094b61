//! The checks hold themselves to account: a fault that is planted is found, and only by the check that looks for it.

use std::process::{Command, ExitCode};

/// What is run, the fault, and what the line that finds it says.
const FAULTS: [(&[&str], &str, &str); 8] = [
    (&["parity", "--only", "llama"], "parity", "parity/llama f32"),
    (&["parity", "--only", "llama"], "parity", "parity/llama bf16"),
    (&["gradients", "--only", "llama"], "gradient", "gradients/llama"),
    (&["fits", "--only", "ica"], "fit", "fits/ica components"),
    (&["fits", "--only", "pca"], "fit", "fits/pca components"),
    (&["steady", "--only", "bits"], "bits", "steady/bits f32, batches of 100 tokens"),
    (&["steady", "--only", "cancel"], "cancel", "steady/cancel"),
    (&["memory", "--only", "cycles"], "leak", "memory/growth of the device's memory"),
];

/// Runs each section with its fault and without.
pub fn all_are_found() -> ExitCode {
    let mut failed = 0;
    for (words, fault, line) in FAULTS {
        let (without, said) = run(words, None);
        if !without || said.contains("FAILED") {
            failed += 1;
            println!("without a fault {words:?} should hold:\n{said}");
        }
        let (with, said) = run(words, Some(fault));
        if with || !said.contains(&format!("FAILED {line}")) {
            failed += 1;
            println!("the fault `{fault}` was not found by `{line}`:\n{said}");
        }
    }
    println!("{} of {} planted faults were found", FAULTS.len() - failed.min(FAULTS.len()), FAULTS.len());
    ExitCode::from(u8::from(failed > 0))
}

/// Whether a section holds on the stand-in for a device, and what it says.
fn run(words: &[&str], fault: Option<&str>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(words).args(["--device", "reference"]);
    if let Some(fault) = fault {
        command.args(["--plant", fault]);
    }
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}
