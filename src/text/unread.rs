//! Why the tokenizers crate cannot read a file: which part of it is of a type that the crate does not have.

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::models::ModelWrapper;
use tokenizers::{DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper};

use super::pipeline::caught;
use super::vetting::invalid;
use crate::error::{Error, ErrorCode, shown};

/// A part of a `tokenizer.json`.
struct Part {
    /// The field that holds it.
    name: &'static str,
    /// The field of a `Sequence` that lists its members.
    members: &'static str,
    /// The types that the crate has.
    types: &'static [&'static str],
    /// Whether the crate can read it.
    reads: fn(&Value) -> bool,
}

const PARTS: [Part; 5] = [
    Part {
        name: "normalizer",
        members: "normalizers",
        types: &[
            "BertNormalizer",
            "Strip",
            "StripAccents",
            "NFC",
            "NFD",
            "NFKC",
            "NFKD",
            "Sequence",
            "Lowercase",
            "Nmt",
            "Precompiled",
            "Replace",
            "Prepend",
            "ByteLevel",
        ],
        reads: reads::<NormalizerWrapper>,
    },
    Part {
        name: "pre_tokenizer",
        members: "pretokenizers",
        types: &[
            "BertPreTokenizer",
            "ByteLevel",
            "CharDelimiterSplit",
            "Metaspace",
            "Whitespace",
            "Sequence",
            "Split",
            "Punctuation",
            "WhitespaceSplit",
            "Digits",
            "UnicodeScripts",
            "FixedLength",
        ],
        reads: reads::<PreTokenizerWrapper>,
    },
    Part {
        name: "model",
        members: "",
        types: &["BPE", "WordPiece", "WordLevel", "Unigram"],
        reads: reads::<ModelWrapper>,
    },
    Part {
        name: "post_processor",
        members: "processors",
        types: &["RobertaProcessing", "BertProcessing", "ByteLevel", "TemplateProcessing", "Sequence"],
        reads: reads::<PostProcessorWrapper>,
    },
    Part {
        name: "decoder",
        members: "decoders",
        types: &[
            "BPEDecoder",
            "ByteLevel",
            "WordPiece",
            "Metaspace",
            "CTC",
            "Sequence",
            "Replace",
            "Fuse",
            "Strip",
            "ByteFallback",
        ],
        reads: reads::<DecoderWrapper>,
    },
];

/// The version of the format that the crate reads.
const VERSION: &str = "1.0";

fn reads<T: for<'de> Deserialize<'de>>(value: &Value) -> bool {
    caught(|| Ok(T::deserialize(value).map(drop)?)).is_ok()
}

/// The error about a `tokenizer.json` that the crate cannot read for this reason, which messages call `file`.
pub(super) fn unread(json: &[u8], file: &str, reason: &str) -> Error {
    let damaged = || invalid(file, format!("cannot be read: {reason}"));
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(json) else { return damaged() };
    if let Some(version) = fields.get("version").and_then(Value::as_str).filter(|version| *version != VERSION) {
        let what = format!("is of version `{}` of its format, and this version reads `{VERSION}`", shown(version));
        return newer(file, &what, "version");
    }
    for part in &PARTS {
        let Some(value) = fields.get(part.name).filter(|value| !value.is_null()) else { continue };
        if (part.reads)(value) {
            continue;
        }
        let value = innermost(part, value);
        let kind = value.get("type").and_then(Value::as_str);
        return match kind {
            Some(kind) if !part.types.contains(&kind) => {
                let what =
                    format!("has a {} of the type `{}`, which this version does not have", part.name, shown(kind));
                newer(file, &what, part.name)
            }
            Some(kind) => {
                let what = format!("cannot be read: its {} is no whole `{kind}`: {reason}", part.name);
                invalid(file, what).detail("part", part.name)
            }
            None => invalid(file, format!("cannot be read: its {} has no type: {reason}", part.name))
                .detail("part", part.name),
        };
    }
    damaged()
}

/// The member of sequences that cannot be read, or the part itself.
fn innermost<'v>(part: &Part, value: &'v Value) -> &'v Value {
    let members = value.get(part.members).and_then(Value::as_array);
    let member = members.and_then(|members| members.iter().find(|member| !(part.reads)(member)));
    member.map_or(value, |member| innermost(part, member))
}

fn newer(file: &str, what: &str, part: &str) -> Error {
    Error::new(ErrorCode::Unsupported, format!("{file} {what}"))
        .hint("use a later version of Eidos, or give the model as token ids")
        .detail("file", file)
        .detail("part", part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::tokenizer::parse;

    fn with(part: &str, value: &Value) -> Error {
        let mut whole = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": null, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"},
        });
        parse(whole.to_string().as_bytes(), "tokenizer.json").unwrap();
        whole[part] = value.clone();
        parse(whole.to_string().as_bytes(), "tokenizer.json").unwrap_err()
    }

    #[test]
    fn a_part_of_a_later_version_is_unsupported_by_its_name() {
        let later = json!({"type": "Quantum", "strength": 3});
        for part in &PARTS {
            let nested = json!({"type": "Sequence", (part.members): [{"type": "Sequence", (part.members): [later]}]});
            for value in [&later, &nested].into_iter().take(if part.members.is_empty() { 1 } else { 2 }) {
                let error = with(part.name, value);
                assert_eq!(error.code(), ErrorCode::Unsupported, "{error}");
                assert!(error.message().contains(&format!("a {} of the type `Quantum`", part.name)), "{error}");
                assert!(!error.message().contains("untagged"), "{error}");
            }
        }
        let error = with("version", &json!("2.0"));
        assert!(error.code() == ErrorCode::Unsupported && error.message().contains("version `2.0`"), "{error}");
    }

    #[test]
    fn a_damaged_part_is_named() {
        for part in &PARTS {
            let error = with(part.name, &json!({"strength": 3}));
            assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
            assert!(error.message().contains(part.name), "{error}");
        }
    }

    #[test]
    fn the_types_are_those_of_the_crate() {
        // A type of the crate with nothing else in it is whole, or lacks fields; never unknown.
        for part in &PARTS {
            for kind in part.types {
                let value = json!({"type": kind});
                if (part.reads)(&value) {
                    continue;
                }
                let error = with(part.name, &value);
                assert_eq!(error.code(), ErrorCode::InvalidFile, "{kind}: {error}");
            }
        }
    }
}
