//! SentencePiece's BPE: Llama 2, Mistral, Phi-3 and Gemma.
//!
//! SentencePiece joins the two neighbours whose union has the best score; `tokenizer.json` lists merges instead. A file has the
//! scores, so the merges are made from them, in the order in which the converters of transformers list them.

use std::cmp::Ordering;

use tokenizers::decoders::DecoderWrapper;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::Merges;
use tokenizers::normalizers::{Prepend, Replace, Sequence as Normalizers};

use super::vocabulary::{Ids, Kind, NamedTokens, TOKENS, Vocabulary, listed_merges, of_other_length};
use super::{Layout, wrong};
use crate::error::{Error, Result};
use crate::gguf::{Metadata, missing};

const SCORES: &str = "tokenizer.ggml.scores";
const SPACE_IN_FRONT: &str = "tokenizer.ggml.add_space_prefix";

/// How SentencePiece writes a space.
const SPACE: &str = "▁";
/// No piece of a real vocabulary is nearly as long: SentencePiece's own limit is 16 characters unless it is raised.
const LONGEST_PIECE: usize = 1024;
/// The bytes that all merges may take. Gemma's take 14 million.
const MOST_MERGES: usize = 1 << 28;

/// Undoes what the converters change in the pieces, and adds the special tokens that old files do not name, which are Llama 2's.
///
/// The converters write the spaces of user-defined pieces as spaces. And Gemma's `tokenizer.json` has the tab itself for the byte
/// of it, where no other piece is the tab.
pub(super) fn restore(vocabulary: &mut Vocabulary<'_>, named: &mut NamedTokens, architecture: &str) {
    let has_tab = !architecture.starts_with("gemma") || vocabulary.entries().any(|(text, _)| text == "\t");
    vocabulary.respell(|text, kind| {
        if kind == Kind::UserDefined && text.chars().all(|character| character == ' ') {
            return Some(SPACE.repeat(text.len()));
        }
        (!has_tab && kind == Kind::Byte && text == "<0x09>").then(|| "\t".to_owned())
    });
    let usual = |id: u32, kind: Kind| (vocabulary.kind(id) == Some(kind)).then_some(id);
    named.unknown = named.unknown.or_else(|| usual(0, Kind::Unknown));
    named.beginning = named.beginning.or_else(|| usual(1, Kind::Control));
    named.end = named.end.or_else(|| usual(2, Kind::Control));
}

pub(super) fn layout(
    metadata: &Metadata<'_>,
    architecture: &str,
    vocabulary: &Vocabulary<'_>,
    ids: &Ids<'_>,
) -> Result<Layout> {
    let merges = match listed_merges(metadata, ids)? {
        Some(merges) => merges,
        None => merges_by_score(metadata, vocabulary, ids, architecture.starts_with("gemma3"))?,
    };
    let space_in_front = metadata.flag(SPACE_IN_FRONT)?.unwrap_or(true);
    let replace = |from: &str, to: &str| {
        Replace::new(from, to).map_err(|error| Error::internal(format!("`{from}` cannot be replaced: {error}")))
    };
    // Before the words of Llama 2, Mistral and Phi-3 comes a space at the beginning of a text and after each special token in
    // it, even if there is one already. Some newer models have it at the beginning alone, which no file tells; llama.cpp does
    // as here.
    let mut normalizers = Vec::new();
    let mut decoders: Vec<DecoderWrapper> =
        vec![replace(SPACE, " ")?.into(), ByteFallback::default().into(), Fuse::default().into()];
    if space_in_front {
        normalizers.push(Prepend::new(SPACE.to_owned()).into());
        decoders.push(Strip::new(' ', 1, 0).into());
    }
    normalizers.push(replace(" ", SPACE)?.into());
    Ok(Layout {
        merges,
        normalizer: Some(Normalizers::new(normalizers).into()),
        words: None,
        decoder: Decoders::new(decoders).into(),
        ignore_merges: false,
        bytes: true,
        begins: true,
    })
}

/// Two pieces, and the score of the piece that they make.
struct Merge {
    score: f64,
    left: u32,
    right: u32,
}

/// Every way to put a piece together from two others, the piece with the best score first.
///
/// Those of one piece come in the order of the ids of their parts. Newer converters prefer longer parts among pieces
/// of one score, of which only runs of spaces and newlines have many: Gemma 3's `tokenizer.json` has that order.
fn merges_by_score(
    metadata: &Metadata<'_>,
    vocabulary: &Vocabulary<'_>,
    ids: &Ids<'_>,
    longest_first: bool,
) -> Result<Merges> {
    let scores = metadata.numbers(SCORES)?.ok_or_else(|| missing(SCORES))?;
    if scores.len() != vocabulary.len() {
        return Err(of_other_length(SCORES, scores.len(), vocabulary.len()));
    }
    if let Some(score) = scores.iter().find(|score| !score.is_finite()) {
        return Err(wrong(SCORES, format!("holds {score}")));
    }
    let mut merges: Vec<Merge> = Vec::new();
    let mut bytes = 0;
    for (piece, id) in vocabulary.entries() {
        let score = match vocabulary.kind(id) {
            Some(Kind::Normal | Kind::Unused) => scores[id as usize],
            // What SentencePiece has for it; the converters write -1000.
            Some(Kind::UserDefined) => 0.0,
            _ => continue,
        };
        if piece.len() > LONGEST_PIECE {
            return Err(wrong(
                TOKENS,
                format!("has a token of {} bytes as {id}, more than {LONGEST_PIECE}", piece.len()),
            ));
        }
        let first = merges.len();
        let cuts = piece.char_indices().skip(1);
        merges.extend(cuts.filter_map(|(cut, _)| {
            let (left, right) = piece.split_at(cut);
            Some(Merge { score, left: *ids.get(left)?, right: *ids.get(right)? })
        }));
        merges[first..].sort_unstable_by_key(|merge| (merge.left, merge.right));
        bytes += (merges.len() - first) * (piece.len() + size_of::<(String, String)>());
        if bytes > MOST_MERGES {
            return Err(wrong(TOKENS, format!("has tokens that can be merged in too many ways, up to {id} alone")));
        }
    }
    let lengths = |merge: &Merge| {
        let length = |id| vocabulary.text(id).chars().count();
        (length(merge.left), length(merge.right))
    };
    let longer = |one: &Merge, other: &Merge| {
        if longest_first { lengths(other).cmp(&lengths(one)) } else { Ordering::Equal }
    };
    // Scores are finite, so that they can be compared; 0 and -0 are equal.
    merges.sort_by(|one, other| {
        other.score.partial_cmp(&one.score).unwrap_or(Ordering::Equal).then_with(|| longer(one, other))
    });
    let text = |id: u32| vocabulary.text(id).to_owned();
    Ok(merges.into_iter().map(|merge| (text(merge.left), text(merge.right))).collect())
}
