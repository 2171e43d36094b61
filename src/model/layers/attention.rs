//! Scaled dot-product attention within each text of a batch (Vaswani et al. 2017).

use std::ops::Range;

use candle_core::{D, Tensor};
use half::bf16;

use super::distance::DistanceScores;
use super::{values, vector, with_values};
use crate::error::Result;
use crate::linalg::{Block, BlockMut, block_times, block_times_transposed};
use crate::model::blueprint::{Alibi, AttentionSettings};

/// How many queries are scored at a time: bounds the memory of scores for a long text.
const QUERIES: usize = 256;

/// Lets every token read the tokens of its own text, `texts` being their ranges of rows.
///
/// `queries` are `(rows, heads * head_width)`, `keys` and `values` `(rows, key_value_heads * head_width)`; the
/// result is as wide as the queries. A text's result depends on its own rows only.
pub(crate) fn attend(
    settings: &AttentionSettings,
    texts: &[Range<usize>],
    queries: &Tensor,
    keys: &Tensor,
    value_rows: &Tensor,
    distances: Option<&DistanceScores>,
) -> Result<Tensor> {
    let context = with_values(queries, |queries| {
        values(keys, |keys| values(value_rows, |rows| on_slices(settings, texts, queries, keys, rows, distances)))??
    });
    match context {
        Some(context) => Ok(Tensor::from_vec(context?, queries.shape(), queries.device())?),
        None => composed(settings, texts, queries, keys, value_rows, distances),
    }
}

fn on_slices(
    settings: &AttentionSettings,
    texts: &[Range<usize>],
    queries: &[f32],
    keys: &[f32],
    values: &[f32],
    distances: Option<&DistanceScores>,
) -> Result<Vec<f32>> {
    let columns = settings.head_width;
    let (query_width, key_width) = (settings.heads * columns, settings.key_value_heads * columns);
    let group = settings.heads / settings.key_value_heads;
    let longest = texts.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
    let biases = settings.alibi.map(|alibi| alibi.of_positions(settings.heads, longest));
    let mut context = vec![0.0; queries.len()];
    let mut scores = Vec::new();
    for text in texts {
        for head in 0..settings.heads {
            let bias = biases.as_ref().map(|biases| &biases[head * longest..(head + 1) * longest]);
            let by_key = match distances {
                Some(distances) if !text.is_empty() => {
                    let start = text.start * key_width + head / group * columns;
                    let end = start + (text.len() - 1) * key_width + columns;
                    let all = Block { values: slice(keys, start, end), rows: text.len(), columns, stride: key_width };
                    distances.by_key(head, all)?
                }
                _ => None,
            };
            for first in (0..text.len()).step_by(QUERIES) {
                let asking = first..text.len().min(first + QUERIES);
                // All keys that one of these queries reads.
                let read =
                    settings.reads(asking.start, text.len()).start..settings.reads(asking.end - 1, text.len()).end;
                let of_keys = |all| {
                    let start = (text.start + read.start) * key_width + head / group * columns;
                    let end = start + (read.len() - 1) * key_width + columns;
                    Block { values: slice(all, start, end), rows: read.len(), columns, stride: key_width }
                };
                let rows = asking.len();
                let start = (text.start + first) * query_width + head * columns;
                let end = start + (rows - 1) * query_width + columns;
                scores.clear();
                scores.resize(rows * read.len(), 0.0);
                let asked = Block { values: slice(queries, start, end), rows, columns, stride: query_width };
                let target = BlockMut::whole(&mut scores, rows, read.len());
                block_times_transposed(target, asked, of_keys(keys))?;
                if let Some(distances) = distances {
                    distances.add_to(&mut scores, head, asked, first, by_key.as_deref())?;
                }
                let of_distances = distances.and_then(|distances| distances.of_head(head));
                weigh(settings, &mut scores, asking, &read, text.len(), (bias, of_distances));
                let Some(part) = context.get_mut(start..end) else { continue };
                let target = BlockMut { values: part, rows, columns, stride: query_width };
                block_times(target, Block::whole(&scores, rows, read.len()), of_keys(values))?;
            }
        }
    }
    Ok(context)
}

/// Turns raw scores `(asking, read)` into weights: those of keys that a query does not read are 0. Biases are for the
/// positions of keys, and for their distances as [`DistanceScores::of_head`] has them.
fn weigh(
    settings: &AttentionSettings,
    scores: &mut [f32],
    asking: Range<usize>,
    read: &Range<usize>,
    length: usize,
    (bias, of_distances): (Option<&[f32]>, Option<&[f32]>),
) {
    let mut scale = settings.scale;
    if settings.soft_cap.is_some() || bias.is_some() || of_distances.is_some() {
        let bias = bias.map(|bias| &bias[read.clone()]);
        vector::adjust_scores(scores, read.len(), scale, settings.soft_cap, bias);
        scale = 1.0;
    }
    if let Some(bias) = of_distances {
        for (row, query) in scores.chunks_exact_mut(read.len()).zip(asking.clone()) {
            let first = bias.len() / 2 + read.start - query;
            for (score, bias) in row.iter_mut().zip(&bias[first..]) {
                *score += bias;
            }
        }
    }
    if !settings.causal && settings.window.is_none() {
        return vector::softmax_rows(scores, read.len(), scale);
    }
    for (row, query) in scores.chunks_exact_mut(read.len()).zip(asking) {
        let visible = settings.reads(query, length);
        let (first, last) = (visible.start - read.start, visible.end - read.start);
        row[..first].fill(0.0);
        row[last..].fill(0.0);
        vector::softmax_rows(&mut row[first..last], last - first, scale);
    }
}

