//! Scaled dot-product attention within each text of a batch (Vaswani et al. 2017).

use std::ops::Range;

use super::relative::{Relative, Tables};
use super::softmax::{Scores, adjust_scores, softmax_rows};
use super::tile::{Panels, Rows, TILE_ROWS};
use crate::error::Result;
use crate::parallel::at_once;

/// The number of queries that read the same keys, under a mask all that one of them reads: it decides how the terms of a sum
/// are grouped.
pub(crate) const QUERY_ROWS: usize = 256;

/// How many scores are computed at a time, if six queries have no more: as many as stay in a cache. It bounds the memory of
/// scores for a long text.
const SCORES: usize = 1 << 17;

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
    /// A score for each head that takes weight from the keys and gives no value, `(heads,)`. Nothing is added to it.
    pub sinks: Option<&'a [f32]>,
    /// The part of the scores that depends on the distance between query and key.
    pub relative: Relative<'a>,
}

/// The queries of some texts: of all their rows, or of some.
#[derive(Clone, Copy)]
pub(crate) struct Queries<'a> {
    values: &'a [f32],
    /// The positions in their text, ascending, and which of the queries are those of each text; `None` for all rows.
    some: Option<(&'a [u32], &'a [Range<usize>])>,
}

impl<'a> Queries<'a> {
    /// One query for each row, `(rows, heads * head_width)`.
    pub fn all(values: &'a [f32]) -> Self {
        Self { values, some: None }
    }

    /// Queries at some positions of the texts, ascending. `texts` says which of the queries are those of each text.
    pub fn some(values: &'a [f32], positions: &'a [u32], texts: &'a [Range<usize>]) -> Self {
        Self { values, some: Some((positions, texts)) }
    }

    /// The number of the first query of a text at one of these positions, and the positions of all queries there; `rows` are
    /// those of the text.
    fn at(&self, text: usize, rows: &Range<usize>, part: &Range<usize>) -> (usize, Positions<'a>) {
        let Some((positions, texts)) = self.some else {
            return (rows.start + part.start, Positions::All(part.clone()));
        };
        let own = &positions[texts[text].clone()];
        let place = |position: usize| own.partition_point(|&own| (own as usize) < position);
        let (first, end) = (place(part.start), place(part.end));
        if end - first == part.len() {
            return (texts[text].start + first, Positions::All(part.clone()));
        }
        (texts[text].start + first, Positions::Some(&own[first..end]))
    }
}

/// The positions of queries in their text.
#[derive(Clone)]
enum Positions<'a> {
    /// All in a range.
    All(Range<usize>),
    /// Some.
    Some(&'a [u32]),
}

impl Positions<'_> {
    fn len(&self) -> usize {
        match self {
            Self::All(range) => range.len(),
            Self::Some(positions) => positions.len(),
        }
    }

    /// Some of them.
    fn part(&self, part: Range<usize>) -> Self {
        match self {
            Self::All(range) => Self::All(range.start + part.start..range.start + part.end),
            Self::Some(positions) => Self::Some(&positions[part]),
        }
    }

    fn get(&self, index: usize) -> usize {
        match self {
            Self::All(range) => range.start + index,
            Self::Some(positions) => positions[index] as usize,
        }
    }
}

/// The number of queries from which on another thread of the team is worth it for some of them.
const THREAD_QUERIES: usize = 512;

/// The number of products of scores, at most, from which on another thread is worth it for some of the heads.
const THREAD_TERMS: usize = 1 << 18;

