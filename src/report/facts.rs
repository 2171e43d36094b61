//! What a report says, as numbers and strings that a page can show: the order, the rounding and the limits are decided here.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::ops::Range;

use serde::Serialize;

use super::geometry::Directions;
use super::passages::{self, POLES, Passage, Piece, pieces};
use super::strings::{rounded, shown, start_of};
use super::{Report, ReportOptions};
use crate::concepts::{Bin, Distributions, Explainer};
use crate::control::Control;
use crate::error::{Error, ErrorCode, Result};
use crate::interpret::{ConceptInputs, Explain, Explanation, Firing, Interpretation, Pole, TopInputs};
use crate::rows::{Activations, Rows};

/// How many bars a histogram has.
const BARS: usize = 40;
/// The longest label and the longest input that is shown whole, in bytes.
const LONGEST_LABEL: usize = 200;
const LONGEST_INPUT: usize = 80;
/// How many units of a text are shown.
const MOST_UNITS: usize = 400;
/// How many concepts are listed for a text.
const STRONGEST_OF_TEXT: usize = 5;
/// From how many standard deviations on a concept counts as firing, as in [`Explain`].
const FIRES: f64 = 2.0;
/// What stands for the levels from -31 to 31 of the units of a passage.
pub(super) const LEVELS: &[u8; 63] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

/// What a page shows of concepts, and what is inside it as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    pub(super) format: &'static str,
    pub(super) version: u32,
    /// The names of the measures that have a number for each concept.
    pub(super) measures: Vec<String>,
    /// Whether concepts have labels, and whether those have scores.
    pub(super) labelled: bool,
    pub(super) scored: bool,
    /// The share of the variance of the directions that the two axes of the map have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) axes: Option<[f64; 2]>,
    /// The passages, each as units, 0 for a space between two, and other text between two in brackets.
    pub(super) windows: Vec<Vec<Piece>>,
    /// The concepts, the strongest first.
    pub(super) concepts: Vec<ConceptFacts>,
    #[serde(skip)]
    pub(super) texts: Vec<TextFacts>,
    /// How many more texts there are than are shown.
    #[serde(skip)]
    pub(super) texts_left_out: usize,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct ConceptFacts {
    pub(super) concept: usize,
    pub(super) positive: PoleFacts,
    #[serde(skip_serializing_if = "PoleFacts::is_empty")]
    pub(super) negative: PoleFacts,
    /// The mean and the standard deviation of the codes over the rows of the fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) moments: Option<[f64; 2]>,
    /// The strongest activation at each pole, in standard deviations from the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak: Option<[f64; 2]>,
    /// The share of the rows of the fit that lie two standard deviations or more above and below the mean, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fires: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) histogram: Option<Histogram>,
    /// The nearest concepts with their cosines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) near: Vec<(usize, f64)>,
    /// Where it lies on the map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) measures: Vec<f64>,
    /// The activation of the strongest colour.
    pub(super) scale: f64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct PoleFacts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    /// The balanced accuracy of the label; then how many of the exciting and of the quiet passages were judged rightly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) judged: Option<[usize; 4]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) inputs: Vec<(String, f64)>,
    /// The window, its strongest unit, the activation of that, and the levels of all units.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) passages: Vec<(usize, usize, f64, String)>,
}

/// How many rows have a code from `low` on, in bars of the same width.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Histogram {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) counts: Vec<u64>,
}

/// A text with what fires in it.
#[derive(Debug)]
pub(super) struct TextFacts {
    pub(super) pieces: Vec<Piece>,
    /// What fires on each unit, strongest first.
    pub(super) firings: Vec<Vec<Firing>>,
    /// The concepts that fire most anywhere in the text, each once.
    pub(super) strongest: Vec<Firing>,
    pub(super) units_left_out: usize,
}

impl PoleFacts {
    fn is_empty(&self) -> bool {
        self.label.is_none() && self.error.is_none() && self.inputs.is_empty() && self.passages.is_empty()
    }

