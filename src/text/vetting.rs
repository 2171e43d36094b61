//! What is looked at in a `tokenizer.json` before the tokenizers crate sees it.
//!
//! The crate takes memory for the sizes that a file declares, frees long pieces recursively, and multiplies a text by whatever a file
//! tells it to. None of that can be caught afterwards.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::word_piece::LONG_WORD;
use crate::error::{Error, ErrorCode, Result, shown};

/// A byte of text may become as many bytes where texts are replaced and prepended. Published tokenizers stay below 50.
const MOST_GROWTH: usize = 1000;
/// What all added tokens may become that way, in bytes.
const MOST_ADDED: usize = 64 << 20;
/// Unigram models keep their pieces in a tree of bytes, which the crate frees recursively. SentencePiece's own limit is 16
/// characters unless it is raised.
const LONGEST_PIECE: usize = 1024;
/// The bytes of all pieces of a Unigram model: each may take a node of that tree. XLM-R has 2 MiB.
const MOST_PIECES: usize = 32 << 20;
/// The tokens of a WordPiece model that takes long words: each of their lengths is looked up at each place.
const LONGEST_TOKEN_OF_LONG_WORDS: usize = 256;
/// What a precompiled map makes of one character, in bytes. SentencePiece's maps have 33.
pub(super) const LONGEST_MAPPED: usize = 64;
const LONGEST_REGEX: usize = 16 << 10;
const DEEPEST_REGEX: usize = 64;
/// How often the parts of a regular expression may be repeated in all: `(a{10}b){20}` are 200 times.
const MOST_REPETITIONS: usize = 100_000;
/// The members of a sequence, or the ids of a special token.
const LONGEST_LIST: usize = 1024;
/// Sequences of sequences.
const DEEPEST: usize = 16;

/// The error for a file of a tokenizer that cannot be used. `what` is what it does wrong, as a predicate.
pub(super) fn invalid(file: &str, what: impl fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidFile, format!("{file} {what}"))
        .hint("get the file again, from the repository of the model")
        .detail("file", file)
}

/// Looks at a `tokenizer.json`, which messages call `file`.
///
/// # Errors
/// [`InvalidFile`](crate::ErrorCode::InvalidFile) naming the part that is not that of any model's tokenizer.
pub(super) fn vet(json: &[u8], file: &str) -> Result<()> {
    let parts: Parts = read(json, file)?;
    let wrong = |part: &'static str| {
        move |what: String| invalid(file, format!("cannot be used: its {part} {what}")).detail("part", part)
    };
    parts.model.check().map_err(wrong("model"))?;
    if !parts.model.prefix.is_empty() {
        let PartsWithMerges { model } = read(json, file)?;
        model.check(&parts.model.prefix).map_err(wrong("model"))?;
    }
    let growth = |part: &'static str, value: &Value| {
        let growth = lists(value).and_then(|()| component(value, 0)).map_err(wrong(part))?;
        let what = || format!("can make {growth} bytes of one, more than {MOST_GROWTH}");
        if growth > MOST_GROWTH { Err(wrong(part)(what())) } else { Ok(growth) }
    };
    let growth_of_text = growth("normalizer", &parts.normalizer)?;
    growth("pre_tokenizer", &parts.pre_tokenizer)?;
    growth("decoder", &parts.decoder)?;
    growth("post_processor", &parts.post_processor)?;
    if adding(&parts.post_processor) > 1 {
        return Err(wrong("post_processor")("puts special tokens around a text more than once".to_owned()));
    }
    let added: usize = parts.added_tokens.iter().map(|token| token.content.0).sum();
    if added.saturating_mul(growth_of_text) > MOST_ADDED {
        return Err(wrong("added_tokens")(format!("have {added} bytes, which the normalizer makes more of")));
    }
    Ok(())
}

fn read<'de, T: Deserialize<'de>>(json: &'de [u8], file: &str) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| invalid(file, format!("cannot be read: {error}")))
}

// --- Normalizers, pre-tokenizers, post-processors and decoders ---

/// No list in a component is long: the crate goes through each of them for each text.
fn lists(value: &Value) -> Result<(), String> {
    match value {
        Value::Array(values) if values.len() > LONGEST_LIST => {
            Err(format!("has a list of {} entries, more than {LONGEST_LIST}", values.len()))
        }
        Value::Array(values) => values.iter().try_for_each(lists),
        Value::Object(fields) => fields.values().try_for_each(lists),
        _ => Ok(()),
    }
}

