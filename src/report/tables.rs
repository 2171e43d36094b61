//! What was found as files for other programs: tables, and what Neuronpedia imports.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::facts::{Histogram, listed};
use super::passages::{self, Passage, Piece};
use super::{Report, ReportOptions};
use crate::concepts::{Backend, RowCodes};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::files::write_atomically;
use crate::interpret::{Interpretation, Pole, for_each_code};
use crate::rows::{Activations, Provenance};

impl Interpretation {
    /// Writes the interpretation to a CSV file, whole or not at all: a line for each input of each pole, strongest first, with the columns
    /// `concept`, `pole`, `label`, `score`, `rank` (from 1), `input`, `activation` and `row`. A pole that has a label and no inputs has a
    /// line without an input. Lines end as RFC 4180 says; what has commas, quotes or line breaks in it is quoted, and so are all texts.
    ///
    /// # Errors
    /// [`crate::ErrorCode::NotFound`] when there is no such folder, [`crate::ErrorCode::Io`] when the system refuses.
    pub fn save_csv(&self, path: &Path) -> Result<()> {
        write_atomically(path, |file| self.write_csv(file))
    }

    fn write_csv(&self, file: &mut dyn Write) -> io::Result<()> {
        write!(file, "concept,pole,label,score,rank,input,activation,row\r\n")?;
        for concept in self.concepts() {
            for (pole, name) in [(Pole::Positive, "positive"), (Pole::Negative, "negative")] {
                let label = concept.label(pole);
                let text = label.and_then(|label| label.text.as_deref()).map(quoted).unwrap_or_default();
                let score = label.and_then(|label| label.score.as_ref());
                let score = score.map(|score| score.balanced_accuracy.to_string()).unwrap_or_default();
                let begin = format!("{},{name},{text},{score}", concept.concept);
                for (rank, input) in concept.pole(pole).iter().enumerate() {
                    let (unit, activation) = (quoted(&input.text), input.activation);
                    write!(file, "{begin},{},{unit},{activation},{}\r\n", rank + 1, input.row)?;
                }
                if concept.pole(pole).is_empty() && label.is_some() {
                    write!(file, "{begin},,,,\r\n")?;
                }
            }
        }
        Ok(())
    }
}

impl Report<'_> {
    /// Writes the activations of concepts to a CSV file, whole or not at all: a line for each unit and each concept of the report that is
    /// active there, with the columns `row`, `text`, `begin`, `end` (bytes of the text in UTF-8; empty for a caller's own rows), `unit`,
    /// `concept`, `activation` and `deviations` (empty where they are not known). A concept is active where its activation is not zero
    /// and, for `least_deviations` above 0, that many standard deviations from its mean.
    ///
    /// Rows are read in tiles and written at once.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] without activations, and for a threshold that is no number of deviations or that nothing can
    /// be compared with; those of [`Report::html`] and [`Interpretation::save_csv`].
    pub fn save_codes_csv(&self, path: &Path, least_deviations: f32, control: &Control) -> Result<()> {
        self.check()?;
        let activations = self.wanted_activations()?;
        let known = self.explainer.distributions();
        if !least_deviations.is_finite() || least_deviations < 0.0 || (least_deviations > 0.0 && known.is_none()) {
            let message =
                format!("activations from {least_deviations} standard deviations on cannot be told from others");
            return Err(Error::argument(message)
                .hint("give 0 for all that are not zero, or a number such as 2 for an explainer that was fitted or calibrated"));
        }
        let mut is_listed = vec![false; self.explainer.concept_count()];
        listed(self.explainer, self.interpretation).iter().for_each(|(concept, _)| is_listed[*concept] = true);
        let mut failed = Ok(());
        let written = write_atomically(path, |file| {
            write!(file, "row,text,begin,end,unit,concept,activation,deviations\r\n")?;
            let mut outcome = Ok(());
            failed = for_each_code(self.explainer, activations, &Backend::Cpu { threads: 0 }, control, |row, codes| {
                if outcome.is_err() {
                    return;
                }
                let begin = place(activations, row);
                let mut write = |concept: usize, code: f32| {
                    let deviations = known.map(|known| known.standard_score(concept, code));
                    let is_far = deviations.is_none_or(|deviations| deviations.abs() >= least_deviations);
                    if code == 0.0 || !is_listed[concept] || !is_far {
                        return Ok(());
                    }
                    let deviations = deviations.map(|deviations| deviations.to_string()).unwrap_or_default();
                    write!(file, "{begin},{concept},{code},{deviations}\r\n")
                };
                outcome = match codes {
                    RowCodes::Dense(codes) => {
                        codes.iter().enumerate().try_for_each(|(concept, code)| write(concept, *code))
                    }
                    RowCodes::Sparse(concepts, codes) => {
                        concepts.iter().zip(codes).try_for_each(|(concept, code)| write(*concept as usize, *code))
                    }
                };
            });
            // The file is not kept where the codes are not complete.
            outcome.and(if failed.is_ok() { Ok(()) } else { Err(io::Error::other("the codes are not complete")) })
        });
        failed.and(written)
    }

    /// Writes what Neuronpedia imports of concepts to a JSON file, whole or not at all: a batch as SAEDashboard writes it (`batch-0.json`),
    /// with the passages of the positive pole, the histogram and the share of rows with an activation. What an explainer does not know
    /// (logits, correlated neurons) is empty. Passages have [`ReportOptions::context`] units on each side.
    ///
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] without activations; those of [`Report::html`] and [`Report::save_html`].
    pub fn save_neuronpedia(&self, path: &Path, options: &ReportOptions, control: &Control) -> Result<()> {
        self.check()?;
        let activations = self.wanted_activations()?;
        let concepts: Vec<usize> =
            listed(self.explainer, self.interpretation).iter().map(|(concept, _)| *concept).collect();
        let wanted = (options.passages, options.context);
        let found = passages::find(self.explainer, activations, &concepts, wanted, options.threads, control)?;
        let features = concepts.iter().zip(&found.passages).map(|(&concept, [positive, _])| {
            let known = self.explainer.distributions();
            let histogram = known.and_then(|known| Histogram::of_concept(known, concept));
            let middles = histogram.iter().flat_map(|histogram| {
                let step = (histogram.high - histogram.low) / histogram.counts.len() as f64;
                (0..histogram.counts.len()).map(move |bar| histogram.low + (bar as f64 + 0.5) * step)
            });
            Feature {
                index: concept,
                frac_nonzero: self.share_of_active(concept),
                freq_hist_data_bar_values: middles.collect(),
                freq_hist_data_bar_heights: histogram
                    .as_ref()
                    .map(|histogram| histogram.counts.clone())
                    .unwrap_or_default(),
                n_prompts_total: activations.texts().len(),
                activations: positive.iter().map(|passage| sequence(passage, &found.windows)).collect(),
                ..Feature::default()
            }
        });
        let provenance = self.explainer.provenance();
        let batch = Batch {
            model_id: provenance.model.as_deref().map(last_part).unwrap_or_default(),
            layer: layer(provenance),
            sae_set: provenance.split_point.clone().unwrap_or_else(|| self.explainer.method().to_owned()),
            features: features.collect(),
        };
        write_atomically(path, |file| serde_json::to_writer(file, &batch).map_err(io::Error::from))
    }

    fn wanted_activations(&self) -> Result<&Activations> {
        self.activations.ok_or_else(|| {
            Error::argument("there are no activations to write")
                .hint("give the activations of some texts with the explainer")
        })
    }

    /// The share of the rows of the fit whose code is not zero; 0 where that is not known.
    fn share_of_active(&self, concept: usize) -> f64 {
        let Some(known) = self.explainer.distributions() else { return 0.0 };
        // The bin from 0 to the smallest normal number has the zeros.
        let zeros: u64 = known.histogram(concept).filter(|bin| bin.low == 0.0).map(|bin| bin.count).sum();
        1.0 - zeros as f64 / known.row_count().max(1) as f64
    }
}

