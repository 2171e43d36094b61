//! The checks hold themselves to account: a fault that is planted is found by the check that looks for it.

use std::process::{Command, ExitCode};

/// What is run, the fault, and the checks that must find it.
const FAULTS: [(&[&str], &str, &[&str]); 9] = [
    (&["parity", "--only", "llama"], "parity", &["parity/llama f32", "parity/llama bf16"]),
    (&["gradients", "--only", "llama"], "gradient", &["gradients/llama"]),
    (&["fits", "--only", "ica"], "fit", &["fits/ica components"]),
    (&["fits", "--only", "pca"], "fit", &["fits/pca components"]),
    (&["fits", "--only", "sae"], "fit", &["fits/sae TopK", "fits/sae Gated"]),
    (&["steady", "--only", "bits"], "bits", &["steady/bits f32, batches of 100 tokens"]),
    (&["steady", "--only", "cancel"], "cancel", &["steady/cancel"]),
    (&["memory", "--only", "weights"], "formula", &["memory/weights"]),
    (&["memory", "--only", "cycles"], "leak", &["memory/growth of the device's memory"]),
];

/// Runs each section with its fault and without.
pub fn all_are_found() -> ExitCode {
    let (mut found, mut failed) = (0, 0);
    for (words, fault, checks) in FAULTS {
        let (holds, said) = run(words, None);
        if !holds || said.contains("FAILED") {
            failed += 1;
            println!("without a fault, {words:?} should hold:\n{said}");
        }
        let (holds, said) = run(words, Some(fault));
        for check in checks {
            if holds || !said.contains(&format!("FAILED {check}:")) {
                failed += 1;
                println!("the fault `{fault}` was not found by `{check}`:\n{said}");
            } else {
                found += 1;
            }
        }
    }
    println!("{found} checks found the faults that were planted for them, {failed} did not");
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
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
