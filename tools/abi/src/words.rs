//! Names and docs in the words of each language.

use crate::model::{Api, Enumeration, Field, Role, Struct};

/// A language that docs are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// C++.
    Cpp,
    /// Julia.
    Julia,
    /// TypeScript.
    Node,
}

/// `max_iterations` as `maxIterations`.
pub fn lower_camel(name: &str) -> String {
    let mut result = String::new();
    for (index, word) in name.split('_').enumerate() {
        result += &if index == 0 { word.to_owned() } else { capital(word) };
    }
    result
}

/// `ica_options` as `IcaOptions`.
pub fn upper_camel(name: &str) -> String {
    capital(&lower_camel(name))
}

/// `IcaAlgorithm` as `ica_algorithms`.
pub fn plural(name: &str) -> String {
    let mut result = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            result.push('_');
        }
        result.extend(letter.to_lowercase());
    }
    if let Some(stem) = result.strip_suffix('y') {
        return format!("{stem}ies");
    }
    if result.ends_with('s') { result + "es" } else { result + "s" }
}

/// The first letter in upper case.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// A word of an enumeration that C++ would take for one of its own.
pub fn cpp_word(word: &str) -> String {
    match word {
        "auto" => "automatic".to_owned(),
        "default" | "new" | "delete" | "register" | "export" | "union" | "double" | "float" => format!("{word}_"),
        _ => word.to_owned(),
    }
}

/// The docs of a field.
pub fn field_doc(api: &Api, field: &Field, language: Language) -> String {
    let mut doc = field.doc.replace('\n', " ");
    if let Some(group) = field.enumeration.as_ref().and_then(|name| api.enumeration(name)) {
        let phrase = format!("ne of `{}*`", group.prefix);
        doc = match language {
            Language::Cpp => doc.replace(&format!(": o{phrase}"), ""),
            Language::Julia | Language::Node => doc.replace(&format!("o{phrase}"), &choices(group, language)),
        };
    }
    let (yes, no) = ("`true` ", "; `false` ");
    if field.role == Role::Flag {
        doc = doc.strip_prefix("1 ").map_or(doc.clone(), |rest| yes.to_owned() + rest).replace("; 0 ", no);
    }
    if field.none.is_some() && language != Language::Julia {
        doc = doc.replace("negative leaves", &format!("{} leaves", nothing(field, language)));
    }
    if language == Language::Julia {
        doc = of_columns(&doc).replace("in the order wanted", "from 1, in the order wanted");
    }
    let doc = with_names(api, &doc, language);
    replace_null(&doc, nothing(field, language))
}

/// The docs of a struct of options, without how C fills it.
pub fn options_doc(api: &Api, doc: &str, language: Language) -> String {
    let doc = doc.replace('\n', " ");
    let sentences = doc.split_inclusive(". ").filter(|sentence| !sentence.contains("_init`"));
    with_names(api, sentences.collect::<String>().trim(), language)
}

/// The docs of what is no field.
pub fn plain_doc(api: &Api, doc: &str, language: Language) -> String {
    with_names(api, &doc.replace('\n', " "), language)
}

/// Docs for Julia, where matrices are features x observations: a row of C is a column, and rows are columns.
fn of_columns(doc: &str) -> String {
    let word = |word: &str| match word.trim_end_matches([',', '.', ';']) {
        "row" => word.replacen("row", "column", 1),
        "rows" => word.replacen("rows", "columns", 1),
        _ => word.to_owned(),
    };
    doc.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What stands for no value.
fn nothing(field: &Field, language: Language) -> &'static str {
    match language {
        Language::Cpp if field.none.is_some() => "nothing",
        Language::Cpp => "empty",
        Language::Julia => "`nothing`",
        Language::Node if field.none.is_some() && field.kind.pointers.is_empty() => "`null`",
        Language::Node => "`undefined`",
    }
}

fn replace_null(doc: &str, nothing: &str) -> String {
    let mut result = String::new();
    let mut rest = doc;
    while let Some(at) = rest.find("NULL") {
        let before = &rest[..at];
        result += before;
        let begins = result.is_empty() || result.ends_with(". ");
        result += &if begins { capital(nothing) } else { nothing.to_owned() };
        rest = &rest[at + 4..];
    }
    result + rest
}

