//! The gradient of the gated delta rule with respect to its rows, backwards through each text.

use std::ops::Range;

use super::delta_rule::{DeltaHeads, DeltaRows, Memory, Numbers};
use super::elementwise::logistic;
use super::simd::LANES;
use crate::error::Result;
use crate::linalg::vectorised;
use crate::parallel::at_once;

/// Before how many rows a state is kept; those between are computed again.
const RUN: usize = 64;

/// The gradients of one head of values, of all rows.
struct OfHead {
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    rates: Vec<f32>,
    decays: Vec<f32>,
}

/// The gradients of the three kinds of rows, by that of what heads read. Heads are shared out among so many threads; each keeps
/// the states of one run of rows, and one before each other run.
///
/// # Errors
/// Those of threads.
pub(crate) fn delta_rule_gradient(
    threads: usize,
    heads: DeltaHeads,
    texts: &[Range<usize>],
    rows: DeltaRows<'_>,
    gradient: &[f32],
) -> Result<[Vec<f32>; 3]> {
    let count = rows.mixed.len() / heads.columns().max(1);
    let of_heads = at_once(heads.value_heads, threads, |head| {
        let mut all = OfHead {
            queries: vec![0.0; count * heads.key_width],
            keys: vec![0.0; count * heads.key_width],
            values: vec![0.0; count * heads.value_width],
            rates: vec![0.0; count],
            decays: vec![0.0; count],
        };
        texts.iter().for_each(|text| back_through(text, (heads, head), rows, gradient, &mut all));
        Ok(all)
    })?;
    let columns = heads.columns();
    let mut result = [vec![0.0; count * columns], vec![0.0; rows.rates.len()], vec![0.0; rows.decays.len()]];
    let [mixed, rates, decays] = &mut result;
    for (head, of_head) in of_heads.iter().enumerate() {
        for row in 0..count {
            let mixed = &mut mixed[row * columns..(row + 1) * columns];
            // Heads of values that read one head of keys add to its gradient, in their order.
            let mut add = |first: usize, own: &[f32], width: usize| {
                let own = &own[row * width..(row + 1) * width];
                mixed[first..first + width].iter_mut().zip(own).for_each(|(sum, term)| *sum += term);
            };
            let first = heads.first_key(head);
            add(first, &of_head.queries, heads.key_width);
            add(heads.keys() + first, &of_head.keys, heads.key_width);
            add(2 * heads.keys() + head * heads.value_width, &of_head.values, heads.value_width);
            rates[row * heads.value_heads + head] = of_head.rates[row];
            decays[row * heads.value_heads + head] = of_head.decays[row];
        }
    }
    Ok(result)
}

/// The gradients of the rows of a text, for one head.
fn back_through(
    text: &Range<usize>,
    (heads, head): (DeltaHeads, usize),
    rows: DeltaRows<'_>,
    gradient: &[f32],
    all: &mut OfHead,
) {
    let (size, width) = (heads.key_width * heads.value_width, heads.value_width);
    let mut memory = Memory::new(heads);
    let mut unread = vec![0.0; width];
    let mut kept = Vec::with_capacity(text.len().div_ceil(RUN));
    for row in text.clone() {
        if (row - text.start).is_multiple_of(RUN) {
            kept.push(memory.state.clone());
        }
        let numbers = memory.meet(head, rows, row);
        memory.advance(rows.value(heads, head, row), numbers, &mut unread);
    }
    let mut back = Back::new(heads);
    // The states before each row of a run, and after its last one.
    let mut states = vec![0.0; (RUN + 1) * size];
    while let Some(state) = kept.pop() {
        let first = text.start + kept.len() * RUN;
        let run = first..text.end.min(first + RUN);
        memory.state.copy_from_slice(&state);
        states[..size].copy_from_slice(&state);
        for row in run.clone() {
            let numbers = memory.meet(head, rows, row);
            memory.advance(rows.value(heads, head, row), numbers, &mut unread);
            let place = (row - first + 1) * size;
            states[place..place + size].copy_from_slice(&memory.state);
        }
        for row in run.rev() {
            let numbers = memory.meet(head, rows, row);
            let (before, after) = states[(row - first) * size..(row - first + 2) * size].split_at(size);
            let place = row * heads.values() + head * width;
            let (value, read) = (rows.value(heads, head, row), &gradient[place..place + width]);
            back.step(&memory, numbers, [before, after], value, read);

            let of_row = |width: usize| row * width..(row + 1) * width;
            let keys = of_row(heads.key_width);
            undo_unit(&mut all.queries[keys.clone()], &back.query, &memory.query, numbers.query_length, heads.scale());
            undo_unit(&mut all.keys[keys], &back.key, &memory.key, numbers.key_length, 1.0);
            all.values[of_row(width)].copy_from_slice(&back.value);
            all.rates[row] = back.rate * numbers.rate * (1.0 - numbers.rate);
            all.decays[row] = back.decay * numbers.decay * rows.decay[head] * logistic(numbers.softened);
        }
    }
}

