//! Reading `src/ffi`: the declarations that C sees, with their docs, of which `docs.rs` says how they are understood.

use std::collections::BTreeMap;
use std::path::Path;

use quote::ToTokens;
use syn::{Expr, FnArg, Item, ItemConst, ItemFn, ItemMacro, ItemStruct, ItemType, Lit, ReturnType, Visibility};

use crate::arguments::Arguments;
use crate::docs::{Docs, camel_case, first_sentence, named_enumeration, prefix_in, said_to_be_nullable};
use crate::model::{
    Api, Base, Callback, Constant, Direction, Enumeration, Field, Function, Handle, Parameter, Role, Struct, Type,
};
use crate::{Failure, GENERATED, Result, SECTIONS};

/// Reads the files of the header's sections.
pub fn read(folder: &Path) -> Result<Api> {
    let mut files = Vec::new();
    for &section in SECTIONS {
        files.push((section, declarations(folder, section)?));
    }
    Reader::new(files.iter().map(|(_, file)| file)).read(&files)
}

/// The file of a section, with what the types of `arguments.rs` are to C.
pub fn declarations(folder: &Path, section: &str) -> Result<syn::File> {
    let mut file = parsed(&folder.join(format!("{section}.rs")))?;
    Arguments::of(&parsed(&folder.join("arguments.rs"))?).resolve(&mut file);
    Ok(file)
}

/// A file of Rust.
pub fn parsed(path: &Path) -> Result<syn::File> {
    let failed = |error: &dyn std::fmt::Display| Failure(format!("{}: {error}", path.display()));
    let code = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    syn::parse_file(&code).map_err(|error| failed(&error))
}

/// A constant as it is declared.
struct Declared {
    name: String,
    c_type: String,
    value: i64,
    doc: String,
}

/// What names mean, which must be known before declarations can be read.
struct Reader {
    kinds: BTreeMap<String, Base>,
    /// The values of constants.
    numbers: BTreeMap<String, i64>,
    /// The defaults of options structs, field by field.
    defaults: BTreeMap<String, BTreeMap<String, Expr>>,
}