    fn of(concept: &ConceptInputs, pole: Pole, most: usize) -> Self {
        let label = concept.label(pole);
        let score = label.and_then(|label| label.score.as_ref());
        let inputs = concept.pole(pole).iter().take(most);
        Self {
            label: label.and_then(|label| label.text.as_deref()).map(|text| cut(text, LONGEST_LABEL)),
            score: score.map(|score| rounded(score.balanced_accuracy, 3)),
            judged: score.map(|score| [score.exciting_right, score.exciting, score.quiet_right, score.quiet]),
            error: label.and_then(|label| label.error.as_ref()).map(|error| cut(&error.message, LONGEST_LABEL)),
            inputs: inputs.map(|input| (cut(&input.text, LONGEST_INPUT), number(input.activation))).collect(),
            passages: Vec::new(),
        }
    }

    /// What the pole is called: its label, or else the first of its inputs.
    pub(super) fn name(&self) -> String {
        if let Some(label) = &self.label {
            return label.clone();
        }
        let mut name = String::new();
        for (index, (text, _)) in self.inputs.iter().take(3).enumerate() {
            // Writing to a string does not fail.
            write!(name, "{}‘{}’", if index == 0 { "" } else { ", " }, text.trim()).ok();
        }
        name
    }
}

impl ConceptFacts {
    pub(super) fn pole(&self, pole: Pole) -> &PoleFacts {
        match pole {
            Pole::Positive => &self.positive,
            Pole::Negative => &self.negative,
        }
    }

    fn pole_mut(&mut self, pole: Pole) -> &mut PoleFacts {
        match pole {
            Pole::Positive => &mut self.positive,
            Pole::Negative => &mut self.negative,
        }
    }

    /// The better score of its labels.
    fn score(&self) -> f64 {
        POLES.iter().filter_map(|pole| self.pole(*pole).score).fold(-1.0, f64::max)
    }

    /// How far its strongest activation lies out.
    fn strength(&self) -> f64 {
        self.peak.map_or(self.scale, |peak| peak.iter().fold(0.0, |most, value| value.abs().max(most)))
    }
}

