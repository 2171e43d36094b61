//! What C is held to: the names that the library exports, and how structs lie in memory.

use std::fmt::Write;

use crate::GENERATED;
use crate::model::Api;

/// `tests/abi/symbols.txt`, in the order in which `sort` puts them.
pub fn symbols(api: &Api) -> String {
    let mut names: Vec<&str> = api.functions.iter().map(|function| function.name.as_str()).collect();
    names.sort_unstable();
    names.join("\n") + "\n"
}

/// `tests/abi/layout.c`, which C and C++ compile only where structs lie as described.
pub fn layout(api: &Api) -> String {
    let mut code = format!("/* {GENERATED} */\n#include <assert.h>\n#include <eidos.h>\n\n");
    code += "#define FIELD(type, field, at) static_assert(offsetof(type, field) == at, #type \".\" #field \" has moved\")\n";
    code += "#define SIZE(type, bytes) static_assert(sizeof(type) == bytes, #type \" has another size\")\n";
    for item in &api.structs {
        code.push('\n');
        for field in &item.fields {
            let _ = writeln!(code, "FIELD({}, {}, {});", item.name, field.name, field.offset);
        }
        let _ = writeln!(code, "SIZE({}, {});", item.name, item.size);
    }
    code
}