impl Reader {
    fn new<'a>(files: impl Iterator<Item = &'a syn::File>) -> Self {
        let mut reader = Self { kinds: BTreeMap::new(), numbers: BTreeMap::new(), defaults: BTreeMap::new() };
        reader.kinds.insert("DLManagedTensorVersioned".to_owned(), Base::Foreign);
        for item in files.flat_map(|file| &file.items) {
            match item {
                Item::Struct(item) if is_c_name(&item.ident) => {
                    let kind = if is_opaque(item) { Base::Handle } else { Base::Struct };
                    reader.kinds.insert(item.ident.to_string(), kind);
                }
                Item::Type(item) if is_c_name(&item.ident) => {
                    let kind = if item.ident == "eidos_status" { Base::Status } else { Base::Callback };
                    reader.kinds.insert(item.ident.to_string(), kind);
                }
                Item::Const(item) if is_constant(item) => {
                    if let Expr::Lit(literal) = &*item.expr
                        && let Lit::Int(number) = &literal.lit
                        && let Ok(value) = number.base10_parse()
                    {
                        reader.numbers.insert(item.ident.to_string(), value);
                    }
                }
                Item::Macro(item) => reader.remember_defaults(item),
                _ => {}
            }
        }
        reader
    }

    /// `options!(eidos_ica_options, Self { ... })`.
    fn remember_defaults(&mut self, item: &ItemMacro) {
        if !item.mac.path.is_ident("options") {
            return;
        }
        let parse = |input: syn::parse::ParseStream| {
            let name: syn::Ident = input.parse()?;
            let _: syn::Token![,] = input.parse()?;
            Ok((name.to_string(), input.parse::<syn::ExprStruct>()?))
        };
        if let Ok((name, defaults)) = item.mac.parse_body_with(parse) {
            let fields =
                defaults.fields.into_iter().map(|field| (field.member.to_token_stream().to_string(), field.expr));
            self.defaults.insert(name, fields.collect());
        }
    }

    fn read(&self, files: &[(&str, syn::File)]) -> Result<Api> {
        let mut declared = Vec::new();
        let mut named = Vec::new();
        let mut api = Api {
            generated: GENERATED,
            abi_version: 0,
            handles: Vec::new(),
            enumerations: Vec::new(),
            constants: Vec::new(),
            callbacks: Vec::new(),
            structs: Vec::new(),
            functions: Vec::new(),
        };
        for (section, file) in files {
            for item in &file.items {
                match item {
                    Item::Const(item) if is_constant(item) => {
                        let docs = Docs::of(&item.attrs);
                        if let Some(marker) = docs.marker("enumeration") {
                            named.push(named_enumeration(marker)?);
                        }
                        let name = item.ident.to_string();
                        let value = *self.numbers.get(&name).ok_or_else(|| Failure(format!("{name} is no number")))?;
                        let c_type = self.kind(&item.ty, &name)?.c;
                        declared.push(Declared { name, c_type, value, doc: documented(&item.ident, docs.text)? });
                    }
                    Item::Struct(item) if is_c_name(&item.ident) && is_opaque(item) => api.handles.push(Handle {
                        name: item.ident.to_string(),
                        doc: documented(&item.ident, Docs::of(&item.attrs).text)?,
                    }),
                    Item::Struct(item) if is_c_name(&item.ident) => api.structs.push(self.plain_struct(item)?),
                    Item::Type(item) if is_c_name(&item.ident) && item.ident != "eidos_status" => {
                        api.callbacks.push(self.callback(item)?);
                    }
                    Item::Fn(item) if is_exported(item) => api.functions.push(self.function(item, section)?),
                    _ => {}
                }
            }
        }
        group(&mut api, declared, named)?;
        Ok(api)
    }

    fn plain_struct(&self, item: &ItemStruct) -> Result<Struct> {
        let name = item.ident.to_string();
        let options = self.defaults.contains_key(&name);
        let mut fields: Vec<Field> = Vec::new();
        let (mut end, mut alignment) = (0_usize, 1);
        for field in &item.fields {
            let Some(ident) = &field.ident else { return Err(Failure(format!("a field of {name} has no name"))) };
            let full = format!("{name}.{ident}");
            let docs = Docs::of(&field.attrs);
            let kind = self.kind(&field.ty, &full)?;
            let size = kind.size().ok_or_else(|| Failure(format!("{full}: how large is a `{}`?", kind.c)))?;
            let offset = end.next_multiple_of(size);
            (end, alignment) = (offset + size, alignment.max(size));
            let text = documented(&full, docs.text.clone())?;
            let role = role(&ident.to_string(), &kind, &text, fields.last());
            let default = if options { self.default(&name, &ident.to_string())? } else { None };
            let function = match docs.marker("function").map(|words| words.split_once(' ')) {
                Some(Some((function, class))) => Some((function.to_owned(), class.to_owned())),
                Some(None) => return Err(Failure(format!("{full}: write `function NAME TYPE`"))),
                None => None,
            };
            let none = docs.marker("none").map(str::to_owned);
            fields.push(Field {
                name: ident.to_string(),
                kind,
                offset,
                role,
                enumeration: None,
                default,
                none,
                function,
                doc: text,
            });
        }
        let doc = documented(&name, Docs::of(&item.attrs).text)?;
        Ok(Struct { name, doc, options, size: end.next_multiple_of(alignment), fields })
    }

    /// What `options!` sets a field to; nothing for NULL.
    fn default(&self, name: &str, field: &str) -> Result<Option<serde_json::Value>> {
        let wrong = || Failure(format!("{name}.{field}: its default is neither a number, nor a constant, nor NULL"));
        let expression = self.defaults.get(name).and_then(|fields| fields.get(field)).ok_or_else(wrong)?;
        if field == "struct_size" {
            return Ok(None);
        }
        let text = expression.to_token_stream().to_string().replace(' ', "");
        if ["ptr::null()", "ptr::null_mut()", "Text::NULL", "Array::NULL", "None"].contains(&text.as_str()) {
            return Ok(None);
        }
        if let Some(value) = self.numbers.get(&text) {
            return Ok(Some((*value).into()));
        }
        if text == "u64::MAX" {
            return Ok(Some(u64::MAX.into()));
        }
        let number = text.replace('_', "");
        if let Some((number, shift)) = number.split_once("<<") {
            let shifted = number.parse::<i64>().ok().zip(shift.parse::<u32>().ok());
            return shifted.map(|(number, shift)| Some((number << shift).into())).ok_or_else(wrong);
        }
        let integer = number.parse::<i64>().map(serde_json::Value::from);
        let value = integer.or_else(|_| number.parse::<f64>().map(serde_json::Value::from));
        value.map(Some).map_err(|_| wrong())
    }

    fn callback(&self, item: &ItemType) -> Result<Callback> {
        let name = item.ident.to_string();
        let wrong = || Failure(format!("{name} is not an Option<unsafe extern \"C\" fn(...)>"));
        let syn::Type::Path(path) = &*item.ty else { return Err(wrong()) };
        let Some(syn::PathArguments::AngleBracketed(arguments)) = path.path.segments.last().map(|last| &last.arguments)
        else {
            return Err(wrong());
        };
        let Some(syn::GenericArgument::Type(syn::Type::BareFn(function))) = arguments.args.first() else {
            return Err(wrong());
        };
        let mut parameters = Vec::new();
        for argument in &function.inputs {
            let Some((argument_name, _)) = &argument.name else { return Err(wrong()) };
            parameters.push(self.parameter(&argument_name.to_string(), &argument.ty, &name)?);
        }
        let doc = documented(&name, Docs::of(&item.attrs).text)?;
        let returns = self.returns(&function.output, &name)?;
        Ok(Callback { name, doc, parameters, returns })
    }

    fn function(&self, item: &ItemFn, section: &str) -> Result<Function> {
        let name = item.sig.ident.to_string();
        let docs = Docs::of(&item.attrs);
        let mut parameters = Vec::new();
        for argument in &item.sig.inputs {
            let FnArg::Typed(argument) = argument else { return Err(Failure(format!("{name} takes self"))) };
            parameters.push(self.parameter(&argument.pat.to_token_stream().to_string(), &argument.ty, &name)?);
        }
        let watched = parameters.iter().any(|parameter| parameter.name == "control" && parameter.nullable);
        let frees = name.ends_with("_free");
        for parameter in &mut parameters {
            parameter.nullable |= frees;
        }
        for said in said_to_be_nullable(&docs.text) {
            let found = parameters.iter_mut().find(|parameter| parameter.name == said);
            found
                .ok_or_else(|| {
                    Failure(format!("{name}: the docs say that `{said}` may be NULL, but it takes no such"))
                })?
                .nullable = true;
        }
        let blocking = watched || docs.marker("blocking").is_some();
        let returns = self.returns(&item.sig.output, &name)?;
        Ok(Function {
            doc: documented(&name, docs.text)?,
            name,
            blocking,
            parameters,
            returns,
            section: section.to_owned(),
        })
    }

    fn parameter(&self, name: &str, ty: &syn::Type, owner: &str) -> Result<Parameter> {
        let kind = self.kind(ty, &format!("{owner}: {name}"))?;
        let mutable = kind.pointers.last() == Some(&false);
        let handed_over = matches!(kind.of, Base::Handle | Base::Foreign) || kind.base == "void";
        let direction =
            if mutable && (kind.pointers.len() > 1 || !handed_over) { Direction::Out } else { Direction::In };
        let nullable = match name {
            "err" | "len" => mutable,
            "control" => kind.pointers == [true] && !owner.starts_with("eidos_control_"),
            _ => kind.of == Base::Callback || kind.is_pointer_to("void"),
        };
        Ok(Parameter { name: name.to_owned(), kind, direction, nullable })
    }

    fn returns(&self, output: &ReturnType, owner: &str) -> Result<Type> {
        match output {
            ReturnType::Default => {
                Ok(Type { c: "void".to_owned(), base: "void".to_owned(), of: Base::Plain, pointers: vec![] })
            }
            ReturnType::Type(_, ty) => self.kind(ty, owner),
        }
    }

    fn kind(&self, ty: &syn::Type, owner: &str) -> Result<Type> {
        match ty {
            syn::Type::Ptr(pointer) => {
                let mut inner = self.kind(&pointer.elem, owner)?;
                let constant = pointer.mutability.is_none();
                inner.c = match (inner.pointers.is_empty(), constant) {
                    (true, true) => format!("const {} *", inner.c),
                    (true, false) => format!("{} *", inner.c),
                    (false, true) => format!("{}const *", inner.c),
                    (false, false) => format!("{}*", inner.c),
                };
                inner.pointers.push(constant);
                Ok(inner)
            }
            syn::Type::Path(path) => {
                let name = path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                let (base, of) = match name.as_str() {
                    "i32" => ("int32_t", Base::Plain),
                    "i64" => ("int64_t", Base::Plain),
                    "u8" => ("uint8_t", Base::Plain),
                    "u32" => ("uint32_t", Base::Plain),
                    "u64" => ("uint64_t", Base::Plain),
                    "usize" => ("size_t", Base::Plain),
                    "f32" => ("float", Base::Plain),
                    "f64" => ("double", Base::Plain),
                    "c_char" => ("char", Base::Plain),
                    "c_void" => ("void", Base::Plain),
                    name => match self.kinds.get(name) {
                        Some(of) => (name, *of),
                        None => return Err(Failure(format!("{owner}: the type {name} is not declared in src/ffi"))),
                    },
                };
                let c = if of == Base::Foreign { format!("struct {base}") } else { base.to_owned() };
                Ok(Type { c, base: base.to_owned(), of, pointers: vec![] })
            }
            other => Err(Failure(format!("{owner}: the type `{}` has no name in C", other.to_token_stream()))),
        }
    }
}

