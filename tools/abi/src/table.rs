//! `eidos_api`: all functions in one table, for programs that open the library while they run.

use std::fmt::Write;
use std::path::Path;

use crate::model::{Api, Function};
use crate::{Failure, GENERATED, Result};

/// The header with the table, and the name of the function that gives it.
pub const HEADER: &str = "include/eidos_api.h";
const GIVES_IT: &str = "eidos_api";

/// The functions in the order of the table: those that the committed header has, which keep their places, and then what is new.
pub fn order<'a>(root: &Path, api: &'a Api) -> Result<Vec<&'a Function>> {
    let committed = std::fs::read_to_string(root.join(HEADER)).unwrap_or_default();
    let places: Vec<String> = committed.lines().filter_map(member).map(|name| format!("eidos_{name}")).collect();
    let find = |name: &str| api.functions.iter().find(|function| function.name == name);
    let kept = places.iter().map(|name| {
        find(name).ok_or_else(|| {
            Failure(format!(
                "{name} is gone, but programs look for those behind it at their places in {HEADER}: bring it back, or raise \
                 EIDOS_ABI_VERSION and delete {HEADER}, to begin a new order"
            ))
        })
    });
    let mut functions: Vec<&Function> = kept.collect::<Result<_>>()?;
    let is_new = |function: &&Function| function.name != GIVES_IT && !places.contains(&function.name);
    functions.extend(api.functions.iter().filter(is_new));
    Ok(functions)
}

/// The name of the member that a line of the header declares.
fn member(line: &str) -> Option<&str> {
    let name = line.strip_prefix("    ")?.split_once("(*")?.1.split_once(")(")?.0;
    (line.ends_with(");") && !name.is_empty()).then_some(name)
}

/// `include/eidos_api.h`.
pub fn header(functions: &[&Function]) -> String {
    let mut code = format!(
        "/* {GENERATED} */\n\
         /*\n\
         \x20* All functions of eidos.h in one table, for programs that open the library while they run and would look up each by its name:\n\
         \x20*\n\
         \x20*     void *library = dlopen(\"libeidos.so.0\", RTLD_NOW);\n\
         \x20*     const eidos_api_table *eidos = eidos_api_from(dlsym(library, \"eidos_api\"));\n\
         \x20*     if (eidos != NULL)\n\
         \x20*         puts(eidos->version());\n\
         \x20*\n\
         \x20* A member has the name of its function without `eidos_`, and its docs are there. Within one version of the ABI members are added\n\
         \x20* at the end only. A library that is older than this header lacks the last of them: EIDOS_API_HAS(eidos, member) says whether it\n\
         \x20* has one.\n\
         \x20*/\n\
         #ifndef EIDOS_API_H\n#define EIDOS_API_H\n\n#include <eidos.h>\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n\
         /* The functions of the library that gave it. It lives as long as the library is loaded. */\n\
         typedef struct eidos_api_table {{\n\
         \x20   /* The size of the library's own table in bytes. */\n    size_t size;\n"
    );
    for function in functions {
        let name = function.name.trim_start_matches("eidos_");
        let returns = &function.returns.c;
        let gap = if returns.ends_with('*') { "" } else { " " };
        let parameters: Vec<String> = function
            .parameters
            .iter()
            .map(|parameter| {
                let gap = if parameter.kind.c.ends_with('*') { "" } else { " " };
                format!("{}{gap}{}", parameter.kind.c, parameter.name)
            })
            .collect();
        let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
        let _ = writeln!(code, "    {returns}{gap}(*{name})({parameters});");
    }
    code += "} eidos_api_table;\n\n\
        /* The table of a library, of which `symbol` is the address of eidos_api; NULL where that is NULL, or for another version of \
        the ABI. */\n\
        static inline const eidos_api_table *eidos_api_from(void *symbol)\n{\n    \
            const void *(*api)(uint32_t) = NULL;\n    \
            *(void **)&api = symbol;\n    \
            return (const eidos_api_table *)(api == NULL ? NULL : api(EIDOS_ABI_VERSION));\n}\n\n\
        /* Whether a library has a function that was added within this version of the ABI: EIDOS_API_HAS(eidos, explain_inputs). */\n\
        #define EIDOS_API_HAS(table, member) \\\n    \
            ((table)->size >= offsetof(eidos_api_table, member) + sizeof((table)->member))\n\n\
        #ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* EIDOS_API_H */\n";
    code
}

/// `src/ffi/api_functions.rs`: the addresses. `sections` are the files of `src/ffi` that declare them.
pub fn functions(functions: &[&Function]) -> String {
    let mut code = format!(
        "// {GENERATED}\n\n//! The functions of `eidos_api`, in the order of its table.\n\n\
         use super::api::Function;\n\n\
         pub(super) const FUNCTIONS: [Function; {}] = [\n",
        functions.len()
    );
    for function in functions {
        let _ = writeln!(code, "    Function(super::{}::{} as *const ()),", function.section, function.name);
    }
    code + "];\n"
}

/// `tests/abi/table.c`, which says whether each member is the function of its name.
pub fn test(functions: &[&Function]) -> String {
    let mut code = format!(
        "/* {GENERATED} */\n#include <eidos_api.h>\n#include <stdio.h>\n\n\
         /* The number of members that are not the functions of their names; each is named. */\nint wrong_members(const eidos_api_table *table);\n\
         int wrong_members(const eidos_api_table *table)\n{{\n    int wrong = 0;\n"
    );
    for function in functions {
        let name = function.name.trim_start_matches("eidos_");
        let _ = writeln!(code, "    if (table->{name} != {}) wrong += printf(\"{name}\\n\") > 0;", function.name);
    }
    let _ = writeln!(
        code,
        "    return wrong + (table->size != sizeof *table) + (sizeof *table != sizeof(size_t) + {} * sizeof(void *));\n}}",
        functions.len()
    );
    code
}
