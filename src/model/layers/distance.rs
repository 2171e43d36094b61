//! Scores of attention that depend on the distance between two tokens.

use candle_core::{D, DType, Tensor};

use super::values;
use crate::error::Result;
use crate::linalg::{Block, BlockMut, block_times_transposed};
use crate::model::blueprint::{AttentionSettings, DistanceTable};

/// What distances add to the scores of one block, for texts of up to `longest` tokens.
pub(crate) enum DistanceScores {
    /// A number for each head and distance (Raffel et al. 2020, "T5").
    Bias {
        /// `(heads, 2 longest - 1)`: the key's position minus the query's, from `1 - longest` on.
        numbers: Vec<f32>,
        /// Tokens of the longest text.
        longest: usize,
    },
    /// Products of contents with rows for distances (He et al. 2021, "DeBERTa").
    Compared {
        /// What queries are multiplied with, `(distances, heads * head_width)`.
        keys: Option<Tensor>,
        /// What keys are multiplied with.
        queries: Option<Tensor>,
        /// The row for each distance: the query's position minus the key's, from `1 - longest` on.
        rows: Vec<u32>,
        /// Tokens of the longest text.
        longest: usize,
    },
}

impl DistanceScores {
    /// A bias from a table `(buckets, heads)`.
    pub fn bias(table: &Tensor, buckets: usize, furthest: usize, both_ways: bool, longest: usize) -> Result<Self> {
        let heads = table.dim(1)?;
        let table: Vec<f32> = table.flatten_all()?.to_vec1()?;
        let bucket_of = |distance: i64| match both_ways {
            true if distance > 0 => buckets / 2 + logarithmic_bucket(distance, buckets / 2, furthest),
            true => logarithmic_bucket(-distance, buckets / 2, furthest),
            // No query reads keys after it.
            false => logarithmic_bucket((-distance).max(0), buckets, furthest),
        };
        let bucket_of: Vec<usize> = distances(longest).map(bucket_of).collect();
        let numbers = (0..heads).flat_map(|head| bucket_of.iter().map(move |bucket| bucket * heads + head));
        let numbers = numbers.map(|index| table.get(index).copied().unwrap_or_default()).collect();
        Ok(Self::Bias { numbers, longest })
    }

    /// Comparisons with rows for distances that are keys, queries, or both.
    pub fn compared(settings: &DistanceTable, keys: Option<Tensor>, queries: Option<Tensor>, longest: usize) -> Self {
        let rows = distances(longest).map(|distance| settings.row(distance)).collect();
        Self::Compared { keys, queries, rows, longest }
    }

    /// The bias of a head, by the key's position minus the query's, from `1 - longest` on.
    pub fn of_head(&self, head: usize) -> Option<&[f32]> {
        match self {
            Self::Bias { numbers, longest } => numbers.get(head * (2 * longest - 1)..(head + 1) * (2 * longest - 1)),
            Self::Compared { .. } => None,
        }
    }

    /// The products of every key of a head with the queries of all distances, `(keys, distances)`.
    pub fn by_key(&self, head: usize, keys: Block<'_>) -> Result<Option<Vec<f32>>> {
        match self {
            Self::Compared { queries: Some(queries), .. } => products(queries, head, keys).map(Some),
            _ => Ok(None),
        }
    }

