//! Which concepts fire on the units of new texts.
//!
//! A concept fires on a unit whose code lies far from the mean of the concept's codes over the rows of the fit: that many of the
//! concept's own standard deviations. So concepts of different scales are compared, and rare ones of sparse codes count as what
//! they are.

use std::{fmt, iter};

use serde::Serialize;

use super::codes::for_each_code;
use super::interpretation::{ConceptInputs, Interpretation, Pole};
use super::selection::split_point_of;
use crate::collect::{CollectOptions, InputSource};
use crate::concepts::{Backend, Distributions, Explainer, RowCodes};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::model::SplitModel;
use crate::rows::{Activations, Provenance, RowRuns, Rows};
use crate::text::{StringTable, UnitSpan};

const FORMAT: &str = "eidos.explanation";
const VERSION: u32 = 1;
/// How many of its inputs name a concept that has no label.
const NAMING_INPUTS: usize = 3;

/// Asks which concepts fire on the units of texts.
///
/// ```
/// use eidos::Explain;
/// let explain = Explain { k: 3, ..Explain::default() };
/// assert_eq!(explain.least_deviations, 2.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// How many concepts to list for each unit, at least 1; fewer are listed where fewer fire.
    pub k: usize,
    /// How many standard deviations a code must lie away from the mean of its concept.
    pub least_deviations: f32,
    /// Whether concepts also fire at their negative pole: with codes that far below the mean.
    pub negative_pole: bool,
    /// How many threads run the model and encode; 0 means one per core. The result does not depend on it.
    pub threads: usize,
}

impl Default for Explain {
    fn default() -> Self {
        Self { k: 5, least_deviations: 2.0, negative_pole: false, threads: 0 }
    }
}

/// A concept that fires on a unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Firing {
    /// The index of the concept in its explainer.
    pub concept: usize,
    /// The end of the concept's axis at which it fires.
    pub pole: Pole,
    /// The code of the unit.
    pub activation: f32,
    /// How many of the concept's standard deviations the code lies above the mean of the fit's rows; negative below it.
    pub deviations: f32,
    /// The share of the fit's rows with a smaller code, in percent.
    pub percentile: f32,
}

/// What a pole of a concept is called.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ConceptName {
    /// The label by a language model; `None` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The first of the inputs that excite it, three at most.
    pub inputs: Vec<String>,
}

impl ConceptName {
    fn of(concept: &ConceptInputs, pole: Pole) -> Option<Self> {
        let label = concept.label(pole).and_then(|label| label.text.clone());
        let inputs: Vec<String> =
            concept.pole(pole).iter().take(NAMING_INPUTS).map(|input| input.text.clone()).collect();
        (label.is_some() || !inputs.is_empty()).then_some(Self { label, inputs })
    }
}

/// Formats the label, or else the inputs: `' film', ' movie'`.
impl fmt::Display for ConceptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = &self.label {
            return f.write_str(label);
        }
        for (index, input) in self.inputs.iter().enumerate() {
            write!(f, "{}'{input}'", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Which concepts fire on each unit of some texts, strongest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    provenance: Provenance,
    texts: StringTable,
    units: Vec<ExplainedUnit>,
    /// One past the last firing of each unit.
    ends: Vec<usize>,
    firings: Vec<Firing>,
    /// The concepts that fire, ascending, with the names of their positive and their negative pole.
    names: Vec<(usize, [Option<ConceptName>; 2])>,
}

/// A unit of an explanation.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedUnit {
    /// The text of the unit (`" film"`); `row 3` for a caller's rows without texts.
    pub text: String,
    /// Where the unit stands; `None` for a caller's rows.
    pub span: Option<UnitSpan>,
}

impl Explain {
    /// Explains the units of activations that are there already. Concepts are named by `interpretation`, where there is one.
    ///
    /// Memory: 32 bytes for each concept that is listed for a unit, and the texts of the units; a few tiles of rows and codes per
    /// thread.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for k = 0, a threshold that is no number of deviations, or an explainer without
    /// [`Explainer::distributions`]; [`ErrorCode::Mismatch`] when the activations have another width than the explainer, or the
    /// interpretation is of other concepts; [`ErrorCode::InvalidData`] naming the first row with a concept that is not finite;
    /// [`ErrorCode::Cancelled`].
    pub fn explain(
        &self,
        explainer: &Explainer,
        interpretation: Option<&Interpretation>,
        activations: &Activations,
        control: &Control,
    ) -> Result<Explanation> {
        self.explain_first(explainer, interpretation, activations, Rows::row_count(activations), control)
    }

