//! Wrong and hostile arguments, files and pipes: an error that names the thing, its exit code, and never a panic.

use std::process::Stdio;

use serde_json::Value;

use crate::{eidos, failure, fed, finished, stdout, texts, told};

#[test]
fn wrong_usage_is_exit_code_2_and_help_is_none() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&["modles", "eidos:demo"][..], "'modules'"),
        (&["modules"], "<MODEL>"),
        (&["collect", "eidos:demo", "texts.txt"], "--split <MODULE>"),
        (&["fit", "--concepts", "many"], "--concepts <N>"),
        (&["fit", "--concepts", "-1"], "-1"),
        (&["fit", "--method", "magic"], "ica"),
        (&["fit", "-O", "seed"], "NAME=VALUE"),
        (&["fit", "--device", "tpu"], "cuda:0"),
        (&["explain", "--at-a-time", "0", "x"], "at-a-time"),
        (&["top", "--color", "blue"], "never"),
        (&["completions", "cmd"], "powershell"),
    ] {
        let said = failure(folder.path(), 2, arguments);
        assert!(said.starts_with("error: ") && said.contains(part), "{arguments:?}: {said}");
    }
    let said = failure(folder.path(), 2, &[] as &[&str]);
    assert!(said.contains("Usage: eidos"), "{said}");
    assert_eq!(stdout(folder.path(), &["--version"]), concat!("eidos ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(stdout(folder.path(), &["collect", "--help"]).contains("--granularity"));
}

#[test]
fn errors_of_the_library_are_exit_code_1_with_their_hints() {
    let folder = tempfile::tempdir().unwrap();
    let texts = texts();
    let texts = texts.to_str().unwrap();
    for (arguments, parts) in [
        (&["modules", "no/such/folder"][..], &["no/such/folder"][..]),
        (&["collect", "eidos:demo", texts, "-s", "model.layers.9"], &["model.layers.9"]),
        (&["collect", "eidos:demo", "missing.txt", "-s", "1"], &["missing.txt", "check the name"]),
        (&["collect", "eidos:demo", ".", "-s", "1"], &["`.`"]),
        (&["collect", "eidos:demo", "-", "-", "-s", "1"], &["twice"]),
        (&["collect", "eidos:demo", "-", "-s", "1"], &["no texts"]),
        (&["collect", "eidos:demo", texts, "-s", "1", "--batch-tokens", "0"], &["batch of 0 tokens"]),
        (&["fit"], &["`activations", "activations"]),
        (&["top"], &["explainer.safetensors"]),
        (&["label", "-m", "x"], &["explainer.safetensors"]),
        (&["report"], &["explainer.safetensors"]),
        (&["explain", "x"], &["explainer.safetensors"]),
        (&["demo", "--texts", "missing.txt"], &["missing.txt"]),
        (&["fit", "--activations", "."], &["manifest.json"]),
    ] {
        let said = failure(folder.path(), 1, arguments);
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint:  "), "{said}");
        parts.iter().for_each(|part| assert!(said.contains(part), "{arguments:?}: no {part} in {said}"));
    }
    for (arguments, part) in [
        (&["explain", "x", "--deviations", "-1"][..], "-1 standard deviations"),
        (&["explain", "x", "--meaning", "missing.json"], "missing.json"),
        (&["explain", "x", "--model", "missing/folder/here"], "missing/folder/here"),
        (&["top", "--concept", "99"], "99"),
        (&["top", "-k", "0"], "top 0"),
        (&["fit", "--concepts", "0", "-o", "/dev/null/x"], "0 concepts"),
        (&["fit", "--concepts", "500", "-o", "/dev/null/x"], "500"),
        (&["report", "--activations", "missing", "-o", "/dev/null/x"], "missing"),
        (&["report", "-o", "missing/page.html"], "missing/page.html"),
        (&["label", "-m", "x", "--temperature", "hot"], "hot"),
        (&["label", "-m", "x", "--timeout", "-3"], "-3 seconds"),
    ] {
        let said = failure(finished(), 1, arguments);
        assert!(
            said.starts_with("error: ") && said.contains(part) && said.contains("\nhint:  "),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn with_json_errors_are_json() {
    let folder = tempfile::tempdir().unwrap();
    let said = failure(folder.path(), 1, &["collect", "eidos:demo", "missing.txt", "-s", "1", "--json"]);
    let error: Value = serde_json::from_str(&said).unwrap();
    let error = &error["error"];
    assert_eq!((&error["code"], &error["details"]["path"]), (&"not_found".into(), &"missing.txt".into()));
    assert!(error["message"].as_str().unwrap().contains("missing.txt") && error["hint"] == "check the name", "{error}");
}

#[test]
#[cfg(unix)]
fn arguments_that_are_not_utf_8_are_paths_or_wrong_usage() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let odd = OsStr::from_bytes(b"te\xffxts.txt");
    for arguments in [&[OsStr::new("modules"), odd][..], &[OsStr::new("explain"), odd], &[odd]] {
        let said = failure(folder.path(), 2, arguments);
        assert!(said.starts_with("error: "), "{said}");
    }
    let collect = ["collect", "eidos:demo", "-s", "1", "-o"].map(OsStr::new);
    let said = failure(folder.path(), 1, &[&collect[..], &[odd, odd]].concat());
    assert!(said.contains("te\u{fffd}xts.txt"), "{said}");
    // A file system that has such names: others refuse them.
    if std::fs::write(folder.path().join(odd), "a warm film\n").is_ok() {
        let output = eidos(folder.path()).args([&collect[..], &[OsStr::new("rows"), odd]].concat()).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
    }
}

#[test]
fn texts_that_no_terminal_should_obey_are_shown_as_what_they_are() {
    let hostile = b"a \x1b]0;title\x07 film\0 with \xe2\x80\xae rtl and \x1b[31mred\n";
    let output = fed(finished(), &["explain", "--color", "always"], hostile);
    assert!(output.status.success(), "{}", told(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut ours = text.replace("\u{1b}[38;5;16m", "").replace("\u{1b}[0m", "");
    // The colours of concepts, which are ours.
    while let Some(start) = ours.find("\u{1b}[48;5;") {
        let end = start + ours[start..].find('m').unwrap();
        ours.replace_range(start..=end, "");
    }
    assert!(!ours.contains('\u{1b}'), "{ours:?}");
    assert!(!ours.contains('\u{7}') && !ours.contains('\0') && !ours.contains('\u{202e}'), "{ours:?}");
    assert!(ours.starts_with("a \\u{1b}]0;title\\u{7} film\\0 with \\u{202e} rtl and \\u{1b}[31mred\n"), "{ours:?}");
    let output = fed(finished(), &["explain"], hostile);
    assert!(!output.stdout.contains(&0x1b) && output.stdout.contains(&b'\n'), "{output:?}");
    let output = fed(finished(), &["explain"], b"good\nbad \xff\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("`standard input`, line 2: byte 5 is not UTF-8"), "{}", told(&output));
    let output = fed(finished(), &["explain"], b"");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_pipe_that_nobody_reads_is_no_error() {
    for arguments in
        [&["modules", "eidos:demo"][..], &["top", "--json"], &["completions", "zsh"], &["explain", "a film"]]
    {
        let mut child =
            eidos(finished()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), told(&output).as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_is_an_error() {
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    for arguments in [&["modules", "eidos:demo"][..], &["completions", "zsh"]] {
        let output = eidos(finished()).args(arguments).stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(told(&output).contains("cannot write to standard output"), "{}", told(&output));
    }
    // Nobody can be told then.
    let output = eidos(finished()).args(["modules", "no/such/folder"]).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}