impl Report<'_> {
    /// Finds out all that the page says.
    pub(super) fn facts(&self, options: &ReportOptions, control: &Control) -> Result<Facts> {
        self.check()?;
        let own = self.own_inputs(options, control)?;
        let interpretation = self.interpretation.or(own.as_ref());
        let listed = listed(self.explainer, interpretation);
        let concepts: Vec<usize> = listed.iter().map(|(concept, _)| *concept).collect();
        let mut facts = Facts {
            format: "eidos.report",
            version: 1,
            measures: self.measures().map(|(name, _)| shown(name).into_owned()).collect(),
            labelled: false,
            scored: false,
            axes: None,
            windows: Vec::new(),
            concepts: concepts.iter().map(|&concept| self.concept(concept)).collect(),
            texts: Vec::new(),
            texts_left_out: 0,
        };
        for (known, (_, inputs)) in facts.concepts.iter_mut().zip(&listed) {
            for (pole, inputs) in POLES.into_iter().zip([*inputs; 2]).filter_map(|(pole, inputs)| Some((pole, inputs?)))
            {
                *known.pole_mut(pole) = PoleFacts::of(inputs, pole, options.inputs);
            }
        }
        if let Some(activations) = self.activations {
            let wanted = (options.passages, options.context);
            let found = passages::find(self.explainer, activations, &concepts, wanted, options.threads, control)?;
            facts.windows = found.windows.into_iter().map(|window| window.pieces).collect();
            for (known, passages) in facts.concepts.iter_mut().zip(found.passages) {
                known.add_passages(passages);
            }
        }
        facts.concepts.iter_mut().for_each(|known| known.measure(self.explainer.distributions()));
        facts.place(self.explainer, &concepts, options, control)?;
        let poles = || facts.concepts.iter().flat_map(|concept| [&concept.positive, &concept.negative]);
        (facts.labelled, facts.scored) =
            (poles().any(|pole| pole.label.is_some()), poles().any(|pole| pole.score.is_some()));
        facts.concepts.sort_by(|a, b| {
            let by_score = b.score().total_cmp(&a.score());
            by_score.then(b.strength().total_cmp(&a.strength())).then(a.concept.cmp(&b.concept))
        });
        self.add_texts(&mut facts, options, control)?;
        Ok(facts)
    }

    /// Refuses parts that do not go together.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(activations) = self.activations {
            self.explainer.check_width(Rows::column_count(activations))?;
        }
        let Some(interpretation) = self.interpretation else { return Ok(()) };
        let count = self.explainer.concept_count();
        if let Some(concept) = interpretation.concepts().iter().find(|concept| concept.concept >= count) {
            let message = format!("the interpretation has concept {}, and the explainer {count}", concept.concept);
            return Err(Error::new(ErrorCode::Mismatch, message).hint("give the interpretation of this explainer"));
        }
        Ok(())
    }

    /// The inputs of the concepts, where nobody has listed them.
    fn own_inputs(&self, options: &ReportOptions, control: &Control) -> Result<Option<Interpretation>> {
        let Some(activations) = self.activations.filter(|_| self.interpretation.is_none() && options.inputs > 0) else {
            return Ok(None);
        };
        let top =
            TopInputs { k: options.inputs, negative_pole: true, threads: options.threads, ..TopInputs::default() };
        top.interpret(self.explainer, activations, control).map(Some)
    }

    /// The measures of the fit that have a number for each concept.
    fn measures(&self) -> impl Iterator<Item = (&str, &[f64])> {
        let count = self.explainer.concept_count();
        let measures = self.explainer.report().measures.iter().filter(move |measure| measure.values.len() == count);
        measures.map(|measure| (measure.name.as_str(), measure.values.as_slice()))
    }

    fn concept(&self, concept: usize) -> ConceptFacts {
        let measures = self.measures().filter(|_| self.explainer.concept_count() > 1);
        ConceptFacts {
            concept,
            measures: measures.map(|(_, values)| rounded(values[concept], 3)).collect(),
            ..ConceptFacts::default()
        }
    }

    /// The first texts, with what fires in them.
    fn add_texts(&self, facts: &mut Facts, options: &ReportOptions, control: &Control) -> Result<()> {
        let own = match (self.explanation, self.activations, self.explainer.distributions()) {
            (None, Some(activations), Some(_)) if options.texts > 0 => {
                let explain = Explain { k: 3, negative_pole: true, threads: options.threads, ..Explain::default() };
                let rows = rows_of_texts(activations, options.texts);
                Some(explain.explain_first(self.explainer, None, activations, rows, control)?)
            }
            _ => None,
        };
        let Some(explanation) = self.explanation.or(own.as_ref()) else { return Ok(()) };
        facts.texts = texts(explanation, options.texts);
        let all = if self.explanation.is_some() {
            explanation.texts().len()
        } else {
            self.activations.map_or(0, |all| all.texts().len())
        };
        facts.texts_left_out = all.saturating_sub(options.texts);
        Ok(())
    }
}

impl ConceptFacts {
    /// Adds the passages of both poles, in levels of the strongest activation that is shown of the concept.
    fn add_passages(&mut self, passages: [Vec<Passage>; 2]) {
        let codes = passages.iter().flatten().flat_map(|passage| &passage.codes);
        let scale = codes.fold(0.0_f32, |most, code| most.max(code.abs()));
        self.scale = number(scale);
        for (pole, passages) in POLES.into_iter().zip(passages) {
            self.pole_mut(pole).passages = passages
                .into_iter()
                .map(|passage| {
                    let levels = passage.codes.iter().map(|code| char::from(LEVELS[level(*code, scale)])).collect();
                    let peak = passage.codes.get(passage.peak).copied().unwrap_or(0.0);
                    (passage.window, passage.peak, number(peak), levels)
                })
                .collect();
        }
    }

