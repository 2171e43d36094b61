//! JSON as Python writes it: `json.dump` writes `NaN`, `Infinity` and `-Infinity`, which JSON does not have.

use serde::de::DeserializeOwned;

/// What Python writes for numbers that JSON has no way to write, the longest first.
const NUMBERS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];

/// Reads JSON. A number that only Python writes becomes the string of its name, so that a field that needs a number
/// says what it is instead, and a field that nobody reads does no harm. A byte order mark is skipped.
///
/// # Errors
/// Those of `serde_json`.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice(bytes) {
        Err(error) if error.is_syntax() => match quoted(bytes) {
            Some(quoted) => serde_json::from_slice(&quoted),
            None => Err(error),
        },
        read => read,
    }
}

/// The same text with Python's numbers as strings; `None` where it has none.
fn quoted(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut result = Vec::with_capacity(bytes.len() + 64);
    let mut found = false;
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if !in_string && let Some(number) = NUMBERS.into_iter().find(|number| rest.starts_with(number)) {
            result.push(b'"');
            result.extend_from_slice(number);
            result.push(b'"');
            (found, rest) = (true, &rest[number.len()..]);
            continue;
        }
        if escaped {
            escaped = false;
        } else if in_string && byte == b'\\' {
            escaped = true;
        } else if byte == b'"' {
            in_string = !in_string;
        }
        result.push(byte);
        rest = after;
    }
    found.then_some(result)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn numbers_that_only_python_writes_are_their_names() {
        let text = br#"{"a": NaN, "b": [Infinity, -Infinity, 1.5], "NaN": "\\\"Infinity", "c": "-Infinity"}"#;
        let expected =
            json!({"a": "NaN", "b": ["Infinity", "-Infinity", 1.5], "NaN": "\\\"Infinity", "c": "-Infinity"});
        assert_eq!(from_slice::<Value>(text).unwrap(), expected);
        assert_eq!(from_slice::<Value>(b"\xef\xbb\xbf{}").unwrap(), json!({}));
    }

    #[test]
    fn what_python_does_not_write_either_is_an_error() {
        for text in ["{\"a\": nan}", "{\"a\": +Infinity}", "{\"a\": NaNa}", "{'a': NaN}", "{\"a\": NaN", "", "NaN NaN"]
        {
            assert!(from_slice::<Value>(text.as_bytes()).is_err(), "{text}");
        }
    }
}
