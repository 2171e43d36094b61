//! Texts become token ids and units.
//!
//! A unit is a list of positions of its text. Words are what the tokenizer's pre-tokenizer splits, so they are those that
//! the model saw; their strings are what the tokenizer makes of their tokens, so that byte-level words keep their leading
//! space (`" film"`) and lower-casing models show lower case.

use std::collections::HashMap;
use std::sync::Arc;

use super::encoded::EncodedTexts;
use super::granularity::Granularity;
use super::sentence::TokenAt;
use super::tokenize::{Tokens, panicked};
use super::tokenizer::Tokenizer;
use super::units::UnitsBuilder;
use crate::control::{Control, Stage};
use crate::error::{Error, ErrorCode, Result};
use crate::threads::start;

/// How many texts are tokenized before the next look at progress and cancellation.
const TEXTS_AT_A_TIME: usize = 512;

impl Tokenizer {
    /// Tokenizes texts and cuts them into units, on `threads` threads. The result does not depend on their number.
    ///
    /// An empty text has no units. With [`Granularity::Token`] and [`Granularity::Sample`] the special tokens do not count,
    /// nor does the token for unknown words.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for [`Granularity::ClsToken`] where texts do not begin with the classification token;
    /// [`ErrorCode::InvalidArgument`] for a text of more than 4 GiB; [`ErrorCode::Cancelled`].
    pub fn encode_texts(
        &self,
        texts: &[impl AsRef<str> + Sync],
        granularity: Granularity,
        threads: usize,
        control: &Control,
    ) -> Result<EncodedTexts> {
        control.begin(Stage::Tokenize, texts.len() as u64)?;
        let mut encoder = Encoder::new(self, granularity);
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
            truncated_count: 0,
        }
    }
}

/// Turns the tokens of text after text into units.
struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    granularity: Granularity,
    result: EncodedTexts,
    units: UnitsBuilder,
    /// The interned string of each sequence of ids that was decoded: a word is decoded once.
    decoded: HashMap<Vec<u32>, u32>,
    /// The interned vocabulary string of each id.
    tokens: HashMap<u32, u32>,
    /// The vocabulary string and the text of each id alone, for the ends of sentences.
    alone: HashMap<u32, Arc<(String, String)>>,
}

impl<'a> Encoder<'a> {
    fn new(tokenizer: &'a Tokenizer, granularity: Granularity) -> Self {
        let result =
            EncodedTexts { text_starts: vec![0], unit_starts: vec![0], text_units: vec![0], ..EncodedTexts::default() };
        Self {
            tokenizer,
            granularity,
            result,
            units: UnitsBuilder::default(),
            decoded: HashMap::new(),
            tokens: HashMap::new(),
            alone: HashMap::new(),
        }
    }

    fn add(&mut self, text: &str, tokens: &Tokens) -> Result<()> {
        let index = self.result.text_count();
        if u32::try_from(text.len()).is_err() || u32::try_from(index).is_err() {
            return Err(Error::argument(format!("text {index} has {} bytes, or is one too many", text.len()))
                .hint("give at most 4,294,967,295 texts of less than 4 GiB each"));
        }
        let regular: Vec<usize> =
            (0..tokens.ids.len()).filter(|&position| !self.tokenizer.is_special(tokens.ids[position])).collect();
        match self.granularity {
            Granularity::Token => regular.iter().for_each(|&position| self.push_token(text, tokens, position)),
            Granularity::AllTokens => {
                (0..tokens.ids.len()).for_each(|position| self.push_token(text, tokens, position));
            }
            Granularity::Word => {
                for word in self.words(tokens) {
                    self.push_decoded(text, tokens, &word)?;
                }
            }
            Granularity::Sentence => {
                for sentence in self.sentences(tokens, &regular)? {
                    self.push_decoded(text, tokens, &sentence)?;
                }
            }
            Granularity::Sample => {
                if !regular.is_empty() {
                    let string = self.units.intern(text);
                    self.push(text, tokens, &regular, string);
                }
            }
            Granularity::ClsToken => {
                self.check_cls(index, tokens)?;
                let string = self.units.intern(text);
                self.push(text, tokens, &[0], string);
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
    fn words(&self, tokens: &Tokens) -> Vec<Vec<usize>> {
        let numbered = tokens.words.iter().zip(0..).filter_map(|(word, position)| Some(((*word)?, position)));
        let mut numbered: Vec<(u32, usize)> = numbered.collect();
        numbered.sort_unstable();
        let words = numbered.chunk_by(|one, next| one.0 == next.0);
        let words = words.map(|word| word.iter().map(|(_, position)| *position).collect::<Vec<_>>());
        if self.tokenizer.leaves_spaces {
            words.flat_map(|word| self.cut_at_spaces(tokens, &word)).collect()
        } else {
            words.collect()
        }
    }

    /// The words in what a tokenizer that leaves spaces in its words calls one: a word begins at each token that begins with
    /// a space.
    fn cut_at_spaces(&self, tokens: &Tokens, positions: &[usize]) -> Vec<Vec<usize>> {
        let mut words: Vec<Vec<usize>> = Vec::new();
        for &position in positions {
            let begins = self.tokenizer.token(tokens.ids[position]).starts_with(['▁', 'Ġ', ' ']);
            match words.last_mut() {
                Some(word) if !begins => word.push(position),
                _ => words.push(vec![position]),
            }
        }
        words
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

    fn push_token(&mut self, text: &str, tokens: &Tokens, position: usize) {
        let id = tokens.ids[position];
        let string = if let Some(&known) = self.tokens.get(&id) {
            known
        } else {
            let string = self.units.intern(&self.tokenizer.token(id));
            self.tokens.insert(id, string);
            string
        };
        self.push(text, tokens, &[position], string);
    }

    fn push_decoded(&mut self, text: &str, tokens: &Tokens, positions: &[usize]) -> Result<()> {
        let ids: Vec<u32> = positions.iter().map(|&position| tokens.ids[position]).collect();
        let string = if let Some(&known) = self.decoded.get(&ids) {
            known
        } else {
            let string = self.units.intern(&self.tokenizer.decode(&ids)?);
            self.decoded.insert(ids, string);
            string
        };
        self.push(text, tokens, positions, string);
        Ok(())
    }

    fn push(&mut self, text: &str, tokens: &Tokens, positions: &[usize], string: u32) {
        let offsets = || positions.iter().map(|&position| tokens.offsets[position]);
        let begin = offsets().map(|(begin, _)| begin).min().unwrap_or(0).min(text.len());
        let end = offsets().map(|(_, end)| end).max().unwrap_or(0).clamp(begin, text.len());
        // A byte-level token can end inside a character; the span takes in the whole of it.
        let begin = (0..=begin).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let end = (end..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
        self.units.push(self.result.text_count() as u32, begin as u32, end as u32, string);
        self.result.positions.extend(positions.iter().map(|&position| position as u32));
        self.result.unit_starts.push(self.result.positions.len());
    }
}