    /// Adds what is known of how its codes are distributed.
    fn measure(&mut self, distributions: Option<&Distributions>) {
        let strongest = POLES.map(|pole| self.pole(pole).inputs.first().map_or(0.0, |(_, activation)| *activation));
        let strongest = [strongest[0].max(0.0), strongest[1].min(0.0)];
        self.scale = strongest.iter().fold(self.scale, |most, value| most.max(value.abs()));
        let Some(known) = distributions else { return };
        let (mean, deviation) = (known.mean(self.concept), known.deviation(self.concept));
        // A mean that is 0 but for rounding is 0.
        let mean_shown = if mean.abs() < 1e-4 * deviation { 0.0 } else { rounded(mean, 4) };
        self.moments = Some([mean_shown, rounded(deviation, 4)]);
        if deviation > 0.0 {
            let score = |code: f64| if code == 0.0 { 0.0 } else { rounded((code - mean) / deviation, 3) };
            self.peak = Some(strongest.map(score));
            let below = |code: f64| f64::from(known.percentile(self.concept, code as f32));
            let (above, under) = (mean + FIRES * deviation, mean - FIRES * deviation);
            self.fires = Some([100.0 - below(above), below(under)].map(|share| rounded(share.max(0.0), 3)));
        }
        self.histogram = Histogram::of_concept(known, self.concept);
    }
}

impl Histogram {
    /// The histogram of a concept.
    pub(super) fn of_concept(known: &Distributions, concept: usize) -> Option<Self> {
        let bin = |bin: Bin| (f64::from(bin.low)..f64::from(bin.high), bin.count);
        Self::of(&known.histogram(concept).map(bin).collect::<Vec<_>>())
    }

    /// Bars of the same width from bins of other widths, whose rows count as spread evenly over them; `None` without rows.
    fn of(bins: &[(Range<f64>, u64)]) -> Option<Self> {
        let (low, high) = (bins.first()?.0.start, bins.last()?.0.end);
        let width = (high - low) / BARS as f64;
        let is_usable = width.is_finite() && width > 0.0;
        if !is_usable {
            return None;
        }
        let mut counts = vec![0; BARS];
        for (bin, count) in bins {
            let place = |code: f64| (((code - low) / width) as usize).min(BARS - 1);
            let mut before = 0.0;
            // What is rounded is how many rows lie below the end of a bar: so the bars have as many rows as the bin.
            for (bar, sum) in counts.iter_mut().enumerate().take(place(bin.end) + 1).skip(place(bin.start)) {
                let end = if bar == place(bin.end) { bin.end } else { low + (bar + 1) as f64 * width };
                let share = ((end - bin.start) / (bin.end - bin.start)).clamp(0.0, 1.0);
                let below = (*count as f64 * share).round();
                *sum += (below - before) as u64;
                before = below;
            }
        }
        Some(Self { low: rounded(low, 3), high: rounded(high, 3), counts })
    }
}

impl Facts {
    /// Adds the nearest concepts and the map.
    fn place(
        &mut self,
        explainer: &Explainer,
        concepts: &[usize],
        options: &ReportOptions,
        control: &Control,
    ) -> Result<()> {
        let Some(directions) = Directions::of(explainer.dictionary(), explainer.input_width(), concepts)? else {
            return Ok(());
        };
        let nearest = directions.nearest(options.neighbours, options.threads, control)?;
        for (known, nearest) in self.concepts.iter_mut().zip(nearest) {
            known.near =
                nearest.into_iter().map(|(place, cosine)| (concepts[place], rounded(f64::from(cosine), 2))).collect();
        }
        if let Some(map) = directions.map(options.threads, control)? {
            self.axes = Some(map.shares.map(|share| rounded(share, 3)));
            for (known, point) in self.concepts.iter_mut().zip(map.points) {
                known.at = Some(point.map(|value| rounded(f64::from(value), 3)));
            }
        }
        Ok(())
    }

    /// Where each concept is in the list.
    pub(super) fn places(&self) -> HashMap<usize, usize> {
        self.concepts.iter().enumerate().map(|(place, known)| (known.concept, place)).collect()
    }
}