/// What goes back from row to row, and what one row gives back.
struct Back {
    /// The gradient of the state.
    state: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    rate: f32,
    decay: f32,
    /// The difference between the value and what the key found, that times the rate, and the gradient of the latter.
    difference: Vec<f32>,
    change: Vec<f32>,
    of_change: Vec<f32>,
}

impl Back {
    fn new(heads: DeltaHeads) -> Self {
        let (keys, values) = (vec![0.0; heads.key_width], vec![0.0; heads.value_width]);
        Self {
            state: vec![0.0; heads.key_width * heads.value_width],
            query: keys.clone(),
            key: keys,
            value: values.clone(),
            rate: 0.0,
            decay: 0.0,
            difference: values.clone(),
            change: values.clone(),
            of_change: values,
        }
    }

    /// Goes back through one row, by the states before and after it, its value, and the gradient of what was read.
    fn step(&mut self, memory: &Memory, numbers: Numbers, [before, after]: [&[f32]; 2], value: &[f32], read: &[f32]) {
        let (width, Numbers { decay, rate, .. }) = (value.len(), numbers);
        vectorised(
            #[inline(always)]
            || {
                self.difference.copy_from_slice(value);
                for (before, key) in before.chunks_exact(width).zip(&memory.key) {
                    for (difference, before) in self.difference.iter_mut().zip(before) {
                        *difference -= decay * before * key;
                    }
                }
                for (change, difference) in self.change.iter_mut().zip(&self.difference) {
                    *change = rate * difference;
                }
                for (of_query, after) in self.query.iter_mut().zip(after.chunks_exact(width)) {
                    *of_query = dot(after, read);
                }
                self.of_change.fill(0.0);
                let rows = self.state.chunks_exact_mut(width);
                for (own, (query, key)) in rows.zip(memory.query.iter().zip(&memory.key)) {
                    for ((own, read), of_change) in own.iter_mut().zip(read).zip(&mut self.of_change) {
                        *own += query * read;
                        *of_change += *own * key;
                    }
                }
                self.rate = dot(&self.of_change, &self.difference);
                for (of_value, of_change) in self.value.iter_mut().zip(&self.of_change) {
                    *of_value = rate * of_change;
                }
                self.decay = 0.0;
                let rows = self.state.chunks_exact_mut(width).zip(before.chunks_exact(width));
                for ((own, before), (key, of_key)) in rows.zip(memory.key.iter().zip(&mut self.key)) {
                    // What the key found was taken off the value.
                    *of_key = dot(own, &self.change) - decay * dot(before, &self.value);
                    for (own, of_value) in own.iter_mut().zip(&self.value) {
                        *own -= key * of_value;
                    }
                    self.decay += dot(own, before);
                    own.iter_mut().for_each(|own| *own *= decay);
                }
            },
        );
    }
}

/// The gradient of a vector, by that of the vector divided by its length and multiplied by `scale`, which is `scaled`.
fn undo_unit(target: &mut [f32], gradient: &[f32], scaled: &[f32], length: f32, scale: f32) {
    let along = dot(gradient, scaled) / scale;
    for ((target, gradient), scaled) in target.iter_mut().zip(gradient).zip(scaled) {
        *target = (scale * gradient - scaled * along) / length;
    }
}

/// The sum of products, in partial sums that are then added in their order.
#[inline(always)]
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for (left, right) in left.chunks(LANES).zip(right.chunks(LANES)) {
        for ((lane, left), right) in lanes.iter_mut().zip(left).zip(right) {
            *lane += left * right;
        }
    }
    lanes.into_iter().fold(0.0, |sum, lane| sum + lane)
}
