//! Colours and progress: on a terminal, and where there is none.

use std::process::Command;

use crate::{eidos, finished, stdout, told};

const COLOUR: &str = "\u{1b}[48;5;";

#[test]
fn colours_are_there_where_somebody_wants_them() {
    assert!(!stdout(finished(), &["explain", "A quiet film about war."]).contains('\u{1b}'));
    let forced = stdout(finished(), &["explain", "A quiet film about war.", "--color", "always"]);
    let lines: Vec<&str> = forced.lines().collect();
    assert!(
        lines[0].starts_with("A ") && lines[0].contains(COLOUR) && lines[0].contains("mquiet\u{1b}[0m"),
        "{forced:?}"
    );
    assert!(lines[1].contains(" 10 \u{1b}[0m ' voice', ' loud', ' speech' 6.6 sd on 'quiet'"), "{forced:?}");
    let listed = stdout(finished(), &["explain", "A quiet film about war.", "--color", "always", "--units"]);
    assert!(listed.contains("  ' quiet': concept 10 ' voice'") && !listed.contains(COLOUR), "{listed}");
    for (variable, value, coloured) in [("CLICOLOR_FORCE", "1", true), ("NO_COLOR", "1", false)] {
        let mut command = eidos(finished());
        let output = command.args(["explain", "A quiet film about war."]).env(variable, value).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).contains(COLOUR), coloured, "{variable}");
    }
}

/// What a command shows on a terminal; `None` where no program gives it one.
fn on_a_terminal(command: &str, variables: &[(&str, &str)]) -> Option<String> {
    let line = format!("{} {command}", env!("CARGO_BIN_EXE_eidos"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(finished()).env("TERM", "xterm-256color");
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        script.env_remove(variable);
    }
    let output = script.stdin(std::process::Stdio::null()).envs(variables.iter().copied()).output().ok()?;
    assert!(output.status.success(), "{command}: {}", told(&output));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_shows_colours_and_progress_unless_it_is_told_not_to() {
    let explain = "explain 'A quiet film about war.'";
    let Some(shown) = on_a_terminal(explain, &[]) else {
        // util-linux has it; a system without is not one on which this can be tried.
        return;
    };
    assert!(shown.contains(COLOUR) && shown.contains("\rforward    [") && shown.contains(" 100 %"), "{shown:?}");
    let last_line = shown.rfind("\u{1b}[K").unwrap();
    assert!(shown[last_line..].contains(COLOUR), "the line of progress goes away before the result: {shown:?}");
    let plain = on_a_terminal(explain, &[("NO_COLOR", "1")]).unwrap();
    assert!(!plain.contains(COLOUR) && plain.contains("' quiet': concept 10"), "{plain:?}");
    let quiet = on_a_terminal(&format!("--quiet {explain}"), &[]).unwrap();
    assert!(quiet.contains(COLOUR) && !quiet.contains("forward"), "{quiet:?}");
    let dumb = on_a_terminal(explain, &[("TERM", "dumb")]).unwrap();
    assert!(!dumb.contains('\u{1b}') && !dumb.contains("forward"), "{dumb:?}");
}

#[test]
fn verbose_shows_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let output = eidos(folder.path()).args(["-v", "modules", "eidos:demo"]).output().unwrap();
    assert!(output.status.success());
    let output = eidos(finished()).args(["explain", "a film", "--verbose"]).output().unwrap();
    assert!(told(&output).lines().any(|line| line.starts_with("model: ")), "{}", told(&output));
}
