//! A model's own tokenizer, with what the units of a text depend on.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokenizers::{PostProcessor, TruncationDirection, TruncationParams};

use super::pieces::cuts::Cuts;
use super::pipeline::{CrateTokenizer, Pipeline, caught};
use super::sentence::SentenceRules;
use super::special_tokens::SpecialTokens;
use super::unread::unread;
use super::vetting::{invalid, vet};
use crate::error::{Error, ErrorCode, Result};
use crate::python_json;

/// Lengths above this stand for "no limit": Hugging Face writes 1e30 where a tokenizer has none.
const LONGEST: f64 = 1e9;

const TOKENIZER_JSON: &str = "tokenizer.json";

/// The tokenizer of a model. Any number of threads may use it at the same time.
#[derive(Debug)]
pub struct Tokenizer {
    pub(super) pipeline: Pipeline,
    /// Where a long text can be cut, which is found out when there is one.
    pub(super) cuts: OnceLock<Option<Cuts>>,
    /// A hash, which is made when there are inputs.
    identity: OnceLock<[u8; 32]>,
    special_ids: BTreeSet<u32>,
    cls_id: Option<u32>,
    /// Whether what it calls a word may have spaces in it.
    pub(super) leaves_spaces: bool,
    /// Whether some white space ends none of its words. Some that split at spaces leave line breaks and tabs.
    pub(super) leaves_white_space: bool,
    pub(super) sentences: SentenceRules,
    /// Whether it has no vocabulary: ids stand for themselves.
    knows_ids_alone: bool,
}

impl Tokenizer {
    /// A tokenizer from the contents of `tokenizer.json`, and of `tokenizer_config.json` and `special_tokens_map.json`
    /// where a model has them. Texts are cut to `max_tokens` (the positions that the model has) or to the tokenizer's own
    /// `model_max_length`, whichever is less; padding that `tokenizer.json` asks for is not done.
    ///
    /// Special tokens that neither file declares are those of the `tokenizer_class` that is named, as in transformers.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] naming the file when one of them is damaged.
    pub fn from_parts(
        tokenizer_json: &[u8],
        tokenizer_config: Option<&[u8]>,
        special_tokens_map: Option<&[u8]>,
        max_tokens: Option<usize>,
    ) -> Result<Self> {
        Self::of_model("", tokenizer_json, tokenizer_config, special_tokens_map, max_tokens)
    }

    /// The tokenizer of a model of that `model_type`: as [`Tokenizer::from_parts`], but where no `tokenizer_class` is named either,
    /// the special tokens that are not declared are those that models of the type have in transformers.
    ///
    /// # Errors
    /// As [`Tokenizer::from_parts`].
    pub fn of_model(
        model_type: &str,
        tokenizer_json: &[u8],
        tokenizer_config: Option<&[u8]>,
        special_tokens_map: Option<&[u8]>,
        max_tokens: Option<usize>,
    ) -> Result<Self> {
        let inner = parse(tokenizer_json, TOKENIZER_JSON)?;
        let config = object(tokenizer_config, "tokenizer_config.json")?;
        let map = object(special_tokens_map, "special_tokens_map.json")?;
        let special = SpecialTokens::new(&config, &map, model_type);
        let special_ids = special.texts.iter().filter_map(|token| inner.token_to_id(token)).collect();
        let cls_id = special.cls.as_deref().and_then(|token| inner.token_to_id(token));
        let left = config.get("truncation_side").and_then(Value::as_str) == Some("left");
        let direction = if left { TruncationDirection::Left } else { TruncationDirection::Right };
        let limit = limit(&config, max_tokens);
        let mut tokenizer =
            Self::assemble(Pipeline::new(inner, TOKENIZER_JSON), special_ids, cls_id, limit, direction)?;
        let files = [Some(tokenizer_json), tokenizer_config, special_tokens_map, Some(model_type.as_bytes())];
        tokenizer.identity = OnceLock::from(identity(files.into_iter().map(Option::unwrap_or_default), limit));
        Ok(tokenizer)
    }

    /// Calls its file `path` in messages about texts, instead of `tokenizer.json`.
    pub(crate) fn named(mut self, path: &Path) -> Self {
        self.pipeline.rename(&format!("`{}`", path.display()));
        self
    }

    /// The same, which cuts texts to another number of tokens, special ones included.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] where that leaves no room for text.
    pub(crate) fn limited_to(mut self, limit: usize) -> Result<Self> {
        let before = self.identity();
        let direction =
            self.pipeline.truncation().map_or(TruncationDirection::Right, |truncation| truncation.direction);
        truncate_to(&mut self.pipeline.inner, Some(limit), direction)?;
        self.cuts = OnceLock::new();
        self.identity = OnceLock::from(identity(std::iter::once(&before[..]), Some(limit)));
        Ok(self)
    }

    /// A tokenizer with the ids of the special tokens that are declared somewhere (where none is, those that the tokenizer
    /// itself calls special), which cuts texts to `limit` tokens.
    pub(super) fn assemble(
        mut pipeline: Pipeline,
        mut special_ids: BTreeSet<u32>,
        cls_id: Option<u32>,
        limit: Option<usize>,
        direction: TruncationDirection,
    ) -> Result<Self> {
        pipeline.inner.with_padding(None);
        truncate_to(&mut pipeline.inner, limit, direction)?;
        if special_ids.is_empty() {
            let added = pipeline.inner.get_added_tokens_decoder();
            special_ids = added.iter().filter(|(_, token)| token.special).map(|(&id, _)| id).collect();
        }
        let sentences = SentenceRules::new(&pipeline)?;
        let leaves_spaces = pipeline.makes_one_word_of("a b");
        let leaves_white_space = leaves_spaces || ["a\nb", "a\tb"].iter().any(|text| pipeline.makes_one_word_of(text));
        Ok(Self {
            pipeline,
            cuts: OnceLock::new(),
            identity: OnceLock::new(),
            special_ids,
            cls_id,
            leaves_spaces,
            leaves_white_space,
            sentences,
            knows_ids_alone: false,
        })
    }

