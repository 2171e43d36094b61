//! The C++ binding: enumerations, and options as structs.

use std::fmt::Write;

use crate::GENERATED;
use crate::model::{Api, Field, Role, Struct};
use crate::words::{Language, cpp_word, field_doc, options_doc, plain_doc, upper_camel, wrapped};

/// `enumerations.hpp`.
pub fn enumerations(api: &Api) -> String {
    let mut code = format!(
        "// {GENERATED}\n\n/// Enumerations, with the numbers of eidos.h.\n#ifndef EIDOS_ENUMERATIONS_HPP\n#define EIDOS_ENUMERATIONS_HPP\n\n\
         #include <eidos.h>\n\n#include <cstdint>\n\nnamespace eidos {{\n"
    );
    for group in &api.enumerations {
        let number = if group.c_type == "eidos_status" { "std::int32_t" } else { "std::uint32_t" };
        let doc = wrapped(&plain_doc(api, &group.doc, Language::Cpp), "/// ");
        let _ = writeln!(code, "\n{doc}enum class {} : {number} {{", group.name);
        for value in &group.values {
            code += &wrapped(&plain_doc(api, &value.doc, Language::Cpp), "    /// ");
            let _ = writeln!(code, "    {} = {},", cpp_word(&value.word), value.name);
        }
        code += "};\n";
    }
    code + "\n} // namespace eidos\n\n#endif\n"
}

/// `options.hpp`.
pub fn options(api: &Api) -> String {
    let mut code = format!(
        "// {GENERATED}\n\n/// Options of calls, and how eidos.h wants them.\n#ifndef EIDOS_OPTIONS_HPP\n#define EIDOS_OPTIONS_HPP\n\n\
         #include \"detail/call.hpp\"\n#include \"detail/with_strings.hpp\"\n#include \"enumerations.hpp\"\n#include \"strings.hpp\"\n\n\
         #include <eidos.h>\n\n#include <cstddef>\n#include <cstdint>\n#include <optional>\n#include <string>\n#include <vector>\n\n\
         namespace eidos {{\n"
    );
    for item in api.options() {
        let _ = write!(code, "\n{}", wrapped(&options_doc(api, &item.doc, Language::Cpp), "/// "));
        let _ = writeln!(code, "struct {} {{", upper_camel(item.short_name()));
        for field in item.settings() {
            code += &wrapped(&field_doc(api, field, Language::Cpp), "    /// ");
            let _ = writeln!(code, "    {};", member(api, field));
        }
        code += "};\n";
    }
    code += "\nnamespace detail {\n";
    for item in api.options() {
        code += &conversion(item);
    }
    code + "\n} // namespace detail\n} // namespace eidos\n\n#endif\n"
}

/// The name of a member: for a function, that of the function.
fn name(field: &Field) -> &str {
    field.function.as_ref().map_or(&field.name, |(name, _)| name)
}

fn member(api: &Api, field: &Field) -> String {
    let name = name(field);
    if let Some((_, class)) = &field.function {
        return format!("{class} {name} = {{}}");
    }
    let number = field.default.clone().unwrap_or_else(|| 0.into());
    let written = if number.as_u64() == Some(u64::MAX) { "UINT64_MAX".to_owned() } else { number.to_string() };
    let optional = field.none.is_some();
    match field.role {
        Role::Flag => format!("bool {name} = {}", number.as_i64() == Some(1)),
        Role::Choice => {
            let group = field.enumeration.as_deref().unwrap_or_default();
            let value =
                api.enumeration(group).and_then(|group| group.default_value(number.as_i64().unwrap_or_default()));
            let value =
                value.map_or_else(|| format!("{group}{{}}"), |value| format!("{group}::{}", cpp_word(&value.word)));
            format!("{group} {name} = {value}")
        }
        Role::Array if field.is_strings() => format!("std::vector<std::string> {name} = {{}}"),
        Role::Array => format!("std::vector<{}> {name} = {{}}", number_type(&field.kind.base)),
        _ if field.kind.pointers.is_empty() => {
            let kind = number_type(&field.kind.base);
            if optional {
                format!("std::optional<{kind}> {name} = {written}")
            } else {
                format!("{kind} {name} = {written}")
            }
        }
        _ if optional => format!("std::optional<std::string> {name} = {{}}"),
        _ => format!("std::string {name} = {{}}"),
    }
}

fn number_type(base: &str) -> String {
    match base {
        "double" | "float" => base.to_owned(),
        integer => format!("std::{integer}"),
    }
}

/// The function `to_c` of an options struct.
fn conversion(item: &Struct) -> String {
    let class = upper_camel(item.short_name());
    let borrows = item.settings().any(|field| !field.kind.pointers.is_empty() || field.role == Role::Callback);
    let (doc, mark) = if borrows { ("; they point into `options`", " EIDOS_LIFETIMEBOUND") } else { ("", "") };
    let (mut result, mut begin) = (item.name.clone(), format!(" = defaults({}_init)", item.name));
    if item.settings().any(Field::is_strings) {
        (result, begin) = (format!("WithStrings<{}>", item.name), format!("(defaults({}_init))", item.name));
    }
    let mut code = format!(
        "\n/// Options as eidos.h wants them{doc}.\ninline {result} to_c(const {class} &options{mark})\n{{\n    {result} result{begin};\n"
    );
    for (field, next) in item.fields.iter().zip(item.fields.iter().skip(1).map(Some).chain([None])) {
        let (to, from) = (&field.name, format!("options.{}", name(field)));
        let line = match (field.role, &field.none) {
            (Role::StructSize | Role::Reserved | Role::Count | Role::UserData, _) => continue,
            (Role::Flag, _) => format!("result.{to} = {from} ? 1 : 0;"),
            (Role::Choice, _) => format!("result.{to} = static_cast<{}>({from});", number_type(&field.kind.base)),
            (Role::Callback, _) => format!("set_callback(result, {from});"),
            (Role::Array, _) if field.is_strings() => {
                let count =
                    next.map(|count| format!("\n    result.{} = {from}.size();", count.name)).unwrap_or_default();
                format!("result.{to} = result.pointers_to({from});{count}")
            }
            (Role::Array, _) => {
                let count =
                    next.map(|count| format!("\n    result.{} = {from}.size();", count.name)).unwrap_or_default();
                format!("result.{to} = {from}.empty() ? nullptr : {from}.data();{count}")
            }
            (_, Some(none)) if field.kind.pointers.is_empty() => format!("result.{to} = {from}.value_or({none});"),
            _ if field.kind.pointers.is_empty() => format!("result.{to} = {from};"),
            _ => format!("result.{to} = c_str_or_null({from});"),
        };
        let _ = writeln!(code, "    {line}");
    }
    code + "    return result;\n}\n"
}
