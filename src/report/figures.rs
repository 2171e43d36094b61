//! Figures apart from a page: SVG files that have their own style, dark and light.

use std::fmt::Write;
use std::iter;
use std::path::Path;

use super::facts::{Facts, listed};
use super::page::{escaped, shade};
use super::passages::POLES;
use super::strings::{count, for_people, shown, start_of};
use super::{Report, ReportOptions, svg};
use crate::concepts::Backend;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::files::write_atomically;
use crate::interpret::{ConceptInputs, for_each_code};
use crate::rows::{RowRuns, Rows};
use crate::text::Units;

/// The style of a figure, in the colours of a page.
const STYLE: &str = include_str!("figure.css");

/// The size of a cell, of the names beside and above the cells, and of what is below them, in pixels.
const CELL: [usize; 2] = [22, 20];
const NAMES: [usize; 2] = [270, 110];
const BELOW: usize = 40;
/// The most units across, and the longest names, in bytes.
const MOST_UNITS: usize = 200;
const LONGEST_UNIT: usize = 18;
const LONGEST_NAME: usize = 38;
/// The deviations of the strongest colour.
const MOST_DEVIATIONS: f32 = 10.0;

impl Report<'_> {
    /// The map of a page as an SVG file: a point for each concept, along the two principal axes of the directions of the dictionary.
    ///
    /// # Errors
    /// Those of [`Report::html`]; [`crate::ErrorCode::InvalidArgument`] where there is no map: without a dictionary, and for directions
    /// that have no two axes.
    pub fn map_svg(&self, control: &Control) -> Result<String> {
        let options = ReportOptions { inputs: 3, passages: 0, neighbours: 0, texts: 0, ..ReportOptions::default() };
        let facts = self.facts(&options, control)?;
        let drawn = svg::map(&facts);
        if drawn.is_empty() {
            return Err(Error::argument("the concepts have no two axes that a map could show")
                .hint("ask for the map of three concepts or more that have a dictionary"));
        }
        Ok(whole_map(&facts))
    }

    /// Writes the map to an SVG file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`Report::map_svg`]; [`crate::ErrorCode::NotFound`] when there is no such folder, [`crate::ErrorCode::Io`] when the
    /// system refuses.
    pub fn save_map_svg(&self, path: &Path, control: &Control) -> Result<()> {
        let map = self.map_svg(control)?;
        write_atomically(path, |writer| writer.write_all(map.as_bytes()))
    }

    /// A heat map of a text as an SVG file: its units across, at most 200, and down the concepts that fire most in it. The colour of a
    /// cell is by how many of the concept's standard deviations the unit's activation lies above (blue) or below (orange) the mean over
    /// the rows of the fit; without distributions it is a share of the strongest activation in the text.
    ///
    /// # Errors
    /// Those of [`Report::html`]; [`crate::ErrorCode::InvalidArgument`] without activations of texts, for a text that has no units, and for
    /// no concepts.
    pub fn heat_map_svg(&self, text: usize, concepts: usize, control: &Control) -> Result<String> {
        self.check()?;
        if concepts == 0 {
            return Err(Error::argument("a heat map of no concepts was asked for").hint("ask for at least one"));
        }
        let (units, rows) = self.units_of(text)?;
        let most = rows.len();
        let rows = rows.start..rows.start + most.min(MOST_UNITS);
        let listed = listed(self.explainer, self.interpretation);
        let found = RowRuns::new(self.activations_of_texts()?, iter::once(rows.clone()));
        let backend = Backend::Cpu { threads: 1 };
        // The strongest are found first: the activations of all concepts need not be kept.
        let mut strongest = vec![0.0_f32; listed.len()];
        for_each_code(self.explainer, &found, &backend, control, |_, codes| {
            for (most, (concept, _)) in strongest.iter_mut().zip(&listed) {
                *most = most.max(self.deviations(*concept, codes.get(*concept)).abs());
            }
        })?;
        let mut order: Vec<usize> = (0..listed.len()).collect();
        order.sort_by(|a, b| strongest[*b].total_cmp(&strongest[*a]).then(a.cmp(b)));
        order.truncate(concepts);
        let mut cells = vec![Vec::with_capacity(rows.len()); order.len()];
        for_each_code(self.explainer, &found, &backend, control, |_, codes| {
            for (cells, &place) in cells.iter_mut().zip(&order) {
                let code = codes.get(listed[place].0);
                cells.push((code, self.deviations(listed[place].0, code)));
            }
        })?;
        let scale = if self.explainer.distributions().is_some() {
            MOST_DEVIATIONS
        } else {
            order.first().map_or(0.0, |place| strongest[*place])
        };
        let names: Vec<String> = order.iter().map(|place| name(listed[*place])).collect();
        let across: Vec<&str> = rows.map(|row| units.string(row)).collect();
        Ok(heat_map(
            text,
            &across,
            most - across.len(),
            &names,
            &cells,
            scale,
            self.explainer.distributions().is_some(),
        ))
    }

    /// By how many deviations a code lies above the mean; the code itself where they are not known.
    fn deviations(&self, concept: usize, code: f32) -> f32 {
        self.explainer.distributions().map_or(code, |known| known.standard_score(concept, code))
    }

    fn activations_of_texts(&self) -> Result<&crate::rows::Activations> {
        self.activations.filter(|activations| !activations.texts().is_empty()).ok_or_else(|| {
            Error::argument("there are no activations of texts, whose units a heat map could show")
                .hint("give activations that were collected from texts")
        })
    }

    /// The units, and the rows of those of a text.
    fn units_of(&self, text: usize) -> Result<(&Units, std::ops::Range<usize>)> {
        let activations = self.activations_of_texts()?;
        let count = activations.texts().len();
        let missing = |what: &str| {
            Error::argument(format!("text {text} {what}"))
                .hint(format!("ask for a text with units, below {}", activations.texts().len()))
        };
        let units = activations.units().ok_or_else(|| missing("has no units"))?;
        if text >= count {
            return Err(missing("is not there"));
        }
        let of = |row: usize| units.span(row).map_or(usize::MAX, |span| span.text_index);
        let mut rows =
            (0..Rows::row_count(activations)).skip_while(|row| of(*row) < text).take_while(|row| of(*row) == text);
        let first = rows.next().ok_or_else(|| missing("has no units"))?;
        Ok((units, first..first + 1 + rows.count()))
    }
}

