//! Tokenizers that are built from vocabularies are those of transformers (see `tests/golden/README.md`), or clear errors.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::control::Control;
use crate::error::{Error, ErrorCode};
use crate::text::{Granularity, Tokenizer};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/vocabulary_files").join(name)
}

fn read(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden(name)).unwrap()).unwrap()
}

fn kinds() -> Vec<String> {
    let names = std::fs::read_dir(golden("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let kinds = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).filter(|name| name != "texts");
    let kinds: BTreeSet<String> = kinds.collect();
    kinds.into_iter().collect()
}

/// The files of a model, by their names.
type Files = std::collections::BTreeMap<String, Vec<u8>>;

fn files(kind: &Value) -> Files {
    let small =
        kind["files"].as_object().unwrap().iter().map(|(name, file)| (name.clone(), file.to_string().into_bytes()));
    let vocabulary = kind["vocabulary"].as_object().unwrap().iter();
    let vocabulary = vocabulary.map(|(name, source)| {
        (name.clone(), std::fs::read(golden(&format!("files/{}", source.as_str().unwrap()))).unwrap())
    });
    small.chain(vocabulary).collect()
}

fn open(files: &Files) -> Result<Tokenizer, Error> {
    let config: Value = serde_json::from_slice(&files["config.json"]).unwrap();
    let model_type = config["model_type"].as_str().unwrap();
    Tokenizer::from_vocabulary(model_type, &mut |name| Ok(files.get(name).cloned()), None)
}

fn texts() -> Vec<String> {
    serde_json::from_value(read("texts.json")).unwrap()
}

/// 64-bit FNV-1a of lines.
fn hash(lines: impl Iterator<Item = String>) -> String {
    let mut state: u64 = 0xCBF2_9CE4_8422_2325;
    for line in lines {
        for byte in line.bytes().chain([0xFF]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        }
    }
    format!("{state:016x}")
}

fn shortened(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| match value {
            Value::String(map) if name == "precompiled_charsmap" => *value = json!(format!("{} letters", map.len())),
            value => shortened(value),
        }),
        Value::Array(members) => members.iter_mut().for_each(shortened),
        _ => {}
    }
}

