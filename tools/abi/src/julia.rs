//! The Julia package: `LibEidos.jl`, and the options with their words and docs.

use std::fmt::Write;

use crate::GENERATED;
use crate::model::{Api, Callback, Field, Function, Parameter, Role, Struct, Type};
use crate::words::{Language, field_doc, options_doc, plain_doc, plural, wrapped};

/// `LibEidos.jl`: the functions, structs and constants of C under their own names.
pub fn library(api: &Api) -> String {
    let mut code = format!(
        "# {GENERATED}\n\n# The C functions and structs of include/eidos.h under their own names. Nothing here is meant for users.\n\
         module LibEidos\n\ninclude(\"ccall.jl\")\n"
    );
    code += &title("Constants, without the prefix EIDOS_");
    for constant in &api.constants {
        let name = constant.name.trim_start_matches("EIDOS_");
        let _ = writeln!(code, "const {name} = {}", constant.value);
    }
    for group in &api.enumerations {
        let number = if group.c_type == "eidos_status" { "Int32" } else { "UInt32" };
        code.push('\n');
        for value in &group.values {
            let _ = writeln!(code, "const {} = {number}({})", value.name.trim_start_matches("EIDOS_"), value.value);
        }
    }
    code += &title("Types");
    for handle in &api.handles {
        let _ = writeln!(code, "abstract type {} end", handle.name);
    }
    code += "abstract type DLManagedTensorVersioned end\n\nconst eidos_status = Int32\n";
    for Callback { name, .. } in &api.callbacks {
        let _ = writeln!(code, "const {name} = Ptr{{Cvoid}}");
    }
    code += "\n# Options are filled by their `..._init` first and then field by field, so they are mutable; see options.jl.\n";
    for item in &api.structs {
        let _ = writeln!(code, "\n{}struct {}", if item.options { "mutable " } else { "" }, item.name);
        for field in &item.fields {
            let _ = writeln!(code, "    {}::{}", field.name, field_type(&field.kind));
        }
        if item.options {
            let _ = writeln!(code, "    {}() = new()", item.name);
        }
        code += "end\n";
    }
    code += "\n# How the structs lie in C, for the tests: the size, and where each field begins.\nconst LAYOUT = (\n";
    for item in &api.structs {
        let offsets: Vec<String> =
            item.fields.iter().map(|field| format!("{} = {}", field.name, field.offset)).collect();
        let _ = writeln!(code, "    {} = ({}, ({})),", item.name, item.size, offsets.join(", "));
    }
    code += ")\n";
    let mut section = "";
    for function in &api.functions {
        if function.section != section {
            section = &function.section;
            code += &title(section);
        }
        let _ = writeln!(code, "{}", declaration(function));
    }
    code + "\nend\n"
}

fn title(text: &str) -> String {
    format!("\n# --- {text} {}\n\n", "-".repeat(113_usize.saturating_sub(text.chars().count())))
}

fn declaration(function: &Function) -> String {
    let parameters: Vec<String> = function.parameters.iter().map(parameter).collect();
    let kind = if function.blocking { "long" } else { "c" };
    format!("@{kind} {}({})::{}", function.name, parameters.join(", "), call_type(&function.returns))
}

fn parameter(parameter: &Parameter) -> String {
    let keyword = ["begin", "end", "function", "type", "global", "local", "let"].contains(&parameter.name.as_str());
    format!("{}{}::{}", parameter.name, if keyword { "_" } else { "" }, call_type(&parameter.kind))
}

/// A type as an argument or a result: strings are `Cstring`.
fn call_type(kind: &Type) -> String {
    if kind.base == "char" && !kind.pointers.is_empty() {
        return pointers("Cstring".to_owned(), kind.pointers.len() - 1);
    }
    field_type(kind)
}

/// A type as a field: strings are pointers to their bytes.
fn field_type(kind: &Type) -> String {
    let base = match kind.base.as_str() {
        "void" => "Cvoid",
        "float" => "Cfloat",
        "double" => "Cdouble",
        "int32_t" => "Int32",
        "int64_t" => "Int64",
        "uint32_t" => "UInt32",
        "uint64_t" => "UInt64",
        "size_t" => "Csize_t",
        "char" | "uint8_t" => "UInt8",
        name => name,
    };
    let strings = kind.base == "char" && kind.pointers.len() > 1;
    if strings { call_type(kind) } else { pointers(base.to_owned(), kind.pointers.len()) }
}

fn pointers(base: String, count: usize) -> String {
    (0..count).fold(base, |inner, _| format!("Ptr{{{inner}}}"))
}

