//! Activations: what of the pre-activations of a row becomes its codes.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::linalg::vectorised;

/// The activation of a sparse autoencoder, which leaves a row few codes.
///
/// A batch-top-k autoencoder keeps, once it is trained, the codes above one threshold: [`SaeActivation::JumpRelu`].
#[derive(Debug, Clone, PartialEq)]
pub enum SaeActivation {
    /// The codes below zero are zero.
    Relu,
    /// A row keeps its largest codes. Of equal ones the first counts.
    TopK {
        /// How many codes a row keeps at most.
        k: usize,
        /// Whether the codes of largest magnitude are kept, with their signs; otherwise the largest, and those below zero
        /// are zero.
        signed: bool,
    },
    /// The codes below a threshold, and below zero, are zero.
    JumpRelu {
        /// The threshold of each concept.
        thresholds: Vec<f32>,
        /// Whether a code that equals its threshold is zero as well.
        strict: bool,
    },
    /// A gate decides which codes are not zero, and the same weights with another scale and bias say how large they are. The
    /// bias of the autoencoder is that of the gate.
    Gated {
        /// The scale of each magnitude (`exp(r_mag)`).
        magnitude_scale: Vec<f32>,
        /// The bias of each magnitude.
        magnitude_bias: Vec<f32>,
    },
    /// The concepts are in groups of consecutive ones, and each group keeps its largest code, where it is above zero.
    GroupMax {
        /// How many groups there are.
        groups: usize,
    },
    /// The concept that explains most of a row takes its part of it, then that which explains most of the rest, and so on. A
    /// concept may come again. There is no bias.
    MatchingPursuit {
        /// How many steps there are at most.
        steps: usize,
        /// A row is finished when the norm of its rest is below this; 0 means never.
        least_residual: f32,
        /// Whether a row is finished after a step that added no concept to those it has.
        stops_on_repeat: bool,
    },
}

impl SaeActivation {
    /// The name of the activation in options and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::TopK { .. } => "top_k",
            Self::JumpRelu { .. } => "jump_relu",
            Self::Gated { .. } => "gated",
            Self::GroupMax { .. } => "group_max",
            Self::MatchingPursuit { .. } => "matching_pursuit",
        }
    }

    /// Turns the pre-activations of a row, `weights row`, into its codes. A NaN stays one: it is reported later as an error, and
    /// must not become a zero. Matching pursuit, which has no pre-activations, is not here.
    pub(super) fn apply(&self, codes: &mut [f32], bias: &[f32], largest: &mut Largest) {
        if !bias.is_empty() && !matches!(self, Self::Gated { .. }) {
            codes.iter_mut().zip(bias).for_each(|(code, bias)| *code += bias);
        }
        match self {
            Self::Relu => rectify(codes),
            Self::TopK { k, signed } => {
                keep(codes, largest.find(codes, *k, *signed));
                if !signed {
                    rectify(codes);
                }
            }
            Self::JumpRelu { thresholds, strict } => {
                // One choice after the other, so that the loop is vectorised. What is not a number is not below.
                vectorised(
                    #[inline(always)]
                    || {
                        let codes = codes.iter_mut().zip(thresholds);
                        if *strict {
                            codes.for_each(|(code, &least)| {
                                let positive = rectified(*code);
                                *code = if positive <= least { 0.0 } else { positive };
                            });
                        } else {
                            codes.for_each(|(code, &least)| {
                                let positive = rectified(*code);
                                *code = if positive < least { 0.0 } else { positive };
                            });
                        }
                    },
                );
            }
            Self::Gated { magnitude_scale, magnitude_bias } => {
                let magnitudes = magnitude_scale.iter().zip(magnitude_bias);
                for (index, (code, (scale, magnitude_bias))) in codes.iter_mut().zip(magnitudes).enumerate() {
                    let gate = *code + bias.get(index).unwrap_or(&0.0);
                    *code = if gate <= 0.0 { 0.0 } else { rectified(*code * scale + magnitude_bias) };
                }
            }
            Self::GroupMax { groups } => {
                for group in codes.chunks_mut((codes.len() / groups.max(&1)).max(1)) {
                    keep(group, largest.find(group, 1, false));
                }
                rectify(codes);
            }
            Self::MatchingPursuit { .. } => {}
        }
    }
}

/// The code without what is below zero; NaN stays NaN.
#[inline(always)]
fn rectified(code: f32) -> f32 {
    if code < 0.0 { 0.0 } else { code }
}

fn rectify(codes: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || codes.iter_mut().for_each(|code| *code = rectified(*code)),
    );
}

/// Sets all codes to zero but those at `places`, which ascend.
fn keep(codes: &mut [f32], places: &[u32]) {
    let mut from = 0;
    for &place in places {
        codes[from..place as usize].fill(0.0);
        from = place as usize + 1;
    }
    codes[from..].fill(0.0);
}

