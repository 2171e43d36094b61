//! Texts as a model reads them, made once for all that is done with them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::encoded::EncodedTexts;
use super::strings::StringTable;
use super::tokenize::{PackedTokens, panicked};
use super::tokenizer::Tokenizer;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::parallel::in_order;
use crate::workers::Workers;

/// How many texts two threads tokenize before progress is told.
pub(crate) const TEXTS_AT_A_TIME: usize = 512;

/// Texts as a model reads them: the texts and their tokens, made once from the model's tokenizer.
///
/// Activations, logits and interpretations take them. Into which units a text is cut (words, sentences, ...) is said where
/// activations are collected, so that the same inputs serve for all granularities. A clone shares the same texts. Memory: the
/// bytes of the texts and 16 bytes a token.
///
/// ```
/// # #[cfg(feature = "demo-model")] {
/// use eidos::{CollectOptions, Control, LoadOptions, SplitModel};
/// let control = Control::new();
/// let model = SplitModel::load("eidos:demo", &["1"], &LoadOptions::default(), &control)?;
/// let inputs = model.inputs(&["a warm and funny film", "dull"], 0, &control)?;
/// assert_eq!((inputs.text_count(), inputs.text(1)), (2, Some("dull")));
/// let words = &model.activations(&inputs, &CollectOptions::default(), &control)?[0];
/// assert_eq!(words.unit(4), Some(" film"));
/// # }
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Inputs {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    /// The texts, or the entries of a vocabulary; empty where there are only ids.
    pub(super) texts: Arc<StringTable>,
    pub(super) tokens: Arc<PackedTokens>,
    pub(super) source: Source,
    /// What tells the tokenizer from others.
    pub(super) tokenizer: [u8; 32],
    pub(super) truncated: Truncated,
    /// How many entries of a vocabulary the model has no embedding for.
    pub(super) left_out_count: usize,
}

/// The texts that were longer than the model can read and lost their end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Truncated {
    /// How many they are.
    pub(crate) count: usize,
    /// The first of them.
    pub(crate) first: Option<usize>,
}

impl Truncated {
    pub(crate) fn add(&mut self, more: Self) {
        self.count += more.count;
        self.first = self.first.or(more.first);
    }
}

/// What inputs were made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Texts.
    Texts,
    /// Sequences of token ids.
    Ids,
    /// The entries of the vocabulary, each alone.
    Vocabulary,
}

impl Inputs {
    /// How many texts there are: sequences where they are token ids, entries where they are a vocabulary.
    pub fn text_count(&self) -> usize {
        self.shared.tokens.text_count()
    }

    /// A text, or the string of an entry of the vocabulary; `None` beyond the last, and where there are only token ids.
    pub fn text(&self, index: usize) -> Option<&str> {
        let texts = &self.shared.texts;
        (index < texts.len()).then(|| texts.get(index))
    }

    /// The token ids of a text, special ones included, cut to what the model can read; empty beyond the last.
    pub fn token_ids(&self, index: usize) -> &[u32] {
        if index < self.text_count() { self.shared.tokens.ids_of(index) } else { &[] }
    }

    /// How many tokens all texts have, special ones included.
    pub fn token_count(&self) -> usize {
        self.shared.tokens.ids.len()
    }

    /// How many texts were longer than the model can read and lost their end.
    pub fn truncated_count(&self) -> usize {
        self.shared.truncated.count
    }

    /// The texts that were longer than the model can read.
    pub(crate) fn truncated(&self) -> Truncated {
        self.shared.truncated
    }

    /// How many entries of the vocabulary were left out because the model has no embedding for them.
    pub fn left_out_count(&self) -> usize {
        self.shared.left_out_count
    }

    /// Whether there are texts, which have units of all granularities: those of token ids and of a vocabulary are tokens.
    pub fn has_texts(&self) -> bool {
        self.shared.source == Source::Texts
    }

    /// Whether they are sequences of token ids.
    pub(crate) fn has_ids_alone(&self) -> bool {
        self.shared.source == Source::Ids
    }

