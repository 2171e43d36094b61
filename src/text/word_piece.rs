//! WordPiece for words without a limit of their own.
//!
//! The crate looks up every part of a word, so that a word takes time in the cube of its length. A tokenizer has a limit of a hundred
//! characters against that; where a file raises it, only parts that are as long as a token are looked up.

use std::collections::BTreeSet;

use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{Model, ModelWrapper, Token};

/// Up to this limit of characters a word, the crate is fast enough.
pub(super) const LONG_WORD: usize = 1000;

/// The lengths that the tokens of a WordPiece model have, in bytes.
#[derive(Debug)]
pub(super) struct LongWords {
    lengths: BTreeSet<usize>,
}

impl LongWords {
    /// For a model that takes long words; `None` for the others.
    pub fn of(model: &ModelWrapper) -> Option<Self> {
        let ModelWrapper::WordPiece(model) = model else { return None };
        let takes = model.max_input_chars_per_word > LONG_WORD;
        takes.then(|| Self { lengths: model.get_vocab().keys().map(String::len).collect() })
    }

    /// The tokens of a word, as the crate finds them: from each place the longest that there is, or the unknown token for all of it.
    pub fn tokenize(&self, word: &str, model: &ModelWrapper) -> tokenizers::Result<Vec<Token>> {
        let ModelWrapper::WordPiece(model) = model else { return model.tokenize(word) };
        if word.chars().take(model.max_input_chars_per_word.saturating_add(1)).count() <= model.max_input_chars_per_word
        {
            let mut tokens = Vec::new();
            let mut begin = 0;
            while begin < word.len() {
                let Some(token) = self.longest(word, begin, model) else { break };
                begin = token.offsets.1;
                tokens.push(token);
            }
            if begin == word.len() {
                return Ok(tokens);
            }
        }
        let unknown = &model.unk_token;
        let id = model
            .token_to_id(unknown)
            .ok_or_else(|| format!("its unknown token `{unknown}` is not in its vocabulary"))?;
        Ok(vec![Token::new(id, unknown.clone(), (0, word.len()))])
    }

    fn longest(&self, word: &str, begin: usize, model: &WordPiece) -> Option<Token> {
        let prefix = if begin > 0 { model.continuing_subword_prefix.as_str() } else { "" };
        let mut part = String::new();
        self.lengths.iter().rev().filter_map(|length| length.checked_sub(prefix.len())).find_map(|length| {
            let text = word.get(begin..begin.checked_add(length)?).filter(|text| !text.is_empty())?;
            part.clear();
            part.extend([prefix, text]);
            model.token_to_id(&part).map(|id| Token::new(id, part.clone(), (begin, begin + length)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn model(limit: usize) -> ModelWrapper {
        let mut id = 0;
        let vocabulary = ["[UNK]", "a", "ab", "##b", "##ba", "##é", "é", "##a"].map(|piece| {
            id += 1;
            (piece.to_owned(), id)
        });
        WordPiece::builder().vocab(vocabulary).max_input_chars_per_word(limit).build().unwrap().into()
    }

    #[test]
    fn long_words_have_the_tokens_that_the_crate_finds() {
        let (short, long) = (model(LONG_WORD), model(LONG_WORD + 1));
        assert!(LongWords::of(&short).is_none());
        let words = LongWords::of(&long).unwrap();
        for word in ["a", "abba", "aéab", "baab", "abc", "éba", "", &"ab".repeat(400), "aéé"] {
            assert_eq!(words.tokenize(word, &long).unwrap(), short.tokenize(word).unwrap(), "{word}");
        }
    }

    #[test]
    fn a_word_of_any_length_takes_time_in_proportion() {
        let long = model(usize::MAX);
        let words = LongWords::of(&long).unwrap();
        let start = Instant::now();
        assert_eq!(words.tokenize(&"ab".repeat(500_000), &long).unwrap().len(), 500_001);
        // In proportion it is a fraction of a second, with the square of the length many minutes.
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
