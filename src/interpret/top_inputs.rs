//! The inputs that excite each concept most.
//!
//! Occurrences of the same text count once, with their strongest activation. As in the Python peer, a list ends at
//! the first activation that is exactly zero: what comes after it does not excite the concept.

use super::codes::for_each_code;
use super::interpretation::{ConceptInputs, Input, Interpretation};
use super::selection::{check_width, checked_concepts, split_point_of};
use super::strongest::{self, Ranked, Strongest};
use crate::collect::{CollectOptions, InputSource};
use crate::concepts::{Backend, Explainer};
use crate::control::Control;
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::memory::Claim;
use crate::model::SplitModel;
use crate::rows::{Activations, Rows};

/// What the text of an input takes, in bytes: texts of units are mostly short.
const TEXT_BYTES: usize = 64;

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
    /// Where the activations are encoded. On a GPU codes differ from those of the CPU by rounding.
    pub device: DeviceChoice,
}

impl Default for TopInputs {
    fn default() -> Self {
        Self { k: 5, concepts: None, negative_pole: false, threads: 0, device: DeviceChoice::Cpu }
    }
}

impl TopInputs {
    /// Ranks the units of activations that are there already.
    ///
    /// Memory: about 100 bytes for each concept asked for, each of its `k` inputs and each pole, and a few tiles of rows and codes
    /// per thread.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for k = 0 or a concept that does not exist; [`crate::ErrorCode::Mismatch`] when the
    /// activations have another width than the explainer; [`crate::ErrorCode::InvalidData`] naming the first row with a
    /// concept that is not finite; [`crate::ErrorCode::OutOfMemory`]; [`crate::ErrorCode::Cancelled`].
    pub fn interpret(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        control: &Control,
    ) -> Result<Interpretation> {
        self.interpret_on(explainer, activations, &Backend::open(self.device, self.threads, activations)?, control)
    }

    /// Ranks units with their codes computed on a backend.
    fn interpret_on(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        backend: &Backend,
        control: &Control,
    ) -> Result<Interpretation> {
        let concepts = self.checked_concepts(explainer.concept_count())?;
        check_width(explainer, Rows::column_count(activations))?;
        let names = Names(activations);
        let entries = concepts.len().saturating_mul(self.k.min(names.count()));
        let poles = 1 + usize::from(self.negative_pole);
        let each = strongest::ENTRY_BYTES + size_of::<Input>() + TEXT_BYTES;
        let _claim = Claim::of(entries.saturating_mul(poles * each), &format!("{entries} top inputs"))?;
        let largest = |sign| Strongest::new(&concepts, explainer.concept_count(), self.k, sign);
        let (mut positive, mut negative) = (largest(1.0), self.negative_pole.then(|| largest(-1.0)));
        for_each_code(explainer, activations, backend, control, |row, codes| {
            let name = names.index(row);
            positive.update(name, row, codes);
            if let Some(negative) = &mut negative {
                negative.update(name, row, codes);
            }
        })?;
        let inputs = |strongest: &Strongest, concept| {
            let input = |ranked: Ranked| Input {
                text: names.text(ranked.name),
                activation: strongest.code(ranked.strength),
                row: ranked.row,
            };
            strongest.of(concept).map(input).collect()
        };
        let listed = concepts
            .iter()
            .map(|&concept| ConceptInputs {
                concept,
                positive: inputs(&positive, concept),
                negative: negative.as_ref().map(|negative| inputs(negative, concept)).unwrap_or_default(),
                ..ConceptInputs::default()
            })
            .collect();
        Ok(Interpretation::new(activations.provenance().clone(), listed))
    }

    /// Ranks the units of new inputs: collects their activations at the explainer's split point first.
    ///
    /// # Errors
    /// Those of [`SplitModel::activations`] and [`TopInputs::interpret`]; [`crate::ErrorCode::Mismatch`] when the model was
    /// not loaded with the explainer's split point. What the explainer and the model say is looked at before the model
    /// runs.
    pub fn interpret_inputs(
        &self,
        explainer: &Explainer,
        model: &SplitModel,
        inputs: &(impl InputSource + ?Sized),
        options: &CollectOptions,
        control: &Control,
    ) -> Result<Interpretation> {
        let at = self.split_point_of(explainer, model)?;
        let activations = model.activations(inputs, options, control)?;
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
}

/// The different texts of the units: rows without unit texts are all different, and named by their number.
#[derive(Clone, Copy)]
struct Names<'a>(&'a Activations);

impl Names<'_> {
    fn count(self) -> usize {
        self.0.units().map_or(Rows::row_count(self.0), |units| units.strings().len())
    }

    fn index(self, row: usize) -> usize {
        self.0.units().map_or(row, |units| units.string_indices()[row] as usize)
    }

    fn text(self, index: usize) -> String {
        self.0.units().map_or_else(|| format!("row {index}"), |units| units.strings().get(index).to_owned())
    }
}