    /// A text with the NUL byte that follows it; `None` as for [`Inputs::text`].
    pub(crate) fn text_with_nul(&self, index: usize) -> Option<&str> {
        let texts = &self.shared.texts;
        (index < texts.len()).then(|| texts.get_with_nul(index))
    }

    /// The texts that spans of units point into: none where they were token ids or a vocabulary.
    pub(crate) fn texts(&self) -> Arc<StringTable> {
        if self.has_texts() { Arc::clone(&self.shared.texts) } else { Arc::default() }
    }

    /// Refuses inputs of another tokenizer.
    ///
    /// # Errors
    /// [`ErrorCode::Mismatch`].
    pub(crate) fn check_tokenizer(&self, tokenizer: &Tokenizer, model: &str) -> Result<()> {
        if self.shared.tokenizer == tokenizer.identity() {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Mismatch,
            format!("the inputs were made with another tokenizer than that of `{model}`"),
        )
        .hint("make the inputs with the model that reads them"))
    }
}

impl Tokenizer {
    /// Tokenizes texts on `threads` threads (0: one per core). The result does not depend on their number. A text of more than
    /// 64 KiB is tokenized in pieces, as far as the model reads it, so that it takes no more memory than a short one; the tokens
    /// are those of the whole text.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for a text of 4 GiB or more, or with 1 MiB in which nothing shows where words end;
    /// [`ErrorCode::InvalidFile`] naming the file and the part of it where the tokenizer fails; [`ErrorCode::Cancelled`].
    pub fn inputs(&self, texts: &[impl AsRef<str> + Sync], threads: usize, control: &Control) -> Result<Inputs> {
        self.inputs_on(&Workers::default(), texts, threads, control)
    }

    /// As [`Tokenizer::inputs`], on threads of `workers` (0: one per core).
    pub(crate) fn inputs_on(
        &self,
        workers: &Workers,
        texts: &[impl AsRef<str> + Sync],
        threads: usize,
        control: &Control,
    ) -> Result<Inputs> {
        control.begin(Stage::Tokenize, texts.len() as u64)?;
        let (mut table, mut packed) = (StringTable::default(), PackedTokens::default());
        let mut truncated = Truncated::default();
        // Threads wait for each other behind each chunk, so many of them have larger ones.
        let at_a_time = TEXTS_AT_A_TIME * Workers::wanted(threads, texts.len()).div_ceil(2);
        for chunk in texts.chunks(at_a_time) {
            truncated.add(self.tokenize_all(workers, chunk, table.len(), threads, control, &mut packed)?);
            chunk.iter().for_each(|text| table.push(text.as_ref()));
            control.advance(chunk.len() as u64)?;
        }
        Ok(self.inputs_of(table, packed, Source::Texts, (truncated, 0)))
    }

    /// As above, for texts of which the first is number `first` of all: without a stage of its own.
    pub(crate) fn inputs_of_part(
        &self,
        workers: &Workers,
        texts: &[&str],
        first: usize,
        threads: usize,
        control: &Control,
    ) -> Result<Inputs> {
        let (mut table, mut packed) = (StringTable::default(), PackedTokens::default());
        let truncated = self.tokenize_all(workers, texts, first, threads, control, &mut packed)?;
        texts.iter().for_each(|text| table.push(text));
        Ok(self.inputs_of(table, packed, Source::Texts, (truncated, 0)))
    }