/// A batch of features as SAEDashboard writes it, with the names that it has there.
#[derive(Serialize)]
struct Batch<'a> {
    model_id: &'a str,
    layer: u64,
    sae_set: String,
    features: Vec<Feature>,
}

#[derive(Default, Serialize)]
struct Feature {
    #[serde(rename = "feature_index")]
    index: usize,
    neuron_alignment_indices: [u8; 0],
    neuron_alignment_values: [u8; 0],
    neuron_alignment_l1: [u8; 0],
    correlated_neurons_indices: [u8; 0],
    correlated_neurons_l1: [u8; 0],
    correlated_neurons_pearson: [u8; 0],
    correlated_features_indices: [u8; 0],
    correlated_features_l1: [u8; 0],
    correlated_features_pearson: [u8; 0],
    neg_str: [u8; 0],
    neg_values: [u8; 0],
    pos_str: [u8; 0],
    pos_values: [u8; 0],
    frac_nonzero: f64,
    freq_hist_data_bar_values: Vec<f64>,
    freq_hist_data_bar_heights: Vec<u64>,
    logits_hist_data_bar_heights: [u8; 0],
    logits_hist_data_bar_values: [u8; 0],
    n_prompts_total: usize,
    n_tokens_in_prompt: usize,
    dataset: &'static str,
    decoder_weights_dist: [u8; 0],
    activations: Vec<Sequence>,
}

#[derive(Serialize)]
struct Sequence {
    /// What stands for the strongest sequences: no interval, and the activation of the strongest unit.
    bin_min: f32,
    bin_max: f32,
    bin_contains: f32,
    tokens: Vec<String>,
    values: Vec<f32>,
}

/// A passage as tokens that make its text again, each with an activation: what stands between two units belongs to the second one.
fn sequence(passage: &Passage, windows: &[passages::Window]) -> Sequence {
    let mut tokens: Vec<String> = Vec::new();
    let mut before = String::new();
    for piece in &windows[passage.window].pieces {
        match piece {
            Piece::Space(_) => before.push(' '),
            Piece::Gap([text]) => before.push_str(text),
            Piece::Unit(text) => {
                before.push_str(text);
                tokens.push(std::mem::take(&mut before));
            }
        }
    }
    if let Some(last) = tokens.last_mut() {
        last.push_str(&before);
    }
    let peak = passage.codes.get(passage.peak).copied().unwrap_or(0.0);
    Sequence { bin_min: -1.0, bin_max: peak, bin_contains: -1.0, tokens, values: passage.codes.clone() }
}

/// `gpt2` of `openai-community/gpt2` and of a folder.
fn last_part(model: &str) -> &str {
    model.trim_end_matches('/').rsplit('/').next().unwrap_or(model)
}

/// The number of the block in the path of the module; 0 where there is none.
fn layer(provenance: &Provenance) -> u64 {
    let path = provenance.split_point.as_deref().unwrap_or_default();
    path.split('.').find_map(|part| part.parse().ok()).unwrap_or(0)
}

/// The first columns of a line: where the unit stands.
fn place(activations: &Activations, row: usize) -> String {
    let unit = activations.unit(row).map(quoted).unwrap_or_default();
    match activations.unit_span(row) {
        Some(span) => format!("{row},{},{},{},{unit}", span.text_index, span.begin, span.end),
        None => format!("{row},,,,{unit}"),
    }
}

/// A text in a CSV file.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
