//! One step of a training: a batch forward, backward, and the change of the parameters.
//!
//! Only the product that gives the pre-activations is dense. Everything else goes through the codes that are not zero: a row is
//! reconstructed from them, and the gradient of a concept is a sum over the rows that have it, in their order, made and used by
//! one thread. So no gradient of a whole matrix is ever stored, and the bits do not depend on the number of threads.

// A function is compiled with the vector instructions of its caller only where it is inlined into it.
#![allow(clippy::inline_always)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::batch::{Entries, Index, Part, batch_key};
use super::kernel::ThresholdKernel;
use super::options::SaeKind;
use super::restart::{Lately, restarts};
use super::state::{SCALARS, State};
use super::update::{Group, Update};
use super::vectors::{Adam, add_rows, add_scaled, dot};
use crate::concepts::sae::activation::{Largest, for_each_place};
use crate::error::{Error, Result};
use crate::kernels::product::{F32Matrix, F32PartMut, Factor, Scratch, SingleKernel};
use crate::linalg::{times_transposed, vectorised};
use crate::parallel::at_once;

/// How fast the weight of the penalty follows the number of codes, and how many steps that number is averaged over.
const PENALTY_RATE: f64 = 0.02;
const LATELY: f64 = 0.1;
/// Candidates for the codes of a batch are looked for above this share of the last bound.
const BELOW_LAST_BOUND: f32 = 0.75;

/// What does not change from one step to the next.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) kind: SaeKind,
    pub(super) k: usize,
    pub(super) concepts: usize,
    pub(super) columns: usize,
    pub(super) outputs: usize,
    /// The ends of the concepts that reconstruct rows by themselves; the last is the number of concepts.
    pub(super) groups: Vec<usize>,
    pub(super) batch_rows: usize,
    pub(super) dead_weight: f32,
    /// Whether dead concepts begin anew.
    pub(super) restarts: bool,
    pub(super) dead_after: u64,
    /// The kernel by which a threshold learns from pre-activations beside it, and half its width.
    pub(super) kernel: ThresholdKernel,
    pub(super) half_bandwidth: f32,
    /// Whether the weight of the penalty is adapted.
    pub(super) adapts: bool,
    pub(super) threads: usize,
}

/// What a step measured.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measured {
    /// The squared errors of the batch.
    pub(super) squares: f64,
    /// How many codes are not zero.
    pub(super) codes: usize,
    /// How many concepts are dead.
    pub(super) dead: usize,
}

/// The memory of the steps.
pub(super) struct Trainer {
    settings: Settings,
    /// How many rows a part has; it depends on the sizes alone.
    part_rows: usize,
    parts: Vec<Mutex<Part>>,
    main: Index,
    dead: Index,
    /// The concepts that are dead.
    dead_concepts: Vec<u32>,
    /// What the kind reads of each concept instead of a logarithm.
    powers: Vec<f32>,
    /// The smallest code that the last batch kept.
    bound: f32,
    keys: Vec<u64>,
    /// The products of the atoms with each other, where rows are pursued.
    products: Vec<f32>,
    /// The weights as a kernel reads them, where the processor has one; packed by whoever changed them.
    packed: Option<(SingleKernel, F32Matrix)>,
    is_packed: bool,
}

/// The values that the pre-activations of a part may take, in bytes, where that is less than 128 rows.
const PART_BYTES: usize = 4 << 20;
/// How many atoms are multiplied with all atoms at a time.
const ATOMS_AT_A_TIME: usize = 64;
/// How many times each of the codes that a pursuit found is changed to the best one.
const SWEEPS: usize = 10;

impl Settings {
    /// Whether rows are encoded by matching pursuit, whose weights are the dictionary itself.
    pub(super) fn pursues(&self) -> bool {
        self.kind == SaeKind::MatchingPursuit
    }

    /// Finds the concepts that are dead, where that changes anything.
    pub(super) fn find_dead(&self, silent: &[u64], dead: &mut Vec<u32>) {
        dead.clear();
        if self.dead_weight > 0.0 || self.restarts {
            dead.extend((0..).zip(silent).filter(|(_, silent)| **silent > self.dead_after).map(|(concept, _)| concept));
        }
    }

