//! Scores of attention that depend on the distance between two tokens.

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::model::blueprint::{Alibi, DistanceTable, RelativePositions};

/// What distances add to the scores of a stack of blocks, in texts of at most `longest` tokens; made once for a pass.
pub(super) enum RelativeScores {
    /// A number for each head and distance, `(heads, 2 longest - 1)`: the key's position minus the query's, from
    /// `1 - longest` on.
    Bias(Tensor),
    /// The row of a table for each distance: the query's position minus the key's, from `1 - longest` on. What is in
    /// the table is another thing in each block.
    Disentangled(Vec<u32>),
}

impl RelativeScores {
    /// The scores that a stack's table of distances leads to: `(buckets, heads)` for a bias.
    pub fn new(settings: &RelativePositions, table: &Tensor, longest: usize) -> Result<Self> {
        let (buckets, max_distance, bidirectional) = match settings {
            RelativePositions::Disentangled(settings) => {
                return Ok(Self::Disentangled(distances(longest).map(|distance| settings.row(distance)).collect()));
            }
            RelativePositions::Bias { buckets, max_distance, bidirectional } => {
                (*buckets, *max_distance, *bidirectional)
            }
            RelativePositions::Slopes => return Err(Error::internal("slopes have no table of distances")),
        };
        let bucket_of = |distance: i64| match bidirectional {
            true if distance > 0 => buckets / 2 + logarithmic_bucket(distance, buckets / 2, max_distance),
            true => logarithmic_bucket(-distance, buckets / 2, max_distance),
            // No query reads keys after it.
            false => logarithmic_bucket((-distance).max(0), buckets, max_distance),
        };
        let buckets: Vec<u32> = distances(longest).map(|distance| bucket_of(distance) as u32).collect();
        let buckets = Tensor::new(buckets, table.device())?;
        let bias = table.index_select(&buckets, 0)?.t()?.contiguous()?;
        // Kernels add it in single precision.
        let half = matches!(bias.dtype(), DType::F16 | DType::BF16);
        Ok(Self::Bias(if half { bias.to_dtype(DType::F32)? } else { bias }))
    }

    /// The scores of [`RelativePositions::Slopes`], which need no table.
    pub fn of_slopes(heads: usize, longest: usize, device: &Device) -> Result<Self> {
        let bias = |slope: f32| distances(longest).map(move |distance| -slope * distance.unsigned_abs() as f32);
        let bias: Vec<f32> = Alibi::slopes(heads).into_iter().flat_map(bias).collect();
        let columns = distances(longest).count();
        Ok(Self::Bias(Tensor::from_vec(bias, (heads, columns), device)?))
    }

    /// For each query (a row) and key of a text of `longest` tokens: the column of the bias, or the row of the table.
    pub fn indices(&self, longest: usize) -> Vec<u32> {
        let pairs = (0..longest).flat_map(|query| (0..longest).map(move |key| (query, key)));
        match self {
            Self::Bias(_) => pairs.map(|(query, key)| (longest - 1 + key - query) as u32).collect(),
            Self::Disentangled(rows) => pairs.map(|(query, key)| rows[longest - 1 + query - key]).collect(),
        }
    }
}

/// All distances in a text of `longest` tokens, in order.
fn distances(longest: usize) -> impl Iterator<Item = i64> {
    let last = longest as i64 - 1;
    -last..=last
}

/// The bucket of a key that lies `distance` tokens away: one for each small distance, then wider and wider ones up to
/// `max_distance`. Rounded as PyTorch rounds.
fn logarithmic_bucket(distance: i64, buckets: usize, max_distance: usize) -> usize {
    let exact = buckets / 2;
    let size = distance.unsigned_abs() as usize;
    if size < exact {
        return size;
    }
    let wide = (buckets - exact) as f32;
    let part = ln(size as f32 / exact as f32) / (max_distance as f64 / exact as f64).ln() as f32;
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
    let max_distance = ((range as f64 - 1.0) / middle as f64) as f32;
    let part = ln(distance.abs() as f32 / middle as f32) / ln(max_distance) * (middle - 1) as f32;
    (part.ceil() as i64 + middle) * distance.signum()
}

/// The natural logarithm, rounded to the nearest f32.
fn ln(x: f32) -> f32 {
    f64::from(x).ln() as f32
}
