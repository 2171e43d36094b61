//! Tokenizers: the library's own file, and what transformers keeps beside it.

use std::sync::OnceLock;

use eidos::text::Tokenizer;
use eidos::{Control, Error, Granularity};

use super::{Place, Seed, Target, in_order, names, read};
use crate::mutate::Format;

pub fn targets() -> Vec<Target> {
    vec![
        Target { name: "tokenizer", format: Format::Json, share: 8, seeds: tokenizer_seeds, run: tokenizer },
        Target { name: "tokenizer_config", format: Format::Json, share: 3, seeds: config_seeds, run: config },
        Target { name: "special_tokens_map", format: Format::Json, share: 2, seeds: map_seeds, run: map },
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
    let tokenizer = Tokenizer::from_parts(json, config, map, Some(64))?;
    for granularity in [Granularity::Word, Granularity::Token, Granularity::Sentence, Granularity::AllTokens] {
        let encoded = tokenizer.encode_texts(&TEXTS, granularity, 1, &Control::new())?;
        tokenizer.decode(encoded.ids(0))?;
    }
    tokenizer.cut(&tokenizer.vocabulary_inputs(), Granularity::AllTokens, &Control::new()).map(drop)
}