/// Makes enumerations of the constants that fields are one of, and of those that were named; the rest stays alone.
fn group(api: &mut Api, declared: Vec<Declared>, named: Vec<(String, String, String)>) -> Result<()> {
    let mut wanted = named;
    for field in api.structs.iter_mut().flat_map(|found| &mut found.fields) {
        let Some(prefix) = prefix_in(&field.doc) else { continue };
        let known = wanted.iter().find(|(_, found, _)| *found == prefix).map(|(name, ..)| name.clone());
        let name = known.unwrap_or_else(|| {
            let name = camel_case(prefix.trim_start_matches("EIDOS_"));
            wanted.push((name.clone(), prefix.clone(), first_sentence(&field.doc, &prefix)));
            name
        });
        if !declared.iter().any(|constant| constant.name.starts_with(&prefix)) {
            return Err(Failure(format!(
                "the docs of `{}` name `{prefix}*`, but there is no such constant",
                field.name
            )));
        }
        field.enumeration = Some(name);
        field.role = Role::Choice;
    }
    let mut groups: Vec<Enumeration> = Vec::new();
    for constant in declared {
        let Declared { name, c_type, value, doc } = constant;
        let statuses = c_type == "eidos_status";
        let fits = |prefix: &str| name.starts_with(prefix) && (prefix == "EIDOS_") == statuses;
        let Some((group_name, prefix, group_doc)) = wanted.iter().find(|(_, prefix, _)| fits(prefix)) else {
            api.constants.push(Constant { word: name.clone(), name, value, doc });
            continue;
        };
        let value = Constant { word: name[prefix.len()..].to_lowercase(), name, value, doc };
        match groups.iter_mut().find(|group| group.name == *group_name) {
            Some(group) => group.values.push(value),
            None => groups.push(Enumeration {
                name: group_name.clone(),
                prefix: prefix.clone(),
                c_type,
                doc: group_doc.clone(),
                values: vec![value],
            }),
        }
    }
    api.enumerations = groups;
    let version = api.constants.iter().find(|constant| constant.name == "EIDOS_ABI_VERSION");
    api.abi_version = version.and_then(|found| u64::try_from(found.value).ok()).unwrap_or_default();
    Ok(())
}

