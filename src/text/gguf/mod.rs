//! The tokenizer that a GGUF file describes in its metadata.
//!
//! llama.cpp's converters keep the vocabulary, the kind of each token and the ids of the special ones. Of how `tokenizer.json`
//! splits and writes texts they keep a name or nothing, so what the models of each name publish is written down here:
//! [`sentence_piece`] for Llama 2, Mistral, Phi-3 and Gemma, [`word_piece`] for BERT, [`byte_level`] for the others. A name that is
//! not known here is an error, because a tokenizer that is nearly right gives wrong ids without a word.

pub(super) mod byte_level;
mod sentence_piece;
#[cfg(test)]
mod tests;
mod vocabulary;
mod word_piece;

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::processors::template::{SpecialToken, TemplateProcessing};
use tokenizers::{DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper, TruncationDirection};

use self::vocabulary::{NamedTokens, Vocabulary};
use super::pipeline::{CrateTokenizer, Pipeline, caught};
use super::tokenizer::{Tokenizer, parse};
use super::word_model::WordModel;
use crate::error::{Error, ErrorCode, Result, shown};
use crate::gguf::{Metadata, missing};

/// The family of the tokenizer.
const MODEL: &str = "tokenizer.ggml.model";
/// A whole `tokenizer.json`, where a file has it.
const WHOLE: &str = "tokenizer.huggingface.json";
/// What describes a tokenizer otherwise.
const DESCRIPTION: &str = "the keys `tokenizer.ggml.*`";

/// What a kind of tokenizer has besides its vocabulary.
struct Layout {
    merges: Merges,
    normalizer: Option<NormalizerWrapper>,
    words: Option<PreTokenizerWrapper>,
    decoder: DecoderWrapper,
    /// Whether a word that is a token is that token, even if no merges lead to it.
    ignore_merges: bool,
    /// Whether characters without a token are written as bytes (`<0x0A>`), or else as the unknown token.
    bytes: bool,
    /// Whether texts begin with the token for their beginning where the file does not say.
    begins: bool,
}

impl Tokenizer {
    /// A tokenizer from the metadata of a GGUF file, the same as the model's own `tokenizer.json` would give. Texts are cut to
    /// `max_tokens` (the positions that the model has) or to the file's `context_length`, whichever is less.
    ///
    /// The special tokens are those that the file names: beginning, end, unknown, padding, separator, classification and mask.
    /// Other tokens that are special in `tokenizer_config.json` alone are not known from a file.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for a kind of tokenizer that is not built from metadata; [`ErrorCode::InvalidFile`] naming the
    /// key for metadata that are damaged or contradict themselves.
    pub(crate) fn from_gguf(metadata: &Metadata<'_>, max_tokens: Option<usize>) -> Result<Self> {
        let architecture = metadata.text("general.architecture")?.unwrap_or_default();
        let length = metadata.size(&format!("{architecture}.context_length"))?;
        let limit = length.into_iter().chain(max_tokens).min();
        let (pipeline, named) = if let Some(json) = metadata.text(WHOLE)? {
            let inner = parse(json.as_bytes(), WHOLE)?;
            (Pipeline::new(inner, WHOLE), NamedTokens::read(metadata, u32::MAX as usize)?)
        } else {
            let (inner, named) = described(metadata, architecture)?;
            (Pipeline::new(inner, DESCRIPTION), named)
        };
        Self::assemble(pipeline, named.ids().collect(), named.cls, limit, TruncationDirection::Right)
    }
}