    /// Adds the tokens of texts, the first of which is number `first`; gives those of them that lost their end.
    pub(crate) fn tokenize_all(
        &self,
        workers: &Workers,
        texts: &[impl AsRef<str> + Sync],
        first: usize,
        threads: usize,
        control: &Control,
        packed: &mut PackedTokens,
    ) -> Result<Truncated> {
        for (index, text) in (first..).zip(texts) {
            let bytes = text.as_ref().len();
            if u32::try_from(bytes).is_err() || u32::try_from(index).is_err() {
                return Err(Error::argument(format!("text {index} has {bytes} bytes, or is one too many"))
                    .hint("give at most 4,294,967,295 texts of less than 4 GiB each"));
            }
        }
        let threads = Workers::wanted(threads, texts.len()).max(1);
        let shares: Vec<_> = texts.chunks(texts.len().div_ceil(threads).max(1)).collect();
        // The crate that tokenizes panics where a file contradicts itself.
        let tokenize = |share: usize, (): &mut ()| {
            catch_unwind(AssertUnwindSafe(|| self.tokenize(shares[share], control))).unwrap_or_else(|_| Err(panicked()))
        };
        let (mut truncated, mut index) = (Truncated::default(), first);
        let result = in_order(workers, shares.len(), threads, control, tokenize, |_, tokens| {
            for tokens in tokens {
                packed.push(&tokens);
                if tokens.truncated {
                    truncated.add(Truncated { count: 1, first: Some(index) });
                }
                index += 1;
            }
            Ok(())
        });
        result.map_err(|error| error.within(format!("texts {first} to {}", first + texts.len() - 1)))?;
        Ok(truncated)
    }

    /// Texts that are token ids already. Nothing is added and nothing cut.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for more than 4,294,967,295 texts, or tokens in one of them.
    pub fn inputs_from_token_ids(&self, sequences: &[&[u32]]) -> Result<Inputs> {
        let mut packed = PackedTokens::default();
        for (index, ids) in sequences.iter().enumerate() {
            if u32::try_from(index).is_err() || u32::try_from(ids.len()).is_err() {
                return Err(Error::argument(format!("sequence {index} has {} tokens, or is one too many", ids.len()))
                    .hint("give at most 4,294,967,295 sequences of as many tokens each"));
            }
            packed.push_ids(ids);
        }
        Ok(self.inputs_of(StringTable::default(), packed, Source::Ids, (Truncated::default(), 0)))
    }

    /// Each entry of the vocabulary as a sequence of one token without special tokens, in the order of the ids.
    pub fn vocabulary_inputs(&self) -> Inputs {
        self.vocabulary_inputs_of(usize::MAX)
    }

    /// The vocabulary as [`Tokenizer::vocabulary_inputs`] gives it, for a model of so many embeddings. Tokens that were
    /// added to the tokenizer and not to the model (`[PAD]`, an image token) are left out and
    /// [counted](Inputs::left_out_count). Other entries without an embedding stay: they tell of another model's tokenizer.
    pub(crate) fn vocabulary_inputs_of(&self, embeddings: usize) -> Inputs {
        let added = self.pipeline.inner.get_added_tokens_decoder();
        let (mut table, mut packed, mut left_out) = (StringTable::default(), PackedTokens::default(), 0);
        for (string, id) in self.vocabulary() {
            if id as usize >= embeddings && added.contains_key(&id) {
                left_out += 1;
                continue;
            }
            table.push(&string);
            packed.push_ids(&[id]);
        }
        self.inputs_of(table, packed, Source::Vocabulary, (Truncated::default(), left_out))
    }

    /// `counts` are those of texts that were truncated, and of entries that were left out.
    fn inputs_of(
        &self,
        texts: StringTable,
        tokens: PackedTokens,
        source: Source,
        counts: (Truncated, usize),
    ) -> Inputs {
        let (texts, tokens) = (Arc::new(texts), Arc::new(tokens));
        let (truncated, left_out_count) = counts;
        Inputs {
            shared: Arc::new(Shared { texts, tokens, source, tokenizer: self.identity(), truncated, left_out_count }),
        }
    }

    /// Texts that are there already as inputs and units: [`Tokenizer::inputs`] and [`Tokenizer::cut`] in one.
    ///
    /// # Errors
    /// Those of both.
    pub fn encode_texts(
        &self,
        texts: &[impl AsRef<str> + Sync],
        options: impl Into<super::UnitOptions>,
        threads: usize,
        control: &Control,
    ) -> Result<EncodedTexts> {
        let options = options.into();
        options.check()?;
        self.cut(&self.inputs(texts, threads, control)?, options, control)
    }
}
