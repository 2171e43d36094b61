//! Tokenizers: the library's own file, and what transformers keeps beside it.

use std::sync::OnceLock;

use eidos::text::Tokenizer;
use eidos::{Control, Error, Granularity};
use serde_json::Value;

use super::{Place, Seed, Target, in_order, names, read};
use crate::mutate::Format;

pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "tokenizer", format: Format::Json, share: 8, seeds: tokenizer_seeds, run: tokenizer },
        Target { name: "tokenizer_config", format: Format::Json, share: 3, seeds: config_seeds, run: config },
        Target { name: "special_tokens_map", format: Format::Json, share: 2, seeds: map_seeds, run: map },
        Target { name: "vocabulary", format: Format::Text, share: 3, seeds: vocabulary_seeds, run: vocabulary },
        Target { name: "vocabulary_settings", format: Format::Json, share: 4, seeds: settings_seeds, run: settings },
        Target { name: "piece_model", format: Format::Protobuf, share: 5, seeds: piece_seeds, run: pieces },
    ]
}

const TEXTS: [&str; 4] =
    ["a warm film, naïve 電影 don't\r\n", "", "  a  b ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"];

/// The `tokenizer.json` and the `tokenizer_config.json` of each kind.
fn kinds() -> &'static [(Vec<u8>, Vec<u8>)] {
    static ALL: OnceLock<Vec<(Vec<u8>, Vec<u8>)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let folders = names("tokenizers").into_iter().map(|name| format!("tokenizers/{name}"));
        let folders = folders.chain(["bert", "eurobert"].map(|name| format!("models/{name}/tokenizer")));
        let folders = folders.filter(|folder| super::golden(folder).is_dir());
        folders
            .map(|folder| (read(&format!("{folder}/tokenizer.json")), read(&format!("{folder}/tokenizer_config.json"))))
            .collect()
    })
}

fn kind(setting: u8) -> &'static (Vec<u8>, Vec<u8>) {
    &kinds()[usize::from(setting) % kinds().len()]
}

fn tokenizer_seeds() -> Vec<Seed> {
    in_order(kinds().iter().map(|(tokenizer, _)| tokenizer.clone()))
}

fn config_seeds() -> Vec<Seed> {
    in_order(kinds().iter().map(|(_, config)| config.clone()))
}

fn map_seeds() -> Vec<Seed> {
    let plain = br#"{"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]"}"#;
    let full = br#"{"cls_token": {"content": "<s>", "lstrip": false, "normalized": true}, "additional_special_tokens": ["<a>"]}"#;
    let seeds = kinds().iter().enumerate();
    in_order(seeds.map(|(index, _)| if index % 2 == 0 { plain.to_vec() } else { full.to_vec() }))
}

fn tokenizer(_: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    encode(bytes, Some(&kind(setting).1), None)
}

fn config(_: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    encode(&kind(setting).0, Some(bytes), None)
}

fn map(_: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    encode(&kind(setting).0, None, Some(bytes))
}

fn encode(json: &[u8], config: Option<&[u8]>, map: Option<&[u8]>) -> Result<(), Error> {
    use_all(&Tokenizer::from_parts(json, config, map, Some(64))?)
}

fn use_all(tokenizer: &Tokenizer) -> Result<(), Error> {
    for granularity in [Granularity::Word, Granularity::Token, Granularity::Sentence, Granularity::AllTokens] {
        let encoded = tokenizer.encode_texts(&TEXTS, granularity, 1, &Control::new())?;
        tokenizer.decode(encoded.ids(0))?;
    }
    tokenizer.cut(&tokenizer.vocabulary_inputs(), Granularity::AllTokens, &Control::new()).map(drop)
}

// --- Vocabularies without a `tokenizer.json` ---

/// A model that comes with one, and its files by their names.
struct Published {
    model_type: String,
    files: Vec<(String, Vec<u8>)>,
}

fn published() -> &'static [Published] {
    static ALL: OnceLock<Vec<Published>> = OnceLock::new();
    ALL.get_or_init(|| {
        let kinds = names("vocabulary_files")
            .into_iter()
            .filter(|name| name.strip_suffix(".json").is_some() && name != "texts.json");
        let published = |name: String| {
            let kind: Value = serde_json::from_slice(&read(&format!("vocabulary_files/{name}"))).unwrap();
            let small = kind["files"].as_object().unwrap();
            let vocabulary = kind["vocabulary"].as_object().unwrap();
            let source = |source: &Value| read(&format!("vocabulary_files/files/{}", source.as_str().unwrap()));
            let small_files = small.iter().map(|(name, content)| (name.clone(), content.to_string().into_bytes()));
            let files = vocabulary.iter().map(|(name, file)| (name.clone(), source(file))).chain(small_files).collect();
            Published { model_type: small["config.json"]["model_type"].as_str().unwrap().to_owned(), files }
        };
        kinds.map(published).collect()
    })
}

/// Which file of which model a setting stands for, among those that are wanted.
fn file_of(setting: u8, wanted: fn(&str) -> bool) -> Option<(&'static Published, &'static str)> {
    let files = published().iter().flat_map(|model| model.files.iter().map(move |(name, _)| (model, name.as_str())));
    let files: Vec<_> = files.filter(|(_, name)| wanted(name)).collect();
    files.get(usize::from(setting) % files.len().max(1)).copied()
}

fn seeds_of(wanted: fn(&str) -> bool) -> Vec<Seed> {
    let files = published().iter().flat_map(|model| model.files.iter());
    in_order(files.filter(|(name, _)| wanted(name)).map(|(_, bytes)| bytes.clone()))
}

fn run_with(setting: u8, bytes: &[u8], wanted: fn(&str) -> bool) -> Result<(), Error> {
    let Some((model, changed)) = file_of(setting, wanted) else { return Ok(()) };
    let mut file = |name: &str| {
        let known = model.files.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes.clone());
        Ok(if name == changed { Some(bytes.to_vec()) } else { known })
    };
    use_all(&Tokenizer::from_vocabulary(&model.model_type, &mut file, Some(64))?)
}

fn is_words(name: &str) -> bool {
    ["vocab.txt", "merges.txt", "vocab.json"].contains(&name)
}

fn is_settings(name: &str) -> bool {
    name.strip_suffix(".json").is_some() && name != "vocab.json"
}

fn is_pieces(name: &str) -> bool {
    name.strip_suffix(".model").is_some()
}

fn vocabulary_seeds() -> Vec<Seed> {
    seeds_of(is_words)
}

fn settings_seeds() -> Vec<Seed> {
    seeds_of(is_settings)
}

fn piece_seeds() -> Vec<Seed> {
    seeds_of(is_pieces)
}

fn vocabulary(_: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    run_with(setting, bytes, is_words)
}

fn settings(_: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    run_with(setting, bytes, is_settings)
}

fn pieces(_: &mut Place, setting: u8, bytes: &[u8]) -> Result<(), Error> {
    run_with(setting, bytes, is_pieces)
}
