//! The tokenizers of files are those that the files were made from (see `tests/golden/README.md`), or clear errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::error::{Error, ErrorCode};
use crate::gguf::Header;
use crate::text::Tokenizer;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/gguf_tokenizers").join(name)
}

fn json(name: &str) -> Json {
    serde_json::from_slice(&std::fs::read(golden(name)).unwrap()).unwrap()
}

fn numbers(list: &Json) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|number| number.as_i64().unwrap()).collect()
}

fn open(file: &[u8], max_tokens: Option<usize>) -> Result<Tokenizer, Error> {
    Tokenizer::from_gguf(&Header::read(file).unwrap().metadata, max_tokens)
}

// --- The tokenizers that the files were made from ---

/// Of each token how far its start is from the end of the one before, and its length, as the fixtures have it.
fn steps(offsets: &[(usize, usize)]) -> Vec<i64> {
    let mut before = 0;
    let step = |&(start, end): &(usize, usize)| {
        let step = [start as i64 - before, end as i64 - start as i64];
        before = end as i64;
        step
    };
    offsets.iter().flat_map(step).collect()
}

/// How many tokens each word has.
fn words(ids: &[Option<u32>]) -> Vec<i64> {
    let mut counts = BTreeMap::new();
    ids.iter().flatten().for_each(|word| *counts.entry(word).or_insert(0) += 1);
    counts.into_values().collect()
}

/// 64-bit FNV-1a of the ids and strings in the order of the ids.
fn hash(vocabulary: &[(String, u32)]) -> String {
    let mut state: u64 = 0xCBF2_9CE4_8422_2325;
    for (token, id) in vocabulary {
        for byte in format!("{id} {token}").bytes().chain([0xFF]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        }
    }
    format!("{state:016x}")
}

fn agrees_with_the_original(name: &str) {
    let tokenizer = open(&std::fs::read(golden(&format!("{name}.gguf"))).unwrap(), None).unwrap();
    let (expected, texts) = (json(&format!("{name}.json")), json("texts.json"));
    let special: Vec<i64> = tokenizer.special_ids().map(i64::from).collect();
    assert_eq!(special, numbers(&expected["special_ids"]));
    assert_eq!(tokenizer.max_tokens(), expected["max_tokens"].as_u64().map(|length| length as usize));
    assert_eq!(hash(&tokenizer.vocabulary()), expected["vocabulary_fnv1a"].as_str().unwrap());
    for expected in expected["texts"].as_array().unwrap() {
        let text = texts[expected["text"].as_u64().unwrap() as usize].as_str().unwrap();
        let encoding = tokenizer.pipeline.inner.encode_char_offsets(text, true).unwrap();
        let ids: Vec<i64> = encoding.get_ids().iter().map(|&id| i64::from(id)).collect();
        assert_eq!(ids, numbers(&expected["ids"]), "ids of {text:?}: {:?}", encoding.get_tokens());
        assert_eq!(steps(encoding.get_offsets()), numbers(&expected["characters"]), "offsets of {text:?}");
        if let Some(counts) = expected.get("words") {
            assert_eq!(words(encoding.get_word_ids()), numbers(counts), "words of {text:?}");
        }
        let decoded = expected.get("decoded").map_or(text, |decoded| decoded.as_str().unwrap());
        assert_eq!(tokenizer.decode(encoding.get_ids()).unwrap(), decoded);
    }
}

macro_rules! originals {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            agrees_with_the_original($name);
        })*
    };
}

originals! {
    sentence_piece_of_llama_2_is_the_original: "llama2",
    phi_3_and_its_markers_are_the_original: "phi3",
    gemma_2_is_the_original: "gemma2",
    gemma_3_is_the_original: "gemma3",
    byte_level_bpe_of_llama_3_is_the_original: "llama3",
    qwen_2_is_the_original: "qwen2",
    gpt_2_is_the_original: "gpt2",
    smollm_is_the_original: "smollm",
    tekken_with_both_ends_is_the_original: "tekken",
    gpt_4o_is_the_original: "gpt4o",
    word_piece_of_bert_is_the_original: "bert",
    word_piece_with_capitals_is_the_original: "bert_cased",
}

// --- Files made here ---

enum Field {
    Text(Vec<u8>),
    Texts(Vec<Vec<u8>>),
    Size(u32),
    Integers(Vec<i32>),
    Floats(Vec<f32>),
    Flag(bool),
}

fn text(text: &str) -> Field {
    Field::Text(text.as_bytes().to_vec())
}

