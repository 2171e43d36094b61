//! Texts become token ids and units.
//!
//! A unit is a list of positions of its text. The strings of words are what the tokenizer makes of their tokens, so that
//! byte-level words keep their leading space (`" film"`) and lower-casing models show lower case. What the tokens do not say,
//! because one stands for something unknown or for a part of a character, comes from the text.

use std::collections::HashMap;
use std::sync::Arc;

use super::encoded::EncodedTexts;
use super::granularity::{Granularity, UnitOptions, WordRule};
use super::sentence::TokenAt;
use super::stop_units::StopUnits;
use super::tokenize::{Tokens, panicked};
use super::tokenizer::Tokenizer;
use super::units::UnitsBuilder;
use super::words::TokenizedText;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::threads::start;

/// How many texts are tokenized before the next look at progress and cancellation.
const TEXTS_AT_A_TIME: usize = 512;

impl Tokenizer {
    /// Tokenizes texts and cuts them into units, on `threads` threads. The result does not depend on their number.
    ///
    /// An empty text has no units. With [`Granularity::Token`] and [`Granularity::Sample`] the special tokens do not count,
    /// nor does the token for unknown words. Words do not overlap and stand in the order of their text.
    ///
    /// A text of more than 64 KiB is tokenized in pieces, as far as the model reads it, so that it takes no more memory than a
    /// short one; the tokens are those of the whole text.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for [`Granularity::ClsToken`] where texts do not begin with the classification token;
    /// [`ErrorCode::InvalidArgument`] for a text of more than 4 GiB or with 1 MiB in which nothing shows where words end, and for
    /// stop units without a text or of a granularity where every unit has a row; [`ErrorCode::InvalidFile`] naming the file and
    /// the part of it where the tokenizer fails; [`ErrorCode::Cancelled`].
    pub fn encode_texts(
        &self,
        texts: &[impl AsRef<str> + Sync],
        options: impl Into<UnitOptions>,
        threads: usize,
        control: &Control,
    ) -> Result<EncodedTexts> {
        let mut encoder = Encoder::new(self, &options.into())?;
        control.begin(Stage::Tokenize, texts.len() as u64)?;
        for chunk in texts.chunks(TEXTS_AT_A_TIME) {
            let first = encoder.result.text_count();
            let share = chunk.len().div_ceil(threads.max(1));
            let tokens = std::thread::scope(|scope| {
                let workers: Vec<_> =
                    chunk.chunks(share).map(|texts| start(scope, move || self.tokenize(texts, control))).collect();
                workers.into_iter().map(|worker| worker?.join().map_err(|_| panicked())?).collect::<Result<Vec<_>>>()
            });
            let tokens =
                tokens.map_err(|error| error.within(format!("texts {first} to {}", first + chunk.len() - 1)))?;
            for (text, tokens) in chunk.iter().zip(tokens.into_iter().flatten()) {
                encoder.add(text.as_ref(), &tokens)?;
            }
            control.advance(chunk.len() as u64)?;
        }
        Ok(encoder.finish())
    }

    /// Each entry of the vocabulary as a sequence of one token without special tokens, in the order of the ids; the units
    /// are the vocabulary's strings.
    pub fn encode_vocabulary(&self) -> EncodedTexts {
        let entries = self.vocabulary();
        let mut units = UnitsBuilder::default();
        for (index, (string, _)) in entries.iter().enumerate() {
            let string = units.intern(string);
            units.push(index as u32, 0, 0, string);
        }
        let count = entries.len();
        EncodedTexts {
            ids: entries.iter().map(|(_, id)| *id).collect(),
            text_starts: (0..=count).collect(),
            positions: vec![0; count],
            unit_starts: (0..=count).collect(),
            text_units: (0..=count).collect(),
            units: units.finish(),
            ..EncodedTexts::default()
        }
    }
}

/// Turns the tokens of text after text into units.
struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    granularity: Granularity,
    word_rule: WordRule,
    /// Whether the tokenizer's own words may have white space in them.
    leaves_white_space: bool,
    stop_units: StopUnits,
    result: EncodedTexts,
    units: UnitsBuilder,
    /// What each sequence of ids says: a word is decoded once.
    decoded: HashMap<Vec<u32>, Arc<Decoded>>,
    /// The interned vocabulary string of each id.
    tokens: HashMap<u32, u32>,
    /// The vocabulary string and the text of each id alone, for the ends of sentences.
    alone: HashMap<u32, Arc<(String, String)>>,
}