/// Computes attention within each text as [`attend`], on up to `threads` threads: some of many queries on each of them, or some
/// of the heads.
///
/// # Errors
/// [`crate::ErrorCode::Internal`] where a thread ends early.
pub(crate) fn attend_on(
    threads: usize,
    attention: &Attention<'_>,
    texts: &[Range<usize>],
    queries: Queries<'_>,
    keys: &[f32],
    values: &[f32],
) -> Result<Vec<f32>> {
    let (heads, width) = (attention.heads, attention.heads * attention.head_width);
    let count = queries.values.len() / width;
    if threads.min(count / THREAD_QUERIES) <= 1 {
        let terms = count.saturating_mul(attention.longest).saturating_mul(width);
        let parts = if terms < THREAD_TERMS { 1 } else { threads.min(heads) };
        return by_heads(parts, attention, texts, queries, keys, values);
    }
    let threads = threads.min(count / THREAD_QUERIES);
    let all: Vec<u32>;
    let (positions, places) = if let Some(some) = queries.some {
        some
    } else {
        all = texts.iter().flat_map(|text| 0..text.len() as u32).collect();
        (&all[..], texts)
    };
    // Under a causal mask the later queries read more keys.
    let height = count.div_ceil(4 * threads).next_multiple_of(QUERY_ROWS);
    let results = at_once(count.div_ceil(height), threads, |part| {
        let rows = part * height..count.min((part + 1) * height);
        let within = |row: usize| row.clamp(rows.start, rows.end) - rows.start;
        let places: Vec<Range<usize>> = places.iter().map(|place| within(place.start)..within(place.end)).collect();
        let own = &queries.values[rows.start * width..rows.end * width];
        let own = Queries::some(own, &positions[rows.clone()], &places);
        Ok(attend(attention, 0..heads, texts, own, keys, values))
    })?;
    Ok(results.concat())
}

/// Computes attention within each text as [`attend`], some heads on each of so many threads.
///
/// # Errors
/// [`crate::ErrorCode::Internal`] where a thread ends early.
fn by_heads(
    parts: usize,
    attention: &Attention<'_>,
    texts: &[Range<usize>],
    queries: Queries<'_>,
    keys: &[f32],
    values: &[f32],
) -> Result<Vec<f32>> {
    let heads = |part: usize| attention.heads * part / parts..attention.heads * (part + 1) / parts;
    let results = at_once(parts, parts, |part| Ok(attend(attention, heads(part), texts, queries, keys, values)))?;
    let width = attention.heads * attention.head_width;
    let mut results = results.into_iter();
    let mut context = results.next().unwrap_or_default();
    for (part, result) in (1..).zip(results) {
        let columns = heads(part).start * attention.head_width..heads(part).end * attention.head_width;
        for (row, own) in context.chunks_exact_mut(width).zip(result.chunks_exact(width)) {
            row[columns.clone()].copy_from_slice(&own[columns.clone()]);
        }
    }
    Ok(context)
}

/// Computes some heads of attention within each text; the columns of the others are 0. `texts` are the ranges of rows of the
/// texts.
///
/// `queries` have the shape `(queries, heads * head_width)`, `keys` and `values` `(rows, key_value_heads * head_width)`.
/// The result has the shape of the queries. The result of a text depends on its own rows only, and that of a query has the
/// same bits whatever other queries there are.
///
/// Memory beside the result: keys and values of one head of the longest text, and [`SCORES`] scores or those of six queries.
fn attend(
    attention: &Attention<'_>,
    of_heads: Range<usize>,
    texts: &[Range<usize>],
    queries: Queries<'_>,
    keys: &[f32],
    values: &[f32],
) -> Vec<f32> {
    let &Attention { heads, key_value_heads, head_width: columns, longest, relative, .. } = attention;
    let (query_width, key_width) = (heads * columns, key_value_heads * columns);
    let group = heads / key_value_heads;
    let mut context = vec![0.0; queries.values.len()];
    let mut scratch = Scratch::default();
    for head in of_heads {
        let biases = Biases {
            key: attention.key_bias.map(|bias| &bias[head * longest..(head + 1) * longest]),
            relative: relative.bias(head, longest),
            sink: attention.sinks.map(|sinks| sinks[head]),
        };
        relative.pack(head, columns, &mut scratch.tables);
        for (index, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let length = text.len();
            if queries.at(index, text, &(0..length)).1.len() == 0 {
                continue;
            }
            let start = text.start * key_width + head / group * columns;
            let of_head = start..start + (length - 1) * key_width + columns;
            let rows = |all| Rows { values: slice(all, &of_head), count: length, stride: key_width };
            scratch.keys.pack_transposed(rows(keys), columns);
            scratch.values.pack(rows(values), columns);
            scratch.tables.multiply_keys(rows(keys));
            for first in (0..length).step_by(QUERY_ROWS) {
                let part = first..length.min(first + QUERY_ROWS);
                let (number, positions) = queries.at(index, text, &part);
                let part = Part { attention, biases, read: attention.mask.keys_of(&part, length), length };
                let columns = head * columns..(head + 1) * columns;
                part.attend(
                    &mut scratch,
                    (queries.values, number),
                    &positions,
                    (&mut context[..], query_width, columns),
                );
            }
        }
    }
    context
}