    /// How many of so many dead concepts a row learns with.
    pub(super) fn dead_codes(&self, dead: usize) -> usize {
        (self.outputs / 2).max(1).min(dead)
    }

    /// Ends a step in which the rows had so many codes: the weight of the penalty follows them.
    pub(super) fn end_step(&self, state: &mut State, codes: usize) {
        let codes = codes as f64 / self.batch_rows as f64;
        state.lately += if state.step == 0 { codes } else { LATELY * (codes - state.lately) };
        if self.adapts {
            let excess = (state.lately / self.k as f64 - 1.0).clamp(-1.0, 1.0);
            state.penalty *= (PENALTY_RATE * excess).exp();
        }
        state.step += 1;
    }
}

impl Trainer {
    pub(super) fn new(settings: Settings) -> Result<Self> {
        let pack = |kernel| Ok::<_, Error>((kernel, F32Matrix::zeros(settings.concepts, settings.columns)?));
        let packed = SingleKernel::find().map(pack).transpose()?;
        let part_rows = (PART_BYTES / 4 / settings.concepts.max(1)).clamp(16, 128);
        let parts = (0..settings.batch_rows.div_ceil(part_rows)).map(|_| Mutex::default()).collect();
        Ok(Self {
            settings,
            part_rows,
            parts,
            main: Index::default(),
            dead: Index::default(),
            dead_concepts: Vec::new(),
            powers: Vec::new(),
            bound: 0.0,
            keys: Vec::new(),
            products: Vec::new(),
            packed,
            is_packed: false,
        })
    }

    /// What the memory of the steps takes, in bytes.
    pub(super) fn bytes(settings: &Settings) -> usize {
        let row = settings
            .concepts
            .saturating_add(settings.columns)
            .saturating_add(settings.outputs * (settings.groups.len() + 1));
        let products = if settings.pursues() { settings.concepts.saturating_mul(settings.concepts) } else { 0 };
        settings.batch_rows.saturating_mul(row).saturating_add(products).saturating_mul(size_of::<f32>())
    }

    /// Changes the state by a batch: `rows` to encode, and `wanted` to reconstruct; `restarts` dead concepts. Called by a thread of
    /// a team, whose others help.
    ///
    /// # Errors
    /// Those of the matrix product.
    pub(super) fn step(
        &mut self,
        state: &mut State,
        rows: &[f32],
        wanted: &[f32],
        rate: f64,
        restarts: bool,
    ) -> Result<Measured> {
        self.prepare(state);
        if self.settings.pursues() {
            self.multiply_atoms(state)?;
        }
        self.encode(state, rows, self.bound * BELOW_LAST_BOUND)?;
        let cuts = if self.is_batched() { Some(self.cut(state, rows)?) } else { None };
        let threads = self.settings.threads;
        at_once(self.parts.len(), threads, |index| {
            let mut part = locked(&self.parts[index]);
            if let Some((firsts, cut)) = &cuts {
                part.main.keep(firsts[index], *cut);
            }
            let wanted = self.rows_of(index, wanted, self.settings.outputs);
            self.backward(state, &mut part, wanted);
            Ok(())
        })?;
        let measured = self.measure();
        self.index();
        self.update(state, Adam::at(state.step, rate))?;
        if restarts && !self.dead_concepts.is_empty() {
            self.restart_dead(state);
        }
        self.settings.end_step(state, measured.codes);
        Ok(measured)
    }

    fn is_batched(&self) -> bool {
        matches!(self.settings.kind, SaeKind::BatchTopK | SaeKind::Matryoshka)
    }