/// Calls `each` with the places of the values that are wanted, ascending. They are few: most values are only looked at.
#[inline(always)]
pub(super) fn for_each_place(values: &[f32], is_wanted: impl Fn(f32) -> bool, mut each: impl FnMut(usize)) {
    vectorised(
        #[inline(always)]
        || {
            let (chunks, rest) = values.as_chunks::<CHUNK>();
            for (chunk, some) in chunks.iter().enumerate() {
                // A bit for each of them: without a branch the loop is vectorised.
                let mut bits = 0_u32;
                for (index, &value) in some.iter().enumerate() {
                    bits |= u32::from(is_wanted(value)) << index;
                }
                while bits != 0 {
                    each(chunk * CHUNK + bits.trailing_zeros() as usize);
                    bits &= bits - 1;
                }
            }
            for (index, &value) in rest.iter().enumerate() {
                if is_wanted(value) {
                    each(chunks.len() * CHUNK + index);
                }
            }
        },
    );
}

/// What finds the largest of many values; it is kept from one row to the next for its memory.
#[derive(Debug, Default)]
pub(super) struct Largest {
    keys: BinaryHeap<Reverse<u64>>,
    places: Vec<u32>,
    candidates: Vec<u64>,
    /// The smallest value that was found last, by size.
    last: f32,
}

/// Of so many values on, they are looked for above a share of the smallest one that was found last: rows are alike.
const FROM_COUNT: usize = 4;
const BELOW_LAST: f32 = 0.75;

/// How many values are looked at together: most of the time none of them is among the largest.
const CHUNK: usize = 16;

impl Largest {
    /// The places of the `count` largest values, or of those of largest magnitude, ascending. Of equal values the first counts. A
    /// NaN is larger than any number.
    pub(super) fn find(&mut self, values: &[f32], count: usize, by_magnitude: bool) -> &[u32] {
        self.places.clear();
        if count >= values.len() {
            self.places.extend(0..values.len() as u32);
            return &self.places;
        }
        if count == 0 {
            return &self.places;
        }
        // A later value of the same size has a smaller key.
        let key = |place: usize, value: f32| u64::from(ascending(value)) << 32 | u64::from(!(place as u32));
        let size = |value: f32| if by_magnitude { value.abs() } else { value };
        let bound = BELOW_LAST * self.last;
        if count >= FROM_COUNT && bound > 0.0 && bound.is_finite() {
            let candidates = &mut self.candidates;
            candidates.clear();
            // Also what is no number.
            let is_above = |value: f32| size(value) > bound || value.is_nan();
            for_each_place(values, is_above, |place| candidates.push(key(place, size(values[place]))));
            if let Some(others) = candidates.len().checked_sub(count) {
                let (_, least, _) = candidates.select_nth_unstable(others);
                self.last = value_of((*least >> 32) as u32);
                self.places.extend(candidates[others..].iter().map(|key| !(*key as u32)));
                self.places.sort_unstable();
                return &self.places;
            }
        }
        self.keys.clear();
        let keys = &mut self.keys;
        for (place, &value) in values[..count].iter().enumerate() {
            keys.push(Reverse(key(place, size(value))));
        }
        let mut bound = values[..count].iter().fold(f32::INFINITY, |least, &value| least.min(size(value)));
        vectorised(
            #[inline(always)]
            || {
                for (chunk, some) in values[count..].chunks(CHUNK).enumerate() {
                    // Without an early exit the loop is vectorised. Only a NaN is above the bound by not being below it.
                    let above = |above: u32, value: f32| above | u32::from(value > bound) | u32::from(value.is_nan());
                    let any = if by_magnitude {
                        some.iter().fold(0, |any, value| above(any, value.abs()))
                    } else {
                        some.iter().fold(0, |any, value| above(any, *value))
                    };
                    if any == 0 {
                        continue;
                    }
                    for (index, &value) in some.iter().enumerate() {
                        let key = key(count + chunk * CHUNK + index, size(value));
                        if let Some(mut least) = keys.peek_mut()
                            && key > least.0
                        {
                            *least = Reverse(key);
                        }
                    }
                    if let Some(Reverse(least)) = keys.peek() {
                        bound = value_of((least >> 32) as u32);
                    }
                }
            },
        );
        self.last = bound;
        self.places.extend(self.keys.drain().map(|Reverse(key)| !(key as u32)));
        self.places.sort_unstable();
        &self.places
    }
}

/// Bits that ascend with the value; minus zero is zero, and a NaN comes last.
pub(super) fn ascending(value: f32) -> u32 {
    if value.is_nan() {
        return u32::MAX;
    }
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// The value of [`ascending`]; infinity for a NaN, so that only another NaN could be larger.
pub(super) fn value_of(ascending: u32) -> f32 {
    if ascending == u32::MAX {
        return f32::INFINITY;
    }
    f32::from_bits(if ascending >> 31 == 1 { ascending & !(1 << 31) } else { !ascending })
}
