//! Long texts are tokenized in pieces, with the tokens that the whole text has.
//!
//! The crate takes up to 500 bytes for a byte of text, and reads all of a text of which a model reads the beginning. A text is cut where
//! [`Cuts`] says that the tokens behind a place do not depend on what is before it, nor the other way round. Each piece is tokenized
//! with the text up to the cut before it and behind it: what happens at its ends (a space in front, a regular expression that looks
//! ahead) happens in tokens that are not taken.

pub(super) mod cuts;
#[cfg(test)]
mod tests;

use tokenizers::{Encoding, TruncationDirection};

use self::cuts::Cuts;
use super::tokenizer::Tokenizer;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result, shown_up_to};

/// How much text is given to the crate at a time, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// As much as is wanted.
    pub piece: usize,
    /// As much as is taken where there is no place to cut.
    pub most: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { piece: 64 << 10, most: 1 << 20 }
    }
}

/// A part of a text: the tokens between `begin` and `end` are taken, and seen from `from` to `to`.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: usize,
    begin: usize,
    end: usize,
    to: usize,
}

/// A token's id, string, bytes in the text, word, and the number of its text, as an [`Encoding`] is made from them.
type Entry = (u32, String, (usize, usize), Option<u32>, u32);

impl Tokenizer {
    /// The tokens of a long text without those around it: no fewer than the tokenizer's limit leaves.
    pub(super) fn in_pieces(&self, text: &str, sizes: Sizes, control: &Control) -> Result<Encoding> {
        let cuts = self.cuts().ok_or_else(|| too_long(text, 0, sizes))?;
        let truncation = self.pipeline.truncation();
        // One more than are kept says that there are more.
        let wanted = truncation.map_or(usize::MAX, |truncation| truncation.max_length.saturating_add(1));
        let from_right = truncation.is_some_and(|truncation| truncation.direction == TruncationDirection::Left);
        let mut taken: Vec<Entry> = Vec::new();
        let mut next = Some(first(cuts, text, sizes)?);
        while let Some(piece) = next {
            control.check()?;
            self.take(text, piece, &mut taken, sizes)?;
            if from_right && taken.len() / 2 > wanted {
                taken.drain(..taken.len() - wanted);
            }
            if !from_right && taken.len() >= wanted {
                break;
            }
            next = after(cuts, text, piece, sizes)?;
        }
        if from_right {
            taken.drain(..taken.len().saturating_sub(wanted));
        }
        taken.truncate(wanted);
        Ok(taken.into_iter().collect())
    }

    /// Adds the tokens of a piece to those of the pieces before it.
    fn take(&self, text: &str, piece: Piece, taken: &mut Vec<Entry>, sizes: Sizes) -> Result<()> {
        let Piece { from, begin, end, to } = piece;
        let seen = text.get(from..to).ok_or_else(|| too_long(text, begin, sizes))?;
        let encoding = self.pipeline.content(seen, None)?;
        let span = |&(first, last): &(usize, usize)| (first + from, last + from);
        let spans: Vec<(usize, usize)> = encoding.get_offsets().iter().map(span).collect();
        let starts_behind = |place: usize| spans.iter().position(|&(first, _)| first >= place).unwrap_or(spans.len());
        let first = starts_behind(begin);
        let last = if end == text.len() { spans.len() } else { starts_behind(end) };
        // The places were cuts, or this is not the tokenizer that it was taken for.
        let between = |spans: &[(usize, usize)], low: usize, high: usize| {
            spans.iter().all(|&(first, last)| (low..=high).contains(&first) && (low..=high).contains(&last))
        };
        let cut = first <= last
            && between(&spans[..first], from, begin)
            && between(&spans[first..last], begin, end)
            && between(&spans[last..], end, to);
        if !cut {
            return Err(too_long(text, begin, sizes));
        }
        let words = encoding.get_word_ids();
        // Words go on counting from the token before, which both pieces have.
        let shift = match (taken.last().and_then(|entry| entry.3), first.checked_sub(1)) {
            (Some(word), Some(before)) => i64::from(word) - words[before].map_or(0, i64::from),
            (Some(word), None) => i64::from(word) + 1 - words.first().copied().flatten().map_or(0, i64::from),
            (None, _) => 0,
        };
        taken.try_reserve(last - first).map_err(|_| {
            Error::new(ErrorCode::OutOfMemory, format!("no memory for {} more tokens of a text", last - first))
                .hint("cut the text into shorter ones")
        })?;
        taken.extend((first..last).map(|index| {
            let word = words[index].map(|word| (i64::from(word) + shift) as u32);
            (encoding.get_ids()[index], encoding.get_tokens()[index].clone(), spans[index], word, 0)
        }));
        Ok(())
    }
}

fn first(cuts: &Cuts, text: &str, sizes: Sizes) -> Result<Piece> {
    up_to_cuts(cuts, text, 0, 0, sizes)
}

/// The piece after one, if that was not the last.
fn after(cuts: &Cuts, text: &str, piece: Piece, sizes: Sizes) -> Result<Option<Piece>> {
    if piece.end == text.len() {
        return Ok(None);
    }
    let from = cuts.last(text, piece.begin + 1..piece.end).unwrap_or(piece.begin);
    up_to_cuts(cuts, text, from, piece.end, sizes).map(Some)
}

/// The piece that begins at a cut and ends at another, with one more cut behind it.
fn up_to_cuts(cuts: &Cuts, text: &str, from: usize, begin: usize, sizes: Sizes) -> Result<Piece> {
    let whole = Piece { from, begin, end: text.len(), to: text.len() };
    if text.len() - begin <= sizes.piece {
        return Ok(whole);
    }
    let to = cuts.last(text, begin + 1..begin + sizes.piece);
    if let Some(to) = to
        && let Some(end) = cuts.last(text, begin + 1..to)
    {
        return Ok(Piece { from, begin, end, to });
    }
    // The next two cuts, wherever they are.
    let most = (begin + sizes.most).min(text.len());
    let end = cuts.first(text, begin + 1..most);
    match end.and_then(|end| Some((end, cuts.first(text, end + 1..most)?))) {
        Some((end, to)) => Ok(Piece { from, begin, end, to }),
        None if most == text.len() => Ok(whole),
        None => Err(too_long(text, begin, sizes)),
    }
}

/// The error for a text that can only be tokenized at once, and is too long for that.
fn too_long(text: &str, place: usize, sizes: Sizes) -> Error {
    let begin = shown_up_to(40, text);
    let message = format!(
        "the text of {} bytes `{begin}` is too long: from byte {place} there are more than {} without a place where this \
         tokenizer's words surely end",
        text.len(),
        sizes.most
    );
    Error::argument(message)
        .hint(format!("cut it into texts of at most {} bytes, for instance at its lines", sizes.most))
        .detail("bytes", text.len())
        .detail("limit", sizes.most)
}