/// What is reused from head to head.
#[derive(Default)]
struct Scratch<'a> {
    keys: Panels,
    values: Panels,
    tables: Tables<'a>,
    scores: Vec<f32>,
    /// The context of some queries, where the columns of a head do not fill registers.
    padded: Vec<f32>,
}

/// The biases of a head: of the positions of keys, and of distances (see [`Relative::Bias`]); and the score of its sink.
#[derive(Clone, Copy)]
struct Biases<'a> {
    key: Option<&'a [f32]>,
    relative: Option<&'a [f32]>,
    sink: Option<f32>,
}

/// Queries of a head of a text that read the same keys.
struct Part<'a> {
    attention: &'a Attention<'a>,
    biases: Biases<'a>,
    /// The positions of the keys.
    read: Range<usize>,
    /// The number of tokens of the text.
    length: usize,
}

impl Part<'_> {
    /// Computes the context of the queries at some positions, of which the first one is that number of all `queries`. They are
    /// rows of `width` values, of which those in `columns` are the head's, and so is the context.
    fn attend(
        &self,
        scratch: &mut Scratch<'_>,
        (queries, number): (&[f32], usize),
        positions: &Positions<'_>,
        (context, width, columns): (&mut [f32], usize, Range<usize>),
    ) {
        let Scratch { keys, values, tables, scores, padded } = scratch;
        let span = keys.panels_of(&self.read);
        let stride = span.len();
        let own = self.read.start - span.start..self.read.end - span.start;
        let at_once = (SCORES / stride / TILE_ROWS * TILE_ROWS).clamp(TILE_ROWS, QUERY_ROWS);
        for first in (0..positions.len()).step_by(at_once) {
            let positions = positions.part(first..positions.len().min(first + at_once));
            let count = positions.len();
            let start = (number + first) * width + columns.start;
            let of_head = start..start + (count - 1) * width + columns.len();
            let queries = Rows { values: slice(queries, &of_head), count, stride: width };
            scores.resize(count * stride, 0.0);
            keys.times((0..columns.len(), span.clone()), queries, scores, stride);
            let mut rows = Scores { values: scores, stride, columns: own.clone() };
            tables.add_products(&mut rows, queries, |query| positions.get(query));
            self.normalise(&mut rows, &positions);
            let weights = Rows { values: &scores[own.start..], count, stride };
            let all = values.panels_of(&(0..columns.len()));
            if all.len() == columns.len() {
                values.times((self.read.clone(), all), weights, &mut context[of_head], width);
                continue;
            }
            padded.resize(count * all.len(), 0.0);
            values.times((self.read.clone(), all.clone()), weights, padded, all.len());
            for (target, row) in context[of_head].chunks_mut(width).zip(padded.chunks_exact(all.len())) {
                target[..columns.len()].copy_from_slice(&row[..columns.len()]);
            }
        }
    }

    /// Turns the raw scores of queries into attention weights. The weights of keys that a query does not read are 0.
    fn normalise(&self, scores: &mut Scores<'_>, queries: &Positions<'_>) {
        let Self { attention, biases, read, .. } = self;
        let mut scale = attention.scale;
        let is_changed = attention.soft_cap.is_some() || biases.key.is_some() || biases.relative.is_some();
        if is_changed || biases.sink.is_some() {
            adjust_scores(scores, scale, attention.soft_cap, biases.key.map(|bias| &bias[read.clone()]));
            scale = 1.0;
        }
        if let Some(bias) = biases.relative {
            for (query, row) in scores.rows().enumerate() {
                let first = bias.len() / 2 + read.start - queries.get(query);
                for (score, bias) in row.iter_mut().zip(&bias[first..]) {
                    *score += bias;
                }
            }
        }
        if !attention.mask.hides() {
            return softmax_rows(scores, scale, biases.sink);
        }
        let stride = scores.stride;
        for (query, row) in scores.values.chunks_exact_mut(stride).enumerate() {
            let visible = attention.mask.keys(queries.get(query), self.length);
            let own = scores.columns.start;
            let visible = visible.start - read.start + own..visible.end - read.start + own;
            softmax_rows(&mut Scores { values: row, stride, columns: visible.clone() }, scale, biases.sink);
            row[..visible.start].fill(0.0);
            row[visible.end..].fill(0.0);
        }
    }
}

