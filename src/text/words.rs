//! Which tokens make a word, and which bytes of the text a token stands for.
//!
//! A tokenizer says of each token which of its own words it belongs to and where it lies. Both are put right here: byte-level
//! tokenizers cut inside characters, some leave tokens of spaces without a place, and some call a whole text one word.

use std::iter::once;

use unicode_segmentation::UnicodeSegmentation;

use super::granularity::WordRule;
use super::tokenize::TokensOf;
use super::tokenizer::Tokenizer;

impl Tokenizer {
    /// The rule that words are cut by, where this one is asked for: [`WordRule::Auto`] becomes one of the others.
    pub fn word_rule(&self, asked: WordRule) -> WordRule {
        match asked {
            WordRule::Auto if self.leaves_spaces => WordRule::Unicode,
            WordRule::Auto => WordRule::Tokenizer,
            rule => rule,
        }
    }
}

/// A text and its tokens.
#[derive(Clone, Copy)]
pub(super) struct TokenizedText<'a> {
    pub text: &'a str,
    pub tokens: TokensOf<'a>,
}

impl TokenizedText<'_> {
    /// The bytes of the text that a unit stands for, from its first token to its last. White space that the tokenizer trims
    /// from the places of its tokens counts only where there is nothing else: RoBERTa's ` film` lies where `film` does.
    pub(super) fn span(self, positions: &[usize]) -> (usize, usize) {
        let union = |(begin, end): (usize, usize), (next, last): (usize, usize)| (begin.min(next), end.max(last));
        let of_text = positions.iter().filter(|&&position| self.tokens.word(position).is_some());
        let named = of_text.clone().map(|&position| self.named(position)).reduce(union);
        let places = || of_text.map(|&position| self.place(position)).reduce(union);
        named.filter(|(begin, end)| begin < end).or_else(places).unwrap_or((0, 0))
    }

    /// The positions of each word by the tokenizer's rule. A word that begins inside a character leaves the tokens there to
    /// the word before it: Falcon splits between the bytes of some.
    pub(super) fn tokenizer_words(self, leaves_spaces: bool) -> Vec<Vec<usize>> {
        let mut words: Vec<(u32, Vec<usize>)> = Vec::new();
        for position in self.of_text() {
            let id = self.tokens.word(position).unwrap_or_default();
            match words.last_mut() {
                Some((last, word)) if *last == id || self.goes_on(word, position) => word.push(position),
                _ => words.push((id, vec![position])),
            }
        }
        let words = words.into_iter().map(|(_, word)| word);
        if leaves_spaces { words.flat_map(|word| self.cut_at_spaces(word)).collect() } else { words.collect() }
    }

    /// The positions of each word by the word boundaries of Unicode.
    pub(super) fn unicode_words(self) -> Vec<Vec<usize>> {
        self.cut(self.of_text(), self.text.split_word_bound_indices().map(|(start, _)| start))
    }

    /// The positions of a word, in pieces that the tokenizer decodes by themselves: its own words, where it splits more
    /// than the rule does. Together they are the word as the model reads it, without the spaces that a decoder puts between
    /// words.
    pub(super) fn pieces(self, word: &[usize]) -> impl Iterator<Item = &[usize]> {
        word.chunk_by(move |&one, &next| self.tokens.word(one) == self.tokens.word(next) || self.goes_on(&[one], next))
    }

    /// The positions that stand for something in the text.
    fn of_text(self) -> impl Iterator<Item = usize> {
        (0..self.tokens.ids.len()).filter(move |&position| self.tokens.word(position).is_some())
    }

    /// What the tokenizer says of the place of a token, drawn out to whole characters: a byte-level token can end inside one.
    fn named(self, position: usize) -> (usize, usize) {
        let (begin, end) = self.tokens.offsets(position);
        let begin = self.text.floor_char_boundary(begin);
        (begin, self.text.ceil_char_boundary(end).max(begin))
    }

    /// The place of a token. One that the tokenizer gives no place though it stands for something in the text has the white
    /// space that was trimmed away, before it or behind it; a space that the tokenizer has put in has the character that
    /// follows.
    fn place(self, position: usize) -> (usize, usize) {
        let (begin, end) = self.named(position);
        if begin < end || self.tokens.word(position).is_none() {
            return (begin, end);
        }
        let text = self.text;
        let before = &text[position.checked_sub(1).map_or(0, |last| self.named(last).1.min(begin))..begin];
        let spaces = before.len() - before.trim_end().len();
        if spaces > 0 {
            return (begin - spaces, begin);
        }
        let is_of_text = |next: &usize| self.tokens.word(*next).is_some();
        let next = Some(position + 1).filter(is_of_text).map_or(text.len(), |next| self.named(next).0.max(begin));
        let after = &text[begin..next];
        let spaces = after.len() - after.trim_start().len();
        let next = if spaces > 0 { begin + spaces } else { text.ceil_char_boundary(begin + 1) };
        if begin < text.len() { (begin, next) } else { (text.floor_char_boundary(begin.saturating_sub(1)), begin) }
    }

    /// Whether a token begins inside what a word that comes before it stands for.
    fn goes_on(self, word: &[usize], position: usize) -> bool {
        word.last().is_some_and(|&last| self.place(position).0 < self.place(last).1)
    }

    /// The words in one of the tokenizer's, where that may have white space in it.
    fn cut_at_spaces(self, word: Vec<usize>) -> Vec<Vec<usize>> {
        let begin = word.first().map_or(0, |&first| self.place(first).0);
        let behind = |(space, character): (usize, char)| begin + space + character.len_utf8();
        let spaces = self.text[begin..].char_indices().filter(|(_, character)| character.is_whitespace());
        self.cut(word.into_iter(), once(begin).chain(spaces.map(behind)))
    }

    /// Puts tokens into words, of which each begins at one of `starts`: into the one in which their first byte lies that is not
    /// white space. Tokens of nothing else are in no word, but for a space that stands right before a word: it is the word's
    /// own, which most tokens have in them.
    fn cut(self, positions: impl Iterator<Item = usize>, starts: impl Iterator<Item = usize>) -> Vec<Vec<usize>> {
        let mut starts = starts.peekable();
        let mut words: Vec<Vec<usize>> = Vec::new();
        let (mut begun_at, mut reached) = (None, 0);
        let mut space = None;
        let mut here = None;
        for position in positions {
            let (begin, end) = self.place(position);
            let Some(solid) = self.text[begin..end].find(|character: char| !character.is_whitespace()) else {
                space = (&self.text[begin..end] == " ").then_some((position, end));
                continue;
            };
            while let Some(start) = starts.next_if(|&start| start <= begin + solid) {
                here = Some(start);
            }
            match words.last_mut() {
                Some(word) if begin < reached || begun_at == here => word.push(position),
                _ => {
                    let own = space.filter(|&(_, end)| solid == 0 && end == begin);
                    words.push(own.map(|(space, _)| space).into_iter().chain(once(position)).collect());
                    begun_at = here;
                }
            }
            reached = reached.max(end);
            space = None;
        }
        words
    }
}