/// Looks at a component and its members, and says how many bytes a byte of text may become in it.
fn component(value: &Value, depth: usize) -> Result<usize, String> {
    // What is not an object is nothing, or an error of the crate.
    let Value::Object(fields) = value else { return Ok(1) };
    if depth > DEEPEST {
        return Err(format!("has sequences in sequences, more than {DEEPEST} deep"));
    }
    let mut growth = alone(fields)?;
    for member in members(fields) {
        growth = growth.saturating_mul(component(member, depth + 1)?);
    }
    Ok(growth)
}

fn members(fields: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let lists = ["normalizers", "pretokenizers", "processors", "decoders"];
    lists.into_iter().filter_map(|list| fields.get(list)?.as_array()).flatten()
}

/// Looks at the fields of one component, by which it is told: files from before there were types are read, too.
fn alone(fields: &Map<String, Value>) -> Result<usize, String> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    if let Some(map) = text("precompiled_charsmap") {
        charsmap(map)?;
    }
    if fields.get("length").and_then(Value::as_u64) == Some(0) {
        return Err("cuts words of no length".to_owned());
    }
    if fields.contains_key("single") {
        template(fields)?;
    }
    let pattern = fields.get("pattern");
    let regex = pattern.and_then(|pattern| pattern.get("Regex")?.as_str());
    regex.map_or(Ok(()), expression)?;
    let content = text("content").filter(|_| pattern.is_some());
    if let Some(content) = content {
        let Some(replaced) = pattern.and_then(|pattern| pattern.get("String")?.as_str()) else {
            // An expression may match a byte, or nothing between two.
            return Ok(1 + content.len());
        };
        if replaced.is_empty() {
            return Err("replaces the empty text".to_owned());
        }
        return Ok(content.len().div_ceil(replaced.len()).max(1));
    }
    if let Some(prepended) = text("prepend").or_else(|| text("replacement")) {
        return Ok(1 + prepended.len());
    }
    Ok(match text("type") {
        Some("ByteLevel") => 4,
        Some("WordPiece" | "BPEDecoder" | "CTC") => 2,
        _ => 1,
    })
}

/// A map of SentencePiece: the size of a tree, the tree, and the texts that its leaves stand for, each with a zero behind it.
fn charsmap(base64: &str) -> Result<(), String> {
    let map = BASE64_STANDARD
        .decode(base64)
        .map_err(|error| format!("has a precompiled_charsmap that is no base64: {error}"))?;
    let Some((size, rest)) = map.split_first_chunk().map(|(size, rest)| (u32::from_le_bytes(*size) as usize, rest))
    else {
        return Err("has a precompiled_charsmap without a size".to_owned());
    };
    let Some(texts) = rest.get(size..).filter(|_| size >= 4) else {
        return Err(format!("has a precompiled_charsmap of {} bytes with a tree of {size}", map.len()));
    };
    match texts.split(|&byte| byte == 0).map(<[u8]>::len).max() {
        Some(longest) if longest > LONGEST_MAPPED => Err(format!(
            "has a precompiled_charsmap that makes {longest} bytes of a character, more than {LONGEST_MAPPED}"
        )),
        _ => Ok(()),
    }
}

/// The memory and time that the expression itself takes are bounded. The steps that it takes on a text are bounded by its engine.
fn expression(regex: &str) -> Result<(), String> {
    if regex.len() > LONGEST_REGEX {
        return Err(format!("has a regular expression of {} bytes, more than {LONGEST_REGEX}", regex.len()));
    }
    let (mut depth, mut deepest, mut repetitions) = (0_usize, 0, 1_usize);
    let mut before = [' '; 2];
    for (at, character) in regex.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            // Neither `\x{3040}` nor `\p{L}`.
            '{' if before[0] != '\\' => {
                let end = regex[at..].find('}').map_or(regex.len(), |end| at + end);
                let counts = regex[at + 1..end].split(',').filter_map(|count| count.trim().parse::<usize>().ok());
                repetitions = repetitions.saturating_mul(counts.max().unwrap_or(1).max(1));
            }
            'g' if before[1] == '\\' && regex[at + 1..].starts_with(['<', '\'']) => {
                return Err("has a regular expression that calls itself".to_owned());
            }
            _ => {}
        }
        deepest = deepest.max(depth);
        before = [before[1], character];
    }
    if deepest > DEEPEST_REGEX {
        return Err(format!("has a regular expression with groups in groups, more than {DEEPEST_REGEX} deep"));
    }
    if repetitions > MOST_REPETITIONS {
        return Err(format!("has a regular expression that repeats {repetitions} times, more than {MOST_REPETITIONS}"));
    }
    Ok(())
}

