//! The types of `src/ffi/arguments.rs` as C sees them: the pointers that they are.

use std::collections::BTreeMap;

use syn::visit_mut::{self, VisitMut};
use syn::{Fields, GenericArgument, GenericParam, Ident, Item, Pat, PathArguments, Type};

/// The types that are one pointer each.
pub struct Arguments(BTreeMap<String, Pointer>);

/// What a type is to C.
struct Pointer {
    /// The name that `pointer` has for the argument of a generic type.
    parameter: Option<Ident>,
    pointer: Type,
}

impl Arguments {
    /// The types that a file declares: `#[repr(transparent)]` structs of one field.
    pub fn of(file: &syn::File) -> Self {
        let mut types = BTreeMap::new();
        for item in &file.items {
            let Item::Struct(item) = item else { continue };
            let transparent = item.attrs.iter().filter(|attribute| attribute.path().is_ident("repr"));
            let transparent = transparent.filter_map(|attribute| attribute.parse_args::<Ident>().ok());
            let Fields::Unnamed(fields) = &item.fields else { continue };
            let Some(field) = fields.unnamed.first() else { continue };
            if !transparent.into_iter().any(|representation| representation == "transparent") {
                continue;
            }
            let parameter = item.generics.params.iter().find_map(|parameter| match parameter {
                GenericParam::Type(parameter) => Some(parameter.ident.clone()),
                _ => None,
            });
            types.insert(item.ident.to_string(), Pointer { parameter, pointer: field.ty.clone() });
        }
        Self(types)
    }

    /// Writes pointers in the place of these types, where a file declares what C sees: in functions and in structs.
    pub fn resolve(&self, file: &mut syn::File) {
        let mut resolver = Resolver(self);
        for item in &mut file.items {
            match item {
                Item::Fn(item) => {
                    resolver.visit_signature_mut(&mut item.sig);
                }
                Item::Struct(item) => resolver.visit_fields_mut(&mut item.fields),
                _ => {}
            }
        }
    }
}

struct Resolver<'a>(&'a Arguments);

impl VisitMut for Resolver<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        visit_mut::visit_type_mut(self, ty);
        let Type::Path(path) = &*ty else { return };
        let Some(last) = path.path.segments.last() else { return };
        let Some(found) = self.0.0.get(&last.ident.to_string()) else { return };
        let mut pointer = found.pointer.clone();
        if let (Some(parameter), PathArguments::AngleBracketed(arguments)) = (&found.parameter, &last.arguments)
            && let Some(GenericArgument::Type(argument)) = arguments.args.first()
        {
            Substitute { parameter, argument }.visit_type_mut(&mut pointer);
        }
        *ty = pointer;
    }

    /// `mut out` is `out` to a caller.
    fn visit_pat_mut(&mut self, pattern: &mut Pat) {
        if let Pat::Ident(pattern) = pattern {
            pattern.mutability = None;
        }
    }
}

/// Writes the argument of a generic type in the place of its parameter.
struct Substitute<'a> {
    parameter: &'a Ident,
    argument: &'a Type,
}

impl VisitMut for Substitute<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if matches!(&*ty, Type::Path(path) if path.path.is_ident(self.parameter)) {
            *ty = self.argument.clone();
            return;
        }
        visit_mut::visit_type_mut(self, ty);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use quote::ToTokens;

    use super::*;

    #[test]
    fn the_types_of_arguments_are_pointers_to_c() {
        let types = "#[repr(transparent)] struct Ref<T>(*const T); #[derive(Clone)] #[repr(transparent)] struct Text(*const c_char);\
                     #[repr(transparent)] struct Out<T>(*mut T); struct Other<T>(*const T);";
        let declared = "fn f(a: Ref<eidos_a>, b: Ref<Text>, mut out: Out<*mut eidos_a>, c: Other<u32>, d: usize) -> Text { let b: Text; }\
                        struct S { pub a: Text }";
        let expected = "fn f(a: *const eidos_a, b: *const *const c_char, out: *mut *mut eidos_a, c: Other<u32>, d: usize) -> *const c_char \
                        { let b: Text; } struct S { pub a: *const c_char }";
        let parse = |code: &str| syn::parse_file(code).unwrap();
        let mut file = parse(declared);
        Arguments::of(&parse(types)).resolve(&mut file);
        assert_eq!(file.into_token_stream().to_string(), parse(expected).into_token_stream().to_string());
    }
}
