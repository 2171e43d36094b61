//! The model inside a tokenizer, which makes tokens of one word after the other.
//!
//! The crate's BPE keeps the words that it has seen in memory of the thread that calls it, where they stay until that thread
//! ends: on a host's own thread they would outlive the tokenizer. Here a tokenizer owns the words that it has seen, for all
//! threads, and they go with it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeBuilder, Vocab};
use tokenizers::{Model, ModelWrapper, Token};

use super::word_piece::LongWords;

/// How many words are kept at most: some megabytes of them.
const MOST_WORDS: usize = 16384;
/// Words in so many parts, each with a lock of its own.
const PARTS: usize = 16;
/// Longer words, in bytes, come once.
const LONGEST_WORD: usize = 64;
/// Words of more tokens are not kept.
const MOST_TOKENS: usize = 16;

/// A model of the crate, and the words that it has seen.
#[derive(Debug)]
pub(super) struct WordModel {
    model: ModelWrapper,
    long_words: Option<LongWords>,
    seen: Option<SeenWords>,
}

impl WordModel {
    /// What a tokenizer calls random is off: dropout is for training. (The sampling of Unigram models, which the crate has too,
    /// cannot be asked for in a file.)
    fn new(model: ModelWrapper) -> Self {
        let long_words = LongWords::of(&model);
        // The others look a word up, or keep those that they have seen themselves.
        let seen = matches!(model, ModelWrapper::BPE(_) | ModelWrapper::WordPiece(_)).then(SeenWords::default);
        Self { model, long_words, seen }
    }

    /// A BPE model as it is declared, but without a memory of its own.
    pub fn bpe(declared: BpeBuilder) -> tokenizers::Result<Self> {
        let mut model = declared.cache_capacity(0).build()?;
        model.dropout = None;
        Ok(Self::new(model.into()))
    }

    /// The model of the crate, if it is BPE.
    pub fn as_bpe(&self) -> Option<&BPE> {
        if let ModelWrapper::BPE(model) = &self.model { Some(model) } else { None }
    }

    fn make(&self, word: &str) -> tokenizers::Result<Vec<Token>> {
        match &self.long_words {
            Some(long_words) => long_words.tokenize(word, &self.model),
            None => self.model.tokenize(word),
        }
    }
}

impl Model for WordModel {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, word: &str) -> tokenizers::Result<Vec<Token>> {
        let Some(seen) = self.seen.as_ref().filter(|_| word.len() <= LONGEST_WORD) else { return self.make(word) };
        if let Some(tokens) = seen.get(word) {
            return Ok(tokens);
        }
        let tokens = self.make(word)?;
        seen.keep(word, &tokens);
        Ok(tokens)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.model.token_to_id(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.model.id_to_token(id)
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        self.model.get_vocab()
    }

    fn get_vocab_size(&self) -> usize {
        self.model.get_vocab_size()
    }

    fn save(&self, folder: &Path, prefix: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        self.model.save(folder, prefix)
    }

    fn get_trainer(&self) -> TrainerWrapper {
        self.model.get_trainer()
    }
}

impl Serialize for WordModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.model.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WordModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // Files from before there were types have none.
        let kind = value.get("type");
        if kind.is_none_or(|kind| kind == "BPE")
            && let Ok(declared) = Declared::deserialize(&value)
            && let Some(builder) = declared.builder()
        {
            return Self::bpe(builder).map_err(serde::de::Error::custom);
        }
        // What is wrong with a model, the crate says.
        serde_json::from_value(value).map(Self::new).map_err(serde::de::Error::custom)
    }
}

/// What a `tokenizer.json` says of a BPE model.
#[derive(Deserialize)]
struct Declared {
    dropout: Option<f32>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    fuse_unk: Option<bool>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
    vocab: Vocab,
    merges: Vec<Merge>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    /// How it was written before 2024: with a space in between.
    Line(String),
}