/// A template puts special tokens around a text, once.
fn template(fields: &Map<String, Value>) -> Result<(), String> {
    let pieces = fields.get("single").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut texts = 0;
    let mut ids = 0;
    for piece in pieces {
        let id = |kind: &str| piece.get(kind)?.get("id")?.as_str();
        if let Some(sequence) = id("Sequence") {
            if sequence != "A" {
                return Err("puts a second text beside the first".to_owned());
            }
            texts += 1;
        }
        if let Some(id) = id("SpecialToken") {
            let token = fields.get("special_tokens").and_then(|tokens| tokens.get(id));
            let Some(token) = token else {
                return Err(format!("puts `{}` around a text, which it does not declare", shown(id)));
            };
            let length = |list: &str| token.get(list).and_then(Value::as_array).map_or(0, Vec::len);
            if length("ids") != length("tokens") {
                return Err(format!(
                    "declares `{}` with {} ids and {} texts",
                    shown(id),
                    length("ids"),
                    length("tokens")
                ));
            }
            ids += length("ids");
        }
    }
    if texts != 1 {
        return Err(format!("puts a text {texts} times into its template"));
    }
    if ids > LONGEST_LIST {
        return Err(format!("puts {ids} special tokens around a text, more than {LONGEST_LIST}"));
    }
    Ok(())
}

/// How many members of a post-processor put special tokens around a text. One takes what it gets for one text or two.
fn adding(value: &Value) -> usize {
    let Value::Object(fields) = value else { return 0 };
    let adds = fields.contains_key("single") || (fields.contains_key("sep") && fields.contains_key("cls"));
    usize::from(adds) + members(fields).map(adding).sum::<usize>()
}

// --- The model, of which only lengths are read ---

#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    content: Length,
}

#[derive(Default, Deserialize)]
struct Model {
    #[serde(default, rename = "continuing_subword_prefix", deserialize_with = "text_or_nothing")]
    prefix: String,
    #[serde(default)]
    max_input_chars_per_word: Value,
    #[serde(default)]
    vocab: Vocabulary,
}

impl Model {
    fn check(&self) -> Result<(), String> {
        let Vocabulary { is_list, longest, bytes } = self.vocab;
        if is_list && longest > LONGEST_PIECE {
            return Err(format!("has a piece of {longest} bytes, more than {LONGEST_PIECE}"));
        }
        if is_list && bytes > MOST_PIECES {
            return Err(format!("has pieces of {bytes} bytes, more than {MOST_PIECES}"));
        }
        let takes_long_words = self.max_input_chars_per_word.as_u64().is_some_and(|limit| limit > LONG_WORD as u64);
        if takes_long_words && longest > LONGEST_TOKEN_OF_LONG_WORDS {
            return Err(format!(
                "takes words of {} characters and has a token of {longest} bytes, which is more than \
                 {LONGEST_TOKEN_OF_LONG_WORDS}",
                self.max_input_chars_per_word
            ));
        }
        Ok(())
    }
}

fn text_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct PartsWithMerges {
    model: Merges,
}

#[derive(Deserialize)]
struct Merges {
    #[serde(default)]
    merges: Vec<Merge>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(IgnoredAny, String),
    Joined(String),
}

impl Merges {
    /// The crate takes the prefix off the right part of a merge by its length, wherever that cuts.
    fn check(&self, prefix: &str) -> Result<(), String> {
        let right = |merge: &Merge| match merge {
            Merge::Pair(_, right) => right.starts_with(prefix),
            Merge::Joined(text) => text.split(' ').nth(1).is_none_or(|right| right.starts_with(prefix)),
        };
        match self.merges.iter().position(|merge| !right(merge)) {
            Some(index) => {
                Err(format!("has a merge, {index}, whose right part does not begin with `{}`", shown(prefix)))
            }
            None => Ok(()),
        }
    }
}

/// A vocabulary with ids, or the list that a Unigram model has.
#[derive(Default)]
struct Vocabulary {
    is_list: bool,
    longest: usize,
    bytes: usize,
}

impl Vocabulary {
    fn add(&mut self, length: usize) {
        self.longest = self.longest.max(length);
        self.bytes = self.bytes.saturating_add(length);
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vocabulary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a vocabulary")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
                let mut vocabulary = Vocabulary::default();
                while let Some((Length(length), IgnoredAny)) = map.next_entry()? {
                    vocabulary.add(length);
                }
                Ok(vocabulary)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vocabulary, A::Error> {
                let mut vocabulary = Vocabulary { is_list: true, ..Vocabulary::default() };
                while let Some((Length(length), IgnoredAny)) = list.next_element()? {
                    vocabulary.add(length);
                }
                Ok(vocabulary)
            }
        }
        deserializer.deserialize_any(Entries)
    }
}

/// The bytes of a text.
struct Length(usize);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Length;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Length, E> {
                Ok(Length(text.len()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
