//! Writes everything that says the same as `src/ffi`: the header, its description as JSON, the list of symbols, the test of
//! the layout, and the low layers and the options of the C++, Julia and Node bindings. `make header` runs it.
//!
//! [`docs`] says how the declarations are understood. A new function, option or enumeration is written in `src/ffi` only; a new
//! file there is added to [`SECTIONS`]; a new language is a module here and a line in [`files`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod arguments;
mod cpp;
mod docs;
mod header;
mod julia;
mod layout;
mod model;
mod node;
mod read;
mod table;
mod words;

/// The sections of the header in their order: a file of `src/ffi` each.
const SECTIONS: &[&str] = &[
    "version",
    "api",
    "status",
    "error",
    "control",
    "log",
    "texts",
    "devices",
    "split_model",
    "inputs",
    "tokens",
    "activations",
    "explainer",
    "methods",
    "decompositions",
    "factorisations",
    "dictionaries",
    "codes",
    "interventions",
    "collect",
    "sae",
    "estimate",
    "logits",
    "interpretation",
    "explain",
    "metrics",
    "chat",
    "chat_model",
    "llm_labels",
    "report",
    "handle",
];

/// The first line of what this program writes.
const GENERATED: &str = "Generated from src/ffi by `make header`; do not edit.";

/// What is wrong with the declarations, naming the one.
#[derive(Debug)]
pub struct Failure(String);

type Result<T> = std::result::Result<T, Failure>;

/// The repository: that of the cargo which runs this program, wherever it was compiled.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("tools/abi"), PathBuf::from).join("../..")
}

/// The files and what they must hold.
fn files(root: &Path) -> Result<Vec<(&'static str, String)>> {
    let mut api = read::read(&root.join("src/ffi"))?;
    let in_order = table::order(root, &api)?;
    let addresses = table::functions(&in_order);
    for function in &mut api.functions {
        function.section = header::title(root, &function.section)?;
    }
    let json = serde_json::to_string_pretty(&api).map_err(|error| Failure(error.to_string()))? + "\n";
    let in_order = table::order(root, &api)?;
    Ok(vec![
        ("include/eidos.h", header::header(root)?),
        (table::HEADER, table::header(&in_order)),
        ("src/ffi/api_functions.rs", addresses),
        ("tests/abi/table.c", table::test(&in_order)),
        ("include/eidos.api.json", json),
        ("tests/abi/symbols.txt", layout::symbols(&api)),
        ("tests/abi/layout.c", layout::layout(&api)),
        ("bindings/cpp/include/eidos/enumerations.hpp", cpp::enumerations(&api)),
        ("bindings/cpp/include/eidos/options.hpp", cpp::options(&api)),
        ("bindings/julia/Eidos/src/LibEidos.jl", julia::library(&api)),
        ("bindings/julia/Eidos/src/generated.jl", julia::options(&api)),
        ("bindings/node/src/generated/abi.ts", node::abi(&api)),
        ("bindings/node/src/generated/options.ts", node::options(&api)),
    ])
}

/// The functions that a file of `src/ffi` exports though it is no section of the header.
fn forgotten(root: &Path) -> Result<Vec<String>> {
    let failed = |error: &dyn std::fmt::Display| Failure(format!("src/ffi: {error}"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join("src/ffi")).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "rs") || SECTIONS.contains(&name.as_str()) {
            continue;
        }
        let exports = read::parsed(&path)?
            .items
            .iter()
            .any(|item| matches!(item, syn::Item::Fn(item) if read::is_exported(item)));
        if exports {
            found.push(format!(
                "src/ffi/{name}.rs exports functions, but is no section: add it to SECTIONS in tools/abi"
            ));
        }
    }
    Ok(found)
}