fn role(name: &str, kind: &Type, doc: &str, before: Option<&Field>) -> Role {
    match before.map(|field| field.role) {
        Some(Role::Array) if kind.pointers.is_empty() => return Role::Count,
        Some(Role::Callback) if kind.is_pointer_to("void") => return Role::UserData,
        _ => {}
    }
    match name {
        "struct_size" => Role::StructSize,
        "reserved" => Role::Reserved,
        _ if kind.of == Base::Callback => Role::Callback,
        _ if !kind.pointers.is_empty() && !kind.is_pointer_to("char") => Role::Array,
        _ if kind.pointers.is_empty() && doc.starts_with("1 ") => Role::Flag,
        _ => Role::Value,
    }
}

fn documented(name: &impl ToString, doc: String) -> Result<String> {
    if doc.is_empty() {
        return Err(Failure(format!("{} has no docs", name.to_string())));
    }
    Ok(doc)
}

fn is_c_name(ident: &syn::Ident) -> bool {
    ident.to_string().starts_with("eidos_")
}

fn is_constant(item: &ItemConst) -> bool {
    item.ident.to_string().starts_with("EIDOS_") && matches!(item.vis, Visibility::Public(_))
}

fn is_opaque(item: &ItemStruct) -> bool {
    item.fields.iter().any(|field| field.ident.as_ref().is_some_and(|name| name == "_opaque"))
}