    /// Explains the first rows of activations alone, with their texts.
    ///
    /// # Errors
    /// Those of [`Explain::explain`].
    pub(crate) fn explain_first(
        &self,
        explainer: &Explainer,
        interpretation: Option<&Interpretation>,
        activations: &Activations,
        rows: usize,
        control: &Control,
    ) -> Result<Explanation> {
        let distributions = self.checked(explainer, interpretation)?;
        explainer.check_width(Rows::column_count(activations))?;
        let rows = rows.min(Rows::row_count(activations));
        let first = RowRuns::new(activations, iter::once(0..rows));
        let (mut ends, mut firings, mut found) = (Vec::new(), Vec::new(), Vec::new());
        let backend = Backend::Cpu { threads: self.threads };
        for_each_code(explainer, &first, &backend, control, |_, codes| {
            self.strongest(distributions, codes, &mut found);
            firings.append(&mut found);
            ends.push(firings.len());
        })?;
        let unit = |row: usize| ExplainedUnit {
            text: activations.unit(row).map_or_else(|| format!("row {row}"), str::to_owned),
            span: activations.unit_span(row).filter(|_| !activations.texts().is_empty()),
        };
        let units: Vec<ExplainedUnit> = (0..rows).map(unit).collect();
        let names = names(&firings, interpretation);
        let provenance = explainer.provenance().clone();
        let texts = if rows == Rows::row_count(activations) {
            activations.texts().clone()
        } else {
            let count = units.iter().filter_map(|unit| unit.span).map(|span| span.text_index + 1).max().unwrap_or(0);
            activations.texts().iter().take(count).collect()
        };
        Ok(Explanation { provenance, texts, units, ends, firings, names })
    }

    /// Explains new inputs: collects their activations at the explainer's split point first, with the units of the fit.
    ///
    /// # Errors
    /// Those of [`SplitModel::activations`] and [`Explain::explain`]; [`ErrorCode::Mismatch`] when the model was not loaded with
    /// the explainer's split point. What is wrong with the rest is said before the model runs.
    pub fn explain_inputs(
        &self,
        explainer: &Explainer,
        interpretation: Option<&Interpretation>,
        model: &SplitModel,
        inputs: &(impl InputSource + ?Sized),
        control: &Control,
    ) -> Result<Explanation> {
        self.checked(explainer, interpretation)?;
        let at = split_point_of(explainer, model)?;
        explainer.check_width(model.split_points()[at].width)?;
        let options = CollectOptions { threads: self.threads, ..CollectOptions::like(explainer.provenance()) };
        let activations = model.activations(inputs, &options, control)?;
        self.explain(explainer, interpretation, &activations[at], control)
    }

    /// The distributions that codes are compared with, where everything goes together.
    fn checked<'a>(
        &self,
        explainer: &'a Explainer,
        interpretation: Option<&Interpretation>,
    ) -> Result<&'a Distributions> {
        if self.k == 0 {
            return Err(Error::argument("the top 0 concepts were asked for").hint("ask for k of at least 1"));
        }
        if !self.least_deviations.is_finite() || self.least_deviations < 0.0 {
            let message = format!("a concept cannot fire from {} standard deviations on", self.least_deviations);
            return Err(Error::argument(message).hint("give a number that is not negative, such as 2"));
        }
        if let Some(interpretation) = interpretation {
            let count = explainer.concept_count();
            let beyond = interpretation.concepts().iter().find(|concept| concept.concept >= count);
            let (of, wanted) = (&interpretation.provenance().split_point, &explainer.provenance().split_point);
            let mismatch = |message: String| {
                Err(Error::new(ErrorCode::Mismatch, message).hint("give the interpretation of this explainer"))
            };
            if let Some(concept) = beyond {
                let message = format!("the interpretation has concept {}, and the explainer {count}", concept.concept);
                return mismatch(message);
            }
            if let (Some(of), Some(wanted)) = (of, wanted)
                && of != wanted
            {
                return mismatch(format!("the interpretation is of `{of}`, and the explainer of `{wanted}`"));
            }
        }
        explainer.distributions().ok_or_else(|| {
            Error::argument(
                "the explainer does not know how its codes are distributed, so nothing is far from their mean",
            )
            .hint("calibrate it on the activations of some hundred texts, or fit the concepts again")
        })
    }

    /// The concepts that fire with the codes of a row, strongest first; of equal ones the first concept.
    fn strongest(&self, distributions: &Distributions, codes: RowCodes<'_>, found: &mut Vec<Firing>) {
        let mut add = |concept: usize, activation: f32| {
            let deviations = distributions.standard_score(concept, activation);
            let pole = if deviations < 0.0 { Pole::Negative } else { Pole::Positive };
            let fires = pole == Pole::Positive || self.negative_pole;
            // A code of zero excites nothing, and neither does what is the same for all rows.
            if fires && activation != 0.0 && deviations != 0.0 && deviations.abs() >= self.least_deviations {
                found.push(Firing { concept, pole, activation, deviations, percentile: 0.0 });
            }
        };
        match codes {
            RowCodes::Dense(codes) => codes.iter().enumerate().for_each(|(concept, code)| add(concept, *code)),
            RowCodes::Sparse(concepts, codes) => {
                concepts.iter().zip(codes).for_each(|(concept, code)| add(*concept as usize, *code));
            }
        }
        found.sort_by(|a, b| b.deviations.abs().total_cmp(&a.deviations.abs()));
        found.truncate(self.k);
        for firing in found {
            firing.percentile = distributions.percentile(firing.concept, firing.activation);
        }
    }
}

