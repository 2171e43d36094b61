//! Where a sentence ends.
//!
//! A sentence ends after a token that holds an end mark (`.`, `?`, `!`) when whitespace follows and the mark does not
//! belong to an abbreviation. Whitespace may stand between the two tokens, at the beginning of the next one, or at the end
//! of the token with the mark: with byte-level tokenizers, `best.` and a blank line are often one token, after which the
//! Python peer goes on with the same sentence.

use std::collections::HashMap;

use super::pipeline::Pipeline;
use crate::error::Result;

const END_MARKS: [char; 3] = ['.', '?', '!'];

/// Abbreviations whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 28] = [
    "Mr.", "Mrs.", "Ms.", "Dr.", "Prof.", "Sr.", "Jr.", "St.", "Mt.", "etc.", "cf.", "i.e.", "e.g.", "vs.", "nb.",
    "env.", "approx.", "min.", "max.", "resp.", "ex.", "ref.", "Ph.D.", "M.Sc.", "B.Sc.", "U.S.", "U.K.", "E.U.",
];

/// What decides about the ends of sentences in the tokens of one vocabulary.
#[derive(Debug)]
pub(super) struct SentenceRules {
    /// The abbreviations as this tokenizer writes them.
    exceptions: Vec<Vec<u32>>,
    /// Which exceptions hold an id, and where.
    places: HashMap<u32, Vec<(usize, usize)>>,
}

/// A token within a text, as the rules need it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenAt<'a> {
    /// The vocabulary's string.
    pub(super) string: &'a str,
    /// The text of the token alone.
    pub(super) decoded: &'a str,
    /// The first byte and one past the last byte in the text.
    pub(super) offsets: (usize, usize),
}

impl SentenceRules {
    pub(super) fn new(pipeline: &Pipeline) -> Result<Self> {
        let mut exceptions = Vec::new();
        for abbreviation in ABBREVIATIONS {
            for spelling in [abbreviation.to_owned(), abbreviation.to_lowercase(), abbreviation.to_uppercase()] {
                for text in [spelling.clone(), format!(" {spelling}")] {
                    exceptions.push(pipeline.encode(&text, false)?.get_ids().to_vec());
                }
            }
        }
        exceptions.sort_unstable();
        exceptions.dedup();
        let mut places: HashMap<u32, Vec<(usize, usize)>> = HashMap::new();
        for (index, exception) in exceptions.iter().enumerate() {
            for (place, &id) in exception.iter().enumerate() {
                places.entry(id).or_default().push((index, place));
            }
        }
        Ok(Self { exceptions, places })
    }

    /// Whether a sentence ends after the token at `position` of `ids`, of which `token` tells, and before `next`.
    pub(super) fn ends_after(&self, ids: &[u32], position: usize, token: TokenAt<'_>, next: TokenAt<'_>) -> bool {
        if !token.string.contains(END_MARKS) {
            return false;
        }
        if token.string.contains('.') && self.is_in_abbreviation(ids, position) {
            return false;
        }
        next.offsets.0 > token.offsets.1
            || next.decoded.starts_with(char::is_whitespace)
            || next.string.starts_with(['▁', 'Ġ', ' '])
            || token.decoded.ends_with(char::is_whitespace)
    }

    fn is_in_abbreviation(&self, ids: &[u32], position: usize) -> bool {
        let places = ids.get(position).and_then(|id| self.places.get(id));
        places.into_iter().flatten().any(|&(index, place)| {
            let exception = &self.exceptions[index];
            position.checked_sub(place).and_then(|first| ids.get(first..first + exception.len())) == Some(exception)
        })
    }
}