/// The tokenizer that is described by its parts, and its special tokens.
fn described(metadata: &Metadata<'_>, architecture: &str) -> Result<(CrateTokenizer, NamedTokens)> {
    let model = metadata.text(MODEL)?.ok_or_else(|| missing(MODEL))?;
    let mut vocabulary = Vocabulary::read(metadata)?;
    let mut named = NamedTokens::read(metadata, vocabulary.len())?;
    let (ids, layout);
    match model {
        "llama" => {
            sentence_piece::restore(&mut vocabulary, &mut named, architecture);
            ids = vocabulary.ids()?;
            layout = sentence_piece::layout(metadata, architecture, &vocabulary, &ids)?;
        }
        "gpt2" => {
            ids = vocabulary.ids()?;
            layout = byte_level::layout(metadata, architecture, &ids)?;
        }
        "bert" => return Ok((word_piece::tokenizer(&mut vocabulary, &mut named)?, named)),
        other => return Err(unsupported(MODEL, other, "`llama`, `gpt2` and `bert`")),
    }
    let ends = Ends::read(metadata, &named, layout.begins)?;
    let added = vocabulary.added(&named, model == "llama" && architecture == "phi3");
    let unknown = named.unknown.filter(|_| layout.bytes).map(|id| vocabulary.text(id).to_owned());
    let inner = guarded(|| {
        let entries: Vocab = ids.iter().map(|(&token, &id)| (token.to_owned(), id)).collect();
        let mut model = BPE::builder()
            .vocab_and_merges(entries, layout.merges)
            .ignore_merges(layout.ignore_merges)
            .byte_fallback(layout.bytes)
            .fuse_unk(layout.bytes);
        if let Some(unknown) = unknown {
            model = model.unk_token(unknown);
        }
        let mut inner = CrateTokenizer::new(WordModel::bpe(model)?);
        inner.with_normalizer(layout.normalizer)?;
        inner.with_pre_tokenizer(layout.words);
        inner.with_decoder(Some(layout.decoder));
        inner.with_post_processor(ends.template(&vocabulary)?);
        inner.add_tokens(added)?;
        Ok(inner)
    })?;
    Ok((inner, named))
}

/// Has the crate build a tokenizer. It panics on some contradictions; a file is the user's, so one that was not seen before must be
/// an error too.
fn guarded(build: impl FnOnce() -> tokenizers::Result<CrateTokenizer>) -> Result<CrateTokenizer> {
    caught(build).map_err(|error| {
        Error::new(ErrorCode::InvalidFile, format!("{DESCRIPTION} make no tokenizer: {error}"))
            .hint("get the file again, or put the model's tokenizer.json beside it")
    })
}

/// The tokens that are put around a text.
struct Ends {
    beginning: Option<u32>,
    end: Option<u32>,
}

impl Ends {
    fn read(metadata: &Metadata<'_>, named: &NamedTokens, begins: bool) -> Result<Self> {
        let end = |flag: &str, key: &str, id: Option<u32>, by_default: bool| match metadata.flag(flag)? {
            Some(false) => Ok(None),
            Some(true) if id.is_none() => Err(missing(key)),
            Some(true) => Ok(id),
            None => Ok(id.filter(|_| by_default)),
        };
        Ok(Self {
            beginning: end("tokenizer.ggml.add_bos_token", vocabulary::BEGINNING, named.beginning, begins)?,
            end: end("tokenizer.ggml.add_eos_token", vocabulary::END, named.end, false)?,
        })
    }

    fn template(&self, vocabulary: &Vocabulary<'_>) -> tokenizers::Result<Option<TemplateProcessing>> {
        let token = |name: &str, id: Option<u32>| {
            id.map(|id| SpecialToken::new(name.to_owned(), vec![id], vec![vocabulary.text(id).to_owned()])).transpose()
        };
        let (beginning, end) = (token("beginning", self.beginning)?, token("end", self.end)?);
        let single = match (&beginning, &end) {
            (None, None) => return Ok(None),
            (Some(_), None) => "beginning $A",
            (None, Some(_)) => "$A end",
            (Some(_), Some(_)) => "beginning $A end",
        };
        let tokens: Vec<SpecialToken> = beginning.into_iter().chain(end).collect();
        Ok(Some(TemplateProcessing::builder().try_single(single)?.special_tokens(tokens).build()?))
    }
}

fn unsupported(key: &str, value: &str, known: &str) -> Error {
    let value = shown(value);
    Error::new(
        ErrorCode::Unsupported,
        format!("the metadata key `{key}` is `{value}`: the tokenizers built from metadata are {known}"),
    )
    .hint("put the model's tokenizer.json beside the file")
    .detail("key", key)
    .detail("value", value)
}

/// The error for a value that cannot be right.
fn wrong(key: &str, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidFile, format!("the metadata key `{key}` {what}"))
        .hint("get the file again, or put the model's tokenizer.json beside it")
        .detail("key", key)
}
