//! The parts of a sparse autoencoder, and the checks that they go together.

use serde_json::json;

use super::activation::SaeActivation;
use super::model::SparseAutoencoder;
use super::normalisation::InputNormalisation;
use crate::concepts::{Explainer, FitReport};
use crate::error::{Error, ErrorCode, Result};
use crate::rows::Provenance;

/// The parts of a sparse autoencoder or transcoder, wherever they come from.
///
/// ```
/// use eidos::{AutoencoderParts, SaeActivation};
/// // Three concepts of rows of two columns, of which a row keeps one.
/// let dictionary = vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8];
/// let activation = SaeActivation::TopK { k: 1, signed: false };
/// let parts = AutoencoderParts::new(dictionary.clone(), dictionary, 2, activation);
/// let explainer = AutoencoderParts { bias: vec![0.0, 0.0, -0.5], ..parts }.explainer()?;
/// let mut codes = [0.0; 3];
/// explainer.encode(&[1.0, 2.0], &mut codes)?;
/// assert_eq!(codes, [0.0, 2.0, 0.0]);
/// # Ok::<(), eidos::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AutoencoderParts {
    /// The weights of each concept, (concepts, columns), row-major; for matching pursuit, empty means the dictionary.
    pub encoder: Vec<f32>,
    /// The bias of each pre-activation; empty means zero.
    pub bias: Vec<f32>,
    /// What one unit of each concept adds to the output, (concepts, output columns), row-major.
    pub dictionary: Vec<f32>,
    /// The offset that is subtracted from a normalised row before it is encoded; empty means zero.
    pub offset: Vec<f32>,
    /// The offset that is added to what is decoded; empty means zero.
    pub output_offset: Vec<f32>,
    /// The weights with which a transcoder adds the row itself to its output, (output columns, columns), row-major; empty
    /// means none.
    pub skip: Vec<f32>,
    /// What of the pre-activations becomes codes.
    pub activation: SaeActivation,
    /// How a row is normalised before anything else.
    pub normalisation: InputNormalisation,
    /// Whether the output is rows of another split point. Then it is not brought back to the scale of the row, and says nothing
    /// about what a concept adds to the rows that are encoded.
    pub transcoder: bool,
    /// How many columns the rows have.
    pub columns: usize,
    /// How many columns the output has; those of the rows, but for a transcoder.
    pub output_columns: usize,
    /// The origin of the rows that the autoencoder is for; its split point is needed to interpret texts.
    pub provenance: Provenance,
}

impl AutoencoderParts {
    /// Makes an autoencoder of its matrices, without biases, offsets or normalisation, for rows of unknown origin.
    pub fn new(encoder: Vec<f32>, dictionary: Vec<f32>, columns: usize, activation: SaeActivation) -> Self {
        Self {
            encoder,
            bias: Vec::new(),
            dictionary,
            offset: Vec::new(),
            output_offset: Vec::new(),
            skip: Vec::new(),
            activation,
            normalisation: InputNormalisation::None,
            transcoder: false,
            columns,
            output_columns: columns,
            provenance: Provenance::default(),
        }
    }

    /// How many concepts there are.
    pub fn concept_count(&self) -> usize {
        self.dictionary.len() / self.output_columns.max(1)
    }

    /// Folds a factor by which all rows were multiplied in training (`expected_average_only_in` of SAELens) into the weights, and
    /// another by which the output was: the autoencoder then reads and gives rows as they are. Codes stay what they were.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for a factor that is not above zero, or rows that are normalised one by one anyway.
    pub fn fold_factors(mut self, input: f32, output: f32) -> Result<Self> {
        for (name, factor) in [("input", input), ("output", output)] {
            if !(factor.is_finite() && factor > 0.0) {
                return Err(Error::argument(format!("the factor of the {name} is {factor}"))
                    .hint("give a number above zero, 1 for none"));
            }
        }
        if self.normalisation != InputNormalisation::None && input.to_bits() != 1.0_f32.to_bits() {
            return Err(Error::argument("rows that are normalised one by one have no factor in common")
                .hint("fold an input factor of 1"));
        }
        if self.encoder.is_empty() {
            self.encoder.clone_from(&self.dictionary);
        }
        let scale = |values: &mut Vec<f32>, factor: f32| values.iter_mut().for_each(|value| *value *= factor);
        let divide = |values: &mut Vec<f32>, factor: f32| values.iter_mut().for_each(|value| *value /= factor);
        scale(&mut self.encoder, input);
        divide(&mut self.offset, input);
        divide(&mut self.dictionary, output);
        divide(&mut self.output_offset, output);
        scale(&mut self.skip, input / output);
        if let SaeActivation::MatchingPursuit { least_residual, .. } = &mut self.activation {
            *least_residual /= input;
        }
        Ok(self)
    }

    /// Scales each concept so that its row of the dictionary has the norm 1: codes are multiplied by the norm that it had, before
    /// the activation selects them (`rescale_acts_by_decoder_norm` of SAELens). With an activation that compares the codes of
    /// different concepts, others may be selected. A row of zeros stays one.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for matching pursuit, whose codes it would change altogether; those of
    /// [`SparseAutoencoder::new`].
    pub fn fold_norms(mut self) -> Result<Self> {
        if matches!(self.activation, SaeActivation::MatchingPursuit { .. }) {
            return Err(Error::new(
                ErrorCode::Unsupported,
                "the norms of a dictionary cannot be folded for matching pursuit",
            )
            .hint("leave the dictionary as it is"));
        }
        self.check()?;
        let (columns, outputs) = (self.columns, self.output_columns);
        for (concept, row) in self.dictionary.chunks_exact_mut(outputs).enumerate() {
            let norm = row.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt() as f32;
            if norm <= 0.0 {
                continue;
            }
            row.iter_mut().for_each(|value| *value /= norm);
            self.encoder[concept * columns..][..columns].iter_mut().for_each(|value| *value *= norm);
            let bias = self.bias.get_mut(concept).into_iter();
            match &mut self.activation {
                SaeActivation::JumpRelu { thresholds, .. } => thresholds[concept] *= norm,
                SaeActivation::Gated { magnitude_bias, .. } => magnitude_bias[concept] *= norm,
                _ => {}
            }
            bias.for_each(|bias| *bias *= norm);
        }
        Ok(self)
    }