/// The words of an enumeration as a list: "`a`, `b` or `c`".
fn choices(group: &Enumeration, language: Language) -> String {
    let quoted = |word: &str| if language == Language::Julia { format!("`:{word}`") } else { format!("`{word}`") };
    let words: Vec<String> = group.values.iter().map(|value| quoted(&value.word)).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.join(""),
    }
}

/// Docs with the names of constants and functions as the language has them.
fn with_names(api: &Api, doc: &str, language: Language) -> String {
    let mut parts: Vec<String> = doc.split('`').map(str::to_owned).collect();
    for part in parts.iter_mut().skip(1).step_by(2) {
        let constant = api.enumerations.iter().find_map(|group| {
            let value = group.values.iter().find(|value| value.name == *part)?;
            Some((group, value))
        });
        if let Some((group, value)) = constant {
            *part = match language {
                Language::Cpp => format!("{}::{}", group.name, cpp_word(&value.word)),
                Language::Julia => format!(":{}", value.word),
                Language::Node => value.word.clone(),
            };
        } else if language == Language::Node
            && api.options().flat_map(Struct::settings).any(|field| field.name == *part)
        {
            *part = lower_camel(part);
        } else if api.functions.iter().any(|function| function.name == *part) {
            *part = method(api, part, language);
        }
    }
    parts.join("`")
}

/// `eidos_split_model_logits` as the method of a class.
fn method(api: &Api, function: &str, language: Language) -> String {
    let class = api.handles.iter().filter(|handle| function.starts_with(&format!("{}_", handle.name)));
    let class = class.max_by_key(|handle| handle.name.len()).map(|handle| handle.name.as_str());
    let prefix = class.unwrap_or("eidos");
    let name = function[prefix.len()..].trim_start_matches('_');
    let class = class.map(|class| upper_camel(class.trim_start_matches("eidos_")));
    match (language, class) {
        (Language::Cpp, Some(class)) => format!("{class}::{name}()"),
        (Language::Cpp, None) => format!("{name}()"),
        (Language::Julia, _) => name.to_owned(),
        (Language::Node, Some(class)) => format!("{class}.{}()", lower_camel(name)),
        (Language::Node, None) => format!("{}()", lower_camel(name)),
    }
}

/// Breaks a text into lines of at most 120 characters, each of which begins with `prefix`.
pub fn wrapped(text: &str, prefix: &str) -> String {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let length =
            prefix.chars().count() + line.chars().count() + word.chars().count() + usize::from(!line.is_empty());
        if !line.is_empty() && length > 120 {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines.push(line);
    let separator = format!("\n{prefix}");
    format!("{prefix}{}\n", lines.join(&separator))
}

/// A comment of TypeScript or C: on one line where it fits.
pub fn block_comment(text: &str, indent: &str) -> String {
    let one = format!("{indent}/** {text} */\n");
    if one.trim_end().chars().count() <= 120 {
        return one;
    }
    format!("{indent}/**\n{}{indent} */\n", wrapped(text, &format!("{indent} * ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_each_language() {
        assert_eq!(
            (lower_camel("max_iterations"), upper_camel("ica_options")),
            ("maxIterations".into(), "IcaOptions".into())
        );
        assert_eq!(
            (plural("Granularity"), plural("IcaAlgorithm"), plural("Status")),
            ("granularities".into(), "ica_algorithms".into(), "statuses".into())
        );
    }

    #[test]
    fn null_has_the_word_of_the_language_with_a_capital_where_a_sentence_begins() {
        assert_eq!(replace_null("The hub; NULL means A. NULL: B.", "empty"), "The hub; empty means A. Empty: B.");
    }

    #[test]
    fn julia_has_columns() {
        assert_eq!(of_columns("One row, many rows. Rowan"), "One column, many columns. Rowan");
    }

    #[test]
    fn long_texts_are_broken_at_the_width() {
        let text = "word ".repeat(60);
        let lines = wrapped(&text, "/// ");
        assert!(lines.lines().all(|line| line.len() <= 120) && lines.lines().count() == 3);
    }
}
