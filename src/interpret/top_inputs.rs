//! The inputs that excite each concept most.
//!
//! Occurrences of the same text count once, with their strongest activation. As in the Python peer, a list ends at
//! the first activation that is exactly zero: what comes after it does not excite the concept.

use super::codes::for_each_code;
use super::interpretation::{ConceptInputs, Input, Interpretation};
use super::names::Names;
use super::passages::Passages;
use super::selection::{checked_concepts, split_point_of};
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
#[allow(clippy::struct_excessive_bools, reason = "options of their own")]
pub struct TopInputs {
    /// How many inputs to list for each concept, at least 1; fewer are listed where there are fewer.
    pub k: usize,
    /// Which concepts, in the order wanted; `None` means all.
    pub concepts: Option<Vec<usize>>,
    /// Also list the inputs with the most negative activations.
    pub negative_pole: bool,
    /// Texts of units that are not listed, in any case and with any white space around them: stop words.
    pub stop_units: Vec<String>,
    /// Whether units of nothing but punctuation are left out.
    pub stop_punctuation: bool,
    /// Whether texts are the same input that differ in their case, or in the white space around them. The strongest one is shown.
    pub fold_case: bool,
    /// How often an input must occur at least to be listed.
    pub least_occurrences: usize,
    /// How many units on each side the passage of an input has, within its text; 0: inputs are listed without a passage.
    pub context: usize,
    /// How many threads encode; 0 means one per core. The result does not depend on it.
    pub threads: usize,
    /// Where the activations are encoded. On a GPU codes differ from those of the CPU by rounding.
    pub device: DeviceChoice,
}

impl Default for TopInputs {
    fn default() -> Self {
        Self {
            k: 5,
            concepts: None,
            negative_pole: false,
            stop_units: Vec::new(),
            stop_punctuation: false,
            fold_case: false,
            least_occurrences: 1,
            context: 0,
            threads: 0,
            device: DeviceChoice::Cpu,
        }
    }
}