    /// Makes an explainer of these parts, without a report of a fit.
    ///
    /// # Errors
    /// Those of [`SparseAutoencoder::new`].
    pub fn explainer(self) -> Result<Explainer> {
        let provenance = self.provenance.clone();
        let options = json!({ "activation": self.activation.name(), "transcoder": self.transcoder });
        Ok(Explainer::new(SparseAutoencoder::new(self)?, options, FitReport::default(), provenance))
    }

    /// Checks every length and value.
    pub(super) fn check(&self) -> Result<()> {
        let (columns, outputs) = (self.columns, self.output_columns);
        if columns == 0 || outputs == 0 || self.dictionary.is_empty() || !self.dictionary.len().is_multiple_of(outputs)
        {
            let values = self.dictionary.len();
            return Err(Error::argument(format!(
                "a dictionary of {values} values cannot have rows of {outputs} columns, for rows of {columns}"
            ))
            .hint("give one row for each concept, of as many columns as the output has"));
        }
        let concepts = self.concept_count();
        self.check_settings(concepts)?;
        let pursues = matches!(self.activation, SaeActivation::MatchingPursuit { .. });
        let mut wanted = vec![
            ("dictionary", &self.dictionary, concepts.checked_mul(outputs), false),
            ("encoder", &self.encoder, concepts.checked_mul(columns), pursues),
            ("bias", &self.bias, Some(concepts), true),
            ("offset", &self.offset, Some(columns), true),
            ("output offset", &self.output_offset, Some(outputs), true),
            ("skip connection", &self.skip, outputs.checked_mul(columns), true),
        ];
        match &self.activation {
            SaeActivation::JumpRelu { thresholds, .. } => {
                wanted.push(("vector of thresholds", thresholds, Some(concepts), false));
            }
            SaeActivation::Gated { magnitude_scale, magnitude_bias } => {
                wanted.push(("scale of magnitudes", magnitude_scale, Some(concepts), false));
                wanted.push(("bias of magnitudes", magnitude_bias, Some(concepts), false));
            }
            _ => {}
        }
        for (name, values, length, may_be_empty) in wanted {
            if Some(values.len()) != length && !(may_be_empty && values.is_empty()) {
                let (found, length) = (values.len(), length.unwrap_or(usize::MAX));
                return Err(Error::argument(format!(
                    "the {name} has {found} values, but {concepts} concepts of {columns} columns, decoded to {outputs}, take \
                     {length}"
                ))
                .hint("give matrices of the same concepts and columns"));
            }
            if let Some(place) = values.iter().position(|value| !value.is_finite()) {
                let message = format!("value {place} of the {name} is {}", values[place]);
                return Err(Error::new(ErrorCode::InvalidData, message)
                    .hint("give finite numbers")
                    .detail("place", place));
            }
        }
        Ok(())
    }

    /// Checks what has no length.
    fn check_settings(&self, concepts: usize) -> Result<()> {
        let (columns, outputs) = (self.columns, self.output_columns);
        let wrong = |message: String, remedy: &str| Err(Error::argument(message).hint(remedy));
        if !self.transcoder && outputs != columns {
            return wrong(
                format!("an autoencoder of rows of {columns} columns cannot give rows of {outputs}"),
                "say that it is a transcoder",
            );
        }
        if !self.transcoder && !self.skip.is_empty() {
            return wrong("an autoencoder cannot have a skip connection".to_owned(), "say that it is a transcoder");
        }
        if self.normalisation == InputNormalisation::LayerNorm && columns == 1 {
            return wrong("a row of one column has no standard deviation".to_owned(), "do not normalise rows");
        }
        match &self.activation {
            SaeActivation::TopK { k, .. } if *k == 0 || *k > concepts => wrong(
                format!("a row cannot keep {k} of {concepts} codes"),
                "give a k from one to the number of concepts",
            ),
            SaeActivation::GroupMax { groups } if *groups == 0 || !concepts.is_multiple_of(*groups) => wrong(
                format!("{concepts} concepts cannot be in {groups} groups of the same size"),
                "give a number of groups that divides the number of concepts",
            ),
            SaeActivation::MatchingPursuit { steps: 0, .. } => {
                wrong("matching pursuit of 0 steps finds nothing".to_owned(), "allow at least one step")
            }
            SaeActivation::MatchingPursuit { least_residual, .. }
                if *least_residual < 0.0 || least_residual.is_nan() =>
            {
                wrong(
                    format!("matching pursuit cannot end at a residual of {least_residual}"),
                    "give a norm, or 0 to make all steps",
                )
            }
            SaeActivation::MatchingPursuit { .. } if self.transcoder => wrong(
                "matching pursuit subtracts what it decodes from the row, which a transcoder cannot".to_owned(),
                "choose another activation",
            ),
            SaeActivation::MatchingPursuit { .. } if !self.bias.is_empty() => {
                wrong("matching pursuit has no bias".to_owned(), "leave the bias empty")
            }
            _ => Ok(()),
        }
    }
}
