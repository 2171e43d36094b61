//! The Node package: what koffi is told of C, and the options with their words and docs.

use std::fmt::Write;

use crate::GENERATED;
use crate::model::{Api, Base, Direction, Field, Function, Parameter, Role, Struct, Type};
use crate::words::{Language, block_comment, field_doc, lower_camel, options_doc, plain_doc, plural, upper_camel};

/// `generated/abi.ts`: constants, enumerations, structs, callbacks and functions.
pub fn abi(api: &Api) -> String {
    let mut code = format!(
        "// {GENERATED}\n\n/** The constants, structs and functions of `eidos.h`, for the adapter in `native.ts`. */\n\
         import * as c from '../ctypes';\n\
         import type {{ Pointer }} from '../pointers';\n\n\
         /** The binary interface that this package speaks: `EIDOS_ABI_VERSION` of `eidos.h`. */\n\
         export const ABI_VERSION = {};\n",
        api.abi_version
    );
    for group in &api.enumerations {
        let values: Vec<String> =
            group.values.iter().map(|value| format!("  {}: {},\n", value.word, value.value)).collect();
        let doc = format!("The words of `{}`, with their numbers in `eidos.h`.", group.name);
        let _ = write!(
            code,
            "\n{}export const {} = {{\n{}}} as const;\n",
            block_comment(&doc, ""),
            table(&group.name),
            values.concat()
        );
        let mut doc = plain_doc(api, &group.doc, Language::Node);
        for value in &group.values {
            let _ = write!(doc, "\n- `{}`: {}", value.word, plain_doc(api, &lower_first(&value.doc), Language::Node));
        }
        let _ =
            write!(code, "\n{}export type {} = keyof typeof {};\n", list_comment(&doc), group.name, table(&group.name));
    }
    code += "\n// The structs. 64-bit numbers are JavaScript numbers up to 2^53.\n";
    for item in &api.structs {
        let _ = writeln!(code, "\nexport interface {} {{", struct_name(item));
        for field in &item.fields {
            let _ = writeln!(code, "  {}: {};", field.name, field_type(item, &field.kind));
        }
        code += "}\n";
    }
    code += "\n/** @internal The structs, as koffi knows them. */\nexport const structs = {\n";
    for item in &api.structs {
        let _ = writeln!(code, "  {}: c.struct<{}>({{", item.name, struct_name(item));
        for field in &item.fields {
            let _ = writeln!(code, "    {}: '{}',", field.name, field_spec(item, &field.kind));
        }
        code += "  }),\n";
    }
    code += "};\n\n/** @internal The prototypes of functions that C calls. */\nexport const callbacks = {\n";
    for callback in &api.callbacks {
        let parameters: Vec<String> =
            callback.parameters.iter().map(|found| format!("'{}'", prototype(&found.kind))).collect();
        let _ = writeln!(
            code,
            "  {}: c.callback('{}', [{}]),",
            callback.name,
            prototype(&callback.returns),
            parameters.join(", ")
        );
    }
    code += "};\n\n/** @internal The functions, in the order of the header. */\nexport const signatures = {\n";
    let mut section = "";
    for function in &api.functions {
        if function.section != section {
            if !section.is_empty() {
                code.push('\n');
            }
            section = &function.section;
        }
        code += &signature(function);
    }
    code + "};\n"
}

/// `Granularity` as `granularities`.
fn table(name: &str) -> String {
    lower_camel(&plural(name))
}

/// A comment with a list in it.
fn list_comment(text: &str) -> String {
    let mut comment = "/**\n".to_owned();
    for (index, line) in text.lines().enumerate() {
        if index == 1 {
            comment += " *\n";
        }
        let (first, rest) = (" * ", " *   ");
        let wrapped = crate::words::wrapped(line, if line.starts_with('-') { rest } else { first });
        comment += &if line.starts_with('-') { wrapped.replacen(rest, first, 1) } else { wrapped };
    }
    comment + " */\n"
}

/// Docs as what follows a colon; a proper name keeps its capital.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().collect::<String>() + letters.as_str()
        }
        _ => text.to_owned(),
    }
}

/// `eidos_ica_options` as `IcaOptionsStruct`.
fn struct_name(item: &Struct) -> String {
    upper_camel(item.short_name()) + "Struct"
}

