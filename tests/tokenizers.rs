//! Tokenizers that are not whole, contradict themselves, or would take the process with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use eidos::text::Tokenizer;
use eidos::{Control, Error, ErrorCode, Granularity};
use serde_json::{Value, json};

use crate::common::{child, cpu_time};

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data").join(path)
}

fn read(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden(path)).unwrap()).unwrap()
}

fn of_kind(kind: &str) -> Value {
    match kind {
        "bert" => read("models/bert/tokenizer/tokenizer.json"),
        "llama3" => read("models/eurobert/tokenizer/tokenizer.json"),
        _ => read(&format!("tokenizers/{kind}/tokenizer.json")),
    }
}

fn open(json: &Value) -> Result<Tokenizer, Error> {
    Tokenizer::from_parts(json.to_string().as_bytes(), None, None, Some(64))
}

/// Far more than anything below takes on a busy machine, and far less than what has no bound.
const BOUND: Duration = Duration::from_secs(20);

/// A tokenizer of a kind, changed.
fn changed(kind: &str, change: impl FnOnce(&mut Value)) -> Result<Tokenizer, Error> {
    let mut json = of_kind(kind);
    change(&mut json);
    let start = Instant::now();
    let result = open(&json);
    assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
    result
}

/// The ids of a text, and its words, for which the decoder is needed.
fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, Error> {
    let start = Instant::now();
    let words = tokenizer.encode_texts(&[text], Granularity::Word, 1, &Control::new());
    assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
    words.map(|words| words.ids(0).to_vec())
}

#[track_caller]
fn names<T>(result: Result<T, Error>, code: ErrorCode, names: &[&str]) {
    let error = result.err().expect("an error");
    assert_eq!(error.code(), code, "{error}");
    assert!(names.iter().all(|name| error.message().contains(name)), "{error} does not name {names:?}");
    assert!(!error.hint_text().is_empty(), "{error}");
}

#[track_caller]
fn refused(kind: &str, part: &str, what: &str, change: impl FnOnce(&mut Value)) {
    names(changed(kind, change), ErrorCode::InvalidFile, &["tokenizer.json", part, what]);
}

