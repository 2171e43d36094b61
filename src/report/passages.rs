//! The passages in which concepts are strongest, with the code of each unit in them.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;

use super::strings::{shown, start_of};
use crate::concepts::{Backend, Explainer};
use crate::control::Control;
use crate::error::Result;
use crate::interpret::{ENTRY_BYTES, Passages, Pole, Strongest, for_each_code};
use crate::memory::Claim;
use crate::rows::{Activations, RowRuns};
use crate::text::Units;

/// How many bytes of text a passage has around its unit, about.
const MOST_BYTES: usize = 220;
/// The longest unit, and the longest text between two units, that is shown whole, in bytes.
const LONGEST_UNIT: usize = 240;
const LONGEST_GAP: usize = 60;
/// How many passages are ranked for each one that is shown: some have the words of another.
const SPARE: usize = 2;

/// A piece of a passage: a unit, a space, or other text between two units.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub(super) enum Piece {
    Unit(String),
    /// One space, which JSON has as 0.
    Space(u8),
    Gap([String; 1]),
}

/// Some units of a text with what stands between them. Several concepts may have passages in the same one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub(super) rows: Range<usize>,
    pub(super) pieces: Vec<Piece>,
}

/// A window as a concept sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Passage {
    pub(super) window: usize,
    /// Which unit of the window is the strongest.
    pub(super) peak: usize,
    /// The codes of the units of the window.
    pub(super) codes: Vec<f32>,
}

/// The passages of concepts at both poles, and the windows that they are in.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) windows: Vec<Window>,
    /// For each concept that was asked for, the passages of its positive and of its negative pole, strongest first.
    pub(super) passages: Vec<[Vec<Passage>; 2]>,
}

/// Finds the `k` texts in which each of some concepts is strongest at each pole, and what is around the unit there: up to `context`
/// units on each side. The rows are read once for that, and those of the passages a second time.
///
/// Memory: about 200 bytes for each concept, pole and passage while they are ranked; then the windows and 4 bytes for each unit of
/// each passage.
///
/// # Errors
/// Those of the explainer, naming the first row with a concept that is not finite; [`crate::ErrorCode::OutOfMemory`];
/// [`crate::ErrorCode::Cancelled`].
pub(super) fn find(
    explainer: &Explainer,
    activations: &Activations,
    concepts: &[usize],
    (k, context): (usize, usize),
    threads: usize,
    control: &Control,
) -> Result<Found> {
    let nothing = || Found { windows: Vec::new(), passages: vec![<[Vec<Passage>; 2]>::default(); concepts.len()] };
    let Some(units) = activations.units().filter(|_| k > 0 && !activations.texts().is_empty()) else {
        return Ok(nothing());
    };
    let around = Passages::new(activations, context)?;
    let backend = Backend::Cpu { threads };
    let ranked = k.saturating_mul(SPARE);
    let entries = concepts.len().saturating_mul(2).saturating_mul(ranked.min(activations.texts().len()));
    let claim = Claim::of(entries.saturating_mul(ENTRY_BYTES), &format!("{entries} passages"))?;
    let mut strongest = [1.0, -1.0].map(|sign| Strongest::new(concepts, explainer.concept_count(), ranked, sign));
    for_each_code(explainer, activations, &backend, control, |row, codes| {
        let text = units.span(row).map_or(row, |span| span.text_index);
        strongest.iter_mut().for_each(|pole| pole.update(text, row, codes));
    })?;
    let mut found = nothing();
    let mut known: HashMap<(usize, usize), usize> = HashMap::new();
    for (place, &concept) in concepts.iter().enumerate() {
        for (pole, strongest) in strongest.iter().enumerate() {
            let passages = &mut found.passages[place][pole];
            for best in strongest.of(concept).filter(|best| best.strength > 0.0) {
                if passages.len() == k {
                    break;
                }
                let rows = narrowed(units, around.window(best.row), best.row);
                let window = *known.entry((rows.start, rows.end)).or_insert_with(|| {
                    let text = units.span(rows.start).map_or("", |span| activations.texts().get(span.text_index));
                    let unit = |row| units.span(row).map(|span| (span.begin..span.end, units.string(row)));
                    let pieces = pieces(text, rows.clone().filter_map(unit));
                    found.windows.push(Window { rows: rows.clone(), pieces });
                    found.windows.len() - 1
                });
                let is_new = |passage: &Passage| found.windows[passage.window].pieces != found.windows[window].pieces;
                if passages.iter().all(is_new) {
                    passages.push(Passage { window, peak: best.row - rows.start, codes: Vec::new() });
                }
            }
        }
    }
    drop((claim, strongest));
    encode(explainer, activations, concepts, &mut found, &backend, control)?;
    Ok(found)
}

