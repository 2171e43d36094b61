//! Places where a text can be cut so that its tokens are those of its parts.
//!
//! A cut is before a single space between two letters, and for some tokenizers after a line break before a letter. Why the tokens on
//! either side know nothing of each other there is said for each kind of tokenizer below; a tokenizer with anything in it
//! that is not named here has no cuts.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;
use tokenizers::{Model, NormalizedString, Normalizer};

use crate::text::gguf::byte_level::{GPT4O, LLAMA3, QWEN2, QWEN3_5, TEKKEN};
use crate::text::pipeline::{Pipeline, caught};

/// How SentencePiece writes a space.
const SPACE: &str = "▁";

/// Expressions of which no match goes on from a letter to a space or from a line break to a letter, and one begins with a space and a
/// letter: whatever is before, a word ends at a cut. BLOOM's is the last.
const WORDS: [&str; 6] = [LLAMA3, QWEN2, QWEN3_5, TEKKEN, GPT4O, r" ?[^(\s|[.,!?…。，、।۔،])]+"];

/// Expressions of normalizers that match none of the white space at a cut, or a line break alone.
const REPLACED: [&str; 3] = [" {2,}", r"\s{2,}|[\n\r\t]", r"\s{2,}"];

/// Where texts can be cut.
#[derive(Debug)]
pub(in crate::text) struct Cuts {
    /// Also after line breaks.
    lines: bool,
    /// Only beside letters from A to Z.
    ascii: bool,
    /// The letters before a cut, where not all will do.
    before: Option<String>,
}

impl Cuts {
    /// The cuts of a tokenizer, if it has any.
    pub fn of(pipeline: &Pipeline) -> Option<Self> {
        let inner = &pipeline.inner;
        let value = |part: Result<Value, _>| part.ok();
        let normalizer = value(serde_json::to_value(inner.get_normalizer()))?;
        let pre_tokenizer = value(serde_json::to_value(inner.get_pre_tokenizer()))?;
        let normalizers: Vec<&Value> = members(&normalizer, "normalizers")?;
        if !normalizers.iter().all(|normalizer| leaves_cuts(normalizer)) {
            return None;
        }
        let space = space_between_letters(pipeline)?;
        let maps = |kind: &str| normalizers.iter().any(|normalizer| normalizer["type"] == kind);
        let ascii = maps("Precompiled");
        if added_token_across(pipeline) {
            return None;
        }
        match boundary(&members(&pre_tokenizer, "pretokenizers")?) {
            Boundary::Whitespace if space == ' ' => Some(Self { lines: true, ascii, before: None }),
            // A line break that has become a space belongs to what is behind it.
            Boundary::Words if space == ' ' => {
                let lines = !ascii && !maps("Replace") && !maps("BertNormalizer");
                Some(Self { lines, ascii, before: None })
            }
            Boundary::Spaces => Some(Self { lines: false, ascii, before: None }),
            Boundary::None { writes_spaces } if writes_spaces || space == '▁' => {
                let before = letters_before_spaces(pipeline).filter(|letters| !letters.is_empty())?;
                Some(Self { lines: false, ascii: true, before: Some(before) })
            }
            _ => None,
        }
    }

    /// The last cut in a range of bytes.
    pub fn last(&self, text: &str, mut range: Range<usize>) -> Option<usize> {
        range.rfind(|&place| self.is_at(text, place))
    }

    /// The first cut in a range of bytes.
    pub fn first(&self, text: &str, mut range: Range<usize>) -> Option<usize> {
        range.find(|&place| self.is_at(text, place))
    }

    fn is_at(&self, text: &str, place: usize) -> bool {
        let bytes = text.as_bytes();
        let behind = if bytes.get(place) == Some(&b' ') {
            let before = text[..place].chars().next_back();
            let fits = |letter| self.before.as_ref().is_none_or(|letters| letters.contains(letter));
            if !before.is_some_and(|before| self.is_letter(before) && fits(before)) {
                return false;
            }
            place + 1
        } else if self.lines && place > 0 && bytes[place - 1] == b'\n' {
            place
        } else {
            return false;
        };
        let mut behind = text[behind..].chars();
        // What follows a letter may be a mark that normalizers put together with it.
        let single = |next: char| next.is_ascii() || self.is_letter(next);
        behind.next().is_some_and(|letter| self.is_letter(letter)) && behind.next().is_none_or(single)
    }

    /// Whether a character is a letter to all regular expressions and normalizers: of the Latin alphabet, a Chinese or Japanese
    /// character, or a Korean syllable.
    fn is_letter(&self, character: char) -> bool {
        let wide = ['\u{3041}'..='\u{3096}', '\u{30a1}'..='\u{30fa}', '\u{4e00}'..='\u{9fff}', '\u{ac00}'..='\u{d7a3}'];
        character.is_ascii_alphabetic() || (!self.ascii && wide.iter().any(|range| range.contains(&character)))
    }
}

/// The members of a sequence, a component alone, or none.
fn members<'a>(component: &'a Value, list: &str) -> Option<Vec<&'a Value>> {
    match component {
        Value::Null => Some(Vec::new()),
        component if component["type"] == "Sequence" => {
            // Published tokenizers have no sequences in sequences.
            let members: Vec<&Value> = component[list].as_array()?.iter().collect();
            members.iter().all(|member| member["type"] != "Sequence").then_some(members)
        }
        component => Some(vec![component]),
    }
}