#[test]
fn special_tokens_that_are_not_declared_are_those_of_transformers() {
    let cases = read("special_tokens.json");
    for case in cases.as_array().unwrap() {
        let json = of_kind(case["kind"].as_str().unwrap()).to_string();
        let config = Some(&case["config"]).filter(|config| !config.is_null()).map(Value::to_string);
        let config = config.as_deref().map(str::as_bytes);
        let tokenizer =
            Tokenizer::of_model(case["model_type"].as_str().unwrap(), json.as_bytes(), config, None, None).unwrap();
        let expected: BTreeSet<&str> =
            case["special"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        // Where transformers has none, Eidos takes those that the tokenizer itself calls special.
        if !expected.is_empty() {
            let found: BTreeSet<String> = tokenizer.special_ids().map(|id| tokenizer.token(id)).collect();
            assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{case}");
        }
        assert_eq!(tokenizer.cls_id().map(|id| tokenizer.token(id)).as_deref(), case["cls"].as_str(), "{case}");
    }
}

#[test]
fn bert_has_a_classification_token_with_the_files_that_it_publishes() {
    let json = of_kind("bert").to_string();
    for config in [None, Some(r#"{"do_lower_case": true, "model_max_length": 512}"#), Some(r#"{"unk_token": "[UNK]"}"#)]
    {
        let tokenizer = Tokenizer::of_model("bert", json.as_bytes(), config.map(str::as_bytes), None, None).unwrap();
        let encode = |granularity| tokenizer.encode_texts(&["a film"], granularity, 1, &Control::new()).unwrap();
        assert_eq!(encode(Granularity::ClsToken).positions(0), [0]);
        let tokens = encode(Granularity::Token);
        let strings: Vec<&str> = (0..tokens.unit_count()).map(|unit| tokens.units().string(unit)).collect();
        assert_eq!(strings, ["a", "film"], "{config:?}");
    }
}

#[test]
fn dropout_is_off() {
    let text = "a good film about the best of the films that were not bad";
    for kind in ["llama3", "gpt2", "llama2", "gemma"] {
        let expected = encode(&open(&of_kind(kind)).unwrap(), text).unwrap();
        for dropout in [0.0, 0.5, 1.0] {
            let tokenizer = changed(kind, |json| json["model"]["dropout"] = json!(dropout)).unwrap();
            assert!((0..5).all(|_| encode(&tokenizer, text).unwrap() == expected), "{kind} {dropout}");
        }
    }
    refused("gpt2", "read", "ropout", |json| json["model"]["dropout"] = json!(1.5));
}

#[test]
fn sizes_that_a_map_declares_are_those_of_its_bytes() {
    // The size of the tree, the tree, the texts.
    for map in ["/////w==", "AAAAAA==", "", "A", "AAAA", "!!!!", "CAAAAAAAAAA=", "BAAAAA=="] {
        let part = json!({"type": "Precompiled", "precompiled_charsmap": map});
        refused("t5", "normalizer", "precompiled_charsmap", |json| json["normalizer"] = part.clone());
        refused("bert", "normalizer", "precompiled_charsmap", |json| {
            json["normalizer"] = json!({"type": "Sequence", "normalizers": [{"type": "NFC"}, part]});
        });
    }
    // A tree that points out of itself.
    let part = json!({"type": "Precompiled", "precompiled_charsmap": "BAAAAP////8A"});
    names(changed("t5", |json| json["normalizer"] = part), ErrorCode::InvalidFile, &["tokenizer.json", "normalizer"]);
}

#[test]
fn pieces_of_any_length_are_refused_before_they_are_a_tree() {
    for length in [1025, 300_000] {
        refused("t5", "model", &format!("piece of {length} bytes"), |json| {
            json["model"]["vocab"].as_array_mut().unwrap().push(json!(["a".repeat(length), -5.0]));
        });
    }
    assert!(
        changed("t5", |json| {
            json["model"]["vocab"].as_array_mut().unwrap().push(json!(["a".repeat(1024), -5.0]));
        })
        .is_ok()
    );
}

#[test]
fn what_multiplies_a_text_is_refused() {
    let replace = |content: &str| json!({"type": "Replace", "pattern": {"String": "a"}, "content": content});
    let regex = |content: &str| json!({"type": "Replace", "pattern": {"Regex": "a"}, "content": content});
    let prepend = json!({"type": "Prepend", "prepend": "a".repeat(30)});
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": false});
    for member in [replace(&"a".repeat(10)), regex(&"a".repeat(10)), prepend] {
        refused("llama2_published", "normalizer", "can make", |json| {
            json["normalizer"] = json!({"type": "Sequence", "normalizers": vec![member; 8]});
        });
    }
    refused("gpt2", "pre_tokenizer", "can make", |json| {
        json["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": vec![bytes; 8]});
    });
    refused("gpt2", "decoder", "can make", |json| {
        json["decoder"] = json!({"type": "Sequence", "decoders": vec![replace(&"a".repeat(10)); 8]});
    });
    // Within the bounds, the text is to blame that grows.
    let tokenizer = changed("llama2_published", |json| {
        json["normalizer"] = json!({"type": "Sequence", "normalizers": vec![replace(&"a".repeat(9)); 3]});
    });
    let tokenizer = tokenizer.unwrap();
    assert!(encode(&tokenizer, "a film").is_ok());
    let text = "a".repeat(60_000);
    names(
        encode(&tokenizer, &text),
        ErrorCode::InvalidArgument,
        &["normalizer", "60000 bytes `aaaa", "more than 8 MiB"],
    );
    // Added tokens are normalized when a file is read.
    refused("llama2_published", "added_tokens", "bytes", |json| {
        json["normalizer"] = json!({"type": "Sequence", "normalizers": vec![replace(&"a".repeat(9)); 3]});
        let token = json!({"id": 9000, "content": "a".repeat(100_000), "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": true, "special": false});
        json["added_tokens"].as_array_mut().unwrap().push(token);
    });
}

#[test]
fn templates_hold_a_text_once_and_name_what_they_declare() {
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let second = json!({"Sequence": {"id": "B", "type_id": 0}});
    let special = |name: &str| json!({"SpecialToken": {"id": name, "type_id": 0}});
    let set = |single: Value, tokens: Value| {
        move |json: &mut Value| {
            json["post_processor"]["single"] = single;
            if !tokens.is_null() {
                json["post_processor"]["special_tokens"] = tokens;
            }
        }
    };
    let template =
        |what: &str, single: Value, tokens: Value| refused("bert", "post_processor", what, set(single, tokens));
    template("50 times", json!(vec![text.clone(); 50]), Value::Null);
    template("0 times", json!([special("[CLS]")]), Value::Null);
    template("second text", json!([text, second]), Value::Null);
    template("`[NOT]`", json!([special("[NOT]"), text]), Value::Null);
    let ids = |ids: Value, tokens: Value| json!({"[CLS]": {"id": "[CLS]", "ids": ids, "tokens": tokens}});
    template("2 ids and 1", json!([special("[CLS]"), text]), ids(json!([1, 2]), json!(["[CLS]"])));
    template("1025", json!([special("[CLS]"), text]), ids(json!(vec![1; 1025]), json!(vec!["[CLS]"; 1025])));
    template(
        "2000 special",
        json!([special("[CLS]"), special("[CLS]"), text]),
        ids(json!(vec![1; 1000]), json!(vec!["[CLS]"; 1000])),
    );
    refused("bert", "post_processor", "more than once", |json| {
        let template = json["post_processor"].clone();
        json["post_processor"] = json!({"type": "Sequence", "processors": [template, template, template]});
    });
    refused("roberta", "post_processor", "more than once", |json| {
        let template = json["post_processor"].clone();
        json["post_processor"] = json!({"type": "Sequence", "processors": [template, template]});
    });
}

#[test]
fn parts_that_the_crate_panics_on_are_named() {
    refused("gpt2", "pre_tokenizer", "no length", |json| {
        json["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0});
    });
    for from in ["normalizer", "decoder"] {
        refused("gpt2", from, "empty text", |json| {
            json[from] = json!({"type": "Replace", "pattern": {"String": ""}, "content": "b"});
        });
    }
    let deep = (0..40).fold(json!({"type": "NFC"}), |inner, _| json!({"type": "Sequence", "normalizers": [inner]}));
    refused("gpt2", "normalizer", "deep", |json| json["normalizer"] = deep);
    let json = format!(r#"{{"normalizer": {}"#, r#"{"a":["#.repeat(100_000));
    names(Tokenizer::from_parts(json.as_bytes(), None, None, None), ErrorCode::InvalidFile, &["tokenizer.json"]);
    refused("gpt2", "normalizer", "2000 entries", |json| {
        json["normalizer"] = json!({"type": "Sequence", "normalizers": vec![json!({"type": "NFC"}); 2000]});
    });
    // What a decoder does with a word, the caller learns with the word.
    let strip = |json: &mut Value| json["decoder"] = json!({"type": "Strip", "content": "Ġ", "start": 5, "stop": 5});
    let tokenizer = changed("gpt2", strip).unwrap();
    names(encode(&tokenizer, "  a   "), ErrorCode::InvalidFile, &["decoder of tokenizer.json"]);
    // One without any token has no text, with every decoder.
    for decoder in [
        json!({"type": "BPEDecoder", "suffix": ""}),
        json!({"type": "Fuse"}),
        json!({"type": "ByteLevel",
        "add_prefix_space": true, "trim_offsets": true, "use_regex": true}),
    ] {
        let tokenizer = changed("llama2_published", |json| json["decoder"] = decoder).unwrap();
        assert_eq!(tokenizer.decode(&[]).unwrap(), "");
        assert_eq!(tokenizer.decode(&[1, 2]).unwrap(), "");
        assert_eq!(tokenizer.decode(&[4_000_000_000]).unwrap(), "");
    }
}

#[test]
fn a_merge_has_the_prefix_that_the_crate_takes_off() {
    let with_prefix = |right: &str, pairs: bool| {
        let merge = if pairs { json!(["a", right]) } else { json!(format!("a {right}")) };
        changed("llama2_published", |json| {
            json["model"] = json!({
                "type": "BPE", "continuing_subword_prefix": "##", "unk_token": "a",
                "vocab": {"a": 0, "##b": 1, "ab": 2, "é": 3, "b": 4}, "merges": [merge],
            });
            json["added_tokens"] = json!([]);
            json["post_processor"] = Value::Null;
        })
    };
    for pairs in [false, true] {
        assert!(with_prefix("##b", pairs).is_ok());
        for right in ["é", "b"] {
            names(with_prefix(right, pairs), ErrorCode::InvalidFile, &["tokenizer.json", "model", "merge, 0", "`##`"]);
        }
    }
}

#[test]
fn expressions_are_bounded_in_size_and_steps() {
    let split = |regex: &str| {
        let part = json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
        move |json: &mut Value| json["pre_tokenizer"] = part
    };
    for regex in [
        "a".repeat(17_000),
        "(".repeat(1000) + &")".repeat(1000),
        "(?:(?:a{1000}){1000})".to_owned(),
        "(?:){100001}".to_owned(),
    ] {
        refused("gpt2", "pre_tokenizer", "regular expression", split(&regex));
    }
    refused("gpt2", "pre_tokenizer", "calls itself", split(r"(?<a>x\g<a>?)"));
    refused("gpt2", "read", "", split("(a"));
    for regex in [r"\x{3040}\x{3041}\x{3042}", r"\p{N}{1,3}|\p{L}+|.", r"\\g<|a"] {
        let _ = changed("gpt2", split(regex));
    }
    let tokenizer = changed("gpt2", split(r"(a+)+$")).unwrap();
    assert!(encode(&tokenizer, "a film").is_ok());
    let text = "a".repeat(60) + "b";
    names(encode(&tokenizer, &text), ErrorCode::InvalidFile, &["pre_tokenizer", "tokenizer.json", "61 bytes `aaaa"]);
}

#[test]
fn words_of_any_length_take_no_longer_than_their_tokens() {
    for limit in [json!(1_u64 << 63), json!(u64::MAX), json!(2000)] {
        let tokenizer = changed("bert", |json| json["model"]["max_input_chars_per_word"] = limit).unwrap();
        let same = open(&of_kind("bert")).unwrap();
        assert_eq!(encode(&tokenizer, "a film, the best").unwrap(), encode(&same, "a film, the best").unwrap());
        encode(&tokenizer, &"a".repeat(100_000)).unwrap();
        encode(&tokenizer, &"filmæ".repeat(20_000)).unwrap();
    }
    refused("bert", "model", "300 bytes", |json| {
        json["model"]["max_input_chars_per_word"] = json!(1_u64 << 40);
        json["model"]["vocab"]["a".repeat(300)] = json!(7);
    });
}

#[test]
fn a_good_file_is_not_blamed_for_a_long_text() {
    let json = of_kind("llama3").to_string();
    let tokenizer = Tokenizer::from_parts(json.as_bytes(), None, None, None).unwrap();
    for text in [" ".repeat(11_000_000), "\n".repeat(20 << 20)] {
        let bytes = text.len().to_string();
        names(encode(&tokenizer, &text), ErrorCode::InvalidArgument, &["text of", &bytes, "too long", "1048576"]);
    }
}

/// What the test below runs in a process with little memory.
#[test]
fn long_texts_in_little_memory() {
    if std::env::var_os("EIDOS_LITTLE_MEMORY").is_none() {
        return;
    }
    for kind in ["llama3", "bert", "llama2", "albert"] {
        let tokenizer = open(&of_kind(kind)).unwrap();
        for part in ["\n", "a", " ", "好", "a warm film ", "é\n", "a<mask>", "ﷺ"] {
            let most = part.repeat((1 << 20) / part.len());
            let more = part.repeat((20 << 20) / part.len());
            for text in [most, more] {
                let before = cpu_time();
                let result = tokenizer.encode_texts(&[text], Granularity::Sample, 1, &Control::new());
                let took = cpu_time().saturating_sub(before);
                assert!(took < Duration::from_secs(4), "{kind} {part:?}: {took:?}");
                if let Err(error) = result {
                    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{kind} {part:?}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_long_text_takes_bounded_memory() {
    let child = child("tokenizers::long_texts_in_little_memory");
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -v 2000000 && exec "$0" "$@""#])
        .arg(child.get_program())
        .args(child.get_args())
        .env("EIDOS_LITTLE_MEMORY", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