/// A `tokenizer.json` with hashes in place of what is long, as the fixtures have it.
fn without_vocabulary(json: &Value) -> Value {
    let mut json = json.clone();
    let model = json["model"].as_object_mut().unwrap();
    let lines: Vec<String> = match &model["vocab"] {
        Value::Object(vocabulary) => {
            let mut entries: Vec<(u64, &String)> =
                vocabulary.iter().map(|(piece, id)| (id.as_u64().unwrap(), piece)).collect();
            entries.sort_unstable();
            entries.into_iter().map(|(id, piece)| format!("{id} {piece}")).collect()
        }
        pieces => {
            let pieces = pieces.as_array().unwrap().iter();
            let line = |piece: &Value| {
                let bits = (piece[1].as_f64().unwrap() as f32).to_bits();
                format!("{bits:08x} {}", piece[0].as_str().unwrap())
            };
            pieces.map(line).collect()
        }
    };
    model.insert("vocab".to_owned(), json!(hash(lines.into_iter())));
    if let Some(merges) = model.get("merges").cloned() {
        let merges = merges.as_array().unwrap().iter();
        let lines = merges.map(|merge| format!("{} {}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap()));
        model.insert("merges".to_owned(), json!(hash(lines)));
    }
    shortened(&mut json);
    json
}

/// What `save_pretrained` of transformers writes, with the vocabulary that has the hash that it should have.
fn saved(tokenizer: &Tokenizer, kind: &Value) -> Value {
    let built: Value = serde_json::from_str(&tokenizer.pipeline.inner.to_string(false).unwrap()).unwrap();
    let mut short = without_vocabulary(&built);
    // Where texts are cut is no part of the file.
    short["truncation"] = Value::Null;
    let expected = &kind["saved"];
    for part in expected.as_object().unwrap().keys() {
        assert_eq!(short[part], expected[part], "{part}");
    }
    let mut saved = expected.clone();
    saved["model"] = built["model"].clone();
    for part in ["normalizer", "pre_tokenizer"] {
        saved[part] = built[part].clone();
    }
    saved
}

fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    tokenizer.pipeline.encode(text, true).unwrap().get_ids().to_vec()
}

fn ids_of(tokenizer: &Tokenizer, tokens: &Value) -> BTreeSet<u32> {
    let tokens = tokens.as_array().unwrap().iter();
    tokens.map(|token| tokenizer.pipeline.inner.token_to_id(token.as_str().unwrap()).unwrap()).collect()
}

fn is_as_transformers_builds_it(name: &str) {
    let kind = read(&format!("{name}.json"));
    let tokenizer = open(&files(&kind)).unwrap();
    let saved = saved(&tokenizer, &kind);
    let special: BTreeSet<u32> = tokenizer.special_ids().collect();
    assert_eq!(special, ids_of(&tokenizer, &kind["special"]), "{name}");
    assert_eq!(tokenizer.cls_id().map(|id| tokenizer.token(id)).as_deref(), kind["cls"].as_str(), "{name}");
    let expected: Vec<Vec<u32>> = serde_json::from_value(kind["ids"].clone()).unwrap();
    let texts = texts();
    for (text, expected) in texts.iter().zip(&expected) {
        let limit = tokenizer.max_tokens().unwrap_or(usize::MAX);
        let found = ids(&tokenizer, text);
        if expected.len() <= limit {
            assert_eq!(&found, expected, "{name}: {text:?}");
        } else {
            assert_eq!(found.len(), limit, "{name}: {text:?}");
        }
    }
    // The same words, sentences and tokens as with the file that is missing.
    let names: Map<String, Value> = [("extra_special_tokens".to_owned(), kind["special"].clone())]
        .into_iter()
        .chain(kind["cls"].as_str().map(|cls| ("cls_token".to_owned(), json!(cls))))
        .collect();
    let config = Value::Object(names).to_string();
    let limit = tokenizer.max_tokens();
    let from_json = Tokenizer::from_parts(saved.to_string().as_bytes(), Some(config.as_bytes()), None, limit).unwrap();
    assert_eq!(from_json.special_ids().collect::<BTreeSet<_>>(), special, "{name}");
    for granularity in [Granularity::Word, Granularity::Token, Granularity::Sentence, Granularity::AllTokens] {
        let encode = |tokenizer: &Tokenizer| {
            let encoded = tokenizer.encode_texts(&texts, granularity, 1, &Control::new()).unwrap();
            let units = (0..encoded.unit_count()).map(|unit| {
                (encoded.units().string(unit).to_owned(), encoded.units().span(unit), encoded.positions(unit).to_vec())
            });
            units.collect::<Vec<_>>()
        };
        assert_eq!(encode(&tokenizer), encode(&from_json), "{name} {granularity:?}");
    }
}

#[test]
fn tokenizers_are_those_that_transformers_builds() {
    let kinds = kinds();
    assert!(kinds.len() > 40, "{kinds:?}");
    let wrong = |kind: &String| std::panic::catch_unwind(|| is_as_transformers_builds_it(kind)).is_err();
    let wrong: Vec<String> = kinds.into_iter().filter(wrong).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

// --- What cannot be built ---

fn of(name: &str) -> Files {
    files(&read(&format!("{name}.json")))
}

#[track_caller]
fn refused(files: &Files, code: ErrorCode, names: &[&str]) {
    let error = open(files).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(names.iter().all(|name| error.message().contains(name)), "{error} does not name {names:?}");
    assert!(!error.hint_text().is_empty(), "{error}");
}

/// The files of a kind, one of them changed.
fn changed(name: &str, file: &str, content: impl Into<Vec<u8>>) -> Files {
    let mut files = of(name);
    files.insert(file.to_owned(), content.into());
    files
}

fn without(name: &str, file: &str) -> Files {
    let mut files = of(name);
    files.remove(file).unwrap();
    files
}

#[test]
fn a_vocabulary_that_is_missing_is_named_with_the_remedy() {
    let class = [
        ("bert", "vocab.txt", "BertTokenizer"),
        ("gpt2", "vocab.json", "GPT2Tokenizer"),
        ("gpt2", "merges.txt", "GPT2Tokenizer"),
        ("t5", "spiece.model", "T5Tokenizer"),
        ("xlm_roberta", "sentencepiece.bpe.model", "XLMRobertaTokenizer"),
        ("deberta_v2", "spm.model", "DebertaV2Tokenizer"),
        ("mistral", "tokenizer.model", "TokenizersBackend"),
    ];
    for (kind, file, class) in class {
        let files = without(kind, file);
        refused(&files, ErrorCode::NotFound, &["`tokenizer.json`", &format!("`{file}`"), class]);
        assert!(open(&files).unwrap_err().hint_text().contains("AutoTokenizer.from_pretrained(x).save_pretrained(x)"));
    }
}

#[test]
fn a_model_of_sentence_piece_may_have_its_general_name() {
    let mut files = of("deberta_v2");
    let model = files.remove("spm.model").unwrap();
    files.insert("tokenizer.model".to_owned(), model);
    let (renamed, own) = (open(&files).unwrap(), open(&of("deberta_v2")).unwrap());
    assert_eq!(renamed.pipeline.inner.to_string(false).unwrap(), own.pipeline.inner.to_string(false).unwrap());
}

#[test]
fn what_is_not_built_is_unsupported_by_its_name() {
    let class = |class: &str| json!({"tokenizer_class": class}).to_string();
    for name in ["BertJapaneseTokenizer", "PegasusTokenizer", "Telepathy"] {
        refused(&changed("bert", "tokenizer_config.json", class(name)), ErrorCode::Unsupported, &[name]);
    }
    let tiktoken = changed("llama", "tokenizer.model", "IQ== 0\nIg== 1\n");
    refused(&tiktoken, ErrorCode::Unsupported, &["tokenizer.model", "tiktoken"]);
    let merging = changed("camembert", "sentencepiece.bpe.model", of("llama")["tokenizer.model"].clone());
    refused(&merging, ErrorCode::Unsupported, &["sentencepiece.bpe.model", "CamembertTokenizer"]);
}

#[test]
fn a_class_is_chosen_as_transformers_chooses_it() {
    let of = |model_type: &str, tokenizer_config: Value, config: Value| {
        let class = super::Class::of(model_type, tokenizer_config.as_object().unwrap(), config.as_object().unwrap());
        class.unwrap().name()
    };
    let (nothing, llama) = (json!({}), json!({"tokenizer_class": "LlamaTokenizerFast"}));
    assert_eq!(of("bert", nothing.clone(), nothing.clone()), "BertTokenizer");
    // A file may name another class, the tokenizer's before the model's.
    assert_eq!(of("opt", llama.clone(), nothing.clone()), "LlamaTokenizer");
    assert_eq!(of("opt", nothing.clone(), llama.clone()), "LlamaTokenizer");
    assert_eq!(of("opt", json!({"tokenizer_class": "GPT2Tokenizer"}), llama.clone()), "GPT2Tokenizer");
    // But not of types that are known to name wrong ones.
    assert_eq!(of("qwen2", llama.clone(), nothing.clone()), "Qwen2Tokenizer");
    assert_eq!(of("phi3", llama.clone(), nothing.clone()), "TokenizersBackend");
    assert_eq!(of("modernbert", json!({"tokenizer_class": "BertTokenizer"}), nothing.clone()), "TokenizersBackend");
    assert_eq!(of("llama", llama, nothing.clone()), "LlamaTokenizer");
    assert_eq!(of("llama", nothing.clone(), nothing.clone()), "TokenizersBackend");
    assert_eq!(of("bart", nothing.clone(), nothing.clone()), "RobertaTokenizer");
    assert_eq!(of("gpt_neo", nothing.clone(), nothing), "GPT2Tokenizer");
}

/// Marian's files name no class, and no program writes another file of them.
#[test]
fn what_marian_is_published_with_is_named_with_another_remedy() {
    let languages = json!({"source_lang": "en", "target_lang": "de"});
    for (model_type, config) in [("marian", languages), ("bart", json!({"tokenizer_class": "MarianTokenizer"}))] {
        let error = super::Class::of(model_type, config.as_object().unwrap(), &Map::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unsupported);
        assert!(error.message().contains("`MarianTokenizer`") && error.message().contains("`source.spm`"), "{error}");
        assert!(error.hint_text().contains("input_ids") && !error.hint_text().contains("save_pretrained"), "{error}");
    }
    let another = json!({"tokenizer_class": "T5Tokenizer"});
    assert!(super::Class::of("marian", another.as_object().unwrap(), &Map::new()).is_ok());
}

#[test]
fn damaged_files_are_named() {
    let wrong = |kind: &str, file: &str, content: &[u8], names: &[&str]| {
        refused(&changed(kind, file, content), ErrorCode::InvalidFile, &[&[file], names].concat());
    };
    wrong("gpt2", "vocab.json", b"[]", &[]);
    wrong("gpt2", "vocab.json", b"{}", &["no tokens"]);
    wrong("gpt2", "vocab.json", br#"{"a": "b"}"#, &["\"b\"", "`a`"]);
    wrong("gpt2", "vocab.json", br#"{"a": 4294967296}"#, &["4294967296"]);
    wrong("gpt2", "merges.txt", b"#version: 0.2\na\n", &["line 2"]);
    wrong("gpt2", "merges.txt", b"a b c\n", &["line 1"]);
    wrong("gpt2", "merges.txt", b"a nothing\n", &["line 1", "`nothing`"]);
    wrong("t5", "spiece.model", b"", &["no pieces"]);
    wrong("t5", "spiece.model", b"<html>", &["SentencePiece"]);
    wrong("t5", "tokenizer_config.json", br#"{"extra_ids": -1}"#, &["extra_ids"]);
    wrong(
        "llama",
        "tokenizer_config.json",
        br#"{"tokenizer_class": "LlamaTokenizer", "add_bos_token": 1}"#,
        &["add_bos_token"],
    );
    wrong("xlm_roberta", "tokenizer_config.json", br#"{"eos_token": null}"#, &["eos_token"]);
    wrong("bert", "special_tokens_map.json", b"{", &[]);
    // A model that is cut anywhere is refused, or lacks what came behind.
    for (kind, file) in [("t5", "spiece.model"), ("llama", "tokenizer.model"), ("albert", "spiece.model")] {
        let whole = of(kind)[file].clone();
        for length in (0..whole.len()).step_by(whole.len() / 97) {
            if let Err(error) = open(&changed(kind, file, &whole[..length])) {
                assert_eq!(error.code(), ErrorCode::InvalidFile, "{error}");
                assert!(error.message().contains(file) && !error.hint_text().is_empty(), "{error}");
            }
        }
    }
}

#[test]
fn pieces_of_any_length_are_refused() {
    // A field of bytes with the number 1: of a model its pieces, of a piece its text.
    let field = |inner: &[u8]| {
        let (low, high) = (inner.len() % 128, inner.len() / 128);
        [&[0x0a, low as u8 | 0x80, high as u8], inner].concat()
    };
    let long = field(&[b'a'; 1025]);
    for kind in ["llama", "albert"] {
        let file = if kind == "llama" { "tokenizer.model" } else { "spiece.model" };
        let files = changed(kind, file, [of(kind)[file].clone(), field(&long)].concat());
        refused(&files, ErrorCode::InvalidFile, &[file, "piece of 1025 bytes"]);
    }
}
