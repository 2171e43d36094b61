//! What attention is made of.

use std::iter;
use std::ops::Range;

/// How queries, keys and values lie in the columns of one projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FusedLayout {
    /// All queries, all keys, all values.
    Stacked,
    /// For each head of keys: the queries that read it, the key, the value.
    PerKeyHead,
}

/// Scores that fall with the distance between tokens (Press et al. 2022, "ALiBi").
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Alibi {
    /// Slope times position.
    Exact,
    /// The same rounded to bfloat16, times this.
    Rounded(f32),
}

/// What the distance between two tokens adds to the score of one for the other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RelativePositions {
    /// A number for each head and bucket of distances (Raffel et al. 2020, "T5").
    Bias {
        /// Buckets of distances.
        buckets: usize,
        /// The distance from which all are one bucket.
        max_distance: usize,
        /// Whether half of the buckets are for keys after the query; else there are only those before it.
        bidirectional: bool,
    },
    /// Contents compared with distances (He et al. 2021, "DeBERTa").
    Disentangled(DistanceTable),
    /// A number for each head, less than 0, times the distance to either side: [`Alibi`] where a token reads those after it as
    /// well.
    Slopes,
}

/// A table with a row for each distance, or for each bucket of distances, in both directions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DistanceTable {
    /// Half the rows.
    pub span: usize,
    /// Where distances are put into buckets: how many in each direction, and the distance where the last one ends.
    pub buckets: Option<(usize, usize)>,
    /// Whether queries are compared with distances.
    pub content_to_position: bool,
    /// Whether keys are.
    pub position_to_content: bool,
}

/// Multi-head attention with grouped keys and values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttentionSettings {
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; divides `heads`.
    pub key_value_heads: usize,
    /// Columns of one head.
    pub head_width: usize,
    /// What scores are multiplied by before the softmax.
    pub scale: f32,
    /// Which of the model's rotations rotates queries and keys, if positions are rotary.
    pub rotary: Option<usize>,
    /// Where one projection gives queries, keys and values: how they lie in it.
    pub fused: Option<FusedLayout>,
    /// Whether a token reads only itself and the tokens before it.
    pub causal: bool,
    /// Whether each head's query comes with a gate for what the head reads, which is behind it in the columns.
    pub gated: bool,
    /// Whether what is projected to keys is values as well.
    pub values_are_keys: bool,
    /// A token reads only those whose distance is less than this, itself being at distance 0.
    pub window: Option<usize>,
    /// Scores `s` become `cap tanh(s / cap)`.
    pub soft_cap: Option<f32>,
    /// What positions add to the scores.
    pub alibi: Option<Alibi>,
    /// What distances between tokens add to the scores.
    pub relative: Option<RelativePositions>,
}

impl AttentionSettings {
    /// Attention of every token to every token, with the usual scale and nothing else.
    pub fn new(heads: usize, key_value_heads: usize, head_width: usize) -> Self {
        Self {
            heads,
            key_value_heads,
            head_width,
            scale: (head_width as f32).sqrt().recip(),
            rotary: None,
            fused: None,
            causal: false,
            gated: false,
            values_are_keys: false,
            window: None,
            soft_cap: None,
            alibi: None,
            relative: None,
        }
    }

    /// Where queries and their gates lie in the columns of a projection that gives both.
    pub fn columns_of_gated(&self) -> [Vec<Range<usize>>; 2] {
        let of_heads = |first: usize| {
            let starts = (0..self.heads).map(move |head| (2 * head + first) * self.head_width);
            starts.map(|start| start..start + self.head_width).collect()
        };
        [of_heads(0), of_heads(1)]
    }

    /// Where queries, keys and values lie in the columns of one projection.
    pub fn columns(&self, layout: FusedLayout) -> [Vec<Range<usize>>; 3] {
        let (queries, keys) = (self.heads * self.head_width, self.key_value_heads * self.head_width);
        match layout {
            FusedLayout::Stacked => [
                iter::once(0..queries).collect(),
                iter::once(queries..queries + keys).collect(),
                iter::once(queries + keys..queries + 2 * keys).collect(),
            ],
            FusedLayout::PerKeyHead => {
                let of_group = queries / self.key_value_heads;
                let group = of_group + 2 * self.head_width;
                let starts = || (0..self.key_value_heads).map(|head| head * group);
                [
                    starts().map(|start| start..start + of_group).collect(),
                    starts().map(|start| start + of_group..start + of_group + self.head_width).collect(),
                    starts().map(|start| start + of_group + self.head_width..start + group).collect(),
                ]
            }
        }
    }
}
