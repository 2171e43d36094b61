//! Texts become token ids and units.
//!
//! A unit is a list of positions of its text. The strings of words are what the tokenizer makes of their tokens, so that
//! byte-level words keep their leading space (`" film"`) and lower-casing models show lower case. What the tokens do not say,
//! because one stands for something unknown or for a part of a character, comes from the text.

use std::collections::HashMap;
use std::mem::take;
use std::ops::Range;
use std::sync::Arc;

use super::encoded::EncodedTexts;
use super::granularity::{Granularity, UnitOptions, WordRule};
use super::inputs::{Inputs, Shared, Source, TEXTS_AT_A_TIME};
use super::left_out::LeftOut;
use super::sentence::TokenAt;
use super::stop_units::StopUnits;
use super::tokenize::{PackedTokens, TokensOf};
use super::tokenizer::Tokenizer;
use super::units::UnitsBuilder;
use super::words::TokenizedText;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::parallel::in_order;
use crate::workers::Workers;

impl Tokenizer {
    /// Cuts inputs into units.
    ///
    /// An empty text has no units. With [`Granularity::Token`] and [`Granularity::Sample`] the special tokens do not count,
    /// nor does the token for unknown words. Words do not overlap and stand in the order of their text. Where the inputs are
    /// token ids or a vocabulary each token is a unit, whatever the granularity; its string is the vocabulary's own.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for [`Granularity::ClsToken`] where texts do not begin with the classification token;
    /// [`ErrorCode::InvalidArgument`] for stop units without a text or of a granularity where every unit has a row;
    /// [`ErrorCode::InvalidFile`] naming the file and the part of it where the tokenizer fails; [`ErrorCode::Cancelled`].
    pub fn cut(&self, inputs: &Inputs, options: impl Into<UnitOptions>, control: &Control) -> Result<EncodedTexts> {
        self.cut_on(&Workers::default(), inputs, options, 1, control)
    }

    /// As [`Tokenizer::cut`], on `threads` threads of `workers` (0: one per core). The result does not depend on their number.
    pub(crate) fn cut_on(
        &self,
        workers: &Workers,
        inputs: &Inputs,
        options: impl Into<UnitOptions>,
        threads: usize,
        control: &Control,
    ) -> Result<EncodedTexts> {
        self.cut_part(workers, inputs, 0, options, threads, control)
    }

    /// As [`Tokenizer::cut_on`], where the first of the inputs is number `first` of all.
    pub(crate) fn cut_part<'a>(
        &'a self,
        workers: &Workers,
        inputs: &Inputs,
        first: usize,
        options: impl Into<UnitOptions>,
        threads: usize,
        control: &Control,
    ) -> Result<EncodedTexts> {
        let options = options.into();
        // What is wrong with them is said even where there is nothing to cut.
        UnitCutter::new(self, &options)?;
        let (count, shared) = (inputs.text_count(), &inputs.shared);
        // Several for each thread, which texts of different lengths keep busy.
        let at_a_time = count.div_ceil(4 * Workers::wanted(threads, count).max(1)).clamp(1, TEXTS_AT_A_TIME);
        let cut = |share: usize, cutter: &mut Option<UnitCutter<'a>>| {
            let cutter = match cutter {
                Some(cutter) => cutter,
                none => none.insert(UnitCutter::new(self, &options)?),
            };
            cutter.cut_share(shared, first, share * at_a_time..count.min((share + 1) * at_a_time))
        };
        let (mut result, mut units) = (EncodedTexts::default(), UnitsBuilder::default());
        in_order(workers, count.div_ceil(at_a_time), threads, control, cut, |_, share| {
            result.append(&share);
            units.append(&share.units);
            Ok(())
        })?;
        result.left_out.no_embedding += shared.left_out_count;
        Ok(EncodedTexts {
            tokens: Arc::clone(&shared.tokens),
            truncated_count: shared.truncated.count,
            units: units.finish(),
            ..result
        })
    }
}

