//! The pipeline of the tokenizers crate: normalizer, pre-tokenizer, model, post-processor, decoder.
//!
//! The crate indexes into what a file declares. It panics on files that contradict themselves, and where a regular expression takes
//! too many steps on a text. A file and a text are the user's, so each call that can panic is made in here, part by part, and what
//! comes out is an error that names the file, the part of it and the text.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use tokenizers::{
    DecoderWrapper, Encoding, Model, NormalizedString, Normalizer, NormalizerWrapper, OffsetType, PostProcessorWrapper,
    PreTokenizedString, PreTokenizer, PreTokenizerWrapper, TokenizerImpl, TruncationDirection, TruncationParams,
};

use super::vetting::LONGEST_MAPPED;
use super::word_model::WordModel;
use crate::error::{Error, ErrorCode, Result, shown_up_to};

/// How much of a text or of a list of ids an error shows.
const SHOWN: usize = 40;
/// What a text may become; the crate has 16 bytes and more for each. Longer texts are not given to it in one.
const MOST_NORMALIZED: usize = 8 << 20;
/// What a text could become in one step, as no text does.
const MOST_WHILE_NORMALIZING: usize = 64 << 20;

/// A tokenizer of the crate, around our own way to make tokens of words.
pub(super) type CrateTokenizer =
    TokenizerImpl<WordModel, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// A tokenizer of the crate, and what it is called in messages. The same text gives the same tokens at each call.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) inner: CrateTokenizer,
    file: String,
}

impl Pipeline {
    /// The pipeline that `file` describes.
    pub fn new(inner: CrateTokenizer, file: &str) -> Self {
        Self { inner, file: file.to_owned() }
    }

    /// Calls the file something else in messages.
    pub fn rename(&mut self, file: &str) {
        file.clone_into(&mut self.file);
    }

    pub fn truncation(&self) -> Option<&TruncationParams> {
        self.inner.get_truncation()
    }

    /// The tokens of a text, cut to the tokenizer's limit.
    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Encoding> {
        let truncation = self.truncation().map(|truncation| (truncation.max_length, truncation.direction));
        self.finish(text, self.content(text, truncation)?, add_special_tokens)
    }

    /// Whether the tokenizer calls a text of several tokens one word: those of Llama 2 and Gemma split nothing, and call every
    /// text one.
    pub fn makes_one_word_of(&self, text: &str) -> bool {
        self.encode(text, false).is_ok_and(|encoding| match encoding.get_word_ids() {
            [first, .., last] => first == last,
            _ => false,
        })
    }

    /// The tokens of a text alone, without those around it. With a limit, the words that reach it are the last (or the first).
    pub fn content(&self, text: &str, truncation: Option<(usize, TruncationDirection)>) -> Result<Encoding> {
        let words = self.run("normalizer", text, || Ok(self.normalize(text)))?;
        let mut words = words.ok_or_else(|| self.grows(text))?;
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            self.run("pre_tokenizer", text, || pre_tokenizer.pre_tokenize(&mut words))?;
        }
        self.run("model", text, move || {
            self.inner.get_model().tokenize_in_pretokenized(&mut words, truncation)?;
            words.into_encoding(None, 0, OffsetType::Byte)
        })
    }

    /// What the normalizer makes of a text, split at added tokens; `None` where that is too much.
    fn normalize(&self, text: &str) -> Option<PreTokenizedString> {
        let bounded = |normalizer| Bounded { normalizer, exceeded: AtomicBool::new(false) };
        let normalizer = self.inner.get_normalizer().map(bounded);
        let words = self.inner.get_added_vocabulary().extract_and_normalize(normalizer.as_ref(), text);
        // The crate goes on after an error of a normalizer.
        normalizer.is_none_or(|normalizer| !normalizer.exceeded.into_inner()).then_some(words)
    }

    fn grows(&self, text: &str) -> Error {
        let begin = shown_up_to(SHOWN, text);
        let message = format!(
            "the normalizer of {} makes more than {} MiB of the text of {} bytes `{begin}`",
            self.file,
            MOST_NORMALIZED >> 20,
            text.len()
        );
        Error::argument(message).hint("cut the text into shorter ones").detail("bytes", text.len())
    }

    /// Cuts the tokens of a text to the tokenizer's limit, and puts the special ones around them.
    pub fn finish(&self, text: &str, content: Encoding, add_special_tokens: bool) -> Result<Encoding> {
        self.run("post_processor", text, || self.inner.post_process(content, None, add_special_tokens))
    }

    /// The text of some ids, without special tokens.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        // Some decoders of the crate look at the last token without asking whether there is one.
        let special = |token: &String| self.inner.get_added_vocabulary().is_special_token(token);
        if !ids.iter().any(|&id| self.inner.id_to_token(id).is_some_and(|token| !special(&token))) {
            return Ok(String::new());
        }
        caught(|| self.inner.decode(ids, true)).map_err(|why| {
            let ids = shown_up_to(SHOWN, &format!("{ids:?}"));
            self.fails("decoder", &format!("on the ids {ids}: {why}"))
        })
    }

    fn run<T>(&self, part: &str, text: &str, work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T> {
        caught(work).map_err(|why| {
            let begin = shown_up_to(SHOWN, text);
            self.fails(part, &format!("on the text of {} bytes `{begin}`: {why}", text.len()))
        })
    }

    fn fails(&self, part: &str, on: &str) -> Error {
        Error::new(ErrorCode::InvalidFile, format!("the {part} of {} fails {on}", self.file))
            .hint("use the tokenizer.json that belongs to the model; if it is the model's own, leave the text out")
            .detail("file", &self.file)
            .detail("part", part)
    }
}

/// A normalizer that stops where a text grows out of bounds, which some do in steps that are small alone.
struct Bounded<'a> {
    normalizer: &'a NormalizerWrapper,
    exceeded: AtomicBool,
}

impl Bounded<'_> {
    fn step(&self, normalizer: &NormalizerWrapper, text: &mut NormalizedString) -> tokenizers::Result<()> {
        let (growth, most) = match normalizer {
            NormalizerWrapper::Sequence(members) => {
                return members.as_ref().iter().try_for_each(|member| self.step(member, text));
            }
            NormalizerWrapper::Replace(replace) => (replace.content.len().max(1), MOST_NORMALIZED),
            NormalizerWrapper::Precompiled(_) => (LONGEST_MAPPED, MOST_WHILE_NORMALIZING),
            // U+FDFA becomes 18 letters.
            NormalizerWrapper::NFKC(_) | NormalizerWrapper::NFKD(_) => (11, MOST_WHILE_NORMALIZING),
            _ => (4, MOST_WHILE_NORMALIZING),
        };
        if text.get().len().saturating_mul(growth) > most {
            self.exceeded.store(true, Ordering::Relaxed);
            text.clear();
        }
        normalizer.normalize(text)
    }
}

impl Normalizer for Bounded<'_> {
    fn normalize(&self, text: &mut NormalizedString) -> tokenizers::Result<()> {
        self.step(self.normalizer, text)?;
        if text.get().len() > MOST_NORMALIZED {
            self.exceeded.store(true, Ordering::Relaxed);
            text.clear();
        }
        Ok(())
    }
}

/// Runs a call into the crate: its error, or the message of its panic.
pub(super) fn caught<T>(call: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    // A tokenizer is not changed by a call, except for caches of whole entries; what else the call holds is dropped.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(payload) => Err(said(payload.as_ref()).to_owned()),
    }
}

fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a check failed")
}
