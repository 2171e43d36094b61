//! The text in a JSON object: one of its fields. Other fields are skipped and take no memory.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How many names of other fields an error lists.
const MOST_NAMES: usize = 8;

/// The value of a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// A text.
    Text(String),
    /// A value of another type, in words.
    Other(&'static str),
    /// The field is missing; these are the names of the first few others.
    Missing(Vec<String>),
}

/// Reads one field of the object in `json`. When a name occurs twice, the last one counts.
///
/// # Errors
/// What is wrong with the JSON, or that it is not an object.
pub(super) fn read_field(json: &str, name: &str) -> serde_json::Result<Field> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let field = Wanted(name).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(field)
}

/// The name of the wanted field.
struct Wanted<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        let (mut found, mut names) = (None, Vec::new());
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            if name == self.0 {
                found = Some(map.next_value::<Field>()?);
                continue;
            }
            map.next_value::<IgnoredAny>()?;
            if names.len() < MOST_NAMES {
                names.push(name.into_owned());
            }
        }
        Ok(found.unwrap_or(Field::Missing(names)))
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyField)
    }
}

/// Accepts a text, and names the type of any other value.
struct AnyField;

impl<'de> Visitor<'de> for AnyField {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Field, E> {
        Ok(Field::Text(text))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Field, E> {
        Ok(Field::Other(if value { "true" } else { "false" }))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
        Ok(Field::Other("a number"))
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Field, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_among_others_and_its_type_is_named() {
        let of = |json: &str| read_field(json, "text").unwrap();
        let text = |text: &str| Field::Text(text.to_owned());
        assert_eq!(of(r#"{"label": [1, {"text": "no"}], "text": "a\tb\u0000\ud83d\ude00"}"#), text("a\tb\0😀"));
        assert_eq!(of(r#"{"text": "a", "text": "b"}"#), text("b"));
        assert_eq!(of(r#" {"te\u0078t": ""} "#), text(""));
        for (value, name) in [
            ("null", "null"),
            ("true", "true"),
            ("-1", "a number"),
            ("1", "a number"),
            ("1e5", "a number"),
            ("[\"a\"]", "a list"),
            ("{\"text\": \"a\"}", "an object"),
        ] {
            assert_eq!(of(&format!("{{\"text\": {value}}}")), Field::Other(name));
        }
        assert_eq!(of(r#"{"sentence": "a", "idx": 1}"#), Field::Missing(vec!["sentence".to_owned(), "idx".to_owned()]));
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        for json in
            ["", "text", "[\"text\"]", "\"text\"", "{\"text\": \"a\"} x", "{\"text\": \"a\"", "{\"text\": \"\\ud83d\"}"]
        {
            assert!(read_field(json, "text").is_err(), "{json}");
        }
        assert!(read_field(&"{\"a\":".repeat(100_000), "text").is_err());
    }
}
