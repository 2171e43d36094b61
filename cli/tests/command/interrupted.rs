//! Ctrl-C: what is complete stays, and the next run goes on from there.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::server::{Play, Server};
use crate::{all_lines, eidos, finished, stdout, texts, told};

/// Presses Ctrl-C.
fn interrupt(child: &Child) {
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Waits until something is so.
#[track_caller]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(1), "it took too long");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The files of a folder of activations.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let entries = entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()));
    entries.filter(|(name, _)| !name.starts_with('.')).collect()
}

#[test]
fn ctrl_c_keeps_complete_shards_and_the_next_run_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let lines = std::fs::read_to_string(texts()).unwrap();
    let many = (0..6).flat_map(|turn| lines.lines().map(move |line| format!("{line} {turn}")));
    std::fs::write(folder.path().join("texts.txt"), all_lines(many)).unwrap();
    let collect = ["collect", "eidos:demo", "texts.txt", "-s", "model.layers.3", "--shard-megabytes", "1"];
    let begun = [&collect[..], &["--out", "begun", "--threads", "1"]].concat();
    let mut child = eidos(folder.path()).args(&begun).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Names alone: a file that is being written may have its last name before it is read.
    let rows = |name: &str| {
        let entries = std::fs::read_dir(folder.path().join(name)).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_str().is_some_and(|file| file.starts_with("rows-"))).count()
    };
    wait_until(|| rows("begun") >= 2 || child.try_wait().unwrap().is_some());
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", told(&output));
    assert!(output.stdout.is_empty());
    let expected = "error: interrupted\nhint:  what is complete lies in `begun`: the same command with the same texts goes on from there\n";
    assert_eq!(told(&output), expected);

    let kept = files(&folder.path().join("begun"));
    stdout(folder.path(), &begun);
    stdout(folder.path(), &[&collect[..], &["--out", "whole"]].concat());
    let (begun, whole) = (files(&folder.path().join("begun")), files(&folder.path().join("whole")));
    assert_eq!(begun.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    for (name, bytes) in &whole {
        assert!(begun[name] == *bytes, "{name} differs");
    }
    let complete = kept.iter().filter(|(name, _)| name.starts_with("rows-")).count();
    assert!((2..whole.len() - 2).contains(&complete), "{complete} shards were kept");
    for (name, bytes) in kept.iter().filter(|(name, _)| name.starts_with("rows-")) {
        assert!(whole[name] == *bytes, "{name} was not complete");
    }
}

#[test]
fn ctrl_c_keeps_the_labels_that_are_there() {
    let late = Play::Late(Duration::from_secs(2));
    let server = Server::start(move |number, _| match number {
        0 => Play::Say(r#"{"label": "jokes"}"#.to_owned()),
        _ => late.clone(),
    });
    let folder = tempfile::tempdir().unwrap();
    let (explainer, rows) = (finished().join("explainer.safetensors"), finished().join("activations"));
    let child = eidos(folder.path())
        .args(["label", "-m", "m", "--parallel", "1", "--concept", "4", "--concept", "2"])
        .args(["--base-url", &server.address])
        .arg("--explainer")
        .arg(explainer)
        .arg("--activations")
        .arg(rows)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until(|| server.count() == 2);
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", told(&output));
    assert!(
        told(&output).ends_with("hint:  the same command goes on from the answers in its cache\n"),
        "{}",
        told(&output)
    );
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0] == "    4      jokes" && lines[1].starts_with("    2      (no label) ("), "{printed}");
    let saved = std::fs::read_to_string(folder.path().join("meaning.json")).unwrap();
    assert!(saved.contains("jokes"), "{saved}");
}

#[test]
fn whoever_waits_for_somebody_to_type_ends_at_the_first_ctrl_c() {
    let mut child = eidos(finished())
        .args(["explain", "--at-a-time", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"a film\n").unwrap();
    // It has answered and waits for the next line.
    let mut first = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(stdin);
}

#[test]
fn the_second_ctrl_c_ends_what_does_not_stop_by_itself() {
    // It reads a pipe into which nobody writes.
    let folder = tempfile::tempdir().unwrap();
    let mut child = eidos(folder.path())
        .args(["collect", "eidos:demo", "-", "-s", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    wait_until(|| folder.path().join("activations").exists());
    std::thread::sleep(Duration::from_millis(100));
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(100));
    assert!(child.try_wait().unwrap().is_none(), "it waits for the pipe");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(stdin);
}