    /// Adds to the raw scores of some queries of a head, which lie from `first` on in their text, the comparisons with
    /// distances; `by_key` as [`Self::by_key`] gave it.
    pub fn add_to(
        &self,
        scores: &mut [f32],
        head: usize,
        asked: Block<'_>,
        first: usize,
        by_key: Option<&[f32]>,
    ) -> Result<()> {
        let Self::Compared { keys, rows, longest, .. } = self else { return Ok(()) };
        let length = scores.len() / asked.rows.max(1);
        let table = rows_of(keys.as_ref(), by_key, length)?;
        let by_query = keys.as_ref().map(|keys| products(keys, head, asked)).transpose()?;
        for (query, scores) in scores.chunks_exact_mut(length).enumerate() {
            for (key, score) in scores.iter_mut().enumerate() {
                let row = rows[first + query + longest - 1 - key] as usize;
                if let Some(by_query) = &by_query {
                    *score += by_query[query * table + row];
                }
                if let Some(by_key) = by_key {
                    *score += by_key[key * table + row];
                }
            }
        }
        Ok(())
    }
    /// What is added to scores that are scaled already, with candle's operations: queries and keys are
    /// `(texts, heads, length, head_width)`.
    pub fn composed(&self, settings: &AttentionSettings, queries: &Tensor, keys: &Tensor) -> Result<Tensor> {
        let (texts, heads, length, width) = queries.dims4()?;
        let device = queries.device();
        let pairs = |first: fn(usize, usize) -> (usize, usize)| {
            (0..length).flat_map(move |row| (0..length).map(move |column| first(row, column)))
        };
        match self {
            Self::Bias { longest, .. } => {
                let of_head = |head| {
                    let numbers = self.of_head(head).unwrap_or_default();
                    pairs(|query, key| (query, key)).map(move |(query, key)| numbers[longest - 1 + key - query])
                };
                let bias: Vec<f32> = (0..heads).flat_map(of_head).collect();
                let bias = Tensor::from_vec(bias, (1, heads, length, length), device)?;
                Ok(bias.broadcast_as((texts, heads, length, length))?)
            }
            Self::Compared { keys: position_keys, queries: position_queries, rows, longest } => {
                let shape = (texts, heads, length, length);
                let gathered = |contents: &Tensor,
                                table: &Tensor,
                                of_pair: fn(usize, usize) -> (usize, usize)|
                 -> Result<Tensor> {
                    let count = table.dim(0)?;
                    let table = table.reshape((count, heads, width))?.permute((1, 2, 0))?.unsqueeze(0)?;
                    let table = table.broadcast_as((texts, heads, width, count))?.contiguous()?;
                    let rows: Vec<u32> = pairs(of_pair).map(|(query, key)| rows[longest - 1 + query - key]).collect();
                    let rows = Tensor::from_vec(rows, (1, 1, length, length), device)?;
                    let rows = rows.broadcast_as(shape)?.contiguous()?;
                    Ok(contents.matmul(&table)?.gather(&rows, D::Minus1)?)
                };
                let mut sum = Tensor::zeros(shape, DType::F32, device)?;
                if let Some(table) = position_keys {
                    sum = (sum + gathered(queries, table, |query, key| (query, key))?)?;
                }
                if let Some(table) = position_queries {
                    sum = (sum + gathered(keys, table, |key, query| (query, key))?.transpose(2, 3)?)?;
                }
                Ok((sum * f64::from(settings.scale))?)
            }
        }
    }
}

/// How many rows the table of distances has.
fn rows_of(keys: Option<&Tensor>, by_key: Option<&[f32]>, length: usize) -> Result<usize> {
    Ok(match keys {
        Some(keys) => keys.dim(0)?,
        None => by_key.map_or(0, |by_key| by_key.len() / length),
    })
}

/// The products of the rows of a head with its columns of a table.
fn products(table: &Tensor, head: usize, rows: Block<'_>) -> Result<Vec<f32>> {
    let (count, stride) = table.dims2()?;
    let mut products = vec![0.0; rows.rows * count];
    values(table, |table| {
        let start = head * rows.columns;
        let end = (count - 1) * stride + start + rows.columns;
        let table = Block { values: &table[start..end], rows: count, columns: rows.columns, stride };
        block_times_transposed(BlockMut::whole(&mut products, rows.rows, count), rows, table)
    })??;
    Ok(products)
}

/// All distances in a text of `longest` tokens, in order.
fn distances(longest: usize) -> impl Iterator<Item = i64> {
    let last = longest as i64 - 1;
    -last..=last
}

/// The bucket of a key that lies `distance` tokens away: one for each small distance, then wider and wider ones up to
/// `furthest`. Rounded as PyTorch rounds.
fn logarithmic_bucket(distance: i64, buckets: usize, furthest: usize) -> usize {
    let exact = buckets / 2;
    let size = distance.unsigned_abs() as usize;
    if size < exact {
        return size;
    }
    let wide = (buckets - exact) as f32;
    let part = ln(size as f32 / exact as f32) / (furthest as f64 / exact as f64).ln() as f32;
    (exact + (part * wide) as usize).min(buckets - 1)
}

impl DistanceTable {
    /// The row for a query that lies `distance` tokens after the key.
    fn row(&self, distance: i64) -> u32 {
        let bucket = self.buckets.map_or(distance, |(buckets, range)| signed_bucket(distance, buckets, range));
        let span = self.span as i64;
        (bucket + span).clamp(0, 2 * span - 1) as u32
    }
}

/// The same idea with a sign, for DeBERTa. Rounded as PyTorch rounds.
fn signed_bucket(distance: i64, buckets: usize, range: usize) -> i64 {
    let middle = (buckets / 2) as i64;
    if distance.abs() <= middle {
        return distance;
    }
    let furthest = ((range as f64 - 1.0) / middle as f64) as f32;
    let part = ln(distance.abs() as f32 / middle as f32) / ln(furthest) * (middle - 1) as f32;
    (part.ceil() as i64 + middle) * distance.signum()
}

/// The natural logarithm, rounded to the nearest f32.
fn ln(x: f32) -> f32 {
    f64::from(x).ln() as f32
}
