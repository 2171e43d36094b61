//! WordPiece: BERT and NomicBERT.
//!
//! Tokens that begin a word have `▁` before them in a file, and those that go on with one have not, where a `tokenizer.json` writes
//! `##` before the latter. Whether texts are made small a file does not say: they are where no token of the vocabulary has a
//! capital letter, as in every vocabulary that was made of small letters alone.

use serde_json::{Map, Value, json};

use super::vocabulary::{Kind, NamedTokens, TOKENS, Vocabulary};
use super::{DESCRIPTION, wrong};
use crate::error::Result;
use crate::text::pipeline::CrateTokenizer;
use crate::text::tokenizer::parse;

/// What begins a word in a file.
const BEGINS: char = '▁';
/// What goes on with a word in `tokenizer.json`.
const GOES_ON: &str = "##";
/// Words of more characters are unknown.
const LONGEST_WORD: usize = 100;

/// The special tokens of BERT, where a file does not say which they are.
const SPECIAL: [&str; 3] = ["[CLS]", "[SEP]", "[UNK]"];

/// The token as `tokenizer.json` writes it. What stands in brackets is written as it is.
fn spelled(text: &str) -> Option<String> {
    if let Some(word) = text.strip_prefix(BEGINS) {
        return Some(word.to_owned());
    }
    let stays = text.is_empty() || (text.starts_with('[') && text.ends_with(']'));
    (!stays).then(|| format!("{GOES_ON}{text}"))
}

/// The tokenizer that a file describes.
///
/// # Errors
/// [`ErrorCode::InvalidFile`](crate::ErrorCode::InvalidFile) naming a special token that is missing, or a token that is there twice.
pub(super) fn tokenizer(vocabulary: &mut Vocabulary<'_>, named: &mut NamedTokens) -> Result<CrateTokenizer> {
    let token = |id: Option<u32>, text: &str| {
        let found = id.or_else(|| vocabulary.entries().find(|(other, _)| *other == text).map(|(_, id)| id));
        found.ok_or_else(|| wrong(TOKENS, format!("has no `{text}`, and no other key names it")))
    };
    // Since 2025 converters write the one for classification as that of a beginning.
    let cls = token(named.cls.or(named.beginning), SPECIAL[0])?;
    let (separator, unknown) = (token(named.separator(), SPECIAL[1])?, token(named.unknown, SPECIAL[2])?);
    named.cls = Some(cls);
    let is_special: Vec<u32> = named.ids().chain([separator, unknown]).collect();
    let ids: Vec<u32> = vocabulary.entries().map(|(_, id)| id).collect();
    vocabulary.respell(|text, _| spelled(text));
    let mut entries = Map::new();
    let mut has_capitals = false;
    let mut added = Vec::new();
    vocabulary.ids()?;
    for id in ids {
        let (text, kind) = (vocabulary.text(id), vocabulary.kind(id));
        let special = matches!(kind, Some(Kind::Control | Kind::Unknown)) || is_special.contains(&id);
        if special || kind == Some(Kind::UserDefined) {
            added.push(json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": special}));
        } else if !text.starts_with('[') {
            has_capitals |= text.chars().any(char::is_uppercase);
        }
        entries.insert(text.to_owned(), json!(id));
    }
    let special = |id: u32, kind: u32| json!({"SpecialToken": {"id": vocabulary.text(id), "type_id": kind}});
    let sequence = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
    let ends: Map<String, Value> = [cls, separator]
        .map(|id| {
            let text = vocabulary.text(id);
            (text.to_owned(), json!({"id": text, "ids": [id], "tokens": [text]}))
        })
        .into_iter()
        .collect();
    let single = [special(cls, 0), sequence("A", 0), special(separator, 0)];
    let pair = single.iter().cloned().chain([sequence("B", 1), special(separator, 1)]).collect::<Vec<_>>();
    let whole = json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": !has_capitals},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": ends},
        "decoder": {"type": "WordPiece", "prefix": GOES_ON, "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": vocabulary.text(unknown), "continuing_subword_prefix": GOES_ON,
            "max_input_chars_per_word": LONGEST_WORD, "vocab": entries},
    });
    parse(whole.to_string().as_bytes(), DESCRIPTION)
}
