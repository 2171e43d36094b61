//! What docs say to this program.
//!
//! Most of what other languages need follows from the types and from how the docs say things:
//!
//! * `*const T` is an input and `*mut *mut T` an output; a `*mut` of a number or a plain struct is an output, too.
//! * NULL is expected for `err`, for `len`, for a control, for callbacks with their data, by `..._free`, and for each
//!   parameter that the docs name before "may be NULL".
//! * "one of `EIDOS_HEAD_*`" makes the constants of that prefix an enumeration, and the field a choice; a `uint32_t` whose
//!   docs begin with "1 " is a flag; the field after an array is its count.
//! * The defaults are those that `options!` sets.
//!
//! What does not follow stands in a section `# ABI` of the docs, a line each. It is for this program and stays out of the
//! header:
//!
//! * `enumeration NAME = PREFIX*: DOC` before the first constant of a group that no field makes one, or that wants another name.
//! * `blocking`: the function may take long though it takes no control.
//! * `none VALUE`: the value of a field that stands for no value, where 0, NULL and "" are values like others.
//! * `function NAME TYPE`: what a callback and its data are called where a language has functions, and the type in C++.

use syn::{Attribute, Expr, Lit, Meta};

use crate::{Failure, Result};

/// Docs, without the sections that are for Rust and for this program.
pub struct Docs {
    /// What is for everybody.
    pub text: String,
    /// The lines of the section `# ABI`.
    markers: Vec<String>,
}

impl Docs {
    /// The docs of an item.
    pub fn of(attributes: &[Attribute]) -> Self {
        let mut lines = Vec::new();
        for attribute in attributes {
            let Meta::NameValue(pair) = &attribute.meta else { continue };
            let Expr::Lit(literal) = &pair.value else { continue };
            let Lit::Str(line) = &literal.lit else { continue };
            if pair.path.is_ident("doc") {
                lines.push(line.value().strip_prefix(' ').map_or_else(|| line.value(), str::to_owned));
            }
        }
        let (mut text, mut markers, mut section) = (Vec::new(), Vec::new(), String::new());
        for line in lines {
            if let Some(title) = line.strip_prefix("# ") {
                title.clone_into(&mut section);
            } else if section.is_empty() {
                text.push(line);
            } else if section == "ABI" && !line.is_empty() {
                markers.push(line);
            }
        }
        Self { text: text.join("\n").trim().to_owned(), markers }
    }

    /// What follows a word in the section `# ABI`.
    pub fn marker(&self, word: &str) -> Option<&str> {
        self.markers.iter().find_map(|line| {
            let rest = line.strip_prefix(word)?;
            (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim())
        })
    }
}

/// `NAME = PREFIX*: DOC`.
pub fn named_enumeration(marker: &str) -> Result<(String, String, String)> {
    let parts = marker.split_once(" = ").and_then(|(name, rest)| Some((name, rest.split_once("*: ")?)));
    let Some((name, (prefix, doc))) = parts else {
        return Err(Failure(format!("`enumeration {marker}`: write `enumeration NAME = PREFIX*: DOC`")));
    };
    Ok((name.to_owned(), prefix.to_owned(), doc.to_owned()))
}

/// The prefix in "one of `EIDOS_HEAD_*`".
pub fn prefix_in(doc: &str) -> Option<String> {
    let (_, rest) = doc.split_once("ne of `EIDOS_")?;
    let (prefix, _) = rest.split_once("*`")?;
    Some(format!("EIDOS_{prefix}"))
}

/// What a field says before ": one of ...".
pub fn first_sentence(doc: &str, prefix: &str) -> String {
    let sentence = doc.split(&format!(": one of `{prefix}*`")).next().unwrap_or(doc);
    sentence.replace('\n', " ") + "."
}

/// `MASKED_LM_` as the name of a type.
pub fn camel_case(words: &str) -> String {
    let capital = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    words.split('_').filter(|word| !word.is_empty()).map(capital).collect()
}

/// The parameters that the docs name before "may be NULL", in the same clause.
pub fn said_to_be_nullable(doc: &str) -> Vec<String> {
    let doc = doc.replace('\n', " ");
    let mut names = Vec::new();
    let mut clauses: Vec<&str> = doc.split("may be NULL").collect();
    clauses.pop();
    for clause in clauses {
        let clause = clause.rsplit(['.', ';']).next().unwrap_or(clause);
        names.extend(clause.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    names
}
