//! The inputs that excite each concept most.
//!
//! Occurrences of the same text count once, with their strongest activation. As in the Python peer, a list ends at
//! the first activation that is exactly zero: what comes after it does not excite the concept.

use super::codes::for_each_code;
use super::interpretation::{ConceptInputs, Input, Interpretation};
use super::selection::{check_width, checked_concepts, split_point_of};
use crate::collect::CollectOptions;
use crate::concepts::Explainer;
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::model::SplitModel;
use crate::rows::{Activations, Rows};

/// Asks for the inputs that excite each concept most.
///
/// ```
/// use eidos::TopInputs;
/// let top = TopInputs { k: 10, negative_pole: true, ..TopInputs::default() };
/// assert_eq!(top.concepts, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopInputs {
    /// How many inputs to list for each concept, at least 1; fewer are listed where there are fewer.
    pub k: usize,
    /// Which concepts, in the order wanted; `None` means all.
    pub concepts: Option<Vec<usize>>,
    /// Also list the inputs with the most negative activations.
    pub negative_pole: bool,
    /// How many threads encode; 0 means one per core. The result does not depend on it.
    pub threads: usize,
}

impl Default for TopInputs {
    fn default() -> Self {
        Self { k: 5, concepts: None, negative_pole: false, threads: 0 }
    }
}

impl TopInputs {
    /// Ranks the units of activations that are there already.
    ///
    /// Memory: 8 bytes per concept asked for, per different unit text and per pole, and a few tiles of rows per thread.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for k = 0 or a concept that does not exist; [`ErrorCode::Mismatch`] when the
    /// activations have another width than the explainer; [`ErrorCode::InvalidData`] naming the first row with a
    /// concept that is not finite; [`ErrorCode::OutOfMemory`]; [`ErrorCode::Cancelled`].
    pub fn interpret(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        control: &Control,
    ) -> Result<Interpretation> {
        let concepts = self.checked_concepts(explainer.concept_count())?;
        check_width(explainer, Rows::column_count(activations))?;
        let names = Names::of(activations);
        let row_count = Rows::row_count(activations);
        let mut extremes = Extremes::new(names.count, concepts.len(), row_count, self.negative_pole)?;
        for_each_code(explainer, activations, self.threads, control, |row, code| {
            extremes.update(names.index(row), row, code, &concepts);
        })?;
        let listed = concepts
            .iter()
            .enumerate()
            .map(|(slot, &concept)| ConceptInputs {
                concept,
                positive: self.strongest(extremes.positive(slot), &names),
                negative: self.strongest(extremes.negative(slot), &names),
                ..ConceptInputs::default()
            })
            .collect();
        Ok(Interpretation::new(activations.provenance().clone(), listed))
    }

    /// Ranks the units of new texts: collects their activations at the explainer's split point first.
    ///
    /// # Errors
    /// Those of [`SplitModel::activations`] and [`TopInputs::interpret`]; [`ErrorCode::Mismatch`] when the model was
    /// not loaded with the explainer's split point. What the explainer and the model say is looked at before the model
    /// runs.
    pub fn interpret_texts(
        &self,
        explainer: &Explainer,
        model: &SplitModel,
        texts: &[impl AsRef<str> + Sync],
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Interpretation> {
        let at = self.split_point_of(explainer, model)?;
        let activations = model.activations(texts, options, control)?;
        self.interpret(explainer, &activations[at], control)
    }

    /// Ranks the tokenizer's vocabulary: each entry is run as a sequence of one token.
    ///
    /// # Errors
    /// As [`TopInputs::interpret_texts`].
    pub fn interpret_vocabulary(
        &self,
        explainer: &Explainer,
        model: &SplitModel,
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Interpretation> {
        let at = self.split_point_of(explainer, model)?;
        let activations = model.vocabulary_activations(options, control)?;
        self.interpret(explainer, &activations[at], control)
    }

    /// Which of the model's split points to read, once all is known to fit: running a model takes long.
    fn split_point_of(&self, explainer: &Explainer, model: &SplitModel) -> Result<usize> {
        self.checked_concepts(explainer.concept_count())?;
        let at = split_point_of(explainer, model)?;
        check_width(explainer, model.split_points()[at].width)?;
        Ok(at)
    }

    fn checked_concepts(&self, count: usize) -> Result<Vec<usize>> {
        if self.k == 0 {
            return Err(Error::argument("the top 0 inputs were asked for").hint("ask for k of at least 1"));
        }
        checked_concepts(self.concepts.as_deref(), count)
    }

    /// The k strongest of the different texts, ties by first occurrence, up to the first that is exactly zero.
    fn strongest(&self, extremes: impl Iterator<Item = Extreme>, names: &Names<'_>) -> Vec<Input> {
        let mut ranked: Vec<(usize, Extreme)> =
            extremes.enumerate().filter(|(_, extreme)| extreme.strength > f32::NEG_INFINITY).collect();
        let order = |left: &(usize, Extreme), right: &(usize, Extreme)| {
            right.1.strength.total_cmp(&left.1.strength).then(left.0.cmp(&right.0))
        };
        if ranked.len() > self.k {
            ranked.select_nth_unstable_by(self.k - 1, order);
            ranked.truncate(self.k);
        }
        ranked.sort_unstable_by(order);
        ranked
            .into_iter()
            .take_while(|(_, extreme)| extreme.activation != 0.0)
            .map(|(index, extreme)| Input { text: names.text(index), activation: extreme.activation, row: extreme.row })
            .collect()
    }
}

/// The different texts of the units: rows without unit texts are all different, and named by their number.
struct Names<'a> {
    activations: &'a Activations,
    count: usize,
}

impl<'a> Names<'a> {
    fn of(activations: &'a Activations) -> Self {
        let count = activations.units().map_or(Rows::row_count(activations), |units| units.strings().len());
        Self { activations, count }
    }