/// The names of the concepts that fire.
fn names(firings: &[Firing], interpretation: Option<&Interpretation>) -> Vec<(usize, [Option<ConceptName>; 2])> {
    let mut firing: Vec<usize> = firings.iter().map(|firing| firing.concept).collect();
    firing.sort_unstable();
    firing.dedup();
    let name = |concept: usize| {
        let listed = interpretation?.concepts().iter().find(|listed| listed.concept == concept)?;
        Some([Pole::Positive, Pole::Negative].map(|pole| ConceptName::of(listed, pole)))
    };
    firing.into_iter().map(|concept| (concept, name(concept).unwrap_or_default())).collect()
}

impl Explanation {
    /// The units, in the order of the texts.
    pub fn units(&self) -> &[ExplainedUnit] {
        &self.units
    }

    /// The texts; none for a caller's rows.
    pub fn texts(&self) -> &StringTable {
        &self.texts
    }

    /// The concepts that fire on a unit, strongest first; none for an index beyond the last.
    pub fn firings(&self, unit: usize) -> &[Firing] {
        let Some(&end) = self.ends.get(unit) else { return &[] };
        &self.firings[unit.checked_sub(1).map_or(0, |before| self.ends[before])..end]
    }

    /// The concepts that fire on some unit, ascending.
    pub fn concepts(&self) -> impl Iterator<Item = usize> {
        self.names.iter().map(|(concept, _)| *concept)
    }

    /// What a pole of a concept is called; `None` for a concept that fires nowhere, or that no interpretation names.
    pub fn name(&self, concept: usize, pole: Pole) -> Option<&ConceptName> {
        let place = self.names.binary_search_by_key(&concept, |(concept, _)| *concept).ok()?;
        self.names[place].1[pole as usize].as_ref()
    }

    /// The model, module and units that the explainer is of.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The explanation as JSON: `{"format", "version", "model", ..., "concepts": [{"concept", "positive": {"label", "inputs"},
    /// "negative"}], "texts": [...], "units": [{"text", "text_index", "begin", "end", "firings": [{"concept", "pole",
    /// "activation", "deviations", "percentile"}]}]}`. `begin` and `end` are bytes of the text in UTF-8.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] only.
    pub fn to_json(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Named<'a> {
            concept: usize,
            #[serde(skip_serializing_if = "Option::is_none")]
            positive: Option<&'a ConceptName>,
            #[serde(skip_serializing_if = "Option::is_none")]
            negative: Option<&'a ConceptName>,
        }
        #[derive(Serialize)]
        struct Unit<'a> {
            text: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            text_index: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            begin: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            end: Option<usize>,
            firings: &'a [Firing],
        }
        #[derive(Serialize)]
        struct Whole<'a> {
            format: &'a str,
            version: u32,
            #[serde(flatten)]
            provenance: &'a Provenance,
            concepts: Vec<Named<'a>>,
            texts: Vec<&'a str>,
            units: Vec<Unit<'a>>,
        }
        let whole = Whole {
            format: FORMAT,
            version: VERSION,
            provenance: &self.provenance,
            concepts: self
                .names
                .iter()
                .map(|(concept, [positive, negative])| Named {
                    concept: *concept,
                    positive: positive.as_ref(),
                    negative: negative.as_ref(),
                })
                .collect(),
            texts: (0..self.texts.len()).map(|index| self.texts.get(index)).collect(),
            units: self
                .units
                .iter()
                .enumerate()
                .map(|(index, unit)| Unit {
                    text: &unit.text,
                    text_index: unit.span.map(|span| span.text_index),
                    begin: unit.span.map(|span| span.begin),
                    end: unit.span.map(|span| span.end),
                    firings: self.firings(index),
                })
                .collect(),
        };
        serde_json::to_string(&whole).map_err(|error| Error::internal(format!("cannot write JSON: {error}")))
    }
}

/// Formats each unit with what fires on it: `' film': 3 ' movie', ' film' (4.1 sd), 17 (2.2 sd)`.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, unit) in self.units.iter().enumerate() {
            write!(f, "'{}':", unit.text)?;
            for (rank, firing) in self.firings(index).iter().enumerate() {
                write!(f, "{} {}", if rank == 0 { "" } else { ";" }, firing.concept)?;
                if let Some(name) = self.name(firing.concept, firing.pole) {
                    write!(f, " {name}")?;
                }
                write!(f, " ({:.1} sd)", firing.deviations)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
