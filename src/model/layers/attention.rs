//! Scaled dot-product attention within each text of a batch (Vaswani et al. 2017).

use std::ops::Range;

use candle_core::{D, Tensor};

use super::{values, vector, with_values};
use crate::error::Result;
use crate::linalg::{Block, BlockMut, block_times, block_times_transposed};
use crate::model::blueprint::AttentionSettings;

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
) -> Result<Tensor> {
    let context = with_values(queries, |queries| {
        values(keys, |keys| values(value_rows, |rows| on_slices(settings, texts, queries, keys, rows)))?
    });
    match context {
        Some(context) => Ok(Tensor::from_vec(context?, queries.shape(), queries.device())?),
        None => composed(settings, texts, queries, keys, value_rows),
    }
}

fn on_slices(
    settings: &AttentionSettings,
    texts: &[Range<usize>],
    queries: &[f32],
    keys: &[f32],
    values: &[f32],
) -> Vec<f32> {
    let columns = settings.head_width;
    let (query_width, key_width) = (settings.heads * columns, settings.key_value_heads * columns);
    let group = settings.heads / settings.key_value_heads;
    let mut context = vec![0.0; queries.len()];
    let mut scores = Vec::new();
    for text in texts {
        let length = text.len();
        for head in 0..settings.heads {
            let key_start = text.start * key_width + head / group * columns;
            let key_end = if length == 0 { key_start } else { key_start + (length - 1) * key_width + columns };
            let of_keys =
                |all| Block { values: slice(all, key_start, key_end), rows: length, columns, stride: key_width };
            for first in (0..length).step_by(QUERIES) {
                let rows = QUERIES.min(length - first);
                let start = (text.start + first) * query_width + head * columns;
                let end = start + (rows - 1) * query_width + columns;
                scores.clear();
                scores.resize(rows * length, 0.0);
                let asked = Block { values: slice(queries, start, end), rows, columns, stride: query_width };
                let target = BlockMut::whole(&mut scores, rows, length);
                block_times_transposed(target, asked, of_keys(keys));
                vector::softmax_rows(&mut scores, length, settings.scale);
                let Some(part) = context.get_mut(start..end) else { continue };
                let target = BlockMut { values: part, rows, columns, stride: query_width };
                block_times(target, Block::whole(&scores, rows, length), of_keys(values));
            }
        }
    }
    context
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
        let scores = (asked.matmul(&keys.transpose(2, 3)?.contiguous()?)? * f64::from(settings.scale))?;
        let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
        let context = weights.matmul(&values)?.transpose(1, 2)?;
        contexts.push(context.contiguous()?.reshape((run.len() * length, settings.heads * settings.head_width))?);
    }
    Ok(Tensor::cat(&contexts, 0)?)
}
