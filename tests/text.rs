//! Units of texts are those that transformers and interpreto cut (see `tests/golden/README.md`), but for what they lose: the
//! peer's words of unknown tokens have no text, and some of them begin inside a character or have white space in them.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use eidos::model::ModelPlan;
use eidos::text::{EncodedTexts, Tokenizer, UnitOptions};
use eidos::{Aggregation, Control, Granularity, LoadOptions, WordRule};
use serde_json::Value;

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(path)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn shared() -> PathBuf {
    std::env::var_os("EIDOS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from)
}

fn open(folder: &Path) -> Tokenizer {
    let read = |name: &str| std::fs::read(folder.join(name)).ok();
    Tokenizer::from_parts(
        &read("tokenizer.json").unwrap(),
        read("tokenizer_config.json").as_deref(),
        read("special_tokens_map.json").as_deref(),
        None,
    )
    .unwrap()
}

fn encode(tokenizer: &Tokenizer, text: &str, options: impl Into<UnitOptions>) -> EncodedTexts {
    tokenizer.encode_texts(&[text], options, 1, &Control::new()).unwrap()
}

/// The units as the fixtures have them: string, positions, first and last byte.
fn units(encoded: &EncodedTexts) -> Vec<(String, Vec<u64>, u64, u64)> {
    (0..encoded.unit_count())
        .map(|unit| {
            let span = encoded.units().span(unit).unwrap();
            let positions = encoded.positions(unit).iter().map(|&position| u64::from(position)).collect();
            (encoded.units().string(unit).to_owned(), positions, span.begin as u64, span.end as u64)
        })
        .collect()
}

/// The peer's units. Where its string has not got all that the unit stands for, since decoding leaves out special and unknown
/// tokens and cannot show a part of a character, the string is what is written there. Where its span is empty, because the
/// tokenizer trims spaces, it is the white space between the units around it.
fn expected_units(list: &Value, tokenizer: &Tokenizer, text: &str, ids: &[u64]) -> Vec<(String, Vec<u64>, u64, u64)> {
    let is_unspoken = |id: u32| tokenizer.token(id) != "▁" && tokenizer.decode(&[id]).unwrap().is_empty();
    let list = list.as_array().unwrap();
    let unit = |(index, unit): (usize, &Value)| {
        let positions = numbers(&unit[1]);
        let (string, mut begin, mut end) =
            (unit[0].as_str().unwrap(), unit[4].as_u64().unwrap(), unit[5].as_u64().unwrap());
        if begin == end {
            begin = index.checked_sub(1).map_or(0, |last| list[last][5].as_u64().unwrap());
            let next = list.get(index + 1).map_or(text.len() as u64, |next| next[4].as_u64().unwrap());
            end = if begin < end { end } else { next };
        }
        let written = &text[begin as usize..end as usize];
        let is_part = string.is_empty()
            || string.contains('\u{fffd}')
            || positions.windows(2).any(|pair| pair[0] + 1 != pair[1])
            || positions.iter().any(|&position| is_unspoken(ids[position as usize] as u32));
        let string = match (is_part, written.trim()) {
            (true, "") if string.is_empty() => written.to_owned(),
            (true, bare) if !bare.is_empty() => {
                format!("{}{bare}", &string[..string.len() - string.trim_start().len()])
            }
            _ => string.to_owned(),
        };
        (string, positions, begin, end)
    };
    list.iter().enumerate().map(unit).collect()
}

/// Whether the peer's words are words: none begins inside the one before it, and where a tokenizer splits nothing, a single
/// space is all the white space that it knows.
fn peer_has_words(tokenizer: &Tokenizer, text: &str, words: &Value) -> bool {
    let words = words.as_array().unwrap();
    let overlap = words.windows(2).any(|pair| pair[1][4].as_u64() < pair[0][5].as_u64());
    let is_cut_off = words.last().is_some_and(|word| word[0] == "");
    let splits_nothing = tokenizer.word_rule(WordRule::Auto) == WordRule::Unicode;
    let is_hard = |word: &str| word.is_empty() || word.contains(char::is_whitespace);
    !overlap && !(splits_nothing && (is_cut_off || text.split(' ').any(is_hard)))
}

fn numbers(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
}

fn agrees_with_the_peer(tokenizer: &Tokenizer, fixture: &str) {
    let fixture = json(&golden(fixture));
    let special: Vec<u64> = tokenizer.special_ids().map(u64::from).collect();
    assert_eq!(special, numbers(&fixture["all_special_ids"]));
    assert_eq!(tokenizer.cls_id().map(u64::from), fixture["cls_token_id"].as_u64());
    for expected in fixture["texts"].as_array().unwrap() {
        let text = expected["text"].as_str().unwrap();
        let all = encode(tokenizer, text, Granularity::AllTokens);
        let ids: Vec<u64> = all.ids(0).iter().map(|&id| u64::from(id)).collect();
        assert_eq!(ids, numbers(&expected["ids"]), "ids of {text:?}");
        assert_eq!(
            all.truncated_count() == 1,
            expected["truncated"].as_bool().unwrap_or(false),
            "truncation of {text:?}"
        );
        let strings: Vec<&str> = (0..all.unit_count()).map(|unit| all.units().string(unit)).collect();
        let tokens: Vec<&str> =
            expected["tokens"].as_array().unwrap().iter().map(|token| token.as_str().unwrap()).collect();
        assert_eq!(strings, tokens, "tokens of {text:?}");

        let token = encode(tokenizer, text, Granularity::Token);
        let positions: Vec<u64> = (0..token.unit_count()).map(|unit| u64::from(token.positions(unit)[0])).collect();
        assert_eq!(positions, numbers(&expected["token"]), "TOKEN of {text:?}");
        let sample = encode(tokenizer, text, Granularity::Sample);
        let kept: Vec<u64> = units(&sample)
            .into_iter()
            .flat_map(|(string, positions, ..)| {
                assert_eq!(string, text);
                positions
            })
            .collect();
        assert_eq!(kept, positions, "SAMPLE of {text:?}");

        if peer_has_words(tokenizer, text, &expected["word"]) {
            let options = UnitOptions { word_rule: WordRule::Tokenizer, ..UnitOptions::from(Granularity::Word) };
            let words = expected_units(&expected["word"], tokenizer, text, &ids);
            assert_eq!(units(&encode(tokenizer, text, options)), words, "WORD of {text:?}");
        }
        // The peer does not see the line break inside a token such as ".\n\n"; Eidos ends the sentence there.
        if ![".\n", ".\r", "!\r"].iter().any(|mark| text.contains(mark)) {
            let found = units(&encode(tokenizer, text, Granularity::Sentence));
            let sentences = expected_units(&expected["sentence"], tokenizer, text, &ids);
            assert_eq!(found, sentences, "SENTENCE of {text:?}");
        }
    }
}

#[test]
fn units_of_a_byte_level_tokenizer_are_the_peers() {
    agrees_with_the_peer(&open(&golden("models/eurobert/tokenizer")), "text/tiny_eurobert.json");
}

#[test]
fn units_of_a_word_piece_tokenizer_are_the_peers() {
    agrees_with_the_peer(&open(&golden("models/bert/tokenizer")), "text/tiny_bert.json");
}

/// Which kinds of tokenizers the models of a type come with, by `model_type`.
fn kinds() -> BTreeMap<String, Vec<String>> {
    serde_json::from_value(json(&golden("tokenizers/families.json"))).unwrap()
}

#[test]
fn units_of_every_kind_of_tokenizer_are_the_peers() {
    let kinds: BTreeSet<String> = kinds().into_values().flatten().collect();
    // Those of BERT and Llama 3 are beside the weights of BERT and EuroBERT.
    for kind in kinds.iter().filter(|kind| !["bert", "llama3"].contains(&kind.as_str())) {
        eprintln!("{kind}");
        agrees_with_the_peer(&open(&golden(&format!("tokenizers/{kind}"))), &format!("text/{kind}.json"));
    }
}

#[test]
fn every_type_of_model_has_the_tokenizers_that_it_comes_with() {
    let error = ModelPlan::new(br#"{"model_type": "nothing"}"#, &[], &LoadOptions::default()).unwrap_err();
    let built = error.hint_text().rsplit_once(": ").unwrap().1.to_owned();
    let built: BTreeSet<&str> = built.split(", ").collect();
    let kinds = kinds();
    assert_eq!(built, kinds.keys().map(String::as_str).collect());
    assert!(kinds.values().all(|kinds| !kinds.is_empty()));
}

#[test]
fn units_of_the_real_eurobert_tokenizer_are_the_peers() {
    let folder = shared().join("data/eurobert-tokenizer");
    if !folder.exists() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    agrees_with_the_peer(&open(&folder), "text/eurobert.json");
}

#[test]
fn rotten_tomatoes_has_the_words_that_the_peer_counts() {
    let (folder, texts) = (shared().join("data/eurobert-tokenizer"), shared().join("data/rotten_tomatoes/train.jsonl"));
    if !folder.exists() || !texts.exists() {
        eprintln!("skipped: {} is not there", shared().join("data").display());
        return;
    }
    let texts: Vec<String> = std::fs::read_to_string(texts)
        .unwrap()
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().to_owned())
        .collect();
    let expected = &json(&golden("text/counts.json"))["eurobert"]["rotten_tomatoes/train.jsonl"];
    let tokenizer = open(&folder);
    let count = |granularity| tokenizer.encode_texts(&texts, granularity, 2, &Control::new()).unwrap();
    let words = count(Granularity::Word);
    assert_eq!(words.unit_count() as u64, expected["words"].as_u64().unwrap());
    assert_eq!(words.unit_count(), 187_890);
    assert_eq!(words.token_count() as u64, expected["all_tokens"].as_u64().unwrap());
    assert_eq!(format!("{:016x}", hash_of_words(&words)), expected["words_fnv1a"].as_str().unwrap());
    assert_eq!(count(Granularity::Token).unit_count() as u64, expected["tokens"].as_u64().unwrap());
    assert_eq!(count(Granularity::Sentence).unit_count() as u64, expected["sentences"].as_u64().unwrap());
}

/// FNV-1a over the bytes of each word and 0xFF, and 0xFE after each text.
fn hash_of_words(encoded: &EncodedTexts) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    for text in 0..encoded.text_count() {
        for unit in encoded.units_of(text) {
            encoded.units().string(unit).bytes().chain([0xff]).for_each(&mut add);
        }
        add(0xfe);
    }
    hash
}