/// Turns the tokens of text after text into units.
pub(crate) struct UnitCutter<'a> {
    tokenizer: &'a Tokenizer,
    granularity: Granularity,
    word_rule: WordRule,
    /// Whether the tokenizer's own words may have white space in them.
    leaves_white_space: bool,
    stop_units: StopUnits,
    /// Whether the first position of a text is in no unit.
    skips_first: bool,
    /// The units of the texts that were committed.
    pub(crate) units: UnitsBuilder,
    /// Those of the text that was cut last.
    last: CutText,
    /// What each sequence of ids says: a word is decoded once.
    decoded: HashMap<Vec<u32>, Arc<Decoded>>,
    /// The interned vocabulary string of each id.
    tokens: HashMap<u32, u32>,
    /// The vocabulary string and the text of each id alone, for the ends of sentences.
    alone: HashMap<u32, Arc<(String, String)>>,
}

/// The units of one text.
#[derive(Debug, Default)]
struct CutText {
    /// Where each begins and ends in the text, and its interned string.
    units: Vec<(u32, u32, u32)>,
    /// The positions of the tokens of all units, and where those of each unit end.
    positions: Vec<u32>,
    ends: Vec<usize>,
    left_out: LeftOut,
}

impl CutText {
    fn clear(&mut self) {
        self.units.clear();
        self.positions.clear();
        self.ends.clear();
        self.left_out = LeftOut::default();
    }