/// Whether what a normalizer does to either side of a cut does not depend on the other: it works on characters and the marks behind
/// them, at the ends of the text, or on texts without white space and letters.
fn leaves_cuts(normalizer: &Value) -> bool {
    match normalizer["type"].as_str() {
        Some(
            "NFC" | "NFD" | "NFKC" | "NFKD" | "Lowercase" | "StripAccents" | "BertNormalizer" | "Strip" | "Prepend"
            | "Precompiled" | "Nmt",
        ) => true,
        Some("Replace") => {
            let pattern = &normalizer["pattern"];
            match (pattern["String"].as_str(), pattern["Regex"].as_str()) {
                (Some(" "), _) => normalizer["content"] == SPACE,
                (Some(text), _) => is_apart(text),
                (_, Some(expression)) => REPLACED.contains(&expression),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether a text has nothing that is beside a cut.
fn is_apart(text: &str) -> bool {
    !text.contains(|character: char| character.is_whitespace() || character.is_alphabetic() || character == '▁')
}

/// What the normalizer makes of a space between two letters, if it makes that and letters of all of them.
fn space_between_letters(pipeline: &Pipeline) -> Option<char> {
    let mut spaces = ('A'..='Z').chain('a'..='z').map(|letter| {
        let normalized = normalize(pipeline, &format!("{letter} {letter}"))?;
        // One may be put in front.
        let normalized = normalized.strip_prefix('▁').unwrap_or(&normalized);
        let (left, right) = normalized.split_once([' ', '▁'])?;
        let letters = !left.is_empty() && left == right && left.chars().all(char::is_alphabetic);
        letters.then(|| normalized[left.len()..].chars().next())?
    });
    let space = spaces.next()??;
    spaces.all(|other| other == Some(space)).then_some(space)
}

fn normalize(pipeline: &Pipeline, text: &str) -> Option<String> {
    let mut normalized = NormalizedString::from(text);
    if let Some(normalizer) = pipeline.inner.get_normalizer() {
        caught(|| normalizer.normalize(&mut normalized)).ok()?;
    }
    Some(normalized.get().to_owned())
}

/// Whether an added token can be on both sides of a cut, or takes the space there.
fn added_token_across(pipeline: &Pipeline) -> bool {
    let is_space = |character: char| character.is_whitespace() || character == '▁';
    let across = |text: &str| {
        let pairs = text.chars().zip(text.chars().skip(1));
        pairs
            .into_iter()
            .any(|(one, next)| (is_space(one) && next.is_alphabetic()) || (one.is_alphabetic() && is_space(next)))
    };
    pipeline.inner.get_added_vocabulary().get_added_tokens_decoder().values().any(|token| {
        let text = &token.content;
        let takes = (token.lstrip && text.starts_with(char::is_alphabetic))
            || (token.rstrip && text.ends_with(char::is_alphabetic));
        let normalized = || normalize(pipeline, text).is_none_or(|text| across(&text));
        takes || across(text) || (token.normalized && normalized())
    })
}

/// Where the words of a pre-tokenizer surely end.
enum Boundary {
    /// At white space, which is in no word.
    Whitespace,
    /// At a space between letters, which is in the word behind it, and after a line break.
    Words,
    /// At a space.
    Spaces,
    /// Nowhere; spaces may be written `▁`.
    None {
        writes_spaces: bool,
    },
    Unknown,
}

fn boundary(pre_tokenizers: &[&Value]) -> Boundary {
    let mut writes_spaces = false;
    for pre_tokenizer in pre_tokenizers {
        // What comes after one that cuts works on each of its words.
        match pre_tokenizer["type"].as_str() {
            Some("BertPreTokenizer" | "Whitespace" | "WhitespaceSplit") if !writes_spaces => {
                return Boundary::Whitespace;
            }
            Some("ByteLevel") if pre_tokenizer["use_regex"] == true && !writes_spaces => return Boundary::Words,
            Some("Metaspace") if pre_tokenizer["replacement"] == SPACE => {
                if pre_tokenizer["split"] == true {
                    return Boundary::Spaces;
                }
                writes_spaces = true;
            }
            Some("Split") => {
                let pattern = &pre_tokenizer["pattern"];
                let words = pattern["Regex"].as_str().is_some_and(|expression| WORDS.contains(&expression));
                let text = pattern["String"].as_str();
                if words
                    && !writes_spaces
                    && pre_tokenizer["behavior"] == "Isolated"
                    && pre_tokenizer["invert"] == false
                {
                    return Boundary::Words;
                }
                // Gemma splits at spaces, of which it has left none.
                if !text.is_some_and(|text| text == " " || (!text.is_empty() && is_apart(text))) {
                    return Boundary::Unknown;
                }
            }
            // These look at one character after the other.
            Some("Digits" | "Punctuation") => {}
            _ => return Boundary::Unknown,
        }
    }
    Boundary::None { writes_spaces }
}

/// The letters from which no merge of a BPE model goes on to a space: the merges on either side of such a place are made without each
/// other.
fn letters_before_spaces(pipeline: &Pipeline) -> Option<String> {
    let model = pipeline.inner.get_model().as_bpe()?;
    let plain = |affix: &Option<String>| affix.as_ref().is_none_or(String::is_empty);
    let known = |text: &str| model.token_to_id(text).is_some();
    if model.ignore_merges
        || !plain(&model.continuing_subword_prefix)
        || !plain(&model.end_of_word_suffix)
        || !known(SPACE)
    {
        return None;
    }
    let mut before = BTreeSet::new();
    for token in model.get_vocab().keys() {
        before.extend(token.match_indices(SPACE).filter_map(|(at, _)| token[..at].chars().next_back()));
    }
    // A letter that is a token is never unknown, of which several in a row are one.
    let fits = |letter: &char| {
        let itself = letter.to_string();
        let normalized = normalize(pipeline, &itself);
        known(&itself)
            && !before.contains(letter)
            && normalized.is_some_and(|text| text.trim_start_matches('▁') == itself)
    };
    Some(('A'..='Z').chain('a'..='z').filter(fits).collect())
}
