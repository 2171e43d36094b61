//! The tokenizer of a model that comes without a `tokenizer.json`.
//!
//! DeBERTa, OPT, mT5 and old BERTs publish a vocabulary (`vocab.txt`; `vocab.json` and `merges.txt`; a model of SentencePiece) and
//! small files that say some of the rest. What is between a text and its ids besides is in the code of transformers, in a class for
//! each family. Here it is written down as transformers 5 has it: what is built is the `tokenizer.json` that its `save_pretrained`
//! writes, to the last field.

mod byte_level;
mod class;
mod ends;
mod piece_model;
mod pieces;
mod protobuf;
mod settings;
#[cfg(test)]
mod tests;
mod word_piece;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tokenizers::{AddedToken, PostProcessorWrapper, TruncationDirection};

use self::class::{Class, Vocabulary};
use self::settings::{Settings, Token};
use super::pipeline::{CrateTokenizer, Pipeline, caught};
use super::special_tokens::NAMED_TOKENS;
use super::tokenizer::{Tokenizer, limit, object, parse};
use super::vetting::invalid;
use crate::error::{Error, ErrorCode, Result};

/// Gives the bytes of a file of the model; `None` where there is no such file.
pub type ReadFile<'a> = dyn FnMut(&str) -> Result<Option<Vec<u8>>> + 'a;

/// What writes the file that is missing.
const REMEDY: &str = "in Python, `AutoTokenizer.from_pretrained(x).save_pretrained(x)` of transformers writes the tokenizer.json of the \
                      model in the folder `x`; or give the model token ids in place of texts";

/// The parts of a tokenizer that do not depend on its special tokens.
struct Parts {
    /// The file of the vocabulary.
    file: &'static str,
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Value,
    /// The special tokens that a class has where no file says it, by their names.
    names: Vec<(&'static str, Token)>,
    /// Tokens that a model of SentencePiece finds in a text before it is split.
    symbols: Vec<Token>,
    /// Whether SentencePiece puts a space in front of texts, and the class does not.
    leaves_space_out: bool,
}

impl Tokenizer {
    /// The tokenizer of a model of that `model_type` that has no `tokenizer.json`, from the files that `read` gives: `vocab.txt`,
    /// `vocab.json` and `merges.txt`, `spiece.model`, `spm.model`, `sentencepiece.bpe.model` or `tokenizer.model`; and `config.json`,
    /// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` where there are such. It is the one that
    /// transformers 5 builds from them. Texts are cut as by [`Tokenizer::from_parts`].
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] where there is no vocabulary; [`ErrorCode::Unsupported`] for a `tokenizer_class` that is not built;
    /// [`ErrorCode::InvalidFile`] naming the file when one of them is damaged; those of `read`.
    pub fn from_vocabulary(model_type: &str, read: &mut ReadFile<'_>, max_tokens: Option<usize>) -> Result<Self> {
        Self::built(model_type, read, max_tokens).map(|built| built.tokenizer)
    }

    /// As [`Tokenizer::from_vocabulary`], with what is worth a message.
    pub(crate) fn built(model_type: &str, read: &mut ReadFile<'_>, max_tokens: Option<usize>) -> Result<Built> {
        let config = read_object("config.json", read)?;
        let tokenizer_config = read_object("tokenizer_config.json", read)?;
        let class = Class::of(model_type, &tokenizer_config, &config)?;
        let settings = Settings::read(
            &tokenizer_config,
            &read_object("special_tokens_map.json", read)?,
            &read_object("added_tokens.json", read)?,
        )?;
        let parts = parts(class, &settings, read)?;
        let (file, leaves_space_out) = (parts.file, parts.leaves_space_out);
        let tokens = Tokens::new(class, &settings, &parts);
        let inner = build(class, &settings, parts, &tokens)?;
        let id = |token: &str| inner.token_to_id(token);
        let special_ids: BTreeSet<u32> = tokens.special.iter().filter_map(|token| id(token)).collect();
        let cls_id = tokens.named("cls_token").and_then(|token| id(&token.text));
        let left = tokenizer_config.get("truncation_side").and_then(Value::as_str) == Some("left");
        let direction = if left { TruncationDirection::Left } else { TruncationDirection::Right };
        let limit = limit(&tokenizer_config, max_tokens);
        let tokenizer = Self::assemble(Pipeline::new(inner, file), special_ids, cls_id, limit, direction)?;
        Ok(Built { tokenizer, file, class: class.name(), leaves_space_out })
    }
}

/// A tokenizer, and how it came to be.
pub(crate) struct Built {
    pub tokenizer: Tokenizer,
    /// The file of the vocabulary.
    pub file: &'static str,
    /// The tokenizer class of transformers that is built from it.
    pub class: &'static str,
    /// Whether SentencePiece puts a space in front of texts, and the class does not.
    pub leaves_space_out: bool,
}