/// Fills in the codes of the units of all passages.
fn encode(
    explainer: &Explainer,
    activations: &Activations,
    concepts: &[usize],
    found: &mut Found,
    backend: &Backend,
    control: &Control,
) -> Result<()> {
    let Found { windows, passages } = found;
    let mut wanted: Vec<(Range<usize>, usize, &mut Vec<f32>)> = Vec::new();
    for (poles, &concept) in passages.iter_mut().zip(concepts) {
        for passage in poles.iter_mut().flatten() {
            wanted.push((windows[passage.window].rows.clone(), concept, &mut passage.codes));
        }
    }
    let count = wanted.iter().map(|(rows, ..)| rows.len()).sum::<usize>();
    let _claim = Claim::of(count.saturating_mul(size_of::<f32>()), &format!("the codes of {count} units of passages"))?;
    wanted.sort_by_key(|(rows, ..)| rows.start);
    let some = RowRuns::new(activations, wanted.iter().map(|(rows, ..)| rows.clone()));
    let (mut next, mut open) = (0, Vec::<usize>::new());
    for_each_code(explainer, &some, backend, control, |row, codes| {
        let Some((row, _)) = some.source(row) else { return };
        open.retain(|&index| wanted[index].0.end > row);
        while wanted.get(next).is_some_and(|(rows, ..)| rows.start <= row) {
            open.push(next);
            next += 1;
        }
        for &index in &open {
            let (_, concept, values) = &mut wanted[index];
            values.push(codes.get(*concept));
        }
    })
}

/// The rows of a passage, as many around `peak` as have not too much text.
fn narrowed(units: &Units, window: Range<usize>, peak: usize) -> Range<usize> {
    let place = |row: usize| units.span(row).map_or(0..0, |span| span.begin..span.end);
    let (mut first, mut end) = (peak, peak + 1);
    // One to the left, one to the right, as long as there is one that fits.
    loop {
        let bytes = |first: usize, end: usize| place(end - 1).end.saturating_sub(place(first).start);
        let left = first > window.start && bytes(first - 1, end) <= MOST_BYTES;
        first -= usize::from(left);
        let right = end < window.end && bytes(first, end + 1) <= MOST_BYTES;
        end += usize::from(right);
        if !left && !right {
            return first..end;
        }
    }
}

/// Some units of a text, each with its range and its name, and what is written between them.
pub(super) fn pieces<'a>(text: &str, units: impl IntoIterator<Item = (Range<usize>, &'a str)>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let part = |range: Range<usize>| text.get(range).unwrap_or_default();
    let mut last = None;
    for (range, name) in units {
        let at = last.unwrap_or(range.start);
        if last.is_none() && !part(0..at).trim().is_empty() {
            let follows = part(at..range.end).starts_with(char::is_whitespace);
            pieces.push(Piece::Gap([if follows { "…" } else { "… " }.to_owned()]));
        }
        let begin = range.start.max(at);
        pieces.extend(gap(part(at..begin)));
        let written = part(begin..range.end.max(begin));
        // A token may have no text of its own: a special one, or a later byte of one character.
        let unit = if written.is_empty() { name } else { written };
        pieces.push(Piece::Unit(shown(&start_of(unit, LONGEST_UNIT)).into_owned()));
        last = Some(range.end.max(begin));
    }
    if !part(last.unwrap_or(text.len())..text.len()).trim().is_empty() {
        pieces.push(Piece::Gap([" …".to_owned()]));
    }
    pieces
}

fn gap(text: &str) -> Option<Piece> {
    match text {
        "" => None,
        " " => Some(Piece::Space(0)),
        _ if text.len() <= LONGEST_GAP => Some(Piece::Gap([shown(text).into_owned()])),
        _ => Some(Piece::Gap([" … ".to_owned()])),
    }
}

/// Which pole a place in a pair is.
pub(super) const POLES: [Pole; 2] = [Pole::Positive, Pole::Negative];