    /// The rows of a part in a matrix of the batch.
    fn rows_of<'a>(&self, index: usize, values: &'a [f32], columns: usize) -> &'a [f32] {
        let first = index * self.part_rows;
        &values[first * columns..(first + self.part_rows).min(self.settings.batch_rows) * columns]
    }

    fn prepare(&mut self, state: &State) {
        if let Some((_, packed)) = self.packed.as_mut().filter(|_| !self.is_packed) {
            packed.parts_mut(self.settings.concepts).for_each(|mut part| part.pack(&state.encoder.values));
            self.is_packed = true;
        }
        self.settings.find_dead(&state.silent, &mut self.dead_concepts);
        self.powers.clear();
        match self.settings.kind {
            SaeKind::JumpRelu => self.powers.extend(state.scalar(1).map(f32::exp)),
            SaeKind::Gated => self.powers.extend(state.scalar(2).map(f32::exp)),
            _ => {}
        }
    }

    /// How many dead concepts a row learns with.
    fn dead_codes(&self) -> usize {
        self.settings.dead_codes(self.dead_concepts.len())
    }

    /// Encodes the batch: the codes of each row, or candidates for them above a bound.
    fn encode(&self, state: &State, rows: &[f32], bound: f32) -> Result<()> {
        let columns = self.settings.columns;
        let concepts = self.settings.concepts;
        at_once(self.parts.len(), self.settings.threads, |index| {
            let part = &mut *locked(&self.parts[index]);
            let rows = self.rows_of(index, rows, columns);
            part.centred.clear();
            part.centred.extend_from_slice(rows);
            for row in part.centred.chunks_exact_mut(columns) {
                row.iter_mut().zip(state.centre()).for_each(|(value, offset)| *value -= offset);
            }
            part.before.resize(rows.len() / columns * concepts, 0.0);
            self.multiply(state, &part.centred, &mut part.before, &mut part.scratch)?;
            part.main.clear();
            part.dead.clear();
            let Part { before, main, dead, largest, largest_dead, some, .. } = part;
            for before in before.chunks_exact_mut(concepts) {
                self.select(state, before, main, largest, bound);
                main.ends.push(main.codes.len());
                if !self.dead_concepts.is_empty() {
                    self.select_dead(before, dead, largest_dead, some);
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// The products of some rows with the weights.
    fn multiply(&self, state: &State, rows: &[f32], out: &mut [f32], scratch: &mut Scratch) -> Result<()> {
        let Some((kernel, packed)) = &self.packed else {
            return times_transposed(out, rows, &state.encoder.values, self.settings.columns);
        };
        let weights = packed.part(0..self.settings.concepts).ok_or_else(|| Error::internal("there are no weights"))?;
        kernel.multiply(out, rows, Factor::F32(weights), false, scratch)
    }

    /// The products of the atoms with each other, by which a pursuit knows what a step leaves of all products.
    fn multiply_atoms(&mut self, state: &State) -> Result<()> {
        let (concepts, columns) = (self.settings.concepts, self.settings.columns);
        let mut products = std::mem::take(&mut self.products);
        products.resize(concepts * concepts, 0.0);
        let some: Vec<_> = products.chunks_mut(ATOMS_AT_A_TIME * concepts).map(Mutex::new).collect();
        at_once(some.len(), self.settings.threads, |index| {
            let out = &mut *locked(&some[index]);
            let atoms = &state.dictionary.values[index * ATOMS_AT_A_TIME * columns..][..out.len() / concepts * columns];
            self.multiply(state, atoms, out, &mut Scratch::default())
        })?;
        drop(some);
        self.products = products;
        Ok(())
    }

    /// Adds the codes of a row, from its products with the weights.
    fn select(&self, state: &State, before: &mut [f32], main: &mut Entries, largest: &mut Largest, bound: f32) {
        if !matches!(self.settings.kind, SaeKind::Gated | SaeKind::MatchingPursuit) {
            before.iter_mut().zip(state.scalar(0)).for_each(|(value, bias)| *value += bias);
        }
        if self.settings.pursues() {
            self.pursue(before, main, largest);
            return;
        }
        let mut push = |concept: u32, code: f32| {
            main.concepts.push(concept);
            main.codes.push(code);
        };
        match self.settings.kind {
            SaeKind::TopK => {
                for &concept in largest.find(before, self.settings.k, false) {
                    let code = before[concept as usize];
                    if code > 0.0 {
                        push(concept, code);
                    }
                }
            }
            SaeKind::BatchTopK | SaeKind::Matryoshka | SaeKind::Vanilla => {
                let bound = if self.settings.kind == SaeKind::Vanilla { 0.0 } else { bound };
                for_each_place(before, |code| code > bound, |concept| push(concept as u32, before[concept]));
            }
            SaeKind::MatchingPursuit => {}
            SaeKind::JumpRelu => {
                let reach = self.settings.kernel.reach() * self.settings.half_bandwidth;
                for ((concept, &value), &threshold) in (0..).zip(&*before).zip(&self.powers) {
                    if value > 0.0 && value > threshold - reach {
                        push(concept, if value > threshold { value } else { 0.0 });
                        main.before.push(value);
                    }
                }
            }
            SaeKind::Gated => {
                let scalars = state.scalars.values.chunks_exact(SCALARS);
                for (((concept, value), scalars), scale) in (0..).zip(before).zip(scalars).zip(&self.powers) {
                    let gate = *value + scalars[0];
                    if gate > 0.0 {
                        push(concept, (*value * scale + scalars[1]).max(0.0));
                        main.before.push(*value);
                    }
                    *value = gate;
                }
            }
        }
    }

    /// Adds the codes of a row by matching pursuit. Those of the concepts that it found are then changed in turn, to the best ones
    /// that are not negative: with them, the error does not change with the codes, and atoms learn from the error alone.
    fn pursue(&self, before: &mut [f32], main: &mut Entries, largest: &mut Largest) {
        let length = before.len();
        let products = |concept: u32| &self.products[concept as usize * length..][..length];
        let first = main.codes.len();
        for _ in 0..self.settings.k {
            let best = largest.find(before, 1, false).first().map(|&best| (best, before[best as usize]));
            let Some((best, code)) = best.filter(|(_, code)| *code > 0.0) else { break };
            if let Some(place) = main.concepts[first..].iter().position(|&concept| concept == best) {
                main.codes[first + place] += code;
            } else {
                main.concepts.push(best);
                main.codes.push(code);
            }
            let products = products(best);
            vectorised(
                #[inline(always)]
                || add_scaled(before, products, -code),
            );
        }
        let (concepts, codes) = (&main.concepts[first..], &mut main.codes[first..]);
        for _ in 0..SWEEPS {
            for (code, &concept) in codes.iter_mut().zip(concepts) {
                let change = before[concept as usize].max(-*code);
                *code += change;
                let products = products(concept);
                concepts.iter().for_each(|&other| before[other as usize] -= change * products[other as usize]);
            }
        }
    }

    /// Adds the codes of the dead concepts whose pre-activations are largest, whatever their signs.
    fn select_dead(&self, before: &[f32], dead: &mut Entries, largest: &mut Largest, some: &mut Vec<f32>) {
        some.clear();
        some.extend(self.dead_concepts.iter().map(|&concept| before[concept as usize]));
        for &place in largest.find(some, self.dead_codes(), false) {
            dead.concepts.push(self.dead_concepts[place as usize]);
            dead.codes.push(some[place as usize]);
        }
        dead.ends.push(dead.codes.len());
    }

    /// Finds the smallest code that the batch keeps: the number of the first candidate of each part, and the key of that code.
    fn cut(&mut self, state: &State, rows: &[f32]) -> Result<(Vec<usize>, u64)> {
        let wanted = self.settings.k.saturating_mul(self.settings.batch_rows);
        let mut candidates = self.candidates();
        if candidates.1 < wanted && self.bound > 0.0 {
            self.encode(state, rows, 0.0)?;
            candidates = self.candidates();
        }
        let (firsts, count) = candidates;
        if u32::try_from(count).is_err() {
            return Err(Error::argument(format!("{count} codes of a batch are too many")).hint("make batches smaller"));
        }
        if count <= wanted {
            self.bound = 0.0;
            return Ok((firsts, 0));
        }
        self.keys.clear();
        for part in &mut self.parts {
            let part = part.get_mut().unwrap_or_else(PoisonError::into_inner);
            let first = self.keys.len();
            self.keys.extend(part.main.codes.iter().enumerate().map(|(index, &code)| batch_key(code, first + index)));
        }
        let (_, cut, _) = self.keys.select_nth_unstable(count - wanted);
        let cut = *cut;
        self.bound = crate::concepts::sae::activation::value_of((cut >> 32) as u32);
        Ok((firsts, cut))
    }

    fn candidates(&mut self) -> (Vec<usize>, usize) {
        let mut count = 0;
        let firsts = self.parts.iter_mut().map(|part| {
            let first = count;
            count += part.get_mut().unwrap_or_else(PoisonError::into_inner).main.codes.len();
            first
        });
        (firsts.collect(), count)
    }

    /// The group of a concept.
    #[inline(always)]
    fn group(&self, concept: u32) -> usize {
        if self.settings.groups.len() == 1 {
            0
        } else {
            self.settings.groups.partition_point(|&end| end <= concept as usize)
        }
    }

    /// Reconstructs the rows of a part, and computes the gradient of each of their codes.
    fn backward(&self, state: &State, part: &mut Part, wanted: &[f32]) {
        let (outputs, groups) = (self.settings.outputs, self.settings.groups.len());
        let scale = 2.0 / self.settings.batch_rows as f32;
        let penalty = state.penalty as f32 / self.settings.batch_rows as f32;
        let (kind, dictionary) = (self.settings.kind, &state.dictionary.values[..]);
        let dead_scale = scale * self.settings.dead_weight * self.dead_codes() as f32 / (outputs / 2).max(1) as f32;
        let has_others = kind == SaeKind::Gated || !self.dead_concepts.is_empty();
        part.errors.resize(wanted.len() * groups, 0.0);
        let others = if has_others { 1 + groups } else { 0 };
        part.other_errors.resize(others * wanted.len(), 0.0);
        part.main.gradients.resize(part.main.codes.len(), 0.0);
        part.dead.gradients.resize(part.dead.codes.len(), 0.0);
        let has_scalars = matches!(kind, SaeKind::JumpRelu | SaeKind::Gated);
        part.main.scalars.resize(if has_scalars { part.main.codes.len() } else { 0 }, [0.0; SCALARS]);
        part.offset.clear();
        part.offset.resize(outputs, 0.0);
        (part.squares, part.codes) = (0.0, 0);
        let atom = |concept: u32| &dictionary[concept as usize * outputs..][..outputs];
        let pursues = self.settings.pursues();
        vectorised(
            #[inline(always)]
            || {
                for (row, wanted) in wanted.chunks_exact(outputs).enumerate() {
                    let errors = &mut part.errors[row * groups * outputs..][..groups * outputs];
                    let range = part.main.row(row);
                    let mut index = range.start;
                    for (group, &end) in self.settings.groups.iter().enumerate() {
                        let (done, rest) = errors.split_at_mut(group * outputs);
                        let error = &mut rest[..outputs];
                        if group == 0 {
                            let offsets = state.offset.values.iter().zip(wanted);
                            error
                                .iter_mut()
                                .zip(offsets)
                                .for_each(|(error, (offset, wanted))| *error = offset - wanted);
                        } else {
                            error.copy_from_slice(&done[(group - 1) * outputs..]);
                        }
                        let first = index;
                        while index < range.end && (part.main.concepts[index] as usize) < end {
                            index += 1;
                        }
                        let (concepts, codes) = (&part.main.concepts[first..index], &part.main.codes[first..index]);
                        add_rows(error, concepts.len(), |place| (atom(concepts[place]), codes[place]));
                    }
                    let whole = &errors[(groups - 1) * outputs..];
                    part.squares += f64::from(dot(whole, whole));

                    if has_others {
                        let others = &mut part.other_errors[row * others * outputs..][..others * outputs];
                        let (by_gates, by_dead) = others.split_at_mut(outputs);
                        if kind == SaeKind::Gated {
                            let offsets = state.offset.values.iter().zip(wanted);
                            by_gates
                                .iter_mut()
                                .zip(offsets)
                                .for_each(|(error, (offset, wanted))| *error = offset - wanted);
                            for index in range.clone() {
                                let concept = part.main.concepts[index];
                                let gate = part.main.before[index] + state.scalars.values[concept as usize * SCALARS];
                                add_scaled(by_gates, atom(concept), gate);
                            }
                        }
                        if !self.dead_concepts.is_empty() {
                            by_dead.copy_from_slice(errors);
                            for index in part.dead.row(row) {
                                let (concept, code) = (part.dead.concepts[index], part.dead.codes[index]);
                                let error = &mut by_dead[self.group(concept) * outputs..][..outputs];
                                add_scaled(error, atom(concept), code);
                            }
                            for index in part.dead.row(row) {
                                let concept = part.dead.concepts[index];
                                let error = &by_dead[self.group(concept) * outputs..][..outputs];
                                let along = if pursues { 0.0 } else { dead_scale * dot(error, atom(concept)) };
                                part.dead.gradients[index] = along;
                            }
                        }
                    }

                    for group in (1..groups).rev() {
                        let (smaller, larger) = errors.split_at_mut(group * outputs);
                        add_scaled(&mut smaller[(group - 1) * outputs..], &larger[..outputs], 1.0);
                    }
                    add_scaled(&mut part.offset, &errors[..outputs], scale);
                    for index in range {
                        let (concept, code) = (part.main.concepts[index], part.main.codes[index]);
                        part.codes += usize::from(code > 0.0);
                        let error = &errors[self.group(concept) * outputs..][..outputs];
                        let along = scale * dot(error, atom(concept));
                        part.main.gradients[index] = match kind {
                            SaeKind::TopK | SaeKind::BatchTopK | SaeKind::Matryoshka => along,
                            // It has no weights: its atoms learn from the error alone.
                            SaeKind::MatchingPursuit => 0.0,
                            SaeKind::Vanilla => along + penalty,
                            SaeKind::JumpRelu => {
                                let threshold = self.powers[concept as usize];
                                let distance = part.main.before[index] - threshold;
                                let half = self.settings.half_bandwidth;
                                let near = threshold * self.settings.kernel.at(distance / half) / half;
                                let gradient = if code > 0.0 { along } else { 0.0 };
                                // Of the logarithm of the threshold.
                                part.main.scalars[index] = [gradient, -near * (threshold * along + penalty), 0.0];
                                gradient
                            }
                            SaeKind::Gated => {
                                let by_gates = &part.other_errors[row * others * outputs..][..outputs];
                                let gate = scale * dot(by_gates, atom(concept)) + penalty;
                                let magnitude = if code > 0.0 { along } else { 0.0 };
                                let scaled = magnitude * self.powers[concept as usize];
                                part.main.scalars[index] = [gate, magnitude, scaled * part.main.before[index]];
                                gate + scaled
                            }
                        };
                    }
                }
            },
        );
    }

    fn measure(&mut self) -> Measured {
        let mut measured = Measured { dead: self.dead_concepts.len(), ..Measured::default() };
        for part in &mut self.parts {
            let part = part.get_mut().unwrap_or_else(PoisonError::into_inner);
            measured.squares += part.squares;
            measured.codes += part.codes;
        }
        measured
    }

    /// Lets dead concepts begin anew where the rows of the batch are explained worst.
    fn restart_dead(&mut self, state: &mut State) {
        let parts: Vec<&Part> =
            self.parts.iter_mut().map(|part| &*part.get_mut().unwrap_or_else(PoisonError::into_inner)).collect();
        let lately = LatelyOnHost { settings: &self.settings, part_rows: self.part_rows, parts: &parts, state };
        let is_transcoder = !state.input_offset.is_empty();
        for restart in restarts(&self.settings, &self.dead_concepts, is_transcoder, &lately) {
            state.encoder.restart(restart.concept, &restart.weights);
            state.dictionary.restart(restart.concept, &restart.atom);
            state.scalars.restart(restart.concept, &restart.scalars);
            state.silent[restart.concept] = 0;
        }
        self.is_packed = false;
    }

    /// Finds which rows have each concept.
    fn index(&mut self) {
        let concepts = self.settings.concepts;
        let parts: Vec<&Part> =
            self.parts.iter_mut().map(|part| &*part.get_mut().unwrap_or_else(PoisonError::into_inner)).collect();
        let entries: Vec<&Entries> = parts.iter().map(|part| &part.main).collect();
        self.main.fill(&entries, concepts, self.part_rows);
        let entries: Vec<&Entries> = parts.iter().map(|part| &part.dead).collect();
        self.dead.fill(&entries, if self.dead_concepts.is_empty() { 0 } else { concepts }, self.part_rows);
    }

    /// Changes the parameters.
    fn update(&mut self, state: &mut State, adam: Adam) -> Result<()> {
        let (columns, outputs) = (self.settings.columns, self.settings.outputs);
        // A number of concepts that depends on their count alone: the sums over all of them are made of those over parts.
        let height = self.settings.concepts.div_ceil(64).next_multiple_of(16);
        let parts: Vec<&Part> =
            self.parts.iter_mut().map(|part| &*part.get_mut().unwrap_or_else(PoisonError::into_inner)).collect();
        let (main, dead) = (&self.main, &self.dead);
        let update = Update {
            settings: &self.settings,
            part_rows: self.part_rows,
            parts: &parts,
            main,
            dead,
            adam,
            dead_codes: self.settings.dead_codes(self.dead_concepts.len()),
        };
        let State { encoder, dictionary, scalars, silent, .. } = &mut *state;
        let weights = encoder.parts(height * columns).zip(dictionary.parts(height * outputs));
        let others = scalars.parts(height * SCALARS).zip(silent.chunks_mut(height));
        let mut packers: Vec<Option<F32PartMut<'_>>> = match &mut self.packed {
            Some((_, packed)) => packed.parts_mut(height).map(Some).collect(),
            None => Vec::new(),
        };
        packers.resize_with(self.settings.concepts.div_ceil(height), || None);
        let some = weights.zip(others).zip(packers).map(|parts| Mutex::new(Some(parts)));
        let some: Vec<_> = some.collect();
        let sums = at_once(some.len(), self.settings.threads, |index| {
            let Some((((encoder, dictionary), (scalars, silent)), packer)) = locked(&some[index]).take() else {
                return Err(Error::internal("the parameters of some concepts were taken twice"));
            };
            let mut group = Group { first: index * height, encoder, dictionary, scalars, silent };
            let sum = update.apply(&mut group);
            if let Some(mut packer) = packer {
                packer.pack(group.encoder.values);
            }
            Ok(sum)
        })?;
        drop(some);
        let mut gradient = vec![0.0_f32; outputs];
        parts.iter().for_each(|part| add_scaled(&mut gradient, &part.offset, 1.0));
        if state.input_offset.is_empty() {
            // The offset is subtracted from the rows as well.
            sums.iter().for_each(|sum| add_scaled(&mut gradient, sum, -1.0));
        }
        state.offset.step(adam, &gradient);
        Ok(())
    }
}

/// The batch and the state of a step, to begin anew from.
struct LatelyOnHost<'a> {
    settings: &'a Settings,
    part_rows: usize,
    parts: &'a [&'a Part],
    state: &'a State,
}

impl Lately for LatelyOnHost<'_> {
    fn lacking(&self, row: usize, group: usize) -> &[f32] {
        let (groups, outputs) = (self.settings.groups.len(), self.settings.outputs);
        let (part, row) = (self.parts[row / self.part_rows], row % self.part_rows);
        &part.errors[(row * groups + group) * outputs..][..outputs]
    }

    fn centred(&self, row: usize) -> &[f32] {
        let (part, row) = (self.parts[row / self.part_rows], row % self.part_rows);
        &part.centred[row * self.settings.columns..][..self.settings.columns]
    }

    fn weight_norm(&self, concept: usize) -> f32 {
        let weights = &self.state.encoder.values[concept * self.settings.columns..][..self.settings.columns];
        dot(weights, weights).sqrt()
    }

    fn scalars(&self, concept: usize) -> [f32; SCALARS] {
        std::array::from_fn(|index| self.state.scalars.values[concept * SCALARS + index])
    }
}

/// Locks what only one thread uses at a time.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