    /// What stands in for the tokenizer of a model that has none: it makes inputs of token ids, and calls each by its number.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`].
    pub(crate) fn of_ids_alone() -> Result<Self> {
        let nothing = br#"{"model": {"type": "BPE", "vocab": {}, "merges": []}}"#;
        let inner = parse(nothing, "no tokenizer").map_err(|error| Error::internal(error.to_string()))?;
        let pipeline = Pipeline::new(inner, "no tokenizer");
        let tokenizer = Self::assemble(pipeline, BTreeSet::new(), None, None, TruncationDirection::Right)?;
        Ok(Self { knows_ids_alone: true, ..tokenizer })
    }

    /// What tells it from a tokenizer that may give a text other tokens: a hash of its files, or of what it is made of.
    pub(crate) fn identity(&self) -> [u8; 32] {
        *self.identity.get_or_init(|| {
            let json = caught(|| self.pipeline.inner.to_string(false)).unwrap_or_default();
            let special: Vec<u8> = self.special_ids.iter().flat_map(|id| id.to_le_bytes()).collect();
            identity([json.as_bytes(), &special].into_iter(), self.max_tokens())
        })
    }

    /// Whether an id is one of the declared special tokens: beginning, end, separator, padding, mask, classification, and
    /// the one for unknown words.
    pub fn is_special(&self, id: u32) -> bool {
        self.special_ids.contains(&id)
    }

    /// The ids of the declared special tokens, ascending.
    pub fn special_ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.special_ids.iter().copied()
    }

    /// The id of the classification token, if one is declared.
    pub fn cls_id(&self) -> Option<u32> {
        self.cls_id
    }

    /// The most tokens that a text keeps, special ones included; `None` where there is no limit.
    pub fn max_tokens(&self) -> Option<usize> {
        self.pipeline.truncation().map(|truncation| truncation.max_length)
    }

    /// The vocabulary's string of an id (`Ġfilm`, `##ing`), empty for an id that it does not have.
    pub fn token(&self, id: u32) -> String {
        let unknown = || if self.knows_ids_alone { id.to_string() } else { String::new() };
        self.pipeline.inner.id_to_token(id).unwrap_or_else(unknown)
    }

    /// The text of some ids, without special tokens.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidFile`] when the tokenizer's decoder fails.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.pipeline.decode(ids)
    }

    /// Whether decoding says nothing of an id: of a special token, and of the one for unknown words.
    pub(super) fn is_unspoken(&self, id: u32) -> bool {
        self.is_special(id) || self.pipeline.inner.get_added_vocabulary().is_special_token(&self.token(id))
    }

    /// The vocabulary's strings and ids, in the order of the ids.
    pub fn vocabulary(&self) -> Vec<(String, u32)> {
        let mut entries: Vec<(String, u32)> = self.pipeline.inner.get_vocab(true).into_iter().collect();
        entries.sort_unstable_by(|left, right| left.1.cmp(&right.1).then_with(|| left.0.cmp(&right.0)));
        entries
    }
}

/// A hash of what a tokenizer is made of, and of where it cuts texts.
fn identity<'a>(parts: impl Iterator<Item = &'a [u8]>, limit: Option<usize>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        // Behind its length, so that no two lists of parts look the same.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update((limit.unwrap_or(usize::MAX) as u64).to_le_bytes());
    hash.finalize().into()
}

/// The tokenizer that the contents of a `tokenizer.json` describe, which messages call `file`.
pub(super) fn parse(json: &[u8], file: &str) -> Result<CrateTokenizer> {
    vet(json, file)?;
    caught(|| CrateTokenizer::from_bytes(json)).map_err(|reason| unread(json, file, &reason))
}

pub(super) fn object(json: Option<&[u8]>, file: &str) -> Result<Map<String, Value>> {
    let Some(json) = json else { return Ok(Map::new()) };
    python_json::from_slice(json).map_err(|error| invalid(file, format!("cannot be read: {error}")))
}

/// The most tokens that a text keeps.
pub(super) fn limit(config: &Map<String, Value>, max_tokens: Option<usize>) -> Option<usize> {
    let own = config.get("model_max_length").and_then(Value::as_f64).filter(|length| (1.0..LONGEST).contains(length));
    own.map(|length| length as usize).into_iter().chain(max_tokens).min()
}

fn truncate_to(inner: &mut CrateTokenizer, limit: Option<usize>, direction: TruncationDirection) -> Result<()> {
    let added = inner.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
    // The crate subtracts the one from the other without a look.
    if let Some(limit) = limit.filter(|&limit| limit <= added) {
        let message = format!(
            "the tokenizer adds {added} special tokens to a text, but its own limit (model_max_length) or the positions of \
             the model allow {limit}: there is no room for text"
        );
        return Err(
            Error::new(ErrorCode::InvalidFile, message).hint("get the model's files again, from its repository")
        );
    }
    let parameters = limit.map(|max_length| TruncationParams { max_length, direction, ..TruncationParams::default() });
    inner
        .with_truncation(parameters)
        .map_err(|error| invalid("tokenizer.json", format!("cannot cut texts to {limit:?} tokens: {error}")))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_not_what_they_should_be_are_named() {
        for (json, config) in [(&b"{"[..], None), (b"{}", None), (b"\xff\xfe", None), (b"[]", Some(&b"{"[..]))] {
            let error = Tokenizer::from_parts(json, config, None, None).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidFile);
            assert!(error.message().contains("tokenizer"), "{error}");
        }
    }
}