/// `generated.jl`: the words of enumerations, and for each options struct a function of keywords with their docs.
pub fn options(api: &Api) -> String {
    let mut code = format!(
        "# {GENERATED}\n\n# The words of enumerations, and options structs from keywords; options.jl has what they use.\n"
    );
    for group in &api.enumerations {
        let words: Vec<String> = group.values.iter().map(|value| format!("{} = {}", value.word, value.value)).collect();
        let _ = write!(code, "\n{}", wrapped(&plain_doc(api, &group.doc, Language::Julia), "# "));
        let _ = writeln!(code, "const {} = ({})", plural(&group.name).to_uppercase(), words.join(", "));
    }
    for item in api.options() {
        code += &keywords(api, item);
        let _ = writeln!(code, "initialize!(o::Options{{LibEidos.{0}}}, size) = LibEidos.{0}_init(o, size)", item.name);
        code += &docs(api, item);
    }
    code
}

/// The function that makes an options struct of keywords.
fn keywords(api: &Api, item: &Struct) -> String {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for field in item.settings() {
        let name = &field.name;
        names.push(format!("{name} = {}", default(api, field)));
        values.push(match (field.role, &field.enumeration) {
            (Role::Choice, Some(group)) => {
                format!("{name} = choice(:{name}, {name}, {})", plural(group).to_uppercase())
            }
            (Role::Flag, _) => format!("{name} = Bool({name})"),
            _ if field.is_strings() => format!("{name} = strings_of({name})"),
            _ => name.clone(),
        });
        match field.role {
            Role::Array => {
                let array = if field.is_strings() { format!("strings_of({name})") } else { name.clone() };
                values.extend(next(item, field).map(|count| format!("{} = count_of({array})", count.name)));
            }
            Role::Callback => {
                let Some(data) = next(item, field) else { continue };
                names.push(format!("{} = nothing", data.name));
                values.push(data.name.clone());
            }
            _ => {}
        }
    }
    let doc = wrapped(&options_doc(api, &item.doc, Language::Julia), "# ");
    let name = item.short_name();
    let head = format!("{name}(; ");
    let body = format!("    Options{{LibEidos.{}}}(; ", item.name);
    format!("\n{doc}{} =\n{}\n", listed(&head, &names), listed(&body, &values))
}

/// The field behind a field.
fn next<'a>(item: &'a Struct, field: &Field) -> Option<&'a Field> {
    let position = item.fields.iter().position(|found| found.name == field.name)?;
    item.fields.get(position + 1)
}

/// `head a, b, c)`, broken into lines.
fn listed(head: &str, items: &[String]) -> String {
    let indent = " ".repeat(head.chars().count());
    let mut lines = vec![head.to_owned()];
    for (index, item) in items.iter().enumerate() {
        let item = format!("{item}{}", if index + 1 == items.len() { ")" } else { "," });
        let fits = lines.last().is_some_and(|line| line.chars().count() + item.chars().count() <= 120);
        match lines.last_mut() {
            Some(line) if fits => line.push_str(&(item + " ")),
            _ => lines.push(format!("{indent}{item} ")),
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// What a keyword is where it is not given; `nothing` leaves what the library sets.
fn default(api: &Api, field: &Field) -> String {
    let number = field.default.as_ref().and_then(serde_json::Value::as_i64).unwrap_or_default();
    match field.role {
        Role::Choice => {
            let group = field.enumeration.as_ref().and_then(|name| api.enumeration(name));
            group
                .and_then(|group| group.default_value(number))
                .map_or("nothing".to_owned(), |value| format!(":{}", value.word))
        }
        Role::Flag => (number != 0).to_string(),
        Role::Value if field.kind.pointers.is_empty() && !field.is_required() => match &field.default {
            Some(value) if value.as_u64() != Some(u64::MAX) => value.to_string(),
            _ => "nothing".to_owned(),
        },
        _ => "nothing".to_owned(),
    }
}

/// What the docs of functions show of each keyword.
fn docs(api: &Api, item: &Struct) -> String {
    let mut code = format!("\nconst {}_DOCS = (\n", item.short_name().to_uppercase());
    for field in item.settings().filter(|field| field.role != Role::Callback) {
        let default = default(api, field);
        let doc = field_doc(api, field, Language::Julia).replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
        let _ = writeln!(
            code,
            "    {} = ({}, \"{doc}\"),",
            field.name,
            if default == "nothing" { "\"\"".to_owned() } else { format!("\"{default}\"") }
        );
    }
    code + ")\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Base;

    #[test]
    fn types_are_those_that_ccall_takes() {
        let kind = |base: &str, pointers: usize| Type {
            c: String::new(),
            base: base.into(),
            of: Base::Plain,
            pointers: vec![true; pointers],
        };
        assert_eq!(call_type(&kind("char", 2)), "Ptr{Cstring}");
        assert_eq!(field_type(&kind("char", 1)), "Ptr{UInt8}");
        assert_eq!(field_type(&kind("char", 2)), "Ptr{Cstring}");
        assert_eq!(call_type(&kind("eidos_error", 2)), "Ptr{Ptr{eidos_error}}");
    }
}