    fn index(&self, row: usize) -> usize {
        self.activations.units().map_or(row, |units| units.string_indices()[row] as usize)
    }

    fn text(&self, index: usize) -> String {
        self.activations.units().map_or_else(|| format!("row {index}"), |units| units.strings().get(index).to_owned())
    }
}

/// The strongest activation of a text: `strength` is the activation for the positive pole and its negative for the
/// negative pole, minus infinity where there is none.
#[derive(Debug, Clone, Copy)]
struct Extreme {
    strength: f32,
    activation: f32,
    row: usize,
}

/// For each different text and concept, the strongest activation and its row, for one or both poles.
struct Extremes {
    slots: usize,
    largest: Vec<(f32, u32)>,
    smallest: Vec<(f32, u32)>,
}

impl Extremes {
    fn new(names: usize, slots: usize, rows: usize, both: bool) -> Result<Self> {
        if u32::try_from(rows).is_err() {
            return Err(Error::argument(format!("{rows} rows are too many to rank"))
                .hint("give at most 4,294,967,295 rows at a time"));
        }
        let too_many = || {
            Error::new(
                ErrorCode::OutOfMemory,
                format!("there is no memory to rank {names} different texts by {slots} concepts"),
            )
            .hint("ask for fewer concepts at a time")
        };
        let count = names.checked_mul(slots).ok_or_else(too_many)?;
        let table = |value: f32, wanted: bool| -> Result<Vec<(f32, u32)>> {
            let mut table = Vec::new();
            let count = if wanted { count } else { 0 };
            table.try_reserve_exact(count).map_err(|_| too_many())?;
            table.resize(count, (value, 0));
            Ok(table)
        };
        Ok(Self { slots, largest: table(f32::NEG_INFINITY, true)?, smallest: table(f32::INFINITY, both)? })
    }

    fn update(&mut self, name: usize, row: usize, code: &[f32], concepts: &[usize]) {
        let at = name * self.slots;
        for (best, &concept) in self.largest[at..at + self.slots].iter_mut().zip(concepts) {
            if code[concept] > best.0 {
                *best = (code[concept], row as u32);
            }
        }
        if self.smallest.is_empty() {
            return;
        }
        for (best, &concept) in self.smallest[at..at + self.slots].iter_mut().zip(concepts) {
            if code[concept] < best.0 {
                *best = (code[concept], row as u32);
            }
        }
    }

    fn positive(&self, slot: usize) -> impl Iterator<Item = Extreme> + '_ {
        let column = self.largest.iter().skip(slot).step_by(self.slots);
        column.map(|&(activation, row)| Extreme { strength: activation, activation, row: row as usize })
    }

    /// Only activations below zero belong to the negative pole.
    fn negative(&self, slot: usize) -> impl Iterator<Item = Extreme> + '_ {
        let column = self.smallest.iter().skip(slot).step_by(self.slots);
        column.map(|&(activation, row)| {
            let strength = if activation < 0.0 { -activation } else { f32::NEG_INFINITY };
            Extreme { strength, activation, row: row as usize }
        })
    }
}
