//! The gated delta rule (Yang et al. 2025, "Gated Delta Networks"): attention whose memory of a text is one matrix a head.

use std::ops::Range;

use super::elementwise::{logistic, softplus};
use crate::error::Result;
use crate::linalg::{exp, vectorised};
use crate::parallel::at_once;

/// Added to the squared length of queries and keys before they are divided by it.
pub(crate) const EPSILON: f32 = 1e-6;

/// The sizes of the gated delta rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeltaHeads {
    /// Heads of queries and keys; divides `value_heads`.
    pub key_heads: usize,
    /// Heads of values, each with a state of its own.
    pub value_heads: usize,
    /// Columns of a query or key.
    pub key_width: usize,
    /// Columns of a value.
    pub value_width: usize,
}

impl DeltaHeads {
    /// Columns of all queries, or of all keys.
    pub fn keys(self) -> usize {
        self.key_heads.saturating_mul(self.key_width)
    }

    /// Columns of all values.
    pub fn values(self) -> usize {
        self.value_heads.saturating_mul(self.value_width)
    }

    /// The first column of the query that a head of values reads its state with; that of its key lies as far behind queries.
    pub(super) fn first_key(self, head: usize) -> usize {
        head / (self.value_heads / self.key_heads) * self.key_width
    }

    /// What queries are multiplied by.
    pub(super) fn scale(self) -> f32 {
        (self.key_width as f32).sqrt().recip()
    }

    /// Numbers of the states of a text.
    pub fn state(self) -> usize {
        self.values().saturating_mul(self.key_width)
    }

    /// Columns of queries, keys and values, side by side.
    pub fn columns(self) -> usize {
        self.keys().saturating_mul(2).saturating_add(self.values())
    }
}

/// What the gated delta rule reads: rows of queries, keys and values side by side, and of two numbers for each head of values;
/// of each such head the rate at which its state decays, and what is added to the second number.
#[derive(Clone, Copy)]
pub(crate) struct DeltaRows<'a> {
    pub mixed: &'a [f32],
    pub rates: &'a [f32],
    pub decays: &'a [f32],
    pub decay: &'a [f32],
    pub bias: &'a [f32],
}

impl<'a> DeltaRows<'a> {
    /// The value of a head in a row.
    pub(super) fn value(self, heads: DeltaHeads, head: usize, row: usize) -> &'a [f32] {
        let first = row * heads.columns() + 2 * heads.keys() + head * heads.value_width;
        &self.mixed[first..first + heads.value_width]
    }
}

/// Lets each head of values of each text read its state: at each row the state decays, takes the difference between the value
/// and what the key finds in it, and is read with the query. Heads are shared out among so many threads.
///
/// # Errors
/// Those of threads.
pub(crate) fn delta_rule(
    threads: usize,
    heads: DeltaHeads,
    texts: &[Range<usize>],
    rows: DeltaRows<'_>,
) -> Result<Vec<f32>> {
    let (count, width) = (rows.mixed.len() / heads.columns().max(1), heads.value_width);
    let of_heads = at_once(heads.value_heads, threads, |head| {
        let mut result = vec![0.0; count * width];
        for text in texts {
            let mut memory = Memory::new(heads);
            for row in text.clone() {
                let numbers = memory.meet(head, rows, row);
                memory.advance(rows.value(heads, head, row), numbers, &mut result[row * width..(row + 1) * width]);
            }
        }
        Ok(result)
    })?;
    let mut result = vec![0.0; count * heads.values()];
    for (head, of_head) in of_heads.iter().enumerate() {
        let targets = result.chunks_exact_mut(heads.values().max(1)).zip(of_head.chunks_exact(width.max(1)));
        targets.for_each(|(row, own)| row[head * width..(head + 1) * width].copy_from_slice(own));
    }
    Ok(result)
}

/// What one head knows of a text, and the query and the key of the row that it met last, each of length 1, the query then
/// scaled.
pub(super) struct Memory {
    heads: DeltaHeads,
    /// `(key_width, value_width)`.
    pub state: Vec<f32>,
    pub query: Vec<f32>,
    pub key: Vec<f32>,
    found: Vec<f32>,
}

/// What a row does to a state, and what its query and its key were divided by.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub decay: f32,
    pub rate: f32,
    /// What the decay's softplus was taken of.
    pub softened: f32,
    pub query_length: f32,
    pub key_length: f32,
}

impl Memory {
    /// A memory of nothing.
    pub fn new(heads: DeltaHeads) -> Self {
        let keys = vec![0.0; heads.key_width];
        let (state, found) = (vec![0.0; heads.key_width * heads.value_width], vec![0.0; heads.value_width]);
        Self { heads, state, query: keys.clone(), key: keys, found }
    }

    /// Reads the query, the key and the numbers of a row.
    pub fn meet(&mut self, head: usize, rows: DeltaRows<'_>, row: usize) -> Numbers {
        let heads = self.heads;
        let first = row * heads.columns() + heads.first_key(head);
        let query_length = unit(&mut self.query, &rows.mixed[first..first + heads.key_width]);
        let first = first + heads.keys();
        let key_length = unit(&mut self.key, &rows.mixed[first..first + heads.key_width]);
        self.query.iter_mut().for_each(|value| *value *= heads.scale());
        let number = row * heads.value_heads + head;
        let softened = rows.decays[number] + rows.bias[head];
        let decay = exp(rows.decay[head] * softplus(softened));
        Numbers { decay, rate: logistic(rows.rates[number]), softened, query_length, key_length }
    }

    /// Lets that row change the state and read it; sums go over the rows of the state, in their order.
    pub fn advance(&mut self, value: &[f32], numbers: Numbers, read: &mut [f32]) {
        let Self { state, query, key, found, .. } = self;
        let width = value.len();
        vectorised(
            #[inline(always)]
            move || {
                found.fill(0.0);
                for (row, key) in state.chunks_exact_mut(width).zip(&*key) {
                    for (value, found) in row.iter_mut().zip(&mut *found) {
                        *value *= numbers.decay;
                        *found += *value * key;
                    }
                }
                // What is found becomes what is added.
                for (found, value) in found.iter_mut().zip(value) {
                    *found = (value - *found) * numbers.rate;
                }
                for (row, (key, query)) in state.chunks_exact_mut(width).zip(key.iter().zip(&*query)) {
                    for ((value, change), read) in row.iter_mut().zip(&*found).zip(&mut *read) {
                        *value += key * change;
                        *read += *value * query;
                    }
                }
            },
        );
    }
}

/// Divides a vector by its length, which is returned.
fn unit(target: &mut [f32], values: &[f32]) -> f32 {
    let square = values.iter().fold(0.0_f32, |sum, value| sum + value * value);
    let length = (square + EPSILON).sqrt();
    target.iter_mut().zip(values).for_each(|(target, value)| *target = value / length);
    length
}