fn read_object(name: &str, read: &mut ReadFile<'_>) -> Result<Map<String, Value>> {
    object(read(name)?.as_deref(), name)
}

/// The file of a vocabulary.
fn required(class: Class, name: &str, read: &mut ReadFile<'_>) -> Result<Vec<u8>> {
    read(name)?.ok_or_else(|| {
        let what = format!("there is no `tokenizer.json`, and no `{name}` to build a `{}` from", class.name());
        Error::new(ErrorCode::NotFound, what).hint(REMEDY).detail("file", "tokenizer.json").detail("vocabulary", name)
    })
}

fn parts(class: Class, settings: &Settings, read: &mut ReadFile<'_>) -> Result<Parts> {
    match class.vocabulary() {
        Vocabulary::Words => word_piece::parts(class, settings, &required(class, class.file(), read)?),
        Vocabulary::Bytes => {
            let vocabulary = required(class, class.file(), read)?;
            byte_level::parts(class, settings, &vocabulary, &required(class, byte_level::MERGES, read)?)
        }
        Vocabulary::Pieces => {
            let (file, bytes) = match (class.file(), read(class.file())?) {
                (own, Some(bytes)) => (own, bytes),
                // The name that others have may be used for any model of SentencePiece.
                (own, None) => match read(class::ANY_PIECES)? {
                    Some(bytes) => (class::ANY_PIECES, bytes),
                    None => required(class, own, read).map(|bytes| (own, bytes))?,
                },
            };
            pieces::parts(class, settings, file, &bytes)
        }
    }
}

/// The tokens that are found in a text before it is split.
struct Tokens {
    names: Vec<(String, Option<Token>)>,
    /// In the order in which they get ids.
    all: Vec<AddedToken>,
    /// Those that are named, and the further ones, in the order in which they are declared.
    declared: Vec<Token>,
    special: Vec<String>,
}

impl Tokens {
    fn new(class: Class, settings: &Settings, parts: &Parts) -> Self {
        let mut names = settings.names(&parts.names);
        for (name, token) in &mut names {
            let plain = token.as_mut().filter(|token| token.flags.is_none() && NAMED_TOKENS.contains(&name.as_str()));
            plain.into_iter().for_each(|token| token.flags = class.flags(name));
        }
        let (further, special_further) = settings.further(class, &parts.symbols);
        let named = || names.iter().filter_map(|(_, token)| token.as_ref());
        let mut order = settings.added_in_order();
        let listed: BTreeSet<String> = order.iter().map(|token| token.text.clone()).collect();
        for token in named().chain(&further) {
            if !listed.contains(&token.text) && !order.contains(token) {
                order.push(token.clone());
            }
        }
        let is_named = |text: &str| named().any(|token| token.text == text);
        let all = order.iter().map(|token| token.added(is_named(&token.text))).collect();
        let special = named().map(|token| token.text.clone()).chain(special_further).collect();
        let declared = named().chain(&further).cloned().collect();
        Self { names, all, declared, special }
    }

    fn named(&self, name: &str) -> Option<&Token> {
        self.names.iter().find(|(known, _)| known == name)?.1.as_ref()
    }

    /// What a class that was built adds once more.
    fn again(&self, class: Class) -> Vec<AddedToken> {
        match class {
            Class::Qwen2 => self.declared.iter().map(|token| AddedToken::from(token.text.as_str(), true)).collect(),
            Class::Cohere => self.declared.iter().map(|token| token.added(false)).collect(),
            _ => Vec::new(),
        }
    }
}

fn build(class: Class, settings: &Settings, parts: Parts, tokens: &Tokens) -> Result<CrateTokenizer> {
    let file = parts.file;
    let mut json = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "post_processor": null,
    });
    // Moved: a vocabulary is large.
    json["normalizer"] = parts.normalizer;
    json["pre_tokenizer"] = parts.pre_tokenizer;
    json["decoder"] = parts.decoder;
    json["model"] = parts.model;
    let bytes = json.to_string().into_bytes();
    drop(json);
    let mut inner = parse(&bytes, file)?;
    drop(bytes);
    let ends = ends::before(class, settings, tokens, &inner)?;
    let wrong = |reason: String| invalid(file, format!("makes no tokenizer: {reason}"));
    caught(|| {
        inner.add_tokens(tokens.all.iter().cloned())?;
        inner.add_tokens(tokens.again(class))
    })
    .map_err(wrong)?;
    let ends = ends::processor(class, settings, tokens, ends, &inner)?;
    let ends: PostProcessorWrapper = serde_json::from_value(ends).map_err(|error| wrong(error.to_string()))?;
    inner.with_post_processor(Some(ends));
    Ok(inner)
}