impl Declared {
    /// `None` for a merge that is not one of two.
    fn builder(self) -> Option<BpeBuilder> {
        let pair = |merge| match merge {
            Merge::Pair(left, right) => Some((left, right)),
            Merge::Line(line) => {
                let (left, right) = line.split_once(' ').filter(|(_, right)| !right.contains(' '))?;
                Some((left.to_owned(), right.to_owned()))
            }
        };
        // The first line of a file of merges, which some have copied.
        let is_merge = |merge: &Merge| !matches!(merge, Merge::Line(line) if line.starts_with("#version"));
        let merges = self.merges.into_iter().filter(is_merge).map(pair).collect::<Option<Vec<_>>>()?;
        let mut builder = BPE::builder()
            .vocab_and_merges(self.vocab, merges)
            .fuse_unk(self.fuse_unk.unwrap_or(false))
            .byte_fallback(self.byte_fallback.unwrap_or(false))
            .ignore_merges(self.ignore_merges.unwrap_or(false));
        if let Some(dropout) = self.dropout {
            builder = builder.dropout(dropout);
        }
        if let Some(unknown) = self.unk_token {
            builder = builder.unk_token(unknown);
        }
        if let Some(prefix) = self.continuing_subword_prefix {
            builder = builder.continuing_subword_prefix(prefix);
        }
        if let Some(suffix) = self.end_of_word_suffix {
            builder = builder.end_of_word_suffix(suffix);
        }
        Some(builder)
    }
}

/// Words and their tokens.
#[derive(Debug, Default)]
struct SeenWords {
    hasher: RandomState,
    parts: [RwLock<HashMap<String, Vec<Token>>>; PARTS],
}

impl SeenWords {
    fn part(&self, word: &str) -> &RwLock<HashMap<String, Vec<Token>>> {
        &self.parts[self.hasher.hash_one(word) as usize % PARTS]
    }

    fn get(&self, word: &str) -> Option<Vec<Token>> {
        self.part(word).read().unwrap_or_else(PoisonError::into_inner).get(word).cloned()
    }

    fn keep(&self, word: &str, tokens: &[Token]) {
        if tokens.len() > MOST_TOKENS {
            return;
        }
        let mut words = self.part(word).write().unwrap_or_else(PoisonError::into_inner);
        if words.len() < MOST_WORDS / PARTS {
            words.insert(word.to_owned(), tokens.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BPE: &str = r##"{"dropout": 0.5, "unk_token": "?", "vocab": {"?": 0, "a": 1, "b": 2, "ab": 3, "abab": 4},
        "merges": ["#version: 0.2", "a b", "ab ab"]}"##;

    fn ids(model: &impl Model, word: &str) -> Vec<u32> {
        model.tokenize(word).unwrap().iter().map(|token| token.id).collect()
    }

    #[test]
    fn a_word_has_the_same_tokens_when_it_comes_again_and_when_there_is_no_room_for_it() {
        let model: WordModel = serde_json::from_str(BPE).unwrap();
        for _ in 0..2 {
            assert_eq!(ids(&model, "abab"), [4]);
            assert_eq!(ids(&model, "abba!"), [3, 2, 1, 0]);
        }
        for index in 0..2 * MOST_WORDS {
            ids(&model, &format!("a{index}"));
        }
        assert_eq!(ids(&model, "abbab"), [3, 2, 3]);
        let kept: usize = model.seen.as_ref().unwrap().parts.iter().map(|part| part.read().unwrap().len()).sum();
        assert_eq!(kept, MOST_WORDS);
    }

    #[test]
    fn the_crate_reads_the_same_model() {
        let lines = BPE.replace("0.5", "null");
        let pairs = lines.replace("\"#version: 0.2\", \"a b\", \"ab ab\"", r#"["a", "b"], ["ab", "ab"]"#);
        let theirs: ModelWrapper = serde_json::from_str(&pairs).unwrap();
        let tagged = |json: &str| json.replacen('{', r#"{"type": "BPE", "#, 1);
        for json in [BPE, &lines, &pairs, &tagged(BPE), &tagged(&pairs)] {
            let ours: WordModel = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_value(&ours).unwrap(), serde_json::to_value(&theirs).unwrap());
        }
    }

    #[test]
    fn what_is_wrong_with_a_model_the_crate_says() {
        for (from, to, said) in [
            ("\"a b\"", "\"a b c\"", "Merges"),
            ("\"a b\"", "\"a c\"", "out of vocabulary"),
            ("0.5", "7", "ropout"),
            ("\"merges\"", "\"no_merges\"", "merges"),
        ] {
            let json = BPE.replace(from, to).replacen('{', r#"{"type": "BPE", "#, 1);
            let error = serde_json::from_str::<WordModel>(&json).unwrap_err().to_string();
            assert!(error.contains(said), "{json}: {error}");
        }
    }
}