/// The concepts of an interpretation, each once, with what it says of them; or all concepts.
pub(super) fn listed<'a>(
    explainer: &Explainer,
    interpretation: Option<&'a Interpretation>,
) -> Vec<(usize, Option<&'a ConceptInputs>)> {
    let Some(interpretation) = interpretation else {
        return (0..explainer.concept_count()).map(|concept| (concept, None)).collect();
    };
    let mut seen = HashSet::new();
    let first = interpretation.concepts().iter().filter(|inputs| seen.insert(inputs.concept));
    first.map(|inputs| (inputs.concept, Some(inputs))).collect()
}

/// How many rows the first texts have.
fn rows_of_texts(activations: &Activations, texts: usize) -> usize {
    let Some(units) = activations.units().filter(|_| !activations.texts().is_empty()) else { return 0 };
    (0..units.len()).take_while(|&row| units.span(row).is_some_and(|span| span.text_index < texts)).count()
}

/// The first texts of an explanation.
fn texts(explanation: &Explanation, most: usize) -> Vec<TextFacts> {
    let mut found = Vec::new();
    let units = explanation.units();
    let text_of = |unit: usize| units.get(unit).and_then(|unit| unit.span).map(|span| span.text_index);
    let mut unit = 0;
    while let Some(index) = text_of(unit).filter(|index| *index < most) {
        let end = (unit..units.len()).find(|&next| text_of(next) != Some(index)).unwrap_or(units.len());
        let shown = unit..end.min(unit + MOST_UNITS);
        let place = |unit: usize| units[unit].span.map(|span| (span.begin..span.end, units[unit].text.as_str()));
        let mut strongest: Vec<Firing> = (unit..end).flat_map(|unit| explanation.firings(unit)).copied().collect();
        strongest.sort_by(|a, b| b.deviations.abs().total_cmp(&a.deviations.abs()));
        let mut listed = Vec::new();
        strongest.retain(|firing| {
            let is_new = !listed.contains(&(firing.concept, firing.pole)) && listed.len() < STRONGEST_OF_TEXT;
            if is_new {
                listed.push((firing.concept, firing.pole));
            }
            is_new
        });
        found.push(TextFacts {
            pieces: pieces(explanation.texts().get(index), shown.clone().filter_map(place)),
            firings: shown.clone().map(|unit| explanation.firings(unit).to_vec()).collect(),
            strongest,
            units_left_out: end - shown.end,
        });
        unit = end;
    }
    found
}

/// The place in [`LEVELS`] of a code.
fn level(code: f32, scale: f32) -> usize {
    let share = if scale > 0.0 { code / scale } else { 0.0 };
    (31.0 + (share * 31.0).round()).clamp(0.0, 62.0) as usize
}

fn cut(text: &str, most: usize) -> String {
    shown(&start_of(text, most)).into_owned()
}

fn number(value: f32) -> f64 {
    rounded(f64::from(value), 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_keeps_every_row() {
        // Bins that are wider than a bar, narrower, and one with less than a row for each bar.
        let bins = [(-8.0..-4.0, 1), (-4.0..-3.9, 70), (0.0..0.001, 1000), (0.001..2.0, 7), (2.0..12.0, 3)];
        let found = Histogram::of(&bins).unwrap();
        assert_eq!((found.low, found.high, found.counts.len()), (-8.0, 12.0, BARS));
        assert_eq!(found.counts.iter().sum::<u64>(), 1081);
        assert_eq!((found.counts[8], found.counts[16]), (70, 1002));
        assert_eq!(found.counts[..8].iter().sum::<u64>(), 1);
        assert_eq!(Histogram::of(&[]), None);
    }

    #[test]
    fn levels_go_from_the_most_negative_to_the_most_positive() {
        let levels = [-2.0, -1.0, 0.0, 0.5, 2.0].map(|code| char::from(LEVELS[level(code, 2.0)]));
        assert_eq!(levels, ['0', 'F', 'V', 'd', '_']);
        assert_eq!(level(3.0, 0.0), 31);
    }
}