    /// Adds a unit of at least one position.
    fn push(&mut self, unit: (u32, u32, u32), positions: impl Iterator<Item = u32>) {
        self.units.push(unit);
        self.positions.extend(positions);
        self.ends.push(self.positions.len());
    }
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

impl<'a> UnitCutter<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer, options: &UnitOptions) -> Result<Self> {
        Ok(Self {
            tokenizer,
            granularity: options.granularity,
            word_rule: tokenizer.word_rule(options.word_rule),
            leaves_white_space: options.granularity == Granularity::Word && tokenizer.leaves_white_space,
            stop_units: StopUnits::new(options)?,
            skips_first: options.skip_first_position,
            units: UnitsBuilder::default(),
            last: CutText::default(),
            decoded: HashMap::new(),
            tokens: HashMap::new(),
            alone: HashMap::new(),
        })
    }

    /// Cuts a text, which is number `index` and number `at` of `packed`; [`UnitCutter::commit`] adds its units.
    pub(crate) fn cut(&mut self, index: usize, text: &str, packed: &PackedTokens, at: usize) -> Result<()> {
        self.last.clear();
        let tokens = packed.of(at);
        let whole = TokenizedText { text, tokens };
        let regular: Vec<usize> =
            (0..tokens.ids.len()).filter(|&position| !self.tokenizer.is_special(tokens.ids[position])).collect();
        match self.granularity {
            Granularity::Token => regular.iter().try_for_each(|&position| self.push(whole, &[position], Named::Token)),
            Granularity::AllTokens => {
                (0..tokens.ids.len()).try_for_each(|position| self.push(whole, &[position], Named::Token))
            }
            Granularity::Word => {
                self.words(whole).into_iter().try_for_each(|word| self.push(whole, &word, Named::Word))
            }
            Granularity::Sentence => {
                let sentences = self.sentences(tokens, &regular)?;
                sentences.into_iter().try_for_each(|sentence| self.push(whole, &sentence, Named::Sentence))
            }
            Granularity::Sample if regular.is_empty() => Ok(()),
            Granularity::Sample => self.push(whole, &regular, Named::Text),
            Granularity::ClsToken => {
                self.check_cls(index, tokens)?;
                self.push(whole, &[0], Named::Text)
            }
        }
    }

    /// Cuts a text of which only the ids are known: each token is a unit that stands nowhere.
    fn cut_ids(&mut self, ids: &[u32]) {
        self.last.clear();
        let first = usize::from(self.skips_first && !ids.is_empty());
        self.last.left_out.first_position = first;
        for (position, &id) in (0..).zip(ids).skip(first) {
            let string = self.vocabulary_string(id);
            self.last.push((0, 0, string), [position].into_iter());
        }
    }

    /// Cuts an entry of the vocabulary, which is one unit.
    fn cut_entry(&mut self, entry: &str) {
        self.last.clear();
        let string = self.units.intern(entry);
        self.last.push((0, 0, string), [0].into_iter());
    }

    /// Cuts some of the texts of inputs, the first of which is number `first`; their units have a table of strings of their own.
    fn cut_share(&mut self, shared: &Shared, first: usize, texts: Range<usize>) -> Result<EncodedTexts> {
        let mut share = EncodedTexts::default();
        self.tokens.clear();
        for index in texts {
            match shared.source {
                Source::Texts => self.cut(first + index, shared.texts.get(index), &shared.tokens, index)?,
                Source::Ids => self.cut_ids(shared.tokens.ids_of(index)),
                Source::Vocabulary => self.cut_entry(shared.texts.get(index)),
            }
            self.commit(first + index, &mut share);
        }
        share.units = take(&mut self.units).finish();
        Ok(share)
    }

    /// How many units the text has that was cut last.
    pub(crate) fn last_count(&self) -> usize {
        self.last.units.len()
    }

    /// Adds the units of the text that was cut last, which is number `index` and the next one of `result`.
    pub(crate) fn commit(&mut self, index: usize, result: &mut EncodedTexts) {
        let cut = &self.last;
        let first = result.positions.len();
        result.positions.extend_from_slice(&cut.positions);
        result.unit_starts.extend(cut.ends.iter().map(|end| first + end));
        result.text_units.push(result.unit_starts.len() - 1);
        result.left_out.add(cut.left_out);
        for &(begin, end, string) in &cut.units {
            self.units.push(index as u32, begin, end, string);
        }
    }

    /// Forgets what is only kept to be quick, which grows with the texts.
    pub(crate) fn forget(&mut self) {
        self.decoded = HashMap::new();
    }

    /// The positions of each word, in the order of the words.
    fn words(&self, text: TokenizedText<'_>) -> Vec<Vec<usize>> {
        match self.word_rule {
            WordRule::Unicode => text.unicode_words(),
            _ => text.tokenizer_words(self.leaves_white_space),
        }
    }

    fn sentences(&mut self, tokens: TokensOf<'_>, regular: &[usize]) -> Result<Vec<Vec<usize>>> {
        let mut sentences = Vec::new();
        let mut current = Vec::new();
        for (index, &position) in regular.iter().enumerate() {
            current.push(position);
            let Some(&next) = regular.get(index + 1) else { break };
            let (this_text, next_text) = (self.alone(tokens.ids[position])?, self.alone(tokens.ids[next])?);
            let this = TokenAt { string: &this_text.0, decoded: &this_text.1, offsets: tokens.offsets(position) };
            let that = TokenAt { string: &next_text.0, decoded: &next_text.1, offsets: tokens.offsets(next) };
            if self.tokenizer.sentences.ends_after(tokens.ids, position, this, that) {
                sentences.push(take(&mut current));
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

    fn check_cls(&self, index: usize, tokens: TokensOf<'_>) -> Result<()> {
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
        if self.stop_units.leave_out(text.text, (begin, end), &mut self.last.left_out) {
            return Ok(());
        }
        let skipped = usize::from(self.skips_first && positions.first() == Some(&0));
        let read = &positions[skipped..];
        if read.is_empty() {
            self.last.left_out.first_position += 1;
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
        self.last.push((begin as u32, end as u32, string), read.iter().map(|&position| position as u32));
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
    fn decode(&mut self, tokens: TokensOf<'_>, positions: &[usize]) -> Result<Arc<Decoded>> {
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