fn write(root: &Path) -> Result<()> {
    if let Some(message) = forgotten(root)?.into_iter().next() {
        return Err(Failure(message));
    }
    for (path, content) in files(root)? {
        let path = root.join(path);
        let failed = |error| Failure(format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(&path, content).map_err(failed)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match write(&root()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_committed_files_are_the_generated_ones() {
        let stale = files(&root())
            .unwrap()
            .into_iter()
            .filter(|(path, content)| std::fs::read_to_string(root().join(path)).unwrap_or_default() != *content);
        let stale: Vec<&str> = stale.map(|(path, _)| path).collect();
        assert!(stale.is_empty(), "not what src/ffi gives; run `make header` and commit: {stale:?}");
    }

    #[test]
    fn every_file_that_exports_functions_is_a_section_of_the_header() {
        assert_eq!(forgotten(&root()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn the_docs_name_nothing_that_the_header_does_not_declare() {
        let (header, table) =
            (header::header(&root()).unwrap(), std::fs::read_to_string(root().join("include/eidos_api.h")).unwrap());
        let (mut docs, mut declarations) = (Vec::new(), Vec::new());
        for line in header.lines().chain(table.lines()) {
            let is_doc =
                line.starts_with("/*") || line.trim_start().starts_with('*') || line.trim_start().starts_with("/*");
            if is_doc { &mut docs } else { &mut declarations }.push(line);
        }
        let declared: std::collections::HashSet<String> = declarations.iter().flat_map(|line| names(line)).collect();
        // A prefix stands for all that begins with it: `EIDOS_HEAD_*`.
        let is_declared =
            |name: &str| declared.iter().any(|known| known == name || (name.ends_with('_') && known.starts_with(name)));
        let unknown: Vec<String> = docs.iter().flat_map(|line| names(line)).filter(|name| !is_declared(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    /// The names of Eidos in a line.
    fn names(line: &str) -> impl Iterator<Item = String> {
        let words = line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        words.filter(|word| word.starts_with("eidos_") || word.starts_with("EIDOS_")).map(str::to_owned)
    }

    #[test]
    fn the_header_declares_each_function_and_field_that_was_read_and_documents_it() {
        let api = read::read(&root().join("src/ffi")).unwrap();
        let header = header::header(&root()).unwrap();
        let lines: Vec<&str> = header.lines().collect();
        let declared = |line: &&str| {
            line.starts_with(|first: char| first.is_ascii_lowercase())
                && line.contains('(')
                && !line.starts_with("typedef")
        };
        assert_eq!(lines.iter().filter(|line| declared(line)).count(), api.functions.len());
        for function in &api.functions {
            let position =
                lines.iter().position(|line| declared(line) && line.contains(&format!("{}(", function.name))).unwrap();
            assert_eq!(lines[position - 1], " */", "{}", function.name);
            let end = lines[position..].iter().position(|line| line.ends_with(';')).unwrap();
            let written = lines[position..=position + end].join(" ");
            let parameters: Vec<String> = function
                .parameters
                .iter()
                .map(|parameter| {
                    format!(
                        "{}{}{}",
                        parameter.kind.c,
                        if parameter.kind.c.ends_with('*') { "" } else { " " },
                        parameter.name
                    )
                })
                .collect();
            let expected = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
            let found = written.split_once('(').unwrap().1.trim_end_matches(");");
            assert_eq!(found.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{}", function.name);
        }
        for (item, field) in api.structs.iter().flat_map(|item| item.fields.iter().map(move |field| (item, field))) {
            let line =
                format!("    {}{}{};", field.kind.c, if field.kind.c.ends_with('*') { "" } else { " " }, field.name);
            assert!(lines.contains(&line.as_str()), "{}: {line}", item.name);
        }
    }

    #[test]
    fn the_docs_of_each_function_begin_with_a_verb_that_says_what_it_does() {
        let api = read::read(&root().join("src/ffi")).unwrap();
        let is_verb = |word: &str| {
            word.starts_with(char::is_uppercase) && word[1..].chars().all(char::is_lowercase) && word.ends_with('s')
        };
        let first_word = |doc: &str| doc.split_whitespace().next().unwrap_or_default().to_owned();
        let others = api.functions.iter().filter(|function| !is_verb(&first_word(&function.doc)));
        let others: Vec<&str> = others.map(|function| function.name.as_str()).collect();
        assert!(others.is_empty(), "begin their docs with a verb (\"Gives the ...\"): {others:?}");
    }
}
