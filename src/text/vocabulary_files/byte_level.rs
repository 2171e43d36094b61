//! `vocab.json` and `merges.txt`: BPE over bytes, which are written in an alphabet of one letter for each.

use std::io::BufRead;

use serde_json::{Map, Value, json};

use super::Parts;
use super::class::Class;
use super::settings::{Settings, defaults_of};
use crate::error::{Result, shown};
use crate::text::gguf::byte_level::QWEN2;
use crate::text::vetting::invalid;

pub(super) const MERGES: &str = "merges.txt";

pub(super) fn parts(class: Class, settings: &Settings, vocabulary: &[u8], merges: &[u8]) -> Result<Parts> {
    let file = class.file();
    let vocabulary = tokens(file, vocabulary)?;
    let merges = pairs(&vocabulary, merges)?;
    let in_front = settings.flag("add_prefix_space", false)?;
    let bytes = |in_front: bool, trims: bool, splits: bool| json!({"type": "ByteLevel", "add_prefix_space": in_front, "trim_offsets": trims, "use_regex": splits});
    let trims = class != Class::GptNeoX || settings.flag("trim_offsets", true)?;
    let sequence = |members: [Value; 2]| json!({"type": "Sequence", "pretokenizers": members});
    let pre_tokenizer = match class {
        Class::Qwen2 => sequence([
            json!({"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": false}),
            bytes(in_front, true, false),
        ]),
        Class::Cohere => sequence([json!({"type": "Digits", "individual_digits": true}), bytes(in_front, true, true)]),
        _ => bytes(in_front, trims, true),
    };
    let composes = matches!(class, Class::GptNeoX | Class::Qwen2 | Class::Cohere);
    let mut model = json!({
        "type": "BPE",
        "dropout": null,
        "unk_token": null,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": false,
        "byte_fallback": false,
        "ignore_merges": false,
        "merges": merges,
    });
    model["vocab"] = Value::Object(vocabulary);
    Ok(Parts {
        file,
        normalizer: if composes { json!({"type": "NFC"}) } else { Value::Null },
        pre_tokenizer,
        decoder: bytes(true, true, true),
        model,
        names: defaults_of(class.name()),
        symbols: Vec::new(),
        leaves_space_out: false,
    })
}

fn tokens(file: &str, bytes: &[u8]) -> Result<Map<String, Value>> {
    let vocabulary: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| invalid(file, format!("cannot be read: {error}")))?;
    let is_id = |id: &Value| id.as_u64().is_some_and(|id| u32::try_from(id).is_ok());
    match vocabulary.iter().find(|(_, id)| !is_id(id)) {
        Some((token, id)) => Err(invalid(file, format!("has {id} as the id of the token `{}`", shown(token)))),
        None if vocabulary.is_empty() => Err(invalid(file, "has no tokens")),
        None => Ok(vocabulary),
    }
}

/// Two tokens a line, with a space between them.
fn pairs(vocabulary: &Map<String, Value>, bytes: &[u8]) -> Result<Vec<[String; 2]>> {
    let mut pairs = Vec::new();
    let mut joined = String::new();
    for (number, line) in (1_u64..).zip(bytes.lines()) {
        let wrong = |what: String| invalid(MERGES, format!("{what} in line {number}"));
        let line = line.map_err(|_| wrong("is not UTF-8".to_owned()))?;
        if line.starts_with("#version") {
            continue;
        }
        let pair = line.split_once(' ').filter(|(_, right)| !right.contains(' '));
        let (left, right) =
            pair.ok_or_else(|| wrong(format!("has `{}`, not two tokens with a space between them,", shown(&line))))?;
        joined.clear();
        joined.extend([left, right]);
        if let Some(text) = [left, right, &joined].into_iter().find(|text| !vocabulary.contains_key(*text)) {
            return Err(wrong(format!("needs the token `{}`, which the vocabulary does not have,", shown(text))));
        }
        pairs.push([left.to_owned(), right.to_owned()]);
    }
    Ok(pairs)
}