impl AttentionSettings {
    /// The positions that the token at position `query` reads in a text of `length` tokens.
    fn reads(&self, query: usize, length: usize) -> Range<usize> {
        let first = self.window.map_or(0, |window| (query + 1).saturating_sub(window));
        let past = self.window.map_or(length, |window| query.saturating_add(window).min(length));
        first..if self.causal { query + 1 } else { past }
    }
}

impl Alibi {
    /// What each head adds to the scores of the keys at the positions up to `length`: `(heads, length)`.
    fn of_positions(self, heads: usize, length: usize) -> Vec<f32> {
        let power = 1_usize << heads.ilog2();
        let base = |heads: usize| (-f64::from(2_f32.powf(3.0 - (heads as f32).log2()))).exp2() as f32;
        let slopes = (1..=power).map(|index| base(power).powf(index as f32));
        let others = (0..heads - power).map(|index| base(2 * power).powf((2 * index + 1) as f32));
        let bias = |slope: f32, position: usize| match self {
            Self::Exact => slope * position as f32,
            Self::Rounded(scale) => {
                bf16::from_f32(bf16::from_f32(slope).to_f32() * bf16::from_f32(position as f32).to_f32()).to_f32()
                    * scale
            }
        };
        slopes.chain(others).flat_map(|slope| (0..length).map(move |position| bias(slope, position))).collect()
    }
}

fn slice(values: &[f32], start: usize, end: usize) -> &[f32] {
    values.get(start..end).unwrap_or_default()
}

/// The same with candle's operations: neighbouring texts of equal length are one batch.
fn composed(
    settings: &AttentionSettings,
    texts: &[Range<usize>],
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    distances: Option<&DistanceScores>,
) -> Result<Tensor> {
    let mut contexts = Vec::new();
    for run in texts.chunk_by(|one, next| one.len() == next.len()) {
        let length = run[0].len();
        if length == 0 {
            continue;
        }
        let heads = |rows: &Tensor, count: usize| -> Result<Tensor> {
            let rows = rows.narrow(0, run[0].start, run.len() * length)?;
            let heads = rows.reshape((run.len(), length, count, settings.head_width))?.transpose(1, 2)?;
            let (group, shape) = (settings.heads / count, (run.len(), settings.heads, length, settings.head_width));
            let grouped = heads.unsqueeze(2)?.expand((run.len(), count, group, length, settings.head_width))?;
            Ok(grouped.contiguous()?.reshape(shape)?)
        };
        let asked = heads(queries, settings.heads)?;
        let (keys, values) = (heads(keys, settings.key_value_heads)?, heads(values, settings.key_value_heads)?);
        let mut scores = (asked.matmul(&keys.transpose(2, 3)?.contiguous()?)? * f64::from(settings.scale))?;
        if let Some(cap) = settings.soft_cap {
            scores = ((scores / f64::from(cap))?.tanh()? * f64::from(cap))?;
        }
        if let Some(alibi) = settings.alibi {
            let bias = alibi.of_positions(settings.heads, length);
            scores = scores.broadcast_add(&Tensor::from_vec(bias, (1, settings.heads, 1, length), scores.device())?)?;
        }
        if let Some(distances) = distances {
            scores = (scores + distances.composed(settings, &asked, &keys)?)?;
        }
        if settings.causal || settings.window.is_some() {
            let hidden = |query, key| !settings.reads(query, length).contains(&key);
            let mask = (0..length).flat_map(|query| (0..length).map(move |key| (query, key)));
            let mask: Vec<f32> =
                mask.map(|(query, key)| if hidden(query, key) { f32::NEG_INFINITY } else { 0.0 }).collect();
            scores = scores.broadcast_add(&Tensor::from_vec(mask, (1, 1, length, length), scores.device())?)?;
        }
        let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
        let context = weights.matmul(&values)?.transpose(1, 2)?;
        contexts.push(context.contiguous()?.reshape((run.len() * length, settings.heads * settings.head_width))?);
    }
    Ok(Tensor::cat(&contexts, 0)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use candle_core::Device;

    use super::{Alibi, AttentionSettings, Range, Tensor, attend, composed};

    /// Texts of which one has more queries than are scored at a time.
    const TEXTS: [Range<usize>; 4] = [0..300, 300..301, 301..301, 301..318];

    fn rows(columns: usize, seed: u64) -> Tensor {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let values = (0..318 * columns).map(|_| next()).collect::<Vec<_>>();
        Tensor::from_vec(values, (318, columns), &Device::Cpu).unwrap()
    }

    #[test]
    fn slices_and_candles_operations_agree_for_every_choice() {
        let plain = AttentionSettings::new(6, 2, 4);
        let causal = AttentionSettings { causal: true, ..plain.clone() };
        let choices = [
            plain.clone(),
            causal.clone(),
            AttentionSettings { window: Some(7), ..causal.clone() },
            AttentionSettings { window: Some(290), ..causal.clone() },
            AttentionSettings { soft_cap: Some(0.5), ..causal.clone() },
            AttentionSettings { alibi: Some(Alibi::Exact), ..causal.clone() },
            AttentionSettings { alibi: Some(Alibi::Rounded(0.5)), window: Some(20), ..causal },
        ];
        let (queries, keys, values) = (rows(24, 1), rows(8, 2), rows(8, 3));
        for settings in choices {
            let ours = attend(&settings, &TEXTS, &queries, &keys, &values, None).unwrap();
            let theirs = composed(&settings, &TEXTS, &queries, &keys, &values, None).unwrap();
            let difference = (ours - theirs).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(difference < 1e-5, "{settings:?}: {difference:e}");
        }
    }
}
