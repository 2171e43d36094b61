//! `include/eidos.h`: what cbindgen makes of each file of `src/ffi`, one section after the other.

use std::fs::read_to_string;
use std::io::Write;
use std::path::Path;

use quote::ToTokens;
use tempfile::NamedTempFile;

use crate::read::declarations;
use crate::{Failure, Result, SECTIONS};

/// Writes the header.
pub fn header(root: &Path) -> Result<String> {
    let introduction = read(&root.join("src/ffi/introduction.h"))?;
    let sections = SECTIONS.iter().map(|name| section(root, name));
    let sections: Vec<String> = sections.collect::<Result<_>>()?;
    Ok(format!(
        "{introduction}\n#ifndef EIDOS_H\n#define EIDOS_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n\
         /* From dlpack.h, which a program that exchanges tensors includes itself. */\n\
         struct DLManagedTensorVersioned;\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{}\n\
         #ifdef __cplusplus\n}} /* extern \"C\" */\n#endif\n\n#endif /* EIDOS_H */\n",
        sections.join("\n")
    ))
}

/// The title of a section: the first line of its file.
pub fn title(root: &Path, section: &str) -> Result<String> {
    let code = read(&root.join(format!("src/ffi/{section}.rs")))?;
    let line = code.lines().next().unwrap_or_default();
    Ok(line.trim_start_matches("//! ").trim_end_matches('.').to_owned())
}

/// The declarations of one file, under its title.
fn section(root: &Path, name: &str) -> Result<String> {
    let failed = |error: &dyn std::fmt::Display| Failure(format!("src/ffi/{name}.rs: {error}"));
    // cbindgen reads files only.
    let mut source = NamedTempFile::new().map_err(|error| failed(&error))?;
    let code = declarations(&root.join("src/ffi"), name)?.into_token_stream().to_string();
    source.write_all(code.as_bytes()).map_err(|error| failed(&error))?;
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    let bindings = cbindgen::Builder::new().with_config(config).with_src(source.path()).generate();
    bindings.map_err(|error| failed(&error))?.write(&mut bytes);
    let declarations = String::from_utf8(bytes).map_err(|error| failed(&error))?;
    let title = title(root, name)?;
    let line = "-".repeat(110_usize.saturating_sub(title.len()));
    Ok(format!("/* --- {title} {line} */\n\n{}", without_sections(declarations.trim_start())))
}

/// Docs without their sections: `# Safety` is for Rust (the introduction of the header says the same once), and `# ABI` for
/// this program.
fn without_sections(header: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut skipping = false;
    for line in header.lines() {
        skipping = (skipping || line.trim().starts_with("* # ")) && line.trim() != "*/";
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

fn read(path: &Path) -> Result<String> {
    read_to_string(path).map_err(|error| Failure(format!("{}: {error}", path.display())))
}