/// What the tokenizer makes of a sequence of ids.
#[derive(Debug)]
struct Decoded {
    string: String,
    /// Whether it is all that they stand for: none stands for something unknown or for a part of a character.
    is_whole: bool,
}

/// Where the string of a unit comes from.
#[derive(Debug, Clone, Copy)]
enum Named {
    /// From the vocabulary: its only token's.
    Token,
    /// From the decoder, which is given each of the tokenizer's own words alone.
    Word,
    /// From the decoder.
    Sentence,
    /// From the text, which it is.
    Text,
}

impl<'a> Encoder<'a> {
    fn new(tokenizer: &'a Tokenizer, options: &UnitOptions) -> Result<Self> {
        let result =
            EncodedTexts { text_starts: vec![0], unit_starts: vec![0], text_units: vec![0], ..EncodedTexts::default() };
        Ok(Self {
            tokenizer,
            granularity: options.granularity,
            word_rule: tokenizer.word_rule(options.word_rule),
            leaves_white_space: options.granularity == Granularity::Word && tokenizer.leaves_white_space(),
            stop_units: StopUnits::new(options)?,
            result,
            units: UnitsBuilder::default(),
            decoded: HashMap::new(),
            tokens: HashMap::new(),
            alone: HashMap::new(),
        })
    }

    fn add(&mut self, text: &str, tokens: &Tokens) -> Result<()> {
        let index = self.result.text_count();
        if u32::try_from(text.len()).is_err() || u32::try_from(index).is_err() {
            return Err(Error::argument(format!("text {index} has {} bytes, or is one too many", text.len()))
                .hint("give at most 4,294,967,295 texts of less than 4 GiB each"));
        }
        let whole = TokenizedText { text, tokens };
        let regular: Vec<usize> =
            (0..tokens.ids.len()).filter(|&position| !self.tokenizer.is_special(tokens.ids[position])).collect();
        match self.granularity {
            Granularity::Token => {
                regular.iter().try_for_each(|&position| self.push(whole, &[position], Named::Token))?;
            }
            Granularity::AllTokens => {
                (0..tokens.ids.len()).try_for_each(|position| self.push(whole, &[position], Named::Token))?;
            }
            Granularity::Word => {
                for word in self.words(whole) {
                    self.push(whole, &word, Named::Word)?;
                }
            }
            Granularity::Sentence => {
                for sentence in self.sentences(tokens, &regular)? {
                    self.push(whole, &sentence, Named::Sentence)?;
                }
            }
            Granularity::Sample => {
                if !regular.is_empty() {
                    self.push(whole, &regular, Named::Text)?;
                }
            }
            Granularity::ClsToken => {
                self.check_cls(index, tokens)?;
                self.push(whole, &[0], Named::Text)?;
            }
        }
        let result = &mut self.result;
        result.ids.extend_from_slice(&tokens.ids);
        result.text_starts.push(result.ids.len());
        result.text_units.push(result.unit_starts.len() - 1);
        result.truncated_count += usize::from(tokens.truncated);
        Ok(())
    }

    fn finish(self) -> EncodedTexts {
        EncodedTexts { units: self.units.finish(), ..self.result }
    }

    /// The positions of each word, in the order of the words.
    fn words(&self, text: TokenizedText<'_>) -> Vec<Vec<usize>> {
        match self.word_rule {
            WordRule::Unicode => text.unicode_words(),
            _ => text.tokenizer_words(self.leaves_white_space),
        }
    }

    fn sentences(&mut self, tokens: &Tokens, regular: &[usize]) -> Result<Vec<Vec<usize>>> {
        let mut sentences = Vec::new();
        let mut current = Vec::new();
        for (index, &position) in regular.iter().enumerate() {
            current.push(position);
            let Some(&next) = regular.get(index + 1) else { break };
            let (this_text, next_text) = (self.alone(tokens.ids[position])?, self.alone(tokens.ids[next])?);
            let this = TokenAt { string: &this_text.0, decoded: &this_text.1, offsets: tokens.offsets[position] };
            let that = TokenAt { string: &next_text.0, decoded: &next_text.1, offsets: tokens.offsets[next] };
            if self.tokenizer.sentences.ends_after(&tokens.ids, position, this, that) {
                sentences.push(std::mem::take(&mut current));
            }
        }
        if !current.is_empty() {
            sentences.push(current);
        }
        Ok(sentences)
    }

