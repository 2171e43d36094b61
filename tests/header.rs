//! The committed header is the one that the sources give.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

/// The sections of the header in their order: a file of `src/ffi` each.
const SECTIONS: [&str; 16] = [
    "version",
    "status",
    "error",
    "control",
    "texts",
    "split_model",
    "activations",
    "collect",
    "logits",
    "tokens",
    "explainer",
    "methods",
    "interpretation",
    "chat",
    "llm_labels",
    "handle",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let introduction = std::fs::read_to_string(root().join("src/ffi/introduction.h")).unwrap();
    let sections: Vec<String> =
        SECTIONS.iter().map(|name| section(&root().join(format!("src/ffi/{name}.rs")))).collect();
    format!(
        "{introduction}\n#ifndef EIDOS_H\n#define EIDOS_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n\
         /* From dlpack.h, which a program that exchanges tensors includes itself. */\n\
         struct DLManagedTensorVersioned;\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{}\n\
         #ifdef __cplusplus\n}} /* extern \"C\" */\n#endif\n\n#endif /* EIDOS_H */\n",
        sections.join("\n")
    )
}

/// The declarations of one file, under a title that is the first line of the file.
fn section(source: &Path) -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let mut bytes = Vec::new();
    cbindgen::Builder::new().with_config(config).with_src(source).generate().unwrap().write(&mut bytes);
    let code = std::fs::read_to_string(source).unwrap();
    let title = code.lines().next().unwrap().trim_start_matches("//! ").trim_end_matches('.').to_owned();
    let line = "-".repeat(110 - title.len());
    format!("/* --- {title} {line} */\n\n{}", without_safety_sections(String::from_utf8(bytes).unwrap().trim_start()))
}

/// Rust wants a `# Safety` section on each function; the introduction of the header says the same once.
fn without_safety_sections(header: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut skipping = false;
    for line in header.lines() {
        skipping = (skipping || line.trim() == "* # Safety") && line.trim() != "*/";
        if skipping {
            continue;
        }
        if line.trim() == "*/" && lines.last().is_some_and(|last| last.trim() == "*") {
            lines.pop();
        }
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

fn committed() -> PathBuf {
    root().join("include/eidos.h")
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let generated = generated();
    if std::env::var_os("EIDOS_UPDATE_HEADER").is_some() {
        std::fs::write(committed(), &generated).unwrap();
    }
    let found = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(found == generated, "include/eidos.h is not what src/ffi gives; run `make header` and commit it");
}

#[test]
fn every_declaration_of_the_header_is_documented() {
    let header = std::fs::read_to_string(committed()).unwrap();
    let lines: Vec<&str> = header.lines().collect();
    let mut missing = Vec::new();
    for (number, line) in lines.iter().enumerate().skip_while(|(_, line)| !line.contains("extern \"C\"")).skip(1) {
        let declares = line.starts_with("typedef ")
            || line.starts_with("#define EIDOS_")
            || (line.contains("eidos_")
                && line.contains('(')
                && !line.starts_with([' ', '*', '/'])
                && !line.starts_with("typedef"))
            || (line.starts_with("    ") && !line.starts_with("     ") && line.ends_with(';'));
        let documented = number > 0 && lines[number - 1].trim().ends_with("*/");
        if declares && !documented {
            missing.push(*line);
        }
    }
    assert!(missing.is_empty(), "without a comment: {missing:#?}");
}
