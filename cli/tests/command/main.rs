//! The command from the outside: every subcommand on the demo model, its JSON, its errors and exit codes, Ctrl-C, colours, pipes
//! that are closed, and what the documentation says of it.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../../tests/chat/server.rs"]
#[allow(dead_code, reason = "the tests of the library use more of it")]
mod server;

mod dependencies;
#[cfg(unix)]
mod documentation;
mod hostile;
mod interrupted;
mod subcommands;
mod terminal;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The folder of the repository.
fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The texts of the demo.
fn texts() -> PathBuf {
    repository().join("assets/demo-texts.txt")
}

/// The command, in a folder, without what the environment of the tests says about colours and keys.
fn eidos(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eidos"));
    command.current_dir(folder).stdin(Stdio::null());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "OPENAI_BASE_URL", "OPENAI_API_KEY"] {
        command.env_remove(variable);
    }
    command
}

/// What a command that succeeds writes to standard output. It says nothing on standard error.
#[track_caller]
fn stdout(folder: &Path, arguments: &[&str]) -> String {
    let output = eidos(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    assert_eq!(told(&output), "", "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one JSON document that a command writes.
#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().chain(&["--json"]).copied().collect();
    let text = stdout(folder, &arguments);
    assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
    serde_json::from_str(&text).unwrap()
}

/// What a command that fails with that exit code says.
#[track_caller]
fn failure(folder: &Path, code: i32, arguments: &[impl AsRef<OsStr>]) -> String {
    let output = eidos(folder).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", told(&output));
    told(&output)
}

/// What a command wrote to standard error.
fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A command that is given something on standard input.
fn fed(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = eidos(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Lines of a file.
fn all_lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

/// A folder in which `collect`, `fit` and `top --save` have run: nothing is written into it any more.
fn finished() -> &'static Path {
    static FINISHED: OnceLock<TempDir> = OnceLock::new();
    let folder = FINISHED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let texts = texts();
        stdout(folder.path(), &["collect", "eidos:demo", texts.to_str().unwrap(), "--split", "model.layers.2.mlp"]);
        stdout(folder.path(), &["fit"]);
        stdout(folder.path(), &["top", "--save"]);
        folder
    });
    folder.path()
}