    /// The vocabulary string of an id, and the text of the id alone.
    fn alone(&mut self, id: u32) -> Result<Arc<(String, String)>> {
        if let Some(known) = self.alone.get(&id) {
            return Ok(Arc::clone(known));
        }
        let texts = Arc::new((self.tokenizer.token(id), self.tokenizer.decode(&[id])?));
        self.alone.insert(id, Arc::clone(&texts));
        Ok(texts)
    }

    fn check_cls(&self, index: usize, tokens: &Tokens) -> Result<()> {
        let Some(cls) = self.tokenizer.cls_id() else {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "the tokenizer declares no classification token (cls_token)",
            )
            .hint("use another granularity, such as sample"));
        };
        if tokens.ids.first() == Some(&cls) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::Unsupported, format!("text {index} does not begin with the classification token"))
            .hint("use another granularity, such as sample")
            .detail("text", index))
    }

    /// Adds the unit of some tokens of the text that is being added, unless it is one that gets no row.
    fn push(&mut self, text: TokenizedText<'_>, positions: &[usize], named: Named) -> Result<()> {
        let (begin, end) = text.span(positions);
        if self.stop_units.contain(text.text, (begin, end)) {
            self.result.left_out_count += 1;
            return Ok(());
        }
        let written = &text.text[begin..end];
        let string = match named {
            Named::Token => self.vocabulary_string(text.tokens.ids[positions[0]]),
            Named::Word => {
                let pieces = text.pieces(positions).map(|piece| self.decode(text.tokens, piece));
                let pieces = pieces.collect::<Result<Vec<_>>>()?;
                let decoded: String = pieces.iter().map(|piece| piece.string.as_str()).collect();
                self.in_full(&decoded, pieces.iter().all(|piece| piece.is_whole), written)
            }
            Named::Sentence => {
                let decoded = self.decode(text.tokens, positions)?;
                // The token of an unknown word is none of a sentence's.
                let is_gapless = positions.windows(2).all(|pair| pair[0] + 1 == pair[1]);
                self.in_full(&decoded.string, decoded.is_whole && is_gapless, written)
            }
            Named::Text => self.units.intern(text.text),
        };
        self.units.push(self.result.text_count() as u32, begin as u32, end as u32, string);
        self.result.positions.extend(positions.iter().map(|&position| position as u32));
        self.result.unit_starts.push(self.result.positions.len());
        Ok(())
    }

    fn vocabulary_string(&mut self, id: u32) -> u32 {
        if let Some(&known) = self.tokens.get(&id) {
            return known;
        }
        let string = self.units.intern(&self.tokenizer.token(id));
        self.tokens.insert(id, string);
        string
    }

    /// What the tokenizer makes of some tokens.
    fn decode(&mut self, tokens: &Tokens, positions: &[usize]) -> Result<Arc<Decoded>> {
        let ids: Vec<u32> = positions.iter().map(|&position| tokens.ids[position]).collect();
        if let Some(known) = self.decoded.get(&ids) {
            return Ok(Arc::clone(known));
        }
        let string = self.tokenizer.decode(&ids)?;
        let is_whole = !string.is_empty()
            && !string.contains(char::REPLACEMENT_CHARACTER)
            && !ids.iter().any(|&id| self.tokenizer.is_unspoken(id));
        let decoded = Arc::new(Decoded { string, is_whole });
        self.decoded.insert(ids, Arc::clone(&decoded));
        Ok(decoded)
    }

    /// The interned string of a unit: what was decoded where that is all, else what is written in the text, with the white
    /// space in front that the decoder leaves there.
    fn in_full(&mut self, decoded: &str, is_whole: bool, written: &str) -> u32 {
        let bare = written.trim();
        if is_whole || (bare.is_empty() && !decoded.is_empty() && decoded.trim().is_empty()) {
            self.units.intern(decoded)
        } else if bare.is_empty() {
            self.units.intern(written)
        } else {
            let space = &decoded[..decoded.len() - decoded.trim_start().len()];
            self.units.intern(&format!("{space}{bare}"))
        }
    }
}