/// A field in TypeScript. JavaScript writes options, whose strings and arrays koffi copies; in other structs C lends pointers.
fn field_type(item: &Struct, kind: &Type) -> &'static str {
    match (kind.pointers.len(), kind.base.as_str()) {
        (0, _) if kind.of != Base::Callback => "number",
        (1, "char") if item.options => "string | null",
        (1, "size_t" | "uint32_t" | "uint64_t" | "float" | "double") if item.options => "readonly number[] | null",
        (2, "char") if item.options => "readonly string[] | null",
        _ if item.options => "Pointer | null",
        _ => "Pointer",
    }
}

/// A field for koffi.
fn field_spec(item: &Struct, kind: &Type) -> String {
    match field_type(item, kind) {
        "number" => number(kind).to_owned(),
        "readonly string[] | null" => "const char **".to_owned(),
        "string | null" | "readonly number[] | null" => kind.c.clone(),
        _ => "void *".to_owned(),
    }
}

fn number(kind: &Type) -> &str {
    if kind.of == Base::Status { "int32_t" } else { &kind.base }
}

/// An argument or a result of a callback for koffi.
fn prototype(kind: &Type) -> &str {
    if kind.pointers.is_empty() && kind.of != Base::Callback { number(kind) } else { "void *" }
}

fn signature(function: &Function) -> String {
    let mut types = vec![result(function)];
    for (index, parameter) in function.parameters.iter().enumerate() {
        types.push(argument(parameter, function.parameters.get(index + 1)));
    }
    let one = format!("  {}: c.signature({}),\n", function.name, types.join(", "));
    if one.trim_end().chars().count() <= 120 {
        return one;
    }
    format!("  {}: c.signature(\n    {},\n  ),\n", function.name, types.join(", "))
}

/// The type of a result: a string is copied by koffi where it is static, and by its length where the function tells it.
fn result(function: &Function) -> String {
    let kind = &function.returns;
    let measured = function.parameters.iter().any(|parameter| parameter.name == "len");
    match kind.pointers.len() {
        1 if kind.base == "char" && !measured => "c.string".to_owned(),
        1.. => "c.nullable".to_owned(),
        0 => value(kind),
    }
}

/// The type of an argument, which for bytes depends on the next one.
fn argument(parameter: &Parameter, next: Option<&Parameter>) -> String {
    let Parameter { name, kind, direction, nullable } = parameter;
    let measured = next.is_some_and(|next| {
        next.kind.base == "size_t"
            && next.kind.pointers.is_empty()
            && ["length".to_owned(), format!("{name}_len"), format!("{name}_length")].contains(&next.name)
    });
    let address = if *nullable { "c.nullable" } else { "c.address" };
    match (kind.pointers.len(), kind.of, kind.base.as_str()) {
        (0, Base::Callback, _) => "c.nullable".to_owned(),
        (0, ..) => value(kind),
        (2, _, "char") if *direction == Direction::In => "c.texts".to_owned(),
        (2.., ..) => "c.addressOut".to_owned(),
        (_, Base::Struct, name) => {
            format!("structs.{name}.{}", if *direction == Direction::In { "input" } else { "output" })
        }
        (_, Base::Handle | Base::Foreign, _) | (_, _, "void") => address.to_owned(),
        (_, _, "char") if measured => "c.bytes".to_owned(),
        (_, _, "char") if *nullable => "c.nullableString".to_owned(),
        (_, _, "char") => "c.string".to_owned(),
        (_, _, "float") if *nullable => "c.nullableFloats".to_owned(),
        (_, _, "float") => "c.floats".to_owned(),
        (_, _, "double") => "c.doubles".to_owned(),
        (_, _, "uint32_t") => "c.integers".to_owned(),
        (_, _, "uint8_t") => "c.bytes".to_owned(),
        _ if *direction == Direction::Out => "c.sizeOut".to_owned(),
        _ => "c.sizes".to_owned(),
    }
}

fn value(kind: &Type) -> String {
    let name = match number(kind) {
        "void" => "nothing",
        "int32_t" => "i32",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        "int64_t" => "i64",
        "size_t" => "size",
        other => other,
    };
    format!("c.{name}")
}