/// What a concept is called beside a heat map.
fn name((concept, inputs): (usize, Option<&ConceptInputs>)) -> String {
    let Some(inputs) = inputs else { return concept.to_string() };
    let named = POLES.iter().find_map(|pole| {
        let label = inputs.label(*pole).and_then(|label| label.text.clone());
        let words = || {
            inputs.pole(*pole).iter().take(3).map(|input| input.text.trim().to_owned()).collect::<Vec<_>>().join(", ")
        };
        label.or_else(|| Some(words()).filter(|words| !words.is_empty()))
    });
    format!("{concept} {}", named.unwrap_or_default())
}

fn heat_map(
    text: usize,
    units: &[&str],
    left_out: usize,
    names: &[String],
    cells: &[Vec<(f32, f32)>],
    scale: f32,
    in_deviations: bool,
) -> String {
    let [wide, high] = CELL;
    let [left, top] = NAMES;
    let (width, height) = (left + units.len() * wide + 60, top + names.len() * high + BELOW);
    let mut drawn = String::new();
    for (place, unit) in units.iter().enumerate() {
        let x = left + place * wide + wide / 2 + 4;
        let unit = escaped(&shown(&start_of(unit.trim(), LONGEST_UNIT)));
        // Writing to a string does not fail.
        write!(drawn, "<text class=\"unit\" transform=\"translate({x} {}) rotate(-55)\">{unit}</text>", top - 6).ok();
    }
    for (line, (name, cells)) in names.iter().zip(cells).enumerate() {
        let y = top + line * high;
        let name = escaped(&shown(&start_of(name, LONGEST_NAME)));
        write!(drawn, "<text text-anchor=\"end\" x=\"{}\" y=\"{}\">{name}</text>", left - 8, y + high - 6).ok();
        for (place, (code, deviations)) in cells.iter().enumerate() {
            let class = shade(f64::from(if scale > 0.0 { deviations / scale } else { 0.0 }));
            let class = if class.is_empty() { "none" } else { &class };
            let unit = escaped(&shown(&start_of(units[place].trim(), LONGEST_UNIT)));
            let says =
                if in_deviations { format!(", {} SD", for_people(f64::from(*deviations))) } else { String::new() };
            write!(
                drawn,
                "<rect class=\"{class}\" x=\"{}\" y=\"{y}\" width=\"{}\" height=\"{}\"><title>{unit}, {name}: {}{says}</title></rect>",
                left + place * wide,
                wide - 1,
                high - 1,
                for_people(f64::from(*code)),
            )
            .ok();
        }
    }
    let mut says = if in_deviations {
        format!(
            "Standard deviations from the mean over the rows of the fit: blue above, orange below, full from {scale:.0} on."
        )
    } else {
        format!("Activations: blue above zero, orange below, full at {}.", for_people(f64::from(scale)))
    };
    if left_out > 0 {
        write!(says, " {} more units are not shown.", count(left_out as u64)).ok();
    }
    let title = format!("Text {text}: {} units and the {} concepts that fire most on them", units.len(), names.len());
    file([width.max(480), height], &title, &says, &drawn)
}

