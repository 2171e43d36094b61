//! Scaled dot-product attention within each text of a batch (Vaswani et al. 2017).

use std::ops::Range;

use super::relative::Relative;
use super::softmax::{adjust_scores, softmax_rows};
use crate::error::Result;
use crate::linalg::{Block, BlockMut, block_times, block_times_transposed};

/// The number of queries whose scores are computed at a time, which bounds the memory of scores for a long text.
pub(crate) const QUERY_ROWS: usize = 256;

/// Which keys a query reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mask {
    /// Whether a query reads only the key at its own position and those before it.
    pub causal: bool,
    /// If given, a query reads only keys whose distance from it is smaller. The key at its own position has distance 0.
    pub window: Option<usize>,
}

impl Mask {
    /// The positions of the keys that the query at a position reads in a text of `length` tokens.
    pub fn keys(self, query: usize, length: usize) -> Range<usize> {
        let first = self.window.map_or(0, |window| (query + 1).saturating_sub(window));
        let past = self.window.map_or(length, |window| query.saturating_add(window).min(length));
        first..if self.causal { query + 1 } else { past }
    }

    /// The positions from the first to the last key that at least one of the queries reads.
    pub fn keys_of(self, queries: &Range<usize>, length: usize) -> Range<usize> {
        self.keys(queries.start, length).start..self.keys(queries.end - 1, length).end
    }

    /// Whether the mask can hide a key from a query.
    pub fn hides(self) -> bool {
        self.causal || self.window.is_some()
    }
}

/// The settings of attention, and its inputs beside queries, keys and values.
pub(crate) struct Attention<'a> {
    /// The number of heads of queries.
    pub heads: usize,
    /// The number of heads of keys and values, a divisor of `heads`: consecutive heads of queries share one.
    pub key_value_heads: usize,
    /// The number of columns of a head.
    pub head_width: usize,
    /// The factor of scores before the softmax.
    pub scale: f32,
    /// The cap: a scaled score `s` becomes `cap tanh(s / cap)`.
    pub soft_cap: Option<f32>,
    /// Which keys a query reads.
    pub mask: Mask,
    /// The number of tokens of the longest text.
    pub longest: usize,
    /// A bias for each head and position of a key, `(heads, longest)`, which is added to the scaled scores.
    pub key_bias: Option<&'a [f32]>,
    /// The part of the scores that depends on the distance between query and key.
    pub relative: Relative<'a>,
}

/// Computes attention within each text. `texts` are the ranges of rows of the texts.
///
/// `queries` have the shape `(rows, heads * head_width)`, `keys` and `values` `(rows, key_value_heads * head_width)`.
/// The result has the shape of the queries. The result of a text depends on its own rows only.
///
/// # Errors
/// [`crate::ErrorCode::OutOfMemory`] where there is no memory for the workspace of matrix products.
pub(crate) fn attend(
    attention: &Attention<'_>,
    texts: &[Range<usize>],
    queries: &[f32],
    keys: &[f32],
    values: &[f32],
) -> Result<Vec<f32>> {
    let &Attention { heads, key_value_heads, head_width: columns, mask, longest, relative, .. } = attention;
    let (query_width, key_width) = (heads * columns, key_value_heads * columns);
    let group = heads / key_value_heads;
    let mut context = vec![0.0; queries.len()];
    let mut scores = Vec::new();
    for text in texts.iter().filter(|text| !text.is_empty()) {
        for head in 0..heads {
            let key_bias = attention.key_bias.map(|bias| &bias[head * longest..(head + 1) * longest]);
            let relative_bias = relative.bias(head, longest);
            // The block of keys or values of this head at some positions of the text.
            let of_keys = |all, read: &Range<usize>| {
                let start = (text.start + read.start) * key_width + head / group * columns;
                let end = start + (read.len() - 1) * key_width + columns;
                Block { values: slice(all, start, end), rows: read.len(), columns, stride: key_width }
            };
            let by_key = relative.key_products(head, || of_keys(keys, &(0..text.len())))?;
            for first in (0..text.len()).step_by(QUERY_ROWS) {
                let part = first..text.len().min(first + QUERY_ROWS);
                let read = mask.keys_of(&part, text.len());
                let rows = part.len();
                let start = (text.start + first) * query_width + head * columns;
                let end = start + (rows - 1) * query_width + columns;
                scores.clear();
                scores.resize(rows * read.len(), 0.0);
                let of_queries = Block { values: slice(queries, start, end), rows, columns, stride: query_width };
                let target = BlockMut::whole(&mut scores, rows, read.len());
                block_times_transposed(target, of_queries, of_keys(keys, &read))?;
                relative.add_products(&mut scores, head, of_queries, first, by_key.as_deref())?;
                normalise(attention, &mut scores, part, &read, text.len(), (key_bias, relative_bias));
                let Some(target) = context.get_mut(start..end) else { continue };
                let target = BlockMut { values: target, rows, columns, stride: query_width };
                block_times(target, Block::whole(&scores, rows, read.len()), of_keys(values, &read))?;
            }
        }
    }
    Ok(context)
}

/// Turns the raw scores `(queries, read)` of a head into attention weights. The weights of keys that a query does not read
/// are 0. The two biases are that of the positions of keys and that of distances, see [`Relative::Bias`].
fn normalise(
    attention: &Attention<'_>,
    scores: &mut [f32],
    queries: Range<usize>,
    read: &Range<usize>,
    length: usize,
    (key_bias, relative_bias): (Option<&[f32]>, Option<&[f32]>),
) {
    let mut scale = attention.scale;
    if attention.soft_cap.is_some() || key_bias.is_some() || relative_bias.is_some() {
        let bias = key_bias.map(|bias| &bias[read.clone()]);
        adjust_scores(scores, read.len(), scale, attention.soft_cap, bias);
        scale = 1.0;
    }
    if let Some(bias) = relative_bias {
        for (row, query) in scores.chunks_exact_mut(read.len()).zip(queries.clone()) {
            let first = bias.len() / 2 + read.start - query;
            for (score, bias) in row.iter_mut().zip(&bias[first..]) {
                *score += bias;
            }
        }
    }
    if !attention.mask.hides() {
        return softmax_rows(scores, read.len(), scale);
    }
    for (row, query) in scores.chunks_exact_mut(read.len()).zip(queries) {
        let visible = attention.mask.keys(query, length);
        let (first, last) = (visible.start - read.start, visible.end - read.start);
        row[..first].fill(0.0);
        row[last..].fill(0.0);
        softmax_rows(&mut row[first..last], last - first, scale);
    }
}

fn slice(values: &[f32], start: usize, end: usize) -> &[f32] {
    values.get(start..end).unwrap_or_default()
}