impl TopInputs {
    /// Ranks the units of activations that are there already.
    ///
    /// Memory: about 100 bytes for each concept asked for, each of its `k` inputs and each pole, the passages of these, and a few
    /// tiles of rows and codes per thread. On a GPU the weights of the concepts, a tile of rows and two tiles of codes, about 0.3 GB in all.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for k = 0, a concept that does not exist, or options about texts where the rows have none;
    /// [`crate::ErrorCode::Mismatch`] when the
    /// activations have another width than the explainer; [`crate::ErrorCode::InvalidData`] naming the first row with a
    /// concept that is not finite; [`crate::ErrorCode::OutOfMemory`]; [`crate::ErrorCode::Cancelled`]; on a GPU
    /// [`crate::ErrorCode::Unsupported`] for concepts that are not linear, and [`crate::ErrorCode::Device`].
    pub fn interpret(
        &self,
        explainer: &Explainer,
        activations: &Activations,
        control: &Control,
    ) -> Result<Interpretation> {
        let backend = Backend::open(self.device, self.threads, activations, control)?;
        self.interpret_on(explainer, activations, &backend, control)
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
        explainer.check_width(Rows::column_count(activations))?;
        let names = Names::new(activations, self)?;
        let passages = (self.context > 0).then(|| Passages::new(activations, self.context)).transpose()?;
        let entries = concepts.len().saturating_mul(self.k.min(names.count()));
        let poles = 1 + usize::from(self.negative_pole);
        let each = strongest::ENTRY_BYTES + size_of::<Input>() + TEXT_BYTES;
        let _claim = Claim::of(entries.saturating_mul(poles * each), &format!("{entries} top inputs"))?;
        let largest = |sign| Strongest::new(&concepts, explainer.concept_count(), self.k, sign);
        let (mut positive, mut negative) = (largest(1.0), self.negative_pole.then(|| largest(-1.0)));
        for_each_code(explainer, activations, backend, control, |row, codes| {
            let Some(name) = names.index(row) else { return };
            positive.update(name, row, codes);
            if let Some(negative) = &mut negative {
                negative.update(name, row, codes);
            }
        })?;
        let inputs = |strongest: &Strongest, concept| {
            let input = |ranked: Ranked| Input {
                text: names.text(ranked.row),
                activation: strongest.code(ranked.strength),
                row: ranked.row,
                passage: passages.as_ref().map(|passages| passages.of(ranked.row)),
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
        explainer.check_width(model.split_points()[at].width)?;
        Ok(at)
    }

    fn checked_concepts(&self, count: usize) -> Result<Vec<usize>> {
        if self.k == 0 {
            return Err(Error::argument("the top 0 inputs were asked for").hint("ask for k of at least 1"));
        }
        checked_concepts(self.concepts.as_deref(), count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concepts::device_tests::devices;
    use crate::concepts::{Dictionary, Encoder, Ica, IcaOptions, NamedTensor};
    use crate::error::ErrorCode;
    use crate::interpret::Pole;
    use crate::linalg::RandomState;
    use crate::rows::Provenance;

    const COLUMNS: usize = 12;

    fn values() -> Vec<f32> {
        let mut random = RandomState::new(11);
        (0..5000 * COLUMNS).map(|_| random.normal().powi(3) as f32 + 7.0).collect()
    }

    fn activations(values: Vec<f32>) -> Activations {
        let texts: Vec<String> = (0..values.len() / COLUMNS).map(|row| format!("word {}", row * row % 701)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        Activations::from_rows(values, COLUMNS, Some(&texts)).unwrap()
    }

    /// Concepts that are rectified, with a bias and an offset, so that many codes are zero.
    fn rectified() -> Explainer {
        let mut random = RandomState::new(5);
        let mut numbers = |count: usize| (0..count).map(|_| random.normal() as f32).collect::<Vec<_>>();
        let dictionary = Dictionary {
            bias: numbers(20).iter().map(|bias| bias - 30.0).collect(),
            offset: vec![7.0; COLUMNS],
            rectified: true,
            ..Dictionary::new(numbers(20 * COLUMNS), numbers(20 * COLUMNS), COLUMNS)
        };
        dictionary.explainer().unwrap()
    }

    #[test]
    fn a_device_finds_the_inputs_that_the_cpu_finds() {
        let activations = activations(values());
        let control = Control::new();
        let fitted = Explainer::fit::<Ica>(&activations, &IcaOptions::new(6), &control).unwrap();
        let top = TopInputs { k: 30, negative_pole: true, ..TopInputs::default() };
        for device in devices() {
            for explainer in [&fitted, &rectified()] {
                let expected = top.interpret(explainer, &activations, &control).unwrap();
                let backend = Backend::Device(device.clone());
                let found = top.interpret_on(explainer, &activations, &backend, &control).unwrap();
                assert!(!expected.concepts()[0].positive.is_empty());
                for (found, expected) in found.concepts().iter().zip(expected.concepts()) {
                    for pole in [Pole::Positive, Pole::Negative] {
                        let (found, expected) = (found.pole(pole), expected.pole(pole));
                        let names = |inputs: &[Input]| {
                            inputs.iter().map(|input| (input.text.clone(), input.row)).collect::<Vec<_>>()
                        };
                        assert_eq!(names(found), names(expected));
                        let close = |(found, expected): (&Input, &Input)| {
                            (found.activation - expected.activation).abs() <= 1e-5 * (1.0 + expected.activation.abs())
                        };
                        assert!(found.iter().zip(expected).all(close));
                    }
                }
            }
        }
    }

    #[test]
    fn values_that_are_not_finite_are_named_on_a_device() {
        for device in devices() {
            for (place, value, explainer) in
                [(COLUMNS * 4100 + 5, f32::NAN, rectified()), (COLUMNS * 3 + 1, f32::NEG_INFINITY, rectified())]
            {
                let mut values = values();
                values[place] = value;
                let (row, column) = (place / COLUMNS, place % COLUMNS);
                let backend = Backend::Device(device.clone());
                let found =
                    TopInputs::default().interpret_on(&explainer, &activations(values), &backend, &Control::new());
                let error = found.unwrap_err();
                assert_eq!(error.code(), ErrorCode::InvalidData);
                assert_eq!(error.message(), format!("row {row} has the value {value} in column {column}"));
            }
            // Rows that are finite, with codes that are not.
            let mut values = values();
            values[COLUMNS * 9..COLUMNS * 10].fill(3e38);
            let large = Dictionary::new(vec![1.0; COLUMNS], vec![2.0; COLUMNS], COLUMNS).explainer().unwrap();
            let (activations, backend) = (activations(values), Backend::Device(device));
            let error = TopInputs::default().interpret_on(&large, &activations, &backend, &Control::new()).unwrap_err();
            assert!(error.message().starts_with("row 9 gives concept 0"), "{error}");
        }
    }

    #[test]
    fn a_model_that_is_not_linear_says_so_on_a_device() {
        #[derive(Debug)]
        struct Loudest;
        impl Encoder for Loudest {
            fn method(&self) -> &'static str {
                "loudest"
            }
            fn input_width(&self) -> usize {
                COLUMNS
            }
            fn concept_count(&self) -> usize {
                1
            }
            fn encode(&self, rows: &[f32], out: &mut [f32]) -> Result<()> {
                let loudest = |row: &[f32]| row.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                out.iter_mut().zip(rows.chunks(COLUMNS)).for_each(|(code, row)| *code = loudest(row));
                Ok(())
            }
            fn tensors(&self) -> Vec<NamedTensor<'_>> {
                Vec::new()
            }
        }
        let explainer = Explainer::from_model(Loudest, Provenance::default()).unwrap();
        let backend = Backend::Device(candle_core::Device::Cpu);
        let found = TopInputs::default().interpret_on(&explainer, &activations(values()), &backend, &Control::new());
        let error = found.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unsupported);
        assert!(error.message().contains("`loudest`"), "{error}");
    }
}