fn slice<'a>(values: &'a [f32], range: &Range<usize>) -> &'a [f32] {
    values.get(range.clone()).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernels::tile::tests::{by_faer as product, faer_sums_in_this_order, numbers};
    use crate::workers::in_team;

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    /// The context of some queries, among all and alone.
    fn compare(attention: &Attention<'_>, texts: &[Range<usize>], keep: impl Fn(usize) -> bool, what: &str) {
        let (rows, columns) = (texts.last().unwrap().end, attention.head_width);
        let (width, key_width) = (attention.heads * columns, attention.key_value_heads * columns);
        let [queries, keys, values] =
            [(width, 3), (key_width, 5), (key_width, 7)].map(|(width, seed)| numbers(rows * width, seed));
        let all = attend(attention, 0..attention.heads, texts, Queries::all(&queries), &keys, &values);
        let (mut some, mut expected, mut positions, mut ranges) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for text in texts {
            let first = positions.len();
            for row in text.clone().filter(|row| keep(row - text.start)) {
                some.extend_from_slice(&queries[row * width..(row + 1) * width]);
                expected.extend_from_slice(&all[row * width..(row + 1) * width]);
                positions.push((row - text.start) as u32);
            }
            ranges.push(first..positions.len());
        }
        let some =
            attend(attention, 0..attention.heads, texts, Queries::some(&some, &positions, &ranges), &keys, &values);
        assert!(bits(&some) == bits(&expected), "{what}");
        assert!(some.iter().any(|value| *value != 0.0), "{what}");
        for threads in [2, 5] {
            let attend = || attend_on(threads, attention, texts, Queries::all(&queries), &keys, &values);
            let on_threads = in_team(threads, attend).unwrap();
            assert!(bits(&on_threads) == bits(&all), "{what} on {threads} threads");
            let some =
                in_team(threads, || by_heads(threads.min(3), attention, texts, Queries::all(&queries), &keys, &values));
            assert!(bits(&some.unwrap()) == bits(&all), "{what}, heads on {threads} threads");
        }
    }

    #[test]
    fn a_query_is_the_same_bits_alone_and_among_others() {
        let texts = [0..1, 1..1, 1..4, 4..44, 44..110, 110..690, 690..1400];
        let longest = 710;
        let relative_bias = numbers(4 * (2 * longest - 1), 11);
        let tables = [numbers(64 * 4 * 16, 13), numbers(64 * 4 * 16, 17)];
        let distances: Vec<u32> = (0..2 * longest - 1).map(|distance| (distance % 64) as u32).collect();
        let key_bias = numbers(4 * longest, 19);
        let kinds = [
            Relative::None,
            Relative::Bias(&relative_bias),
            Relative::Disentangled { keys: Some(&tables[0]), queries: Some(&tables[1]), rows: &distances, width: 64 },
            Relative::Disentangled { keys: None, queries: Some(&tables[1]), rows: &distances, width: 64 },
        ];
        for (kind, relative) in kinds.into_iter().enumerate() {
            for mask in [(false, None), (true, None), (true, Some(100)), (false, Some(7))] {
                // Tables for distances stand in models without a mask.
                if kind > 1 && (mask.0 || mask.1.is_some()) {
                    continue;
                }
                let attention = Attention {
                    heads: 4,
                    key_value_heads: if kind == 0 { 2 } else { 4 },
                    head_width: 16,
                    scale: 0.25,
                    soft_cap: (kind == 0).then_some(20.0),
                    mask: Mask { causal: mask.0, window: mask.1 },
                    longest,
                    key_bias: (kind == 0).then_some(&key_bias[..]),
                    sinks: (kind == 0).then_some(&[-3.0, 0.5, 2.0, 40.0]),
                    relative,
                };
                let what = |rows: &str| format!("kind {kind}, mask {mask:?}, {rows}");
                compare(&attention, &texts, |position| position == 0, &what("the first"));
                compare(&attention, &texts, |position| position % 5 == 2 || position == 700, &what("some"));
                compare(&attention, &texts, |position| position != 3, &what("all but one"));
                compare(&attention, &texts, |_| true, &what("all"));
            }
        }
    }

    /// Attention of one text by faer's products.
    fn by_faer(attention: &Attention<'_>, queries: &[f32], keys: &[f32], values: &[f32]) -> Vec<f32> {
        let (columns, width) = (attention.head_width, attention.heads * attention.head_width);
        let length = queries.len() / width;
        let mut context = vec![0.0; queries.len()];
        for head in 0..attention.heads {
            let of_head = |all: &[f32], rows: Range<usize>| -> Vec<f32> {
                let columns = head * columns..(head + 1) * columns;
                rows.flat_map(|row| all[row * width..(row + 1) * width][columns.clone()].to_vec()).collect()
            };
            for first in (0..length).step_by(QUERY_ROWS) {
                let part = first..length.min(first + QUERY_ROWS);
                let read = attention.mask.keys_of(&part, length);
                let count = read.len();
                let (own, keys) = (of_head(queries, part.clone()), of_head(keys, read.clone()));
                let mut scores = product(&own, &keys, columns, true);
                for (query, row) in part.clone().zip(scores.chunks_exact_mut(count)) {
                    let visible = attention.mask.keys(query, length);
                    let visible = visible.start - read.start..visible.end - read.start;
                    let mut own = Scores { values: row, stride: count, columns: visible.clone() };
                    softmax_rows(&mut own, attention.scale, None);
                    row[..visible.start].fill(0.0);
                    row[visible.end..].fill(0.0);
                }
                let product = product(&scores, &of_head(values, read), count, false);
                for (row, product) in part.zip(product.chunks_exact(columns)) {
                    context[row * width + head * columns..][..columns].copy_from_slice(product);
                }
            }
        }
        context
    }

    #[test]
    fn contexts_have_the_bits_of_faers_products() {
        if !faer_sums_in_this_order() {
            return;
        }
        // faer has other kernels for tiny products of more than 64 terms, and for the last of 257 queries.
        for length in [1, 2, 7, 11, 12, 27, 64, 65, 300, 1100] {
            for (head_width, mask) in
                [(8, (false, None)), (32, (false, None)), (64, (true, None)), (80, (false, Some(90)))]
            {
                if head_width > 64 && length * length * head_width <= 4096 {
                    continue;
                }
                let attention = Attention {
                    heads: 2,
                    key_value_heads: 2,
                    head_width,
                    scale: 0.3,
                    soft_cap: None,
                    mask: Mask { causal: mask.0, window: mask.1 },
                    longest: length,
                    key_bias: None,
                    sinks: None,
                    relative: Relative::None,
                };
                let [queries, keys, values] = [3, 5, 7].map(|seed| numbers(length * 2 * head_width, seed));
                let ours = attend(
                    &attention,
                    0..2,
                    std::slice::from_ref(&(0..length)),
                    Queries::all(&queries),
                    &keys,
                    &values,
                );
                let theirs = by_faer(&attention, &queries, &keys, &values);
                assert!(bits(&ours) == bits(&theirs), "{length} tokens, heads of {head_width}, mask {mask:?}");
            }
        }
    }
}