/// The map with a title for each point, unless there are very many.
fn whole_map(facts: &Facts) -> String {
    const SIZE: f64 = 640.0;
    const MOST_TITLES: usize = 5000;
    let points = || facts.concepts.iter().filter_map(|concept| Some((concept, concept.at?)));
    let most = points().flat_map(|(_, at)| at).fold(0.0_f64, |most, value| most.max(value.abs()));
    let scale = (SIZE / 2.0 - 24.0) / most;
    let total = points().count();
    let radius = if total > 5000 {
        1.7
    } else if total > 500 {
        3.0
    } else {
        4.5
    };
    let mut drawn = format!("<path class=\"axis\" d=\"M0 320H{SIZE}M320 0V{SIZE}\"/>");
    for (concept, [x, y]) in points() {
        let (x, y) = (SIZE / 2.0 + x * scale, SIZE / 2.0 - y * scale);
        write!(drawn, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\">").ok();
        if total <= MOST_TITLES {
            let names = POLES.map(|pole| concept.pole(pole).name());
            let name = names.iter().find(|name| !name.is_empty()).map(String::as_str).unwrap_or_default();
            write!(drawn, "<title>{} {}</title>", concept.concept, escaped(name)).ok();
        }
        drawn.push_str("</circle>");
        if total <= svg::MOST_NAMED {
            write!(drawn, "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>", y - 8.0, concept.concept)
                .ok();
        }
    }
    let [first, second] = facts.axes.unwrap_or_default().map(|share| 100.0 * share);
    let says = format!("Two principal axes of the dictionary: {first:.1} % of the variance across, {second:.1} % up.");
    file([640, 680], &format!("Map of {} concepts", count(total as u64)), &says, &drawn)
}

/// An SVG file of a size, with a title, what it says in a line below, and what is drawn.
fn file([width, height]: [usize; 2], title: &str, says: &str, drawn: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"eidos\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\"><title>{title}</title><desc>{says}</desc><style>{STYLE}</style>\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>{drawn}\
         <text class=\"soft\" x=\"12\" y=\"{}\">{says}</text></svg>\n",
        height - 14
    )
}