/// `generated/options.ts`: what callers write, with docs, and how it becomes the structs of C.
pub fn options(api: &Api) -> String {
    let mut code =
        format!("// {GENERATED}\n\n/** Options: what callers write in JavaScript, and the structs that C reads. */\n");
    let strings = api.options().flat_map(Struct::settings).any(Field::is_strings);
    let _ = writeln!(
        code,
        "import {{ flag, real, text, {}whole, whole32, word }} from '../arguments';",
        if strings { "texts, " } else { "" }
    );
    code += "import { native } from '../native';\n\
             import { indices, lengthOf, orNone, translator } from '../translator';\n";
    let used: Vec<&str> =
        api.enumerations.iter().filter(|group| is_used(api, &group.name)).map(|group| group.name.as_str()).collect();
    let mut values: Vec<String> = used.iter().map(|name| table(name)).collect();
    values.push("structs".to_owned());
    let structs = api.options().map(struct_name);
    let types: Vec<String> =
        used.iter().map(|name| format!("type {name}")).chain(structs.map(|name| format!("type {name}"))).collect();
    let _ = writeln!(code, "import {{\n  {},\n  {},\n}} from './abi';", values.join(",\n  "), types.join(",\n  "));
    for item in api.options() {
        code += &interface(api, item);
        code += &translation(item);
    }
    code
}

fn is_used(api: &Api, enumeration: &str) -> bool {
    api.options().flat_map(Struct::settings).any(|field| field.enumeration.as_deref() == Some(enumeration))
}

fn interface(api: &Api, item: &Struct) -> String {
    let doc = block_comment(&options_doc(api, &item.doc, Language::Node), "");
    let mut code = format!("\n{doc}export interface {} {{\n", upper_camel(item.short_name()));
    for field in item.settings().filter(|field| field.role != Role::Callback) {
        let kind = match field.role {
            Role::Flag => "boolean",
            Role::Choice => field.enumeration.as_deref().unwrap_or("string"),
            Role::Array if field.is_strings() => "readonly string[]",
            Role::Array => "readonly number[]",
            _ if !field.kind.pointers.is_empty() => "string",
            _ if field.none.is_some() => "number | null",
            _ => "number",
        };
        code += &block_comment(&field_doc(api, field, Language::Node), "  ");
        let name = lower_camel(&field.name);
        let _ = if field.is_required() {
            writeln!(code, "  readonly {name}: {kind};")
        } else {
            writeln!(code, "  readonly {name}?: {kind} | undefined;")
        };
    }
    code + "}\n"
}

fn translation(item: &Struct) -> String {
    let class = upper_camel(item.short_name());
    let name = lower_camel(item.short_name());
    let mut code = format!(
        "\nexport const {name} = translator<{class}, {class}Struct>(\n  () => native().{0}_init,\n  structs.{0}.size,\n  {{\n",
        item.name
    );
    for (field, next) in item.fields.iter().zip(item.fields.iter().skip(1).map(Some).chain([None])) {
        let option = lower_camel(&field.name);
        let Some(translate) = translate(field) else { continue };
        let _ = writeln!(code, "    {}: ['{option}', {translate}],", field.name);
        if let (Role::Array, Some(count)) = (field.role, next) {
            let _ = writeln!(code, "    {}: ['{option}', lengthOf],", count.name);
        }
    }
    code + "  },\n);\n"
}

/// The function that checks an option and makes the number of C of it.
fn translate(field: &Field) -> Option<String> {
    let check = match field.role {
        Role::StructSize | Role::Reserved | Role::Count | Role::Callback | Role::UserData => return None,
        Role::Flag => "flag".to_owned(),
        Role::Choice => format!("word({})", table(field.enumeration.as_deref()?)),
        Role::Array if field.is_strings() => "texts".to_owned(),
        Role::Array => "indices".to_owned(),
        Role::Value if !field.kind.pointers.is_empty() => "text".to_owned(),
        Role::Value => match field.kind.base.as_str() {
            "double" | "float" => "real".to_owned(),
            "uint32_t" => "whole32".to_owned(),
            _ => "whole".to_owned(),
        },
    };
    match &field.none {
        Some(none) if field.kind.pointers.is_empty() => Some(format!("orNone({check}, {none})")),
        _ => Some(check),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_go_on_after_a_colon_in_lower_case() {
        assert_eq!(lower_first("Each word."), "each word.");
        assert_eq!(lower_first("NVIDIA."), "NVIDIA.");
        assert_eq!(table("IcaAlgorithm"), "icaAlgorithms");
    }
}