/// Whether a function is exported under its own name.
pub fn is_exported(item: &ItemFn) -> bool {
    item.attrs.iter().any(|attribute| attribute.meta.to_token_stream().to_string().contains("no_mangle"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(code: &str) -> Result<Api> {
        let files = [("example", syn::parse_file(code).unwrap())];
        Reader::new(files.iter().map(|(_, file)| file)).read(&files)
    }

    #[test]
    fn types_and_docs_say_who_writes_and_what_may_be_null() {
        let api = read(
            "/// A.\npub struct eidos_a { _opaque: [u8; 0] }\n/// B.\npub struct eidos_control { _opaque: [u8; 0] }\n\
             /// F. `names`\n/// and `ids` may be NULL.\n#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn eidos_a_f(a: *const eidos_a, \
             names: *const *const c_char, ids: *mut u32, count: usize, control: *const eidos_control, \
             out: *mut *mut eidos_a) {}\n\
             /// Frees.\n#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn eidos_control_free(control: *mut eidos_control) {}\n",
        )
        .unwrap();
        let said: Vec<String> = api.functions[0]
            .parameters
            .iter()
            .map(|found| format!("{} {:?} {} {}", found.kind.c, found.direction, found.nullable, found.name))
            .collect();
        assert_eq!(
            said,
            [
                "const eidos_a * In false a",
                "const char *const * In true names",
                "uint32_t * Out true ids",
                "size_t In false count",
                "const eidos_control * In true control",
                "eidos_a ** Out false out",
            ]
        );
        assert!(api.functions[0].blocking && !api.functions[1].blocking);
        let freed = &api.functions[1].parameters[0];
        assert!(freed.nullable && freed.direction == Direction::In);
    }

    #[test]
    fn fields_have_their_offsets_roles_and_defaults() {
        let api = read(
            "/// Each word. The default.\npub const EIDOS_UNIT_WORD: u32 = 1;\n/// Each text.\npub const EIDOS_UNIT_TEXT: u32 = 2;\n\
             /// Options.\n#[repr(C)]\npub struct eidos_o { \
             /// Size.\n pub struct_size: u32, \
             /// What a row is: one of `EIDOS_UNIT_*`.\n pub unit: u32, \
             /// 1 does it.\n pub flag: u32, \
             /// Which.\n pub which: *const usize, \
             /// How many.\n pub count: u64, \
             /// Names.\n pub names: *const *const c_char, \
             /// How many names.\n pub name_count: usize, \
             /// Rate.\n///\n/// # ABI\n/// none -1\n pub rate: f64 }\n\
             options!(eidos_o, Self { struct_size: size_of::<Self>() as u32, unit: EIDOS_UNIT_TEXT, flag: 1, \
             which: ptr::null(), count: u64::MAX, names: ptr::null(), name_count: 1 << 20, rate: 0.5 });",
        )
        .unwrap();
        let found = &api.structs[0];
        assert!(found.options && found.size == 56 && found.fields[5].is_strings());
        let said: Vec<(usize, Role)> = found.fields.iter().map(|field| (field.offset, field.role)).collect();
        assert_eq!(
            said,
            [
                (0, Role::StructSize),
                (4, Role::Choice),
                (8, Role::Flag),
                (16, Role::Array),
                (24, Role::Count),
                (32, Role::Array),
                (40, Role::Count),
                (48, Role::Value)
            ]
        );
        assert_eq!(found.fields[1].default, Some(2.into()));
        assert_eq!((found.fields[7].default.clone(), found.fields[7].none.as_deref()), (Some(0.5.into()), Some("-1")));
        assert_eq!(
            (&found.fields[4].default, &found.fields[6].default),
            (&Some(u64::MAX.into()), &Some((1 << 20).into()))
        );
        let unit = &api.enumerations[0];
        assert_eq!(
            (unit.name.as_str(), unit.doc.as_str(), unit.values[1].word.as_str()),
            ("Unit", "What a row is.", "text")
        );
    }

    #[test]
    fn what_cannot_be_described_is_an_error_that_names_it() {
        let says = |code: &str| read(code).err().unwrap().0;
        let function = |doc: &str, arguments: &str| {
            format!("{doc}\n#[unsafe(no_mangle)]\npub extern \"C\" fn eidos_f({arguments}) {{}}")
        };
        assert_eq!(says(&function("", "a: u32")), "eidos_f has no docs");
        assert_eq!(says(&function("/// F.", "a: Foo")), "eidos_f: a: the type Foo is not declared in src/ffi");
        assert!(says(&function("/// `b` may be NULL.", "a: u32")).contains("`b` may be NULL, but it takes no such"));
        assert!(
            says("/// S.\n#[repr(C)]\npub struct eidos_s { /// U: one of `EIDOS_U_*`.\npub u: u32 }")
                .contains("no such constant")
        );
    }
}
