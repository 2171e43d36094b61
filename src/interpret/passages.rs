//! The passage of a row: its unit and the text around it, as it was written.

use std::ops::Range;

use super::interpretation::InputPassage;
use crate::error::{Error, Result};
use crate::rows::Activations;
use crate::text::{StringTable, UnitSpan, Units};

/// The longest text before, between or after the marks, in bytes; the rest is cut, so that one long text cannot fill a
/// prompt.
const LONGEST_PART: usize = 1000;

/// How many neighbouring units on each side are searched for that text. Nearly every unit has some bytes, so they hold
/// more than is shown.
const MOST_NEIGHBOURS: usize = 2 * LONGEST_PART;

/// The units of activations, with up to `context` units of context on each side, within their text.
pub(crate) struct Passages<'a> {
    units: &'a Units,
    /// Empty for a vocabulary and for a caller's own rows, whose units have no context.
    texts: &'a StringTable,
    /// One past the last row of each text; empty where units have no context.
    text_ends: Vec<usize>,
    context: usize,
}

impl<'a> Passages<'a> {
    /// # Errors
    /// [`crate::ErrorCode::InvalidArgument`] for rows without unit texts.
    pub(crate) fn new(activations: &'a Activations, context: usize) -> Result<Self> {
        let units = activations.units().ok_or_else(|| {
            Error::argument("the rows have no texts that a language model could read")
                .hint("give the text of each row's unit with the rows")
        })?;
        let texts = activations.texts();
        let text = |row: usize| units.span(row).map(|span| span.text_index);
        let rows = if texts.is_empty() { 0 } else { units.len() };
        let text_ends = (1..=rows).filter(|&row| text(row - 1) != text(row)).collect();
        Ok(Self { units, texts, text_ends, context })
    }

    /// The rows of the passage around a row: its neighbours in the same text.
    pub(crate) fn window(&self, row: usize) -> Range<usize> {
        let text = self.text_ends.partition_point(|&end| end <= row);
        let Some(&end) = self.text_ends.get(text) else { return row..row + 1 };
        let first = if text == 0 { 0 } else { self.text_ends[text - 1] };
        first.max(row.saturating_sub(self.context))..end.min(row.saturating_add(self.context).saturating_add(1))
    }

    /// Keeps, of rows sorted by strength, those that show something new. Units without context are kept once for each
    /// distinct text. Otherwise each passage is kept once, around its strongest unit: a word that excites a concept
    /// often makes its neighbours exciting, and showing the same sentence many times would add nothing.
    pub(super) fn keep_different(&self, rows: &mut Vec<usize>) {
        if self.context == 0 || self.texts.is_empty() {
            let mut seen = vec![false; self.units.strings().len()];
            rows.retain(|&row| !std::mem::replace(&mut seen[self.units.string_indices()[row] as usize], true));
        } else {
            let mut shown = vec![false; self.units.len()];
            rows.retain(|&row| {
                let is_new = !shown[row];
                if is_new {
                    shown[self.window(row)].fill(true);
                }
                is_new
            });
        }
    }

    /// The text of a row's unit, as in every other interpretation.
    pub(super) fn name(&self, row: usize) -> String {
        self.units.string(row).to_owned()
    }

    /// The unit of a row without white space around it, unless it is white space alone.
    pub(super) fn unit(&self, row: usize) -> String {
        let written = self.span(row).map(|span| &self.texts.get(span.text_index)[span.begin..span.end]);
        let unit = written.filter(|text| !text.is_empty()).unwrap_or_else(|| self.units.string(row));
        on_one_line(start_of(&unit[without_spaces(unit)]))
    }

    /// The passage around a row, as it was written.
    pub(super) fn plain(&self, row: usize) -> String {
        let [before, unit, after] = self.parts(row);
        before + &unit + &after
    }

    /// The passage around a row with the row's unit between `<<` and `>>`. A unit without context needs no marks, and
    /// one of white space alone is put in quotes.
    pub(super) fn marked(&self, row: usize) -> String {
        let [before, unit, after] = self.parts(row);
        if !before.is_empty() || !after.is_empty() {
            format!("{before}<<{unit}>>{after}")
        } else if unit.trim().is_empty() {
            format!("\"{unit}\"")
        } else {
            unit
        }
    }

    /// The passage around a row, and where its unit is in it.
    pub(super) fn of(&self, row: usize) -> InputPassage {
        let [before, unit, after] = self.parts(row);
        let (begin, end) = (before.len(), before.len() + unit.len());
        InputPassage { text: before + &unit + &after, begin, end }
    }

    /// The text before the unit, the unit, and the text after it. All white space of the text is kept; that at the ends
    /// of the unit goes to the parts around it.
    fn parts(&self, row: usize) -> [String; 3] {
        let window = self.window(row);
        let Some(span) = self.span(row).filter(|span| span.begin < span.end) else {
            return [String::new(), self.unit(row), String::new()];
        };
        let last = window.end.min(row.saturating_add(MOST_NEIGHBOURS));
        let near = window.start.max(row.saturating_sub(MOST_NEIGHBOURS))..last;
        let spans = || near.clone().filter_map(|other| self.span(other));
        let begin = spans().map(|span| span.begin).min().unwrap_or(span.begin);
        let end = spans().map(|span| span.end).max().unwrap_or(span.end);
        let text = self.texts.get(span.text_index);
        let unit = without_spaces(&text[span.begin..span.end]);
        let (unit_begin, unit_end) = (span.begin + unit.start, span.begin + unit.end);
        let before = on_one_line(end_of(text[begin..unit_begin].trim_start()));
        let after = on_one_line(start_of(text[unit_end..end].trim_end()));
        [before, on_one_line(start_of(&text[unit_begin..unit_end])), after]
    }

    fn span(&self, row: usize) -> Option<UnitSpan> {
        if self.texts.is_empty() { None } else { self.units.span(row) }
    }
}

/// The range of a text without the white space at its ends; all of it when there is nothing else.
fn without_spaces(text: &str) -> Range<usize> {
    let end = text.trim_end().len();
    if end == 0 { 0..text.len() } else { text.len() - text.trim_start().len()..end }
}

/// Escapes line breaks and other control characters, since an example is one line.
fn on_one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
    }
    line
}

fn start_of(text: &str) -> String {
    if text.len() <= LONGEST_PART {
        text.to_owned()
    } else {
        format!("{}…", &text[..text.floor_char_boundary(LONGEST_PART)])
    }
}

fn end_of(text: &str) -> String {
    if text.len() <= LONGEST_PART {
        return text.to_owned();
    }
    format!("…{}", &text[text.ceil_char_boundary(text.len() - LONGEST_PART)..])
}
