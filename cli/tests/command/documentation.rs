//! What the documentation says of the command is what it says itself. EIDOS_UPDATE_DOCS=1 writes it anew.

use std::path::Path;
use std::process::Command;

use crate::{repository, stdout};

/// The file with what stands between `<!-- COMMAND -->` and `<!-- end -->` made anew, for commands that `is_ours` knows.
fn made_anew(text: &str, is_ours: impl Fn(&str) -> bool, make: impl Fn(&str, &str) -> String) -> String {
    let (mut new, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("<!-- ") {
        let (command, after) = after.split_once(" -->\n").unwrap();
        new += before;
        new += "<!-- ";
        new += command;
        new += " -->\n";
        rest = after;
        if is_ours(command) {
            let (old, after) = after.split_once("<!-- end -->").unwrap();
            new += &make(command, old);
            new += "<!-- end -->";
            rest = after;
        }
    }
    new + rest
}

#[track_caller]
fn check(path: &str, is_ours: impl Fn(&str) -> bool, make: impl Fn(&str, &str) -> String) -> String {
    let path = repository().join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    let new = made_anew(&text, is_ours, make);
    if std::env::var_os("EIDOS_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &new).unwrap();
    } else if let Some((old, new)) = text.lines().zip(new.lines()).find(|(old, new)| old != new) {
        panic!(
            "{}:\n- {old}\n+ {new}\nEIDOS_UPDATE_DOCS=1 cargo test --release -p eidos-cli writes it anew",
            path.display()
        );
    } else {
        assert_eq!(text, new, "EIDOS_UPDATE_DOCS=1 cargo test --release -p eidos-cli writes it anew");
    }
    text
}

#[test]
fn the_page_of_the_command_has_every_option() {
    let folder = tempfile::tempdir().unwrap();
    let help = |command: &str| {
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        format!("```text\n{}```\n", stdout(folder.path(), &words))
    };
    let text = check("docs/command.md", |command| command.starts_with("eidos"), |command, _| help(command));
    // Each subcommand that the help lists is there.
    let listed = stdout(folder.path(), &["--help"]);
    let listed = listed.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(text.contains(&format!("<!-- eidos {name} --help -->\n")), "docs/command.md has no `eidos {name}`");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_sessions_in_the_readme_and_the_guide_are_what_the_command_prints() {
    for page in ["README.md", "docs/guide/start.md"] {
        session(page);
    }
}

/// The session with the command that a page shows, run in a folder of its own.
#[cfg(target_os = "linux")]
#[track_caller]
fn session(page: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(
        std::fs::canonicalize(repository().join("assets")).unwrap(),
        folder.path().join("assets"),
    )
    .unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_eidos")).parent().unwrap();
    let run = |_: &str, old: &str| {
        let mut shown = "```console\n".to_owned();
        for line in old.lines().filter(|line| line.starts_with("$ ")) {
            let mut shell = Command::new("sh");
            let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
            let output = shell.args(["-c", &line[2..]]).current_dir(folder.path()).env("PATH", path).output().unwrap();
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            shown.extend([line, "\n", &String::from_utf8_lossy(&output.stdout)]);
        }
        shown + "```\n"
    };
    let text = check(page, |command| command == "a session with eidos", run);
    assert!(text.contains("<!-- a session with eidos -->\n```console\n$ eidos "), "{page} has no session");
}