fn texts(texts: &[&str]) -> Field {
    Field::Texts(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
}

impl Field {
    fn write(&self, file: &mut Vec<u8>) {
        let string = |file: &mut Vec<u8>, text: &[u8]| {
            file.extend((text.len() as u64).to_le_bytes());
            file.extend(text);
        };
        let array = |file: &mut Vec<u8>, kind: u32, length: usize| {
            file.extend(9_u32.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend((length as u64).to_le_bytes());
        };
        match self {
            Self::Text(text) => {
                file.extend(8_u32.to_le_bytes());
                string(file, text);
            }
            Self::Texts(texts) => {
                array(file, 8, texts.len());
                texts.iter().for_each(|text| string(file, text));
            }
            Self::Size(number) => {
                file.extend(4_u32.to_le_bytes());
                file.extend(number.to_le_bytes());
            }
            Self::Integers(numbers) => {
                array(file, 5, numbers.len());
                numbers.iter().for_each(|number| file.extend(number.to_le_bytes()));
            }
            Self::Floats(numbers) => {
                array(file, 6, numbers.len());
                numbers.iter().for_each(|number| file.extend(number.to_le_bytes()));
            }
            Self::Flag(flag) => {
                file.extend(7_u32.to_le_bytes());
                file.push(u8::from(*flag));
            }
        }
    }
}

/// A file in the making: fields by key.
struct File(BTreeMap<String, Field>);

impl File {
    fn new(architecture: &str, fields: Vec<(&str, Field)>) -> Self {
        let fields = fields.into_iter().map(|(key, field)| (format!("tokenizer.ggml.{key}"), field));
        Self(fields.collect()).with_key("general.architecture", text(architecture))
    }

    /// Three special tokens and a few pieces.
    fn sentence_piece() -> Self {
        let tokens = ["<unk>", "<s>", "</s>", "▁", "a", "b", "▁a", "ab", "▁ab"];
        let mut kinds = vec![2, 3, 3];
        kinds.resize(tokens.len(), 1);
        let scores = vec![0.0, 0.0, 0.0, -9.0, -9.0, -9.0, -2.0, -1.0, -3.0];
        Self::new(
            "llama",
            vec![
                ("model", text("llama")),
                ("tokens", texts(&tokens)),
                ("token_type", Field::Integers(kinds)),
                ("scores", Field::Floats(scores)),
            ],
        )
    }

    fn byte_level() -> Self {
        Self::new(
            "llama",
            vec![
                ("model", text("gpt2")),
                ("pre", text("llama-bpe")),
                ("tokens", texts(&["a", "b", "Ġ", "ab", "Ġa", "<|end|>"])),
                ("token_type", Field::Integers(vec![1, 1, 1, 1, 1, 3])),
                ("merges", texts(&["a b", "Ġ a"])),
                ("eos_token_id", Field::Size(5)),
            ],
        )
    }

    fn with(self, key: &str, field: Field) -> Self {
        self.with_key(&format!("tokenizer.ggml.{key}"), field)
    }

    fn with_key(mut self, key: &str, field: Field) -> Self {
        self.0.insert(key.to_owned(), field);
        self
    }

    fn without(mut self, key: &str) -> Self {
        assert!(self.0.remove(&format!("tokenizer.ggml.{key}")).is_some());
        self
    }

    fn open(&self) -> Result<Tokenizer, Error> {
        let mut file = b"GGUF".to_vec();
        file.extend(3_u32.to_le_bytes());
        file.extend(0_u64.to_le_bytes());
        file.extend((self.0.len() as u64).to_le_bytes());
        for (key, field) in &self.0 {
            file.extend((key.len() as u64).to_le_bytes());
            file.extend(key.as_bytes());
            field.write(&mut file);
        }
        open(&file, None)
    }

    fn ids(&self, text: &str) -> Vec<u32> {
        self.open().unwrap().pipeline.inner.encode(text, true).unwrap().get_ids().to_vec()
    }

    /// The file is refused in words that name the key and that say what to do.
    fn is_refused(&self, code: ErrorCode, key: &str, why: &str) {
        let error = self.open().unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(key) && error.message().contains(why), "{error}");
        assert!(!error.hint_text().is_empty(), "{error}");
    }

    fn is_invalid(&self, key: &str, why: &str) {
        self.is_refused(ErrorCode::InvalidFile, key, why);
    }
}

#[test]
fn special_tokens_that_old_files_do_not_name_are_those_of_llama_2() {
    let tokenizer = File::sentence_piece().open().unwrap();
    assert_eq!(tokenizer.special_ids().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(File::sentence_piece().ids("ab"), [1, 8]);
    assert_eq!(File::sentence_piece().with("add_bos_token", Field::Flag(false)).ids("ab"), [8]);
}

#[test]
fn a_file_says_which_tokens_are_around_a_text() {
    let file = || File::byte_level().with("bos_token_id", Field::Size(2));
    assert_eq!(file().ids("ab"), [2, 3]);
    assert_eq!(file().with("add_eos_token", Field::Flag(true)).ids("ab"), [2, 3, 5]);
    let end = file().with("add_bos_token", Field::Flag(false)).with("add_eos_token", Field::Flag(true));
    assert_eq!(end.ids("ab"), [3, 5]);
    File::byte_level().with("add_bos_token", Field::Flag(true)).is_invalid("bos_token_id", "missing");
    // Llama 3 begins its texts, but a file without such a token cannot.
    assert_eq!(File::byte_level().ids("ab"), [3]);
}

#[test]
fn a_classification_token_is_known() {
    let tokenizer = File::byte_level().with("cls_token_id", Field::Size(5)).open().unwrap();
    assert_eq!(tokenizer.cls_id(), Some(5));
    assert!(tokenizer.is_special(5));
}

#[test]
fn a_text_is_as_long_as_the_file_and_the_caller_allow() {
    let file = || File::sentence_piece().with_key("llama.context_length", Field::Size(7));
    assert_eq!(file().open().unwrap().max_tokens(), Some(7));
    assert_eq!(File::sentence_piece().open().unwrap().max_tokens(), None);
    let golden = std::fs::read(golden("llama2.gguf")).unwrap();
    assert_eq!(open(&golden, Some(9)).unwrap().max_tokens(), Some(9));
    assert_eq!(open(&golden, Some(9000)).unwrap().max_tokens(), Some(120));
    file().with_key("llama.context_length", Field::Size(1)).is_invalid("tokens", "no room");
    file().with_key("llama.context_length", Field::Size(0)).is_invalid("tokens", "no room");
}

#[test]
fn listed_merges_go_before_scores() {
    let file = File::sentence_piece().with("merges", texts(&["▁ a"])).without("scores");
    assert_eq!(file.ids("ab"), [1, 6, 5]);
}

/// The order within one piece shows in no ids, but in the list.
#[test]
fn merges_are_listed_by_score_and_then_by_the_ids_of_their_parts() {
    let file = File::sentence_piece()
        .with("tokens", texts(&["<unk>", "<s>", "</s>", "ba", "ab", "a", "b", "aba"]))
        .with("token_type", Field::Integers(vec![2, 3, 3, 1, 1, 1, 1, 1]))
        .with("scores", Field::Floats(vec![0.0, 0.0, 0.0, -2.0, -1.0, -9.0, -9.0, -3.0]));
    let listed = serde_json::to_value(&file.open().unwrap().pipeline.inner).unwrap()["model"]["merges"].clone();
    assert_eq!(listed, serde_json::json!([["a", "b"], ["b", "a"], ["ab", "a"], ["a", "ba"]]));
}

#[test]
fn a_zero_is_a_character_like_any_other() {
    let tokens = ["<unk>", "<s>", "</s>", "▁", "a", "b", "▁a", "\0", "▁ab"];
    assert_eq!(File::sentence_piece().with("tokens", texts(&tokens)).ids("a\0"), [1, 6, 7]);
}

#[test]
fn a_whole_tokenizer_json_in_a_file_is_used() {
    let whole = r#"{"model": {"type": "BPE", "vocab": {"x": 0, "y": 1, "xy": 2}, "merges": ["x y"]}}"#;
    let file = || File::byte_level().with_key("tokenizer.huggingface.json", text(whole));
    assert_eq!(file().ids("xyx"), [2, 0]);
    assert_eq!(file().open().unwrap().special_ids().collect::<Vec<_>>(), [5]);
    file().with_key("tokenizer.huggingface.json", text("{")).is_invalid("tokenizer.huggingface.json", "cannot be read");
}

#[test]
fn an_old_file_without_a_name_for_words_is_read_where_its_architecture_tells() {
    for file in [File::byte_level().with("pre", text("default")), File::byte_level().without("pre")] {
        file.is_refused(ErrorCode::Unsupported, "tokenizer.ggml.pre", "default");
        let file = file.with_key("general.architecture", text("gpt2"));
        assert_eq!(file.ids("ab a"), [3, 4]);
    }
}

#[test]
fn tokenizers_that_are_not_built_from_metadata_are_named_with_the_remedy() {
    for (file, key, value) in [
        (File::byte_level().with("pre", text("poro\nchat")), "tokenizer.ggml.pre", "poro\\nchat"),
        (File::byte_level().with("pre", text("")), "tokenizer.ggml.pre", "``"),
        (File::byte_level().with("model", text("rwkv")), "tokenizer.ggml.model", "rwkv"),
        (File::sentence_piece().with("model", text("t5")), "tokenizer.ggml.model", "t5"),
    ] {
        file.is_refused(ErrorCode::Unsupported, key, value);
        let error = file.open().unwrap_err();
        assert!(error.hint_text().contains("tokenizer.json"), "{error}");
        assert_eq!(error.details()[0].1, key);
    }
}

#[test]
fn missing_keys_are_named() {
    for key in ["model", "tokens", "merges"] {
        File::byte_level().without(key).is_invalid(&format!("tokenizer.ggml.{key}"), "missing");
    }
    File::sentence_piece().without("scores").is_invalid("tokenizer.ggml.scores", "missing");
}

#[test]
fn lists_of_other_lengths_are_refused() {
    for list in ["tokens", "token_type"] {
        let empty = if list == "tokens" { texts(&[]) } else { Field::Integers(Vec::new()) };
        File::byte_level().with(list, empty).is_invalid(list, " 0 ");
    }
    let kinds = Field::Integers(vec![1; 7]);
    File::byte_level().with("token_type", kinds).is_invalid("token_type", "7 entries, but there are 6 tokens");
    let scores = Field::Floats(vec![0.0; 8]);
    File::sentence_piece().with("scores", scores).is_invalid("scores", "8 entries, but there are 9 tokens");
}

#[test]
fn ids_beyond_the_list_are_refused() {
    for key in ["bos", "eos", "unknown", "padding", "seperator", "cls", "mask"] {
        let key = format!("{key}_token_id");
        for id in [6, u32::MAX] {
            let file = File::byte_level().with(&key, Field::Size(id));
            file.is_invalid(&format!("tokenizer.ggml.{key}"), &format!("is {id}, but there are 6 tokens"));
        }
    }
}

#[test]
fn tokens_that_cannot_be_are_refused() {
    let tokens = |second: &str| texts(&["a", second, "Ġ", "ab", "Ġa", "<|end|>"]);
    File::byte_level().with("tokens", tokens("a")).is_invalid("tokens", "`a` twice, as the tokens 0 and 1");
    let bytes = Field::Texts(vec![b"\xff".to_vec(); 6]);
    File::byte_level().with("tokens", bytes).is_invalid("tokens", "not UTF-8");
    File::byte_level().with("tokens", Field::Size(3)).is_invalid("tokens", "not a list of texts");
    for kind in [7, i32::MAX] {
        let kinds = Field::Integers(vec![1, 1, 1, 1, 1, kind]);
        File::byte_level().with("token_type", kinds).is_invalid("token_type", &format!("unknown kind {kind}"));
    }
    File::byte_level().with("token_type", Field::Integers(vec![-1; 6])).is_invalid("token_type", "-1");
    // A token without a text stands for none.
    assert_eq!(
        File::byte_level().with("tokens", tokens("")).without("merges").with("merges", texts(&[])).ids("a"),
        [0]
    );
}

#[test]
fn merges_that_cannot_be_are_refused() {
    for (merge, why) in [
        ("ab", "not two tokens"),
        ("", "not two tokens"),
        (" a", "not two tokens"),
        ("a ", "not two tokens"),
        ("a x", "`x`, which is not in"),
        ("a b a", "`b a`, which is not in"),
        // Both are tokens, but what they make is none, and longer than any.
        ("<|end|> <|end|>", "`<|end|><|end|>`, which is not in"),
    ] {
        File::byte_level().with("merges", texts(&["a b", merge])).is_invalid("tokenizer.ggml.merges", why);
    }
}

#[test]
fn scores_that_cannot_be_compared_are_refused() {
    for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let scores = Field::Floats(vec![score; 9]);
        File::sentence_piece().with("scores", scores).is_invalid("scores", "holds");
    }
}

#[test]
fn pieces_made_to_fill_the_memory_are_refused() {
    let runs = |lengths: std::ops::RangeInclusive<usize>| {
        let tokens: Vec<Vec<u8>> = lengths.map(|length| vec![b'a'; length]).collect();
        let (kinds, scores) = (Field::Integers(vec![1; tokens.len()]), Field::Floats(vec![0.0; tokens.len()]));
        File::sentence_piece().with("tokens", Field::Texts(tokens)).with("token_type", kinds).with("scores", scores)
    };
    runs(1..=1024).is_invalid("tokens", "in too many ways");
    runs(1025..=1025).is_invalid("tokens", "1025 bytes");
    assert_eq!(runs(1..=100).ids("aaa"), [2]);
}
