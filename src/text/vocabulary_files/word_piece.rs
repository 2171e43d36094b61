//! `vocab.txt`: a token a line.

use std::io::BufRead;

use serde_json::{Map, Value, json};

use super::Parts;
use super::class::Class;
use super::settings::{Settings, defaults_of};
use crate::error::Result;
use crate::text::vetting::invalid;

/// Words of more characters are unknown.
const LONGEST_WORD: usize = 100;

pub(super) fn parts(class: Class, settings: &Settings, bytes: &[u8]) -> Result<Parts> {
    let names = defaults_of(class.name());
    let unknown = names.iter().find(|(name, _)| *name == "unk_token").map_or("", |(_, token)| &token.text);
    let unknown = settings.text("unk_token", unknown);
    let mut model = json!({
        "type": "WordPiece",
        "unk_token": unknown,
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": LONGEST_WORD,
    });
    model["vocab"] = Value::Object(vocabulary(class.file(), bytes)?);
    Ok(Parts {
        file: class.file(),
        normalizer: json!({
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": settings.flag("tokenize_chinese_chars", true)?,
            "strip_accents": settings.maybe("strip_accents")?,
            "lowercase": settings.flag("do_lower_case", true)?,
        }),
        pre_tokenizer: json!({"type": "BertPreTokenizer"}),
        decoder: json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
        model,
        names,
        symbols: Vec::new(),
        leaves_space_out: false,
    })
}

/// The ids are the numbers of the lines; of a token that comes twice, the last one.
fn vocabulary(file: &str, bytes: &[u8]) -> Result<Map<String, Value>> {
    let mut vocabulary = Map::new();
    for (id, line) in (0_u32..).zip(bytes.lines()) {
        let line = line.map_err(|_| invalid(file, format!("is not UTF-8 in line {}", u64::from(id) + 1)))?;
        vocabulary.insert(line.trim_end().to_owned(), json!(id));
    }
    if vocabulary.is_empty() {
        return Err(invalid(file, "has no tokens"));
    }
    Ok(vocabulary)
}