#[test]
fn a_blank_line_ends_a_sentence_even_inside_a_token() {
    let folder = shared().join("data/eurobert-tokenizer");
    if !folder.exists() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    let encoded = encode(&open(&folder), "World's best.\n\nNew para", Granularity::Sentence);
    let sentences: Vec<String> = units(&encoded).into_iter().map(|(string, ..)| string).collect();
    assert_eq!(sentences, ["World's best.\n\n", "New para"]);
}

#[test]
fn texts_that_are_cut_are_counted() {
    let cut = |kind: &str, side: &str, limit: usize, text: &str| {
        let json = std::fs::read(golden(&format!("{kind}/tokenizer.json"))).unwrap();
        let config = format!(r#"{{"truncation_side": "{side}"}}"#);
        let tokenizer = Tokenizer::from_parts(&json, Some(config.as_bytes()), None, Some(limit)).unwrap();
        let encoded = encode(&tokenizer, text, Granularity::AllTokens);
        assert!(encoded.token_count() <= limit);
        encoded.truncated_count()
    };
    // GPT-2 adds no token: where a word ends at the limit, nothing hangs over.
    for side in ["left", "right"] {
        assert_eq!(cut("tokenizers/gpt2", side, 4, "!!!! ????"), 1, "{side}");
        assert_eq!(cut("tokenizers/gpt2", side, 4, "!!!!"), 0, "{side}");
        assert_eq!(cut("tokenizers/gpt2", side, 4, "!!!"), 0, "{side}");
        assert_eq!(cut("tokenizers/gpt2", side, 3, "!!!!"), 1, "{side}");
        // BERT adds two.
        assert_eq!(cut("models/bert/tokenizer", side, 6, "a a a a"), 0, "{side}");
        assert_eq!(cut("models/bert/tokenizer", side, 6, "a a a a a"), 1, "{side}");
        assert_eq!(cut("models/bert/tokenizer", side, 6, ""), 0, "{side}");
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let tokenizer = open(&golden("models/eurobert/tokenizer"));
    let texts: Vec<String> =
        (0..1500).map(|index| format!("text {index} is a good one, the film's not. ok?")).collect();
    let encode = |threads| {
        let encoded = tokenizer.encode_texts(&texts, Granularity::Word, threads, &Control::new()).unwrap();
        (units(&encoded), encoded.token_count())
    };
    assert_eq!(encode(1), encode(3));
}

#[test]
fn empty_texts_have_no_units() {
    let tokenizer = open(&golden("models/bert/tokenizer"));
    for granularity in [Granularity::Word, Granularity::Token, Granularity::Sentence, Granularity::Sample] {
        let encoded = tokenizer.encode_texts(&["", "   ", "a film"], granularity, 1, &Control::new()).unwrap();
        assert_eq!((encoded.text_count(), encoded.units_of(0).len(), encoded.units_of(1).len()), (3, 0, 0));
        assert!(!encoded.units_of(2).is_empty());
    }
}

#[test]
fn the_classification_token_is_the_first_or_an_error() {
    let bert = open(&golden("models/bert/tokenizer"));
    let encoded = bert.encode_texts(&["a film", "two"], Granularity::ClsToken, 1, &Control::new()).unwrap();
    assert_eq!((encoded.unit_count(), encoded.positions(1)), (2, &[0][..]));
    let eurobert = open(&golden("models/eurobert/tokenizer"));
    let error = eurobert.encode_texts(&["a film"], Granularity::ClsToken, 1, &Control::new()).unwrap_err();
    assert!(error.message().contains("cls_token"), "{error}");
}

#[test]
fn the_vocabulary_is_one_token_a_sequence() {
    let tokenizer = open(&golden("models/bert/tokenizer"));
    let inputs = tokenizer.vocabulary_inputs();
    let encoded = tokenizer.cut(&inputs, Granularity::Word, &Control::new()).unwrap();
    assert_eq!(encoded.text_count(), encoded.unit_count());
    let film = (0..encoded.unit_count()).find(|&unit| encoded.units().string(unit) == "film").unwrap();
    assert_eq!(encoded.ids(film).len(), 1);
    assert_eq!(tokenizer.token(encoded.ids(film)[0]), "film");
}

#[test]
fn aggregations_are_those_of_pytorch() {
    let all = [
        ("mean", Aggregation::Mean),
        ("sum", Aggregation::Sum),
        ("max", Aggregation::Max),
        ("min", Aggregation::Min),
        ("signed_max", Aggregation::SignedMax),
        ("first", Aggregation::First),
        ("last", Aggregation::Last),
    ];
    let row = |row: &Value| -> Vec<f32> {
        row.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
    };
    let cases = json(&golden("aggregation/cases.json"));
    let mut compared = 0;
    for case in cases.as_array().unwrap() {
        let Some(rows) = case.get("rows").and_then(Value::as_array) else { continue };
        let values: Vec<f32> = rows.iter().flat_map(row).collect();
        let positions: Vec<u32> = (0..rows.len() as u32).collect();
        for (name, aggregation) in all {
            let expected =
                case.get(name).or_else(|| case.get(name.to_uppercase())).or_else(|| case["result"].get(name));
            let expected = row(expected.unwrap_or_else(|| panic!("no {name} in {case}")));
            let mut found = vec![0.0; expected.len()];
            aggregation.reduce(&values, &positions, &mut found);
            for (found, expected) in found.iter().zip(&expected) {
                let close = (found - expected).abs() <= 4.0 * f32::EPSILON * expected.abs().max(1e-3);
                assert!(close, "{name}: {found} instead of {expected}");
                compared += 1;
            }
        }
    }
    assert!(compared > 50);
}
